# call_soon(), call_soon_threadsafe(), call_later(), call_at() and create_task(), which take their arguments as they are
# on the stack.
#
# Where anything is not as usual, the pure forms are called: in asyncio_core.scheduling.turn, timers and task_making.


# As in asyncio_core.scheduling.turn, where the reason is.
cdef enum:
    CROWD = 1000


cdef inline bint is_usual(PyObject* names, Py_ssize_t count, Py_ssize_t wanted) except -1:
    """Tell whether there are as many positional arguments as there have to be, and no keyword but `context`."""
    if count < wanted:
        return False
    return names is NULL or (len(<tuple>names) == 1 and (<tuple>names)[0] == "context")


cdef object call_by_name(
    CompiledTurn self, str method, tuple required, PyObject** args, Py_ssize_t count, PyObject* names
):
    """Call a method whose arguments were given by name; where they are wrong, the pure form says so."""
    cdef list given = list(tuple_of(args, count))
    cdef dict options = {}
    if names is not NULL:
        options = dict(zip(<tuple>names, tuple_of(args + count, len(<tuple>names))))
    for name in required[count:]:
        if name in options:
            given.append(options.pop(name))
    if len(given) < len(required) or options.keys() - {"context"}:
        return getattr(pure(), method)(self, *given, **options)
    # Not as an attribute of the loop: that may be the very method of a subclass which calls this.
    return getattr(CompiledTurn, method)(self, *given, **options)


cdef object call_soon(CompiledTurn self, PyObject** args, Py_ssize_t count, PyObject* names):
    if not is_usual(names, count, 1):
        return call_by_name(self, "call_soon", ("callback",), args, count, names)
    context = None if names is NULL else <object>args[count]
    given = tuple_of(args + 1, count - 1)
    if not queues_plainly(self):
        return pure().call_soon(self, <object>args[0], *given, context=context)
    handle = new_handle(<object>args[0], given, self, context)
    push(self.ready, HANDLE, <PyObject*>handle, NULL, NULL)
    return handle


cdef object call_soon_threadsafe(CompiledTurn self, PyObject** args, Py_ssize_t count, PyObject* names):
    cdef PyObject* made
    cdef PyObject* where
    if not is_usual(names, count, 1):
        return call_by_name(self, "call_soon_threadsafe", ("callback",), args, count, names)
    context = None if names is NULL else <object>args[count]
    given = tuple_of(args + 1, count - 1)
    know_class(self)
    if (
        self.closed
        or self.debug
        or self.ready is None
        or self._call_soon_hooked
        or not self.handles_for_threads_are_plain
    ):
        return pure().call_soon_threadsafe(self, <object>args[0], *given, context=context)
    where = context_for(<PyObject*>context)
    if where is NULL:
        raise_what_is_set()
    made = thread_safe_handle_alloc(TYPE_OF(_ThreadSafeHandle), 0)
    if made is NULL:
        Py_DECREF(<object>where)
        raise MemoryError
    FILL_THREAD_SAFE_HANDLE(made, args[0], <PyObject*>given, <PyObject*>self, where)
    handle = <object>made
    Py_DECREF(handle)
    push(self.ready, HANDLE, made, NULL, NULL)
    if self.waking_is_plain:
        if waker(<PyObject*>self) < 0:
            raise_what_is_set()
    else:
        self._write_to_self()
    if self.ready is not None and self.ready.length > CROWD and self._thread_id is not None:
        give_way(self)
    return handle


cdef int give_way(CompiledTurn self) except -1:
    """Let the loop's thread run: calls that wake nobody never give way to it, and it has to catch up."""
    if self._thread_id != PyThread_get_thread_ident():
        time.sleep(0)
    return 0


cdef object call_later(CompiledTurn self, PyObject** args, Py_ssize_t count, PyObject* names):
    cdef double seconds
    if not is_usual(names, count, 2):
        return call_by_name(self, "call_later", ("delay", "callback"), args, count, names)
    context = None if names is NULL else <object>args[count]
    delay = <object>args[0]
    given = tuple_of(args + 2, count - 2)
    if keeps_time_plainly(self):
        seconds = PyFloat_AS_DOUBLE(delay) if PyFloat_CheckExact(delay) else as_double(delay)
        if seconds == seconds:
            return new_timer(self, now(self) + seconds, <object>args[1], given, context)
    return pure().call_later(self, delay, <object>args[1], *given, context=context)


cdef object call_at(CompiledTurn self, PyObject** args, Py_ssize_t count, PyObject* names):
    cdef double moment
    cdef TimerHandle timer
    if not is_usual(names, count, 2):
        return call_by_name(self, "call_at", ("when", "callback"), args, count, names)
    context = None if names is NULL else <object>args[count]
    when = <object>args[0]
    given = tuple_of(args + 2, count - 2)
    if self.closed or self.debug or self.timers_shown or when is None or not makes_timers_plainly(self):
        if not self.closed and when is not None:
            show_timers(self)
        return pure().call_at(self, when, <object>args[1], *given, context=context)
    if PyFloat_CheckExact(when) and PyFloat_AS_DOUBLE(when) == PyFloat_AS_DOUBLE(when):
        return new_timer(self, PyFloat_AS_DOUBLE(when), <object>args[1], given, context)
    moment = known["check_moment"](when)
    timer = new_timer(self, moment, <object>args[1], given, context)
    timer.given = when
    timer.was_given = True
    return timer


cdef struct TaskOptions:
    PyObject* name
    PyObject* context
    bint eagerly


cdef bint read_options(TaskOptions* options, PyObject* names, PyObject** values) except -1:
    """Take the keyword arguments of a task, and tell whether all of them are as usual."""
    cdef PyObject* value
    for position in range(len(<tuple>names)):
        value = values[position]
        option = (<tuple>names)[position]
        if option == "eager_start":
            options.eagerly = <object>value
        elif <object>value is None and option in ("name", "context"):
            pass
        elif option == "name" and type(<object>value) is str:
            options.name = value
        elif option == "context" and type(<object>value) is Context:
            options.context = value
        else:
            return False
    return True


cdef object create_task(CompiledTurn self, PyObject** args, Py_ssize_t count, PyObject* names):
    cdef Task task
    cdef TaskOptions options
    options.name = options.context = NULL
    options.eagerly = False
    if self._task_factory is not None:
        # What it is to do with options is its own affair.
        if names is not NULL or self._task_factory is not task_names["eager_task_factory"]:
            return create_task_otherwise(self, args, count, names)
        options.eagerly = True
        if running_loop is not <PyObject*>self:
            return create_task_otherwise(self, args, count, names)
    elif names is not NULL and not read_options(&options, names, args + count):
        return create_task_otherwise(self, args, count, names)
    if (
        count != 1
        or not queues_plainly(self)
        or not self.tasks_are_plain
        or not PyCoro_CheckExact(<object>args[0])
    ):
        return create_task_otherwise(self, args, count, names)
    task = Task.__new__(Task)
    task.loop = self
    task.loop_is_ours = True
    context = PyContext_CopyCurrent() if options.context is NULL else <object>options.context
    begin_task(task, <object>args[0], None if options.name is NULL else <object>options.name, context)
    if options.eagerly and running_loop is <PyObject*>self:
        start_eagerly(task)
    else:
        push(self.ready, STEP, <PyObject*>task, NULL, NULL)
        enter_list(task)
    return task


cdef object create_task_otherwise(CompiledTurn self, PyObject** args, Py_ssize_t count, PyObject* names):
    cdef dict options = {}
    if names is not NULL:
        options = dict(zip(<tuple>names, tuple_of(args + count, len(<tuple>names))))
    return known["TaskMakingPart"].create_task(self, *tuple_of(args, count), **options)


cdef int add_methods() except -1:
    add_method(CompiledTurn, b"call_soon", <void*>call_soon, b"""\
call_soon($self, callback, *args, context=None)
--

Run `callback(*args)` in the next turn, after what was queued before it.

`context` is the `contextvars.Context` to run it in, by default a copy of the present one.
Returns the handle that can cancel it. Raises RuntimeError where the loop is closed; in debug
mode also for calls from another thread than the loop's, and TypeError for a callback that
is none. Source: PEP 3156.""")
    add_method(CompiledTurn, b"call_soon_threadsafe", <void*>call_soon_threadsafe, b"""\
call_soon_threadsafe($self, callback, *args, context=None)
--

Do what `call_soon()` does, and wake the loop; may be called from any thread.

Also signal handlers and other code that interrupts the loop's thread have to use it. The
handle may be cancelled from any thread. Source: PEP 3156.""")
    add_method(CompiledTurn, b"call_later", <void*>call_later, b"""\
call_later($self, delay, callback, *args, context=None)
--

Run `callback(*args)` in `delay` seconds; 0 and less mean the next turn.

Returns a handle with which it can be cancelled. Raises what `call_soon()` raises, TypeError
where `delay` is None or no number, ValueError where it is NaN. Source: PEP 3156.""")
    add_method(CompiledTurn, b"call_at", <void*>call_at, b"""\
call_at($self, when, callback, *args, context=None)
--

Run `callback(*args)` when the loop's clock reaches `when`, in seconds of `time()`.

Timers for the same moment run in the order in which they were made. Returns and raises what
`call_later()` does. Source: PEP 3156.""")
    add_method(CompiledTurn, b"create_task", <void*>create_task, b"""\
create_task($self, coro, **kwargs)
--

Schedule the coroutine `coro` and return its task.

Keyword arguments are those of `Task`: `name` (str), `context` (`contextvars.Context`) and
`eager_start` (bool). With a task factory they go to it, and what it returns is returned.
Raises RuntimeError where the loop is closed. Added in Python 3.4.2.""")
    return 0
