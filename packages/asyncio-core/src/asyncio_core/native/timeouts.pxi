# Timeout and timeout(). The pure form is in asyncio_core.awaiting.timeouts; what goes wrong is looked after there.

cdef extern from *:
    """
    /* As the interpreter does for its coroutines; called while an object goes away. */
    static void warn_never_awaited(int inward) {
        PyObject *error = caught();
        const char *name = inward ? "__aenter__" : "__aexit__";
        if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "coroutine 'Timeout.%s' was never awaited", name) < 0)
            PyErr_WriteUnraisable(NULL);
        if (error != NULL) put_back(error);
    }
    """
    void warn_never_awaited(bint) noexcept


cdef enum TimeoutState:
    CREATED = 0
    ENTERED = 1
    EXPIRING = 2
    EXPIRED = 3
    EXITED = 4

cdef object TIMEOUT_STATES = ("created", "active", "expiring", "expired", "finished")


cdef class Timeout:
    """An asynchronous context manager that cancels its block at a moment of the loop's clock.

    Made by `timeout()` and `timeout_at()`. Added in Python 3.11.
    """

    # When it is over: a number on the loop's clock, or whatever was given, None among it.
    cdef double moment
    cdef object given
    cdef bint is_number
    cdef object task
    cdef object alarm
    cdef object cancels_before
    cdef TimeoutState state
    cdef PyObject* own_dict
    cdef object __weakref__

    __final__ = True

    def __init__(self, when):
        """Make a timeout for the moment `when` (seconds on ``loop.time()``; None: never).

        Raises ValueError for NaN, TypeError for what is no number.
        """
        if when is not None and not PyFloat_CheckExact(when):
            known["check_moment"](when)
        self.state = CREATED
        self.task = None
        set_moment(self, when)

    def __dealloc__(self):
        Py_CLEAR(self.own_dict)

    def when(self):
        """Return the moment at which the block is cancelled, None for never."""
        return self.moment if self.is_number else self.given

    def reschedule(self, when):
        """Move the deadline to `when` (seconds on ``loop.time()``; None: never).

        A moment in the past ends the block as soon as it waits. Raises RuntimeError outside of the
        block and once the deadline has passed; ValueError for NaN, and the deadline stays as it was.
        """
        if self.state != ENTERED:
            if self.state == CREATED:
                raise RuntimeError("Timeout has not been entered")
            raise RuntimeError(f"Cannot change state of {TIMEOUT_STATES[self.state]} Timeout")
        if when is not None:
            known["check_moment"](when)
        alarm, self.alarm = self.alarm, None
        if alarm is not None:
            alarm.cancel()
        set_moment(self, when)
        set_alarm(self, get_running_loop())

    def expired(self):
        """Tell whether the deadline has passed within the block."""
        return self.state == EXPIRING or self.state == EXPIRED

    def __repr__(self):
        detail = ""
        if self.state == ENTERED:
            when = self.when()
            detail = f" when={when if when is None else round(when, 3)}"
        return f"<Timeout [{TIMEOUT_STATES[self.state]}]{detail}>"

    def __aenter__(self):
        """Start the clock. Raises RuntimeError outside of a task and on a second entry."""
        return crossing(self, True, None)

    def __aexit__(self, exc_type, exc_val, exc_tb):
        """Stop the clock. Raises TimeoutError where the block ended because of it."""
        return crossing(self, False, exc_val)

    def _on_timeout(self):
        """Cancel the block: the deadline has come."""
        self.alarm = None
        self.state = EXPIRING
        if self.task is not None:
            self.task.cancel()

    @staticmethod
    def _insert_timeout_error(exc_val):
        known["_blame_timeout"](exc_val)


cdef int set_moment(Timeout timeout, object when) except -1:
    timeout.is_number = PyFloat_CheckExact(when)
    if timeout.is_number:
        timeout.moment = PyFloat_AS_DOUBLE(when)
        timeout.given = None
        if timeout.moment != timeout.moment:
            known["check_moment"](when)
    else:
        timeout.given = when
    return 0


cdef int set_alarm(Timeout timeout, object loop) except -1:
    """Have the loop end the block in time; at once where the time has come."""
    cdef CompiledTurn turn
    if timeout.is_number and running_is_ours and <PyObject*>loop is running_loop:
        turn = <CompiledTurn>loop
        if keeps_time_plainly(turn) and timeout.moment > now(turn):
            timeout.alarm = new_timer(turn, timeout.moment, ON_TIMEOUT, (timeout,), None)
            return 0
    when = timeout.when()
    if when is None:
        timeout.alarm = None
    elif when > loop.time():
        timeout.alarm = loop.call_at(when, ON_TIMEOUT, timeout)
    else:
        # Without the timer's detour: a block that yields but once is still ended.
        timeout.alarm = loop.call_soon(ON_TIMEOUT, timeout)
    return 0


cdef int enter(Timeout timeout) except -1:
    if timeout.state != CREATED:
        raise RuntimeError("Timeout has already been entered")
    # Both by the names that others may put something else in the place of.
    loop = <object>running_loop if running_loop is not NULL else timeout_names["get_running_loop"]()
    task = current_of(loop) if running_loop is not NULL else timeout_names["current_task"]()
    if task is None:
        raise RuntimeError("Timeout should be used inside a task")
    timeout.task = task
    timeout.cancels_before = (
        (<Task>task)._num_cancels_requested if type(task) is Task else task.cancelling()
    )
    timeout.state = ENTERED
    return set_alarm(timeout, loop)


cdef int leave(Timeout timeout, object error) except -1:
    task, timeout.task = timeout.task, None
    if timeout.state == ENTERED:
        timeout.state = EXITED
        alarm, timeout.alarm = timeout.alarm, None
        if type(alarm) is TimerHandle:
            cancel_timer(<TimerHandle>alarm)
        elif alarm is not None:
            alarm.cancel()
        return 0
    if timeout.state != EXPIRING or task is None:
        return 0
    timeout.state = EXPIRED
    if task.uncancel() > timeout.cancels_before or error is None:
        return 0  # The task is cancelled from outside too, or the block got through.
    if isinstance(error, CancelledError):
        expiry = TimeoutError()
        expiry.__cause__ = error
        raise_it(expiry)
    known["_blame_timeout"](error)
    return 0


cdef int cancel_timer(TimerHandle timer) except -1:
    if not timer.is_cancelled:
        timer_is_cancelled(timer)
    return cancel_handle(timer)


@cython.final
@cython.freelist(32)
cdef class TimeoutCrossing:
    """What `async with` awaits on the way into a timeout's block and out of it. It never waits.

    A coroutine to whoever asks; but none has to be made.
    """

    cdef Timeout timeout
    cdef object error
    cdef bint inward
    cdef bint begun

    def __dealloc__(self):
        if not self.begun and not Py_IsFinalizing():
            warn_never_awaited(self.inward)

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def send(self, value, /):
        """Begin, and end with the result as a StopIteration; what is sent means nothing."""
        cross(<PyObject*>self)
        if PyErr_Occurred() is NULL:
            PyErr_SetNone(PyExc_StopIteration)
        raise_what_is_set()

    def throw(self, kind, value=None, trace=None, /):
        """End with an exception: the one that is given, or one of the class `kind`."""
        self.begun = True
        raise_it(exception_from(kind, value, trace))

    def close(self):
        """End without having begun."""
        self.begun = True


cdef TimeoutCrossing crossing(Timeout timeout, bint inward, object error):
    cdef TimeoutCrossing made = TimeoutCrossing.__new__(TimeoutCrossing)
    made.timeout = timeout
    made.inward = inward
    made.error = error
    return made


cdef PyObject* cross(PyObject* op) noexcept:
    """Enter or leave the block; then end, with NULL: without an exception that is an end with None."""
    cdef TimeoutCrossing made = <TimeoutCrossing>op
    if made.begun:
        PyErr_SetString(PyExc_RuntimeError, b"cannot reuse already awaited coroutine")
        return NULL
    made.begun = True
    error, made.error = made.error, None
    if not made.inward:
        (<leaving_block>leave)(made.timeout, error)
    elif (<entering_block>enter)(made.timeout) == 0:
        return stop_with(<PyObject*>made.timeout)
    return NULL


ctypedef int (*entering_block)(Timeout) noexcept
ctypedef int (*leaving_block)(Timeout, object) noexcept


def timeout_after(delay, /):
    """Return a timeout that is over in `delay` seconds; None: never."""
    cdef Timeout made
    cdef double seconds
    cdef PyObject* when
    if running_is_ours:
        seconds = PyFloat_AS_DOUBLE(delay) if PyFloat_CheckExact(delay) else as_double(delay)
        if seconds == seconds:
            made = Timeout.__new__(Timeout)
            made.moment = now(<CompiledTurn>running_loop) + seconds
            made.is_number = True
            return made
    if delay is None:
        return Timeout(None)
    moment = timeout_names["get_running_loop"]().time()
    when = PyNumber_Add(<PyObject*>moment, <PyObject*>delay)
    if when is NULL:
        error = take_error()
        if isinstance(error, TypeError):
            # A decimal does not add to the clock, but its NaN is named as that of others is.
            known["check_moment"](delay, "delay")
        raise_it(error)
    after = <object>when
    Py_DECREF(after)
    return Timeout(after)
