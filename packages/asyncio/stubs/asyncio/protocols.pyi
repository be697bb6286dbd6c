from asyncio_core.interfaces.protocols import *
