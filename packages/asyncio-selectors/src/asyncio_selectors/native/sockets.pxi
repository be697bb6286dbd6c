# The sockets of transports, as far as they are the system's.

import _socket

cdef PyObject* socket_type = NULL
if tells_descriptor(socket.socket()):
    socket_type = <PyObject*>socket.socket


# The version of the class of sockets for which its methods are those of the system's module, or do the same and note it.
cdef unsigned int socket_version = 0
# As the system's module has them: somebody may have put others there before this was loaded.
cdef dict OWN_METHODS = {
    name: getattr(_socket.socket, name)
    for name in ("send", "sendmsg", "recv", "recv_into", "sendto", "recvfrom", "_accept")
}


cdef bint look_at_sockets() except -1:
    global socket_version
    for name, own in OWN_METHODS.items():
        found = getattr(<object>socket_type, name)
        if found is not own and not is_noted(<PyObject*>found, <PyObject*>own):
            return False
    # The only one that is of the module in Python.
    if getattr((<object>socket_type).accept, "__globals__", None) is not vars(socket):
        return False
    socket_version = VERSION_OF(socket_type)
    return True


cdef inline bint is_plain(PyObject* sock) except -1:
    """Tell whether a transport's socket can be used without asking it."""
    if sock is NULL or <PyObject*>Py_TYPE(sock) is not socket_type:
        return False
    return (socket_version and socket_version == VERSION_OF(socket_type)) or look_at_sockets()


cdef inline bint is_known_plain(PyObject* sock) noexcept:
    """Tell whether that was found out already, and the class is what it was."""
    return (
        sock is not NULL
        and <PyObject*>Py_TYPE(sock) is socket_type
        and socket_version
        and socket_version == VERSION_OF(socket_type)
    )
