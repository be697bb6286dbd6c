/* Methods that do in C what a function of Python does, and leave the rest to it.

   To whoever looks they are that function: its name, signature, code and annotations are theirs, so that `inspect` and
   unittest.mock take a method of coroutines for one. What is not as usual, arguments among it, is given to the function.

   Modules of several distributions carry a copy of this file. METHODS_OF, defined before it is read, is the package. */

#ifndef ASYNCIO_METHODS_H
#define ASYNCIO_METHODS_H

#include <Python.h>
#include <structmember.h>

struct TwinMethod;

/* Does the work, or returns NULL without an exception: then the function of Python is called. */
typedef PyObject *(*MethodBody)(struct TwinMethod *method, PyObject **args, Py_ssize_t count);

typedef struct TwinMethod {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    MethodBody body;
    /* What tells methods of the same body from each other. */
    int kind;
    /* The function of Python. */
    PyObject *pure;
    /* The name of the second argument, which may be given by it; or NULL. */
    PyObject *keyword;
    PyObject *weak_references;
} TwinMethod;

static PyTypeObject TwinMethod_Type;

static PyObject *method_vectorcall(PyObject *callable, PyObject *const *args, size_t flags, PyObject *names) {
    TwinMethod *method = (TwinMethod *)callable;
    Py_ssize_t count = PyVectorcall_NARGS(flags);
    if (names == NULL || PyTuple_GET_SIZE(names) == 0 ||
        (count == 1 && PyTuple_GET_SIZE(names) == 1 && method->keyword != NULL &&
         PyTuple_GET_ITEM(names, 0) == method->keyword)) {
        PyObject *made = method->body(method, (PyObject **)args, names == NULL ? count : count + PyTuple_GET_SIZE(names));
        if (made != NULL || PyErr_Occurred()) return made;
    }
    return PyObject_Vectorcall(method->pure, args, flags, names);
}

static PyObject *method_get(PyObject *self, PyObject *object, PyObject *type) {
    return object == NULL || object == Py_None ? Py_NewRef(self) : PyMethod_New(self, object);
}

static PyObject *method_repr(PyObject *self) {
    return PyObject_Repr(((TwinMethod *)self)->pure);
}

/* What the type itself has, then what the function has. */
static PyObject *method_getattro(PyObject *self, PyObject *name) {
    PyObject *found = PyObject_GenericGetAttr(self, name);
    if (found == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        found = PyObject_GetAttr(((TwinMethod *)self)->pure, name);
    }
    return found;
}

static int method_setattro(PyObject *self, PyObject *name, PyObject *value) {
    PyObject *pure = ((TwinMethod *)self)->pure;
    return value == NULL ? PyObject_DelAttr(pure, name) : PyObject_SetAttr(pure, name, value);
}

static PyObject *method_of_pure(PyObject *self, void *name) {
    return PyObject_GetAttrString(((TwinMethod *)self)->pure, (const char *)name);
}

static PyObject *method_reduce(PyObject *self, PyObject *unused) {
    return method_of_pure(self, "__qualname__");
}

static int method_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(((TwinMethod *)self)->pure);
    return 0;
}

static int method_clear(PyObject *self) {
    Py_CLEAR(((TwinMethod *)self)->pure);
    return 0;
}

static void method_dealloc(PyObject *self) {
    PyObject_GC_UnTrack(self);
    if (((TwinMethod *)self)->weak_references != NULL) PyObject_ClearWeakRefs(self);
    (void)method_clear(self);
    Py_CLEAR(((TwinMethod *)self)->keyword);
    PyObject_GC_Del(self);
}

/* What every type has something else under. */
static PyGetSetDef method_getset[] = {
    {"__doc__", method_of_pure, NULL, NULL, "__doc__"},
    {"__module__", method_of_pure, NULL, NULL, "__module__"},
    {"__annotations__", method_of_pure, NULL, NULL, "__annotations__"},
    {"__dict__", method_of_pure, NULL, NULL, "__dict__"},
    {"__class__", method_of_pure, NULL, NULL, "__class__"},
    {NULL}};

static PyMemberDef method_members[] = {
    {"__wrapped__", T_OBJECT, offsetof(TwinMethod, pure), READONLY, "The function of Python."}, {NULL}};

static PyMethodDef method_methods[] = {{"__reduce__", method_reduce, METH_NOARGS, NULL}, {NULL}};

static PyTypeObject TwinMethod_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = METHODS_OF "._twins.method",
    .tp_doc = "A method that does in C what a function of Python does.",
    .tp_basicsize = sizeof(TwinMethod),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR |
                Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_vectorcall_offset = offsetof(TwinMethod, vectorcall),
    .tp_weaklistoffset = offsetof(TwinMethod, weak_references),
    .tp_call = PyVectorcall_Call,
    .tp_descr_get = method_get,
    .tp_repr = method_repr,
    .tp_getattro = method_getattro,
    .tp_setattro = method_setattro,
    .tp_traverse = method_traverse,
    .tp_clear = method_clear,
    .tp_dealloc = method_dealloc,
    .tp_getset = method_getset,
    .tp_members = method_members,
    .tp_methods = method_methods,
};

/* Put a method in the place of a function that a class has. */
static int put_method(PyObject *type, const char *name, MethodBody body, int kind, const char *keyword) {
    TwinMethod *method;
    int failed;
    PyObject *pure = PyObject_GetAttrString(type, name);
    if (pure == NULL || PyType_Ready(&TwinMethod_Type) < 0) {
        Py_XDECREF(pure);
        return -1;
    }
    method = PyObject_GC_New(TwinMethod, &TwinMethod_Type);
    if (method == NULL) {
        Py_DECREF(pure);
        return -1;
    }
    method->vectorcall = method_vectorcall;
    method->body = body;
    method->kind = kind;
    method->pure = pure;
    method->weak_references = NULL;
    method->keyword = keyword == NULL ? NULL : PyUnicode_InternFromString(keyword);
    PyObject_GC_Track(method);
    failed = (keyword != NULL && method->keyword == NULL) || PyObject_SetAttrString(type, name, (PyObject *)method) < 0;
    Py_DECREF(method);
    return failed ? -1 : 0;
}

#endif
