/* Registering readers and writers with epoll, for loops whose poller is of the class that was adopted.

   Each function does what the method of Python does where all is as usual. Where it is not, it returns NULL without an
   exception, and has done nothing: then the method is called. */

#ifndef ASYNCIO_SELECTORS_REGISTERING_H
#define ASYNCIO_SELECTORS_REGISTERING_H

#include "interface.h"
#include "system.h"

#define METHODS_OF "asyncio_selectors"
#include "methods.h"

/* As in the module selectors. */
enum { READ_EVENT = 1, WRITE_EVENT = 2 };

#if HAS_EPOLL
static int control_epoll(int epoll, int operation, int fd, int events) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = (events & READ_EVENT ? EPOLLIN : 0u) | (events & WRITE_EVENT ? EPOLLOUT : 0u);
    event.data.fd = fd;
    return epoll_ctl(epoll, operation, fd, &event);
}
#else
enum { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD };
static int control_epoll(int epoll, int operation, int fd, int events) { return -1; }
#endif

struct Registering {
    const AsyncioCore *core;
    /* Exactly these: what is derived from them does what it likes. */
    PyTypeObject *poller_type, *epoll_type;
    Py_ssize_t keys_place, epoll_place;
    /* With more descriptors than that, how the loop waits does not depend on them. */
    Py_ssize_t few;
    PyObject *key_type;
    /* Names, and what stands under them where nobody has put anything else there. */
    PyObject *poller, *selector, *registering_in, *tell_loop;
    PyObject *hooks[3], *own_hooks[3];
    PyObject *register_name, *own_register, *unregister_name, *own_unregister, *modify_name, *own_modify;
};
static struct Registering registering;

/* An attribute, borrowed from whoever holds it; NULL, without an exception, where there is none. */
static PyObject *attribute_of(PyObject *object, PyObject *name) {
    PyObject *found = PyObject_GetAttr(object, name);
    if (found == NULL)
        PyErr_Clear();
    else
        Py_DECREF(found);
    return found;
}

/* Whether a method is the one that its class began with. */
static int has_own_method(PyObject *object, PyObject *name, PyObject *function) {
    PyObject *method = PyObject_GetAttr(object, name);
    int own = method != NULL && PyMethod_Check(method) && PyMethod_GET_FUNCTION(method) == function;
    if (method == NULL) PyErr_Clear();
    Py_XDECREF(method);
    return own;
}

/* The poller that the loop waits for, if it is of the class that was adopted. */
static PyObject *usual_poller(PyObject *loop) {
    PyObject *poller = attribute_of(loop, registering.poller), *epoll;
    if (poller == NULL || Py_TYPE(poller) != registering.poller_type ||
        attribute_of(loop, registering.selector) != poller)
        return NULL;
    epoll = SLOT(poller, registering.epoll_place);
    if (epoll == NULL || Py_TYPE(epoll) != registering.epoll_type || DESCRIPTOR_OF(epoll) < 0) return NULL;
    return SLOT(poller, registering.keys_place) == NULL ? NULL : poller;
}

/* What a SelectorKey of ours holds; only looked at. */
typedef struct {
    PyObject *fileobj, *fd, *reader, *writer;
    int events;
} Registered;

static int read_key(PyObject *key, Registered *found) {
    PyObject *data;
    if (!PyTuple_Check(key) || PyTuple_GET_SIZE(key) != 4) return 0;
    data = PyTuple_GET_ITEM(key, 3);
    if (!PyTuple_CheckExact(data) || PyTuple_GET_SIZE(data) != 2 || !PyLong_CheckExact(PyTuple_GET_ITEM(key, 2))) return 0;
    found->fileobj = PyTuple_GET_ITEM(key, 0);
    found->fd = PyTuple_GET_ITEM(key, 1);
    found->events = (int)PyLong_AsLong(PyTuple_GET_ITEM(key, 2));
    found->reader = PyTuple_GET_ITEM(data, 0);
    found->writer = PyTuple_GET_ITEM(data, 1);
    return found->events >= 0 && found->events <= (READ_EVENT | WRITE_EVENT);
}

static PyObject *new_key(const Registered *of) {
    PyObject *key = NULL, *parts = NULL, *given = NULL;
    PyObject *events = PyLong_FromLong(of->events), *callbacks = PyTuple_Pack(2, of->reader, of->writer);
    if (events != NULL && callbacks != NULL) parts = PyTuple_Pack(4, of->fileobj, of->fd, events, callbacks);
    if (parts != NULL) given = PyTuple_Pack(1, parts);
    /* Of tuples' own, without the function of Python that takes the names. */
    if (given != NULL) key = PyTuple_Type.tp_new((PyTypeObject *)registering.key_type, given, NULL);
    Py_XDECREF(given);
    Py_XDECREF(parts);
    Py_XDECREF(callbacks);
    Py_XDECREF(events);
    return key;
}

/* Put another key into a poller's table; -1 with an exception. */
static int put_key(PyObject *keys, const Registered *of) {
    PyObject *key = new_key(of);
    int status = key == NULL ? -1 : PyDict_SetItem(keys, of->fd, key);
    Py_XDECREF(key);
    return status;
}

static int tell_loop(PyObject *poller) {
    PyObject *result = PyObject_CallMethodNoArgs(poller, registering.tell_loop);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* The handle, which is registered now. */
static PyObject *add_callback(
    PyObject *loop, PyObject *fd, int event, PyObject *callback, PyObject *arguments, PyObject *context) {
    PyObject *poller = usual_poller(loop), *keys, *key, *handle;
    Registered now = {fd, fd, Py_None, Py_None, 0};
    int number, operation = EPOLL_CTL_ADD, failed = 0;
    if (poller == NULL || !PyLong_CheckExact(fd) || registering.core->in_debug_mode(loop)) return NULL;
    keys = SLOT(poller, registering.keys_place);
    key = PyDict_GetItemWithError(keys, fd);
    if (key == NULL) {
        if (PyErr_Occurred() || !has_own_method(poller, registering.register_name, registering.own_register)) return NULL;
    } else {
        if (!read_key(key, &now) || now.events & event || now.events == 0 ||
            !has_own_method(poller, registering.modify_name, registering.own_modify))
            return NULL;
        operation = EPOLL_CTL_MOD;
    }
    number = (int)PyLong_AsLong(fd);
    if (number < 0 || PyErr_Occurred()) {
        PyErr_Clear();
        return NULL;
    }
    handle = registering.core->new_handle(loop, callback, arguments, context);
    if (handle == NULL) return NULL;
    now.events |= event;
    *(event == READ_EVENT ? &now.reader : &now.writer) = handle;
    if (control_epoll(DESCRIPTOR_OF(SLOT(poller, registering.epoll_place)), operation, number, now.events) < 0) {
        /* Whatever it is, the method finds it again. */
        Py_DECREF(handle);
        return NULL;
    }
    Py_INCREF(poller);
    Py_INCREF(keys);
    failed = put_key(keys, &now) < 0;
    if (failed && operation == EPOLL_CTL_ADD) {
        (void)control_epoll(DESCRIPTOR_OF(SLOT(poller, registering.epoll_place)), EPOLL_CTL_DEL, number, 0);
    } else if (!failed && operation == EPOLL_CTL_ADD && PyDict_GET_SIZE(keys) <= registering.few) {
        failed = tell_loop(poller) < 0;
    }
    Py_DECREF(keys);
    Py_DECREF(poller);
    if (failed) Py_CLEAR(handle);
    return handle;
}

/* Whether there was a callback: True or False. */
static PyObject *remove_callback(PyObject *loop, PyObject *fd, int event) {
    PyObject *poller = usual_poller(loop), *keys, *key, *handle, *result = NULL;
    Registered now;
    int epoll, number, left;
    if (poller == NULL || !PyLong_CheckExact(fd)) return NULL;
    keys = SLOT(poller, registering.keys_place);
    key = PyDict_GetItemWithError(keys, fd);
    if (key == NULL) return PyErr_Occurred() ? NULL : Py_NewRef(Py_False);
    if (!read_key(key, &now)) return NULL;
    handle = event == READ_EVENT ? now.reader : now.writer;
    left = now.events & ~event;
    if (left == now.events) return handle == Py_None ? Py_NewRef(Py_False) : NULL;
    epoll = DESCRIPTOR_OF(SLOT(poller, registering.epoll_place));
    number = (int)PyLong_AsLong(fd);
    Py_INCREF(poller);
    Py_INCREF(keys);
    Py_INCREF(key);
    Py_INCREF(handle);
    if (left) {
        if (has_own_method(poller, registering.modify_name, registering.own_modify) &&
            control_epoll(epoll, EPOLL_CTL_MOD, number, left) == 0) {
            now.events = left;
            *(event == READ_EVENT ? &now.reader : &now.writer) = Py_None;
            if (put_key(keys, &now) == 0 && (PyDict_GET_SIZE(keys) >= registering.few || tell_loop(poller) == 0))
                result = Py_True;
        }
    } else if (has_own_method(poller, registering.unregister_name, registering.own_unregister)) {
        if (control_epoll(epoll, EPOLL_CTL_DEL, number, 0) == 0 && PyDict_DelItem(keys, fd) == 0 &&
            (PyDict_GET_SIZE(keys) >= registering.few || tell_loop(poller) == 0))
            result = Py_True;
    }
    if (result != NULL) {
        result = Py_NewRef(handle == Py_None ? Py_False : Py_True);
        if (handle != Py_None && registering.core->cancel(handle) < 0) Py_CLEAR(result);
    }
    Py_DECREF(handle);
    Py_DECREF(key);
    Py_DECREF(keys);
    Py_DECREF(poller);
    return result;
}

/* The methods: what of their arguments is as usual. */

static PyObject *add_for_anybody(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    PyObject *arguments, *handle;
    Py_ssize_t n;
    if (count < 3 || attribute_of(args[0], registering.registering_in) != Py_None) return NULL;
    arguments = PyTuple_New(count - 3);
    if (arguments == NULL) return NULL;
    for (n = 3; n < count; n++) PyTuple_SET_ITEM(arguments, n - 3, Py_NewRef(args[n]));
    handle = add_callback(args[0], args[1], method->kind, args[2], arguments, Py_None);
    Py_DECREF(arguments);
    return handle;
}

static PyObject *add_for_transport(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    PyObject *handle;
    if (count != 5 || !PyTuple_CheckExact(args[3]) ||
        !has_own_method(args[0], registering.hooks[method->kind], registering.own_hooks[method->kind]))
        return NULL;
    handle = add_callback(args[0], args[1], method->kind, args[2], args[3], args[4]);
    if (handle == NULL) return NULL;
    Py_DECREF(handle);
    return Py_NewRef(Py_None);
}

static PyObject *remove_for_anybody(TwinMethod *method, PyObject **args, Py_ssize_t count) {
    return count == 2 ? remove_callback(args[0], args[1], method->kind) : NULL;
}

#endif
