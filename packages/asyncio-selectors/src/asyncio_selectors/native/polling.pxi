# Waiting with epoll, in the place of the loop's _poll(). The pure form is asyncio_selectors.poller.

cdef Py_ssize_t keys_place
cdef Py_ssize_t turns_place
cdef Py_ssize_t epoll_place

cdef PyObject* epoll_type = NULL
# Made on purpose, and tried out.
if HAS_EPOLL and tells_descriptor(select.epoll()):
    epoll_type = <PyObject*>select.epoll

cdef int READ = 1  # selectors.EVENT_READ and EVENT_WRITE
cdef int WRITE = 2


def adopt_poller(kind, /):
    """Learn where the pollers of a class keep what is asked for at each wait."""
    global keys_place, turns_place, epoll_place
    keys_place = offset_of(kind, "_keys")
    turns_place = offset_of(kind, "_turns")
    epoll_place = offset_of(kind, "_epoll")


def set_poll(loop, poller, /):
    """Have a loop wait for a poller of the class that was adopted without calling its _poll(); None: no longer."""
    if poller is None or epoll_type is NULL:
        core.set_poll(<PyObject*>loop, NULL, NULL)
    else:
        core.set_poll(<PyObject*>loop, <AsyncioPoll>poll, <PyObject*>poller)


cdef int poll(PyObject* poller, PyObject* loop, double seconds) except -1:
    cdef epoll_event events[MOST_EVENTS]
    cdef PyObject* epoll = SLOT(poller, epoll_place)
    cdef PyObject* keys = SLOT(poller, keys_place)
    cdef PyObject* turns = SLOT(poller, turns_place)
    cdef PyObject* step = NULL
    cdef int count
    if epoll is not NULL and <PyObject*>Py_TYPE(epoll) is epoll_type and turns is not NULL:
        # One of those after which it is time to look whether something spins.
        step = PyIter_Next(turns)
    if step is NULL:
        (<object>loop)._poll(None if seconds < 0 else seconds)
        return 0
    Py_DECREF(<object>step)
    count = wait_for_events(DESCRIPTOR_OF(epoll), events, PyDict_GET_SIZE(keys), seconds, core.is_alone())
    if count:
        queue_ready(poller, loop, events, count)
    return 0


cdef int queue_ready(PyObject* poller, PyObject* loop, epoll_event* events, int count) except -1:
    """Queue the handles of what is ready. What is called in here may change whatever it likes."""
    cdef PyObject* key
    cdef PyObject* data
    cdef int n, queued = 0
    cdef unsigned int flags
    for n in range(count):
        number = events[n].data.fd
        flags = events[n].events
        key = PyDict_GetItemWithError(SLOT(poller, keys_place), number)
        if key is NULL:
            (<object>poller)._found_unknown(number)
            continue
        # The fourth of a SelectorKey.
        data = PyTuple_GET_ITEM(key, 3) if PyTuple_Check(key) and PyTuple_GET_SIZE(key) == 4 else NULL
        if data is NULL or not PyTuple_Check(data) or PyTuple_GET_SIZE(data) != 2:
            reader, writer = (<object>key).data
        else:
            reader = <object>PyTuple_GET_ITEM(data, 0)
            writer = <object>PyTuple_GET_ITEM(data, 1)
        # Errors and hang-ups concern both.
        if reader is not None and flags & ~<unsigned int>EPOLLOUT:
            if core.queue_handle(loop, <PyObject*>reader):
                queued += 1
            else:
                (<object>poller)._drop(number, READ)
        if writer is not None and flags & ~<unsigned int>EPOLLIN:
            if core.queue_handle(loop, <PyObject*>writer):
                queued += 1
            else:
                (<object>poller)._drop(number, WRITE)
    if not queued and not (<object>loop)._ready:
        (<object>poller)._found_nothing([(events[n].data.fd, events[n].events) for n in range(count)])
    return 0
