# Future, and what `await` drives. The pure form is in asyncio_core.awaiting.futures.

cdef enum State:
    PENDING = 0
    CANCELLED = 1
    FINISHED = 2

# Whoever asks compares these by identity.
cdef object STATE_NAMES = ("PENDING", "CANCELLED", "FINISHED")


cdef class Future:
    """The outcome of something that has not happened yet: a result, an exception, or nothing.

    *loop* is the loop that its callbacks run on; by default the running one, else the one that
    ``get_event_loop()`` returns. In debug mode the future remembers where it was made. Not
    thread-safe: other threads go through ``loop.call_soon_threadsafe()``. (PEP 3156.)
    """

    cdef object loop
    # A result, or the exception where it has failed.
    cdef object outcome
    # The first callback, or the task that waits: None, a callable, or a Task. A task needs no context.
    cdef object callback
    cdef object callback_context
    # Further ones: pairs of callable and context, or tasks.
    cdef list more_callbacks
    cdef object cancel_message
    cdef object cancelled_exc
    cdef object exception_tb
    cdef public object _source_traceback
    # Futures that wait for this one without being called back by it.
    cdef object waiters
    cdef PyObject* own_dict  # see WITH_OWN_DICT
    cdef object __weakref__
    cdef char state
    cdef Flag failed
    cdef Flag blocking
    # True from set_exception() until somebody looks at the exception.
    cdef Flag unretrieved
    # Whether the loop is one of ours: then its queue can be written to.
    cdef Flag loop_is_ours

    __class_getitem__ = classmethod(GenericAlias)

    def __init__(self, *, loop=None):
        if self.loop is not None:
            raise RuntimeError(f"{self!r} is already initialized")
        begin_future(self, loop)

    def __dealloc__(self):
        Py_CLEAR(self.own_dict)

    def __repr__(self):
        return known["_future_repr"](self)

    def __del__(self):
        if self.unretrieved:
            report_unretrieved(self)

    def _report_unretrieved(self):
        report_unretrieved(self)

    # What the pure form has as plain attributes.

    @property
    def _state(self):
        return STATE_NAMES[self.state]

    @property
    def _loop(self):
        return self.loop

    @_loop.setter
    def _loop(self, loop):
        self.loop = loop
        self.loop_is_ours = isinstance(loop, CompiledTurn)

    @property
    def _asyncio_future_blocking(self):
        return self.blocking != 0

    @_asyncio_future_blocking.setter
    def _asyncio_future_blocking(self, value):
        self.blocking = 1 if value else 0

    @_asyncio_future_blocking.deleter
    def _asyncio_future_blocking(self):
        raise AttributeError("cannot delete attribute")

    @property
    def _result(self):
        return None if self.failed else self.outcome

    @property
    def _exception(self):
        return self.outcome if self.failed else None

    @property
    def _exception_tb(self):
        return self.exception_tb

    @property
    def _cancel_message(self):
        return self.cancel_message

    @_cancel_message.setter
    def _cancel_message(self, message):
        self.cancel_message = message

    @_cancel_message.deleter
    def _cancel_message(self):
        raise AttributeError("cannot delete attribute")

    @property
    def _cancelled_exc(self):
        return self.cancelled_exc

    @_cancelled_exc.setter
    def _cancelled_exc(self, error):
        self.cancelled_exc = error

    @property
    def _unretrieved(self):
        return self.unretrieved != 0

    @_unretrieved.setter
    def _unretrieved(self, value):
        self.unretrieved = 1 if value else 0

    @property
    def _log_traceback(self):
        return self.unretrieved != 0

    @_log_traceback.setter
    def _log_traceback(self, value):
        if value:
            raise ValueError("_log_traceback can only be set to False")
        self.unretrieved = False

    @_log_traceback.deleter
    def _log_traceback(self):
        raise AttributeError("cannot delete attribute")

    @property
    def _waiters(self):
        return self.waiters

    @_waiters.setter
    def _waiters(self, waiters):
        self.waiters = waiters

    @property
    def _callbacks(self):
        cdef list shown
        if self.callback is None:
            return None
        shown = [shown_callback(self.callback, self.callback_context)]
        for entry in self.more_callbacks or ():
            shown.append(entry if type(entry) is tuple else shown_callback(entry, None))
        return shown

    @property
    def _asyncio_awaited_by(self):
        """The futures and tasks that wait for this one, or None."""
        waiting = set(self.waiters or ())
        for callback, _ in self._callbacks or ():
            waiter = known["_waiter_behind"](callback)
            if waiter is not None:
                waiting.add(waiter)
        return frozenset(waiting) or None

    def get_loop(self):
        """Return the loop this future belongs to. Added in Python 3.7."""
        check_alive(self)
        return self.loop

    def done(self):
        """Tell whether there is an outcome: a result, an exception, or a cancellation."""
        return self.state != PENDING

    def cancelled(self):
        """Tell whether the future was cancelled."""
        return self.state == CANCELLED

    def result(self):
        """Return the result.

        Raises the exception that was set, ``CancelledError`` if the future was cancelled, and
        ``InvalidStateError`` while it is pending.
        """
        if self.state == FINISHED and not self.failed:
            return self.outcome
        if self.state == PENDING:
            raise InvalidStateError("the result is not there yet: the future is pending")
        raise_it(failure_of(self))

    def exception(self):
        """Return the exception that was set, or None after a result.

        Raises ``CancelledError`` if the future was cancelled, ``InvalidStateError`` while it is
        pending.
        """
        if self.state == FINISHED:
            self.unretrieved = False
            return self.outcome if self.failed else None
        if self.state == CANCELLED:
            raise_it(cancelled_error_of(self))
        raise InvalidStateError("no exception can be asked for yet: the future is pending")

    def _make_cancelled_error(self):
        """Return what to raise for a cancelled future.

        A task's own CancelledError is given out once, with its traceback; afterwards, and for
        plain futures, a new one with the message each time. Kept, it would hold the frames.
        """
        return cancelled_error_of(self)

    def _failure(self):
        """Return what ``result()`` would raise for a future that is done; None where it would not."""
        return failure_of(self)

    def cancel(self, msg=None):
        """Cancel the future and schedule its callbacks; return False if it was done before.

        *msg* becomes the argument of the ``CancelledError`` that waiting tasks get.
        """
        check_alive(self)
        return cancel_future(self, msg)

    def set_result(self, result, /):
        """Finish the future with *result* and schedule its callbacks.

        Raises ``InvalidStateError`` if it is done already.
        """
        check_alive(self)
        finish_future(self, result)

    def set_exception(self, exception, /):
        """Finish the future with *exception*, an instance or a class, and schedule its callbacks.

        A ``StopIteration`` would end the generator that waits, so it arrives as the cause of a
        ``RuntimeError`` (as of Python 3.13; before, ``TypeError`` was raised). Raises
        ``InvalidStateError`` if the future is done already.
        """
        check_alive(self)
        fail_future(self, exception)

    def add_done_callback(self, fn, /, *, context=None):
        """Have the loop call ``fn(future)`` when the future is done.

        It runs in *context*, by default a copy of the caller's as it is now. If the future is
        done already, the call is scheduled at once.
        """
        check_alive(self)
        if self.state != PENDING:
            self.loop.call_soon(fn, self, context=context)
            return
        add_callback(self, fn, own_context_for(context))

    def remove_done_callback(self, fn, /):
        """Forget every callback that equals *fn*; return how many there were."""
        check_alive(self)
        return remove_callbacks(self, fn)

    def _schedule_callbacks(self):
        schedule_callbacks(self)

    def __await__(self):
        return iterate(self)

    def __iter__(self):
        return iterate(self)


cdef int begin_future(Future future, object loop) except -1:
    if loop is None:
        loop = known["_loop_in_charge"]()
    if isinstance(loop, CompiledTurn):
        debug = (<CompiledTurn>loop).debug and loop.get_debug()
        future.loop_is_ours = True
    else:
        debug = loop.get_debug()
    future.loop = loop
    if debug:
        future._source_traceback = stack_here()
    return 0


cdef int check_alive(Future future) except -1:
    if future.loop is None:
        raise RuntimeError("Future object is not initialized.")
    return 0


cdef int report_unretrieved(Future future) except -1:
    """Tell the loop's exception handler that nobody ever looked at the exception."""
    context = {
        "message": f"{type(future).__name__} exception was never retrieved",
        "exception": future._exception,
        "future": future,
    }
    if future._source_traceback:
        context["source_traceback"] = future._source_traceback
    if future.loop is not None:
        future.loop.call_exception_handler(context)
    return 0


cdef object shown_callback(object callback, object context):
    """Return a callback as a pair; a task that waits, with what wakes it."""
    if context is None:
        return waker_of(<Task>callback), (<Task>callback).context
    return callback, context


cdef object cancelled_error_of(Future future):
    error = future.cancelled_exc
    if error is not None:
        future.cancelled_exc = None
        return error
    message = future.cancel_message
    return CancelledError() if message is None else CancelledError(message)


cdef object failure_of(Future future):
    if future.state == CANCELLED:
        return cancelled_error_of(future)
    if not future.failed:
        return None
    future.unretrieved = False
    error = future.outcome
    # As it was set: every raise would lengthen the traceback by its own frames.
    PyException_SetTraceback(error, future.exception_tb)
    return error


cdef bint cancel_future(Future future, object message) except -1:
    future.unretrieved = False
    if future.state != PENDING:
        return False
    future.state = CANCELLED
    future.cancel_message = message
    if future.callback is not None:
        schedule_callbacks(future)
    return True


cdef int refuse_done(Future future) except -1:
    raise InvalidStateError(f"{future._state}: {future!r}")


cdef int finish_future(Future future, object result) except -1:
    if future.state != PENDING:
        refuse_done(future)
    future.outcome = result
    future.state = FINISHED
    if future.callback is not None:
        schedule_callbacks(future)
    return 0


cdef int fail_future(Future future, object exception) except -1:
    if future.state != PENDING:
        refuse_done(future)
    error = exception() if isinstance(exception, type) else exception
    if isinstance(error, StopIteration):
        cause = error
        error = RuntimeError(
            "StopIteration would end the generator that waits and cannot be raised into a Future"
        )
        error.__context__ = error.__cause__ = cause
    elif not isinstance(error, BaseException):
        raise TypeError(f"an exception was expected, got {exception!r}")
    future.outcome = error
    future.failed = True
    future.exception_tb = error.__traceback__
    future.state = FINISHED
    future.unretrieved = True
    if future.callback is not None:
        schedule_callbacks(future)
    return 0


cdef int add_callback(Future future, object callback, object context) except -1:
    """Add a callback with its context, or a task that waits with None."""
    if future.callback is None:
        future.callback = callback
        future.callback_context = context
        return 0
    if future.more_callbacks is None:
        future.more_callbacks = []
    future.more_callbacks.append(callback if context is None else (callback, context))
    return 0


cdef object remove_callbacks(Future future, object fn):
    cdef list before = future._callbacks
    if before is None:
        return 0
    first, more = future.callback, future.more_callbacks
    length = 0 if more is None else len(more)
    kept = [n for n, entry in enumerate(before) if entry[0] != fn]
    removed = len(before) - len(kept)
    # A comparison can run any code, so that other callbacks may now stand here.
    unchanged = (
        future.callback is first
        and future.more_callbacks is more
        and length == (0 if more is None else len(more))
    )
    if removed <= 0 or not unchanged:
        return removed
    entries = [(future.callback, future.callback_context)]
    for entry in more or ():
        entries.append(entry if type(entry) is tuple else (entry, None))
    future.callback = future.callback_context = future.more_callbacks = None
    for n in kept:
        callback, context = entries[n]
        add_callback(future, callback, context)
    return removed


cdef int schedule_callbacks(Future future) except -1:
    """Hand the callbacks over to the loop; afterwards there are none."""
    cdef CompiledTurn loop
    callback, context, more = future.callback, future.callback_context, future.more_callbacks
    future.callback = future.callback_context = future.more_callbacks = None
    if callback is None:
        return 0
    if future.loop_is_ours and queues_plainly(<CompiledTurn>future.loop):
        loop = <CompiledTurn>future.loop
        queue_callback(loop, future, callback, context)
        if more is not None:
            for entry in <list>more:
                if type(entry) is tuple:
                    queue_callback(loop, future, (<tuple>entry)[0], (<tuple>entry)[1])
                else:
                    queue_callback(loop, future, entry, None)
        return 0
    call_soon = future.loop.call_soon
    callback, context = shown_callback(callback, context)
    call_soon(callback, future, context=context)
    for entry in more or ():
        callback, context = entry if type(entry) is tuple else shown_callback(entry, None)
        call_soon(callback, future, context=context)
    return 0


cdef inline int queue_callback(CompiledTurn loop, Future future, object callback, object context) except -1:
    if context is None:
        return push(loop.ready, WAKE, <PyObject*>callback, <PyObject*>future, NULL)
    return push(loop.ready, CALL, <PyObject*>callback, <PyObject*>future, <PyObject*>context)


@cython.final
@cython.freelist(128)
cdef class FutureIterator:
    """What `await` and `yield from` drive: it gives out the future once, and then ends with its result."""

    # None once it has ended.
    cdef Future future
    cdef bint asked

    def __iter__(self):
        return self

    def send(self, value, /):
        """Go on, as ``next()``; what is sent means nothing."""
        cdef PyObject* given = advance(<PyObject*>self)
        if given is NULL:
            if PyErr_Occurred() is NULL:
                PyErr_SetNone(PyExc_StopIteration)
            raise_what_is_set()
        answer = <object>given
        Py_DECREF(answer)
        return answer

    def throw(self, kind, *more):
        """End with an exception: the one that is given, or one of the class `kind`."""
        value = more[0] if more else None
        trace = more[1] if len(more) > 1 else None
        if more and sys.version_info >= (3, 12):
            from warnings import warn

            warn(
                "throw() with a class, a value and a traceback is deprecated: give it one exception",
                DeprecationWarning,
                stacklevel=1,
            )
        self.future = None
        raise_it(exception_from(kind, value, trace))

    def close(self):
        """End."""
        self.future = None


cdef int raise_what_is_set() except -1:
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


cdef FutureIterator iterate(Future future):
    cdef FutureIterator iterator
    check_alive(future)
    iterator = FutureIterator.__new__(FutureIterator)
    iterator.future = future
    return iterator


cdef PyObject* advance(PyObject* op) noexcept:
    """Give out the future that is waited for, or end; NULL without an exception is an end with None."""
    cdef FutureIterator iterator = <FutureIterator>op
    cdef Future future = iterator.future
    cdef PyObject* result
    if future is None:
        return NULL
    if future.state == PENDING:
        if iterator.asked:
            PyErr_SetString(PyExc_RuntimeError, b"await wasn't used with future")
            return NULL
        iterator.asked = True
        # The task that drives this takes it as: wait for me. It turns the flag back.
        future.blocking = True
        Py_INCREF(future)
        return <PyObject*>future
    iterator.future = None
    if future.state == FINISHED and not future.failed:
        return stop_with(<PyObject*>future.outcome)
    set_failure(future)
    return NULL


cdef void set_failure(Future future) noexcept:
    """Set the exception that the future has failed with."""
    (<raising>raise_failure)(future)


ctypedef int (*raising)(Future) noexcept


cdef int raise_failure(Future future) except -1:
    return raise_it(failure_of(future))


# The links of the call graph.

def future_add_to_awaited_by(fut, waiter, /):
    """Record, for the call graph, that *waiter* waits for *fut*.

    Whoever waits through a callback of its own, as ``gather()`` does, says so with this; a task
    that awaits a future need not. Only for futures and tasks of this library; anything
    else is left alone. Added in Python 3.14.
    """
    cdef Future future
    if not (isinstance(fut, Future) and isinstance(waiter, Future)):
        known["_py_future_add_to_awaited_by"](fut, waiter)
        return
    future = <Future>fut
    if future.waiters is None:
        future.waiters = {waiter}
    else:
        future.waiters.add(waiter)


def future_discard_from_awaited_by(fut, waiter, /):
    """Undo ``future_add_to_awaited_by(fut, waiter)``. Added in Python 3.14."""
    if not isinstance(fut, Future):
        known["_py_future_discard_from_awaited_by"](fut, waiter)
    elif (<Future>fut).waiters is not None:
        (<Future>fut).waiters.discard(waiter)


def _set_result_unless_cancelled(fut, result, /):
    """Set the result, unless a cancellation came first: the usual end of a timer."""
    if type(fut) is Future:
        if (<Future>fut).state != CANCELLED:
            finish_future(<Future>fut, result)
    elif not fut.cancelled():
        fut.set_result(result)
