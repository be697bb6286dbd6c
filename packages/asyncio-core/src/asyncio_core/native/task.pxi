# Task and its step. The pure form is in asyncio_core.awaiting.task; it does here, too, what is rare.

# Numbers for the names of tasks that got none.
cdef object next_number = None


cdef class Task(Future):
    """A coroutine that a loop runs; as a future, its outcome is the coroutine's.

    *coro* is what an ``async def`` function returns, or a generator-based coroutine; anything else
    raises ``TypeError``. *name* is for people, by default "Task-N". Its steps run in *context*,
    by default a copy of the caller's. With *eager_start*, and if *loop* is running in this very
    thread, the first step is made at once (added in Python 3.12). A task that nothing refers
    to any more, and that is pending, is reported when it is collected. (PEP 3156.)
    """

    cdef object coro
    cdef object context
    # None while nobody has asked for the name: most tasks die without having been printed.
    cdef object name
    cdef object fut_waiter
    cdef PyObject* previous_task
    cdef PyObject* next_task
    cdef uint64_t number
    cdef public int _num_cancels_requested
    cdef Flag must_cancel
    cdef Flag silent
    cdef Flag listed

    def __init__(self, coro, *, loop=None, name=None, context=None, eager_start=False):
        if self.loop is not None:
            raise RuntimeError(f"{self!r} is already initialized")
        if not PyCoro_CheckExact(coro):
            check_coroutine(coro)
        # First what can fail, then what would stay behind.
        if name is not None:
            name = str(name)
        if context is not None and not isinstance(context, Context):
            raise TypeError(f"a contextvars.Context was expected as context, got {context!r}")
        context = own_context_for(context)
        begin_future(self, loop)
        begin_task(self, coro, name, context)
        if eager_start and running_loop is <PyObject*>self.loop:
            start_eagerly(self)
        else:
            queue_step(self, NULL)
            enter_list(self)

    def __dealloc__(self):
        leave_list(self)

    def __repr__(self):
        return known["_task_repr"](self)

    def __del__(self):
        if self.state == PENDING:
            abandon(self)
        elif self.unretrieved:
            report_unretrieved(self)

    @property
    def _log_destroy_pending(self):
        return self.silent == 0

    @_log_destroy_pending.setter
    def _log_destroy_pending(self, value):
        self.silent = 0 if value else 1

    @_log_destroy_pending.deleter
    def _log_destroy_pending(self):
        raise AttributeError("cannot delete attribute")

    @property
    def _must_cancel(self):
        return self.must_cancel != 0

    @_must_cancel.setter
    def _must_cancel(self, value):
        self.must_cancel = 1 if value else 0

    @property
    def _fut_waiter(self):
        return self.fut_waiter

    @_fut_waiter.setter
    def _fut_waiter(self, future):
        self.fut_waiter = future

    @property
    def _coro(self):
        return self.coro

    @property
    def _context(self):
        return self.context

    @property
    def _wakeup(self):
        return waker_of(self)

    def get_coro(self):
        """Return the coroutine; None if the task was started eagerly and done at once."""
        return self.coro

    def get_context(self):
        """Return the context its steps run in. Added in Python 3.12."""
        return self.context

    def get_name(self):
        """Return the name. Added in Python 3.8."""
        if self.name is None:
            self.name = f"Task-{self.number}"
        return self.name

    def set_name(self, value, /):
        """Set the name to ``str(value)``. Added in Python 3.8."""
        self.name = str(value)

    def set_result(self, result, /):
        """Raise ``RuntimeError``: the coroutine alone decides on the outcome."""
        raise RuntimeError("Task does not support set_result(): its coroutine returns the result")

    def set_exception(self, exception, /):
        """Raise ``RuntimeError``: the coroutine alone decides on the outcome."""
        raise RuntimeError("Task does not support set_exception(): its coroutine raises it")

    def get_stack(self, *, limit=None):
        """Return the frames of the coroutine, oldest first.

        A suspended coroutine has one; a running one all that lead to it. Of a task that failed,
        the frames of the traceback are returned; of one that ended otherwise, none. *limit* keeps
        that many: the newest of a stack, the oldest of a traceback.
        """
        return known["_task_get_stack"](self, limit)

    def print_stack(self, *, limit=None, file=None):
        """Print the stack or the traceback, with source lines, to *file* (standard output)."""
        known["_task_print_stack"](self, limit, file)

    def cancel(self, msg=None):
        """Ask the task to cancel itself; return False if it is done.

        A ``CancelledError`` with *msg* is thrown into the coroutine when it runs next, where it
        can be caught for cleaning up, or be ignored. Each call counts, see ``cancelling()``.
        """
        check_alive(self)
        return cancel_task(self, msg)

    def _cancel_steps(self, msg):
        return known["_PyTask"]._cancel_steps(self, msg)

    def _break_off(self, msg):
        known["_PyTask"]._break_off(self, msg)

    def _throw_soon(self, error):
        queue_step(self, <PyObject*>error)

    def cancelling(self):
        """Return how many calls of ``cancel()`` no ``uncancel()`` answered. Added in Python 3.11."""
        return self._num_cancels_requested

    def uncancel(self):
        """Take back one call of ``cancel()``; return how many remain. Added in Python 3.11.

        For code that cancels its own task and must tell this from a cancellation from outside, as
        ``timeout()`` and ``TaskGroup`` do. With the last one, a cancellation that has not reached
        the coroutine yet is dropped.
        """
        if self._num_cancels_requested > 0:
            self._num_cancels_requested -= 1
            if self._num_cancels_requested == 0:
                self.must_cancel = False
        return self._num_cancels_requested

    def _step(self, exc=None, /):
        """Run the coroutine up to its next suspension or its end."""
        step(self, NULL if exc is None else <PyObject*>exc)


cdef int check_coroutine(object coro) except -1:
    if not known["iscoroutine"](coro):
        from asyncio_core.format_helpers import _suggest_call

        raise TypeError(f"a coroutine was expected, got {coro!r}{_suggest_call(coro)}")
    return 0


cdef inline int begin_task(Task task, object coro, object name, object context) except -1:
    cdef PyObject* count
    task.coro = coro
    task.context = context
    if name is None:
        # Looked up each time: tests put a count of their own there.
        count = PyDict_GetItemWithError(task_names, "_task_name_counter")
        task.number = (<object>count)()
    else:
        task.name = name
    return 0


cdef int queue_step(Task task, PyObject* thrown) except -1:
    """Have the loop make the next step."""
    if task.loop_is_ours and queues_plainly(<CompiledTurn>task.loop):
        return push((<CompiledTurn>task.loop).ready, STEP, <PyObject*>task, thrown, NULL)
    check_alive(task)
    if thrown is NULL:
        task.loop.call_soon(task._step, context=task.context)
    else:
        task.loop.call_soon(task._step, <object>thrown, context=task.context)
    return 0


cdef int abandon(Task task) except -1:
    """Report a task that is collected before it is done, and take it off the registry."""
    if task.loop is None:
        return 0
    try:
        if not task.silent:
            context = {"task": task, "message": "Task was destroyed but it is pending!"}
            if task._source_traceback:
                context["source_traceback"] = task._source_traceback
            task.loop.call_exception_handler(context)
    finally:
        leave_list(task)
    return 0


cdef bint cancel_task(Task task, object message) except -1:
    cdef bint agreed
    task.unretrieved = False
    if task.state != PENDING:
        return False
    waiter = task.fut_waiter
    if waiter is not None and type(waiter) is not Future:
        # It may lead on to other tasks, and be of a class with a cancel() of its own.
        return known["cancel_along"](known["_PyTask"]._cancel_steps(task, message), message)
    task._num_cancels_requested += 1
    # What it waits for is cancelled first: its end is what wakes the task up. A future that
    # refuses, being done or shielded, leaves the throwing to the next step.
    if waiter is None or not cancel_future(<Future>waiter, message):
        task.must_cancel = True
        task.cancel_message = message
    return True


cdef int start_eagerly(Task task) except -1:
    """Make the first step now, inside whichever task runs, which goes on afterwards."""
    cdef int status
    loop = task.loop
    enter_list(task)
    interrupted = current_of(loop)
    set_current(loop, None)
    try:
        if PyContext_Enter(<PyObject*>task.context) < 0:
            # Nothing has run, nothing ever will.
            task.silent = True
            leave_list(task)
            raise_what_is_set()
        status = (<stepping>step)(task, NULL)
        leave_context(task, status)
    finally:
        set_current(loop, interrupted)
    if task.state != PENDING:
        task.coro = None
    return 0


# Steps fail with an exception set; who calls them so looks after it.
ctypedef int (*stepping)(Task, PyObject*) noexcept


cdef int leave_context(Task task, int status) except -1:
    """Leave the context of a step that has ended with a status, and keep its exception, if there is one."""
    cdef PyObject* error
    if status >= 0:
        if PyContext_Exit(<PyObject*>task.context) < 0:
            return -1
        return 0
    error = caught()
    if PyContext_Exit(<PyObject*>task.context) < 0:
        Py_XDECREF(error)
        return -1
    put_back(error)
    return -1


cdef int refuse_step(Task task, PyObject* thrown) except -1:
    # Somebody went around set_result(); the registry has not heard of it.
    leave_list(task)
    raise InvalidStateError(
        f"_step(): already done: {task!r}, {None if thrown is NULL else <object>thrown!r}"
    )


cdef int refuse_entry(Task task, object running) except -1:
    raise RuntimeError(f"cannot enter {task!r} while {running!r} is being executed")


cdef int step(Task task, PyObject* thrown) except -1:
    """Run the coroutine up to its next suspension or its end."""
    cdef PyObject* given = NULL
    cdef PySendResult how
    cdef int status
    cdef CompiledTurn turn = None
    if task.state != PENDING:
        refuse_step(task, thrown)
    if task.must_cancel:
        task.must_cancel = False
        if thrown is NULL or not isinstance(<object>thrown, CancelledError):
            cancellation = cancelled_error_of(task)
            thrown = <PyObject*>cancellation
    task.fut_waiter = None
    loop = task.loop
    if task.loop_is_ours:
        turn = <CompiledTurn>loop
        if turn.current is not NULL:
            refuse_entry(task, <object>turn.current)
        Py_INCREF(task)
        turn.current = <PyObject*>task
    else:
        check_alive(task)
        running = current_elsewhere.get(loop)
        if running is not None:
            refuse_entry(task, running)
        current_elsewhere[loop] = task
    coro = task.coro
    if thrown is NULL:
        how = PyIter_Send(<PyObject*>coro, Py_None, &given)
    else:
        given = PyObject_CallMethodOneArg(<PyObject*>coro, <PyObject*>THROW, thrown)
        how = PYGEN_NEXT if given is not NULL else PYGEN_ERROR
    status = (<going_on>go_on)(task, loop, how, given)
    if turn is not None and turn.current is <PyObject*>task:
        turn.current = NULL
        Py_DECREF(task)
        return status
    return leave_otherwise(task, loop, status)


ctypedef int (*going_on)(Task, object, PySendResult, PyObject*) noexcept


cdef int leave_otherwise(Task task, object loop, int status) except -1:
    """End a step where the loop is not ours, or another task has become the current one."""
    cdef PyObject* error = caught() if status < 0 else NULL
    left = current_of(loop)
    set_current(loop, None)
    if left is not task and left is not None:
        # None in a child that this very step has forked: it must get out as it wants.
        Py_XDECREF(error)
        raise RuntimeError(f"{task!r} is not the current task at the end of its step")
    if error is not NULL:
        put_back(error)
        return -1
    return 0


cdef int go_on(Task task, object loop, PySendResult how, PyObject* given) except -1:
    """Deal with what a coroutine has yielded, returned or raised. Takes the reference to it."""
    if how == PYGEN_NEXT:
        waiter = <object>given
        Py_DECREF(waiter)
        if waiter is None:
            return queue_step(task, NULL)
        return wait_for(task, waiter, loop)
    if how == PYGEN_RETURN:
        value = <object>given
        Py_DECREF(value)
        return conclude(task, value)
    return conclude_failed(task, loop)


cdef int wait_for(Task task, object waiter, object loop) except -1:
    cdef Future future
    kind = type(waiter)
    if kind is Future or kind is Task:
        future = <Future>waiter
        if future.blocking and future.state == PENDING and future.loop is loop and waiter is not task:
            future.blocking = False
            if future.callback is None:
                future.callback = task
                future.callback_context = None
            else:
                add_callback(future, task, None)
            task.fut_waiter = waiter
            if task.must_cancel and waiter.cancel(msg=task.cancel_message):
                task.must_cancel = False
            return 0
    known["_PyTask"]._wait_for(task, waiter, loop)
    return 0


cdef int conclude(Task task, object result) except -1:
    if task.must_cancel:
        # It cancelled itself on the way to its end.
        task.must_cancel = False
        task.cancelled_exc = None
        task.state = CANCELLED
    else:
        task.outcome = result
        task.state = FINISHED
    if task.callback is not None:
        schedule_callbacks(task)
    leave_list(task)
    return 0


cdef int conclude_failed(Task task, object loop) except -1:
    error = take_error()
    if isinstance(error, StopIteration):
        # Out of a throw(); the usual end of a coroutine comes another way.
        return conclude(task, error.value)
    if isinstance(error, CancelledError):
        # Whoever asks first gets the very exception that left the coroutine.
        task.cancelled_exc = error
        task.state = CANCELLED
        if task.callback is not None:
            schedule_callbacks(task)
        leave_list(task)
        return 0
    if isinstance(error, (AttributeError, RuntimeError)):
        error = known["_explained"](error, loop)
    fail_future(task, error)
    leave_list(task)
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        # It ends the run of the loop, so it is known to whoever runs that.
        task.unretrieved = False
        raise_it(error)
    return 0


cdef int wake(Task task, PyObject* op) except -1:
    """Go on after a future, which the coroutine waited for, is done."""
    cdef Future future
    done = <object>op
    kind = type(done)
    if kind is Future or kind is Task:
        future = <Future>done
        if future.state == FINISHED and not future.failed:
            return step(task, NULL)
        failure = failure_of(future)
    else:
        failure = failure_of_foreign(done)
    return step(task, NULL if failure is None else <PyObject*>failure)


cdef object failure_of_foreign(object future):
    """Return what ``result()`` of a future of another class raises, if it does."""
    cdef PyObject* result = PyObject_CallMethodNoArgs(<PyObject*>future, <PyObject*>RESULT)
    if result is NULL:
        return take_error()
    Py_DECREF(<object>result)
    return None


@cython.final
@cython.freelist(32)
cdef class TaskWaker:
    """What wakes a task, called with the future that it waited for."""

    cdef Task task

    _resumes_its_task = True
    __name__ = "_wakeup"
    __qualname__ = "Task._wakeup"

    @property
    def __self__(self):
        return self.task

    def __call__(self, future, /):
        wake(self.task, <PyObject*>future)

    def __eq__(self, other):
        if isinstance(other, TaskWaker):
            return self.task is (<TaskWaker>other).task
        return NotImplemented

    def __hash__(self):
        return <Py_ssize_t><PyObject*>self.task

    def __repr__(self):
        return f"<wake-up of {self.task!r}>"


cdef TaskWaker waker_of(Task task):
    cdef TaskWaker waker = TaskWaker.__new__(TaskWaker)
    waker.task = task
    return waker
