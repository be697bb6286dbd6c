# What stream transports write is put off until the callbacks that are ready have run, or a tenth of a millisecond has
# passed: pieces of one answer go out in one packet, and a peer on the same machine is woken once for many.
#
# Each send to a peer that sleeps costs its waking, several times the rest of the call. What is seen of it is nothing
# but that: the pieces go out in the order in which they were written, those to other transports between them; before
# anything else is done to a transport, before the loop waits, and before the process is forked. Where a callback has
# blocked the loop nothing is put off for a while (turn.pxi of asyncio_core). Large pieces go at once, as they do where
# the water mark is low, and in debug mode.

cdef extern from "native/holding.h":
    enum:
        MOST_HELD
        MOST_BYTES_HELD
        LARGEST_HELD
    ctypedef struct Held:
        PyObject* transport
        PyObject* data
    Py_ssize_t size_of_held(const Held*, int) noexcept
    ssize_t send_all_held(int, const Held*, int) noexcept

# In the order in which it was written; of one loop at a time.
cdef Held held[MOST_HELD]
cdef int held_first = 0
cdef int held_count = 0
cdef Py_ssize_t held_bytes = 0
cdef PyObject* held_loop = NULL

# A class of loops that can put something off, and a water mark that is high enough. They are kept.
cdef PyObject* loops_that_put_off = NULL
cdef PyObject* high_enough = NULL

cdef Py_ssize_t loop_place
cdef Py_ssize_t high_place


cdef bint is_loop_that_puts_off(PyObject* loop) except -1:
    global loops_that_put_off
    if loop is NULL or not PyObject_TypeCheck(loop, core.loop_type):
        return False
    Py_XDECREF(loops_that_put_off)
    loops_that_put_off = <PyObject*>Py_TYPE(loop)
    Py_INCREF(<object>loops_that_put_off)
    return True


cdef bint is_high_enough(PyObject* high) except -1:
    global high_enough
    if high is NULL or PyLong_AsSsize_t(high) < MOST_BYTES_HELD:
        return False
    Py_XDECREF(high_enough)
    high_enough = high
    Py_INCREF(<object>high)
    return True


cdef inline bint hold(PyObject* self, PyObject* data, Py_ssize_t length) except -1:
    """Put off sending what a transport writes, which is a bytes object; where that is not possible, return False."""
    global held_count, held_bytes, held_loop
    cdef PyObject* loop = SLOT(self, loop_place)
    if length > LARGEST_HELD or (held_count and held_loop is not loop):
        return False
    if loop is NULL or (<PyObject*>Py_TYPE(loop) is not loops_that_put_off and not is_loop_that_puts_off(loop)):
        return False
    if SLOT(self, high_place) is not high_enough and not is_high_enough(SLOT(self, high_place)):
        return False
    if held_count == MOST_HELD or held_bytes + length > MOST_BYTES_HELD:
        send_what_is_held(loop)
    if not core.put_off(loop, <AsyncioAtEnd>send_what_is_held):
        return False
    Py_INCREF(<object>self)
    Py_INCREF(<object>data)
    held[held_count].transport = self
    held[held_count].data = data
    held_count += 1
    held_bytes += length
    held_loop = loop
    return True


cdef int send_what_is_held(PyObject* loop) except -1:
    """Send it. What is called where that fails may write, and with it come here again."""
    global held_first, held_count, held_bytes
    cdef int begin, count, status = 0
    while status == 0 and held_first < held_count:
        begin = held_first
        count = 1
        while begin + count < held_count and held[begin + count].transport is held[begin].transport:
            count += 1
        held_first += count
        status = send_those(begin, count)
    if status < 0:
        return send_rest_after_failure(loop)
    held_first = held_count = 0
    held_bytes = 0
    return 0


ctypedef int (*sending_held)(PyObject*) noexcept
ctypedef int (*sending_pieces)(const Held*, int) noexcept


cdef int send_rest_after_failure(PyObject* loop) except -1:
    """Send what else there is. What ends the program takes nothing with it that was written."""
    cdef PyObject* error = caught()
    if (<sending_held>send_what_is_held)(loop) < 0:
        take_error()
    put_back(error)
    return raise_what_is_set()


cdef int send_those(int begin, int count) except -1:
    """Send pieces of one transport. Their places may be taken by others meanwhile."""
    cdef Held pieces[MOST_HELD]
    cdef int n, status
    for n in range(count):
        pieces[n] = held[begin + n]
    status = (<sending_pieces>send_pieces_held)(pieces, count)
    for n in range(count):
        Py_DECREF(<object>pieces[n].transport)
        Py_DECREF(<object>pieces[n].data)
    return status


cdef int send_pieces_held(const Held* pieces, int count) except -1:
    cdef PyObject* self = pieces[0].transport
    cdef Py_ssize_t sent, size = size_of_held(pieces, count)
    cdef int n, fd, failed
    if not is_free(self):
        for n in range(count):
            pure_write(<object>self, <object>pieces[n].data)
        return 0
    fd = DESCRIPTOR_OF(SLOT(self, sock_place))
    sent = send_all_held(fd, pieces, count)
    failed = errno
    if sent < 0 and not is_not_now(failed):
        (<object>self)._write_failed(system_error(failed))
    elif sent < size:
        (<object>self)._keep_lines([<object>pieces[n].data for n in range(count)], sent if sent > 0 else 0)
    return 0


cdef inline int send_held_of(PyObject* self) except -1:
    """Send what the transport's loop has put off, before something else is done to the transport."""
    if held_count and held_loop is SLOT(self, loop_place):
        send_what_is_held(held_loop)
    return 0


cdef PyObject* send_held_method(PyObject* self, PyObject* nothing) except NULL:
    send_held_of(self)
    Py_INCREF(None)
    return Py_None


cdef PyMethodDef send_held_definition
send_held_definition.ml_name = b"_send_held"
send_held_definition.ml_meth = <void*>send_held_method
send_held_definition.ml_flags = METH_NOARGS
send_held_definition.ml_doc = b"_send_held($self, /)\n--\n\nSend what was put off."
