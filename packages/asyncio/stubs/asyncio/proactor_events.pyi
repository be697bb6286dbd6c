import sys

if sys.platform == "win32":
    from asyncio_iocp.proactor_events import *
