from asyncio_core.loops.base_events import *
