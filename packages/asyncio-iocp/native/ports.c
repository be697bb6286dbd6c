/* Completion ports: where the system tells what is done. */

#include "overlapped.h"

/* The most packets that one call takes: 8 KiB on the stack. */
#define MOST_PACKETS 256

/* CreateIoCompletionPort(handle, port, key, concurrency) -> port */
METHOD(create_port)
{
    HANDLE handle, port, key;
    DWORD concurrency;

    (void)self;
    if (check_argument_count("CreateIoCompletionPort", count, 4, 4) < 0 ||
        handle_from(args[0], &handle) < 0 || handle_from(args[1], &port) < 0 ||
        handle_from(args[2], &key) < 0 || dword_from(args[3], &concurrency) < 0)
        return NULL;
    port = CreateIoCompletionPort(handle, port, (ULONG_PTR)key, concurrency);
    return port == NULL ? raise_windows_error(GetLastError()) : PyLong_FromVoidPtr(port);
}

/* PostQueuedCompletionStatus(port, transferred, key, address) */
METHOD(post_queued)
{
    HANDLE port, key, address;
    DWORD transferred;

    (void)self;
    if (check_argument_count("PostQueuedCompletionStatus", count, 4, 4) < 0 ||
        handle_from(args[0], &port) < 0 || dword_from(args[1], &transferred) < 0 ||
        handle_from(args[2], &key) < 0 || handle_from(args[3], &address) < 0)
        return NULL;
    if (!PostQueuedCompletionStatus(port, transferred, (ULONG_PTR)key, (OVERLAPPED *)address))
        return raise_windows_error(GetLastError());
    Py_RETURN_NONE;
}

/* DetachFromPort(handle) -> bool: have no port tell about a handle any more, so that another can.

   Windows 8.1 and newer can do it, by a call that the Win32 interface has no function for
   (FileReplaceCompletionInformation, documented with ZwSetInformationFile). */
PyObject *
detach_from_port(PyObject *module, PyObject *object)
{
    typedef LONG(NTAPI *set_information_file)(HANDLE, void *, void *, ULONG, int);
    struct {
        HANDLE port;
        void *key;
    } none = {NULL, NULL};
    struct {
        void *status;
        ULONG_PTR information;
    } outcome;
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    set_information_file set =
        (set_information_file)(void (*)(void))GetProcAddress(ntdll, "NtSetInformationFile");
    HANDLE handle;

    (void)module;
    if (handle_from(object, &handle) < 0)
        return NULL;
    return PyBool_FromLong(set != NULL && set(handle, &outcome, &none, sizeof(none), 61) >= 0);
}

static PyObject *
packet_tuple(const OVERLAPPED_ENTRY *packet)
{
    /* The status stands in the packet. The OVERLAPPED may be anything: packets can be posted. */
    DWORD error = error_from_status((LONG)packet->Internal, 0);
    PyObject *items[4], *tuple = NULL;
    int i;

    items[0] = PyLong_FromUnsignedLong(error);
    items[1] = PyLong_FromUnsignedLong(packet->dwNumberOfBytesTransferred);
    items[2] = PyLong_FromVoidPtr((void *)packet->lpCompletionKey);
    items[3] = PyLong_FromVoidPtr(packet->lpOverlapped);
    if (items[0] && items[1] && items[2] && items[3])
        tuple = PyTuple_Pack(4, items[0], items[1], items[2], items[3]);
    for (i = 0; i < 4; i++)
        Py_XDECREF(items[i]);
    return tuple;
}

/* Take up to `most` packets; return their number, 0 if none came in time, -1 with OSError. */
static long
take_packets(HANDLE port, OVERLAPPED_ENTRY *packets, ULONG most, DWORD milliseconds)
{
    ULONG taken = 0;
    DWORD error = ERROR_SUCCESS;

    if (milliseconds == 0) {
        if (!GetQueuedCompletionStatusEx(port, packets, most, &taken, 0, FALSE))
            error = GetLastError();
    }
    else {
        Py_BEGIN_ALLOW_THREADS
        if (!GetQueuedCompletionStatusEx(port, packets, most, &taken, milliseconds, FALSE))
            error = GetLastError();
        Py_END_ALLOW_THREADS
    }
    if (error == ERROR_SUCCESS)
        return (long)taken;
    if (error == WAIT_TIMEOUT)
        return 0;
    raise_windows_error(error);
    return -1;
}

static int
port_and_milliseconds(PyObject *const *args, HANDLE *port, DWORD *milliseconds)
{
    if (handle_from(args[0], port) < 0 || dword_from(args[1], milliseconds) < 0)
        return -1;
    return 0;
}

/* GetQueuedCompletionStatus(port, milliseconds) -> (error, transferred, key, address) or None */
METHOD(get_queued)
{
    module_state *state = state_of(self);
    OVERLAPPED_ENTRY packet;
    HANDLE port;
    DWORD milliseconds;
    long taken;

    if (check_argument_count("GetQueuedCompletionStatus", count, 2, 2) < 0 ||
        port_and_milliseconds(args, &port, &milliseconds) < 0)
        return NULL;
    taken = take_packets(port, &packet, 1, milliseconds);
    if (taken < 0)
        return NULL;
    if (taken == 0 || (state->orphans != NULL && reap_orphan(state, packet.lpOverlapped)))
        Py_RETURN_NONE;
    return packet_tuple(&packet);
}

/* GetQueuedCompletionStatusEx(port, milliseconds, count=256, packets=None) -> list of what the call above
   gives. They are appended to `packets` if it is given: a signal's handler that raises while the call
   waits would otherwise throw away what has arrived. */
METHOD(get_queued_many)
{
    module_state *state = state_of(self);
    OVERLAPPED_ENTRY packets[MOST_PACKETS];
    HANDLE port;
    DWORD milliseconds, most = MOST_PACKETS;
    long taken, i;
    PyObject *list;

    if (check_argument_count("GetQueuedCompletionStatusEx", count, 2, 4) < 0 ||
        port_and_milliseconds(args, &port, &milliseconds) < 0)
        return NULL;
    if (count > 2 && dword_from(args[2], &most) < 0)
        return NULL;
    if (most < 1) {
        PyErr_SetString(PyExc_ValueError, "at least one packet must be asked for");
        return NULL;
    }
    if (count > 3 && args[3] != Py_None) {
        if (!PyList_Check(args[3])) {
            PyErr_SetString(PyExc_TypeError, "packets are appended to a list");
            return NULL;
        }
        list = Py_NewRef(args[3]);
    }
    else if ((list = PyList_New(0)) == NULL)
        return NULL;
    taken = take_packets(port, packets, most < MOST_PACKETS ? most : MOST_PACKETS, milliseconds);
    if (taken < 0) {
        Py_DECREF(list);
        return NULL;
    }
    for (i = 0; i < taken; i++) {
        PyObject *tuple;
        int outcome;

        if (state->orphans != NULL && reap_orphan(state, packets[i].lpOverlapped))
            continue;
        tuple = packet_tuple(&packets[i]);
        outcome = tuple == NULL ? -1 : PyList_Append(list, tuple);
        Py_XDECREF(tuple);
        if (outcome < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}
