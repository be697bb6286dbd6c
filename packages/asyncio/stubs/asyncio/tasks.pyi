from asyncio_core.awaiting.tasks import *
from asyncio_core.awaiting.tasks import _enter_task as _enter_task
from asyncio_core.awaiting.tasks import _leave_task as _leave_task
from asyncio_core.awaiting.tasks import _register_task as _register_task
from asyncio_core.awaiting.tasks import _unregister_task as _unregister_task
