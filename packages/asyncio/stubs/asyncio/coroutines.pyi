from asyncio_core.awaiting.coroutines import *
from asyncio_core.awaiting.coroutines import coroutine as coroutine
