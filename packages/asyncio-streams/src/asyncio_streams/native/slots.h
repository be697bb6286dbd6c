/* The attributes of streams, read and written where their classes' __slots__ have them; and who may do so. */

#ifndef ASYNCIO_STREAMS_SLOTS_H
#define ASYNCIO_STREAMS_SLOTS_H

#include <Python.h>
#include <structmember.h>

#define SLOT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

/* Where the attributes are, as their classes' descriptors say. */
static struct {
    Py_ssize_t limit, loop, buffer, eof, exception, transport, paused, waiter, wanted;
} in_reader;
static struct {
    Py_ssize_t paused, connection_lost, reader;
} in_protocol;
static struct {
    Py_ssize_t transport, protocol, reader, loop;
} in_writer;

/* Returns 0 with an exception where the class has no such slot: nothing is at the beginning of an object but its head. */
static Py_ssize_t offset_of(PyObject *type, const char *name) {
    Py_ssize_t offset = 0;
    PyObject *descriptor = PyObject_GetAttrString(type, name);
    if (descriptor == NULL) return 0;
    if (Py_IS_TYPE(descriptor, &PyMemberDescr_Type) && ((PyMemberDescrObject *)descriptor)->d_member->type == T_OBJECT_EX)
        offset = ((PyMemberDescrObject *)descriptor)->d_member->offset;
    else
        PyErr_Format(PyExc_TypeError, "%R has no slot %s", type, name);
    Py_DECREF(descriptor);
    return offset;
}

static inline void set_slot(PyObject *object, Py_ssize_t offset, PyObject *value) {
    PyObject *former = SLOT(object, offset);
    SLOT(object, offset) = Py_NewRef(value);
    Py_XDECREF(former);
}

/* A number in an attribute; -1 for what is no int, or none that fits. */
static inline Py_ssize_t size_in(PyObject *value) {
    Py_ssize_t number;
    if (value == NULL || !PyLong_CheckExact(value)) return -1;
    number = PyLong_AsSsize_t(value);
    if (number == -1) PyErr_Clear();
    return number;
}

/* What a class must have as it was, for the quick way to be as good as the way that its methods go. */
#define VERDICTS 4
typedef struct {
    PyTypeObject *base;
    PyObject *names;
    PyObject *originals;
    /* The classes looked at last, by their versions: another version is another class, or a changed one. */
    struct {
        unsigned int version;
        int plain;
    } verdicts[VERDICTS];
    int next;
} Watched;

static int watch(Watched *watched, PyObject *base, PyObject *names) {
    Py_ssize_t n, count = PyTuple_GET_SIZE(names);
    PyObject *originals = PyTuple_New(count);
    if (originals == NULL) return -1;
    for (n = 0; n < count; n++) {
        PyObject *original = _PyType_Lookup((PyTypeObject *)base, PyTuple_GET_ITEM(names, n));
        if (original == NULL) {
            PyErr_Format(PyExc_TypeError, "%R has no %R", base, PyTuple_GET_ITEM(names, n));
            Py_DECREF(originals);
            return -1;
        }
        PyTuple_SET_ITEM(originals, n, Py_NewRef(original));
    }
    watched->base = (PyTypeObject *)Py_NewRef(base);
    watched->names = Py_NewRef(names);
    watched->originals = originals;
    return 0;
}

static int look_at_class(Watched *watched, PyTypeObject *type) {
    Py_ssize_t n;
    int plain = PyType_IsSubtype(type, watched->base) && type->tp_getattro == PyObject_GenericGetAttr &&
                type->tp_setattro == PyObject_GenericSetAttr;
    for (n = 0; plain && n < PyTuple_GET_SIZE(watched->names); n++)
        plain = _PyType_Lookup(type, PyTuple_GET_ITEM(watched->names, n)) == PyTuple_GET_ITEM(watched->originals, n);
    /* Looking has given the class a version, unless there are no more. */
    if (type->tp_version_tag != 0) {
        watched->verdicts[watched->next].version = type->tp_version_tag;
        watched->verdicts[watched->next].plain = plain;
        watched->next = (watched->next + 1) % VERDICTS;
    }
    return plain;
}

static int has_own(Watched *watched, PyObject *object, PyObject *attributes) {
    Py_ssize_t n;
    for (n = 0; n < PyTuple_GET_SIZE(watched->names); n++) {
        int found = PyDict_Contains(attributes, PyTuple_GET_ITEM(watched->names, n));
        if (found) {
            if (found < 0) PyErr_Clear();
            return 1;
        }
    }
    return 0;
}

/* Whether neither an object's class nor the object itself has something else in the place of what is watched. */
static inline int is_plain(Watched *watched, PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    unsigned int version = type->tp_version_tag;
    PyObject **attributes;
    int n, plain = -1;
    if (watched->base == NULL) return 0;
    if (version != 0) {
        for (n = 0; n < VERDICTS; n++) {
            if (watched->verdicts[n].version == version) {
                plain = watched->verdicts[n].plain;
                break;
            }
        }
    }
    if (plain < 0) plain = look_at_class(watched, type);
    if (!plain) return 0;
    attributes = _PyObject_GetDictPtr(object);
    return attributes == NULL || *attributes == NULL || PyDict_GET_SIZE(*attributes) == 0 ||
           !has_own(watched, object, *attributes);
}

#endif
