# What the transports of pipes do for each read and each write. The pure form, which does all else, is
# asyncio_selectors.unix_pipes.

cdef extern from "native/pipes.h":
    PyObject* read_bytes(int, Py_ssize_t, bint, int*) noexcept
    ssize_t write_bytes(int, const void*, size_t, bint) noexcept
    ssize_t read_into(int, void*, size_t) noexcept

from asyncio_core.interfaces.protocols import BufferedProtocol
import os

cdef Py_ssize_t read_end_place
cdef Py_ssize_t reads_for_place
cdef Py_ssize_t write_end_place
cdef Py_ssize_t write_closing_place
cdef Py_ssize_t write_lost_place
cdef Py_ssize_t write_buffer_place

# Of the pure classes.
cdef object pure_pipe_read_ready
cdef object pure_pipe_write

# Whoever puts something in the place of these is to have it called.
cdef object os_names = os.__dict__
cdef object own_read = os.read
cdef object own_write = os.write


def adopt_pipes(readers, writers, /):
    """Give the classes of both ends their compiled methods; each comes with the class that does what they do not."""
    global read_end_place, reads_for_place, pure_pipe_read_ready
    global write_end_place, write_closing_place, write_lost_place, write_buffer_place, pure_pipe_write
    kind, pure = readers
    read_end_place = offset_of(kind, "_fileno")
    reads_for_place = offset_of(kind, "_protocol")
    pure_pipe_read_ready = pure._read_ready
    give_method(kind, &pipe_read_ready_definition)
    kind, pure = writers
    write_end_place = offset_of(kind, "_fileno")
    write_closing_place = offset_of(kind, "_closing")
    write_lost_place = offset_of(kind, "_conn_lost")
    write_buffer_place = offset_of(kind, "_buffer")
    pure_pipe_write = pure.write
    give_method(kind, &pipe_write_definition)


cdef inline bint is_own(object name, object own) except -1:
    cdef PyObject* found = PyDict_GetItemWithError(<PyObject*>os_names, name)
    return found is <PyObject*>own or (found is not NULL and is_noted(found, <PyObject*>own))


cdef inline bint is_number(PyObject* fd) noexcept:
    return fd is not NULL and PyLong_CheckExact(fd)


# Reading.

cdef PyObject* pipe_read_ready(PyObject* self, PyObject* nothing) except NULL:
    """Read, and hand what came to the protocol."""
    cdef PyObject* protocol = SLOT(self, reads_for_place)
    cdef PyObject* end = SLOT(self, read_end_place)
    cdef const AsyncioReceiver* receiver
    cdef Py_ssize_t size
    cdef char* room
    cdef int status = 0
    if protocol is NULL or protocol is Py_None or not is_number(end) or not is_own("read", own_read):
        return call_purely(<PyObject*>pure_pipe_read_ready, self, NULL, 0, NULL)
    # Its memory is this thread's as long as no other gets to run.
    receiver = core.receiver_of(protocol) if core.is_alone() else NULL
    if receiver is not NULL:
        Py_INCREF(<object>protocol)
        room = receiver.room(protocol, &size)
        if room is not NULL:
            status = (<reading>read_there)(self, receiver, protocol, PyLong_AsSsize_t(end), room, size)
        Py_DECREF(<object>protocol)
        if status < 0 or PyErr_Occurred() is not NULL:
            raise_what_is_set()
        if room is not NULL:
            Py_INCREF(None)
            return Py_None
    if isinstance(<object>protocol, BufferedProtocol):
        return call_purely(<PyObject*>pure_pipe_read_ready, self, NULL, 0, NULL)
    read_for_method(self, protocol, PyLong_AsSsize_t(end))
    Py_INCREF(None)
    return Py_None


ctypedef int (*reading)(
    PyObject*, const AsyncioReceiver*, PyObject*, int, char*, Py_ssize_t
) noexcept


cdef int read_there(
    PyObject* self, const AsyncioReceiver* receiver, PyObject* protocol, int fd, char* room, Py_ssize_t size
) except -1:
    """Read into the memory of a protocol of another distribution's."""
    cdef Py_ssize_t count = read_into(fd, room, size)
    cdef int failed = errno
    receiver.received(protocol, count if count > 0 else 0)
    return after_pipe_read(self, count, failed)


cdef int read_for_method(PyObject* self, PyObject* protocol, int fd) except -1:
    cdef PyObject* arguments[2]
    cdef PyObject* data
    cdef PyObject* result
    cdef int failed
    data = read_bytes(fd, (<object>self).max_size, core.is_alone(), &failed)
    if data is NULL:
        if failed == 0:
            return raise_what_is_set()
        return after_pipe_read(self, -1, failed)
    if PyBytes_GET_SIZE(data) == 0:
        Py_DECREF(<object>data)
        return after_pipe_read(self, 0, 0)
    arguments[0] = protocol
    arguments[1] = data
    result = PyObject_VectorcallMethod(DATA_RECEIVED, arguments, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
    Py_DECREF(<object>data)
    if result is NULL:
        return raise_what_is_set()
    Py_DECREF(<object>result)
    return 0


cdef int after_pipe_read(PyObject* self, Py_ssize_t count, int failed) except -1:
    """Do what there is to do after a read that was no data."""
    if count < 0:
        (<object>self)._read_failed(system_error(failed))
    elif count == 0:
        (<object>self)._read_eof()
    return 0


# Writing.

cdef PyObject* pipe_write(PyObject* self, PyObject** arguments, Py_ssize_t count, PyObject* names) except NULL:
    """Write at once what goes at once, where nothing waits and nothing is special."""
    cdef PyObject* data = arguments[0] if count == 1 and names is NULL else NULL
    cdef PyObject* end = SLOT(self, write_end_place)
    cdef PyObject* buffer = SLOT(self, write_buffer_place)
    cdef Py_buffer view
    cdef Py_ssize_t length, sent
    cdef int failed
    if (
        data is NULL
        or SLOT(self, write_closing_place) is not Py_False
        or SLOT(self, write_lost_place) is not ZERO
        or buffer is NULL
        or not PyByteArray_CheckExact(buffer)
        or PyObject_Size(buffer)
        or not is_number(end)
        or not is_own("write", own_write)
        or not (PyBytes_CheckExact(data) or PyByteArray_CheckExact(data) or type(<object>data) is memoryview)
    ):
        return call_purely(<PyObject*>pure_pipe_write, self, arguments, count, names)
    if (<viewing>PyObject_GetBuffer)(data, &view, PyBUF_SIMPLE) < 0:
        # One with gaps, or released: the pure form knows what to do, or what to raise.
        take_error()
        return call_purely(<PyObject*>pure_pipe_write, self, arguments, count, names)
    length = view.len
    sent = write_bytes(PyLong_AsSsize_t(end), view.buf, length, core.is_alone()) if length else 0
    failed = errno
    PyBuffer_Release(&view)
    if sent < length:
        if sent < 0 and not is_not_now(failed):
            (<object>self)._write_failed(system_error(failed))
        else:
            (<object>self)._keep_rest(<object>data, sent if sent > 0 else 0)
    Py_INCREF(None)
    return Py_None


cdef PyMethodDef pipe_read_ready_definition
pipe_read_ready_definition.ml_name = b"_read_ready"
pipe_read_ready_definition.ml_meth = <void*>pipe_read_ready
pipe_read_ready_definition.ml_flags = METH_NOARGS
pipe_read_ready_definition.ml_doc = b"_read_ready($self, /)\n--\n\n"

cdef PyMethodDef pipe_write_definition
pipe_write_definition.ml_name = b"write"
pipe_write_definition.ml_meth = <void*>pipe_write
pipe_write_definition.ml_flags = METH_FASTCALL | METH_KEYWORDS
pipe_write_definition.ml_doc = b"write($self, /, data)\n--\n\nWrite `data`, and keep what does not go out at once."
