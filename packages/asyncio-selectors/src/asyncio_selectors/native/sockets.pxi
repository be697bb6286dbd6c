# The sockets of transports, as far as they are the system's.

cdef PyObject* socket_type = NULL
if tells_descriptor(socket.socket()):
    socket_type = <PyObject*>socket.socket


# The version of the class of sockets for which its methods are those of the system's module.
cdef unsigned int socket_version = 0
cdef object OWN_METHODS = tuple(getattr(socket.socket, name) for name in ("send", "recv", "recv_into"))


cdef bint sockets_are_plain() except -1:
    global socket_version
    if socket_version and socket_version == VERSION_OF(socket_type):
        return True
    for own in OWN_METHODS:
        if getattr(<object>socket_type, own.__name__) is not own:
            return False
    socket_version = VERSION_OF(socket_type)
    return True


cdef inline bint is_plain(PyObject* sock) except -1:
    """Tell whether a transport's socket can be used without asking it."""
    return sock is not NULL and <PyObject*>Py_TYPE(sock) is socket_type and sockets_are_plain()
