from asyncio_core.awaiting.taskgroups import *
