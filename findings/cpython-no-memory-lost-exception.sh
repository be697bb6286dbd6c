#!/bin/sh
# CPython 3.11 to 3.13: an exception is lost where there is no memory for the frame of the function that it leaves, and the
# interpreter raises SystemError in its place: "… returned NULL without setting an exception".
#
# Seen (3.11.7, 3.12.1, 3.13.0): a function that raises is left with its frame in the traceback, and making the frame's object
# fails. What was raised is gone then, and who catches it, or MemoryError, catches nothing. It is so no more on 3.14.8 and 3.15.0.
#
# The same campaign of allocations that fail saw the interpreter crash at two other places, without any package: 3.12 and 3.13 while a
# function is made, and 3.11 to 3.13 while `ssl` tells that a TLS object could not be made. Both are mended in 3.14.
#
# Runs without this project and without packages, on PYTHON (python3 where nothing is said), which has to have the module
# _testcapi, as builds from source have. Exits 0 while it is so.
set -eu
python=${PYTHON:-python3}
"$python" - << 'PROGRAM'
import sys

import _testcapi


def fail():
    raise LookupError


def caught(number):
    """Return what comes of a call where the allocation of this number fails."""
    try:
        _testcapi.set_nomemory(number, number + 1)
        fail()
    except BaseException as error:
        _testcapi.remove_mem_hooks()
        return type(error).__name__


found = {caught(number) for number in range(40)}
print(".".join(map(str, sys.version_info[:3])), *sorted(found))
sys.exit(("SystemError" in found) != (sys.version_info < (3, 14)))
PROGRAM
