/* The connections of a listening socket, with what they are served by. */

#ifndef ASYNCIO_SELECTORS_SERVED_H
#define ASYNCIO_SELECTORS_SERVED_H

#include "beginnings.h"

/* Make a transport for a connection that was accepted: 0, or -1 with an exception. */
static int make_connection(
    PyObject *loop, PyObject *sock, PyObject *protocol, PyObject *address, PyObject *server, PyObject *context) {
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

#endif
