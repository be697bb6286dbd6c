/* The end of a connection: the peer's, the program's, and what both come to. */

#ifndef ASYNCIO_SELECTORS_ENDINGS_H
#define ASYNCIO_SELECTORS_ENDINGS_H

#include "connections.h"

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
    if (SLOT(self, connections.conn_lost) == connections.zero &&
        remove_by_method(SLOT(self, connections.loop), SLOT(self, connections.sock_fd), READ_EVENT) < 0)
        return NULL;
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
    status = remove_by_method(loop, fd, READ_EVENT);
    if (status == 0 && !waits) {
        lost = PyNumber_Add(SLOT(self, connections.conn_lost), connections.one);
        status = lost == NULL ? -1 : 0;
        if (lost != NULL) {
            SET_SLOT(self, connections.conn_lost, lost);
            Py_DECREF(lost);
            status = remove_by_method(loop, fd, WRITE_EVENT);
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

/* __del__(): after the end there is nothing to do. */
static PyObject *delete_connection(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    PyObject *self = args[0];
    if (count != 1 || Py_TYPE(self) != connections.kind) return NULL;
    if (SLOT(self, connections.sock) != NULL && SLOT(self, connections.sock) != Py_None) return NULL;
    return Py_NewRef(Py_None);
}

#endif
