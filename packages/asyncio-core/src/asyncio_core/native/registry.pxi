# Which loop runs in this thread, which task is current, and which tasks there are.
#
# The pure forms are in asyncio_core.choosing.running_loop and asyncio_core.awaiting.task_registry. Tasks of other
# classes are in the tables there, and those of loops that are not ours in one here.


def get_running_loop():
    """Return the event loop that is running in this thread.

    To be called from coroutines and callbacks. Raises RuntimeError where no loop is running.
    Added in Python 3.7.
    """
    if running_loop is NULL:
        raise RuntimeError(known["_why_no_loop"]())
    return <object>running_loop


def _get_running_loop():
    """Return the loop running in this thread, or None.

    For event loops and libraries close to them; others want `get_running_loop()`.
    Added in Python 3.5.3.
    """
    return None if running_loop is NULL else <object>running_loop


def _set_running_loop(loop, /):
    """Declare that `loop` runs in this thread from now on, or with None that none does.

    For event loops only, around the time they run. Added in Python 3.5.3.
    """
    global running_loop, running_is_ours
    cdef PyObject* former = running_loop
    running_is_ours = isinstance(loop, CompiledTurn)
    if loop is None:
        running_loop = NULL
    else:
        Py_INCREF(loop)
        running_loop = <PyObject*>loop
    Py_XDECREF(former)


def _runs_here(loop, /):
    """Return whether `loop` runs in this very thread."""
    return running_loop is <PyObject*>loop


# The current tasks of loops that are not ours.
cdef dict current_elsewhere = {}

# Our loops, each with the one before and the one after it.
cdef PyObject* first_turn = NULL


cdef object current_of(object loop):
    cdef PyObject* current
    if (running_is_ours and running_loop is <PyObject*>loop) or isinstance(loop, CompiledTurn):
        current = (<CompiledTurn>loop).current
        return None if current is NULL else <object>current
    return current_elsewhere.get(loop)


cdef int set_current(object loop, object task) except -1:
    """Make a task the current one of a loop; None, that none is."""
    cdef PyObject* former
    if not isinstance(loop, CompiledTurn):
        if task is None:
            current_elsewhere.pop(loop, None)
        else:
            current_elsewhere[loop] = task
        return 0
    former = (<CompiledTurn>loop).current
    if task is None:
        (<CompiledTurn>loop).current = NULL
    else:
        Py_INCREF(task)
        (<CompiledTurn>loop).current = <PyObject*>task
    Py_XDECREF(former)
    return 0


cdef list turns_with_current():
    cdef list turns = []
    cdef PyObject* turn = first_turn
    while turn is not NULL:
        if (<CompiledTurn>turn).current is not NULL and Py_REFCNT(turn) > 0:
            turns.append(<object>turn)
        turn = (<CompiledTurn>turn).next_turn
    return turns


class _CurrentTasks:
    """The task that each loop is running just now, by loop: a dict to whoever looks at it."""

    __slots__ = ()

    def __getitem__(self, loop):
        task = current_of(loop)
        if task is None:
            raise KeyError(loop)
        return task

    def __setitem__(self, loop, task):
        set_current(loop, task)

    def __delitem__(self, loop):
        if current_of(loop) is None:
            raise KeyError(loop)
        set_current(loop, None)

    def __contains__(self, loop):
        return current_of(loop) is not None

    def __iter__(self):
        return iter([*current_elsewhere, *turns_with_current()])

    def __len__(self):
        return len(current_elsewhere) + len(turns_with_current())

    def __repr__(self):
        return repr(dict(self.items()))

    def keys(self):
        return list(self)

    def values(self):
        return [current_of(loop) for loop in self]

    def items(self):
        return [(loop, current_of(loop)) for loop in self]

    def get(self, loop, default=None, /):
        task = current_of(loop)
        return default if task is None else task

    def setdefault(self, loop, default=None, /):
        task = current_of(loop)
        if task is None:
            set_current(loop, default)
            task = default
        return task

    def pop(self, loop, *default):
        task = current_of(loop)
        if task is None:
            if default:
                return default[0]
            raise KeyError(loop)
        set_current(loop, None)
        return task

    def clear(self):
        current_elsewhere.clear()
        for turn in turns_with_current():
            set_current(turn, None)


_current_tasks = _CurrentTasks()


def current_task(loop=None):
    """Return the task that *loop*, by default the running one, is running just now, or None.

    Raises ``RuntimeError`` if *loop* is not given and none is running. Added in Python 3.7.
    """
    if loop is None:
        # Somebody may have put another function in the place of ours, to say what runs.
        loop = known["registry"]["get_running_loop"]() if running_loop is NULL else <object>running_loop
    return current_of(loop)


def _enter_task(loop, task):
    """Make *task* the current one of *loop*; ``RuntimeError`` if there is one already.

    Added in Python 3.7.
    """
    running = current_of(loop)
    if running is not None and running is not task:
        raise RuntimeError(f"cannot enter {task!r} while {running!r} is being executed")
    set_current(loop, task)


def _leave_task(loop, task):
    """End what ``_enter_task()`` began; ``RuntimeError`` if *task* is not the current one.

    Added in Python 3.7.
    """
    running = current_of(loop)
    if running is not task:
        raise RuntimeError(f"cannot leave {task!r} while {running!r} is the current task")
    set_current(loop, None)


def _swap_current_task(loop, task):
    """Make *task*, or none, the current one of *loop*; return which was. Added in Python 3.12."""
    previous = current_of(loop)
    set_current(loop, task)
    return previous


# The tasks that are not done, each with the one before and the one after it. None of them is held by this.
cdef PyObject* first_task = NULL


cdef inline void enter_list(Task task) noexcept:
    global first_task
    if task.listed:
        return
    task.listed = True
    task.previous_task = NULL
    task.next_task = first_task
    if first_task is not NULL:
        (<Task>first_task).previous_task = <PyObject*>task
    first_task = <PyObject*>task


cdef inline void leave_list(Task task) noexcept:
    global first_task
    if not task.listed:
        return
    task.listed = False
    if task.previous_task is NULL:
        first_task = task.next_task
    else:
        (<Task>task.previous_task).next_task = task.next_task
    if task.next_task is not NULL:
        (<Task>task.next_task).previous_task = task.previous_task


cdef list tasks_here():
    """Return the compiled tasks that are not done. Takes them in one go: nothing in here runs Python code."""
    cdef list found = []
    cdef PyObject* task = first_task
    while task is not NULL:
        # One without a reference is about to go.
        if Py_REFCNT(task) > 0:
            found.append(<object>task)
        task = (<Task>task).next_task
    return found


def all_tasks(loop=None):
    """Return the tasks of *loop*, by default the running one, that are not done.

    May be called from any thread if *loop* is given. Raises ``RuntimeError`` without a running
    loop if it is not. Added in Python 3.7.
    """
    return known["_py_all_tasks"](loop)


def _compiled_tasks():
    """Return a list of the compiled tasks that are not done."""
    return tasks_here()


def _change_quiet_threads(difference, /):
    """Say that so many threads more, or less, sleep nearly all the time, and need not be given way to at once."""
    change_quiet_threads(difference)


def _register_task(task, /):
    """Make *task*, of any class, known to ``all_tasks()``; it is not kept alive.

    Added in Python 3.7.
    """
    if isinstance(task, Task):
        enter_list(<Task>task)
    else:
        known["_py_register_task"](task)


def _unregister_task(task, /):
    """Undo ``_register_task(task)``; no error if it was not registered. Added in Python 3.7."""
    if isinstance(task, Task):
        leave_list(<Task>task)
    else:
        known["_py_unregister_task"](task)
