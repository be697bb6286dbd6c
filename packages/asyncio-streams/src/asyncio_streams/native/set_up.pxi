# Taking the classes of Python over: where they have their attributes, and which methods are of C from now on.
#
# What is watched is what a quick way passes over, methods and attributes. It is watched as it is once the methods of C
# are in their places.

cdef tuple READER_SLOTS = (
    *("_limit", "_loop", "_buffer", "_eof", "_exception", "_data_first", "_transport", "_paused"),
    *("_waiter", "_wanted"),
)
cdef tuple READING = (
    *("readuntil", "_length_until", "_wait_for_data", "_raise_if_failed", "_take"),
    *("_maybe_resume_transport", "_resume"),
    *READER_SLOTS,
)


def adopt_reader(kind, /):
    """Have methods of C do what StreamReader does for each message."""
    in_reader.limit = offset_of(kind, b"_limit")
    in_reader.loop = offset_of(kind, b"_loop")
    in_reader.buffer = offset_of(kind, b"_buffer")
    in_reader.eof = offset_of(kind, b"_eof")
    in_reader.exception = offset_of(kind, b"_exception")
    in_reader.transport = offset_of(kind, b"_transport")
    in_reader.paused = offset_of(kind, b"_paused")
    in_reader.waiter = offset_of(kind, b"_waiter")
    in_reader.wanted = offset_of(kind, b"_wanted")
    put_method(kind, b"read", begin_read, READ, b"n")
    put_method(kind, b"readexactly", begin_read, READ_EXACTLY, b"n")
    put_method(kind, b"readline", begin_line, READ_LINE, NULL)
    put_method(kind, b"readuntil", begin_until, READ_UNTIL, b"separator")
    put_method(kind, b"__anext__", begin_line, NEXT_LINE, NULL)
    put_method(kind, b"feed_data", feed_data, 0, b"data")
    watch(&reading, kind, READING)
    watch(&lining, kind, (*READING, "readline"))
    watch(&feeding, kind, ("feed_data", "_wakeup_waiter", *READER_SLOTS))
    watch(&asking, kind, ("exception", "_exception"))


def adopt_flow_control(kind, /):
    """Take the class over that tells a writer whether it has to wait: FlowControlMixin."""
    in_protocol.paused = offset_of(kind, b"_paused")
    in_protocol.connection_lost = offset_of(kind, b"_connection_lost")
    watch(&draining, kind, ("_drain_helper", "_paused", "_connection_lost"))


def adopt_writer(kind, /):
    """Have methods of C do what StreamWriter does for each message."""
    in_writer.transport = offset_of(kind, b"_transport")
    in_writer.protocol = offset_of(kind, b"_protocol")
    in_writer.reader = offset_of(kind, b"_reader")
    in_writer.loop = offset_of(kind, b"_loop")
    put_method(kind, b"write", write_data, WRITE, b"data")
    put_method(kind, b"writelines", write_data, WRITE_LINES, b"data")
    put_method(kind, b"drain", begin_drain, DRAIN, NULL)
    watch(&writing, kind, ("_transport", "_protocol", "_reader", "_loop"))


def adopt_protocol(kind, /):
    """Have StreamReaderProtocol hand what comes in to its reader, and transports receive into our memory."""
    in_protocol.reader = offset_of(kind, b"_stream_reader")
    put_method(kind, b"data_received", data_received, 0, b"data")
    watch(&receiving, kind, ("data_received", "_stream_reader"))
    if core.know_receiver(<PyTypeObject*>kind, &receiver) < 0:
        # There are too many: a suite loads the modules anew for each test. Without it the method is called.
        PyErr_Clear()


core = asyncio_core_interface()
if core is NULL:
    raise ImportError("the compiled module of asyncio_core offers another interface")
set_driving(StreamCall, <void*>advance, <void*>send_to)
Coroutine.register(StreamCall)
