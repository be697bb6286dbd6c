from asyncio_core.loops.runners import *
