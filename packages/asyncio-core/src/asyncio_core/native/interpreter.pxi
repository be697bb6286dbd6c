# What is taken from CPython's own interface.

cimport cython
from cpython.object cimport PyObject, PyTypeObject, visitproc, Py_EQ, Py_NE, Py_LT, Py_GT, Py_LE, Py_GE
from cpython.mem cimport PyMem_Calloc, PyMem_Malloc, PyMem_Realloc, PyMem_Free
from cpython.ref cimport Py_INCREF, Py_DECREF, Py_XDECREF, Py_XINCREF, Py_CLEAR
from libc.stdint cimport uint64_t

ctypedef int (*traversing)(PyObject*, visitproc, void*) noexcept
ctypedef int (*clearing)(PyObject*) noexcept

cdef extern from "native/exceptions.h":
    pass

cdef extern from "native/interface.h":
    ctypedef int (*AsyncioPoll)(PyObject*, PyObject*, double) except -1
    ctypedef struct AsyncioSender:
        pass
    ctypedef struct AsyncioReceiver:
        pass
    ctypedef int (*AsyncioWake)(PyObject*) noexcept
    ctypedef int (*AsyncioAtEnd)(PyObject*) noexcept
    ctypedef struct AsyncioCallNoter:
        long long (*moment)() noexcept
        void (*note)(int, int, Py_ssize_t, long long) noexcept
        int (*stands_for)(PyObject*, PyObject*) noexcept
    ctypedef struct AsyncioCore:
        int major
        int minor
        PyTypeObject* loop_type
        PyTypeObject* future_type
        PyTypeObject* handle_type
        int (*set_poll)(PyObject*, AsyncioPoll, PyObject*) noexcept
        int (*queue_handle)(PyObject*, PyObject*) noexcept
        int (*is_alone)() noexcept
        int (*may_spare_poll)(PyObject*) noexcept
        int (*in_debug_mode)(PyObject*) noexcept
        PyObject* (*new_handle)(PyObject*, PyObject*, PyObject*, PyObject*) noexcept
        int (*cancel)(PyObject*) noexcept
        PyObject* (*new_future)(PyObject*) noexcept
        int (*state)(PyObject*) noexcept
        int (*offer)(PyObject*) noexcept
        int (*finish)(PyObject*, PyObject*) noexcept
        int (*know_receiver)(PyTypeObject*, const AsyncioReceiver*) noexcept
        const AsyncioReceiver* (*receiver_of)(PyObject*) noexcept
        int (*know_sender)(PyTypeObject*, const AsyncioSender*) noexcept
        int (*know_waker)(PyObject*, AsyncioWake) noexcept
        int (*put_off)(PyObject*, AsyncioAtEnd) noexcept
        int (*know_caller)(void (*)(const AsyncioCallNoter*) noexcept) noexcept
        unsigned long long (*generation_of)(PyObject*) noexcept

cdef extern from *:
    """
    #if defined(_MSC_VER)
    #define PER_THREAD __declspec(thread)
    #else
    #define PER_THREAD __thread
    #endif
    /* Found without asking the loader for it each time. */
    #if defined(__linux__) && defined(__GNUC__)
    #define AT_HAND __attribute__((tls_model("initial-exec")))
    #else
    #define AT_HAND
    #endif

    /* The loop that runs in this thread; a new reference is held. */
    static PER_THREAD PyObject *running_loop AT_HAND = NULL;
    /* Whether it is one of ours, whose fields can be read. */
    static PER_THREAD int running_is_ours AT_HAND = 0;

    #define TYPE_VERSION(o) (Py_TYPE(o)->tp_version_tag)
    #define SET_TRAVERSE(type, function) (((PyTypeObject *)(type))->tp_traverse = (traverseproc)(function))
    #define SET_CLEAR(type, function) (((PyTypeObject *)(type))->tp_clear = (inquiry)(function))
    #define GET_TRAVERSE(type) (((PyTypeObject *)(type))->tp_traverse)
    #define GET_CLEAR(type) (((PyTypeObject *)(type))->tp_clear)
    /* Let what a class has be replaced, as in a class of Python: methods of handles are, by tools that watch a loop. */
    static void make_patchable(PyObject *type) {
        ((PyTypeObject *)type)->tp_flags &= ~Py_TPFLAGS_IMMUTABLETYPE;
        PyType_Modified((PyTypeObject *)type);
    }
    #define VERSION_OF(type) (((PyTypeObject *)(type))->tp_version_tag)
    #define SET_ITERNEXT(type, function) (((PyTypeObject *)(type))->tp_iternext = (iternextfunc)(function))

    /* Give a class a method that takes its arguments as they are on the stack. The class is there for good, and so is
       what describes the method. */
    static int add_method(PyObject *type, const char *name, void *function, const char *doc) {
        PyObject *method;
        int failed;
        PyMethodDef *definition = (PyMethodDef *)calloc(1, sizeof(PyMethodDef));
        if (definition == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        definition->ml_name = name;
        definition->ml_meth = (PyCFunction)(void (*)(void))function;
        definition->ml_flags = METH_FASTCALL | METH_KEYWORDS;
        definition->ml_doc = doc;
        method = PyDescr_NewMethod((PyTypeObject *)type, definition);
        failed = method == NULL || PyDict_SetItemString(((PyTypeObject *)type)->tp_dict, name, method) < 0;
        Py_XDECREF(method);
        if (!failed) PyType_Modified((PyTypeObject *)type);
        return failed ? -1 : 0;
    }

    /* Memory of what comes and goes with each task and each timer, kept for the next one of the class. Cython keeps some
       too, but then an object has the mark of having been finalized from its last life, and is never finalized again. */
    #if PY_VERSION_HEX < 0x03100000 && !defined(__SANITIZE_ADDRESS__) && !defined(Py_DEBUG)
    #define SPARES 64
    typedef struct {
        PyTypeObject *type;
        int count;
        PyObject *kept[SPARES];
    } Spares;

    static PyObject *take_spare(Spares *spares, PyTypeObject *type) {
        PyObject *object;
        if (spares->count == 0 || type != spares->type) return PyType_GenericAlloc(type, 0);
        object = spares->kept[--spares->count];
        /* What the collector has in front of it: links, and that mark. */
        memset((uintptr_t *)object - 2, 0, 2 * sizeof(uintptr_t) + (size_t)type->tp_basicsize);
        (void)PyObject_Init(object, type);
        PyObject_GC_Track(object);
        return object;
    }

    static void keep_spare(Spares *spares, void *object) {
        if (Py_TYPE((PyObject *)object) == spares->type && spares->count < SPARES)
            spares->kept[spares->count++] = (PyObject *)object;
        else
            PyObject_GC_Del(object);
    }

    #define WITH_SPARES(name) \
        static Spares name##_spares; \
        static PyObject *name##_alloc(PyTypeObject *type, Py_ssize_t items) { return take_spare(&name##_spares, type); } \
        static void name##_free(void *object) { keep_spare(&name##_spares, object); } \
        static void keep_##name##s(PyObject *type) { \
            name##_spares.type = (PyTypeObject *)type; \
            ((PyTypeObject *)type)->tp_alloc = name##_alloc; \
            ((PyTypeObject *)type)->tp_free = name##_free; \
        }
    #else
    #define WITH_SPARES(name) \
        static PyObject *name##_alloc(PyTypeObject *type, Py_ssize_t items) { return PyType_GenericAlloc(type, 0); } \
        static void keep_##name##s(PyObject *type) {}
    #endif
    WITH_SPARES(future)
    WITH_SPARES(task)
    WITH_SPARES(handle)
    WITH_SPARES(timer)
    WITH_SPARES(thread_safe_handle)

    /* A handle without the way through its class, which would first fill it with None. Takes the reference to the
       context; what is in `_repr` and the like is None, which does not count its references where that matters. */
    #define HANDLE_OF(object) ((struct __pyx_obj_12asyncio_core_6_twins_Handle *)(object))
    #define FILL_HANDLE(object, call, with, turn, where) ( \
        HANDLE_OF(object)->_callback = Py_NewRef(call), \
        HANDLE_OF(object)->_args = Py_NewRef(with), \
        HANDLE_OF(object)->loop = Py_NewRef(turn), \
        HANDLE_OF(object)->_context = (where), \
        HANDLE_OF(object)->_repr = Py_NewRef(Py_None), \
        HANDLE_OF(object)->_source_traceback = Py_NewRef(Py_None), \
        HANDLE_OF(object)->loop_is_ours = 1)
    #define FILL_THREAD_SAFE_HANDLE(object, call, with, turn, where) ( \
        FILL_HANDLE(object, call, with, turn, where), \
        ((struct __pyx_obj_12asyncio_core_6_twins__ThreadSafeHandle *)(object))->waiting = Py_NewRef(Py_None))
    #define FILL_TIMER(object, call, with, turn, where) ( \
        FILL_HANDLE(object, call, with, turn, where), \
        ((struct __pyx_obj_12asyncio_core_6_twins_TimerHandle *)(object))->given = Py_NewRef(Py_None), \
        ((struct __pyx_obj_12asyncio_core_6_twins_TimerHandle *)(object))->place = -1)

    #define TYPE_OF(class) ((PyTypeObject *)(class))

    /* The context that a callback runs in: the one that is given, or a copy of the present one. */
    static PyObject *context_for(PyObject *context) {
        return context == Py_None ? PyContext_CopyCurrent() : Py_NewRef(context);
    }

    /* Have the methods of a class show the name of another one in front of theirs: of the class that people know. */
    static int show_methods_in(PyObject *kind, const char *shown) {
        PyObject *name, *value;
        Py_ssize_t at = 0;
        while (PyDict_Next(((PyTypeObject *)kind)->tp_dict, &at, &name, &value)) {
            PyObject *full;
            if (!Py_IS_TYPE(value, &PyMethodDescr_Type)) continue;
            full = PyUnicode_FromFormat("%s.%U", shown, name);
            if (full == NULL) return -1;
            Py_XSETREF(((PyDescrObject *)value)->d_qualname, full);
        }
        return 0;
    }

    static PyObject *tuple_of(PyObject *const *items, Py_ssize_t count) {
        Py_ssize_t n;
        PyObject *tuple = PyTuple_New(count);
        if (tuple == NULL) return NULL;
        for (n = 0; n < count; n++) {
            Py_INCREF(items[n]);
            PyTuple_SET_ITEM(tuple, n, items[n]);
        }
        return tuple;
    }

    static PyObject *call_with(PyObject *callback, PyObject *args) {
        return PyObject_Vectorcall(callback, &PyTuple_GET_ITEM(args, 0), (size_t)PyTuple_GET_SIZE(args), NULL);
    }

    /* Threads that sleep nearly all the time, and want the interpreter soon, but not at once. */
    static int quiet_threads = 0;
    static void change_quiet_threads(int difference) { quiet_threads += difference; }

    static int are_others_quiet(PyThreadState *state) {
        int left = quiet_threads;
        while ((state = PyThreadState_Next(state)) != NULL)
            if (left-- <= 0) return 0;
        return 1;
    }

    /* Whether no other thread could want the interpreter: none that Python has made or has heard of. */
    static int is_only_thread(void) {
        PyThreadState *first = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
        return PyThreadState_Next(first) == NULL || (quiet_threads && are_others_quiet(first));
    }

    /* Whether time.monotonic() may be something else than it was. Tests put another clock there. */
    static int clock_may_be_other = 1;

    #if PY_VERSION_HEX >= 0x030c0000
    static int clock_changes(PyDict_WatchEvent event, PyObject *names, PyObject *key, PyObject *value) {
        clock_may_be_other = 1;
        return 0;
    }
    /* Have the interpreter tell when a name of the module changes. Returns 0 where it does. */
    static int watch_clock(PyObject *names) {
        int watcher = PyDict_AddWatcher(clock_changes);
        if (watcher < 0 || PyDict_Watch(watcher, names) < 0) {
            PyErr_Clear();
            return -1;
        }
        return 0;
    }
    #else
    static int watch_clock(PyObject *names) { return -1; }
    #endif

    /* The number of nanoseconds that time.monotonic() tells as seconds, where the system is known. */
    #if defined(CLOCK_MONOTONIC) && !defined(_WIN32) && !defined(__APPLE__)
    #define OWN_CLOCK 1
    static long long monotonic_nanoseconds(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (long long)now.tv_sec * 1000000000LL + now.tv_nsec;
    }
    #else
    #define OWN_CLOCK 0
    static long long monotonic_nanoseconds(void) { return 0; }
    #endif
    static double monotonic_seconds(void) { return (double)monotonic_nanoseconds() / 1e9; }

    /* The number of nanoseconds that time.perf_counter() tells as seconds, on every system. */
    static long long performance_nanoseconds(void) {
    #if OWN_CLOCK
        return monotonic_nanoseconds();
    #elif PY_VERSION_HEX >= 0x030d0000
        PyTime_t now;
        return PyTime_PerfCounterRaw(&now) < 0 ? 0 : now;
    #else
        return _PyTime_GetPerfCounter();
    #endif
    }
    static double performance_seconds(void) { return (double)performance_nanoseconds() / 1e9; }
    """
    PyObject* running_loop
    bint running_is_ours
    int OWN_CLOCK
    bint clock_may_be_other
    int watch_clock(object) noexcept
    long long monotonic_nanoseconds() noexcept
    double monotonic_seconds() noexcept
    long long performance_nanoseconds() noexcept
    double performance_seconds() noexcept
    unsigned int TYPE_VERSION(PyObject*) noexcept
    void SET_TRAVERSE(object, void*) noexcept
    void SET_CLEAR(object, void*) noexcept
    traversing GET_TRAVERSE(object) noexcept
    clearing GET_CLEAR(object) noexcept
    void make_patchable(object) noexcept
    int add_method(object, const char*, void*, const char*) except -1
    PyObject* handle_now(PyObject*) noexcept
    void handle_no_more(PyObject*) noexcept
    PyTypeObject* TYPE_OF(object) noexcept
    PyObject* handle_alloc(PyTypeObject*, Py_ssize_t) noexcept
    PyObject* timer_alloc(PyTypeObject*, Py_ssize_t) noexcept
    PyObject* thread_safe_handle_alloc(PyTypeObject*, Py_ssize_t) noexcept
    void FILL_THREAD_SAFE_HANDLE(PyObject*, PyObject*, PyObject*, PyObject*, PyObject*) noexcept
    void FILL_HANDLE(PyObject*, PyObject*, PyObject*, PyObject*, PyObject*) noexcept
    void FILL_TIMER(PyObject*, PyObject*, PyObject*, PyObject*, PyObject*) noexcept
    PyObject* context_for(PyObject*) noexcept
    object own_context_for "context_for" (object)
    void keep_futures(object) noexcept
    void keep_tasks(object) noexcept
    void keep_handles(object) noexcept
    void keep_timers(object) noexcept
    void keep_thread_safe_handles(object) noexcept
    int show_methods_in(object, const char*) except -1
    object tuple_of(PyObject**, Py_ssize_t)
    PyObject* call_with(PyObject*, PyObject*) noexcept
    bint is_only_thread() noexcept
    void change_quiet_threads(int) noexcept
    unsigned int VERSION_OF(object) noexcept
    void SET_ITERNEXT(object, void*) noexcept
    PyObject* stop_with(PyObject*) noexcept
    PyObject* caught() noexcept
    void put_back(PyObject*) noexcept
    void raise_object(PyObject*) noexcept

# Yes or no, in a byte: each task has several.
ctypedef unsigned char Flag

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    PySendResult PyIter_Send(PyObject*, PyObject*, PyObject**) noexcept
    PyObject* PyObject_CallMethodOneArg(PyObject*, PyObject*, PyObject*) noexcept
    PyObject* PyObject_CallMethodNoArgs(PyObject*, PyObject*) noexcept
    PyObject* PyNumber_Add(PyObject*, PyObject*) noexcept
    PyObject* PyObject_CallOneArg(PyObject*, PyObject*) noexcept
    PyObject* PyObject_Call(PyObject*, PyObject*, PyObject*) noexcept
    object PyContext_CopyCurrent()
    int PyContext_Enter(PyObject*) noexcept
    int PyContext_Exit(PyObject*) noexcept
    bint PyContext_CheckExact(object) noexcept
    bint PyCoro_CheckExact(object) noexcept
    bint PyFloat_CheckExact(object) noexcept
    bint PyLong_CheckExact(object) noexcept
    double PyFloat_AS_DOUBLE(object) noexcept
    double PyLong_AsDouble(object) noexcept
    PyObject* PyErr_Occurred() noexcept
    bint PyErr_ExceptionMatches(object) noexcept
    void PyErr_SetString(PyObject*, const char*) noexcept
    void PyErr_SetNone(PyObject*) noexcept
    PyObject* PyExc_RuntimeError
    PyObject* PyExc_StopIteration
    Py_ssize_t Py_REFCNT(PyObject*) noexcept
    PyObject* Py_None
    int PyException_SetTraceback(object, object) except -1
    unsigned long PyThread_get_thread_ident() noexcept
    bint Py_IsFinalizing "_Py_IsFinalizing_any" () noexcept
    PyObject* PyDict_GetItemWithError(object, object) except? NULL

cdef extern from *:
    """
    #if PY_VERSION_HEX >= 0x030d0000
    #define _Py_IsFinalizing_any() Py_IsFinalizing()
    #else
    #define _Py_IsFinalizing_any() _Py_IsFinalizing()
    #endif
    """

import sys
import time
from _thread import allocate_lock
from collections.abc import Coroutine
from types import BuiltinMethodType, GenericAlias, MethodType
from contextvars import Context

from asyncio_core.exceptions import CancelledError, InvalidStateError


# Functions and classes of Python that do what is rare, by name. The modules that have them hand them over as they are
# loaded: when a future is reported that nobody has asked, at the end of the interpreter, nothing can be imported.
cdef dict known = {}


# Of these, what each task and each turn asks for: the names of a module, in which others may put something else.
cdef dict task_names = {}
cdef dict making_names = {}
cdef dict turn_names = {}
cdef dict timer_names = {}
cdef dict timeout_names = {}


def know(**functions):
    """Take functions and classes of Python over, by their names."""
    global task_names, making_names, turn_names, timer_names, timeout_names
    known.update(functions)
    task_names = known.get("task", {})
    making_names = known.get("making", {})
    turn_names = known.get("turn", {})
    timer_names = known.get("timers", {})
    timeout_names = known.get("timeouts", {})


cdef inline void forget_error() noexcept:
    """Drop the exception that is set."""
    Py_XDECREF(caught())


cdef int raise_it(object error) except -1:
    """Raise an exception object from where the program is."""
    raise_object(<PyObject*>error)
    return -1


cdef object take_error():
    """Return the exception that is set, and that no longer is."""
    cdef PyObject* error = caught()
    if error is NULL:
        return None
    taken = <object>error
    Py_DECREF(taken)
    return taken
