# The heap of timers. Each knows its place, so that one which is cancelled is taken out at once.
#
# As long as there are few, cancelled ones stay until they come to the top, as in the pure form: that costs less
# than keeping order without them.

cdef struct Due:
    double moment
    uint64_t number
    PyObject* timer

cdef struct Heap:
    Due* entries
    Py_ssize_t count
    Py_ssize_t room

# As in the pure form: the number of timers up to which cancelled ones stay.
cdef enum:
    FEW_TIMERS = 100


cdef inline bint is_before(Due* one, Due* other) noexcept:
    return one.moment < other.moment or (one.moment == other.moment and one.number < other.number)


cdef inline void put(Heap* heap, Py_ssize_t place, Due* entry) noexcept:
    heap.entries[place] = entry[0]
    (<TimerHandle>entry.timer).place = place


cdef void move_up(Heap* heap, Py_ssize_t place, Due entry) noexcept:
    cdef Py_ssize_t above
    while place > 0:
        above = (place - 1) >> 1
        if not is_before(&entry, &heap.entries[above]):
            break
        put(heap, place, &heap.entries[above])
        place = above
    put(heap, place, &entry)


cdef void move_down(Heap* heap, Py_ssize_t place, Due entry) noexcept:
    cdef Py_ssize_t below = 2 * place + 1
    while below < heap.count:
        if below + 1 < heap.count and is_before(&heap.entries[below + 1], &heap.entries[below]):
            below += 1
        if not is_before(&heap.entries[below], &entry):
            break
        put(heap, place, &heap.entries[below])
        place = below
        below = 2 * place + 1
    put(heap, place, &entry)


cdef int add_timer(Heap* heap, TimerHandle timer) except -1:
    cdef Due entry
    cdef Due* entries
    cdef Py_ssize_t room
    if heap.count == heap.room:
        room = 64 if heap.room == 0 else 2 * heap.room
        entries = <Due*>PyMem_Realloc(heap.entries, room * sizeof(Due))
        if entries is NULL:
            raise MemoryError
        heap.entries = entries
        heap.room = room
    entry.moment = timer.moment
    entry.number = timer._number
    entry.timer = <PyObject*>timer
    Py_INCREF(timer)
    heap.count += 1
    move_up(heap, heap.count - 1, entry)
    return 0


cdef PyObject* take_timer(Heap* heap, Py_ssize_t place) noexcept:
    """Take a timer out of the heap; the caller has the reference then."""
    cdef PyObject* taken = heap.entries[place].timer
    cdef Due last
    heap.count -= 1
    if place < heap.count:
        last = heap.entries[heap.count]
        if place > 0 and is_before(&last, &heap.entries[(place - 1) >> 1]):
            move_up(heap, place, last)
        else:
            move_down(heap, place, last)
    (<TimerHandle>taken).place = -1
    if heap.room > 1024 and heap.count < heap.room >> 2:
        give_room_back(heap)
    return taken


cdef int drop_cancelled_timers(Heap* heap) except -1:
    """Take all cancelled timers out of the heap."""
    cdef list dropped = []
    cdef PyObject* timer
    cdef Py_ssize_t n, kept = 0
    for n in range(heap.count):
        timer = heap.entries[n].timer
        if (<TimerHandle>timer).is_cancelled:
            (<TimerHandle>timer).place = -1
            dropped.append(<object>timer)
            Py_DECREF(<object>timer)
        else:
            put(heap, kept, &heap.entries[n])
            kept += 1
    heap.count = kept
    n = kept >> 1
    while n > 0:
        n -= 1
        move_down(heap, n, heap.entries[n])
    return 0


cdef void give_room_back(Heap* heap) noexcept:
    cdef Due* entries = <Due*>PyMem_Realloc(heap.entries, (heap.room >> 1) * sizeof(Due))
    if entries is not NULL:
        heap.entries = entries
        heap.room >>= 1


cdef void drop_timers(Heap* heap) noexcept:
    """Let go of all timers."""
    cdef Due* entries = heap.entries
    cdef Py_ssize_t n, count = heap.count
    heap.entries = NULL
    heap.count = heap.room = 0
    for n in range(count):
        (<TimerHandle>entries[n].timer).place = -1
    for n in range(count):
        Py_DECREF(<object>entries[n].timer)
    PyMem_Free(entries)
