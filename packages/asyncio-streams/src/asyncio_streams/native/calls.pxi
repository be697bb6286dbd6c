# What read() and its kin, and drain(), return: an awaitable in place of a coroutine.
#
# It does by itself what the functions of asyncio_streams.reader and writer do where all is as usual. Everything else it
# leaves to them, and becomes a shell around their coroutine: that starts anew, which is no harm, as a read that waits
# has taken nothing yet.

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF

cdef extern from "native/exceptions.h":
    PyObject* stop_with(PyObject*) noexcept
    PyObject* caught() noexcept
    void raise_object(PyObject*) noexcept

cdef extern from "native/interface.h":
    enum:
        ASYNCIO_PENDING
        ASYNCIO_FINISHED
    ctypedef struct AsyncioReceiver:
        pass
    ctypedef struct AsyncioCore:
        int (*in_debug_mode)(PyObject*) noexcept
        PyObject* (*new_future)(PyObject*) noexcept
        int (*state)(PyObject*) noexcept
        int (*offer)(PyObject*) noexcept
        int (*know_receiver)(PyTypeObject*, const AsyncioReceiver*) noexcept
    const AsyncioCore* asyncio_core_interface() noexcept

cdef extern from *:
    """
    #define METHODS_OF "asyncio_streams"
    """

cdef extern from "native/methods.h":
    ctypedef struct TwinMethod:
        int kind
    ctypedef PyObject* (*MethodBody)(TwinMethod*, PyObject**, Py_ssize_t) noexcept
    int put_method(object, const char*, MethodBody, int, const char*) except -1

cdef extern from "native/slots.h":
    ctypedef struct ReaderSlots:
        Py_ssize_t limit, loop, buffer, eof, exception, transport, paused, waiter, wanted
    ctypedef struct ProtocolSlots:
        Py_ssize_t paused, connection_lost, reader
    ctypedef struct WriterSlots:
        Py_ssize_t transport, protocol, reader, loop
    ctypedef struct Watched:
        pass
    ReaderSlots in_reader
    ProtocolSlots in_protocol
    WriterSlots in_writer
    PyObject* SLOT(PyObject*, Py_ssize_t) noexcept
    void set_slot(PyObject*, Py_ssize_t, PyObject*) noexcept
    Py_ssize_t offset_of(object, const char*) except 0
    int watch(Watched*, object, object) except -1
    bint is_plain(Watched*, PyObject*) noexcept

cdef extern from "native/buffer.h":
    enum:
        TAKE
        WAIT
        TOO_FEW
        TOO_FAR
        OTHERWISE
        READ
        READ_EXACTLY
        READ_LINE
        READ_UNTIL
        NEXT_LINE
        DRAIN
    int look(PyObject*, int, bint, Py_ssize_t, PyObject*, Py_ssize_t*, Py_ssize_t*) noexcept
    bint are_short_separators(PyObject*) noexcept
    PyObject* take_first(PyObject*, Py_ssize_t) noexcept
    Py_ssize_t SIZE_OF(PyObject*) noexcept

cdef extern from "native/feeding.h":
    const AsyncioCore* core
    Watched reading, feeding, asking, lining, receiving, writing, draining
    const AsyncioReceiver receiver
    PyObject* feed_data(TwinMethod*, PyObject**, Py_ssize_t) noexcept
    PyObject* data_received(TwinMethod*, PyObject**, Py_ssize_t) noexcept

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    PySendResult PyIter_Send(PyObject*, PyObject*, PyObject**) noexcept
    PyObject* PyObject_CallMethodNoArgs(PyObject*, PyObject*) noexcept
    PyObject* PyObject_CallMethodOneArg(PyObject*, PyObject*, PyObject*) noexcept
    int PyObject_IsTrue(PyObject*) noexcept
    bint PyLong_CheckExact(PyObject*) noexcept
    bint PyBytes_CheckExact(PyObject*) noexcept
    Py_ssize_t PyBytes_GET_SIZE(PyObject*) noexcept
    Py_ssize_t PyLong_AsSsize_t(PyObject*) noexcept
    PyObject* PyErr_Occurred() noexcept
    void PyErr_Clear() noexcept
    void PyErr_SetNone(PyObject*) noexcept
    PyObject* PyExc_StopIteration
    PyObject* PyExc_StopAsyncIteration
    PyObject* Py_None
    PyObject* Py_True
    PyObject* Py_False

cdef extern from *:
    """
    /* As the interpreter does for its coroutines; called while an object goes away. */
    static void warn_never_awaited(PyObject *method) {
        PyObject *error = caught();
        PyObject *name = ((TwinMethod *)method)->pure == NULL
                             ? NULL : PyObject_GetAttrString(((TwinMethod *)method)->pure, "__qualname__");
        if (name == NULL ||
            PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "coroutine '%S' was never awaited", name) < 0)
            PyErr_WriteUnraisable(method);
        Py_XDECREF(name);
        if (error != NULL) put_back(error);
    }
    /* A new object of a class of this module, without an exception to be passed on. */
    static PyObject *new_of(PyObject *kind, PyObject *nothing) {
        return ((PyTypeObject *)kind)->tp_new((PyTypeObject *)kind, nothing, NULL);
    }
    #define PURE_OF(method) (((TwinMethod *)(method))->pure)

    /* What drives a call without looking for its methods by name. */
    static void set_driving(PyObject *kind, void *advance, void *send) {
        PyTypeObject *type = (PyTypeObject *)kind;
        type->tp_iternext = (iternextfunc)advance;
        type->tp_as_async->am_send = (sendfunc)send;
        PyType_Modified(type);
    }
    """
    void warn_never_awaited(PyObject*) noexcept
    PyObject* new_of(object, tuple) noexcept
    PyObject* PURE_OF(object) noexcept
    void set_driving(object, void*, void*) noexcept

import sys
from collections.abc import Coroutine

from asyncio_core.exceptions import IncompleteReadError, LimitOverrunError


cdef enum CallState:
    CREATED = 0
    WAITING = 1
    # A coroutine of Python does the rest.
    LEFT = 2
    ENDED = 3


@cython.final
@cython.freelist(64)
cdef class StreamCall:
    """A read, or a drain(). It is a coroutine to whoever asks."""

    # The reader, or the writer.
    cdef object stream
    cdef object method
    # What was given besides, or None.
    cdef object argument
    # What it waits for: a future, or the coroutine of Python that does the rest.
    cdef object waiter
    cdef Py_ssize_t number
    cdef Py_ssize_t searched
    cdef char kind
    cdef char state

    def __dealloc__(self):
        if self.state == CREATED:
            if self.method is not None and not sys.is_finalizing():
                warn_never_awaited(<PyObject*>self.method)
        elif self.state == WAITING and self.stream is not None:
            let_go(self)

    @property
    def __name__(self):
        return (<object>PURE_OF(self.method)).__name__

    @property
    def __qualname__(self):
        return (<object>PURE_OF(self.method)).__qualname__

    def __repr__(self):
        return f"<coroutine object {self.__qualname__} at {<Py_ssize_t><PyObject*>self:#x}>"

    # What is asked of coroutines: by tools, and where a call graph is drawn.

    @property
    def cr_await(self):
        return self.waiter

    @property
    def cr_frame(self):
        return self.waiter.cr_frame if self.state == LEFT else None

    @property
    def cr_running(self):
        return False

    @property
    def cr_suspended(self):
        return self.state == WAITING or self.state == LEFT

    @property
    def cr_origin(self):
        return None

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def send(self, value, /):
        """Begin, or go on; what is sent means nothing."""
        cdef PyObject* given = NULL
        if value is not None and self.state == CREATED:
            raise TypeError("can't send non-None value to a just-started coroutine")
        how = go(self, &given)
        result = <object>given
        Py_DECREF(result)
        if how == PYGEN_NEXT:
            return result
        raise_it(StopIteration() if result is None else StopIteration(result))

    def throw(self, kind, value=None, trace=None, /):
        """Go on with an exception: the one that is given, or one of the class `kind`."""
        cdef PyObject* given
        if self.state == ENDED:
            raise RuntimeError("cannot reuse already awaited coroutine")
        error = exception_from(kind, value, trace)
        if self.state == LEFT:
            given = PyObject_CallMethodOneArg(<PyObject*>self.waiter, <PyObject*>THROW, <PyObject*>error)
            if given is NULL:
                end(self)
                raise_what_is_set()
            result = <object>given
            Py_DECREF(result)
            return result
        if self.state == WAITING:
            let_go(self)
            if self.kind == READ_LINE or self.kind == NEXT_LINE:
                end_line_with(self, error)
        end(self)
        raise_it(error)

    def close(self):
        """End."""
        if self.state == WAITING:
            let_go(self)
        waiter = self.waiter if self.state == LEFT else None
        end(self)
        if waiter is not None:
            waiter.close()


cdef object THROW = sys.intern("throw")
cdef object IS_CLOSING = sys.intern("is_closing")


cdef int raise_what_is_set() except -1:
    return -1


cdef int raise_it(object error) except -1:
    """Raise an exception object from where the program is."""
    raise_object(<PyObject*>error)
    return -1


cdef object exception_from(object kind, object value, object trace):
    """Return the exception that the arguments of a generator's throw() stand for."""
    if isinstance(kind, BaseException):
        if value is not None:
            raise TypeError("instance exception may not have a separate value")
        error = kind
    elif isinstance(kind, type) and issubclass(kind, BaseException):
        if value is None:
            error = kind()
        elif isinstance(value, kind):
            error = value
        elif isinstance(value, tuple):
            error = kind(*value)
        else:
            error = kind(value)
    else:
        raise TypeError(
            f"exceptions must be classes or instances deriving from BaseException, not {type(kind).__name__}"
        )
    if trace is not None:
        error.__traceback__ = trace
    return error


cdef inline void end(StreamCall call) noexcept:
    call.state = ENDED
    call.stream = call.argument = call.waiter = None


cdef void let_go(StreamCall call) noexcept:
    """Wait no longer."""
    if SLOT(<PyObject*>call.stream, in_reader.waiter) is <PyObject*>call.waiter:
        set_slot(<PyObject*>call.stream, in_reader.waiter, Py_None)
    call.waiter = None


cdef int end_line_with(StreamCall call, object error) except -1:
    """Do what readline() does about the exceptions of readuntil(), should the stream have ended with one of them."""
    if isinstance(error, IncompleteReadError):
        line = error.partial
        ends = call.kind == NEXT_LINE and not line
        end(call)
        raise_it(StopAsyncIteration() if ends else StopIteration(line))
    if isinstance(error, LimitOverrunError):
        reader = call.stream
        end(call)
        reader._take(error.consumed + 1)
        # As `from None` does.
        refusal = ValueError(error.args[0])
        refusal.__context__ = error
        refusal.__suppress_context__ = True
        raise_it(refusal)
    return 0


# The way in: what the methods call.

cdef PyObject* given_call(TwinMethod* method, PyObject* stream, PyObject* argument, Py_ssize_t number) noexcept:
    cdef PyObject* made = new_of(StreamCall, ())
    cdef StreamCall call
    if made is NULL:
        return NULL
    call = <StreamCall>made
    call.kind = method.kind
    call.stream = <object>stream
    call.method = <object><PyObject*>method
    call.argument = <object>argument
    call.number = number
    return made


cdef inline bint in_debug_mode(PyObject* loop) noexcept:
    cdef int answer
    if loop is NULL:
        return True
    answer = core.in_debug_mode(loop)
    if answer < 0:
        # The function of Python asks again, should it matter.
        PyErr_Clear()
        return True
    return answer


cdef PyObject* begin_read(TwinMethod* method, PyObject** args, Py_ssize_t count) noexcept:
    """read() and readexactly()."""
    cdef Py_ssize_t number = -1
    cdef PyObject* argument = Py_None
    if count == 2:
        argument = args[1]
        if not PyLong_CheckExact(argument):
            return NULL
        number = PyLong_AsSsize_t(argument)
        if number == -1 and PyErr_Occurred() is not NULL:
            PyErr_Clear()
            return NULL
    elif count != 1 or method.kind != READ:
        return NULL
    if number < 0 and method.kind != READ:
        return NULL
    if not is_plain(&reading, args[0]) or in_debug_mode(SLOT(args[0], in_reader.loop)):
        return NULL
    return given_call(method, args[0], argument, number)


cdef PyObject* begin_line(TwinMethod* method, PyObject** args, Py_ssize_t count) noexcept:
    """readline() and __anext__()."""
    if count != 1 or not is_plain(&reading if method.kind == READ_LINE else &lining, args[0]):
        return NULL
    if in_debug_mode(SLOT(args[0], in_reader.loop)):
        return NULL
    return given_call(method, args[0], Py_None, 0)


cdef PyObject* begin_until(TwinMethod* method, PyObject** args, Py_ssize_t count) noexcept:
    """readuntil()."""
    cdef PyObject* separator
    if count == 2:
        separator = args[1]
    elif count == 1:
        separator = <PyObject*>NEWLINE
    else:
        return NULL
    if not are_short_separators(separator):
        return NULL
    if not is_plain(&reading, args[0]) or in_debug_mode(SLOT(args[0], in_reader.loop)):
        return NULL
    return given_call(method, args[0], separator, 0)


cdef object NEWLINE = b"\n"


cdef PyObject* begin_drain(TwinMethod* method, PyObject** args, Py_ssize_t count) noexcept:
    if count != 1 or not is_plain(&writing, args[0]) or in_debug_mode(SLOT(args[0], in_writer.loop)):
        return NULL
    return given_call(method, args[0], Py_None, 0)


# The way on.

cdef PyObject* advance(PyObject* op) noexcept:
    """Go on; NULL without an exception is an end with None."""
    cdef PyObject* given = NULL
    cdef int how = (<going>go)(<StreamCall>op, &given)
    if how == PYGEN_RETURN:
        stop_with(given)
        Py_DECREF(<object>given)
        return NULL
    return given


cdef PySendResult send_to(PyObject* op, PyObject* value, PyObject** result) noexcept:
    result[0] = NULL
    return <PySendResult>(<going>go)(<StreamCall>op, result)


ctypedef int (*going)(StreamCall, PyObject**) noexcept


cdef int go(StreamCall call, PyObject** given) except -1:
    """Go on up to the next wait, PYGEN_NEXT, or to the end, PYGEN_RETURN."""
    cdef int how
    if call.state == LEFT:
        how = PyIter_Send(<PyObject*>call.waiter, Py_None, given)
    elif call.state == ENDED:
        raise RuntimeError("cannot reuse already awaited coroutine")
    elif call.kind == DRAIN:
        how = (<going>drain)(call, given)
    else:
        how = (<going>read)(call, given)
    if how != PYGEN_NEXT:
        end(call)
    return how


cdef int leave_to_python(StreamCall call, PyObject** given) except -1:
    """Have the function of Python do it, which begins anew."""
    function = <object>PURE_OF(call.method)
    if call.argument is None:
        coroutine = function(call.stream)
    else:
        coroutine = function(call.stream, call.argument)
    call.waiter = coroutine
    call.state = LEFT
    return PyIter_Send(<PyObject*>coroutine, Py_None, given)


cdef int read(StreamCall call, PyObject** given) except -1:
    cdef PyObject* reader = <PyObject*>call.stream
    cdef bint is_first = call.state == CREATED
    cdef Py_ssize_t count = 0
    cdef int what
    cdef PyObject* data
    if not is_first:
        failed = awake(call)
        if failed is not None:
            return fail(call, failed, given)
    if not is_plain(&reading, reader):
        return leave_to_python(call, given)
    what = look(
        reader, call.kind, is_first, call.number, <PyObject*>call.argument, &call.searched, &count
    )
    if what == WAIT:
        return wait(call, reader, count, given)
    if what != TAKE:
        if not is_first and what != OTHERWISE and SLOT(reader, in_reader.exception) is not Py_None:
            # Python's begins anew, and would see that the stream has failed since this one was woken.
            return fail(call, shortage(call, what, count), given)
        return leave_to_python(call, given)
    data = take_first(SLOT(reader, in_reader.buffer), count)
    if data is NULL:
        return -1
    given[0] = data
    if SLOT(reader, in_reader.paused) is not Py_False:
        resume_after(call.stream, given)
    if count == 0 and call.kind == NEXT_LINE:
        Py_DECREF(<object>data)
        given[0] = NULL
        PyErr_SetNone(PyExc_StopAsyncIteration)
        return -1
    return PYGEN_RETURN


cdef object shortage(StreamCall call, int what, Py_ssize_t count):
    """Return the exception of a read that cannot be done."""
    if what == TOO_FAR:
        return LimitOverrunError("the separator is not found within the limit", count)
    return IncompleteReadError(call.stream._take(), call.number if call.kind == READ_EXACTLY else None)


cdef int fail(StreamCall call, object error, PyObject** given) except -1:
    """End with an exception, or with what readline() makes of it."""
    if call.kind == READ_LINE or call.kind == NEXT_LINE:
        if isinstance(error, IncompleteReadError) and (call.kind == READ_LINE or error.partial):
            line = error.partial
            Py_INCREF(line)
            given[0] = <PyObject*>line
            return PYGEN_RETURN
        end_line_with(call, error)
    raise_it(error)


cdef int resume_after(object reader, PyObject** given) except -1:
    """Let the transport go on after a read, as far as it got."""
    cdef PyObject* done = PyObject_CallMethodNoArgs(<PyObject*>reader, <PyObject*>RESUME_IF_DOWN)
    if done is NULL:
        Py_DECREF(<object>given[0])
        given[0] = NULL
        return -1
    Py_DECREF(<object>done)
    return 0


cdef object RESUME_IF_DOWN = sys.intern("_maybe_resume_transport")


cdef int wait(StreamCall call, PyObject* reader, Py_ssize_t wanted, PyObject** given) except -1:
    """Wait until the buffer holds so many bytes, or the stream ends."""
    cdef PyObject* future
    cdef object number
    if (
        SLOT(reader, in_reader.waiter) is not Py_None
        or SLOT(reader, in_reader.exception) is not Py_None
        or SLOT(reader, in_reader.loop) is NULL
    ):
        return leave_to_python(call, given)
    if SLOT(reader, in_reader.paused) is not Py_False:
        if SLOT(reader, in_reader.paused) is not Py_True:
            return leave_to_python(call, given)
        call.stream._resume()
    future = core.new_future(SLOT(reader, in_reader.loop))
    if future is NULL:
        return -1
    waiter = <object>future
    Py_DECREF(waiter)
    if not core.offer(future):
        # Of another class, which may have its own way of being awaited.
        return leave_to_python(call, given)
    set_slot(reader, in_reader.waiter, future)
    number = wanted
    set_slot(reader, in_reader.wanted, <PyObject*>number)
    call.waiter = waiter
    call.state = WAITING
    Py_INCREF(waiter)
    given[0] = future
    return PYGEN_NEXT


cdef object awake(StreamCall call):
    """Go on after what was waited for; return the exception that it has come to, or None."""
    cdef int state = core.state(<PyObject*>call.waiter)
    cdef PyObject* result
    waiter = call.waiter
    let_go(call)
    if state == ASYNCIO_PENDING:
        raise RuntimeError("await wasn't used with future")
    if state != ASYNCIO_FINISHED:
        result = PyObject_CallMethodNoArgs(<PyObject*>waiter, <PyObject*>RESULT)
        if result is NULL:
            return owned(caught())
        Py_DECREF(<object>result)
    return None


cdef object RESULT = sys.intern("result")


cdef inline object owned(PyObject* reference):
    """Return what a reference is to that is the caller's own."""
    held = <object>reference
    Py_DECREF(held)
    return held


cdef int drain(StreamCall call, PyObject** given) except -1:
    """Find that there is nothing to wait for, as nearly always."""
    cdef PyObject* writer = <PyObject*>call.stream
    cdef PyObject* reader
    cdef PyObject* protocol
    cdef PyObject* closing
    cdef int answer
    if is_plain(&writing, writer):
        reader = SLOT(writer, in_writer.reader)
        protocol = SLOT(writer, in_writer.protocol)
        if (
            reader is not NULL
            and protocol is not NULL
            and SLOT(writer, in_writer.transport) is not NULL
            and (
                reader is Py_None
                or (is_plain(&asking, reader) and SLOT(reader, in_reader.exception) is Py_None)
            )
            and is_plain(&draining, protocol)
        ):
            closing = PyObject_CallMethodNoArgs(SLOT(writer, in_writer.transport), <PyObject*>IS_CLOSING)
            if closing is NULL:
                return -1
            answer = 0 if closing is Py_False else PyObject_IsTrue(closing)
            Py_DECREF(<object>closing)
            if answer < 0:
                return -1
            if (
                answer == 0
                and SLOT(protocol, in_protocol.connection_lost) is Py_False
                and SLOT(protocol, in_protocol.paused) is Py_False
            ):
                Py_INCREF(None)
                given[0] = Py_None
                return PYGEN_RETURN
    return leave_to_python(call, given)


# A writer's write() and writelines().

cdef extern from *:
    """
    enum { WRITE, WRITE_LINES };

    static PyObject *write_data(TwinMethod *method, PyObject **args, Py_ssize_t count) {
        static PyObject *names[] = {NULL, NULL};
        PyObject **name = &names[method->kind];
        PyObject *result, *transport;
        PyObject *given[3];
        if (count != 2 || !is_plain(&writing, args[0])) return NULL;
        transport = SLOT(args[0], in_writer.transport);
        if (transport == NULL) return NULL;
        if (*name == NULL) *name = PyUnicode_InternFromString(method->kind == WRITE ? "write" : "writelines");
        if (*name == NULL) return NULL;
        given[0] = NULL;
        given[1] = Py_NewRef(transport);
        given[2] = args[1];
        result = PyObject_VectorcallMethod(*name, given + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
        Py_DECREF(transport);
        if (result == NULL) return NULL;
        Py_DECREF(result);
        return Py_NewRef(Py_None);
    }
    """
    enum:
        WRITE
        WRITE_LINES
    PyObject* write_data(TwinMethod*, PyObject**, Py_ssize_t) noexcept
