# Counting what a loop runs, for asyncio_core.inspecting.measuring.

cdef extern from *:
    """
    /* What a function of C does, whoever it is bound to. */
    #define CODE_OF_C(function) ((void *)((PyCFunctionObject *)(function))->m_ml)
    """
    void* CODE_OF_C(object) noexcept


cdef class Counting(Watch):
    """Counts for `asyncio_core.inspecting.measuring`."""

    # Returns what is known of a loop; the one that was asked for last.
    cdef object begin_loop
    cdef PyObject* last_turn
    cdef WatchedLoop last_loop
    # By what a function does: (what keeps that alive, the function's name).
    cdef dict names

    def __init__(self, run, begin_loop):
        Watch.__init__(self, run)
        self.begin_loop = begin_loop
        self.names = {}

    cdef WatchedLoop begin_batch(self, CompiledTurn turn, Batch* batch):
        cdef Counts counts
        if self.last_turn is not <PyObject*>turn:
            self.last_loop = self.begin_loop(turn)
            self.last_turn = <PyObject*>turn
        # Otherwise a callback runs the loop itself: all of that is one turn.
        if not self.last_loop.batch_begun:
            self.last_loop.batch_begun = performance_seconds()
            counts = self.last_loop.interval
            counts.turns += 1
            counts.ready_sum += turn.ready.length
            counts.ready_most = max(counts.ready_most, turn.ready.length)
        return self.last_loop

    cdef int end_batch(self, WatchedLoop loop, Batch* batch, bint goes_on) except -1:
        cdef double now, begun
        cdef Counts counts = loop.interval
        if loop.batch_begun:
            now, begun = performance_seconds(), loop.batch_begun
            loop.batch_begun = 0.0
            add_to_times(counts.lag, now - begun)
            counts.busy += now - max(begun, counts.begun)
        return 0

    cdef int run_noted(self, CompiledTurn turn, WatchedLoop loop, Entry* entry, long long place) except -1:
        cdef PyObject* error
        cdef int status
        cdef Running this = Running.__new__(Running)
        if (<counting_begin>begin_counting)(self, loop, this, entry) < 0:
            forget_error()
            this = None
        status = (<running>run_entry_watched)(turn, entry)
        if this is not None:
            error = caught()
            if (<counting_end>end_counting)(self, loop, this) < 0:
                forget_error()
            if error is not NULL:
                put_back(error)
        return status


ctypedef int (*counting_begin)(Counting, WatchedLoop, Running, Entry*) noexcept
ctypedef int (*counting_end)(Counting, WatchedLoop, Running) noexcept


cdef int begin_counting(Counting watch, WatchedLoop loop, Running running, Entry* entry) except -1:
    cdef bint is_step
    subject = subject_of(entry, &is_step)
    if is_step:
        running.task = subject
    else:
        running.callback = subject
    running.interval = loop.interval
    running.taken = taken_of(watch, loop, running)
    running.outer = loop.counted
    running.begun = performance_seconds()
    loop.counted = running
    return 0


cdef Taken taken_of(Counting watch, WatchedLoop loop, Running running):
    cdef Taken taken
    if running.task is None:
        name = name_for(watch, running.callback)
        found = loop.interval.functions.get(name)
        return (<object>loop.interval).of_function(name) if found is None else found
    found = loop.interval.tasks.get(<size_t><PyObject*>running.task)
    if found is not None:
        taken = found
        if taken.task() is running.task:
            return taken
    return (<object>loop.interval).of(None, running.task)


cdef object name_for(Counting watch, object callback):
    """Return a callback's name; found once for each function."""
    cdef size_t number
    key = known_by(callback, &number)
    if not number:
        return known["name_of_callback"](callback)
    found = watch.names.get(number)
    if found is None:
        found = watch.names[number] = (key, known["name_of_callback"](callback))
    return (<tuple>found)[1]


cdef object known_by(object callback, size_t* number):
    """Find a number for what a function does, 0 for what is none; return what is to be kept as long as that stands for it."""
    cdef object key = callback
    if type(callback) is MethodType:
        key = callback.__func__
    if type(key) is FunctionType:
        # Functions come and go, what they do stays.
        key = key.__code__
        number[0] = <size_t><PyObject*>key
        return key
    number[0] = <size_t>CODE_OF_C(callback) if type(callback) is BuiltinMethodType else 0
    return None


cdef int end_counting(Counting watch, WatchedLoop loop, Running running) except -1:
    cdef double seconds = performance_seconds() - running.begun
    loop.counted = running.outer
    if running.interval is not loop.interval:
        # It began in one that is over.
        (<object>loop).note_late(running, seconds)
        return 0
    running.taken.count += 1
    running.taken.seconds += seconds
    if seconds > running.taken.longest:
        running.taken.longest = seconds
    return 0
