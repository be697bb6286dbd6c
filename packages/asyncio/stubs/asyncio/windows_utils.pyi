import sys

if sys.platform == "win32":
    from asyncio_subprocess.windows_utils import *
    from asyncio_subprocess.windows_utils import STDOUT as STDOUT
