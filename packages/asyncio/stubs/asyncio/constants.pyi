from asyncio_core.constants import ACCEPT_RETRY_DELAY as ACCEPT_RETRY_DELAY
from asyncio_core.constants import DEBUG_STACK_DEPTH as DEBUG_STACK_DEPTH
from asyncio_core.constants import (
    FLOW_CONTROL_HIGH_WATER_SSL_READ as FLOW_CONTROL_HIGH_WATER_SSL_READ,
)
from asyncio_core.constants import (
    FLOW_CONTROL_HIGH_WATER_SSL_WRITE as FLOW_CONTROL_HIGH_WATER_SSL_WRITE,
)
from asyncio_core.constants import (
    LOG_THRESHOLD_FOR_CONNLOST_WRITES as LOG_THRESHOLD_FOR_CONNLOST_WRITES,
)
from asyncio_core.constants import (
    SENDFILE_FALLBACK_READBUFFER_SIZE as SENDFILE_FALLBACK_READBUFFER_SIZE,
)
from asyncio_core.constants import SSL_HANDSHAKE_TIMEOUT as SSL_HANDSHAKE_TIMEOUT
from asyncio_core.constants import SSL_SHUTDOWN_TIMEOUT as SSL_SHUTDOWN_TIMEOUT
from asyncio_core.constants import THREAD_JOIN_TIMEOUT as THREAD_JOIN_TIMEOUT
from asyncio_core.constants import _SendfileMode as _SendfileMode
