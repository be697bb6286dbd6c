from asyncio_sync.mixins import _global_lock as _global_lock
from asyncio_sync.mixins import _LoopBoundMixin as _LoopBoundMixin
