from asyncio_streams.streams import *
from asyncio_streams.streams import FlowControlMixin as FlowControlMixin
