"""This asyncio for type checkers: with `__implementation__`, and all names on every Python.

They read typeshed instead unless this folder comes first: `python -m asyncio stubs` prints what to give them.
"""

import sys
from asyncio import base_events as base_events
from asyncio import base_futures as base_futures
from asyncio import base_subprocess as base_subprocess
from asyncio import base_tasks as base_tasks
from asyncio import constants as constants
from asyncio import coroutines as coroutines
from asyncio import events as events
from asyncio import exceptions as exceptions
from asyncio import format_helpers as format_helpers
from asyncio import futures as futures
from asyncio import graph as graph
from asyncio import locks as locks
from asyncio import log as log
from asyncio import mixins as mixins
from asyncio import proactor_events as proactor_events
from asyncio import protocols as protocols
from asyncio import queues as queues
from asyncio import runners as runners
from asyncio import selector_events as selector_events
from asyncio import sslproto as sslproto
from asyncio import staggered as staggered
from asyncio import streams as streams
from asyncio import subprocess as subprocess
from asyncio import taskgroups as taskgroups
from asyncio import tasks as tasks
from asyncio import threads as threads
from asyncio import timeouts as timeouts
from asyncio import tools as tools
from asyncio import transports as transports
from asyncio import trsock as trsock
from asyncio.base_events import *
from asyncio.coroutines import *
from asyncio.coroutines import coroutine as coroutine
from asyncio.events import *
from asyncio.events import AbstractEventLoopPolicy as AbstractEventLoopPolicy
from asyncio.exceptions import *
from asyncio.futures import *
from asyncio.graph import *
from asyncio.locks import *
from asyncio.protocols import *
from asyncio.queues import *
from asyncio.runners import *
from asyncio.streams import *
from asyncio.subprocess import *
from asyncio.taskgroups import *
from asyncio.tasks import *
from asyncio.threads import *
from asyncio.timeouts import *
from asyncio.transports import *

# What a star does not bring.
from asyncio_core import _enter_task as _enter_task
from asyncio_core import _get_running_loop as _get_running_loop
from asyncio_core import _leave_task as _leave_task
from asyncio_core import _register_task as _register_task
from asyncio_core import _set_running_loop as _set_running_loop
from asyncio_core import _unregister_task as _unregister_task

if sys.platform == "win32":
    from asyncio import windows_events as windows_events
    from asyncio import windows_utils as windows_utils
    from asyncio.windows_events import *
else:
    from asyncio import unix_events as unix_events
    from asyncio.unix_events import *

if sys.version_info >= (3, 14):
    # Deprecated, and there.
    if sys.platform == "win32":
        from asyncio.windows_events import (
            _DefaultEventLoopPolicy,
            _WindowsProactorEventLoopPolicy,
            _WindowsSelectorEventLoopPolicy,
        )

        WindowsProactorEventLoopPolicy = _WindowsProactorEventLoopPolicy
        WindowsSelectorEventLoopPolicy = _WindowsSelectorEventLoopPolicy
    else:
        from asyncio.unix_events import _DefaultEventLoopPolicy

    DefaultEventLoopPolicy = _DefaultEventLoopPolicy
else:
    from asyncio.events import get_child_watcher as get_child_watcher
    from asyncio.events import set_child_watcher as set_child_watcher

__version__: str
__implementation__: str
