# What a datagram transport does for each datagram. The pure form, which does all else, is
# asyncio_selectors.datagram_transport.

cdef extern from "native/datagrams.h":
    enum:
        MOST_DATAGRAMS
    int receive_datagrams(int, int, Py_ssize_t) noexcept
    object received_data(int)
    object received_from(int)
    bint is_known(PyObject*, int) noexcept
    Py_ssize_t send_to_known(int, const void*, Py_ssize_t, PyObject*, int) noexcept

cdef Py_ssize_t details_place
cdef Py_ssize_t family_place
cdef Py_ssize_t peer_place
cdef Py_ssize_t alone_place
cdef Py_ssize_t extra_place
cdef Py_ssize_t closing_place

# Of the pure class.
cdef object pure_sendto
cdef object pure_read_datagram

cdef object MORE_CONSTANTS = ("datagram_received", "peername", 1, 4)
cdef PyObject* DATAGRAM_RECEIVED = PyTuple_GET_ITEM(<PyObject*>MORE_CONSTANTS, 0)
cdef PyObject* PEERNAME = PyTuple_GET_ITEM(<PyObject*>MORE_CONSTANTS, 1)
# So often a datagram was the only one; after so many it is tried whether there are more.
cdef PyObject* ONCE_ALONE = PyTuple_GET_ITEM(<PyObject*>MORE_CONSTANTS, 2)
cdef PyObject* ENOUGH_ALONE = PyTuple_GET_ITEM(<PyObject*>MORE_CONSTANTS, 3)

# As many as these the others that are ready wait for.
cdef enum:
    MOST_IN_A_ROW = 32


def adopt_datagram_transport(kind, pure, /):
    """Give a class of datagram transports its compiled methods; `pure` is the class that does what they do not."""
    global details_place, family_place, peer_place, alone_place, extra_place, closing_place
    global pure_sendto, pure_read_datagram
    details_place = offset_of(kind, "_details")
    family_place = offset_of(kind, "_internet_family")
    peer_place = offset_of(kind, "_address")
    alone_place = offset_of(kind, "_alone")
    extra_place = offset_of(kind, "_extra")
    closing_place = offset_of(kind, "_closing")
    pure_sendto, pure_read_datagram = pure.sendto, pure._read_ready
    give_method(kind, &sendto_definition)
    give_method(kind, &datagram_definition)


cdef int read_datagrams(PyObject* self) except -1:
    """Receive one, and, as long as there are any or where it is time to look, those that have come meanwhile."""
    cdef PyObject* alone = SLOT(self, alone_place)
    cdef object times
    cdef int failed
    if not is_usual(self):
        pure_read_datagram(<object>self)
        return 0
    if receive_datagrams(DESCRIPTOR_OF(SLOT(self, sock_place)), 1, (<object>self).max_size) < 0:
        failed = errno
        return reading_failed(self, failed)
    if alone is not ZERO and alone is not ENOUGH_ALONE:
        times = <object>alone + 1
        SET_SLOT(self, alone_place, <PyObject*>times)
        return datagram_received(self, received_data(0), received_from(0))
    datagram_received(self, received_data(0), received_from(0))
    SET_SLOT(self, alone_place, ONCE_ALONE)
    return read_more(self)


cdef int read_more(PyObject* self) except -1:
    """Receive what has come since: an answer takes less time than a turn of the loop."""
    cdef int count, failed, total = 1
    while total < MOST_IN_A_ROW and SLOT(self, closing_place) is Py_False and is_usual(self):
        # The next one first: mostly it is the only one.
        count = receive_datagrams(
            DESCRIPTOR_OF(SLOT(self, sock_place)), 1 if total == 1 else MOST_DATAGRAMS, (<object>self).max_size
        )
        if count < 0:
            failed = errno
            return 0 if is_not_now(failed) else reading_failed(self, failed)
        SET_SLOT(self, alone_place, ZERO)
        total += count
        if count > 1:
            hand_over(self, count)
        else:
            datagram_received(self, received_data(0), received_from(0))
    return 0


cdef inline bint is_usual(PyObject* self) except -1:
    """Tell whether datagrams are received here: the pure form knows what else there is."""
    return (
        SLOT(self, lost_place) is ZERO
        and SLOT(self, details_place) is Py_False
        and SLOT(self, family_place) is not ZERO
        and is_plain(SLOT(self, sock_place))
    )


cdef int datagram_received(PyObject* self, object data, object sender) except -1:
    cdef PyObject* arguments[3]
    cdef PyObject* result
    cdef PyObject* protocol = SLOT(self, protocol_place)
    arguments[0] = protocol
    arguments[1] = <PyObject*>data
    arguments[2] = <PyObject*>sender
    result = PyObject_VectorcallMethod(DATAGRAM_RECEIVED, arguments, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
    if result is NULL:
        return raise_what_is_set()
    Py_DECREF(<object>result)
    return 0


cdef int hand_over(PyObject* self, int count) except -1:
    """Hand the datagrams of a burst over."""
    cdef int n
    # All are taken before the first is handed over: whoever is called may receive by himself.
    cdef list datagrams = []
    for n in range(count):
        datagrams.append((received_data(n), received_from(n)))
    (<object>self)._hand_over(datagrams)
    return 0


cdef int reading_failed(PyObject* self, int number) except -1:
    if is_not_now(number):
        (<object>self)._nothing_to_read()
        return 0
    (<object>self)._call_failed(system_error(number), "read")
    return 0


cdef PyObject* sendto(PyObject* self, PyObject** arguments, Py_ssize_t count, PyObject* names) except NULL:
    """Send at once, where nothing waits, to whom the system knows already."""
    cdef PyObject* data = arguments[0] if count and names is NULL else NULL
    cdef PyObject* receiver = arguments[1] if count == 2 else Py_None
    cdef PyObject* chunks = SLOT(self, chunks_place)
    cdef PyObject* sock = SLOT(self, sock_place)
    cdef Py_buffer view
    cdef Py_ssize_t sent
    cdef int failed, family
    if (
        data is NULL
        or count > 2
        or SLOT(self, lost_place) is not ZERO
        or SLOT(self, peer_place) is not Py_None
        or SLOT(self, family_place) is ZERO
        or chunks is NULL
        or (chunks is not Py_None and PyObject_Size(chunks))
        or not (PyBytes_CheckExact(data) or PyByteArray_CheckExact(data))
        or not is_plain(sock)
    ):
        return call_purely(<PyObject*>pure_sendto, self, arguments, count, names)
    family = PyLong_AsSsize_t(SLOT(self, family_place))
    if receiver is Py_None or not is_known(receiver, family) or is_connected(self):
        return call_purely(<PyObject*>pure_sendto, self, arguments, count, names)
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    sent = send_to_known(DESCRIPTOR_OF(sock), view.buf, view.len, receiver, family)
    failed = errno
    PyBuffer_Release(&view)
    if sent < 0:
        after_no_datagram(self, <object>data, <object>receiver, failed)
    Py_INCREF(None)
    return Py_None


cdef bint is_connected(PyObject* self) except -1:
    """Tell whether the socket has a peer of its own, to whom no address may be given."""
    cdef PyObject* peer = PyDict_GetItemWithError(SLOT(self, extra_place), <object>PEERNAME)
    return peer is NULL or peer is not Py_None


cdef int after_no_datagram(PyObject* self, object data, object receiver, int number) except -1:
    if is_not_now(number):
        (<object>self)._keep(data, receiver)
        return 0
    (<object>self)._call_failed(system_error(number), "write")
    return 0


cdef PyObject* datagram_method(PyObject* self, PyObject* nothing) except NULL:
    read_datagrams(self)
    Py_INCREF(None)
    return Py_None


cdef PyMethodDef sendto_definition
sendto_definition.ml_name = b"sendto"
sendto_definition.ml_meth = <void*>sendto
sendto_definition.ml_flags = METH_FASTCALL | METH_KEYWORDS
sendto_definition.ml_doc = b"sendto($self, /, data, addr=None)\n--\n\nSend one datagram, which may be empty."

cdef PyMethodDef datagram_definition
datagram_definition.ml_name = b"_read_ready"
datagram_definition.ml_meth = <void*>datagram_method
datagram_definition.ml_flags = METH_NOARGS
datagram_definition.ml_doc = b"_read_ready($self, /)\n--\n\n"
