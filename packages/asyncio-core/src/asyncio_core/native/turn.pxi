# The base of event loops: the clock, and the turn.
#
# The pure form is asyncio_core.scheduling.turn. It takes over in debug mode, where somebody has looked at the timers
# or put a queue of his own in place, and where a class or an instance overrides what is cut short here.

# What is looked for in the class and in the instance.
cdef object WATCHED = frozenset(
    (
        *("call_soon", "_call_soon", "call_at", "time", "_timer_handle_cancelled"),
        *("_poll", "_process_events", "_add_callback", "_selector", "_run_once"),
        *("create_future", "_write_to_self"),
    )
)

# Seconds; as in asyncio_core.scheduling.timers.
cdef double LONGEST_WAIT = 24 * 3600.0

# As in asyncio_core.scheduling.turn, where the reason is.
cdef enum:
    POLLS_SPARED = 63

cdef object time_names = vars(time)
cdef object monotonic = time.monotonic
cdef double CLOCK_RESOLUTION = time.get_clock_info("monotonic").resolution
cdef bint clock_is_watched = watch_clock(time_names) == 0


# The last number that a loop was given, for having an attribute set or for being there.
cdef unsigned long long last_generation = 0


# What wakes the loops whose _write_to_self() is this one.
cdef object known_waker = None
cdef AsyncioWake waker = NULL


cdef class CompiledTurn:
    """The queue, the timers and the turn of an event loop."""

    cdef ReadyQueue ready
    # What somebody has put in the queue's place.
    cdef object other_queue
    cdef Heap timers
    # Once they have been shown, they are kept as the pure form keeps them.
    cdef bint timers_shown
    cdef uint64_t timer_number
    # Another one whenever an attribute is set or deleted.
    cdef unsigned long long generation
    cdef PyObject* current
    cdef PyObject* previous_turn
    cdef PyObject* next_turn
    cdef bint closed
    cdef bint debug
    cdef public bint _stopping
    cdef public object _thread_id
    cdef public double _clock_resolution
    cdef public object _current_handle
    cdef public object _task_factory
    cdef public Py_ssize_t _timer_cancelled_count
    cdef public bint _call_soon_hooked
    cdef public bint _may_spare_poll
    cdef public int _polls_spared
    # What waits in the place of _poll(), and for what: a poller of another distribution's.
    cdef AsyncioPoll poll_function
    cdef object poller
    # What is put off until what runs now has run, since when, and how often it has to be done at once instead.
    cdef AsyncioAtEnd at_end
    cdef double put_off_since
    cdef int not_to_put_off
    # How much of what was ready is still to run: nothing, where something else runs it.
    cdef Py_ssize_t left
    # The version of the class for which the following holds.
    cdef unsigned int version
    cdef bint soon_is_plain
    cdef bint clock_is_plain
    cdef bint at_is_plain
    cdef bint timers_are_plain
    cdef bint cancelling_is_plain
    cdef bint futures_are_plain
    cdef bint creating_is_plain
    cdef bint tasks_are_plain
    cdef bint turns_are_plain
    cdef bint handles_for_threads_are_plain
    cdef bint waking_is_plain

    def __cinit__(self):
        global first_turn
        self._clock_resolution = CLOCK_RESOLUTION
        be_changed(self)
        self.next_turn = first_turn
        if first_turn is not NULL:
            (<CompiledTurn>first_turn).previous_turn = <PyObject*>self
        first_turn = <PyObject*>self

    def __dealloc__(self):
        global first_turn
        if self.previous_turn is NULL:
            first_turn = self.next_turn
        else:
            (<CompiledTurn>self.previous_turn).next_turn = self.next_turn
        if self.next_turn is not NULL:
            (<CompiledTurn>self.next_turn).previous_turn = self.previous_turn
        if self.ready is not None:
            self.ready.loop = NULL
        Py_CLEAR(self.current)
        drop_timers(&self.timers)

    def __setattr__(self, name, value):
        if name in WATCHED:
            self.version = 0
        PyObject_GenericSetAttr(self, name, <PyObject*>value)
        be_changed(self)

    def __delattr__(self, name):
        if name in WATCHED:
            self.version = 0
        PyObject_GenericSetAttr(self, name, NULL)
        be_changed(self)

    @property
    def _ready(self):
        return self.other_queue if self.ready is None else self.ready

    @_ready.setter
    def _ready(self, queue):
        if self.ready is not None:
            self.ready.loop = NULL
        if type(queue) is ReadyQueue:
            self.ready = queue
            self.ready.loop = <PyObject*>self
            self.other_queue = None
        else:
            self.ready = None
            self.other_queue = queue

    @property
    def _closed(self):
        return self.closed

    @_closed.setter
    def _closed(self, value):
        self.closed = value

    @property
    def _debug(self):
        return self.debug

    @_debug.setter
    def _debug(self, value):
        self.debug = value

    @property
    def _scheduled(self):
        show_timers(self)
        return pure()._scheduled.fget(self)

    @_scheduled.setter
    def _scheduled(self, timers):
        drop_timers(&self.timers)
        self.timers_shown = True
        pure()._scheduled.fset(self, timers)

    def _init_turn(self):
        pure()._init_turn(self)
        self._clock_resolution = pure()._clock_resolution
        self._ready = ReadyQueue()

    def _notice_hooked_call_soon(self):
        pure()._notice_hooked_call_soon(self)
        look_again(self)

    def _drop_all(self):
        drop_timers(&self.timers)
        pure()._drop_all(self)

    def time(self):
        """Return the loop's clock in seconds; it never goes back and says nothing about the date.

        Source: PEP 3156.
        """
        if OWN_CLOCK and clock_is_real():
            return monotonic_seconds()
        return time.monotonic()

    def _timer_handle_cancelled(self, handle, /):
        if type(handle) is TimerHandle and (<TimerHandle>handle).place >= 0:
            forget_timer(<TimerHandle>handle)
        else:
            pure()._timer_handle_cancelled(self, handle)

    def create_future(self):
        """Return a new future bound to this loop. Added in Python 3.5.2."""
        cdef Future future
        know_class(self)
        if not self.futures_are_plain:
            return known["TaskMakingPart"].create_future(self)
        future = Future.__new__(Future)
        future.loop = self
        future.loop_is_ours = True
        if self.debug and self.get_debug():
            future._source_traceback = stack_here()
        return future

    def _run_once(self):
        """Wait for something to do, then run the callbacks that are ready.

        This is the loop's inner loop. Timers, the clock and debug mode cost nothing where there is no
        timer and no debug mode.
        """
        if self.debug or self.ready is None or self.timers_shown:
            show_timers(self)
            pure()._run_once(self)
            return
        know_class(self)
        turn_once(self)

    def _take_turns(self):
        """Turn until the loop is to stop, or until somebody has put another turn in the place of ours.

        Return whether it is to stop after the last turn.
        """
        while True:
            know_class(self)
            if not self.turns_are_plain:
                return False
            if self.debug or self.ready is None or self.timers_shown:
                self._run_once()
            else:
                turn_once(self)
            if self._stopping:
                return True


cdef inline void be_changed(CompiledTurn turn) noexcept:
    """Give a loop a number that none had before."""
    global last_generation
    last_generation += 1
    turn.generation = last_generation


cdef double as_double(object number) noexcept:
    """Return an int as a float; NaN where it is too large, and for everything else."""
    cdef double value
    if not PyLong_CheckExact(number):
        return NAN
    value = PyLong_AsDouble(number)
    if value == -1.0 and PyErr_Occurred() is not NULL:
        forget_error()
        return NAN
    return value


cdef extern from "Python.h":
    double NAN "Py_NAN"
    int PyObject_GenericSetAttr(object, object, PyObject*) except -1


cdef object pure():
    """Return the class that does what is not done here."""
    return known["_PyTurnPart"]


cdef bint has_own(CompiledTurn turn, str name, object own) except -1:
    """Tell whether a method is the one that is given: neither a class nor the instance has another.

    Without looking at the instance's attributes as a dict: where they have never been one, reading them is quicker.
    """
    if getattr(type(turn), name, None) is not own:
        return False
    found = getattr(turn, name)
    return type(found) in (BuiltinMethodType, MethodType) and found.__self__ is turn


cdef int look_again(CompiledTurn turn) except -1:
    """Find out what a class or an instance, or somebody else, has put in the place of what is here."""
    turn.futures_are_plain = making_names["Future"] is Future
    turn.creating_is_plain = has_own(turn, "create_future", CompiledTurn.create_future)
    turn.tasks_are_plain = task_names["Task"] is Task
    turn.timers_are_plain = timer_names["TimerHandle"] is TimerHandle
    turn.handles_for_threads_are_plain = turn_names["_ThreadSafeHandle"] is _ThreadSafeHandle
    turn.soon_is_plain = (
        turn_names["Handle"] is Handle
        and has_own(turn, "call_soon", CompiledTurn.call_soon)
        and has_own(turn, "_call_soon", pure()._call_soon)
    )
    turn.at_is_plain = turn.timers_are_plain and has_own(turn, "call_at", CompiledTurn.call_at)
    turn.turns_are_plain = has_own(turn, "_run_once", CompiledTurn._run_once)
    turn.clock_is_plain = has_own(turn, "time", CompiledTurn.time)
    turn.cancelling_is_plain = has_own(
        turn, "_timer_handle_cancelled", CompiledTurn._timer_handle_cancelled
    )
    turn.waking_is_plain = known_waker is not None and has_own(turn, "_write_to_self", known_waker)
    # Looking for them has given the class a version, unless there are no more.
    turn.version = TYPE_VERSION(<PyObject*>turn)
    if turn._thread_id is not None and (turn._may_spare_poll or turn.poll_function is not NULL):
        # What a poll means may have changed with the rest.
        turn._notice_hooks()
    return 0


cdef inline int know_class(CompiledTurn turn) except -1:
    if turn.version != TYPE_VERSION(<PyObject*>turn) or turn.version == 0:
        look_again(turn)
    return 0


cdef inline bint queues_plainly(CompiledTurn turn) except -1:
    """Tell whether what is ready may be put into the queue without asking anybody."""
    if turn.closed or turn.debug or turn.ready is None:
        return False
    know_class(turn)
    return turn.soon_is_plain


cdef inline bint keeps_time_plainly(CompiledTurn turn) except -1:
    if turn.closed or turn.debug or turn.timers_shown:
        return False
    know_class(turn)
    return turn.at_is_plain


cdef inline bint makes_timers_plainly(CompiledTurn turn) except -1:
    know_class(turn)
    return turn.timers_are_plain


cdef inline bint clock_is_real() except -1:
    """Tell whether time.monotonic() is what it was: tests put another clock in its place."""
    return not clock_may_be_other or look_at_clock()


cdef bint look_at_clock() except -1:
    global clock_may_be_other
    if PyDict_GetItemWithError(time_names, "monotonic") is not <PyObject*>monotonic:
        return False
    if clock_is_watched:
        clock_may_be_other = False
    return True


cdef double now(CompiledTurn turn) except -1.0e308:
    know_class(turn)
    if OWN_CLOCK and turn.clock_is_plain and clock_is_real():
        return monotonic_seconds()
    return turn.time()


cdef object new_timer(CompiledTurn turn, double moment, object callback, object args, object context):
    cdef TimerHandle timer
    cdef PyObject* made
    cdef PyObject* where = context_for(<PyObject*>context)
    if where is NULL:
        raise_what_is_set()
    made = timer_alloc(TYPE_OF(TimerHandle), 0)
    if made is NULL:
        Py_DECREF(<object>where)
        raise MemoryError
    FILL_TIMER(made, <PyObject*>callback, <PyObject*>args, <PyObject*>turn, where)
    timer = <TimerHandle>made
    Py_DECREF(timer)
    timer.moment = moment
    turn.timer_number += 1
    timer._number = turn.timer_number
    add_timer(&turn.timers, timer)
    return timer


cdef int show_timers(CompiledTurn turn) except -1:
    """Hand the timers over to the pure form, for good."""
    cdef Py_ssize_t n
    cdef list entries = []
    if turn.timers_shown:
        return 0
    for n in range(turn.timers.count):
        timer = <TimerHandle>turn.timers.entries[n].timer
        entries.append((timer.moment, timer._number, timer))
    entries.sort()
    drop_timers(&turn.timers)
    turn.timers_shown = True
    turn._timer_number = turn.timer_number
    turn._timer_heap = entries
    turn._timers_plain = True
    for entry in entries:
        (<TimerHandle>entry[2]).listed = True
    pure()._scheduled.fget(turn)
    return 0


cdef int forget_timer(TimerHandle timer) except -1:
    """Take a cancelled timer out of the heap it is in, or count it where there are few."""
    cdef CompiledTurn turn = <CompiledTurn>timer.loop
    if turn.timers.count > FEW_TIMERS:
        Py_DECREF(<object>take_timer(&turn.timers, timer.place))
    else:
        turn._timer_cancelled_count += 1
    return 0


cdef int timer_is_cancelled(TimerHandle timer) except -1:
    """Tell the loop of a timer that it is cancelled."""
    cdef CompiledTurn turn
    if timer.place >= 0:
        turn = <CompiledTurn>timer.loop
        know_class(turn)
        if turn.cancelling_is_plain:
            return forget_timer(timer)
    timer.loop._timer_handle_cancelled(timer)
    return 0


cdef int drop_first_timers(CompiledTurn turn) except -1:
    """Take cancelled timers off the heap's top; all of them where they are many."""
    cdef Heap* timers = &turn.timers
    if 2 * turn._timer_cancelled_count > FEW_TIMERS:
        drop_cancelled_timers(timers)
        turn._timer_cancelled_count = 0
    while timers.count and (<TimerHandle>timers.entries[0].timer).is_cancelled:
        Py_DECREF(<object>take_timer(timers, 0))
        if turn._timer_cancelled_count:
            turn._timer_cancelled_count -= 1
    return 0


cdef int queue_due_timers(CompiledTurn turn) except -1:
    cdef Heap* timers = &turn.timers
    cdef PyObject* timer
    # What falls due before the clock's next tick cannot be told from what is due now.
    cdef double due = now(turn) + turn._clock_resolution
    while timers.count and timers.entries[0].moment < due:
        timer = take_timer(timers, 0)
        if (<TimerHandle>timer).is_cancelled:
            if turn._timer_cancelled_count:
                turn._timer_cancelled_count -= 1
        elif turn.ready is None:
            turn.other_queue.append(<object>timer)
        else:
            push(turn.ready, HANDLE, timer, NULL, NULL)
        Py_DECREF(<object>timer)
    return 0


cdef int turn_once(CompiledTurn turn) except -1:
    """Do one turn. Whoever calls this has looked at the class."""
    cdef double wait
    if turn.at_end is not NULL:
        # A callback runs the loop itself, which may wait now.
        do_what_was_put_off(turn)
    if turn._timer_cancelled_count:
        drop_first_timers(turn)
    if turn.ready.length or turn._stopping:
        if not spares_poll(turn):
            poll(turn, 0)
    elif turn.timers.count:
        wait = turn.timers.entries[0].moment - now(turn)
        poll(turn, 0 if wait <= 0 else wait if wait < LONGEST_WAIT else LONGEST_WAIT)
    else:
        poll(turn, -1)
    if turn.timers_shown:
        turn._queue_due_timers()
    elif turn.timers.count:
        queue_due_timers(turn)
    if turn.debug or turn.ready is None or not handles_are_plain():
        return run_batch_otherwise(turn)
    return run_batch(turn)


cdef int run_batch(CompiledTurn turn) except -1:
    """Run what is ready now, and what it has put off."""
    cdef Py_ssize_t left = turn.ready.length
    cdef Py_ssize_t before = turn.left
    cdef int status = 0
    while status >= 0 and left > 0 and turn.ready is not None and turn.ready.length:
        left -= 1
        turn.left = left
        status = (<running_first>run_first)(turn)
        if turn.at_end is not NULL and status >= 0 and left and is_due(turn):
            status = (<ending>do_what_was_put_off)(turn)
    return end_batch(turn, before, status)


cdef inline int end_batch(CompiledTurn turn, Py_ssize_t before, int status) except -1:
    turn.left = before
    if turn.at_end is not NULL:
        if status < 0:
            return do_after_failure(turn)
        return do_what_was_put_off(turn)
    if status < 0:
        raise_what_is_set()
    return 0


ctypedef int (*running_first)(CompiledTurn) noexcept
ctypedef int (*ending)(CompiledTurn) noexcept

# Seconds. What is put off waits no longer than this and a few callbacks more. Where they have taken as long as the
# other, nobody is to wait for the next of its kind, too: nothing is put off for so many times.
cdef double PUT_OFF = 500e-6
cdef double TOO_LONG = 4e-3

cdef enum:
    TIMES_AT_ONCE = 1000


cdef inline bint is_due(CompiledTurn turn) noexcept:
    # Most entries take less than looking at the clock.
    return not turn.left & 3 and performance_seconds() - turn.put_off_since > PUT_OFF


cdef int do_what_was_put_off(CompiledTurn turn) except -1:
    cdef AsyncioAtEnd at_end = turn.at_end
    turn.at_end = NULL
    if performance_seconds() - turn.put_off_since > TOO_LONG:
        turn.not_to_put_off = TIMES_AT_ONCE
    return at_end(<PyObject*>turn)


def do_what_is_put_off():
    """Do what loops have put off that run in this thread."""
    cdef PyObject* turn = first_turn
    here = PyThread_get_thread_ident()
    while turn is not NULL:
        if (<CompiledTurn>turn).at_end is not NULL and (<CompiledTurn>turn)._thread_id == here:
            do_what_was_put_off(<CompiledTurn>turn)
            # The turns may be others by now, but no more than one of them runs here.
            return
        turn = (<CompiledTurn>turn).next_turn


cdef int do_after_failure(CompiledTurn turn) except -1:
    """Do what was put off, though the turn ends with an exception, which stays the one that is raised."""
    cdef PyObject* error = caught()
    if (<ending>do_what_was_put_off)(turn) < 0:
        take_error()
    put_back(error)
    return raise_what_is_set()


cdef int poll(CompiledTurn turn, double seconds) except -1:
    """Wait for so many seconds, without a limit where they are negative."""
    if turn.poll_function is not NULL:
        turn._polls_spared = 0
        return turn.poll_function(<PyObject*>turn.poller, <PyObject*>turn, seconds)
    turn._poll(None if seconds < 0 else seconds if seconds else 0)
    return 0


cdef bint spares_poll(CompiledTurn turn) except -1:
    """Tell whether a busy turn goes without a poll; as the pure form's `_poll()` does, and without calling it."""
    if not turn._may_spare_poll or turn._stopping or turn._polls_spared >= POLLS_SPARED:
        return False
    if not is_only_thread():
        return False
    turn._polls_spared += 1
    return True


cdef int run_batch_otherwise(CompiledTurn turn) except -1:
    """Run what is ready, handle by handle: where that is watched, or where the queue or the running is another's."""
    run = Handle._run
    if isinstance(run, Watch) and not turn.debug and turn.ready is not None:
        return run_batch_watched(turn, <Watch>run)
    ready = turn._ready
    count = len(ready)
    if turn.debug:
        turn._run_batch_watched(count)
        return 0
    for _ in range(count):
        handle = ready.popleft()
        if not handle._cancelled:
            handle._run()
    return 0


cdef int run_first(CompiledTurn turn) except -1:
    """Take the first entry of the queue, and do what it says."""
    cdef ReadyQueue ready = turn.ready
    cdef Entry entry = ready.entries[ready.begin]
    cdef int status
    ready.begin = (ready.begin + 1) & ready.mask
    ready.length -= 1
    status = (<running>run_entry)(turn, &entry)
    Py_XDECREF(entry.first)
    Py_XDECREF(entry.second)
    Py_XDECREF(entry.third)
    return status


ctypedef int (*running)(CompiledTurn, Entry*) noexcept


cdef int run_entry(CompiledTurn turn, Entry* entry) except -1:
    cdef int status
    cdef PyObject* result
    cdef PyObject* context
    if entry.kind == HANDLE:
        return run_queued_handle(<object>entry.first)
    if entry.kind == CALL:
        context = entry.third
        if PyContext_Enter(context) < 0:
            return report_entry(turn, entry)
        result = PyObject_CallOneArg(entry.first, entry.second)
        if PyContext_Exit(context) < 0:
            Py_XDECREF(result)
            result = NULL
        if result is NULL:
            return report_entry(turn, entry)
        Py_DECREF(<object>result)
        return 0
    context = <PyObject*>(<Task>entry.first).context
    if PyContext_Enter(context) < 0:
        return report_entry(turn, entry)
    if entry.kind == STEP:
        status = (<stepping>step)(<Task>entry.first, entry.second)
    else:
        status = (<stepping>wake)(<Task>entry.first, entry.second)
    if status < 0 or PyContext_Exit(context) < 0:
        if status < 0:
            (<leaving>leave_context)(<Task>entry.first, status)
        return report_entry(turn, entry)
    return 0


ctypedef int (*leaving)(Task, int) noexcept


# The versions of the two classes for which their _run() is ours.
cdef unsigned int handle_version = 0
cdef unsigned int timer_version = 0


cdef inline bint handles_are_plain() except -1:
    """Tell whether the handles' _run() is still ours; tools put another one there."""
    if handle_version and VERSION_OF(Handle) == handle_version and VERSION_OF(TimerHandle) == timer_version:
        return True
    return know_handles()


cdef bint know_handles() except -1:
    global handle_version, timer_version
    if Handle._run is not OWN_RUN or TimerHandle._run is not OWN_RUN:
        return False
    # Looking for them has given the classes a version, unless there are no more.
    handle_version = VERSION_OF(Handle)
    timer_version = VERSION_OF(TimerHandle)
    return True


cdef int run_queued_handle(object handle) except -1:
    if type(handle) is Handle or type(handle) is TimerHandle:
        if (<Handle>handle).is_cancelled:
            return 0
        if handles_are_plain():
            return run_handle(<Handle>handle)
    elif type(handle) is _ThreadSafeHandle and handles_are_plain():
        if not (<Handle>handle).is_cancelled:
            run_for_other_threads(<_ThreadSafeHandle>handle, <running_handle>run_as_others)
        return 0
    if not handle._cancelled:
        handle._run()
    return 0


cdef int report_entry(CompiledTurn turn, Entry* entry) except -1:
    """Report the exception that is set as a handle of this entry would; let those through that end the run."""
    if PyErr_ExceptionMatches(SystemExit) or PyErr_ExceptionMatches(KeyboardInterrupt):
        return -1
    error = take_error()
    tell_of_failure(handle_of(turn.ready, entry), error)
    return 0


# Cython's own knows nothing of the heap and the current task.

cdef traversing traverse_turn_before = NULL
cdef clearing clear_turn_before = NULL

cdef int traverse_turn(PyObject* op, visitproc visit, void* arg) noexcept:
    cdef CompiledTurn turn = <CompiledTurn>op
    cdef Py_ssize_t n
    cdef int answer
    if turn.current is not NULL:
        answer = visit(turn.current, arg)
        if answer:
            return answer
    for n in range(turn.timers.count):
        answer = visit(turn.timers.entries[n].timer, arg)
        if answer:
            return answer
    return traverse_turn_before(op, visit, arg)

cdef int clear_turn(PyObject* op) noexcept:
    Py_CLEAR((<CompiledTurn>op).current)
    drop_timers(&(<CompiledTurn>op).timers)
    return clear_turn_before(op)
