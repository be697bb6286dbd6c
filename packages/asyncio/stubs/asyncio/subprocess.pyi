from asyncio_subprocess.subprocess import *
from asyncio_subprocess.subprocess import DEVNULL as DEVNULL
from asyncio_subprocess.subprocess import PIPE as PIPE
from asyncio_subprocess.subprocess import STDOUT as STDOUT
from asyncio_subprocess.subprocess import Process as Process
from asyncio_subprocess.subprocess import SubprocessStreamProtocol as SubprocessStreamProtocol
