# cython: language_level=3, binding=False, boundscheck=False, wraparound=False, auto_pickle=False
# cython: embedsignature=True, embedsignature.format=clinic, freethreading_compatible=False
"""What asyncio_selectors does for each event and for each message, compiled.

The classes are those of Python, with all that is rare. Their attributes that each message asks for are slots; what is
here finds them where the class has them, and takes the place of single methods. The files in `native`:

    python        what is taken from CPython, from asyncio_core and from the system
    sockets       which sockets can be used without asking them
    polling       the wait of a loop over epoll
    registering   readers and writers, with epoll
    socket_calls  receiving and sending for programs that keep their sockets themselves
    accepting     a connection of a listening socket
    waking        what wakes a loop
    holding       what stream transports put off sending
    connections   the beginning and the end of a stream transport
    streams       reading and writing of stream transports
    pipes         reading and writing of pipes
    datagrams     receiving and sending of datagram transports
"""

include "native/python.pxi"
include "native/sockets.pxi"
include "native/polling.pxi"
include "native/registering.pxi"
include "native/socket_calls.pxi"
include "native/accepting.pxi"
include "native/waking.pxi"
include "native/holding.pxi"
include "native/connections.pxi"
include "native/streams.pxi"
include "native/pipes.pxi"
include "native/datagrams.pxi"
