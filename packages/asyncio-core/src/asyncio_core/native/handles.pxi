# Handle and TimerHandle. The pure forms are in asyncio_core.scheduling.handles.


cdef object stack_here():
    """Return the stack of whoever is calling, for debug mode."""
    from asyncio_core.format_helpers import extract_stack

    return extract_stack(sys._getframe())


cdef class Handle:
    """A callback that is waiting to run, as returned by `loop.call_soon()` and its kin.

    `callback` will be called with the positional arguments `args` in `context`, or, where that is
    None, in a copy of the context (`contextvars`) that is current when the handle is made. See
    PEP 3156 and PEP 567.
    """

    cdef public object _callback
    cdef public object _args
    cdef public object _context
    cdef object loop
    cdef public object _repr
    cdef public object _source_traceback
    # Whether the loop is one of ours, whose fields can be read.
    cdef Flag loop_is_ours
    cdef Flag is_cancelled
    # Two of TimerHandle's: beside the others they take no room. Whether its time is what was given, and whether it
    # lies among the timers that the pure form keeps.
    cdef Flag was_given
    cdef Flag listed
    cdef object __weakref__

    def __init__(self, callback, args, loop, context=None):
        self._context = own_context_for(context)
        self._callback = callback
        self._args = args
        self.loop = loop
        self._repr = None
        self._source_traceback = stack_here() if loop.get_debug() else None

    @property
    def _cancelled(self):
        return self.is_cancelled != 0

    @_cancelled.setter
    def _cancelled(self, value):
        self.is_cancelled = 1 if value else 0

    @property
    def _loop(self):
        return self.loop

    @_loop.setter
    def _loop(self, loop):
        if isinstance(self, TimerHandle) and (<TimerHandle>self).place >= 0:
            raise AttributeError("a timer that its loop keeps cannot be given to another loop")
        self.loop = loop
        self.loop_is_ours = False

    def _repr_info(self):
        return known["_PyHandle"]._repr_info(self)

    def __repr__(self):
        return self._repr or f"<{' '.join(self._repr_info())}>"

    def get_context(self):
        """Return the context (`contextvars.Context`) in which the callback runs.

        Added in Python 3.12.
        """
        return self._context

    def cancel(self):
        """Make sure that the callback does not run.

        Nothing happens where it has run already or was cancelled before.
        """
        cancel_handle(self)

    def cancelled(self):
        """Return True where the handle was cancelled."""
        return self.is_cancelled != 0

    def _run(self):
        """Call the callback in its context; what it raises goes to the loop's exception handler."""
        run_handle(self)


cdef int cancel_handle(Handle handle) except -1:
    if handle.is_cancelled:
        return 0
    handle.is_cancelled = True
    # While the interpreter ends there are no more reports, and what shows a callback may not be importable.
    debug = (<CompiledTurn>handle.loop).debug if handle.loop_is_ours else handle.loop.get_debug()
    if debug and not Py_IsFinalizing():
        # Callback and arguments are dropped below; slow-callback reports still want them.
        handle._repr = f"<{' '.join(handle._repr_info())}>"
    handle._callback = None
    handle._args = None
    return 0


cdef int run_handle(Handle handle) except -1:
    """Call what a handle holds, in its context. Fails with what ends the loop's run, and with that only."""
    cdef PyObject* result = NULL
    # What runs may cancel the handle, which then lets go of all that it holds.
    context = handle._context
    callback = handle._callback
    args = handle._args
    if type(args) is not tuple or not PyContext_CheckExact(context):
        return run_odd_handle(handle, context, callback, args)
    if PyContext_Enter(<PyObject*>context) == 0:
        result = call_with(<PyObject*>callback, <PyObject*>args)
        if PyContext_Exit(<PyObject*>context) < 0:
            Py_XDECREF(result)
            result = NULL
    if result is not NULL:
        Py_DECREF(<object>result)
        return 0
    return report_from(handle)


cdef int run_odd_handle(Handle handle, object context, object callback, object args) except -1:
    """Do the same for arguments or a context that somebody else has put there."""
    cdef PyObject* result
    run = context.run
    given = (callback, *args)
    result = PyObject_Call(<PyObject*>run, <PyObject*>given, NULL)
    if result is NULL:
        return report_from(handle)
    Py_DECREF(<object>result)
    return 0


cdef int report_from(Handle handle) except -1:
    """Report the exception that is set as that of a handle's callback; let those through that end the run."""
    if PyErr_ExceptionMatches(SystemExit) or PyErr_ExceptionMatches(KeyboardInterrupt):
        return -1
    tell_of_failure(handle, take_error())
    return 0


cdef int tell_of_failure(Handle handle, object error) except -1:
    """Report an exception, as in an `except` clause: what a handler of exceptions raises has it as its context."""
    cdef int status
    cdef PyObject* former = handle_now(<PyObject*>error)
    status = (<telling>tell)(handle, error)
    handle_no_more(former)
    return status


ctypedef int (*telling)(Handle, object) noexcept


cdef int tell(Handle handle, object error) except -1:
    known["_PyHandle"]._report(handle, error)
    return 0


cdef object new_handle(object callback, object args, CompiledTurn loop, object context):
    """Make a handle, outside of debug mode."""
    cdef PyObject* handle
    cdef PyObject* where = context_for(<PyObject*>context)
    if where is NULL:
        raise_what_is_set()
    handle = handle_alloc(TYPE_OF(Handle), 0)
    if handle is NULL:
        Py_DECREF(<object>where)
        raise MemoryError
    FILL_HANDLE(handle, <PyObject*>callback, <PyObject*>args, <PyObject*>loop, where)
    made = <Handle>handle
    Py_DECREF(made)
    made.loop_is_ours = loop is not None
    return made


cdef class TimerHandle(Handle):
    """A callback that is due at a time, as returned by `loop.call_later()` and `loop.call_at()`.

    Timer handles order by their time. Source: PEP 3156.
    """

    cdef double moment
    # What was given as time, where that was no float.
    cdef object given
    # Counts the timers of a loop, so that those of one moment keep their order.
    cdef public uint64_t _number
    # Its place in the loop's heap, -1 outside of it.
    cdef Py_ssize_t place

    def __cinit__(self):
        self.place = -1

    def __init__(self, when, callback, args, loop, context=None):
        Handle.__init__(self, callback, args, loop, context)
        self._when = when

    @property
    def _when(self):
        return self.given if self.was_given else self.moment

    @_when.setter
    def _when(self, when):
        if PyFloat_CheckExact(when):
            self.moment = PyFloat_AS_DOUBLE(when)
            self.given = None
            self.was_given = False
        else:
            self.given = when
            self.was_given = True

    @property
    def _scheduled(self):
        return self.listed != 0 or self.place >= 0

    @_scheduled.setter
    def _scheduled(self, value):
        self.listed = 1 if value else 0

    def _repr_info(self):
        words = Handle._repr_info(self)
        words.insert(2 if self.is_cancelled else 1, f"when={self._when}")
        return words

    def when(self):
        """Return the time at which the callback is due, in seconds of `loop.time()`."""
        return self._when

    def cancel(self):
        """Make sure that the callback does not run; the loop forgets the timer in time."""
        if not self.is_cancelled:
            timer_is_cancelled(self)
        cancel_handle(self)

    def __hash__(self):
        return hash(self._when)

    def __richcmp__(self, other, int kind):
        if not isinstance(other, TimerHandle):
            return NotImplemented
        mine = self._when
        its = (<TimerHandle>other)._when
        if kind == Py_LT:
            return mine < its
        if kind == Py_GT:
            return mine > its
        same = self is other or (
            mine == its
            and self._callback == (<TimerHandle>other)._callback
            and self._args == (<TimerHandle>other)._args
            and self.is_cancelled == (<TimerHandle>other).is_cancelled
        )
        if kind == Py_EQ:
            return same
        if kind == Py_NE:
            return not same
        if kind == Py_LE:
            return mine < its or same
        return mine > its or same


ctypedef int (*running_handle)(Handle) noexcept


cdef class _ThreadSafeHandle(Handle):
    """The handle that `loop.call_soon_threadsafe()` returns.

    Another thread may cancel it while the loop is about to run it. It is one or the other: after `cancel()` returns,
    the callback has run or never will. The pure form has a lock for that; here it is made where one has to wait.
    """

    # The thread that runs it just now, 0 for none.
    cdef unsigned long runner
    # Locks that are let go of when it has run.
    cdef list waiting

    def cancel(self):
        """Make sure that the callback does not run; waits while it is running right now."""
        wait_until_run(self)
        cancel_handle(self)

    def cancelled(self):
        """Return True where the handle was cancelled."""
        wait_until_run(self)
        return self.is_cancelled != 0

    def _run(self):
        # Cancelled after the loop looked at the flag.
        if not self.is_cancelled:
            run_for_other_threads(self, <running_handle>run_as_others)


cdef int wait_until_run(_ThreadSafeHandle handle) except -1:
    """Wait while another thread runs the handle."""
    while handle.runner != 0 and handle.runner != PyThread_get_thread_ident():
        turnstile = allocate_lock()
        turnstile.acquire()
        # Nothing since the look at the runner gave way to another thread.
        if handle.waiting is None:
            handle.waiting = []
        handle.waiting.append(turnstile)
        turnstile.acquire()
    return 0


cdef int run_for_other_threads(_ThreadSafeHandle handle, running_handle run) except -1:
    cdef int status
    cdef unsigned long before = handle.runner
    handle.runner = PyThread_get_thread_ident()
    status = run(handle)
    handle.runner = before
    if before == 0 and handle.waiting is not None:
        (<letting_go>let_go)(handle)
    return status


cdef int run_as_others(Handle handle) except -1:
    """Run a handle as those without a thread to look after: also where somebody has replaced what does that."""
    if handles_are_plain():
        return run_handle(handle)
    Handle._run(handle)
    return 0


ctypedef void (*letting_go)(_ThreadSafeHandle) noexcept


cdef void let_go(_ThreadSafeHandle handle) noexcept:
    """Let go of those that wait for the handle; what its callback has raised stays set."""
    cdef PyObject* error = caught()
    waiting, handle.waiting = handle.waiting, None
    for turnstile in waiting:
        turnstile.release()
    if error is not NULL:
        put_back(error)
