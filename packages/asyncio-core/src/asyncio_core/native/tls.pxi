# TLS: what each message goes through. The functions are those of tls.h; here they are put into the classes of Python.

cdef extern from "native/tls.h":
    ctypedef struct Original:
        pass
    Original of_layer, of_machine, of_app_transport, of_sslobject
    const AsyncioReceiver tls_receiver
    Py_ssize_t most_encrypted
    PyObject* state_wrapped
    PyObject* again_errors
    PyObject* zero_return_error
    int remember(Original*, object, tuple) except -1
    int know_ssl(object, object) except -1
    int know_tls(object, object, object) except -1
    int use_memory(int) noexcept
    void reach_connection(PyObject*, PyObject*, PyObject*, PyObject*) noexcept
    int reach_memory(object, const char*) except -1
    int know_receiver(PyTypeObject*, const AsyncioReceiver*) noexcept

# What the quick ways pass over.
cdef tuple LAYER_NAMES = (
    *("max_size", "get_buffer", "buffer_updated", "_give_room_back", "_advance", "_state", "_deliver", "_deliver_bytes"),
    *("_deliver_into_buffer", "_fill", "_after_delivery", "_flush", "_send", "_control_reading", "_is_flooded"),
    *("_write_app_data", "_is_below_closing", "_machine", "_transport", "_app_transport", "_app_protocol"),
)
cdef tuple MACHINE_NAMES = (
    *("receive", "readable", "read_into", "output", "write", "unsent", "sslobj", "incoming", "outgoing"),
)
cdef tuple APP_TRANSPORT_NAMES = ("write", "is_closing", "_ssl_protocol", "_closed")
cdef tuple SSLOBJECT_NAMES = ("read", "write", "pending")

# What C refers to.
cdef list kept_for_tls = []

# The module `ssl`, until somebody looks whether OpenSSL can be reached past its objects.
cdef object not_looked_at = None


def adopt_tls(layer, machine, app_transport, /, *, wrapped, again, ssl, piece):
    """Have functions of C do what SSLProtocol and its transport do for each message.

    `wrapped` is the state in which they do, `again` the exceptions that ask for more to be received, and `piece` how
    many bytes are encrypted at once at most. Raises TypeError or AttributeError where `ssl` is not as it is known here.
    """
    global most_encrypted, state_wrapped, again_errors, zero_return_error, not_looked_at
    know_ssl(ssl._ssl._SSLSocket, ssl.MemoryBIO)
    not_looked_at = ssl
    zero = ssl.SSLZeroReturnError
    kept_for_tls.append((wrapped, again, zero))
    state_wrapped, again_errors, zero_return_error = <PyObject*>wrapped, <PyObject*>again, <PyObject*>zero
    most_encrypted = piece
    know_tls(layer, machine, app_transport)
    remember(&of_layer, layer, LAYER_NAMES)
    remember(&of_machine, machine, MACHINE_NAMES)
    remember(&of_app_transport, app_transport, APP_TRANSPORT_NAMES)
    remember(&of_sslobject, ssl.SSLObject, SSLOBJECT_NAMES)
    if know_receiver(TYPE_OF(layer), &tls_receiver) < 0:
        # There are too many: a suite loads the modules anew for each test. Without it the methods are called.
        forget_error()


def look_at_openssl():
    """Find out, once, whether encrypted bytes can go past the methods of MemoryBIO.

    It makes a context and a connection to look at, which takes as long as loading some ten modules.
    """
    global not_looked_at
    ssl, not_looked_at = not_looked_at, None
    path = None if ssl is None else getattr(ssl._ssl, "__file__", None)
    if path is None or not ssl.OPENSSL_VERSION.startswith("OpenSSL "):
        # What calls itself otherwise has other objects behind the same names.
        return
    reach_memory(ssl.MemoryBIO, path.encode())
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl._ssl._SSLContext(ssl.PROTOCOL_TLS_SERVER)
    connection = context._wrap_bio(incoming, outgoing, True, None)
    reach_connection(<PyObject*>connection, <PyObject*>context, <PyObject*>incoming, <PyObject*>outgoing)


def use_memory_of_tls(yes, /):
    """Have encrypted bytes go past the methods of MemoryBIO, where that is possible, or not; give how it was.

    It is for tests: where `ssl` is linked with something else than OpenSSL's shared library, it is not possible.
    """
    look_at_openssl()
    return bool(use_memory(1 if yes else 0))
