# cython: language_level=3, binding=False, boundscheck=False, wraparound=False, auto_pickle=False
# cython: embedsignature=True, embedsignature.format=clinic, freethreading_compatible=False
"""The compiled forms of asyncio_core's classes; each stands beside a class of Python that does the same.

The pure classes are the reference, and do all that is rare: debug mode, reports, a queue or timers that
somebody else has put in place. What is here is what a program does a million times. The files in `native`
read in this order:

    interpreter   what is taken from CPython's own interface, and how
    handles       Handle and TimerHandle
    ready         the queue of what is ready, a ring of steps, calls and handles
    timers        the heap of timers, out of which a timer can be taken
    future        Future, and what `await` drives
    registry      which loop runs, which task is current, which tasks there are
    task          Task and its step
    turn          the base of event loops: the clock, and the turn
    watching      the turn while somebody measures or records
    counting      what is counted then
    records       the memory of a trace
    recording     what is recorded then
    calls         call_soon(), call_later(), call_at() and create_task()
    timeouts      Timeout and timeout()
    interface     what other distributions' compiled modules call
    tls           what TLS does for each message
"""

include "native/interpreter.pxi"
include "native/handles.pxi"
include "native/ready.pxi"
include "native/timers.pxi"
include "native/future.pxi"
include "native/registry.pxi"
include "native/task.pxi"
include "native/turn.pxi"
include "native/watching.pxi"
include "native/counting.pxi"
include "native/records.pxi"
include "native/recording.pxi"
include "native/calls.pxi"
include "native/timeouts.pxi"
include "native/set_up.pxi"
include "native/interface.pxi"
include "native/tls.pxi"
