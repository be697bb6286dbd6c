from asyncio_core.exceptions import *
