# Waking a loop through its pair of sockets. The pure form, which does all that fails, is asyncio_selectors.waking.

# The names of the pure form's module, in which others may put something else.
cdef dict waking_names

cdef Py_ssize_t ssock_place
cdef Py_ssize_t csock_place
cdef Py_ssize_t waking_place

cdef object pure_write_to_self
cdef object pure_read_from_self

# Those methods that take no notice of zeros in what woke the loop.
cdef list ignoring_zeros = []

# As the pure form asks for.
cdef enum:
    MOST_WAKING_BYTES = 4096


def adopt_waking(kind, names, /):
    """Put compiled methods in the place of those of a part of a loop; what they are not made for goes to those."""
    global ssock_place, csock_place, waking_place, pure_write_to_self, pure_read_from_self, waking_names
    waking_names = names
    ssock_place = offset_of(kind, "_ssock")
    csock_place = offset_of(kind, "_csock")
    waking_place = offset_of(kind, "_waking")
    pure_write_to_self, pure_read_from_self = kind._write_to_self, kind._read_from_self
    give_method(kind, &write_to_self_definition)
    give_method(kind, &read_from_self_definition)
    core.know_waker(<PyObject*>kept(kind._write_to_self), <AsyncioWake>wake)


def know_ignoring_zeros(method, /):
    """Learn that a function, as _process_self_data(), does nothing about zeros."""
    ignoring_zeros.append(method)


cdef PyObject* write_to_self(PyObject* self, PyObject* nothing) except NULL:
    wake(self)
    Py_INCREF(None)
    return Py_None


cdef int wake(PyObject* self) except -1:
    cdef PyObject* csock = SLOT(self, csock_place)
    cdef char zero = 0
    if csock is Py_None or (csock is not NULL and SLOT(self, waking_place) is csock):
        return 0
    if csock is NULL or not is_plain(csock):
        pure_write_to_self(<object>self)
        return 0
    # Another thread may close the loop, and with it the socket, once this one gives way.
    SET_SLOT(self, waking_place, csock)
    if calls.send(DESCRIPTOR_OF(csock), &zero, 1, MSG_DONTWAIT) != 1:
        waking_failed(self, csock, errno)
    if core.may_spare_poll(self) and not waking_names["made_threads"]():
        (<object>self)._note_waker()
    return 0


cdef int waking_failed(PyObject* self, PyObject* csock, int number) except -1:
    (<object>self)._waking_refused(<object>csock, system_error(number))
    return 0


cdef PyObject* read_from_self(PyObject* self, PyObject* nothing) except NULL:
    cdef PyObject* ssock = SLOT(self, ssock_place)
    cdef Py_ssize_t count
    if ssock is NULL or not is_plain(ssock):
        return call_purely(<PyObject*>pure_read_from_self, self, NULL, 0, NULL)
    count = calls.recv(DESCRIPTOR_OF(ssock), scratch, MOST_WAKING_BYTES, MSG_DONTWAIT)
    if count <= 0:
        # Ends and errors are found again.
        return call_purely(<PyObject*>pure_read_from_self, self, NULL, 0, NULL)
    if not (is_all_zero(scratch, count) and ignores_zeros(self)):
        (<object>self)._process_self_data(scratch[:count])
    if count == MOST_WAKING_BYTES:
        return call_purely(<PyObject*>pure_read_from_self, self, NULL, 0, NULL)
    # Only now that nothing is read any more; the pure form says why.
    SET_SLOT(self, waking_place, Py_None)
    Py_INCREF(None)
    return Py_None


cdef bint ignores_zeros(PyObject* self) except -1:
    method = (<object>self)._process_self_data
    if not PyMethod_Check(method):
        return False
    for known in ignoring_zeros:
        if <PyObject*>known is PyMethod_GET_FUNCTION(method):
            return True
    return False


cdef PyMethodDef write_to_self_definition
write_to_self_definition.ml_name = b"_write_to_self"
write_to_self_definition.ml_meth = <void*>write_to_self
write_to_self_definition.ml_flags = METH_NOARGS
write_to_self_definition.ml_doc = b"_write_to_self($self, /)\n--\n\n"

cdef PyMethodDef read_from_self_definition
read_from_self_definition.ml_name = b"_read_from_self"
read_from_self_definition.ml_meth = <void*>read_from_self
read_from_self_definition.ml_flags = METH_NOARGS
read_from_self_definition.ml_doc = b"_read_from_self($self, /)\n--\n\n"
