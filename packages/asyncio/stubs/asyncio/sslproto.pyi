from asyncio_core.tls.protocol import AppProtocolState as AppProtocolState
from asyncio_core.tls.protocol import SSLAgainErrors as SSLAgainErrors
from asyncio_core.tls.protocol import SSLProtocol as SSLProtocol
from asyncio_core.tls.protocol import _create_transport_context as _create_transport_context
from asyncio_core.tls.protocol import add_flowcontrol_defaults as add_flowcontrol_defaults
from asyncio_core.tls.state import SSLProtocolState as SSLProtocolState
from asyncio_core.tls.transport import _SSLProtocolTransport as _SSLProtocolTransport
