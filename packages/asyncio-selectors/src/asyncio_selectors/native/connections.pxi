# The beginning and the end of a connection. The pure form is in asyncio_selectors.transport_base,
# asyncio_selectors.stream_transport and asyncio_core.connections.ownership.

cdef extern from "native/connections.h":
    enum:
        MOST_METHODS
    struct Connections:
        const AsyncioCore* core
        PyTypeObject* kind
        unsigned int version
        PyObject* methods[MOST_METHODS]
        PyObject* own_methods[MOST_METHODS]
        int method_count
        int (*is_plain)(PyObject*) noexcept
        int (*send_held)(PyObject*) noexcept
        PyObject* (*accept)(PyObject*) noexcept
        Py_ssize_t extra, loop, protocol_paused, high_water, low_water
        Py_ssize_t context, sock, sock_fd, server, chunks, buffer_size, conn_lost, closing, paused, eof, past_sock
        Py_ssize_t protocol, buffered, empty_waiter, file_sending, read_size, peer_finished
        Py_ssize_t sock_closed, sock_users
        PyTypeObject* table_type
        Py_ssize_t references
        PyObject* zero
        PyObject* one
        PyObject* usual_high_water
        PyObject* usual_low_water
        PyObject* usual_read
        PyObject* buffered_protocol
        Py_ssize_t type_at, protocol_at
        PyObject* close_socket
        PyObject* server_type
        PyObject* own_attach
        PyObject* own_detach
        Hooks accepting
        PyObject* names_of_loops
        PyObject* kind_name
        PyObject* server_context
        PyObject* serve_accepted
        PyObject* not_served
        PyObject* errno_name
        PyObject* peername
        PyObject* transports
        PyObject* attach
        PyObject* detach
        PyObject* clients
        PyObject* sockets
        PyObject* begin
        PyObject* go_on_beginning
        PyObject* read_ready
        PyObject* call_soon
        PyObject* context_names
        PyObject* connection_made
        PyObject* connection_lost
        PyObject* call_connection_lost
        PyObject* eof_received
        PyObject* write_error
        PyObject* protocol_failed
        PyObject* force_close
        PyObject* close
    Connections connections

cdef extern from "native/beginnings.h":
    PyObject* init_connection(TwinMethod*, PyObject**, Py_ssize_t) noexcept
    PyObject* begin_connection(TwinMethod*, PyObject**, Py_ssize_t) noexcept

cdef extern from "native/endings.h":
    PyObject* end_of_reading(TwinMethod*, PyObject**, Py_ssize_t) noexcept
    PyObject* close_connection(TwinMethod*, PyObject**, Py_ssize_t) noexcept
    PyObject* end_connection(TwinMethod*, PyObject**, Py_ssize_t) noexcept
    PyObject* delete_connection(TwinMethod*, PyObject**, Py_ssize_t) noexcept

cdef extern from "native/served.h":
    PyObject* accept_connections(TwinMethod*, PyObject**, Py_ssize_t) noexcept


# What the methods do themselves, or do not ask for.
cdef tuple METHODS_OF_CONNECTIONS = (
    "__init__", "_begin", "_start", "_read_eof", "_read_ready", "_add_reader", "close", "_call_connection_lost",
    "set_protocol", "is_reading", "_facts_about",
)

# By which a connection is made that was accepted.
cdef tuple HOOKS_OF_ACCEPTING = (
    "_accept_connection2", "_serve_accepted", "_make_socket_transport", "_make_ssl_transport", "_ensure_fd_no_transport",
)


def adopt_connections(kind, base, server, table, buffered_protocol, water_marks, least, /):
    """Give a class of stream transports the compiled methods of its beginning and its end.

    `base` has the slot for facts, `server` is the class of servers, `table` that of a loop's table of transports.
    `water_marks` are the usual ones, the higher one first; `least` is the first size of a read, in bytes.
    """
    connections.core = core
    connections.version = 0
    connections.is_plain = <int (*)(PyObject*) noexcept>is_plain_socket
    connections.send_held = <int (*)(PyObject*) noexcept>send_held_of
    connections.extra = offset_of(base, "_extra")
    connections.loop = offset_of(kind, "_loop")
    connections.protocol_paused = offset_of(kind, "_protocol_paused")
    connections.high_water, connections.low_water = offset_of(kind, "_high_water"), offset_of(kind, "_low_water")
    connections.context, connections.server = offset_of(kind, "_context"), offset_of(kind, "_server")
    connections.sock, connections.sock_fd = offset_of(kind, "_sock"), offset_of(kind, "_sock_fd")
    connections.past_sock = offset_of(kind, "_past_sock")
    connections.chunks, connections.buffer_size = offset_of(kind, "_chunks"), offset_of(kind, "_buffer_size")
    connections.conn_lost, connections.closing = offset_of(kind, "_conn_lost"), offset_of(kind, "_closing")
    connections.paused, connections.eof = offset_of(kind, "_paused"), offset_of(kind, "_eof")
    connections.protocol, connections.buffered = offset_of(kind, "_protocol"), offset_of(kind, "_buffered")
    connections.empty_waiter = offset_of(kind, "_empty_waiter")
    connections.file_sending = offset_of(kind, "_file_sending")
    connections.read_size, connections.peer_finished = offset_of(kind, "_read_size"), offset_of(kind, "_peer_finished")
    connections.sock_users, connections.sock_closed = users_at, closed_at
    connections.table_type, connections.references = <PyTypeObject*>kept(table), offset_of(table, "_references")
    connections.zero, connections.one = kept(0), kept(1)
    connections.usual_high_water, connections.usual_low_water = kept(water_marks[0]), kept(water_marks[1])
    connections.usual_read, connections.buffered_protocol = kept(least), kept(buffered_protocol)
    connections.type_at, connections.protocol_at = type_at, protocol_at
    connections.close_socket = kept(socket.SocketType.close)
    connections.server_type = kept(server)
    connections.own_attach, connections.own_detach = kept(server._attach), kept(server._detach)
    connections.peername, connections.transports = kept("peername"), kept("_transports")
    connections.attach, connections.detach = kept("_attach"), kept("_detach")
    connections.clients, connections.sockets = kept("_clients"), kept("_sockets")
    connections.begin, connections.go_on_beginning = kept("_begin"), kept("_go_on_beginning")
    connections.read_ready, connections.call_soon = kept("_read_ready"), kept("call_soon")
    connections.context_names = kept(("context",))
    connections.connection_made, connections.connection_lost = kept("connection_made"), kept("connection_lost")
    connections.call_connection_lost = kept("_call_connection_lost")
    connections.eof_received, connections.write_error = kept("eof_received"), kept("_write_error")
    connections.protocol_failed, connections.force_close = kept("_protocol_failed"), kept("_force_close")
    connections.close = kept("close")
    put_method(kind, b"__init__", init_connection, 0, NULL)
    put_method(kind, b"_begin", begin_connection, 0, NULL)
    put_method(kind, b"_read_eof", end_of_reading, 0, NULL)
    put_method(kind, b"close", close_connection, 0, NULL)
    put_method(kind, b"_call_connection_lost", end_connection, 0, NULL)
    put_method(kind, b"__del__", delete_connection, 0, NULL)
    for n, name in enumerate(METHODS_OF_CONNECTIONS):
        connections.methods[n], connections.own_methods[n] = kept(name), kept(getattr(kind, name))
    connections.method_count = len(METHODS_OF_CONNECTIONS)
    # The last, as nothing is done before it is known.
    connections.kind = <PyTypeObject*>kept(kind)


def adopt_accepting(loops, names, /):
    """Have a compiled method accept for loops of a class, which is defined among the names of a module."""
    connections.accept = <PyObject* (*)(PyObject*) noexcept>accept_plainly
    connections.names_of_loops, connections.kind_name = kept(names), kept("_SelectorSocketTransport")
    connections.server_context, connections.serve_accepted = kept("_context"), kept("_serve_accepted")
    connections.not_served, connections.errno_name = kept("_not_served"), kept("errno")
    name_hooks(&connections.accepting, HOOKS_OF_ACCEPTING)
    know_hooks(&connections.accepting, loops)
    put_method(loops, b"_accept_connection", accept_connections, 0, NULL)


cdef PyObject* accept_plainly(PyObject* listener) except NULL:
    accepted = accept_now(<object>listener)
    Py_INCREF(accepted)
    return <PyObject*>accepted


cdef bint is_plain_socket(PyObject* sock) except -1:
    return is_plain(sock)
