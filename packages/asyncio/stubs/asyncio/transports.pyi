from asyncio_core.interfaces.transports import *
from asyncio_core.interfaces.transports import _FlowControlMixin as _FlowControlMixin
