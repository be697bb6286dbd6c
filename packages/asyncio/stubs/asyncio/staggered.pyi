from asyncio_core.awaiting.staggered import *
