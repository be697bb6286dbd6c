/* The beginning and the end of a connection: what a stream transport does once, for transports of the class that was
   adopted.

   Each function does what the method of Python does where all is as usual. Where it is not, it returns NULL without an
   exception, and has done nothing: then the method is called. */

#ifndef ASYNCIO_SELECTORS_CONNECTIONS_H
#define ASYNCIO_SELECTORS_CONNECTIONS_H

#include "accepting.h"
#include "registering.h"

#ifndef _WIN32
#include <netinet/tcp.h>
#endif

/* Methods that have to be the ones the class began with, as they are not called. */
#define MOST_METHODS 16
#define MOST_HOOKS 8

struct Connections {
    const AsyncioCore *core;
    /* The class, and its version for which its methods are its own. */
    PyTypeObject *kind;
    unsigned int version;
    PyObject *methods[MOST_METHODS], *own_methods[MOST_METHODS];
    int method_count;
    /* Whether a socket can be used without asking it, -1 with an exception; and what sends what was put off. */
    int (*is_plain)(PyObject *sock);
    int (*send_held)(PyObject *transport);
    /* A connection of a listening socket, as a pair of its socket and the peer's address; None where there is none. */
    PyObject *(*accept)(PyObject *listener);
    /* Where instances keep what they are made with. */
    Py_ssize_t extra, loop, protocol_paused, high_water, low_water;
    Py_ssize_t context, sock, sock_fd, server, chunks, buffer_size, conn_lost, closing, paused, eof, past_sock;
    Py_ssize_t protocol, buffered, empty_waiter, file_sending, read_size, peer_finished;
    /* Where the system's sockets, as Python has them, keep whether they are closed, and who else uses them. */
    Py_ssize_t sock_closed, sock_users, type_at, protocol_at;
    /* Where the table of a loop's transports keeps weak references. */
    PyTypeObject *table_type;
    Py_ssize_t references;
    PyObject *zero, *one, *usual_high_water, *usual_low_water, *usual_read;
    PyObject *buffered_protocol;
    PyObject *close_socket;
    PyObject *server_type, *own_attach, *own_detach;
    /* The hooks by which a loop makes an accepted connection, and the module that has the name of the class. */
    PyObject *hooks[MOST_HOOKS], *own_hooks[MOST_HOOKS];
    int hook_count;
    PyObject *names_of_loops, *kind_name;
    /* Names. */
    PyObject *peername, *transports, *attach, *detach, *clients, *sockets, *begin, *go_on_beginning, *read_ready;
    PyObject *call_soon, *context_names, *connection_made, *connection_lost, *call_connection_lost;
    PyObject *server_context, *serve_accepted, *not_served;
    PyObject *eof_received, *write_error, *protocol_failed, *force_close, *close, *remove_reader, *remove_writer;
};
static struct Connections connections;

/* Whether a transport is of just that class, and nobody has put other methods there. */
static int is_usual(PyObject *transport) {
    int n;
    if (Py_TYPE(transport) != connections.kind) return 0;
    if (connections.version != 0 && connections.version == connections.kind->tp_version_tag) return 1;
    for (n = 0; n < connections.method_count; n++) {
        PyObject *method = PyObject_GetAttr((PyObject *)connections.kind, connections.methods[n]);
        if (method == NULL) PyErr_Clear();
        Py_XDECREF(method);
        if (method != connections.own_methods[n]) return 0;
    }
    connections.version = connections.kind->tp_version_tag;
    return 1;
}

/* Call a method for what it does: 0, or -1 with an exception. */
static int call_for_effect(PyObject *name, PyObject **object_and_arguments, size_t count) {
    PyObject *result =
        PyObject_VectorcallMethod(name, object_and_arguments, count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Have the loop call a method of the transport, in the transport's context: 0, or -1 with an exception. */
static int call_method_soon(PyObject *loop, PyObject *transport, PyObject *name, PyObject *argument) {
    PyObject *arguments[4] = {loop, PyObject_GetAttr(transport, name), argument, SLOT(transport, connections.context)};
    PyObject *handle;
    if (arguments[1] == NULL) return -1;
    handle = PyObject_VectorcallMethod(
        connections.call_soon, arguments, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, connections.context_names);
    Py_DECREF(arguments[1]);
    Py_XDECREF(handle);
    return handle == NULL ? -1 : 0;
}

#ifdef _WIN32
static PyObject *addresses_of(int fd, PyObject *extra, int *family) { return NULL; }
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
static PyObject *addresses_of(int fd, PyObject *extra, int *family) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    PyObject *name, *peer = NULL, *both;
    if (extra != Py_None) {
        if (!PyDict_CheckExact(extra) || PyDict_GET_SIZE(extra) > 1) return NULL;
        peer = PyDict_GetItemWithError(extra, connections.peername);
        if (peer == NULL && (PyErr_Occurred() || PyDict_GET_SIZE(extra) != 0)) return NULL;
    }
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

/* A method of an object that is the one its class began with is not called. */

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

static int leave_server(PyObject *server, PyObject *transport) {
    PyObject *clients, *sockets, *key;
    int status = -1;
    if (Py_TYPE(server) == (PyTypeObject *)connections.server_type &&
        has_own_method(server, connections.detach, connections.own_detach) &&
        (clients = attribute_of(server, connections.clients)) != NULL && PyDict_CheckExact(clients) &&
        (sockets = attribute_of(server, connections.sockets)) != NULL && sockets != Py_None) {
        /* It goes on listening: this cannot be its end. */
        key = PyLong_FromVoidPtr(transport);
        if (key == NULL) return -1;
        status = PyDict_Contains(clients, key);
        if (status == 1) status = PyDict_DelItem(clients, key);
        Py_DECREF(key);
        return status;
    }
    PyObject *arguments[2] = {server, transport};
    return call_for_effect(connections.detach, arguments, 2);
}

static int enter_in_table(PyObject *loop, PyObject *fd, PyObject *transport) {
    PyObject *table = PyObject_GetAttr(loop, connections.transports), *reference;
    int status = -1;
    if (table == NULL) return -1;
    if (Py_TYPE(table) == connections.table_type && SLOT(table, connections.references) != NULL) {
        reference = PyWeakref_NewRef(transport, NULL);
        if (reference != NULL) status = PyDict_SetItem(SLOT(table, connections.references), fd, reference);
        Py_XDECREF(reference);
    } else {
        status = PyObject_SetItem(table, fd, transport);
    }
    Py_DECREF(table);
    return status;
}

/* __init__(loop, sock, protocol, waiter=None, extra=None, server=None, context=None) */
static PyObject *init_connection(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    PyObject *self = args[0], *addresses, *fd = NULL, *context = NULL, *made = NULL;
    int buffered, plain, family;
    PyObject *given[8] = {NULL, NULL, NULL, NULL, Py_None, Py_None, Py_None, Py_None};
    Py_ssize_t n;
    if (count < 4 || count > 8 || !is_usual(self)) return NULL;
    for (n = 1; n < count; n++) given[n] = args[n];
    PyObject *loop = given[1], *sock = given[2], *protocol = given[3], *waiter = given[4], *server = given[6];
    plain = connections.is_plain(sock);
    if (plain <= 0 || DESCRIPTOR_OF(sock) < 0 || !PyObject_TypeCheck(loop, connections.core->loop_type)) return NULL;
    addresses = addresses_of(DESCRIPTOR_OF(sock), given[5], &family);
    if (addresses == NULL) return NULL;
    fd = PyLong_FromLong(DESCRIPTOR_OF(sock));
    context = given[7] == Py_None ? PyContext_CopyCurrent() : Py_NewRef(given[7]);
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
    if (call_method_soon(loop, self, connections.begin, waiter) == 0) made = Py_NewRef(Py_None);
done:
    Py_XDECREF(context);
    Py_XDECREF(fd);
    Py_DECREF(addresses);
    return made;
}

/* Begin to read, unless the protocol wants nothing yet: whether that went without anything special. */
static int begins_to_read(PyObject *self) {
    PyObject *loop = SLOT(self, connections.loop), *fd = SLOT(self, connections.sock_fd), *callback, *nothing, *handle;
    if (SLOT(self, connections.closing) != Py_False || SLOT(self, connections.paused) != Py_False) return 1;
    if (loop == NULL || loop == Py_None ||
        !has_own_method(loop, registering.hooks[READ_EVENT], registering.own_hooks[READ_EVENT]))
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

/* _read_eof() */
static PyObject *end_of_reading(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    PyObject *self = args[0], *loop, *protocol, *answer, *failure, *failing[3];
    int keeps_open;
    if (count != 1 || !is_usual(self)) return NULL;
    loop = SLOT(self, connections.loop);
    protocol = SLOT(self, connections.protocol);
    if (loop == NULL || protocol == NULL || !PyObject_TypeCheck(loop, connections.core->loop_type) ||
        connections.core->in_debug_mode(loop) || attribute_of(self, connections.write_error) != Py_None)
        return NULL;
    answer = PyObject_CallMethodNoArgs(protocol, connections.eof_received);
    if (answer == NULL) {
        if (PyErr_ExceptionMatches(PyExc_SystemExit) || PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) return NULL;
        failure = caught();
        failing[0] = self;
        failing[1] = failure;
        failing[2] = connections.eof_received;
        PyObject *former = handle_now(failure);
        int status = call_for_effect(connections.protocol_failed, failing, 3);
        handle_no_more(former);
        Py_DECREF(failure);
        return status < 0 ? NULL : Py_NewRef(Py_None);
    }
    failure = attribute_of(self, connections.write_error);
    if (failure != NULL && failure != Py_None) {
        /* A write in there has failed: nothing more comes that would be read first. */
        PyObject *ending[2] = {self, Py_NewRef(failure)};
        int status = call_for_effect(connections.force_close, ending, 2);
        Py_DECREF(failure);
        Py_DECREF(answer);
        return status < 0 ? NULL : Py_NewRef(Py_None);
    }
    keeps_open = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    if (keeps_open < 0) return NULL;
    if (!keeps_open) {
        PyObject *closed = PyObject_CallMethodNoArgs(self, connections.close);
        Py_XDECREF(closed);
        return closed == NULL ? NULL : Py_NewRef(Py_None);
    }
    /* Its socket is readable for ever now. */
    SET_SLOT(self, connections.peer_finished, Py_True);
    if (SLOT(self, connections.conn_lost) == connections.zero) {
        PyObject *removing[2] = {SLOT(self, connections.loop), SLOT(self, connections.sock_fd)};
        if (call_for_effect(connections.remove_reader, removing, 2) < 0) return NULL;
    }
    return Py_NewRef(Py_None);
}

/* close() */
static PyObject *close_connection(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    PyObject *self = args[0], *loop, *fd, *lost;
    int status, waits;
    if (count != 1 || !is_usual(self)) return NULL;
    if (connections.send_held(self) < 0) return NULL;
    if (SLOT(self, connections.file_sending) != Py_None || attribute_of(self, connections.write_error) != Py_None)
        return NULL;
    if (SLOT(self, connections.closing) == Py_True) return Py_NewRef(Py_None);
    loop = SLOT(self, connections.loop);
    fd = SLOT(self, connections.sock_fd);
    if (loop == NULL || loop == Py_None || fd == NULL) return NULL;
    waits = SLOT(self, connections.chunks) == NULL ? -1 : PyObject_IsTrue(SLOT(self, connections.chunks));
    if (waits < 0) return NULL;
    Py_INCREF(loop);
    Py_INCREF(fd);
    SET_SLOT(self, connections.closing, Py_True);
    PyObject *removing[2] = {loop, fd};
    status = call_for_effect(connections.remove_reader, removing, 2);
    if (status == 0 && !waits) {
        lost = PyNumber_Add(SLOT(self, connections.conn_lost), connections.one);
        status = lost == NULL ? -1 : 0;
        if (lost != NULL) {
            SET_SLOT(self, connections.conn_lost, lost);
            Py_DECREF(lost);
            status = call_for_effect(connections.remove_writer, removing, 2);
        }
        if (status == 0) status = call_method_soon(loop, self, connections.call_connection_lost, Py_None);
    }
    Py_DECREF(fd);
    Py_DECREF(loop);
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

static int close_plain_socket(PyObject *sock) {
    PyObject *closed;
    if (connections.sock_users >= 0 && SLOT(sock, connections.sock_users) == connections.zero) {
        SET_SLOT(sock, connections.sock_closed, Py_True);
        closed = PyObject_CallOneArg(connections.close_socket, sock);
    } else {
        /* Files have been made of it, which it outlives. */
        closed = PyObject_CallMethodNoArgs(sock, connections.close);
    }
    Py_XDECREF(closed);
    return closed == NULL ? -1 : 0;
}

/* What is raised while another exception is on its way has that as its context. */
static void join_failure(PyObject **error) {
    PyObject *newer = caught();
    if (*error != NULL) PyException_SetContext(newer, *error);
    *error = newer;
}

/* _call_connection_lost(exc) */
static PyObject *end_connection(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    PyObject *self = args[0], *protocol, *sock, *server, *error = NULL;
    int plain;
    if (count != 2 || !is_usual(self)) return NULL;
    protocol = SLOT(self, connections.protocol);
    sock = SLOT(self, connections.sock);
    server = SLOT(self, connections.server);
    if (protocol == NULL || sock == NULL || server == NULL) return NULL;
    plain = connections.is_plain(sock);
    if (plain <= 0) return NULL;
    PyObject *losing[2] = {Py_NewRef(protocol), args[1]};
    if (call_for_effect(connections.connection_lost, losing, 2) < 0) join_failure(&error);
    Py_DECREF(protocol);
    sock = Py_NewRef(SLOT(self, connections.sock));
    server = Py_NewRef(SLOT(self, connections.server));
    /* Who asks for it later is shown one that is closed. */
    SET_SLOT(self, connections.past_sock, sock);
    SET_SLOT(self, connections.sock, Py_None);
    SET_SLOT(self, connections.protocol, Py_None);
    SET_SLOT(self, connections.loop, Py_None);
    SET_SLOT(self, connections.server, Py_None);
    plain = connections.is_plain(sock);
    if (plain < 0 || (plain ? close_plain_socket(sock) : call_for_effect(connections.close, &sock, 1)) < 0)
        join_failure(&error);
    if (server != Py_None && leave_server(server, self) < 0) join_failure(&error);
    Py_DECREF(server);
    Py_DECREF(sock);
    if (error != NULL) {
        put_back(error);
        return NULL;
    }
    return Py_NewRef(Py_None);
}

/* Make a transport for a connection that was accepted: 0, or -1 with an exception. */
static int make_connection(PyObject *loop, PyObject *sock, PyObject *protocol, PyObject *address, PyObject *server, PyObject *context) {
    PyObject *extra = PyDict_New(), *nothing = PyTuple_New(0), *result = NULL;
    PyObject *arguments[8] = {NULL, loop, sock, protocol, Py_None, extra, server, context};
    if (extra != NULL && nothing != NULL && PyDict_SetItem(extra, connections.peername, address) == 0)
        arguments[0] = connections.kind->tp_new(connections.kind, nothing, NULL);
    if (arguments[0] != NULL) {
        result = init_connection(NULL, arguments, 8);
        if (result == NULL && !PyErr_Occurred())
            result = PyObject_Vectorcall((PyObject *)connections.kind, arguments + 1, 7, NULL);
    }
    Py_XDECREF(result);
    Py_XDECREF(arguments[0]);
    Py_XDECREF(nothing);
    Py_XDECREF(extra);
    return result == NULL ? -1 : 0;
}

#if PY_VERSION_HEX >= 0x030d0000
static int has_referent(PyObject *reference) {
    PyObject *found = NULL;
    int status = PyWeakref_GetRef(reference, &found);
    Py_XDECREF(found);
    return status != 0;
}
#else
static int has_referent(PyObject *reference) { return PyWeakref_GetObject(reference) != Py_None; }
#endif

/* Whether a transport that is still there has the descriptor of a socket. */
static int is_taken(PyObject *loop, PyObject *sock) {
    PyObject *table = attribute_of(loop, connections.transports), *fd, *reference;
    int taken = 1;
    if (table == NULL || Py_TYPE(table) != connections.table_type || SLOT(table, connections.references) == NULL) return 1;
    fd = PyLong_FromLong(DESCRIPTOR_OF(sock));
    if (fd != NULL) {
        reference = PyDict_GetItemWithError(SLOT(table, connections.references), fd);
        taken = reference == NULL ? PyErr_Occurred() != NULL : has_referent(reference);
        Py_DECREF(fd);
    }
    PyErr_Clear();
    return taken;
}

/* Close what could not be served, and have the loop tell of it: 0, or -1 with an exception that ends the run. */
static int end_unserved(PyObject *loop, PyObject *sock, PyObject *protocol) {
    int ends_run = PyErr_ExceptionMatches(PyExc_SystemExit) || PyErr_ExceptionMatches(PyExc_KeyboardInterrupt), status;
    PyObject *error = caught(), *former = handle_now(error);
    PyObject *telling[4] = {loop, error, sock, protocol == NULL ? Py_None : protocol};
    if (ends_run)
        status = call_for_effect(connections.close, &sock, 1);
    else
        status = call_for_effect(connections.not_served, telling, 4);
    handle_no_more(former);
    if (ends_run && status == 0) {
        put_back(error);
        return -1;
    }
    Py_DECREF(error);
    return status;
}

/* Make protocol and transport in the connection's context: 0, or -1 with an exception that ends the run. */
static int serve_connection(PyObject **args, PyObject *pair, PyObject *context) {
    PyObject *loop = args[0], *factory = args[1], *server = args[4], *sock = PyTuple_GET_ITEM(pair, 0), *protocol = NULL;
    int status;
    if (is_taken(loop, sock)) {
        /* Its number was closed, but not by its transport: the method finds out. */
        PyObject *extra = PyDict_New();
        PyObject *serving[9] = {loop, factory, sock, extra, Py_None, server, args[6], args[7], context};
        status = extra == NULL ? -1 : PyDict_SetItem(extra, connections.peername, PyTuple_GET_ITEM(pair, 1));
        status = status < 0 ? end_unserved(loop, sock, NULL) : call_for_effect(connections.serve_accepted, serving, 9);
        Py_XDECREF(extra);
        return status;
    }
    protocol = PyObject_CallNoArgs(factory);
    status = protocol == NULL ? -1 : make_connection(loop, sock, protocol, PyTuple_GET_ITEM(pair, 1), server, context);
    if (status < 0) status = end_unserved(loop, sock, protocol);
    Py_XDECREF(protocol);
    return status;
}

/* Whether the hooks are the ones that the class of loops began with, and there is nothing to log. */
static int accepts_as_usual(PyObject *loop) {
    int n;
    if (!PyObject_TypeCheck(loop, connections.core->loop_type) || connections.core->in_debug_mode(loop)) return 0;
    for (n = 0; n < connections.hook_count; n++)
        if (!has_own_method(loop, connections.hooks[n], connections.own_hooks[n])) return 0;
    return PyDict_GetItemWithError(connections.names_of_loops, connections.kind_name) == (PyObject *)connections.kind;
}

/* _accept_connection(protocol_factory, sock, sslcontext, server, backlog, two timeouts, context) */
static PyObject *accept_connections(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    PyObject *loop = args[0], *listener, *context, *pair, *of_connection;
    Py_ssize_t attempt, most;
    int status = 0;
    if (count < 8 || count > 9 || args[3] != Py_None || !PyLong_CheckExact(args[5]) || !accepts_as_usual(loop)) return NULL;
    listener = args[2];
    context = count == 9 && args[8] != Py_None ? args[8] : attribute_of(args[4], connections.server_context);
    if (context == NULL || !PyContext_CheckExact(context) || connections.is_plain(listener) <= 0) return NULL;
    most = PyLong_AsSsize_t(args[5]);
    if (most < 0) return NULL;
    Py_INCREF(context);
    for (attempt = 0; attempt <= most && status == 0; attempt++) {
        /* The factory of the last connection may have closed the server. */
        if (attempt && DESCRIPTOR_OF(listener) < 0) break;
        pair = connections.accept(listener);
        if (pair == NULL || (pair == Py_None && attempt == 0)) {
            /* Whatever it is, the method finds it again. */
            Py_XDECREF(pair);
            Py_DECREF(context);
            PyErr_Clear();
            return NULL;
        }
        if (pair == Py_None) {
            Py_DECREF(pair);
            break;
        }
        /* One context for each connection, made from the server's: what a handler changes is seen neither by the next
           connection nor by the server. */
        of_connection = PyContext_Copy(context);
        if (of_connection == NULL || PyContext_Enter(of_connection) < 0) {
            status = end_unserved(loop, PyTuple_GET_ITEM(pair, 0), NULL);
        } else {
            status = serve_connection(args, pair, of_connection);
            if (PyContext_Exit(of_connection) < 0) status = -1;
        }
        Py_XDECREF(of_connection);
        Py_DECREF(pair);
    }
    Py_DECREF(context);
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

/* __del__(): after the end there is nothing to do. */
static PyObject *delete_connection(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    PyObject *self = args[0];
    if (count != 1 || Py_TYPE(self) != connections.kind) return NULL;
    if (SLOT(self, connections.sock) != NULL && SLOT(self, connections.sock) != Py_None) return NULL;
    return Py_NewRef(Py_None);
}

#endif
