# What other distributions' compiled modules call; interface.h says what each function does.

cdef extern from *:
    """
    /* The classes whose protocols receive into their own memory; there are one or two. */
    #define MOST_RECEIVERS 4
    typedef struct {
        PyTypeObject *type;
        const AsyncioReceiver *functions;
        PyObject *name;
        /* What the class has under that name, as long as it is of this version. */
        PyObject *method;
        unsigned int version;
    } KnownReceiver;
    static KnownReceiver known_receivers[MOST_RECEIVERS];
    static int receiver_count = 0;

    static int know_receiver(PyTypeObject *type, const AsyncioReceiver *functions) {
        KnownReceiver *known = &known_receivers[receiver_count];
        if (receiver_count == MOST_RECEIVERS) {
            PyErr_SetString(PyExc_RuntimeError, "no more classes of protocols can receive by themselves");
            return -1;
        }
        known->name = PyUnicode_InternFromString(functions->method);
        known->method = known->name == NULL ? NULL : PyObject_GetAttr((PyObject *)type, known->name);
        if (known->method == NULL) {
            Py_CLEAR(known->name);
            return -1;
        }
        known->type = (PyTypeObject *)Py_NewRef(type);
        known->functions = functions;
        known->version = type->tp_version_tag;
        receiver_count++;
        return 0;
    }

    /* The class is another than it was: whether its method still is what it was. */
    static int is_same_receiver(KnownReceiver *known) {
        PyObject *method = PyObject_GetAttr((PyObject *)known->type, known->name);
        int same = method == known->method;
        if (method == NULL) PyErr_Clear();
        Py_XDECREF(method);
        if (same) known->version = known->type->tp_version_tag;
        return same;
    }

    static const AsyncioReceiver *receiver_of(PyObject *protocol) {
        int n;
        for (n = 0; n < receiver_count; n++) {
            KnownReceiver *known = &known_receivers[n];
            if (Py_TYPE(protocol) != known->type) continue;
            if (known->version != 0 && known->version == known->type->tp_version_tag) return known->functions;
            return is_same_receiver(known) ? known->functions : NULL;
        }
        return NULL;
    }

    /* The classes of transports that send from the memory of others. */
    typedef struct {
        PyTypeObject *type;
        const AsyncioSender *functions;
        PyObject *names[2];
        /* What the class has under these names, as long as it is of this version. */
        PyObject *methods[2];
        unsigned int version;
    } KnownSender;
    static KnownSender known_senders[MOST_RECEIVERS];
    static int sender_count = 0;

    static int know_sender(PyTypeObject *type, const AsyncioSender *functions) {
        KnownSender *known = &known_senders[sender_count];
        const char *texts[2] = {functions->write, functions->is_closing};
        int n;
        if (sender_count == MOST_RECEIVERS) {
            PyErr_SetString(PyExc_RuntimeError, "no more classes of transports can send by themselves");
            return -1;
        }
        for (n = 0; n < 2; n++) {
            PyObject *name = PyUnicode_InternFromString(texts[n]);
            PyObject *method = name == NULL ? NULL : PyObject_GetAttr((PyObject *)type, name);
            Py_XSETREF(known->names[n], name);
            Py_XSETREF(known->methods[n], method);
            if (method == NULL) return -1;
        }
        known->type = (PyTypeObject *)Py_NewRef(type);
        known->functions = functions;
        known->version = type->tp_version_tag;
        sender_count++;
        return 0;
    }

    static int is_same_sender(KnownSender *known) {
        int n;
        for (n = 0; n < 2; n++) {
            PyObject *method = PyObject_GetAttr((PyObject *)known->type, known->names[n]);
            int same = method == known->methods[n];
            if (method == NULL) PyErr_Clear();
            Py_XDECREF(method);
            if (!same) return 0;
        }
        known->version = known->type->tp_version_tag;
        return 1;
    }

    /* Whether a transport has methods of its own, in the place of those of its class. */
    static int has_own_methods(PyObject *transport, KnownSender *known) {
        PyObject **attributes = _PyObject_GetDictPtr(transport);
        if (attributes == NULL || *attributes == NULL) return 0;
        return PyDict_Contains(*attributes, known->names[0]) != 0 || PyDict_Contains(*attributes, known->names[1]) != 0;
    }

    static const AsyncioSender *sender_of(PyObject *transport) {
        int n;
        for (n = 0; n < sender_count; n++) {
            KnownSender *known = &known_senders[n];
            if (Py_TYPE(transport) != known->type) continue;
            if (known->version == 0 || known->version != known->type->tp_version_tag)
                if (!is_same_sender(known)) return NULL;
            return has_own_methods(transport, known) ? NULL : known->functions;
        }
        return NULL;
    }

    static PyObject *capsule_of(const AsyncioCore *core) {
        return PyCapsule_New((void *)core, ASYNCIO_CORE_INTERFACE, NULL);
    }
    """
    int know_receiver(PyTypeObject*, const AsyncioReceiver*) noexcept
    const AsyncioReceiver* receiver_of(PyObject*) noexcept
    int know_sender(PyTypeObject*, const AsyncioSender*) noexcept
    object capsule_of(const AsyncioCore*)

cdef extern from "native/interface.h":
    int ASYNCIO_CORE_MAJOR
    int ASYNCIO_CORE_MINOR
    int ASYNCIO_PENDING
    int ASYNCIO_CANCELLED
    int ASYNCIO_FINISHED
    int ASYNCIO_FAILED


cdef int interface_set_poll(PyObject* loop, AsyncioPoll function, PyObject* poller) except -1:
    cdef CompiledTurn turn = <CompiledTurn?>loop
    turn.poll_function = function
    turn.poller = None if function is NULL else <object>poller
    return 0


cdef int interface_queue_handle(PyObject* loop, PyObject* handle) except -1:
    cdef CompiledTurn turn = <CompiledTurn>loop
    if type(<object>handle) is Handle or isinstance(<object>handle, Handle):
        if (<Handle>handle).is_cancelled:
            return 0
    elif (<object>handle)._cancelled:
        return 0
    if turn.ready is None:
        turn.other_queue.append(<object>handle)
    else:
        push(turn.ready, HANDLE, handle, NULL, NULL)
    return 1


cdef int interface_may_spare_poll(PyObject* loop) noexcept:
    return (<CompiledTurn>loop)._may_spare_poll


cdef int interface_in_debug_mode(PyObject* loop) except -1:
    if isinstance(<object>loop, CompiledTurn):
        return (<CompiledTurn>loop).debug
    return 1 if (<object>loop).get_debug() else 0


cdef PyObject* interface_new_handle(
    PyObject* loop, PyObject* callback, PyObject* arguments, PyObject* context
) except NULL:
    made = new_handle(<object>callback, <object>arguments, <CompiledTurn>loop, <object>context)
    Py_INCREF(made)
    return <PyObject*>made


cdef int interface_cancel(PyObject* handle) except -1:
    if type(<object>handle) is Handle:
        return cancel_handle(<Handle>handle)
    (<object>handle).cancel()
    return 0


cdef int interface_know_waker(PyObject* method, AsyncioWake wake) except -1:
    global known_waker, waker
    known_waker, waker = <object>method, wake
    return 0


cdef int interface_put_off(PyObject* loop, AsyncioAtEnd function) noexcept:
    cdef CompiledTurn turn = <CompiledTurn>loop
    if turn.at_end is function:
        return True
    if (
        turn.at_end is not NULL
        or not turn.left
        or not turn.turns_are_plain
        or turn.version != TYPE_VERSION(loop)
    ):
        return False
    if turn.not_to_put_off:
        turn.not_to_put_off -= 1
        return False
    turn.at_end = function
    turn.put_off_since = performance_seconds()
    return True


cdef unsigned long long interface_generation_of(PyObject* loop) noexcept:
    return (<CompiledTurn>loop).generation


cdef PyObject* interface_new_future(PyObject* loop) except NULL:
    cdef CompiledTurn turn
    cdef Future future
    if isinstance(<object>loop, CompiledTurn):
        turn = <CompiledTurn>loop
        know_class(turn)
        if turn.futures_are_plain and turn.creating_is_plain and not turn.debug:
            future = Future.__new__(Future)
            future.loop = turn
            future.loop_is_ours = True
            Py_INCREF(future)
            return <PyObject*>future
    made = (<object>loop).create_future()
    Py_INCREF(made)
    return <PyObject*>made


cdef int interface_state(PyObject* op) noexcept:
    cdef Future future
    if type(<object>op) is not Future:
        return -1
    future = <Future>op
    if future.state == PENDING:
        return ASYNCIO_PENDING
    if future.state == CANCELLED:
        return ASYNCIO_CANCELLED
    return ASYNCIO_FAILED if future.failed else ASYNCIO_FINISHED


cdef int interface_offer(PyObject* op) noexcept:
    if type(<object>op) is not Future:
        return False
    (<Future>op).blocking = True
    return True


cdef int interface_finish(PyObject* op, PyObject* result) except -1:
    if type(<object>op) is Future:
        return finish_future(<Future>op, <object>result)
    (<object>op).set_result(<object>result)
    return 0


cdef AsyncioCore offered
offered.major = ASYNCIO_CORE_MAJOR
offered.minor = ASYNCIO_CORE_MINOR
offered.loop_type = TYPE_OF(CompiledTurn)
offered.future_type = TYPE_OF(Future)
offered.handle_type = TYPE_OF(Handle)
offered.set_poll = <int (*)(PyObject*, AsyncioPoll, PyObject*) noexcept>interface_set_poll
offered.queue_handle = <int (*)(PyObject*, PyObject*) noexcept>interface_queue_handle
offered.is_alone = <int (*)() noexcept>is_only_thread
offered.may_spare_poll = interface_may_spare_poll
offered.in_debug_mode = <int (*)(PyObject*) noexcept>interface_in_debug_mode
offered.new_handle = <PyObject* (*)(PyObject*, PyObject*, PyObject*, PyObject*) noexcept>interface_new_handle
offered.cancel = <int (*)(PyObject*) noexcept>interface_cancel
offered.know_waker = <int (*)(PyObject*, AsyncioWake) noexcept>interface_know_waker
offered.put_off = interface_put_off
offered.new_future = <PyObject* (*)(PyObject*) noexcept>interface_new_future
offered.state = interface_state
offered.offer = interface_offer
offered.finish = <int (*)(PyObject*, PyObject*) noexcept>interface_finish
offered.know_receiver = know_receiver
offered.receiver_of = receiver_of
offered.know_sender = know_sender
offered.know_caller = know_caller
offered.generation_of = interface_generation_of

interface = capsule_of(&offered)
