/* What a connection's beginning and its end have in common, for stream transports of the class that was adopted.

   Each method, in the files `beginnings`, `endings` and `served`, does what that of Python does where all is as usual. Where it
   is not, it returns NULL without an exception, and has done nothing: then the method of Python is called. */

#ifndef ASYNCIO_SELECTORS_CONNECTIONS_H
#define ASYNCIO_SELECTORS_CONNECTIONS_H

#include "registering.h"

/* Methods that have to be the ones the class began with, as they are not called. */
#define MOST_METHODS 16

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
    Hooks accepting;
    PyObject *names_of_loops, *kind_name;
    /* Names. */
    PyObject *peername, *transports, *attach, *detach, *clients, *sockets, *begin, *go_on_beginning, *read_ready;
    PyObject *call_soon, *context_names, *connection_made, *connection_lost, *call_connection_lost;
    PyObject *server_context, *serve_accepted, *not_served, *errno_name;
    PyObject *eof_received, *write_error, *protocol_failed, *force_close, *close;
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

#endif
