"""Numbers that several parts of the loop agree on."""

from __future__ import annotations

import enum

# Writes to a connection that is gone before a warning is logged.
LOG_THRESHOLD_FOR_CONNLOST_WRITES = 5

# Seconds an accept loop rests after the system ran out of descriptors or memory.
ACCEPT_RETRY_DELAY = 1

# Stack entries remembered, in debug mode, for where a future or a handle was made.
DEBUG_STACK_DEPTH = 10

# Seconds; nginx waits as long for a handshake.
SSL_HANDSHAKE_TIMEOUT = 60.0

# Seconds; the time nginx lingers for a peer's close_notify.
SSL_SHUTDOWN_TIMEOUT = 30.0

# Bytes of a peer that goes on sending after close() of a TLS connection that are thrown away before
# nothing more is received and the connection ends with an error.
SSL_SHUTDOWN_MOST_DISCARDED = 1024 * 1024

# Bytes read at once where a file is sent without the system's help.
SENDFILE_FALLBACK_READBUFFER_SIZE = 256 * 1024

# KiB buffered on either side of TLS before the other side is paused.
FLOW_CONTROL_HIGH_WATER_SSL_READ = 256
FLOW_CONTROL_HIGH_WATER_SSL_WRITE = 512

# Seconds that the default executor's threads get to end when a Runner closes.
THREAD_JOIN_TIMEOUT = 300


class _SendfileMode(enum.Enum):
    """What a transport can do with a file: nothing, the system's sendfile, or a copy loop."""

    UNSUPPORTED = enum.auto()
    TRY_NATIVE = enum.auto()
    FALLBACK = enum.auto()
