# Running callbacks while somebody measures or records them; see asyncio_core.inspecting.
#
# What stands in the place of Handle._run() meanwhile is one of these. For a handle it does what any function does there:
# it calls the pure form. But where it finds one, a turn runs what is ready by way of this file, and makes no handles
# of steps. Whatever fails in here, the program is not told.

from types import CoroutineType, FunctionType


cdef extern from "math.h":
    double frexp(double, int*) noexcept

cdef enum:
    STEPS = 32


cdef class Taken:
    """How often something ran, and for how long, in seconds."""

    cdef public long long count
    cdef public double seconds
    cdef public double longest
    cdef public object name
    # Returns the task, where it is the step of one, and that is still there.
    cdef public object task

    def __init__(self, name):
        self.name = name


cdef class Times:
    """How long something took, for many times: by powers of two, each in so many steps."""

    cdef public dict _counts
    cdef public double longest

    def __init__(self):
        self._counts = {}

    def add(self, double seconds, /):
        """Count one more."""
        add_to_times(self, seconds)


cdef int add_to_times(Times times, double seconds) except -1:
    cdef int exponent
    cdef double fraction = frexp(seconds, &exponent)
    # As in asyncio_core.inspecting.counts.
    key = exponent * STEPS + <int>(fraction * STEPS)
    found = times._counts.get(key)
    times._counts[key] = 1 if found is None else found + 1
    if seconds > times.longest:
        times.longest = seconds
    return 0


cdef class Counts:
    """Of what ran in an interval: by the ids of tasks, and by names of functions; and the turns in which it did."""

    cdef public double begun
    cdef public dict tasks
    cdef public dict functions
    cdef public long long turns
    cdef public long long ready_sum
    cdef public long long ready_most
    cdef public double busy
    cdef public Times lag

    def __init__(self, begun, lag):
        self.begun = begun
        self.lag = lag
        self.tasks = {}
        self.functions = {}


cdef struct Recorded:
    # A callback while it runs and is recorded: the task that it is a step of, or itself, which who runs it holds.
    PyObject* subject
    bint is_step
    long long begun
    # How long the queue was, and its own place.
    Py_ssize_t before
    long long place


cdef class WatchedLoop:
    """A loop that is watched."""

    # When the turn began to run what was ready, 0 while it does not; where what runs is counted.
    cdef public object batch_begun
    cdef public Counts interval
    # The thread's id, and the number of what runs next among all that this loop has run.
    cdef public long long thread
    cdef public long long place
    # What runs now: one of the two, or neither. No pointer to the stack of who runs it: greenlets put others in its place.
    cdef object counted
    cdef Recorded recorded
    # When what is recorded last had ended, and when its turn had; 0 where the loop has not run on since.
    cdef long long moment
    cdef long long turn_ended

    @property
    def running(self):
        """What runs now, or None."""
        if self.recorded.subject is NULL:
            return self.counted
        subject = <object>self.recorded.subject
        if self.recorded.is_step:
            return Running(0.0, self.recorded.begun, None, subject)
        return Running(0.0, self.recorded.begun, subject, None)

    @running.setter
    def running(self, value):
        self.recorded.subject = NULL
        self.counted = value


@cython.final
@cython.freelist(16)
cdef class Running:
    """A callback while it runs: when it began, in seconds and in nanoseconds, and of which task it is a step."""

    cdef public double begun
    cdef public long long moment
    # One of the two is None.
    cdef public object callback
    cdef public object task
    # Besides: what ran before in this very callback, where it is counted, and in which interval.
    cdef object outer
    cdef Taken taken
    cdef Counts interval

    def __init__(self, begun, moment, callback, task):
        self.begun = begun
        self.moment = moment
        self.callback = callback
        self.task = task


cdef struct Batch:
    # What a turn runs: how much was ready, since when, and when the turn had begun.
    Py_ssize_t length
    long long ready_since
    long long turn_begun


cdef class Watch:
    """Stands in the place of `Handle._run()`; loops that are compiled ask it for more than that."""

    # What runs a handle, and notes it.
    cdef object run

    def __init__(self, run):
        self.run = run

    def __get__(self, handle, kind):
        return self if handle is None else MethodType(self, handle)

    def __call__(self, handle, /):
        self.run(handle)

    cdef WatchedLoop begin_batch(self, CompiledTurn turn, Batch* batch):
        """Note that a turn begins to run what is ready."""
        raise NotImplementedError

    cdef int end_batch(self, WatchedLoop loop, Batch* batch, bint goes_on) except -1:
        """Note that it has ended, and whether the loop goes on."""
        raise NotImplementedError

    cdef int run_noted(self, CompiledTurn turn, WatchedLoop loop, Entry* entry, long long place) except -1:
        """Run an entry, which has been taken from the queue, and note it."""
        raise NotImplementedError


ctypedef int (*ending_batch)(Watch, WatchedLoop, Batch*, bint) noexcept
ctypedef int (*running_noted)(Watch, CompiledTurn, WatchedLoop, Entry*, long long) noexcept


cdef object subject_of(Entry* entry, bint* is_step):
    """Return the task whose step an entry is, or else what it calls."""
    is_step[0] = True
    if entry.kind == STEP or entry.kind == WAKE:
        return <object>entry.first
    callback = <object>entry.first
    if entry.kind == HANDLE:
        callback = (<Handle>entry.first)._callback
    if type(callback) is TaskWaker:
        return (<TaskWaker>callback).task
    if type(callback) is BuiltinMethodType and isinstance(callback.__self__, Task):
        task = known["task_of"](callback)
        if task is not None:
            return task
    is_step[0] = False
    return callback


cdef int run_batch_watched(CompiledTurn turn, Watch watch) except -1:
    """Run what is ready now, as `run_batch()` does, and have it noted."""
    cdef Py_ssize_t left = turn.ready.length
    cdef Py_ssize_t before = turn.left
    cdef Batch batch
    cdef WatchedLoop loop = watch.begin_batch(turn, &batch)
    cdef long long place = loop.place
    cdef PyObject* error
    cdef int status = 0
    loop.place += left
    while status >= 0 and left > 0 and turn.ready is not None and turn.ready.length:
        left -= 1
        turn.left = left
        status = (<running_watched>run_first_watched)(turn, watch, loop, place)
        place += 1
        if turn.at_end is not NULL and status >= 0 and left and is_due(turn):
            status = (<ending>do_what_was_put_off)(turn)
    status = (<ending_plainly>end_batch)(turn, before, status)
    error = caught()
    if (<ending_batch>watch.end_batch)(watch, loop, &batch, status >= 0 and not turn._stopping) < 0:
        forget_error()
    if error is not NULL:
        put_back(error)
        return -1
    return 0


ctypedef int (*running_watched)(CompiledTurn, Watch, WatchedLoop, long long) noexcept
ctypedef int (*ending_plainly)(CompiledTurn, Py_ssize_t, int) noexcept


cdef int run_first_watched(CompiledTurn turn, Watch watch, WatchedLoop loop, long long place) except -1:
    cdef ReadyQueue ready = turn.ready
    cdef Entry entry = ready.entries[ready.begin]
    cdef int status
    ready.begin = (ready.begin + 1) & ready.mask
    ready.length -= 1
    if entry.kind != HANDLE or runs_here(<object>entry.first):
        status = (<running_noted>watch.run_noted)(watch, turn, loop, &entry, place)
    else:
        # Handles of other kinds run by way of the pure form, which notes them itself.
        status = (<running>run_entry)(turn, &entry)
    Py_XDECREF(entry.first)
    Py_XDECREF(entry.second)
    Py_XDECREF(entry.third)
    return status


cdef inline bint runs_here(object handle):
    """Tell whether a handle is to run, and of a kind that is run in here."""
    return (
        type(handle) is Handle or type(handle) is TimerHandle or type(handle) is _ThreadSafeHandle
    ) and not (<Handle>handle).is_cancelled


cdef int run_entry_watched(CompiledTurn turn, Entry* entry) except -1:
    if entry.kind != HANDLE or not runs_here(<object>entry.first):
        return run_entry(turn, entry)
    if type(<object>entry.first) is _ThreadSafeHandle:
        return run_for_other_threads(<_ThreadSafeHandle>entry.first, <running_handle>run_handle)
    return run_handle(<Handle>entry.first)
