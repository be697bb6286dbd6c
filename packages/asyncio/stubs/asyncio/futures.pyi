from asyncio_core.awaiting.futures import *
