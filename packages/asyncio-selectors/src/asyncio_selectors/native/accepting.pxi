# Accepting a connection in one call of the system's. The pure form is in asyncio_selectors.sockets.

cdef extern from "native/accepting.h":
    enum:
        ACCEPTS_QUICKLY
        NONBLOCKING
    int accept_quickly(int) noexcept
    PyObject* address_of_accepted() noexcept
    bint has_known_addresses(long) noexcept
    int INT_AT(PyObject*, Py_ssize_t) noexcept
    PyObject* new_socket(PyTypeObject*, PyTypeObject*, int, int, int, int) noexcept
    int close(int) noexcept

# Where the system's own class of sockets keeps what it says of one, as numbers: Python's makes members of enumerations of them.
cdef Py_ssize_t family_at = offset_of(socket.SocketType, "family")
cdef Py_ssize_t type_at = offset_of(socket.SocketType, "type")
cdef Py_ssize_t protocol_at = offset_of(socket.SocketType, "proto")
cdef bint has_known_parts = socket.socket.__slots__ == ["__weakref__", "_io_refs", "_closed"]


cdef object socket_over(int fd, object listener):
    """Make a socket object for a connection of a listener, which the object owns from then on."""
    cdef PyObject* sock
    cdef PyObject* of = <PyObject*>listener
    cdef int family = INT_AT(of, family_at), kind = INT_AT(of, type_at) | NONBLOCKING, protocol = INT_AT(of, protocol_at)
    if not has_known_parts:
        return socket.socket(family, kind, protocol, fd)
    # Its own __init__() turns the numbers into members of enumerations, and back.
    sock = new_socket(<PyTypeObject*>socket_type, <PyTypeObject*>socket.SocketType, family, kind, protocol, fd)
    if sock is NULL:
        raise take_error()
    made = <object>sock
    Py_DECREF(made)
    made._io_refs = 0
    made._closed = False
    return made


def accept(listener, /):
    """Accept a connection; return its socket, which does not block, and the peer's address, or None where there is none."""
    return accept_now(listener)


cdef object accept_now(object listener):
    cdef PyObject* told
    cdef int fd
    if not ACCEPTS_QUICKLY or not is_plain(<PyObject*>listener):
        return pure_accept(listener)
    if not has_known_addresses(INT_AT(<PyObject*>listener, family_at)) or listener.gettimeout() != 0:
        return pure_accept(listener)
    fd = accept_quickly(DESCRIPTOR_OF(<PyObject*>listener))
    if fd < 0:
        if is_not_now(errno):
            return None
        raise system_error(errno)
    try:
        made = socket_over(fd, listener)
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
