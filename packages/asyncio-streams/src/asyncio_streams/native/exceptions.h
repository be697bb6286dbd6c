/* Exceptions in compiled twins. The same file in every distribution that has some. */

#ifndef ASYNCIO_TWINS_EXCEPTIONS_H
#define ASYNCIO_TWINS_EXCEPTIONS_H

#include <Python.h>

/* Nobody who reads a traceback wants to see lines of this file between those of his program. Cython adds its
   frames with this one function. It also relies on them: an `except` clause takes it for granted that there is
   a traceback. So these files have none, and take what was raised with caught(). */
#ifndef ASYNCIO_TWINS_SHOW_FRAMES
#define PyTraceBack_Here(frame) ((void)0)
#endif

/* Have an exception be the one that is being handled, as in an `except` clause; returns the one before it. */
static inline PyObject *handle_now(PyObject *error) {
    PyObject *former = PyErr_GetHandledException();
    PyErr_SetHandledException(error);
    return former;
}
static inline void handle_no_more(PyObject *former) {
    PyErr_SetHandledException(former);
    Py_XDECREF(former);
}

/* End an iteration with a result, as `return value` in a generator does. Returns NULL. */
static inline PyObject *stop_with(PyObject *value) {
    if (value != Py_None) {
        if (PyTuple_Check(value) || PyExceptionInstance_Check(value)) {
            /* These would be taken for the arguments of the exception, or for the exception. */
            PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, value);
            if (stop != NULL) {
                PyErr_SetObject(PyExc_StopIteration, stop);
                Py_DECREF(stop);
            }
        } else {
            PyErr_SetObject(PyExc_StopIteration, value);
        }
    }
    return NULL;
}

/* Take the exception that is set out of the interpreter, as one object with its traceback. */
static inline PyObject *caught(void) {
#if PY_VERSION_HEX >= 0x030c0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    if (type == NULL) return NULL;
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace != NULL) PyException_SetTraceback(value, trace);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    return value;
#endif
}

/* Set an exception again that was caught. */
static inline void put_back(PyObject *error) {
#if PY_VERSION_HEX >= 0x030c0000
    PyErr_SetRaisedException(error);
#else
    PyObject *type = (PyObject *)Py_TYPE(error), *trace = PyException_GetTraceback(error);
    Py_INCREF(type);
    PyErr_Restore(type, error, trace);
#endif
}

/* Raise an exception object from where the program is. */
static inline void raise_object(PyObject *error) {
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
}

#endif
