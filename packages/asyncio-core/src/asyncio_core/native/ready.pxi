# The queue of what is ready: a ring of entries, which looks like a deque of handles.
#
# A step of a task, or the call of a future's callback, is an entry of its own. It becomes a handle where somebody
# looks at it: then the handle is the entry, so that cancelling it works.

cdef enum Kind:
    HANDLE = 0  # first: the handle
    STEP = 1  # first: the task; second: what is thrown into it, or NULL
    WAKE = 2  # first: the task; second: the future that is done
    CALL = 3  # first: the callback; second: its one argument; third: the context

cdef struct Entry:
    PyObject* first
    PyObject* second
    PyObject* third
    Py_ssize_t kind


@cython.final
cdef class ReadyQueue:
    """The callbacks that a loop will run, in their order: a deque of handles to whoever looks at it."""

    cdef Entry* entries
    # Their number is a power of two; this is one less.
    cdef Py_ssize_t mask
    cdef Py_ssize_t begin
    cdef Py_ssize_t length
    # Whose they are: what a handle is made for.
    cdef PyObject* loop
    # Nothing. Without an object among its fields the class would be none that the collector looks at.
    cdef object for_collector
    cdef object __weakref__

    def __cinit__(self):
        self.entries = <Entry*>PyMem_Malloc(64 * sizeof(Entry))
        if self.entries is NULL:
            raise MemoryError
        self.mask = 63

    def __dealloc__(self):
        drop_entries(self)
        PyMem_Free(self.entries)

    def __len__(self):
        return self.length

    def __bool__(self):
        return self.length != 0

    def __iter__(self):
        return iter(handles_of(self))

    def __reversed__(self):
        return reversed(handles_of(self))

    def __contains__(self, handle):
        return handle in handles_of(self)

    def __getitem__(self, index):
        if isinstance(index, slice):
            raise TypeError(f"sequence index must be integer, not {type(index).__name__!r}")
        return handle_at(self, checked_place(self, index))

    def __setitem__(self, index, handle):
        cdef Py_ssize_t place = checked_place(self, index)
        handles = handles_of(self)
        handles[place] = handle
        fill(self, handles)

    def __delitem__(self, index):
        cdef Py_ssize_t place = checked_place(self, index)
        handles = handles_of(self)
        del handles[place]
        fill(self, handles)

    def __eq__(self, other):
        if isinstance(other, ReadyQueue):
            return handles_of(self) == handles_of(<ReadyQueue>other)
        from collections import deque

        if isinstance(other, deque):
            return handles_of(self) == list(other)
        return NotImplemented

    __hash__ = None

    def __repr__(self):
        return f"deque({handles_of(self)!r})"

    def __copy__(self):
        return self.copy()

    def append(self, handle, /):
        """Put a handle at the end."""
        push(self, HANDLE, <PyObject*>handle, NULL, NULL)

    def appendleft(self, handle, /):
        """Put a handle at the front."""
        cdef Entry* entry
        if self.length > self.mask:
            grow(self)
        self.begin = (self.begin - 1) & self.mask
        entry = &self.entries[self.begin]
        Py_INCREF(handle)
        entry.first = <PyObject*>handle
        entry.second = entry.third = NULL
        entry.kind = HANDLE
        self.length += 1

    def popleft(self):
        """Take the first handle. Raises IndexError where there is none."""
        cdef Entry entry
        if self.length == 0:
            raise IndexError("pop from an empty deque")
        handle = handle_at(self, 0)
        entry = self.entries[self.begin]
        self.begin = (self.begin + 1) & self.mask
        self.length -= 1
        Py_DECREF(<object>entry.first)
        return handle

    def pop(self):
        """Take the last handle. Raises IndexError where there is none."""
        cdef Entry entry
        if self.length == 0:
            raise IndexError("pop from an empty deque")
        handle = handle_at(self, self.length - 1)
        self.length -= 1
        entry = self.entries[(self.begin + self.length) & self.mask]
        Py_DECREF(<object>entry.first)
        return handle

    def clear(self):
        """Forget all of them."""
        drop_entries(self)

    def copy(self):
        """Return a deque of the handles."""
        from collections import deque

        return deque(handles_of(self))

    def count(self, handle, /):
        """Return how many handles equal `handle`."""
        return handles_of(self).count(handle)

    def extend(self, handles, /):
        """Put handles at the end."""
        for handle in list(handles):
            push(self, HANDLE, <PyObject*>handle, NULL, NULL)

    def extendleft(self, handles, /):
        """Put handles at the front, one after the other."""
        for handle in list(handles):
            self.appendleft(handle)

    def index(self, handle, *bounds):
        """Return the place of a handle. Raises ValueError where it is not there."""
        return self.copy().index(handle, *bounds)

    def insert(self, index, handle, /):
        """Put a handle in front of the one at `index`."""
        handles = handles_of(self)
        handles.insert(index, handle)
        fill(self, handles)

    def remove(self, handle, /):
        """Take the first handle out that equals `handle`. Raises ValueError where there is none."""
        handles = handles_of(self)
        if handle not in handles:
            raise ValueError("deque.remove(x): x not in deque")
        handles.remove(handle)
        fill(self, handles)

    def reverse(self):
        """Turn their order round."""
        fill(self, handles_of(self)[::-1])

    def rotate(self, n=1, /):
        """Move the last `n` handles to the front; the first ones to the end where it is negative."""
        handles = self.copy()
        handles.rotate(n)
        fill(self, list(handles))

    @property
    def _begin(self):
        """The place of the first entry in the ring: while one callback runs, it stays the same.

        For who looks from another thread whether it is still the same one.
        """
        return self.begin

    @property
    def maxlen(self):
        """None: it grows."""
        return None


cdef int push(ReadyQueue ready, Kind kind, PyObject* first, PyObject* second, PyObject* third) except -1:
    """Put an entry at the end. Nothing in here runs code of Python's, so any thread may."""
    cdef Entry* entry
    if ready.length > ready.mask:
        grow(ready)
    entry = &ready.entries[(ready.begin + ready.length) & ready.mask]
    Py_INCREF(<object>first)
    Py_XINCREF(second)
    Py_XINCREF(third)
    entry.first = first
    entry.second = second
    entry.third = third
    entry.kind = kind
    ready.length += 1
    return 0


cdef int grow(ReadyQueue ready) except -1:
    cdef Py_ssize_t n, room = ready.mask + 1
    cdef Entry* entries = <Entry*>PyMem_Malloc(2 * room * sizeof(Entry))
    if entries is NULL:
        raise MemoryError
    for n in range(ready.length):
        entries[n] = ready.entries[(ready.begin + n) & ready.mask]
    PyMem_Free(ready.entries)
    ready.entries = entries
    ready.begin = 0
    ready.mask = 2 * room - 1
    return 0


cdef void drop_entries(ReadyQueue ready) noexcept:
    """Let go of all that is in the queue now."""
    cdef Entry entry
    cdef Py_ssize_t left = ready.length
    # What goes away may put new entries at the end.
    while left and ready.length:
        left -= 1
        entry = ready.entries[ready.begin]
        ready.begin = (ready.begin + 1) & ready.mask
        ready.length -= 1
        Py_XDECREF(entry.first)
        Py_XDECREF(entry.second)
        Py_XDECREF(entry.third)


cdef Py_ssize_t checked_place(ReadyQueue ready, object index) except -1:
    cdef Py_ssize_t place = index
    if place < 0:
        place += ready.length
    if place < 0 or place >= ready.length:
        raise IndexError("deque index out of range")
    return place


cdef object handle_of(ReadyQueue ready, Entry* entry):
    """Return the handle that does what an entry does."""
    if entry.kind == HANDLE:
        return <object>entry.first
    loop = <CompiledTurn>ready.loop if ready.loop is not NULL else None
    if entry.kind == CALL:
        return new_handle(<object>entry.first, (<object>entry.second,), loop, <object>entry.third)
    task = <Task>entry.first
    if entry.kind == WAKE:
        return new_handle(waker_of(task), (<object>entry.second,), loop, task.context)
    args = () if entry.second is NULL else (<object>entry.second,)
    return new_handle(task._step, args, loop, task.context)


cdef object handle_at(ReadyQueue ready, Py_ssize_t place):
    """Return the handle at a place, which is the entry from now on."""
    cdef Entry former
    cdef Entry* entry = &ready.entries[(ready.begin + place) & ready.mask]
    if entry.kind == HANDLE:
        return <object>entry.first
    former = entry[0]
    handle = handle_of(ready, &former)
    # Making it may have run anything; the entry is looked for anew.
    entry = &ready.entries[(ready.begin + place) & ready.mask]
    if place >= ready.length or entry.first is not former.first or entry.kind != former.kind:
        return handle
    Py_INCREF(handle)
    entry.first = <PyObject*>handle
    entry.second = entry.third = NULL
    entry.kind = HANDLE
    Py_DECREF(<object>former.first)
    Py_XDECREF(former.second)
    Py_XDECREF(former.third)
    return handle


cdef list handles_of(ReadyQueue ready):
    cdef Py_ssize_t place = 0
    cdef list handles = []
    while place < ready.length:
        handles.append(handle_at(ready, place))
        place += 1
    return handles


cdef int fill(ReadyQueue ready, list handles) except -1:
    """Have these handles in the queue, and nothing else."""
    drop_entries(ready)
    for handle in handles:
        push(ready, HANDLE, <PyObject*>handle, NULL, NULL)
    return 0


# Cython's own knows nothing of what is in an array.

cdef int traverse_ready(PyObject* op, visitproc visit, void* arg) noexcept:
    cdef int answer
    cdef Py_ssize_t n
    cdef Entry* entry
    cdef ReadyQueue ready = <ReadyQueue>op
    for n in range(ready.length):
        entry = &ready.entries[(ready.begin + n) & ready.mask]
        answer = visit(entry.first, arg)
        if answer:
            return answer
        if entry.second is not NULL:
            answer = visit(entry.second, arg)
            if answer:
                return answer
        if entry.third is not NULL:
            answer = visit(entry.third, arg)
            if answer:
                return answer
    return 0

cdef int clear_ready(PyObject* op) noexcept:
    drop_entries(<ReadyQueue>op)
    return 0
