# What a stream transport does for each message. The pure form, which does all else, is
# asyncio_selectors.stream_transport.

cdef Py_ssize_t sock_place
cdef Py_ssize_t protocol_place
cdef Py_ssize_t buffered_place
cdef Py_ssize_t lost_place
cdef Py_ssize_t eof_place
cdef Py_ssize_t waiter_place
cdef Py_ssize_t chunks_place
cdef Py_ssize_t size_place

# Of the pure class.
cdef object pure_write
cdef object pure_writelines
cdef object pure_read_ready
cdef Py_ssize_t usual_read

cdef object CONSTANTS = (0, -1, "data_received", "get_buffer", "buffer_updated")
cdef PyObject* ZERO = PyTuple_GET_ITEM(<PyObject*>CONSTANTS, 0)
cdef PyObject* NO_HINT = PyTuple_GET_ITEM(<PyObject*>CONSTANTS, 1)
cdef PyObject* DATA_RECEIVED = PyTuple_GET_ITEM(<PyObject*>CONSTANTS, 2)
cdef PyObject* GET_BUFFER = PyTuple_GET_ITEM(<PyObject*>CONSTANTS, 3)
cdef PyObject* BUFFER_UPDATED = PyTuple_GET_ITEM(<PyObject*>CONSTANTS, 4)


def adopt_stream_transport(kind, pure, least, /):
    """Give a class of stream transports its compiled methods; `pure` is the class that does what they do not.

    `least` is the size of a read, in bytes, below which none is made.
    """
    global sock_place, protocol_place, buffered_place, lost_place, eof_place, waiter_place, chunks_place, size_place
    global loop_place, high_place
    global pure_write, pure_writelines, pure_read_ready, usual_read
    loop_place = offset_of(kind, "_loop")
    high_place = offset_of(kind, "_high_water")
    sock_place = offset_of(kind, "_sock")
    protocol_place = offset_of(kind, "_protocol")
    buffered_place = offset_of(kind, "_buffered")
    lost_place = offset_of(kind, "_conn_lost")
    eof_place = offset_of(kind, "_eof")
    waiter_place = offset_of(kind, "_empty_waiter")
    chunks_place = offset_of(kind, "_chunks")
    size_place = offset_of(kind, "_read_size")
    pure_write, pure_writelines = pure.write, pure.writelines
    pure_read_ready, usual_read = pure._read_ready, least
    give_method(kind, &write_definition)
    give_method(kind, &writelines_definition)
    give_method(kind, &read_ready_definition)
    give_method(kind, &send_held_definition)
    if core.know_sender(<PyTypeObject*>kind, &sender) < 0:
        # There are too many: a suite loads the modules anew for each test. Without it the methods are called.
        take_error()


# Reading.

cdef int read_ready(PyObject* self) except -1:
    """Receive, and hand what came to the protocol."""
    cdef PyObject* protocol = SLOT(self, protocol_place)
    cdef PyObject* sock = SLOT(self, sock_place)
    cdef const AsyncioReceiver* receiver
    cdef Py_ssize_t size
    cdef char* room
    if SLOT(self, lost_place) is not ZERO or protocol is NULL or not is_plain(sock):
        pure_read_ready(<object>self)
        return 0
    receiver = core.receiver_of(protocol)
    if receiver is not NULL:
        Py_INCREF(<object>protocol)
        room = receiver.room(protocol, &size)
        if room is not NULL:
            status = receive_there(self, receiver, protocol, DESCRIPTOR_OF(sock), room, size)
        elif PyErr_Occurred() is not NULL:
            status = protocol_failed(self, receiving_method(self))
        else:
            status = receive_by_method(self, protocol, DESCRIPTOR_OF(sock))
        Py_DECREF(<object>protocol)
        return status
    return receive_by_method(self, protocol, DESCRIPTOR_OF(sock))


cdef inline int receive_by_method(PyObject* self, PyObject* protocol, int fd) except -1:
    if SLOT(self, buffered_place) is Py_True:
        return receive_into_buffer(self, protocol, fd)
    return receive_bytes(self, protocol, fd)


cdef inline PyObject* receiving_method(PyObject* self) noexcept:
    return BUFFER_UPDATED if SLOT(self, buffered_place) is Py_True else DATA_RECEIVED


cdef int receive_bytes(PyObject* self, PyObject* protocol, int fd) except -1:
    cdef PyObject* data
    cdef PyObject* result
    cdef PyObject* arguments[2]
    cdef int failed
    cdef Py_ssize_t length, size = PyLong_AsSsize_t(SLOT(self, size_place))
    data = receive(fd, size, &failed)
    if data is NULL:
        if failed == 0:
            return raise_what_is_set()
        return read_failed(self, failed)
    length = PyBytes_GET_SIZE(data)
    if length == 0:
        Py_DECREF(<object>data)
        (<object>self)._read_eof()
        return 0
    if length == size or size > usual_read:
        (<object>self)._fit_read_size(length)
    arguments[0] = protocol
    arguments[1] = data
    result = PyObject_VectorcallMethod(DATA_RECEIVED, arguments, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
    Py_DECREF(<object>data)
    if result is NULL:
        return protocol_failed(self, DATA_RECEIVED)
    Py_DECREF(<object>result)
    return 0


cdef int receive_there(
    PyObject* self, const AsyncioReceiver* receiver, PyObject* protocol, int fd, char* room, Py_ssize_t size
) except -1:
    """Receive into the memory of a protocol of another distribution's."""
    cdef Py_ssize_t count = calls.recv(fd, room, size, MSG_DONTWAIT)
    cdef int failed = errno
    cdef PyObject* method = receiving_method(self)
    if (<receiving>receiver.received)(protocol, count if count > 0 else 0) < 0:
        return protocol_failed(self, method)
    if count < 0:
        return read_failed(self, failed)
    if count == 0:
        (<object>self)._read_eof()
    return 0


ctypedef int (*receiving)(PyObject*, Py_ssize_t) noexcept


cdef int receive_into_buffer(PyObject* self, PyObject* protocol, int fd) except -1:
    """Receive into what a BufferedProtocol's get_buffer() gives."""
    cdef PyObject* arguments[2]
    cdef PyObject* room
    cdef PyObject* result
    cdef Py_buffer view
    cdef Py_ssize_t count
    cdef int failed
    cdef object number
    arguments[0] = protocol
    arguments[1] = NO_HINT
    room = PyObject_VectorcallMethod(GET_BUFFER, arguments, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
    if room is NULL:
        return protocol_failed(self, GET_BUFFER)
    if (<viewing>PyObject_GetBuffer)(room, &view, PyBUF_WRITABLE) < 0:
        status = no_room(self, <object>room)
        Py_DECREF(<object>room)
        return status
    if view.len == 0:
        PyBuffer_Release(&view)
        Py_DECREF(<object>room)
        (<object>self)._protocol_failed(RuntimeError("get_buffer() returned an empty buffer"), "get_buffer")
        return 0
    count = calls.recv(fd, view.buf, view.len, MSG_DONTWAIT)
    failed = errno
    # The protocol may release or resize its buffer now: no export of it is kept.
    PyBuffer_Release(&view)
    Py_DECREF(<object>room)
    if count < 0:
        return read_failed(self, failed)
    if count == 0:
        (<object>self)._read_eof()
        return 0
    number = count
    arguments[0] = protocol
    arguments[1] = <PyObject*>number
    result = PyObject_VectorcallMethod(BUFFER_UPDATED, arguments, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
    if result is NULL:
        return protocol_failed(self, BUFFER_UPDATED)
    Py_DECREF(<object>result)
    return 0


cdef int protocol_failed(PyObject* self, PyObject* method) except -1:
    """End the connection for what a method of the protocol has raised."""
    cdef PyObject* former
    cdef int status
    if ends_the_program():
        return -1
    error = take_error()
    former = handle_now(<PyObject*>error)
    status = (<failing>tell_of_protocol)(self, error, <object>method)
    handle_no_more(former)
    return status


ctypedef int (*failing)(PyObject*, object, object) noexcept


cdef int tell_of_protocol(PyObject* self, object error, object method) except -1:
    (<object>self)._protocol_failed(error, method)
    return 0


cdef int no_room(PyObject* self, object room) except -1:
    """End the connection, as what get_buffer() has given cannot be written to."""
    error = take_error()
    if (<measuring>PyObject_Size)(<PyObject*>room) < 0:
        return protocol_failed(self, GET_BUFFER)
    (<object>self)._read_failed(error)
    return 0


ctypedef Py_ssize_t (*measuring)(PyObject*) noexcept


cdef int read_failed(PyObject* self, int number) except -1:
    (<object>self)._read_failed(system_error(number))
    return 0


# Writing.

cdef PyObject* write(PyObject* self, PyObject** arguments, Py_ssize_t count, PyObject* names) except NULL:
    """Send what goes out where nothing waits and nothing is special: small pieces with others that come now."""
    cdef PyObject* data = arguments[0] if count == 1 and names is NULL else NULL
    cdef PyObject* sock = SLOT(self, sock_place)
    cdef Py_buffer view
    cdef Py_ssize_t length, sent
    cdef int failed
    if data is NULL or not is_plain(sock) or not is_free(self):
        send_held_of(self)
        return call_purely(<PyObject*>pure_write, self, arguments, count, names)
    if PyBytes_CheckExact(data):
        length = PyBytes_GET_SIZE(data)
        if length == 0 or hold(self, data, length):
            Py_INCREF(None)
            return Py_None
        if held_count:
            # It may end the connection, or there is no room for all of it.
            send_held_of(self)
            if not is_free(self):
                return call_purely(<PyObject*>pure_write, self, arguments, count, names)
        sent = calls.send(DESCRIPTOR_OF(sock), PyBytes_AS_STRING(data), length, MSG_DONTWAIT)
        failed = errno
    elif held_count and held_loop is SLOT(self, loop_place):
        send_held_of(self)
        return write(self, arguments, count, names)
    elif PyByteArray_CheckExact(data) or type(<object>data) is memoryview:
        if (<viewing>PyObject_GetBuffer)(data, &view, PyBUF_SIMPLE) < 0:
            # One with gaps, or released: the pure form knows what to do, or what to raise.
            take_error()
            return call_purely(<PyObject*>pure_write, self, arguments, count, names)
        length = view.len
        # An empty one has to be told by its type alone, too.
        sent = calls.send(DESCRIPTOR_OF(sock), view.buf, length, MSG_DONTWAIT) if length else 0
        failed = errno
        PyBuffer_Release(&view)
    else:
        return call_purely(<PyObject*>pure_write, self, arguments, count, names)
    if sent < length:
        after_short_write(self, <object>data, sent, failed)
    Py_INCREF(None)
    return Py_None


cdef extern from "native/pieces.h":
    Py_ssize_t size_of_pieces(PyObject*) noexcept
    ssize_t send_pieces(int, PyObject*) noexcept


cdef PyObject* writelines(PyObject* self, PyObject** arguments, Py_ssize_t count, PyObject* names) except NULL:
    """Send a few pieces at once, where nothing waits and nothing is special."""
    cdef PyObject* pieces = arguments[0] if count == 1 and names is NULL else NULL
    cdef Py_ssize_t sent, total = size_of_pieces(pieces) if pieces is not NULL else -1
    cdef int failed
    send_held_of(self)
    if total <= 0 or not is_free(self):
        return call_purely(<PyObject*>pure_writelines, self, arguments, count, names)
    sent = send_pieces(DESCRIPTOR_OF(SLOT(self, sock_place)), pieces)
    failed = errno
    if sent < 0 and not is_not_now(failed):
        (<object>self)._write_failed(system_error(failed))
    elif sent < total:
        (<object>self)._keep_lines(<object>pieces, sent if sent > 0 else 0)
    Py_INCREF(None)
    return Py_None


# What TLS sends comes from its own memory.

cdef int is_free(PyObject* self) noexcept:
    """Tell whether what is written is sent at once, as nothing waits and nothing is special."""
    return (
        SLOT(self, lost_place) is ZERO
        and SLOT(self, eof_place) is Py_False
        and SLOT(self, waiter_place) is Py_None
        and nothing_waits(SLOT(self, chunks_place))
        and is_known_plain(SLOT(self, sock_place))
    )


cdef inline bint nothing_waits(PyObject* chunks) noexcept:
    cdef Py_ssize_t count
    if chunks is NULL or chunks is Py_None:
        return chunks is not NULL
    count = (<measuring>PyObject_Size)(chunks)
    if count < 0:
        take_error()
    return count == 0


cdef int send_from(PyObject* self, const char* data, Py_ssize_t size) except -1:
    cdef Py_ssize_t sent
    cdef int failed
    if size <= LARGEST_HELD:
        piece = data[:size]
        if hold(self, <PyObject*>piece, size):
            return 0
    if held_count and held_loop is SLOT(self, loop_place):
        send_held_of(self)
        if not is_free(self):
            pure_write(<object>self, <object>data[:size])
            return 0
    sent = calls.send(DESCRIPTOR_OF(SLOT(self, sock_place)), data, size, MSG_DONTWAIT)
    failed = errno
    if sent < size:
        rest = data[sent if sent > 0 else 0 : size]
        after_short_write(self, rest, 0 if sent >= 0 else -1, failed)
    return 0


cdef AsyncioSender sender
sender.write = b"write"
sender.is_closing = b"is_closing"
sender.is_free = is_free
sender.send = <int (*)(PyObject*, const char*, Py_ssize_t) noexcept>send_from


cdef int after_short_write(PyObject* self, object data, Py_ssize_t sent, int failed) except -1:
    """Keep what did not go out, or end the connection."""
    if sent < 0 and not is_not_now(failed):
        (<object>self)._write_failed(system_error(failed))
    else:
        (<object>self)._keep_rest(data, sent if sent > 0 else 0)
    return 0


cdef PyObject* read_ready_method(PyObject* self, PyObject* nothing) except NULL:
    read_ready(self)
    Py_INCREF(None)
    return Py_None


cdef PyMethodDef write_definition
write_definition.ml_name = b"write"
write_definition.ml_meth = <void*>write
write_definition.ml_flags = METH_FASTCALL | METH_KEYWORDS
write_definition.ml_doc = b"write($self, /, data)\n--\n\nSend `data`, and keep what does not go out at once."

cdef PyMethodDef writelines_definition
writelines_definition.ml_name = b"writelines"
writelines_definition.ml_meth = <void*>writelines
writelines_definition.ml_flags = METH_FASTCALL | METH_KEYWORDS
writelines_definition.ml_doc = b"writelines($self, /, list_of_data)\n--\n\nSend the pieces one after the other, as write() does."

cdef PyMethodDef read_ready_definition
read_ready_definition.ml_name = b"_read_ready"
read_ready_definition.ml_meth = <void*>read_ready_method
read_ready_definition.ml_flags = METH_NOARGS
read_ready_definition.ml_doc = b"_read_ready($self, /)\n--\n\n"
