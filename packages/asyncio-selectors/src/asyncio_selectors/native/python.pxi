# What is taken from CPython's own interface, from asyncio_core's, and from the system.

from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_DECREF, Py_XDECREF

cdef extern from "native/exceptions.h":
    PyObject* caught() noexcept
    void put_back(PyObject*) noexcept
    PyObject* handle_now(PyObject*) noexcept
    void handle_no_more(PyObject*) noexcept

cdef extern from "native/interface.h":
    ctypedef int (*AsyncioPoll)(PyObject*, PyObject*, double) noexcept
    ctypedef int (*AsyncioWake)(PyObject*) noexcept
    ctypedef int (*AsyncioAtEnd)(PyObject*) noexcept
    ctypedef struct AsyncioReceiver:
        char* (*room)(PyObject*, Py_ssize_t*) noexcept
        int (*received)(PyObject*, Py_ssize_t) except -1
    ctypedef struct AsyncioSender:
        const char* write
        const char* is_closing
        int (*is_free)(PyObject*) noexcept
        int (*send)(PyObject*, const char*, Py_ssize_t) noexcept
    ctypedef struct AsyncioCallNoter:
        pass
    ctypedef struct AsyncioCore:
        PyTypeObject* loop_type
        int (*set_poll)(PyObject*, AsyncioPoll, PyObject*) except -1
        int (*queue_handle)(PyObject*, PyObject*) except -1
        int (*is_alone)() noexcept
        bint (*may_spare_poll)(PyObject*) noexcept
        const AsyncioReceiver* (*receiver_of)(PyObject*) noexcept
        int (*know_waker)(PyObject*, AsyncioWake) except -1
        bint (*put_off)(PyObject*, AsyncioAtEnd) noexcept
        int (*know_sender)(PyTypeObject*, const AsyncioSender*) noexcept
        bint (*know_caller)(void (*)(const AsyncioCallNoter*) noexcept) noexcept
    const AsyncioCore* asyncio_core_interface() except? NULL

cdef extern from "native/system.h":
    enum:
        NOW_OR_NEVER
        HAS_EPOLL
        EPOLLIN
        EPOLLOUT
        MSG_DONTWAIT
        MOST_EVENTS
    cdef struct epoll_data:
        int fd
    cdef struct epoll_event:
        unsigned int events
        epoll_data data
    int DESCRIPTOR_OF(PyObject*) noexcept
    PyObject* SLOT(PyObject*, Py_ssize_t) noexcept
    void SET_SLOT(PyObject*, Py_ssize_t, PyObject*) noexcept
    char* scratch
    int is_all_zero(const char*, Py_ssize_t) noexcept
    Py_ssize_t offset_of(object, object) except -1
    int give_method(object, PyMethodDef*) except -1
    PyObject* receive(int, Py_ssize_t, int*) noexcept
    bint is_not_now(int) noexcept
    PyObject* error_of(int) noexcept
    int wait_for_events(int, epoll_event*, Py_ssize_t, double, bint) except -1
    int errno

cdef extern from "native/noting.h":
    ctypedef struct SystemCalls:
        ssize_t (*send)(int, const void*, size_t, int) noexcept
        ssize_t (*recv)(int, void*, size_t, int) noexcept
    SystemCalls calls
    void note_calls_for(const AsyncioCallNoter*) noexcept
    bint is_noted(PyObject*, PyObject*) noexcept

cdef extern from "Python.h":
    ctypedef struct PyMethodDef:
        const char* ml_name
        void* ml_meth
        int ml_flags
        const char* ml_doc
    enum:
        METH_NOARGS
        METH_FASTCALL
        METH_KEYWORDS
        PyBUF_SIMPLE
        PyBUF_WRITABLE
    ctypedef struct Py_buffer:
        void* buf
        Py_ssize_t len
        Py_ssize_t itemsize
        int ndim
    PyObject* Py_None
    PyObject* Py_True
    PyObject* Py_False
    PyTypeObject* Py_TYPE(PyObject*) noexcept
    PyObject* PyErr_Occurred() noexcept
    bint PyErr_ExceptionMatches(object) noexcept
    PyObject* PyIter_Next(PyObject*) except? NULL
    PyObject* PyDict_GetItemWithError(PyObject*, object) except? NULL
    Py_ssize_t PyDict_GET_SIZE "PyDict_Size" (PyObject*) noexcept
    bint PyTuple_Check(PyObject*) noexcept
    Py_ssize_t PyTuple_GET_SIZE(PyObject*) noexcept
    PyObject* PyTuple_GET_ITEM(PyObject*, Py_ssize_t) noexcept
    bint PyMethod_Check(object) noexcept
    PyObject* PyMethod_GET_FUNCTION(object) noexcept
    bint PyBytes_CheckExact(PyObject*) noexcept
    char* PyBytes_AS_STRING(PyObject*) noexcept
    Py_ssize_t PyBytes_GET_SIZE(PyObject*) noexcept
    bint PyByteArray_CheckExact(PyObject*) noexcept
    int PyObject_GetBuffer(PyObject*, Py_buffer*, int) except -1
    void PyBuffer_Release(Py_buffer*) noexcept
    Py_ssize_t PyObject_Size(PyObject*) except -1
    PyObject* PyObject_VectorcallMethod(PyObject*, PyObject**, size_t, PyObject*) noexcept
    PyObject* PyObject_Vectorcall(PyObject*, PyObject**, size_t, PyObject*) noexcept
    PyObject* PyObject_CallOneArg(PyObject*, PyObject*) noexcept
    size_t PY_VECTORCALL_ARGUMENTS_OFFSET
    Py_ssize_t PyLong_AsSsize_t(PyObject*) except? -1
    bint PyLong_CheckExact(PyObject*) noexcept
    bint PyObject_TypeCheck(PyObject*, PyTypeObject*) noexcept
    PyObject* PyBytes_FromStringAndSize(const char*, Py_ssize_t) noexcept

cdef extern from *:
    """
    #define VERSION_OF(type) (((PyTypeObject *)(type))->tp_version_tag)
    """
    unsigned int VERSION_OF(PyObject*) noexcept

import select
import socket
import sys

if not NOW_OR_NEVER:
    raise ImportError("nothing in it is for Windows")

cdef const AsyncioCore* core = asyncio_core_interface()
if core is NULL:
    raise ImportError("asyncio_core is of another version, or runs in pure Python")

# Where there are too many, a suite that loads the modules anew, sockets whose calls are noted are none of the system's.
core.know_caller(note_calls_for)


# Where what fails is not passed on.
ctypedef int (*viewing)(PyObject*, Py_buffer*, int) noexcept


cdef object take_error():
    """Return the exception that is set, and that no longer is."""
    cdef PyObject* error = caught()
    taken = <object>error
    Py_DECREF(taken)
    return taken


cdef object system_error(int number):
    """Return the exception for an error of the system's."""
    cdef PyObject* error = error_of(number)
    made = <object>error
    Py_DECREF(made)
    return made


cdef bint ends_the_program() noexcept:
    """Tell whether what is set is no mistake of anybody's, and ends the run."""
    return PyErr_ExceptionMatches(SystemExit) or PyErr_ExceptionMatches(KeyboardInterrupt)


cdef bint tells_descriptor(object made) except -1:
    """Find out whether the descriptor of a socket or of an epoll set can be read where it is looked for."""
    number = DESCRIPTOR_OF(<PyObject*>made)
    right = number == made.fileno()
    made.close()
    return right and DESCRIPTOR_OF(<PyObject*>made) == -1


cdef int raise_what_is_set() except -1:
    return -1


cdef PyObject* call_purely(
    PyObject* method, PyObject* self, PyObject** arguments, Py_ssize_t count, PyObject* names
) except NULL:
    """Call a method of a pure class with the arguments that the compiled one was given."""
    cdef PyObject* all_of_them[8]
    cdef PyObject* result
    cdef Py_ssize_t n, total = count + (0 if names is NULL else PyTuple_GET_SIZE(names))
    if total > 6:
        total = count = 6  # Too many, as it is.
        names = NULL
    all_of_them[0] = self
    for n in range(total):
        all_of_them[n + 1] = arguments[n]
    result = PyObject_Vectorcall(method, all_of_them, count + 1, names)
    if result is NULL:
        raise_what_is_set()
    return result
