/* The beginning of a connection: what a stream transport is made with, its place at its server and in its loop's table, and
   its first registration. */

#ifndef ASYNCIO_SELECTORS_BEGINNINGS_H
#define ASYNCIO_SELECTORS_BEGINNINGS_H

#include "accepting.h"
#include "connections.h"

#ifndef _WIN32
#include <netinet/tcp.h>
#endif

#ifdef _WIN32
static PyObject *addresses_of(int fd, PyObject *peer, int *family) { return NULL; }
static void send_at_once(PyObject *sock, int family) {}
#else
/* An address of so many bytes, as the socket module tells it. */
static PyObject *told_address(const void *address, socklen_t length, int family) {
    return family == AF_UNIX ? name_of_unix_address(address, length) : tuple_of_address(address);
}

/* The connections of one server have one name on this side, which need not be made for each. */
static PyObject *name_of_socket(const void *address, socklen_t length, int family) {
    static struct sockaddr_storage last;
    static socklen_t last_length = 0;
    static PyObject *last_name = NULL;
    PyObject *name;
    if (last_name != NULL && length == last_length && memcmp(&last, address, length) == 0) return Py_NewRef(last_name);
    name = told_address(address, length, family);
    if (name != NULL) {
        memcpy(&last, address, length);
        last_length = length;
        Py_XSETREF(last_name, Py_NewRef(name));
    }
    return name;
}

/* The addresses of both ends, of which that of the peer may be known; NULL without an exception: ask the socket. */
static PyObject *addresses_of(int fd, PyObject *peer, int *family) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    PyObject *name, *both;
    /* Without a name, or with one that does not fit, the method finds out. */
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 || length > sizeof address ||
        !has_known_addresses(address.ss_family))
        return NULL;
    *family = address.ss_family;
    name = name_of_socket(&address, length, *family);
    if (name == NULL) return NULL;
    if (peer != NULL) {
        Py_INCREF(peer);
    } else {
        length = sizeof address;
        if (getpeername(fd, (struct sockaddr *)&address, &length) < 0 || length > sizeof address)
            /* Not connected, or reset before we came to it. */
            peer = Py_NewRef(Py_None);
        else
            peer = told_address(&address, length, *family);
    }
    both = peer == NULL ? NULL : PyTuple_Pack(2, name, peer);
    Py_XDECREF(peer);
    Py_DECREF(name);
    return both;
}

/* Small writes go out when they are written, where the socket is TCP's. What fails, reading tells better. */
static void send_at_once(PyObject *sock, int family) {
    int protocol = INT_AT(sock, connections.protocol_at), on = 1;
    if (family == AF_UNIX || INT_AT(sock, connections.type_at) != SOCK_STREAM) return;
    if (protocol == 0 || protocol == IPPROTO_TCP)
        (void)setsockopt(DESCRIPTOR_OF(sock), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
#endif

static int enter_at_server(PyObject *server, PyObject *transport) {
    PyObject *clients, *key, *reference;
    int status = -1;
    if (Py_TYPE(server) != (PyTypeObject *)connections.server_type ||
        !has_own_method(server, connections.attach, connections.own_attach) ||
        (clients = attribute_of(server, connections.clients)) == NULL || !PyDict_CheckExact(clients)) {
        PyObject *arguments[2] = {server, transport};
        return call_for_effect(connections.attach, arguments, 2);
    }
    key = PyLong_FromVoidPtr(transport);
    reference = PyWeakref_NewRef(transport, NULL);
    if (key != NULL && reference != NULL) status = PyDict_SetItem(clients, key, reference);
    Py_XDECREF(key);
    Py_XDECREF(reference);
    return status;
}

/* The table of a loop's transports, borrowed; NULL where it is not one that can be looked into. */
static PyObject *usual_table(PyObject *loop) {
    PyObject *table = is_adopted(loop) ? SLOT(loop, registering.transports) : NULL;
    if (table == NULL || Py_TYPE(table) != connections.table_type) return NULL;
    return SLOT(table, connections.references) == NULL ? NULL : table;
}

static int enter_in_table(PyObject *loop, PyObject *fd, PyObject *transport) {
    PyObject *table = usual_table(loop), *reference;
    int status = -1;
    if (table != NULL) {
        reference = PyWeakref_NewRef(transport, NULL);
        if (reference != NULL) status = PyDict_SetItem(SLOT(table, connections.references), fd, reference);
        Py_XDECREF(reference);
        return status;
    }
    table = PyObject_GetAttr(loop, connections.transports);
    if (table != NULL) status = PyObject_SetItem(table, fd, transport);
    Py_XDECREF(table);
    return status;
}

/* What a connection is made with. Borrowed; the address of the peer is NULL where it is not known. */
typedef struct {
    PyObject *loop, *sock, *protocol, *waiter, *peer, *server, *context;
} Terms;

/* Fill in a transport, and have it begin: None, or NULL. */
static PyObject *begin_with(PyObject *self, const Terms *terms) {
    PyObject *loop = terms->loop, *sock = terms->sock, *protocol = terms->protocol, *server = terms->server;
    PyObject *addresses, *fd, *context, *made = NULL;
    int buffered, family, plain = connections.is_plain(sock);
    if (plain <= 0 || DESCRIPTOR_OF(sock) < 0 || !is_adopted(loop)) return NULL;
    addresses = addresses_of(DESCRIPTOR_OF(sock), terms->peer, &family);
    if (addresses == NULL) return NULL;
    fd = PyLong_FromLong(DESCRIPTOR_OF(sock));
    context = terms->context == Py_None ? PyContext_CopyCurrent() : Py_NewRef(terms->context);
    buffered = PyObject_IsInstance(protocol, connections.buffered_protocol);
    if (fd == NULL || context == NULL || buffered < 0) goto done;
    SET_SLOT(self, connections.empty_waiter, Py_None);
    SET_SLOT(self, connections.file_sending, Py_None);
    SET_SLOT(self, connections.read_size, connections.usual_read);
    SET_SLOT(self, connections.peer_finished, Py_False);
    SET_SLOT(self, connections.extra, addresses);
    SET_SLOT(self, connections.loop, loop);
    SET_SLOT(self, connections.protocol_paused, Py_False);
    SET_SLOT(self, connections.high_water, connections.usual_high_water);
    SET_SLOT(self, connections.low_water, connections.usual_low_water);
    SET_SLOT(self, connections.context, context);
    SET_SLOT(self, connections.sock, sock);
    SET_SLOT(self, connections.sock_fd, fd);
    SET_SLOT(self, connections.server, server);
    SET_SLOT(self, connections.chunks, Py_None);
    SET_SLOT(self, connections.buffer_size, connections.zero);
    SET_SLOT(self, connections.conn_lost, connections.zero);
    SET_SLOT(self, connections.closing, Py_False);
    SET_SLOT(self, connections.paused, Py_False);
    SET_SLOT(self, connections.eof, Py_False);
    SET_SLOT(self, connections.protocol, protocol);
    SET_SLOT(self, connections.buffered, buffered ? Py_True : Py_False);
    if ((server != Py_None && enter_at_server(server, self) < 0) || enter_in_table(loop, fd, self) < 0) goto done;
    send_at_once(sock, family);
    if (call_method_soon(loop, self, connections.begin, terms->waiter) == 0) made = Py_NewRef(Py_None);
done:
    Py_XDECREF(context);
    Py_XDECREF(fd);
    Py_DECREF(addresses);
    return made;
}

/* __init__(loop, sock, protocol, waiter=None, extra=None, server=None, context=None) */
static PyObject *init_connection(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    PyObject *given[8] = {NULL, NULL, NULL, NULL, Py_None, Py_None, Py_None, Py_None}, *extra, *peer = NULL;
    Py_ssize_t n;
    if (count < 4 || count > 8 || !is_usual(args[0])) return NULL;
    for (n = 1; n < count; n++) given[n] = args[n];
    extra = given[5];
    if (extra != Py_None) {
        if (!PyDict_CheckExact(extra) || PyDict_GET_SIZE(extra) > 1) return NULL;
        peer = PyDict_GetItemWithError(extra, connections.peername);
        if (peer == NULL && (PyErr_Occurred() || PyDict_GET_SIZE(extra) != 0)) return NULL;
    }
    return begin_with(args[0], &(Terms){given[1], given[2], given[3], given[4], peer, given[6], given[7]});
}

/* Begin to read, unless the protocol wants nothing yet: whether that went without anything special. */
static int begins_to_read(PyObject *self) {
    PyObject *loop = SLOT(self, connections.loop), *fd = SLOT(self, connections.sock_fd), *callback, *nothing, *handle;
    if (SLOT(self, connections.closing) != Py_False || SLOT(self, connections.paused) != Py_False) return 1;
    if (loop == NULL || loop == Py_None ||
        !has_own_hook(loop, &registering.adding, NUMBER_OF(READ_EVENT)))
        return 0;
    callback = PyObject_GetAttr(self, connections.read_ready);
    nothing = PyTuple_New(0);
    handle = callback == NULL || nothing == NULL
                 ? NULL
                 : add_callback(loop, fd, READ_EVENT, callback, nothing, SLOT(self, connections.context));
    Py_XDECREF(callback);
    Py_XDECREF(nothing);
    if (handle == NULL) {
        /* Whatever it is, the method finds it again. */
        PyErr_Clear();
        return 0;
    }
    Py_DECREF(handle);
    return 1;
}

/* _begin(waiter) */
static PyObject *begin_connection(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    PyObject *self = args[0], *protocol, *error = NULL, *former;
    int failed;
    if (count != 2 || !is_usual(self) || (protocol = SLOT(self, connections.protocol)) == NULL) return NULL;
    PyObject *waiter = args[1], *made[2] = {Py_NewRef(protocol), self}, *going_on[2] = {self, waiter};
    if (call_for_effect(connections.connection_made, made, 2) < 0) error = caught();
    Py_DECREF(made[0]);
    if (waiter != Py_None || !begins_to_read(self)) {
        if (error == NULL) {
            failed = call_for_effect(connections.go_on_beginning, going_on, 2) < 0;
        } else {
            former = handle_now(error);
            failed = call_for_effect(connections.go_on_beginning, going_on, 2) < 0;
            handle_no_more(former);
        }
        if (failed) {
            Py_XDECREF(error);
            return NULL;
        }
    }
    if (error != NULL) {
        put_back(error);
        return NULL;
    }
    return Py_NewRef(Py_None);
}

#endif
