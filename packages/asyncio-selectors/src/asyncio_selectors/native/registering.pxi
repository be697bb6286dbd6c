# Registering readers and writers with epoll. The pure form is in asyncio_selectors.selector_events and
# asyncio_selectors.poller.

cdef extern from "native/registering.h":
    ctypedef struct TwinMethod:
        pass
    ctypedef PyObject* (*MethodBody)(TwinMethod*, PyObject**, Py_ssize_t) noexcept
    int put_method(object, const char*, MethodBody, int, const char*) except -1
    enum:
        READ_EVENT
        WRITE_EVENT
    ctypedef struct Hooks:
        PyObject* names[8]
        PyObject* own[8]
        int count
    struct Registering:
        const AsyncioCore* core
        PyTypeObject* poller_type
        PyTypeObject* epoll_type
        Py_ssize_t keys_place
        Py_ssize_t epoll_place
        PyTypeObject* loops
        Py_ssize_t poller
        Py_ssize_t selector
        Py_ssize_t transports
        Py_ssize_t few
        PyObject* key_type
        PyObject* registering_in
        PyObject* tell_loop
        Hooks adding
        Hooks removing
        PyObject* register_name
        PyObject* own_register
        PyObject* unregister_name
        PyObject* own_unregister
        PyObject* modify_name
        PyObject* own_modify
    Registering registering
    PyObject* add_for_anybody(TwinMethod*, PyObject**, Py_ssize_t) noexcept
    PyObject* add_for_transport(TwinMethod*, PyObject**, Py_ssize_t) noexcept
    PyObject* remove_for_anybody(TwinMethod*, PyObject**, Py_ssize_t) noexcept

from selectors import SelectorKey


registering.core = core
# Transports may have a loop of somebody else's where no loop of ours was loaded.
name_hooks(&registering.adding, ("_add_reader", "_add_writer"))
name_hooks(&registering.removing, ("_remove_reader", "_remove_writer"))


def adopt_registering_poller(kind, few, /):
    """Learn what pollers those are, exactly of this class, with which methods of C register and unregister.

    With over `few` descriptors, how a loop waits no longer depends on them. The class was adopted for waiting, too.
    """
    registering.keys_place, registering.epoll_place = keys_place, epoll_place
    registering.few = few
    registering.key_type = kept(SelectorKey)
    registering.tell_loop = kept("_tell_loop")
    registering.register_name, registering.own_register = kept("register"), kept(kind.register)
    registering.unregister_name, registering.own_unregister = kept("unregister"), kept(kind.unregister)
    registering.modify_name, registering.own_modify = kept("modify"), kept(kind.modify)
    registering.epoll_type = <PyTypeObject*>epoll_type
    if epoll_type is not NULL:
        registering.poller_type = <PyTypeObject*>kept(kind)


def adopt_registering(kind, /):
    """Have methods of C register and unregister for loops of a class."""
    registering.loops = <PyTypeObject*>kept(kind)
    registering.poller, registering.selector = offset_of(kind, "_poller"), offset_of(kind, "_selector")
    registering.transports = offset_of(kind, "_transports")
    registering.registering_in = kept("_registering_in")
    put_method(kind, b"_add_reader", add_for_anybody, READ_EVENT, NULL)
    put_method(kind, b"_add_writer", add_for_anybody, WRITE_EVENT, NULL)
    put_method(kind, b"_watch_reading", add_for_transport, READ_EVENT, NULL)
    put_method(kind, b"_watch_writing", add_for_transport, WRITE_EVENT, NULL)
    put_method(kind, b"_remove_reader", remove_for_anybody, READ_EVENT, NULL)
    put_method(kind, b"_remove_writer", remove_for_anybody, WRITE_EVENT, NULL)
    know_hooks(&registering.adding, kind)
    know_hooks(&registering.removing, kind)


cdef PyObject* kept(object value) noexcept:
    """Return what stays for as long as the module does."""
    Py_INCREF(value)
    return <PyObject*>value


cdef int name_hooks(Hooks* hooks, tuple names) except -1:
    """Say by which names loops have some methods."""
    for n, name in enumerate(names):
        hooks.names[n] = kept(name)
    hooks.count = len(names)
    return 0


cdef int know_hooks(Hooks* hooks, object kind) except -1:
    """Learn what a class of loops has under these names."""
    for n in range(hooks.count):
        hooks.own[n] = kept(getattr(kind, <object>hooks.names[n]))
    return 0
