# The calls of sockets that do not wait: None where nothing can be done yet. The pure forms are in asyncio_selectors.sockets.

cdef object pure_accept
cdef object pure_receive
cdef object pure_receive_into
cdef object pure_send


def adopt_socket_calls(accept, receive, receive_into, send, /):
    """Learn what does the same with sockets, and arguments, of all other kinds."""
    global pure_accept, pure_receive, pure_receive_into, pure_send
    pure_accept, pure_receive, pure_receive_into, pure_send = accept, receive, receive_into, send


def receive_now(sock, n, /):
    """Receive up to `n` bytes; None where there is nothing yet."""
    cdef PyObject* data
    cdef int failed
    cdef Py_ssize_t size
    if not is_plain(<PyObject*>sock) or type(n) is not int:
        return pure_receive(sock, n)
    size = PyLong_AsSsize_t(<PyObject*>n)
    if size < 0:
        return pure_receive(sock, n)
    data = receive(DESCRIPTOR_OF(<PyObject*>sock), size, &failed)
    if data is NULL:
        if failed == 0:
            raise_what_is_set()
        call_failed(failed)
        return None
    received = <object>data
    Py_DECREF(received)
    return received


def receive_into_now(sock, buf, /):
    """Receive into `buf` and return the number of bytes; None where there is nothing yet."""
    cdef Py_buffer view
    cdef Py_ssize_t count
    cdef int failed
    if not is_plain(<PyObject*>sock):
        return pure_receive_into(sock, buf)
    if (<viewing>PyObject_GetBuffer)(<PyObject*>buf, &view, PyBUF_WRITABLE) < 0:
        take_error()
        return pure_receive_into(sock, buf)
    count = calls.recv(DESCRIPTOR_OF(<PyObject*>sock), view.buf, view.len, MSG_DONTWAIT)
    failed = errno
    PyBuffer_Release(&view)
    if count < 0:
        call_failed(failed)
        return None
    return count


def send_now(sock, data, /):
    """Send what goes at once of `data` and return the number of bytes; None where nothing does."""
    cdef Py_buffer view
    cdef Py_ssize_t count
    cdef int failed
    if not is_plain(<PyObject*>sock):
        return pure_send(sock, data)
    if (<viewing>PyObject_GetBuffer)(<PyObject*>data, &view, PyBUF_SIMPLE) < 0:
        # Whatever it is, the pure form knows what to raise.
        take_error()
        return pure_send(sock, data)
    count = calls.send(DESCRIPTOR_OF(<PyObject*>sock), view.buf, view.len, MSG_DONTWAIT)
    failed = errno
    PyBuffer_Release(&view)
    if count < 0:
        call_failed(failed)
        return None
    return count


cdef int call_failed(int number) except -1:
    """Raise what the system says, unless it is that nothing can be done yet."""
    if not is_not_now(number):
        raise system_error(number)
    return 0
