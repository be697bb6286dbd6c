# Running callbacks while somebody measures or records them; see asyncio_core.inspecting.
#
# What stands in the place of Handle._run() meanwhile is one of these. For a handle it does what any function does there:
# it calls the pure form. But where it finds one, a turn runs what is ready by way of this file, and makes no handles
# of steps. Whatever fails in here, the program is not told.

from types import CoroutineType, FunctionType


# Whether the clock here is the one that `time.perf_counter()` tells: without it no loop uses any of this.
keeps_clock = OWN_CLOCK != 0


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


cdef class Counts:
    """Of what ran in an interval: by the ids of tasks, and by names of functions."""

    cdef public dict tasks
    cdef public dict functions

    def __init__(self):
        self.tasks = {}
        self.functions = {}


cdef class WatchedLoop:
    """A loop that is watched."""

    # When the turn began to run what was ready, 0 while it does not; what runs now; where it is counted.
    cdef public object batch_begun
    cdef public object running
    cdef public Counts interval
    # The thread's id, and the number of what runs next among all that this loop has run.
    cdef public long long thread
    cdef public long long place


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
    # How long the queue was, the task's number, and its own place.
    cdef Py_ssize_t before
    cdef long long number
    cdef long long place

    def __init__(self, begun, moment, callback, task):
        self.begun = begun
        self.moment = moment
        self.callback = callback
        self.task = task


@cython.final
cdef class Records:
    """Records of eight integers each, in a row."""

    cdef long long* numbers
    cdef Py_ssize_t count
    cdef Py_ssize_t room

    def __dealloc__(self):
        PyMem_Free(self.numbers)

    def __len__(self):
        return self.count

    def append(self, tuple record, /):
        """Add one."""
        cdef long long* place = one_more(self)
        for n in range(8):
            place[n] = record[n]
        self.count += 1

    def take(self, Py_ssize_t most, /):
        """Return the bytes of the first ones, no more than `most`, which are in here no longer."""
        cdef Py_ssize_t taken = min(most, self.count)
        if not taken:
            return b""
        numbers = (<char*>self.numbers)[: taken * RECORD_SIZE]
        self.count -= taken
        memmove(self.numbers, self.numbers + 8 * taken, self.count * RECORD_SIZE)
        return numbers


cdef enum:
    RECORD_SIZE = 64


cdef extern from "string.h":
    void* memmove(void*, const void*, size_t) noexcept


cdef long long* one_more(Records records) except NULL:
    """Return the place of the next record; it is one when the number has grown."""
    cdef Py_ssize_t room
    cdef long long* numbers
    if records.count == records.room:
        room = 2 * records.room if records.room else 1024
        numbers = <long long*>PyMem_Realloc(records.numbers, room * RECORD_SIZE)
        if numbers is NULL:
            raise MemoryError
        records.numbers = numbers
        records.room = room
    return records.numbers + 8 * records.count


cdef int add_record(
    Records records, long long kind, WatchedLoop loop, Running running, long long ended,
    long long first, long long second, long long third, long long fourth,
) except -1:
    cdef long long* place = one_more(records)
    place[0], place[1], place[2], place[3] = kind, loop.thread, running.moment, ended
    place[4], place[5], place[6], place[7] = first, second, third, fourth
    records.count += 1
    return 0


cdef class Watch:
    """Stands in the place of `Handle._run()`; loops that are compiled ask it for more than that."""

    # What runs a handle, and notes it; and what is told that a turn begins to run what is ready.
    cdef object run
    cdef object begin_batch
    # By what a function does: (what keeps that alive, the function's name, or its number).
    cdef dict names

    def __init__(self, run, begin_batch):
        self.run = run
        self.begin_batch = begin_batch
        self.names = {}

    def __get__(self, handle, kind):
        return self if handle is None else MethodType(self, handle)

    def __call__(self, handle, /):
        self.run(handle)

    cdef object named(self, object name):
        """Return what stands for a name in what is noted."""
        return name

    cdef int begin(self, WatchedLoop loop, Running running) except -1:
        raise NotImplementedError

    cdef int end(self, WatchedLoop loop, Running running, ReadyQueue ready) except -1:
        raise NotImplementedError


cdef extern from *:
    """
    /* What a function of C does, whoever it is bound to. */
    #define CODE_OF_C(function) ((void *)((PyCFunctionObject *)(function))->m_ml)
    """
    void* CODE_OF_C(object) noexcept


cdef object name_for(Watch watch, object callback):
    """Return what stands for a callback's name; found once for each function."""
    cdef object key = callback
    cdef size_t number
    if type(callback) is MethodType:
        key = callback.__func__
    if type(key) is FunctionType:
        # Functions come and go, what they do stays.
        key = key.__code__
        number = <size_t><PyObject*>key
    elif type(callback) is BuiltinMethodType:
        key = None
        number = <size_t>CODE_OF_C(callback)
    else:
        return watch.named(known["name_of_callback"](callback))
    found = watch.names.get(number)
    if found is None:
        found = watch.names[number] = (key, watch.named(known["name_of_callback"](callback)))
    return (<tuple>found)[1]


cdef int look_at(Entry* entry, Running running) except -1:
    """Find out whose step an entry is, or what it calls."""
    if entry.kind == STEP or entry.kind == WAKE:
        running.task = <object>entry.first
        return 0
    callback = <object>entry.first
    if entry.kind == HANDLE:
        callback = (<Handle>entry.first)._callback
    if type(callback) is TaskWaker:
        running.task = (<TaskWaker>callback).task
    elif type(callback) is BuiltinMethodType and isinstance(callback.__self__, Task):
        running.task = known["task_of"](callback)
    if running.task is None:
        running.callback = callback
    return 0


cdef class Counting(Watch):
    """Counts for `asyncio_core.inspecting.measuring`."""

    cdef int begin(self, WatchedLoop loop, Running running) except -1:
        running.interval = loop.interval
        running.taken = self.taken_of(loop, running)
        running.outer = loop.running
        running.begun = monotonic_seconds()
        loop.running = running
        return 0

    cdef Taken taken_of(self, WatchedLoop loop, Running running):
        cdef Taken taken
        if running.task is None:
            name = name_for(self, running.callback)
            found = loop.interval.functions.get(name)
            return (<object>loop.interval).of_function(name) if found is None else found
        found = loop.interval.tasks.get(<size_t><PyObject*>running.task)
        if found is not None:
            taken = found
            if taken.task() is running.task:
                return taken
        return (<object>loop.interval).of(None, running.task)

    cdef int end(self, WatchedLoop loop, Running running, ReadyQueue ready) except -1:
        cdef double seconds = monotonic_seconds() - running.begun
        loop.running = running.outer
        if running.interval is not loop.interval:
            # It began in one that is over.
            (<object>loop).note_late(running, seconds)
            return 0
        running.taken.count += 1
        running.taken.seconds += seconds
        if seconds > running.taken.longest:
            running.taken.longest = seconds
        return 0


cdef class Recording(Watch):
    """Records for `asyncio_core.inspecting.recording`, which tells what records are."""

    cdef Records records
    cdef dict tasks
    cdef object task_number
    cdef object name_number

    def __init__(self, run, begin_batch, records, tasks, task_number, name_number):
        Watch.__init__(self, run, begin_batch)
        self.records = records
        self.tasks = tasks
        self.task_number = task_number
        self.name_number = name_number

    cdef object named(self, object name):
        return self.name_number(name)

    cdef int begin(self, WatchedLoop loop, Running running) except -1:
        if running.task is not None:
            found = self.tasks.get(<size_t><PyObject*>running.task)
            if found is None or (<tuple>found)[0]() is not running.task:
                running.number = self.task_number(running.task)
            else:
                running.number = (<tuple>found)[1]
        running.outer = loop.running
        running.moment = monotonic_nanoseconds()
        loop.running = running
        return 0

    cdef int end(self, WatchedLoop loop, Running running, ReadyQueue ready) except -1:
        cdef long long ended = monotonic_nanoseconds()
        cdef Py_ssize_t n
        cdef Py_ssize_t kind
        if loop.running is None:
            # It was recorded as far as it had come.
            return 0
        loop.running = running.outer
        if ready is not None:
            for n in range(running.before, ready.length):
                kind = ready.entries[(ready.begin + n) & ready.mask].kind
                if kind == STEP or kind == WAKE:
                    add_record(self.records, RECORD_OF_WAKE, loop, running, ended, running.place + 1 + n, 0, 0, 0)
        if running.task is None:
            name = name_for(self, running.callback)
            add_record(self.records, RECORD_OF_CALLBACK, loop, running, ended, name, 0, 0, 0)
        elif (<Task>running.task).state != PENDING:
            add_record(self.records, RECORD_OF_STEP, loop, running, ended, running.number, running.place, 0, 1)
        else:
            inside = innermost_for(self, <Task>running.task)
            add_record(self.records, RECORD_OF_STEP, loop, running, ended, running.number, running.place, inside, 0)
        return 0


# As in asyncio_core.inspecting.recording.
cdef enum:
    RECORD_OF_CALLBACK = 1
    RECORD_OF_STEP = 2
    RECORD_OF_IO = 3
    RECORD_OF_WAKE = 4


cdef object innermost_for(Recording watch, Task task):
    """Return the number of the coroutine's name in which a task waits."""
    cdef object current = task.coro
    cdef object found = None
    cdef int depth = 0
    while type(current) is CoroutineType and depth < 100:
        found = current
        current = current.cr_await
        depth += 1
    if type(current) is not FutureIterator or found is None:
        return watch.name_number(known["innermost_of"](task))
    code = found.cr_code
    named = watch.names.get(<size_t><PyObject*>code)
    if named is None:
        named = watch.names[<size_t><PyObject*>code] = (code, watch.name_number(code.co_qualname))
    return (<tuple>named)[1]


cdef int begin_watch(Watch watch, WatchedLoop loop, Running running, Entry* entry) except -1:
    look_at(entry, running)
    return watch.begin(loop, running)


cdef int end_watch(Watch watch, WatchedLoop loop, Running running, ReadyQueue ready) except -1:
    return watch.end(loop, running, ready)


ctypedef int (*beginning)(Watch, WatchedLoop, Running, Entry*) noexcept
ctypedef int (*noting_end)(Watch, WatchedLoop, Running, ReadyQueue) noexcept


cdef int run_batch_watched(CompiledTurn turn, Watch watch) except -1:
    """Run what is ready now, as `run_batch()` does, and have it noted."""
    cdef Py_ssize_t left = turn.ready.length
    cdef Py_ssize_t before = turn.left
    cdef WatchedLoop loop = watch.begin_batch(turn, left)
    cdef long long place = loop.place
    cdef int status = 0
    loop.place += left
    while status >= 0 and left > 0 and turn.ready is not None and turn.ready.length:
        left -= 1
        turn.left = left
        status = (<running_watched>run_first_watched)(turn, watch, loop, place)
        place += 1
        if turn.at_end is not NULL and status >= 0 and left and is_due(turn):
            status = (<ending>do_what_was_put_off)(turn)
    return end_batch(turn, before, status)


ctypedef int (*running_watched)(CompiledTurn, Watch, WatchedLoop, long long) noexcept


cdef int run_first_watched(CompiledTurn turn, Watch watch, WatchedLoop loop, long long place) except -1:
    cdef ReadyQueue ready = turn.ready
    cdef Entry entry = ready.entries[ready.begin]
    cdef Running this = None
    cdef PyObject* error
    cdef int status
    ready.begin = (ready.begin + 1) & ready.mask
    ready.length -= 1
    if entry.kind != HANDLE or runs_here(<object>entry.first):
        this = Running.__new__(Running)
        this.before = ready.length
        this.place = place
        if (<beginning>begin_watch)(watch, loop, this, &entry) < 0:
            forget_error()
            this = None
    # Handles of other kinds run by way of the pure form, which notes them itself.
    status = (<running>run_entry_watched)(turn, &entry)
    if this is not None:
        error = caught()
        if (<noting_end>end_watch)(watch, loop, this, turn.ready) < 0:
            forget_error()
        if error is not NULL:
            put_back(error)
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


@cython.final
cdef class SocketCall:
    """Stands in the place of a method of sockets, and records what it does in threads that run loops."""

    cdef object own
    cdef object count
    cdef object threads
    cdef Records records
    cdef long long name

    def __init__(self, own, count, threads, records, name):
        self.own = own
        self.count = count
        self.threads = threads
        self.records = records
        self.name = name

    def __getattr__(self, name):
        return getattr(self.own, name)

    def __get__(self, sock, kind):
        return self if sock is None else MethodType(self, sock)

    def __call__(self, sock, *arguments, **options):
        cdef long long* place
        cdef long long ended, descriptor, size, begun = monotonic_nanoseconds()
        result = self.own(sock, *arguments, **options)
        ended = monotonic_nanoseconds()
        thread = PyThread_get_thread_ident()
        if thread in self.threads:
            descriptor, size = sock.fileno(), self.count(result)
            place = one_more(self.records)
            place[0], place[1], place[2], place[3] = RECORD_OF_IO, <long long>thread, begun, ended
            place[4], place[5], place[6], place[7] = self.name, descriptor, size, 0
            self.records.count += 1
        return result
