from asyncio_core.awaiting.graph import *
