/* The type Overlapped: one operation, its result, its cancellation and its end. */

#include "overlapped.h"

/* --- Result ---------------------------------------------------------------------------------- */

/* A read that was filled is given out as it is. Otherwise what came is copied: the limited API has no way
   to shorten bytes, and the memory for the rest is free again at once. */
static PyObject *
filled_bytes(operation *op, Py_ssize_t size)
{
    PyObject *bytes = op->bytes, *shorter;

    op->bytes = NULL;
    if (size == PyBytes_Size(bytes))
        return bytes;
    shorter = PyBytes_FromStringAndSize(PyBytes_AsString(bytes), size);
    Py_DECREF(bytes);
    return shorter;
}

static PyObject *
with_peer(operation *op, PyObject *data)
{
    PyObject *address, *pair;

    if (data == NULL)
        return NULL;
    address = address_tuple((SOCKADDR *)&op->extra.peer.address, op->extra.peer.length);
    if (address == NULL) {
        Py_DECREF(data);
        return NULL;
    }
    pair = PyTuple_Pack(2, data, address);
    Py_DECREF(data);
    Py_DECREF(address);
    return pair;
}

static PyObject *
make_result(PyObject *self, operation *op)
{
    Py_ssize_t transferred = (Py_ssize_t)op->overlapped.InternalHigh;

    switch (op->kind) {
    case READ_BYTES:
        return filled_bytes(op, transferred);
    case READ_INTO:
    case WRITE:
        return PyLong_FromSsize_t(transferred);
    case RECEIVE_FROM:
        return with_peer(op, filled_bytes(op, transferred));
    case RECEIVE_FROM_INTO:
        return with_peer(op, PyLong_FromSsize_t(transferred));
    case ACCEPT:
        return finish_accept(self, op);
    case CONNECT:
        return finish_connect(op);
    case POLL:
        /* Nothing in it: the socket was closed, or the system's own time limit was over. */
        return PyLong_FromUnsignedLong(op->extra.poll.handle_count ? op->extra.poll.entry.events : 0);
    default:
        Py_RETURN_NONE;
    }
}

/* The errors that are no failure: the end of a pipe that was read from, and a message that was cut. */
static int
is_harmless(const operation *op, DWORD error)
{
    switch (error) {
    case ERROR_SUCCESS:
        return 1;
    case ERROR_BROKEN_PIPE:
    case ERROR_HANDLE_EOF:
        return op->kind == READ_BYTES || op->kind == READ_INTO;
    }
    return is_cut_message(op, error);
}

static int
wait_for_completion(operation *op)
{
    HANDLE event = op->overlapped.hEvent;
    DWORD outcome;

    if (event == NULL) {
        PyErr_SetString(PyExc_ValueError, "an operation without an event cannot be waited for");
        return -1;
    }
    Py_BEGIN_ALLOW_THREADS
    outcome = WaitForSingleObject(event, INFINITE);
    Py_END_ALLOW_THREADS
    if (outcome == WAIT_FAILED) {
        raise_windows_error(GetLastError());
        return -1;
    }
    return 0;
}

static PyObject *
overlapped_getresult(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Overlapped *object = (Overlapped *)self;
    operation *op = object->operation;
    int wait = 0;

    if (count) {
        if (check_argument_count("getresult", count, 0, 1) < 0)
            return NULL;
        if ((wait = PyObject_IsTrue(args[0])) < 0)
            return NULL;
    }
    if (object->result != NULL)
        return Py_NewRef(object->result);
    if (op->kind <= FAILED_TO_START) {
        PyErr_SetString(PyExc_ValueError, op->kind == NOT_STARTED
                                              ? "no operation has been started yet"
                                              : "the operation could not be started");
        return NULL;
    }
    if (is_pending(op)) {
        if (!wait) {
            object->error = ERROR_IO_INCOMPLETE;
            return raise_windows_error(ERROR_IO_INCOMPLETE);
        }
        if (wait_for_completion(op) < 0)
            return NULL;
        if (object->result != NULL) /* another thread was first */
            return Py_NewRef(object->result);
    }
    op->settled = 1;
    object->error = error_from_status((LONG)op->overlapped.Internal, op->on_socket);
    if (!is_harmless(op, object->error)) {
        release_memory(op);
        return raise_windows_error(object->error);
    }
    if (op->bytes == NULL &&
        (op->kind == READ_BYTES || op->kind == RECEIVE_FROM || op->kind == ACCEPT)) {
        PyErr_SetString(PyExc_ValueError, "the result has failed to be made before");
        return NULL;
    }
    object->result = make_result(self, op);
    release_memory(op);
    return Py_XNewRef(object->result);
}

/* --- Cancellation and the end ---------------------------------------------------------------- */

static PyObject *
overlapped_cancel(PyObject *self, PyObject *unused)
{
    operation *op = ((Overlapped *)self)->operation;

    (void)unused;
    if (is_pending(op) && !CancelIoEx(op->handle, &op->overlapped)) {
        DWORD error = GetLastError();
        /* Completed meanwhile; or the handle was closed, which cancels as well. */
        if (error != ERROR_NOT_FOUND && error != ERROR_INVALID_HANDLE)
            return raise_windows_error(error);
    }
    Py_RETURN_NONE;
}

static int
overlapped_traverse(PyObject *self, visitproc visit, void *arg)
{
    Overlapped *object = (Overlapped *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(object->result);
    if (object->operation != NULL && object->operation->has_view)
        Py_VISIT(object->operation->view.obj);
    return 0;
}

static int
overlapped_clear(PyObject *self)
{
    Overlapped *object = (Overlapped *)self;

    Py_CLEAR(object->result);
    if (object->operation != NULL && !is_pending(object->operation))
        release_memory(object->operation);
    return 0;
}

/* Without an event it was meant for a port, which is going to tell of its end. */
static int
expects_packet(const operation *op)
{
    return op->kind > FAILED_TO_START && op->overlapped.hEvent == NULL && !op->settled;
}

/* Tell that the packet was taken, and that nobody will ask for the result. */
static PyObject *
overlapped_settle(PyObject *self, PyObject *unused)
{
    (void)unused;
    ((Overlapped *)self)->operation->settled = 1;
    Py_RETURN_NONE;
}

static void
overlapped_dealloc(PyObject *self)
{
    Overlapped *object = (Overlapped *)self;
    PyTypeObject *type = Py_TYPE(self);
    operation *op = object->operation;

    PyObject_GC_UnTrack(self);
    Py_CLEAR(object->result);
    if (op != NULL) {
        object->operation = NULL;
        if (is_pending(op))
            CancelIoEx(op->handle, &op->overlapped);
        if (is_pending(op) || expects_packet(op))
            make_orphan(type, op);
        else
            operation_free(op);
    }
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *
overlapped_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"event", NULL};
    module_state *state = (module_state *)PyType_GetModuleState(type);
    PyObject *given = NULL;
    HANDLE event = INVALID_HANDLE_VALUE;
    Overlapped *self;
    operation *op;

    if (keywords == NULL && PyTuple_Size(args) == 1)
        given = PyTuple_GetItem(args, 0); /* what a loop does for each of its operations */
    else if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O:Overlapped", names, &given))
        return NULL;
    if (given != NULL && handle_from(given, &event) < 0)
        return NULL;
    if (state->orphans != NULL)
        sweep_orphans(state);

    op = PyMem_Calloc(1, sizeof(*op));
    if (op == NULL)
        return PyErr_NoMemory();
    self = (Overlapped *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self == NULL) {
        PyMem_Free(op);
        return NULL;
    }
    self->operation = op;
    if (event == INVALID_HANDLE_VALUE) {
        event = CreateEventW(NULL, TRUE, FALSE, NULL);
        if (event == NULL) {
            Py_DECREF(self);
            return raise_windows_error(GetLastError());
        }
        op->owns_event = 1;
    }
    op->overlapped.hEvent = event;
    return (PyObject *)self;
}

/* --- The type -------------------------------------------------------------------------------- */

static PyObject *
get_address(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromVoidPtr(&((Overlapped *)self)->operation->overlapped);
}

static PyObject *
get_pending(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(is_pending(((Overlapped *)self)->operation));
}

static PyObject *
get_error(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLong(((Overlapped *)self)->error);
}

static PyObject *
get_event(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromVoidPtr(((Overlapped *)self)->operation->overlapped.hEvent);
}

static PyGetSetDef overlapped_properties[] = {
    {"address", get_address, NULL, "The address by which a port names the operation, an int.", NULL},
    {"pending", get_pending, NULL, "True from the start until the system is through with it.", NULL},
    {"error", get_error, NULL, "The error code of the last call.", NULL},
    {"event", get_event, NULL, "The event that is set at completion, a handle; 0 for none.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define FAST(name, function, doc) {name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, doc}

static PyMethodDef overlapped_methods[] = {
    FAST("getresult", overlapped_getresult,
         "getresult($self, wait=False, /)\n--\n\n"
         "Return what the operation has given, or raise OSError with its error. While it is pending,\n"
         "wait, or raise OSError with ERROR_IO_INCOMPLETE."),
    {"cancel", overlapped_cancel, METH_NOARGS,
     "cancel($self, /)\n--\n\nAsk the system to cancel the operation, if it is pending."},
    {"settle", overlapped_settle, METH_NOARGS,
     "settle($self, /)\n--\n\n"
     "Tell that the packet was taken from the port; getresult() tells so as well."},
    FAST("ReadFile", overlapped_read_file,
         "ReadFile($self, handle, size, /)\n--\n\nStart to read at most size bytes; the result is bytes."),
    FAST("ReadFileInto", overlapped_read_file_into,
         "ReadFileInto($self, handle, buffer, /)\n--\n\nStart to read; the result is the number of bytes."),
    FAST("WriteFile", overlapped_write_file,
         "WriteFile($self, handle, data, /)\n--\n\nStart to write; the result is the number of bytes."),
    FAST("ConnectNamedPipe", overlapped_connect_named_pipe,
         "ConnectNamedPipe($self, handle, /)\n--\n\nStart to wait for a client. Returns True if there is one\n"
         "already; then no port hears of it."),
    FAST("WSARecv", overlapped_wsa_recv,
         "WSARecv($self, socket, size, flags=0, /)\n--\n\nStart to receive; the result is bytes."),
    FAST("WSARecvInto", overlapped_wsa_recv_into,
         "WSARecvInto($self, socket, buffer, flags=0, /)\n--\n\nStart to receive; the result is the number of bytes."),
    FAST("WSASend", overlapped_wsa_send,
         "WSASend($self, socket, data, flags=0, /)\n--\n\nStart to send; the result is the number of bytes."),
    FAST("WSARecvFrom", overlapped_wsa_recv_from,
         "WSARecvFrom($self, socket, size, flags=0, /)\n--\n\n"
         "Start to receive a datagram; the result is (bytes, address)."),
    FAST("WSARecvFromInto", overlapped_wsa_recv_from_into,
         "WSARecvFromInto($self, socket, buffer, size, flags=0, /)\n--\n\n"
         "Start to receive a datagram; the result is (number of bytes, address)."),
    FAST("WSASendTo", overlapped_wsa_send_to,
         "WSASendTo($self, socket, data, flags, address, /)\n--\n\n"
         "Start to send a datagram; the result is the number of bytes."),
    FAST("AcceptEx", overlapped_accept_ex,
         "AcceptEx($self, listener, socket, /)\n--\n\n"
         "Start to accept a connection with a new socket; the result is the peer's address."),
    FAST("ConnectEx", overlapped_connect_ex,
         "ConnectEx($self, socket, address, /)\n--\n\nStart to connect a socket that is bound."),
    FAST("DisconnectEx", overlapped_disconnect_ex,
         "DisconnectEx($self, socket, flags, /)\n--\n\nStart to end a connection."),
    FAST("TransmitFile", overlapped_transmit_file,
         "TransmitFile($self, socket, file, offset, offset_high, count, count_per_send, flags, /)\n--\n\n"
         "Start to send a part of a file; the result is the number of bytes."),
    FAST("PollSocket", overlapped_poll_socket,
         "PollSocket($self, afd, socket, events, /)\n--\n\n"
         "Start to wait until a socket is ready; the result is a mask of AFD_POLL_ events."),
    {NULL, NULL, 0, NULL},
};

static PyType_Slot overlapped_slots[] = {
    {Py_tp_doc, "Overlapped(event=INVALID_HANDLE_VALUE)\n--\n\n"
                "One operation that the system does while the program goes on.\n\n"
                "event is set when it is completed: by default a new one, NULL for none (then a port\n"
                "tells). One of the methods starts the operation, once; it returns True where it is\n"
                "completed at once and raises OSError where it cannot be started."},
    {Py_tp_new, overlapped_new},
    {Py_tp_dealloc, overlapped_dealloc},
    {Py_tp_traverse, overlapped_traverse},
    {Py_tp_clear, overlapped_clear},
    {Py_tp_methods, overlapped_methods},
    {Py_tp_getset, overlapped_properties},
    {0, NULL},
};

PyType_Spec overlapped_spec = {
    .name = "asyncio_iocp._overlapped.Overlapped",
    .basicsize = sizeof(Overlapped),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = overlapped_slots,
};
