# Accepting a connection in one call of the system's. The pure form is in asyncio_selectors.sockets.

cdef extern from "native/accepting.h":
    enum:
        ACCEPTS_QUICKLY
        NONBLOCKING
    int accept_quickly(int) noexcept
    PyObject* address_of_accepted() noexcept
    bint has_known_addresses(long) noexcept
    int INT_AT(PyObject*, Py_ssize_t) noexcept
    bint has_plain_parts(PyTypeObject*, Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept
    long long timeout_of(PyObject*) noexcept
    PyObject* socket_like(PyObject*, PyTypeObject*, PyTypeObject*, int) noexcept
    PyObject* new_socket(PyTypeObject*, PyTypeObject*, int, int, int, int) noexcept
    int close(int) noexcept

# Where the system's own class of sockets keeps what it says of one, as numbers: Python's makes members of enumerations of them.
cdef Py_ssize_t family_at = offset_of(socket.SocketType, "family")
cdef Py_ssize_t type_at = offset_of(socket.SocketType, "type")
cdef Py_ssize_t protocol_at = offset_of(socket.SocketType, "proto")
cdef bint has_known_parts = socket.socket.__slots__ == ["__weakref__", "_io_refs", "_closed"]
# Who else uses one, and whether it is closed, as Python's class keeps it; -1 where that is not known.
cdef Py_ssize_t users_at = offset_of(socket.socket, "_io_refs") if has_known_parts else -1
cdef Py_ssize_t closed_at = offset_of(socket.socket, "_closed") if has_known_parts else -1
cdef PyTypeObject* plain_type = <PyTypeObject*>socket.SocketType
cdef bint can_be_like = has_plain_parts(plain_type, family_at, type_at, protocol_at)


cdef object socket_over(int fd, object listener):
    """Make a socket object for a connection of a listener, which the object owns from then on."""
    cdef PyObject* sock
    cdef PyObject* of = <PyObject*>listener
    cdef int family = INT_AT(of, family_at), kind = INT_AT(of, type_at) | NONBLOCKING, protocol = INT_AT(of, protocol_at)
    if not has_known_parts:
        return socket.socket(family, kind, protocol, fd)
    # Its own __init__() turns the numbers into members of enumerations, and back.
    if can_be_like:
        sock = socket_like(of, <PyTypeObject*>socket_type, plain_type, fd)
    else:
        sock = new_socket(<PyTypeObject*>socket_type, plain_type, family, kind, protocol, fd)
    if sock is NULL:
        raise take_error()
    made = <object>sock
    Py_DECREF(made)
    SET_SLOT(sock, users_at, <PyObject*>ZERO)
    SET_SLOT(sock, closed_at, Py_False)
    return made


cdef inline bint waits(object listener) except -1:
    """Tell whether a listener blocks, which its connections then do, too."""
    return (timeout_of(<PyObject*>listener) if can_be_like else listener.gettimeout()) != 0


def accept(listener, /):
    """Accept a connection; return its socket, which does not block, and the peer's address, or None where there is none."""
    return accept_now(listener)


cdef object accept_now(object listener):
    cdef PyObject* told
    cdef int fd
    if not ACCEPTS_QUICKLY or not is_plain(<PyObject*>listener):
        return pure_accept(listener)
    if not has_known_addresses(INT_AT(<PyObject*>listener, family_at)) or waits(listener):
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
