/* The module asyncio_iocp._overlapped: its functions, constants and state. */

#include "overlapped.h"

#define FAST(name, function, doc) {name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, doc}

static PyMethodDef functions[] = {
    FAST("CreateIoCompletionPort", create_port,
         "CreateIoCompletionPort(handle, port, key, concurrency, /)\n--\n\n"
         "Make a port (INVALID_HANDLE_VALUE, NULL, …), or have a port tell about a handle."),
    FAST("GetQueuedCompletionStatus", get_queued,
         "GetQueuedCompletionStatus(port, milliseconds, /)\n--\n\n"
         "Return the next packet as (error, transferred, key, address), or None if none came in time."),
    FAST("GetQueuedCompletionStatusEx", get_queued_many,
         "GetQueuedCompletionStatusEx(port, milliseconds, count=256, packets=None, /)\n--\n\n"
         "Return a list of the packets that are there, up to count; empty if none came in time.\n"
         "They are appended to the list packets, if it is given."),
    FAST("PostQueuedCompletionStatus", post_queued,
         "PostQueuedCompletionStatus(port, transferred, key, address, /)\n--\n\nSend a packet to a port."),
    {"DetachFromPort", detach_from_port, METH_O,
     "DetachFromPort(handle, /)\n--\n\n"
     "Have no port tell about a handle any more; returns False where the system cannot do that."},
    FAST("RegisterWaitWithQueue", register_wait,
         "RegisterWaitWithQueue(handle, port, address, milliseconds, /)\n--\n\n"
         "Wait in the background until a handle is signalled or the time is over, then send a packet\n"
         "with that address to the port: 0 bytes transferred if it was signalled, 1 if not. Returns\n"
         "the wait's handle, to be unregistered in any case."),
    {"UnregisterWait", unregister_wait, METH_O,
         "UnregisterWait(wait, /)\n--\n\n"
         "End a wait. Returns True if its packet has been posted, False if it never will be."},
    FAST("UnregisterWaitEx", unregister_wait_ex,
         "UnregisterWaitEx(wait, event, /)\n--\n\nEnd a wait, then set an event."),
    FAST("CreateEvent", create_event,
         "CreateEvent(attributes, manual_reset, initially_set, name, /)\n--\n\nReturn a new event's handle."),
    {"SetEvent", set_event, METH_O, "SetEvent(event, /)\n--\n\nSet an event."},
    {"ResetEvent", reset_event, METH_O, "ResetEvent(event, /)\n--\n\nReset an event."},
    {"ConnectPipe", connect_pipe, METH_O,
     "ConnectPipe(name, /)\n--\n\nOpen the client's end of a named pipe; returns its handle."},
    FAST("BindLocal", bind_local,
         "BindLocal(socket, family, /)\n--\n\nBind a socket to any address and port of this machine."),
    FAST("WSAConnect", wsa_connect,
         "WSAConnect(socket, address, /)\n--\n\nConnect a socket for datagrams."),
    {"SkipSuccessPackets", skip_success_packets, METH_O,
     "SkipSuccessPackets(socket, /)\n--\n\n"
     "Have the port hear nothing of operations that are completed at once; returns False if that\n"
     "cannot be relied on for this socket."},
    {"OpenAfd", open_afd, METH_NOARGS,
     "OpenAfd()\n--\n\nOpen the driver of sockets, for Overlapped.PollSocket(); returns its handle."},
    FAST("timeBeginPeriod", time_begin_period,
         "timeBeginPeriod(milliseconds, /)\n--\n\nAsk the system for waits that exact."),
    FAST("timeEndPeriod", time_end_period,
         "timeEndPeriod(milliseconds, /)\n--\n\nTake one call of timeBeginPeriod() back."),
    {"FormatMessage", format_message, METH_O,
     "FormatMessage(error, /)\n--\n\nReturn the system's text for an error code."},
    {NULL, NULL, 0, NULL},
};

static const struct {
    const char *name;
    unsigned long value;
} numbers[] = {
    {"ERROR_BROKEN_PIPE", ERROR_BROKEN_PIPE},
    {"ERROR_CONNECTION_ABORTED", ERROR_CONNECTION_ABORTED},
    {"ERROR_CONNECTION_REFUSED", ERROR_CONNECTION_REFUSED},
    {"ERROR_INVALID_HANDLE", ERROR_INVALID_HANDLE},
    {"ERROR_IO_INCOMPLETE", ERROR_IO_INCOMPLETE},
    {"ERROR_IO_PENDING", ERROR_IO_PENDING},
    {"ERROR_NETNAME_DELETED", ERROR_NETNAME_DELETED},
    {"ERROR_OPERATION_ABORTED", ERROR_OPERATION_ABORTED},
    {"ERROR_PIPE_BUSY", ERROR_PIPE_BUSY},
    {"ERROR_PIPE_CONNECTED", ERROR_PIPE_CONNECTED},
    {"ERROR_PORT_UNREACHABLE", ERROR_PORT_UNREACHABLE},
    {"ERROR_SEM_TIMEOUT", ERROR_SEM_TIMEOUT},
    {"WSAECONNABORTED", WSAECONNABORTED},
    {"WSAECONNRESET", WSAECONNRESET},
    {"WSAEINVAL", WSAEINVAL},
    {"WSAENOTCONN", WSAENOTCONN},
    {"WSAENOTSOCK", WSAENOTSOCK},
    {"INFINITE", INFINITE},
    {"SO_UPDATE_ACCEPT_CONTEXT", SO_UPDATE_ACCEPT_CONTEXT},
    {"SO_UPDATE_CONNECT_CONTEXT", SO_UPDATE_CONNECT_CONTEXT},
    {"TF_DISCONNECT", TF_DISCONNECT},
    {"TF_REUSE_SOCKET", TF_REUSE_SOCKET},
    {"AFD_POLL_RECEIVE", 0x0001},
    {"AFD_POLL_RECEIVE_EXPEDITED", 0x0002},
    {"AFD_POLL_SEND", 0x0004},
    {"AFD_POLL_DISCONNECT", 0x0008},
    {"AFD_POLL_ABORT", 0x0010},
    {"AFD_POLL_LOCAL_CLOSE", 0x0020},
    {"AFD_POLL_ACCEPT", 0x0080},
    {"AFD_POLL_CONNECT_FAIL", 0x0100},
};

static int
add_object(PyObject *module, const char *name, PyObject *value)
{
    int outcome = value == NULL ? -1 : PyModule_AddObjectRef(module, name, value);
    Py_XDECREF(value);
    return outcome;
}

static int
execute(PyObject *module)
{
    module_state *state = state_of(module);
    size_t i;

    state->waits = PyDict_New();
    if (state->waits == NULL || start_winsock(state) < 0)
        return -1;
    state->overlapped_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &overlapped_spec, NULL);
    if (state->overlapped_type == NULL || PyModule_AddType(module, state->overlapped_type) < 0)
        return -1;
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (add_object(module, numbers[i].name, PyLong_FromUnsignedLong(numbers[i].value)) < 0)
            return -1;
    if (add_object(module, "INVALID_HANDLE_VALUE", PyLong_FromVoidPtr(INVALID_HANDLE_VALUE)) < 0)
        return -1;
    return add_object(module, "NULL", PyLong_FromVoidPtr(NULL));
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    module_state *state = state_of(module);

    if (state != NULL) {
        Py_VISIT(state->overlapped_type);
        Py_VISIT(state->waits);
    }
    return 0;
}

static int
module_clear(PyObject *module)
{
    module_state *state = state_of(module);

    if (state != NULL) {
        unregister_all_waits(state);
        Py_CLEAR(state->waits);
        Py_CLEAR(state->overlapped_type);
    }
    return 0;
}

/* What is still an orphan now is left alone: the system may write to it for as long as the process
   lives. */
static void
module_free(void *module)
{
    module_state *state = state_of(module);

    module_clear(module);
    if (state != NULL && state->winsock_started) {
        int i;

        sweep_orphans(state);
        for (i = 0; i < RETIRED_WAITS; i++) {
            PyMem_Free(state->retired[i]);
            state->retired[i] = NULL;
        }
        state->winsock_started = 0;
        WSACleanup();
    }
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
#if !defined(Py_LIMITED_API) || Py_LIMITED_API + 0 >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "asyncio_iocp._overlapped",
    .m_doc = "Completion ports and overlapped operations of Windows, as the event loop needs them.",
    .m_size = sizeof(module_state),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__overlapped(void)
{
    return PyModuleDef_Init(&definition);
}
