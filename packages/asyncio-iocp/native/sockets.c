/* Operations on sockets.

   Python's sockets are made for overlapped operations, so none of these calls waits, and the lock of
   the interpreter is kept: to give it away and to ask for it again for each packet would cost more
   than the call wherever another thread computes. */

#include "overlapped.h"

#include <string.h>

/* What AcceptEx() wants for each of the two addresses, beyond the address itself. */
#define ACCEPT_ADDRESS_SIZE (sizeof(SOCKADDR_STORAGE) + 16)

/* --- Winsock itself -------------------------------------------------------------------------- */

static void
find_extension(SOCKET socket, GUID guid, void *function)
{
    DWORD size;

    if (WSAIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &guid, sizeof(guid), function,
                 sizeof(void *), &size, NULL, NULL) == SOCKET_ERROR)
        memset(function, 0, sizeof(void *));
}

/* Load Winsock and find its extensions; -1 with OSError where it cannot be had. */
int
start_winsock(module_state *state)
{
    static const GUID accept_ex = WSAID_ACCEPTEX;
    static const GUID accept_ex_addresses = WSAID_GETACCEPTEXSOCKADDRS;
    static const GUID connect_ex = WSAID_CONNECTEX;
    static const GUID disconnect_ex = WSAID_DISCONNECTEX;
    static const GUID transmit_file = WSAID_TRANSMITFILE;
    WSADATA data;
    SOCKET socket;
    int error = WSAStartup(MAKEWORD(2, 2), &data);

    if (error) {
        raise_windows_error((DWORD)error);
        return -1;
    }
    state->winsock_started = 1;
    /* Any stream socket can be asked. */
    socket = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
    if (socket == INVALID_SOCKET)
        socket = WSASocketW(AF_INET6, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
    if (socket == INVALID_SOCKET) {
        raise_windows_error((DWORD)WSAGetLastError());
        return -1;
    }
    find_extension(socket, accept_ex, &state->accept_ex);
    find_extension(socket, accept_ex_addresses, &state->accept_ex_addresses);
    find_extension(socket, connect_ex, &state->connect_ex);
    find_extension(socket, disconnect_ex, &state->disconnect_ex);
    find_extension(socket, transmit_file, &state->transmit_file);
    closesocket(socket);
    return 0;
}

static DWORD
last_socket_error(int outcome)
{
    return outcome == SOCKET_ERROR ? (DWORD)WSAGetLastError() : ERROR_SUCCESS;
}

static int
optional_flags(PyObject *const *args, Py_ssize_t count, Py_ssize_t index, DWORD *flags)
{
    *flags = 0;
    return count > index ? dword_from(args[index], flags) : 0;
}

/* --- Streams --------------------------------------------------------------------------------- */

METHOD(overlapped_wsa_recv)
{
    SOCKET socket;
    DWORD size, flags;
    operation *op;
    WSABUF buffer;

    if (check_argument_count("WSARecv", count, 2, 3) < 0 || socket_from(args[0], &socket) < 0 ||
        length_from(args[1], &size) < 0 || optional_flags(args, count, 2, &flags) < 0)
        return NULL;
    if ((op = begin(self, READ_BYTES, (HANDLE)socket, 1)) == NULL)
        return NULL;
    if (provide_bytes(op, size) < 0)
        return abandon(op);
    buffer.buf = PyBytes_AsString(op->bytes);
    buffer.len = size;
    op->flags = flags;
    return started(self, op,
                   last_socket_error(WSARecv(socket, &buffer, 1, NULL, &op->flags, &op->overlapped, NULL)));
}

METHOD(overlapped_wsa_recv_into)
{
    SOCKET socket;
    DWORD flags;
    operation *op;
    WSABUF buffer;

    if (check_argument_count("WSARecvInto", count, 2, 3) < 0 || socket_from(args[0], &socket) < 0 ||
        optional_flags(args, count, 2, &flags) < 0)
        return NULL;
    if ((op = begin(self, READ_INTO, (HANDLE)socket, 1)) == NULL)
        return NULL;
    if (provide_buffer(op, args[1], PyBUF_WRITABLE) < 0)
        return abandon(op);
    buffer.buf = op->view.buf;
    buffer.len = (ULONG)op->view.len;
    op->flags = flags;
    return started(self, op,
                   last_socket_error(WSARecv(socket, &buffer, 1, NULL, &op->flags, &op->overlapped, NULL)));
}

METHOD(overlapped_wsa_send)
{
    SOCKET socket;
    DWORD flags;
    operation *op;
    WSABUF buffer;

    if (check_argument_count("WSASend", count, 2, 3) < 0 || socket_from(args[0], &socket) < 0 ||
        optional_flags(args, count, 2, &flags) < 0)
        return NULL;
    if ((op = begin(self, WRITE, (HANDLE)socket, 1)) == NULL)
        return NULL;
    if (provide_buffer(op, args[1], PyBUF_SIMPLE) < 0)
        return abandon(op);
    buffer.buf = op->view.buf;
    buffer.len = (ULONG)op->view.len;
    return started(self, op,
                   last_socket_error(WSASend(socket, &buffer, 1, NULL, flags, &op->overlapped, NULL)));
}

METHOD(overlapped_transmit_file)
{
    module_state *state = state_of_type(self);
    SOCKET socket;
    HANDLE file;
    DWORD offset, offset_high, size, size_per_send, flags, error;
    operation *op;

    if (check_argument_count("TransmitFile", count, 7, 7) < 0 || socket_from(args[0], &socket) < 0 ||
        handle_from(args[1], &file) < 0 || dword_from(args[2], &offset) < 0 ||
        dword_from(args[3], &offset_high) < 0 || length_from(args[4], &size) < 0 ||
        length_from(args[5], &size_per_send) < 0 || dword_from(args[6], &flags) < 0)
        return NULL;
    if (state->transmit_file == NULL)
        return raise_windows_error(WSAEOPNOTSUPP);
    if ((op = begin(self, WRITE, (HANDLE)socket, 1)) == NULL)
        return NULL;
    op->overlapped.Offset = offset;
    op->overlapped.OffsetHigh = offset_high;
    /* Unlike the others it may have to read from a disk first. */
    Py_BEGIN_ALLOW_THREADS
    error = state->transmit_file(socket, file, size, size_per_send, &op->overlapped, NULL, flags)
                ? ERROR_SUCCESS
                : (DWORD)WSAGetLastError();
    Py_END_ALLOW_THREADS
    return started(self, op, error);
}

/* --- Datagrams ------------------------------------------------------------------------------- */

static PyObject *
receive_from(PyObject *self, operation *op, char *memory, DWORD size)
{
    WSABUF buffer;

    buffer.buf = memory;
    buffer.len = size;
    op->extra.peer.length = sizeof(op->extra.peer.address);
    return started(self, op,
                   last_socket_error(WSARecvFrom((SOCKET)op->handle, &buffer, 1, NULL, &op->flags,
                                                 (SOCKADDR *)&op->extra.peer.address,
                                                 &op->extra.peer.length, &op->overlapped, NULL)));
}

METHOD(overlapped_wsa_recv_from)
{
    SOCKET socket;
    DWORD size, flags;
    operation *op;

    if (check_argument_count("WSARecvFrom", count, 2, 3) < 0 || socket_from(args[0], &socket) < 0 ||
        length_from(args[1], &size) < 0 || optional_flags(args, count, 2, &flags) < 0)
        return NULL;
    if ((op = begin(self, RECEIVE_FROM, (HANDLE)socket, 1)) == NULL)
        return NULL;
    if (provide_bytes(op, size) < 0)
        return abandon(op);
    op->flags = flags;
    return receive_from(self, op, PyBytes_AsString(op->bytes), size);
}

METHOD(overlapped_wsa_recv_from_into)
{
    SOCKET socket;
    DWORD size, flags;
    operation *op;

    if (check_argument_count("WSARecvFromInto", count, 3, 4) < 0 || socket_from(args[0], &socket) < 0 ||
        length_from(args[2], &size) < 0 || optional_flags(args, count, 3, &flags) < 0)
        return NULL;
    if ((op = begin(self, RECEIVE_FROM_INTO, (HANDLE)socket, 1)) == NULL)
        return NULL;
    if (provide_buffer(op, args[1], PyBUF_WRITABLE) < 0)
        return abandon(op);
    if ((Py_ssize_t)size > op->view.len) {
        PyErr_Format(PyExc_ValueError, "a buffer of at least %lu bytes was expected, got %zd", size,
                     op->view.len);
        return abandon(op);
    }
    op->flags = flags;
    return receive_from(self, op, op->view.buf, size);
}

METHOD(overlapped_wsa_send_to)
{
    SOCKET socket;
    DWORD flags;
    SOCKADDR_STORAGE address;
    int length;
    operation *op;
    WSABUF buffer;

    if (check_argument_count("WSASendTo", count, 4, 4) < 0 || socket_from(args[0], &socket) < 0 ||
        dword_from(args[2], &flags) < 0 || address_from(args[3], &address, &length) < 0)
        return NULL;
    if ((op = begin(self, WRITE, (HANDLE)socket, 1)) == NULL)
        return NULL;
    if (provide_buffer(op, args[1], PyBUF_SIMPLE) < 0)
        return abandon(op);
    buffer.buf = op->view.buf;
    buffer.len = (ULONG)op->view.len;
    /* The system copies the address before the call returns, but nothing promises it. */
    op->extra.peer.address = address;
    op->extra.peer.length = length;
    return started(self, op,
                   last_socket_error(WSASendTo(socket, &buffer, 1, NULL, flags,
                                               (SOCKADDR *)&op->extra.peer.address, length,
                                               &op->overlapped, NULL)));
}

/* --- Connections ----------------------------------------------------------------------------- */

METHOD(overlapped_accept_ex)
{
    module_state *state = state_of_type(self);
    SOCKET listener, accepted;
    DWORD received, error;
    operation *op;

    if (check_argument_count("AcceptEx", count, 2, 2) < 0 || socket_from(args[0], &listener) < 0 ||
        socket_from(args[1], &accepted) < 0)
        return NULL;
    if (state->accept_ex == NULL || state->accept_ex_addresses == NULL)
        return raise_windows_error(WSAEOPNOTSUPP);
    if ((op = begin(self, ACCEPT, (HANDLE)listener, 1)) == NULL)
        return NULL;
    if (provide_bytes(op, 2 * ACCEPT_ADDRESS_SIZE) < 0)
        return abandon(op);
    op->extra.accepted = accepted;
    error = state->accept_ex(listener, accepted, PyBytes_AsString(op->bytes), 0, ACCEPT_ADDRESS_SIZE,
                             ACCEPT_ADDRESS_SIZE, &received, &op->overlapped)
                ? ERROR_SUCCESS
                : (DWORD)WSAGetLastError();
    return started(self, op, error);
}

/* Make a proper socket of what AcceptEx() has connected, and return the address of its peer. */
PyObject *
finish_accept(PyObject *self, operation *op)
{
    SOCKET listener = (SOCKET)op->handle;
    SOCKADDR *local = NULL, *remote = NULL;
    int local_length = 0, remote_length = 0;

    if (setsockopt(op->extra.accepted, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (const char *)&listener,
                   sizeof(listener)) == SOCKET_ERROR)
        return raise_windows_error((DWORD)WSAGetLastError());
    state_of_type(self)->accept_ex_addresses(PyBytes_AsString(op->bytes), 0, ACCEPT_ADDRESS_SIZE,
                                             ACCEPT_ADDRESS_SIZE, &local, &local_length, &remote,
                                             &remote_length);
    return address_tuple(remote, remote == NULL ? 0 : remote_length);
}

METHOD(overlapped_connect_ex)
{
    module_state *state = state_of_type(self);
    SOCKET socket;
    SOCKADDR_STORAGE address;
    int length;
    DWORD error;
    operation *op;

    if (check_argument_count("ConnectEx", count, 2, 2) < 0 || socket_from(args[0], &socket) < 0 ||
        address_from(args[1], &address, &length) < 0)
        return NULL;
    if (state->connect_ex == NULL)
        return raise_windows_error(WSAEOPNOTSUPP);
    if ((op = begin(self, CONNECT, (HANDLE)socket, 1)) == NULL)
        return NULL;
    op->extra.peer.address = address;
    op->extra.peer.length = length;
    error = state->connect_ex(socket, (SOCKADDR *)&op->extra.peer.address, length, NULL, 0, NULL,
                              &op->overlapped)
                ? ERROR_SUCCESS
                : (DWORD)WSAGetLastError();
    return started(self, op, error);
}

/* Without this, shutdown() and getpeername() would say that the socket is not connected. */
PyObject *
finish_connect(operation *op)
{
    if (setsockopt((SOCKET)op->handle, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0) == SOCKET_ERROR)
        return raise_windows_error((DWORD)WSAGetLastError());
    Py_RETURN_NONE;
}

METHOD(overlapped_disconnect_ex)
{
    module_state *state = state_of_type(self);
    SOCKET socket;
    DWORD flags, error;
    operation *op;

    if (check_argument_count("DisconnectEx", count, 2, 2) < 0 || socket_from(args[0], &socket) < 0 ||
        dword_from(args[1], &flags) < 0)
        return NULL;
    if (state->disconnect_ex == NULL)
        return raise_windows_error(WSAEOPNOTSUPP);
    if ((op = begin(self, DISCONNECT, (HANDLE)socket, 1)) == NULL)
        return NULL;
    error = state->disconnect_ex(socket, &op->overlapped, flags, 0) ? ERROR_SUCCESS
                                                                     : (DWORD)WSAGetLastError();
    return started(self, op, error);
}

/* --- Functions ------------------------------------------------------------------------------- */

/* BindLocal(socket, family): ConnectEx() wants a socket that is bound. */
METHOD(bind_local)
{
    SOCKET socket;
    SOCKADDR_STORAGE address;
    long family;
    int length;

    (void)self;
    if (check_argument_count("BindLocal", count, 2, 2) < 0 || socket_from(args[0], &socket) < 0)
        return NULL;
    family = PyLong_AsLong(args[1]);
    if (family == -1 && PyErr_Occurred())
        return NULL;
    memset(&address, 0, sizeof(address));
    address.ss_family = (ADDRESS_FAMILY)family;
    if (family == AF_INET)
        length = sizeof(struct sockaddr_in);
    else if (family == AF_INET6)
        length = sizeof(struct sockaddr_in6);
    else {
        PyErr_Format(PyExc_ValueError, "AF_INET or AF_INET6 was expected, got %ld", family);
        return NULL;
    }
    if (bind(socket, (SOCKADDR *)&address, length) == SOCKET_ERROR)
        return raise_windows_error((DWORD)WSAGetLastError());
    Py_RETURN_NONE;
}

/* WSAConnect(socket, address): for datagrams, where nothing has to be waited for. */
METHOD(wsa_connect)
{
    SOCKET socket;
    SOCKADDR_STORAGE address;
    int length, outcome;
    DWORD error;

    (void)self;
    if (check_argument_count("WSAConnect", count, 2, 2) < 0 || socket_from(args[0], &socket) < 0 ||
        address_from(args[1], &address, &length) < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    outcome = WSAConnect(socket, (SOCKADDR *)&address, length, NULL, NULL, NULL, NULL);
    error = last_socket_error(outcome);
    Py_END_ALLOW_THREADS
    if (error)
        return raise_windows_error(error);
    Py_RETURN_NONE;
}

/* SkipSuccessPackets(socket) -> bool: have the port hear only of what was not completed at once.

   Not where a layered provider stands between the socket and the system: it would lose packets, or not
   (the documentation of SetFileCompletionNotificationModes() warns of it). */
PyObject *
skip_success_packets(PyObject *module, PyObject *handle)
{
    WSAPROTOCOL_INFOW info;
    int size = sizeof(info);
    SOCKET socket;

    (void)module;
    if (socket_from(handle, &socket) < 0)
        return NULL;
    if (getsockopt(socket, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &size) == SOCKET_ERROR ||
        !(info.dwServiceFlags1 & XP1_IFS_HANDLES))
        Py_RETURN_FALSE;
    return PyBool_FromLong(SetFileCompletionNotificationModes(
        (HANDLE)socket, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE));
}
