/* The connections of a listening socket, with what they are served by. */

#ifndef ASYNCIO_SELECTORS_SERVED_H
#define ASYNCIO_SELECTORS_SERVED_H

#include "beginnings.h"

/* What is known of a connection before its transport is there; NULL with an exception. */
static PyObject *facts_of(PyObject *address) {
    PyObject *facts = PyDict_New();
    if (facts != NULL && PyDict_SetItem(facts, connections.peername, address) < 0) Py_CLEAR(facts);
    return facts;
}

/* The same by the class. */
static PyObject *make_by_class(const Terms *terms) {
    PyObject *facts = facts_of(terms->peer), *made = NULL;
    PyObject *given[8] = {NULL, terms->loop, terms->sock, terms->protocol, terms->waiter, facts, terms->server, terms->context};
    if (facts != NULL)
        made = PyObject_Vectorcall((PyObject *)connections.kind, given + 1, 7 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_XDECREF(facts);
    return made;
}

/* Make a transport for a connection that was accepted: 0, or -1 with an exception. */
static int make_connection(const Terms *terms) {
    PyObject *nothing = PyTuple_New(0), *result = NULL;
    PyObject *transport = nothing == NULL ? NULL : connections.kind->tp_new(connections.kind, nothing, NULL);
    if (transport != NULL) {
        result = is_usual(transport) ? begin_with(transport, terms) : NULL;
        if (result == NULL && !PyErr_Occurred()) result = make_by_class(terms);
    }
    Py_XDECREF(result);
    Py_XDECREF(transport);
    Py_XDECREF(nothing);
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
    PyObject *table = usual_table(loop), *fd, *reference;
    int taken = 1;
    if (table == NULL) return 1;
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
        PyObject *facts = facts_of(PyTuple_GET_ITEM(pair, 1));
        PyObject *serving[9] = {loop, factory, sock, facts, Py_None, server, args[6], args[7], context};
        status = facts == NULL ? end_unserved(loop, sock, NULL) : call_for_effect(connections.serve_accepted, serving, 9);
        Py_XDECREF(facts);
        return status;
    }
    protocol = PyObject_CallNoArgs(factory);
    status = -1;
    if (protocol != NULL)
        status = make_connection(
            &(Terms){loop, sock, protocol, Py_None, PyTuple_GET_ITEM(pair, 1), server, context});
    if (status < 0) status = end_unserved(loop, sock, protocol);
    Py_XDECREF(protocol);
    return status;
}

/* Whether the hooks are the ones that the class of loops began with, and there is nothing to log. */
static int accepts_as_usual(PyObject *loop) {
    if (!has_own_hooks(loop, &connections.accepting) || connections.core->in_debug_mode(loop)) return 0;
    return PyDict_GetItemWithError(connections.names_of_loops, connections.kind_name) == (PyObject *)connections.kind;
}

/* Where connections come one at a time, a call that finds no other one is made for so many of them. The poller tells of
   another one, too, but a turn later. */
#define LOOKED_FURTHER 16

/* Since when, for listeners whose descriptors end in the same bits: 0 where it is time, or where there was another one. */
static unsigned char since_looked[64];

/* Whether to look for another connection than the first. */
static int looks_further(int listener) {
    unsigned char *since = &since_looked[listener % 64];
    if (*since == 0) return 1;
    *since = (unsigned char)((*since + 1) % LOOKED_FURTHER);
    return 0;
}

/* Whatever the backlog: the rest of the loop has its turn then. Fewer than core's `accepts_in_a_turn()` says, as another turn costs
   little here: beside a flood of clients others wait for one or two milliseconds, and for ten where it is a hundred. */
#define MOST_IN_A_TURN 16

/* Whether what is set was told by a call of the system's, which tells it once more when it is asked again. */
static int comes_from_system(void) {
    PyObject *error, *number;
    int has_number;
    if (!PyErr_ExceptionMatches(PyExc_OSError)) return 0;
    error = caught();
    number = attribute_of(error, connections.errno_name);
    has_number = number != NULL && number != Py_None;
    put_back(error);
    return has_number;
}

/* _accept_connection(protocol_factory, sock, sslcontext, server, backlog, two timeouts, context) */
static PyObject *accept_connections(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    PyObject *loop = args[0], *listener, *context, *pair, *of_connection;
    Py_ssize_t attempt, most;
    int number, status = 0;
    if (count < 8 || count > 9 || args[3] != Py_None || !PyLong_CheckExact(args[5]) || !accepts_as_usual(loop)) return NULL;
    listener = args[2];
    most = PyLong_AsSsize_t(args[5]);
    if (most < 0) PyErr_Clear();
    if (most < 0 || connections.is_plain(listener) <= 0) return NULL;
    if (most > MOST_IN_A_TURN) most = MOST_IN_A_TURN;
    context = count == 9 && args[8] != Py_None ? Py_NewRef(args[8]) : PyObject_GetAttr(args[4], connections.server_context);
    if (context == NULL || !PyContext_CheckExact(context)) {
        /* A server of somebody else's, perhaps. */
        Py_XDECREF(context);
        PyErr_Clear();
        return NULL;
    }
    number = DESCRIPTOR_OF(listener);
    for (attempt = 0; attempt <= most && status == 0; attempt++) {
        /* The factory of the last connection may have closed the server. */
        if (attempt && DESCRIPTOR_OF(listener) < 0) break;
        if (attempt == 1 && !looks_further(number)) break;
        pair = connections.accept(listener);
        if (pair == NULL && !comes_from_system()) {
            status = -1;
            break;
        }
        if (pair == NULL || (pair == Py_None && attempt == 0)) {
            /* Whatever it is, the method finds it again. */
            Py_XDECREF(pair);
            Py_DECREF(context);
            PyErr_Clear();
            return NULL;
        }
        if (pair == Py_None) {
            since_looked[number % 64] = attempt == 1;
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
