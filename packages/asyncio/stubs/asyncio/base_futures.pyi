from asyncio_core.awaiting.base_futures import _CANCELLED as _CANCELLED
from asyncio_core.awaiting.base_futures import _FINISHED as _FINISHED
from asyncio_core.awaiting.base_futures import _PENDING as _PENDING
from asyncio_core.awaiting.base_futures import _format_callbacks as _format_callbacks
from asyncio_core.awaiting.base_futures import _future_repr_info as _future_repr_info
from asyncio_core.awaiting.base_futures import isfuture as isfuture
