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
    #define OWN_DICT_OFFSET offsetof(struct __pyx_obj_12asyncio_core_6_twins_Future, own_dict)
    """
    Py_ssize_t OWN_DICT_OFFSET
    int rename_type(object, const char*) except -1


cdef object THROW = sys.intern("throw")
cdef object RESULT = sys.intern("result")

traverse_ready_before = GET_TRAVERSE(ReadyQueue)
SET_TRAVERSE(ReadyQueue, <void*>traverse_ready)
SET_CLEAR(ReadyQueue, <void*>clear_ready)
traverse_future_before = GET_TRAVERSE(Future)
clear_future_before = GET_CLEAR(Future)
SET_TRAVERSE(Future, <void*>traverse_future)
SET_CLEAR(Future, <void*>clear_future)
traverse_task_before = GET_TRAVERSE(Task)
clear_task_before = GET_CLEAR(Task)
SET_TRAVERSE(Task, <void*>traverse_task)
SET_CLEAR(Task, <void*>clear_task)
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
make_patchable(Handle)
make_patchable(TimerHandle)
make_patchable(_ThreadSafeHandle)
cdef object OWN_RUN = Handle._run
SET_ITERNEXT(FutureIterator, <void*>advance)
SET_DICT_OFFSET(Future, OWN_DICT_OFFSET)
SET_DICT_OFFSET(Task, OWN_DICT_OFFSET)
show_dict(Future)
traverse_timeout_before = GET_TRAVERSE(Timeout)
clear_timeout_before = GET_CLEAR(Timeout)
SET_TRAVERSE(Timeout, <void*>traverse_timeout)
SET_CLEAR(Timeout, <void*>clear_timeout)
SET_ITERNEXT(TimeoutCrossing, <void*>cross)
SET_DICT_OFFSET(Timeout, TIMEOUT_DICT_OFFSET)
show_dict(Timeout)
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
