# What has to be done to the classes once, before anything is made of them.

cdef extern from *:
    """
    /* Give a class of this module another name in front of its own. What it was called stays in memory. */
    static int rename_type(PyObject *kind, const char *module) {
        PyTypeObject *type = (PyTypeObject *)kind;
        const char *own = strrchr(type->tp_name, '.');
        char *name;
        own = own == NULL ? type->tp_name : own + 1;
        name = (char *)malloc(strlen(module) + strlen(own) + 2);
        if (name == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        strcpy(name, module);
        strcat(name, ".");
        strcat(name, own);
        type->tp_name = name;
        PyType_Modified(type);
        return 0;
    }

    /* The dictionary in which the instances of a class have attributes of their own. Cython could give them one, but looks
       into it for each attribute; and of this one it knows nothing, so that the collector has to be told. */
    #define WITH_OWN_DICT(name) \
        static Py_ssize_t name##_dict_at; \
        static traverseproc name##_traverse_before; \
        static inquiry name##_clear_before; \
        static int name##_traverse(PyObject *object, visitproc visit, void *arg) { \
            Py_VISIT(DICT_OF(object, name##_dict_at)); \
            return name##_traverse_before(object, visit, arg); \
        } \
        static int name##_clear(PyObject *object) { \
            Py_CLEAR(DICT_OF(object, name##_dict_at)); \
            return name##_clear_before(object); \
        } \
        static void give_##name##s_dicts(PyObject *kind, Py_ssize_t at) { \
            PyTypeObject *type = (PyTypeObject *)kind; \
            type->tp_dictoffset = name##_dict_at = at; \
            name##_traverse_before = type->tp_traverse; \
            name##_clear_before = type->tp_clear; \
            type->tp_traverse = name##_traverse; \
            type->tp_clear = name##_clear; \
        }
    #define DICT_OF(object, at) (*(PyObject **)((char *)(object) + (at)))
    WITH_OWN_DICT(future)
    WITH_OWN_DICT(task)
    WITH_OWN_DICT(timeout)

    static PyGetSetDef dict_access[] = {
        {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}, {NULL}};

    /* Give the class the descriptor by which instances show their own attributes. */
    static int show_dict(PyObject *kind) {
        PyTypeObject *type = (PyTypeObject *)kind;
        PyObject *access = PyDescr_NewGetSet(type, dict_access);
        int failed = access == NULL || PyDict_SetItemString(type->tp_dict, "__dict__", access) < 0;
        Py_XDECREF(access);
        if (!failed) PyType_Modified(type);
        return failed ? -1 : 0;
    }
    #define FUTURE_DICT_OFFSET offsetof(struct __pyx_obj_12asyncio_core_6_twins_Future, own_dict)
    #define TIMEOUT_DICT_OFFSET offsetof(struct __pyx_obj_12asyncio_core_6_twins_Timeout, own_dict)
    """
    Py_ssize_t FUTURE_DICT_OFFSET
    Py_ssize_t TIMEOUT_DICT_OFFSET
    void give_futures_dicts(object, Py_ssize_t) noexcept
    void give_tasks_dicts(object, Py_ssize_t) noexcept
    void give_timeouts_dicts(object, Py_ssize_t) noexcept
    int show_dict(object) except -1
    int rename_type(object, const char*) except -1


cdef object THROW = sys.intern("throw")
cdef object RESULT = sys.intern("result")

SET_TRAVERSE(ReadyQueue, <void*>traverse_ready)
SET_CLEAR(ReadyQueue, <void*>clear_ready)
traverse_turn_before = GET_TRAVERSE(CompiledTurn)
clear_turn_before = GET_CLEAR(CompiledTurn)
SET_TRAVERSE(CompiledTurn, <void*>traverse_turn)
SET_CLEAR(CompiledTurn, <void*>clear_turn)
add_methods()
show_methods_in(CompiledTurn, b"BaseEventLoop")
keep_futures(Future)
keep_tasks(Task)
keep_handles(Handle)
keep_timers(TimerHandle)
keep_thread_safe_handles(_ThreadSafeHandle)
make_patchable(Handle)
make_patchable(TimerHandle)
make_patchable(_ThreadSafeHandle)
cdef object OWN_RUN = Handle._run
SET_ITERNEXT(FutureIterator, <void*>advance)
give_futures_dicts(Future, FUTURE_DICT_OFFSET)
give_tasks_dicts(Task, FUTURE_DICT_OFFSET)
give_timeouts_dicts(Timeout, TIMEOUT_DICT_OFFSET)
show_dict(Future)
show_dict(Timeout)
SET_ITERNEXT(TimeoutCrossing, <void*>cross)
Coroutine.register(TimeoutCrossing)
cdef object ON_TIMEOUT = Timeout._on_timeout


cdef object OURS = frozenset((Future, Task, Handle, TimerHandle, _ThreadSafeHandle, Timeout))


def show_in_module(kind, module, /):
    """Have a class of this module say that it is from `module`. Raises TypeError for any other class."""
    if kind not in OURS:
        raise TypeError(f"only classes of this module can be shown in another one, not {kind!r}")
    rename_type(kind, module.encode())


show_in_module(Future, "asyncio_core.awaiting.futures")
show_in_module(Task, "asyncio_core.awaiting.task")
show_in_module(Handle, "asyncio_core.scheduling.handles")
show_in_module(TimerHandle, "asyncio_core.scheduling.handles")
show_in_module(_ThreadSafeHandle, "asyncio_core.scheduling.handles")
show_in_module(Timeout, "asyncio_core.awaiting.timeouts")
