# Accepting a connection in one call of the system's. The pure form is in asyncio_selectors.sockets.

cdef extern from "native/accepting.h":
    enum:
        ACCEPTS_QUICKLY
        NONBLOCKING
    int accept_quickly(int) noexcept
    PyObject* address_of_accepted() noexcept
    bint has_known_addresses(long) noexcept
    int close(int) noexcept

# What the system's own class of sockets says of one, as numbers: Python's makes an enumeration's member of them.
cdef object family_of = socket.SocketType.family.__get__
cdef object type_of = socket.SocketType.type.__get__
cdef object protocol_of = socket.SocketType.proto.__get__
cdef object begin_socket = socket.SocketType.__init__
cdef bint has_known_parts = socket.socket.__slots__ == ["__weakref__", "_io_refs", "_closed"]

cdef object socket_over(object fd, object family, object kind, object protocol):
    """Make a socket object for a descriptor, which the object owns from then on."""
    kind = kind | NONBLOCKING
    if not has_known_parts:
        return socket.socket(family, kind, protocol, fd)
    # Its own __init__() turns the numbers into members of enumerations, and back.
    made = (<object>socket_type).__new__(<object>socket_type)
    begin_socket(made, family, kind, protocol, fd)
    made._io_refs = 0
    made._closed = False
    return made


def accept(listener, /):
    """Accept a connection; return its socket, which does not block, and the peer's address, or None where there is none."""
    cdef PyObject* told
    cdef int fd
    if not ACCEPTS_QUICKLY or not is_plain(<PyObject*>listener):
        return pure_accept(listener)
    family = family_of(listener)
    if not has_known_addresses(family) or listener.gettimeout() != 0:
        return pure_accept(listener)
    fd = accept_quickly(DESCRIPTOR_OF(<PyObject*>listener))
    if fd < 0:
        if is_not_now(errno):
            return None
        raise system_error(errno)
    try:
        made = socket_over(fd, family, type_of(listener), protocol_of(listener))
    except BaseException:
        close(fd)
        raise
    told = address_of_accepted()
    if told is NULL:
        made.close()
        raise take_error()
    address = <object>told
    Py_DECREF(address)
    return made, address
