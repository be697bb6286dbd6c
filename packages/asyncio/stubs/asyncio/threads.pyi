from asyncio_core.awaiting.threads import *
