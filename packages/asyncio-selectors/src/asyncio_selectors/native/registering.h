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
#define NUMBER_OF(event) ((event)-1)

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

/* Methods of loops that are not called where they are the ones that the class began with: what they do is done here. */
#define MOST_HOOKS 8
typedef struct {
    /* What the class has is NULL as long as none was adopted. */
    PyObject *names[MOST_HOOKS], *own[MOST_HOOKS];
    int count;
    /* The loop for which all of them were, the last time, and its class. */
    unsigned long long generation;
    PyTypeObject *kind;
    unsigned int version;
} Hooks;

struct Registering {
    const AsyncioCore *core;
    /* Exactly these: what is derived from them does what it likes. */
    PyTypeObject *poller_type, *epoll_type;
    Py_ssize_t keys_place, epoll_place;
    /* The class of loops that was adopted, and where they have their poller, and their transports. */
    PyTypeObject *loops;
    Py_ssize_t poller, selector, transports;
    /* With more descriptors than that, how the loop waits does not depend on them. */
    Py_ssize_t few;
    PyObject *key_type;
    /* Names, and what stands under them where nobody has put anything else there. */
    PyObject *registering_in, *tell_loop;
    /* By event. */
    Hooks adding, removing;
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

/* How the interpreter finds what it is to call: without a bound method, 1, where there is a function in the class. */
PyAPI_FUNC(int) _PyObject_GetMethod(PyObject *object, PyObject *name, PyObject **method);

/* Whether a method is the one that its class began with. */
static int has_own_method(PyObject *object, PyObject *name, PyObject *function) {
    PyObject *method = NULL;
    int unbound = _PyObject_GetMethod(object, name, &method), own = method == function && unbound;
    if (method == NULL)
        PyErr_Clear();
    else if (!unbound && PyMethod_Check(method))
        own = PyMethod_GET_FUNCTION(method) == function;
    Py_XDECREF(method);
    return own;
}

/* Whether all of these methods of a loop are the ones that its class began with. */
static int has_own_hooks(PyObject *loop, Hooks *hooks) {
    PyTypeObject *kind = Py_TYPE(loop);
    int n, known = kind == hooks->kind && kind->tp_version_tag == hooks->version && hooks->version != 0;
    if (!known && !PyObject_TypeCheck(loop, registering.core->loop_type)) return 0;
    if (known && registering.core->generation_of(loop) == hooks->generation) return 1;
    for (n = 0; n < hooks->count; n++)
        if (!has_own_method(loop, hooks->names[n], hooks->own[n])) return 0;
    hooks->generation = registering.core->generation_of(loop);
    hooks->kind = kind;
    hooks->version = kind->tp_version_tag;
    return 1;
}

/* Whether one of them is. */
static int has_own_hook(PyObject *loop, Hooks *hooks, int n) {
    return has_own_hooks(loop, hooks) || has_own_method(loop, hooks->names[n], hooks->own[n]);
}

/* Whether the class of a loop is the adopted one, or derived from it. */
static int is_adopted(PyObject *loop) {
    static PyTypeObject *last = NULL;
    static unsigned int version = 0;
    PyTypeObject *kind = Py_TYPE(loop);
    if (kind == last && kind->tp_version_tag == version && version != 0) return 1;
    if (registering.loops == NULL || !PyType_IsSubtype(kind, registering.loops)) return 0;
    last = kind;
    version = kind->tp_version_tag;
    return 1;
}

/* The poller that the loop waits for, if it is of the class that was adopted. */
static PyObject *usual_poller(PyObject *loop) {
    PyObject *poller, *epoll;
    if (!is_adopted(loop)) return NULL;
    poller = SLOT(loop, registering.poller);
    if (poller == NULL || Py_TYPE(poller) != registering.poller_type || SLOT(loop, registering.selector) != poller)
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

/* Do what the method for it does: 0, or -1 with an exception. */
static int remove_by_method(PyObject *loop, PyObject *fd, int event) {
    PyObject *removed = NULL, *arguments[2] = {loop, fd};
    if (has_own_hook(loop, &registering.removing, NUMBER_OF(event))) removed = remove_callback(loop, fd, event);
    if (removed == NULL && !PyErr_Occurred())
        removed = PyObject_VectorcallMethod(
            registering.removing.names[NUMBER_OF(event)], arguments, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_XDECREF(removed);
    return removed == NULL ? -1 : 0;
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
        !has_own_hook(args[0], &registering.adding, NUMBER_OF(method->kind)))
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
