from asyncio_core.choosing.policies import AbstractEventLoopPolicy as AbstractEventLoopPolicy
from asyncio_core.choosing.policies import BaseDefaultEventLoopPolicy as BaseDefaultEventLoopPolicy
from asyncio_core.scheduling.events import *
from asyncio_core.scheduling.events import _get_event_loop_policy as _get_event_loop_policy
from asyncio_core.scheduling.events import _get_running_loop as _get_running_loop
from asyncio_core.scheduling.events import _set_event_loop_policy as _set_event_loop_policy
from asyncio_core.scheduling.events import _set_running_loop as _set_running_loop

# The names since Python 3.14, where policies are on their way out.
_AbstractEventLoopPolicy = AbstractEventLoopPolicy
_BaseDefaultEventLoopPolicy = BaseDefaultEventLoopPolicy
