from asyncio_sync.queues import *
