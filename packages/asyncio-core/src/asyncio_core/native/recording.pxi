# Recording what a loop runs, for asyncio_core.inspecting.recording, which tells what records are.
#
# A record costs looking at the clock once, and what it takes to find its numbers: no object is made, nothing of Python's
# called, for what is known by then.

cdef extern from *:
    """
    #if PY_VERSION_HEX >= 0x030d0000
    static int IS_REFERENCE_TO(PyObject *reference, PyObject *object) {
        PyObject *found = NULL;
        if (PyWeakref_GetRef(reference, &found) < 0) PyErr_Clear();
        Py_XDECREF(found);
        return found == object;
    }
    #else
    #define IS_REFERENCE_TO(reference, object) (PyWeakref_GET_OBJECT(reference) == (object))
    #endif
    """
    bint IS_REFERENCE_TO(PyObject*, PyObject*) noexcept
    bint PyUnicode_CHECK_INTERNED(object) noexcept


# As in asyncio_core.inspecting.recording.
cdef enum:
    RECORD_OF_TURN = 0
    RECORD_OF_CALLBACK = 1
    RECORD_OF_STEP = 2
    RECORD_OF_IO = 3
    WAITS = 0 << 8
    ENDED = 1 << 8
    BITS_BELOW_WOKEN = 16
    # Coroutines in coroutines that are looked into.
    DEEPEST = 100


cdef class Recording(Watch):
    """Records for `asyncio_core.inspecting.recording`."""

    cdef Records records
    # Functions of the recorder: what it knows of a loop; and, with what keeps that, the number of a task and of a name.
    cdef object begin_loop
    cdef object task_number
    cdef object name_number
    cdef Numbers names
    cdef Numbers tasks
    # Of what can be awaited: whether it is compiled.
    cdef Numbers kinds
    # Threads that run loops; the loop that was asked for last.
    cdef set threads
    cdef PyObject* last_turn
    cdef WatchedLoop last_loop
    cdef long long last_thread

    def __init__(self, run, records, threads, begin_loop, task_number, name_number):
        Watch.__init__(self, run)
        self.records = records
        self.threads = threads
        self.begin_loop = begin_loop
        self.task_number = task_number
        self.name_number = name_number
        self.names = Numbers()
        self.tasks = Numbers()
        self.kinds = Numbers()

    cdef WatchedLoop begin_batch(self, CompiledTurn turn, Batch* batch):
        cdef WatchedLoop loop = self.last_loop
        cdef long long thread = <long long>PyThread_get_thread_ident()
        if self.last_turn is not <PyObject*>turn:
            loop = self.begin_loop(turn)
            self.last_loop, self.last_turn = loop, <PyObject*>turn
        if loop.thread != thread or self.last_thread != thread:
            self.threads.add(thread)
            loop.thread = self.last_thread = thread
        batch.length = turn.ready.length
        batch.ready_since = loop.moment = performance_nanoseconds()
        # A turn begins where the one before has ended.
        batch.turn_begun = loop.turn_ended if loop.turn_ended else loop.moment
        return loop

    cdef int end_batch(self, WatchedLoop loop, Batch* batch, bint goes_on) except -1:
        cdef long long* place = one_more(self.records)
        cdef long long ended = performance_nanoseconds()
        place[0], place[1], place[2], place[3] = RECORD_OF_TURN, loop.thread, batch.turn_begun, ended
        place[4], place[5], place[6], place[7] = batch.ready_since, batch.length, 0, 0
        loop.moment = ended
        loop.turn_ended = ended if goes_on else 0
        return 0

    cdef int run_noted(self, CompiledTurn turn, WatchedLoop loop, Entry* entry, long long place) except -1:
        cdef Recorded this
        cdef Recorded outer = loop.recorded
        cdef PyObject* error
        cdef int status
        if (<recording_begin>begin_recording)(loop, turn.ready, entry, place, &this) < 0:
            forget_error()
            return run_entry_watched(turn, entry)
        status = (<running>run_entry_watched)(turn, entry)
        error = caught()
        loop.moment = performance_nanoseconds()
        # Otherwise it was recorded as far as it had come.
        if loop.recorded.subject is this.subject and loop.recorded.place == place:
            loop.recorded = outer
            if (<recording_end>end_recording)(self, loop, turn.ready, &this) < 0:
                forget_error()
        Py_DECREF(<object>this.subject)
        if error is not NULL:
            put_back(error)
        return status


ctypedef int (*recording_begin)(WatchedLoop, ReadyQueue, Entry*, long long, Recorded*) noexcept
ctypedef int (*recording_end)(Recording, WatchedLoop, ReadyQueue, Recorded*) noexcept


cdef int begin_recording(
    WatchedLoop loop, ReadyQueue ready, Entry* entry, long long place, Recorded* this
) except -1:
    subject = subject_of(entry, &this.is_step)
    this.before = ready.length
    this.place = place
    # Nothing but what is in here was done since the one before had ended.
    this.begun = loop.moment
    Py_INCREF(subject)
    this.subject = <PyObject*>subject
    loop.recorded = this[0]
    return 0


cdef int end_recording(Recording watch, WatchedLoop loop, ReadyQueue ready, Recorded* this) except -1:
    cdef long long* place
    cdef long long kind, number, inside = 0
    cdef Py_ssize_t woken = ready.length - this.before if ready is not None else 0
    if not this.is_step:
        kind, number = RECORD_OF_CALLBACK, number_for(watch, <object>this.subject)
    else:
        kind, number = RECORD_OF_STEP | ENDED, number_of_task(watch, this.subject)
        if (<Task>this.subject).state == PENDING:
            kind = RECORD_OF_STEP | WAITS
            inside = innermost_for(watch, <Task>this.subject)
    place = one_more(watch.records)
    place[0] = kind | <long long>(woken if woken > 0 else 0) << BITS_BELOW_WOKEN
    place[1], place[2], place[3] = loop.thread, this.begun, loop.moment
    # What it has put into the queue will run in its turn, after what was in there before.
    place[4], place[5], place[6], place[7] = number, this.place, inside, this.place + 1 + this.before
    return 0


cdef long long number_of_task(Recording watch, PyObject* task) except -1:
    cdef Numbered* entry = numbered(watch.tasks, <size_t>task)
    if entry.key and IS_REFERENCE_TO(entry.kept, task):
        return entry.number
    kept, number = watch.task_number(<object>task)
    give_number(watch.tasks, <size_t>task, kept, number)
    return number


cdef long long number_for(Recording watch, object callback) except -1:
    """Return the number of a callback's name; found once for each function."""
    cdef size_t key
    kept = known_by(callback, &key)
    if not key:
        return watch.name_number(known["name_of_callback"](callback))
    if not numbered(watch.names, key).key:
        give_number(watch.names, key, kept, watch.name_number(known["name_of_callback"](callback)))
    return numbered(watch.names, key).number


cdef long long innermost_for(Recording watch, Task task) except -1:
    """Return the number of the name of the coroutine in which a task waits; 0 where it is in none."""
    cdef object current = task.coro
    cdef object found = None
    cdef int depth = 0
    while type(current) is CoroutineType and depth < DEEPEST:
        found = current
        current = current.cr_await
        depth += 1
    if current is not None and type(current) is not FutureIterator and is_awaitable_of_c(watch, type(current)):
        return number_of_kept(watch, current.__qualname__)
    if found is None:
        return 0
    code = found.cr_code
    if not numbered(watch.names, <size_t><PyObject*>code).key:
        give_number(watch.names, <size_t><PyObject*>code, code, watch.name_number(code.co_qualname))
    return numbered(watch.names, <size_t><PyObject*>code).number


cdef bint is_awaitable_of_c(Recording watch, object kind) except -1:
    """Tell whether what can be awaited tells its name, and runs no code of Python's for that."""
    if not numbered(watch.kinds, <size_t><PyObject*>kind).key:
        give_number(watch.kinds, <size_t><PyObject*>kind, kind, known["is_compiled"](kind, "cr_await"))
    return numbered(watch.kinds, <size_t><PyObject*>kind).number != 0


cdef long long number_of_kept(Recording watch, object name) except -1:
    """Return a name's number; found once for one that the interpreter has no second of."""
    cdef size_t key = <size_t><PyObject*>name
    if type(name) is not str or not PyUnicode_CHECK_INTERNED(name):
        return watch.name_number(str(name))
    if not numbered(watch.names, key).key:
        give_number(watch.names, key, name, watch.name_number(name))
    return numbered(watch.names, key).number


# Calls of the system's, by methods of sockets and by compiled transports.

cdef extern from *:
    """
    /* Who is told that calls are noted. */
    #define MOST_CALLERS 8
    static void (*known_callers[MOST_CALLERS])(const AsyncioCallNoter *);
    static int caller_count = 0;
    static const AsyncioCallNoter *told_noter = NULL;

    static int know_caller(void (*tell)(const AsyncioCallNoter *)) {
        if (caller_count == MOST_CALLERS) return 0;
        known_callers[caller_count++] = tell;
        if (told_noter != NULL) tell(told_noter);
        return 1;
    }

    static void tell_of_calls(const AsyncioCallNoter *noter) {
        int n;
        told_noter = noter;
        for (n = 0; n < caller_count; n++) known_callers[n](noter);
    }
    """
    int know_caller(void (*)(const AsyncioCallNoter*) noexcept) noexcept
    void tell_of_calls(const AsyncioCallNoter*) noexcept


@cython.final
cdef class SystemCall:
    """Stands in the place of a function that calls the system, and records what it does in threads that run loops."""

    cdef object own
    cdef object count
    cdef Calls calls
    cdef long long name

    def __init__(self, own, count, calls, name):
        self.own = own
        self.count = count
        self.calls = calls
        self.name = name

    def __getattr__(self, name):
        return getattr(self.own, name)

    def __get__(self, sock, kind):
        return self if sock is None else MethodType(self, sock)

    def __call__(self, sock, *arguments, **options):
        cdef long long begun = performance_nanoseconds()
        result = self.own(sock, *arguments, **options)
        descriptor = sock if type(sock) is int else sock.fileno()
        note_call(self.calls, self.name, descriptor, self.count(result), begun)
        return result


@cython.final
cdef class Calls:
    """Where calls of the system's are noted."""

    cdef Records records
    cdef set threads
    # The numbers of their names, by those that the interface for other distributions has.
    cdef dict names
    # The one that was found to run a loop last.
    cdef unsigned long thread

    def __init__(self, records, threads, names):
        self.records = records
        self.threads = threads
        self.names = names

    def begin(self):
        """Have compiled transports tell of their calls, too."""
        global noted_calls
        noted_calls = self
        tell_of_calls(&call_noter)

    def end(self):
        """Have them go back to telling nobody."""
        global noted_calls
        if noted_calls is self:
            tell_of_calls(NULL)
            noted_calls = None


cdef Calls noted_calls = None


cdef int note_call(Calls calls, long long name, int descriptor, Py_ssize_t count, long long begun) except -1:
    cdef long long* place
    cdef unsigned long thread = PyThread_get_thread_ident()
    cdef long long ended = performance_nanoseconds()
    if thread != calls.thread:
        if thread not in calls.threads:
            return 0
        calls.thread = thread
    place = one_more(calls.records)
    place[0], place[1], place[2], place[3] = RECORD_OF_IO, <long long>thread, begun, ended
    place[4], place[5], place[6], place[7] = name, descriptor, count, 0
    return 0


ctypedef int (*noting_call)(Calls, long long, int, Py_ssize_t, long long) noexcept


cdef void note_call_of_others(int call, int descriptor, Py_ssize_t count, long long begun) noexcept:
    """Note what a compiled transport has done, if it was done: with whatever exception is set by then."""
    cdef PyObject* error
    if noted_calls is None or count < 0:
        return
    error = caught()
    if (<noting_call>note_call)(noted_calls, name_of_call(noted_calls, call), descriptor, count, begun) < 0:
        forget_error()
    if error is not NULL:
        put_back(error)


cdef long long name_of_call(Calls calls, int call) noexcept:
    found = calls.names.get(call)
    return 0 if found is None else found


cdef int stands_for(PyObject* function, PyObject* own) noexcept:
    return type(<object>function) is SystemCall and <PyObject*>(<SystemCall>function).own is own


cdef AsyncioCallNoter call_noter
call_noter.moment = performance_nanoseconds
call_noter.note = note_call_of_others
call_noter.stands_for = stands_for
