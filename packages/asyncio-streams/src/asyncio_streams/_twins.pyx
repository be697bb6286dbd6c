# cython: language_level=3, binding=False, boundscheck=False, wraparound=False, auto_pickle=False
# cython: embedsignature=True, embedsignature.format=clinic, freethreading_compatible=False
"""The compiled forms of what a stream's reader and writer do for each message.

The classes are those of Python. Some of their methods are replaced by methods of C, which read and write the same
attributes; what is rare is left to the functions of Python. The files in `native` read in this order:

    slots.h      where the attributes are, and whether a class or an instance overrides anything
    methods.h    a method that looks like the function of Python in whose place it is
    buffer.h     looking into a reader's buffer, and taking from it
    feeding.h    what comes in
    calls.pxi    what read() and its kin, and drain(), return: an awaitable in place of a coroutine
    set_up.pxi   taking the classes over

`interface.h` and `exceptions.h` are asyncio_core's.
"""

include "native/calls.pxi"
include "native/set_up.pxi"
