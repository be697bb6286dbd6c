# What timeout() asks of the running loop, each in one call: it is entered and left for single operations.
#
# The pure forms are in asyncio_core.awaiting.timeouts. They do what is not plain.


cdef inline bint tells_time_plainly(PyObject* loop) except -1:
    """Tell whether a loop is ours, and its clock the system's."""
    if not OWN_CLOCK or loop is NULL or not isinstance(<object>loop, CompiledTurn):
        return False
    know_class(<CompiledTurn>loop)
    return (<CompiledTurn>loop).clock_is_plain and clock_is_real()


def moment_in(delay, /):
    """Return the moment of the running loop's clock in `delay` seconds."""
    cdef double seconds
    if tells_time_plainly(running_loop):
        seconds = PyFloat_AS_DOUBLE(delay) if PyFloat_CheckExact(delay) else as_double(delay)
        if seconds == seconds:
            return monotonic_seconds() + seconds
    return known["_py_moment_in"](delay)


def alarm_at(when, callback, argument, /):
    """Have `callback(argument)` run when the running loop's clock reaches `when`; return the handle."""
    if PyFloat_CheckExact(when) and tells_time_plainly(running_loop):
        if PyFloat_AS_DOUBLE(when) > monotonic_seconds():
            if keeps_time_plainly(<CompiledTurn>running_loop):
                return new_timer(
                    <CompiledTurn>running_loop, PyFloat_AS_DOUBLE(when), callback, (argument,), None
                )
    return known["_py_alarm_at"](when, callback, argument)
