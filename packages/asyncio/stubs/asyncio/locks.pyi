from asyncio_sync.locks import *
from asyncio_sync.locks import _BarrierState as _BarrierState
from asyncio_sync.locks import _ContextManagerMixin as _ContextManagerMixin
