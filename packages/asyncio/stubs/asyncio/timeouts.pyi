from asyncio_core.awaiting.timeouts import *
