#!/bin/sh
# CPython 3.14: a signal whose handler raises, as that of Ctrl-C does, may leave a lock locked that `with` has just taken.
#
# Seen (3.14.8): the interpreter looks for signals behind the call of `__enter__()`, before what `with` guards begins. So
# `__exit__()` is not called, and the lock stays locked for ever: within a few tries. It may be one that the whole process needs, such as
# those with which `threading` begins a thread and `concurrent.futures` takes a call: what needs it next hangs. Not once in
# 60,000 tries on each of 3.11.7, 3.12.1, 3.13.0 and 3.15.0, which do not look there.
#
# Runs without this project and without packages, on PYTHON (python3 where nothing is said). Exits 0 while it is so.
set -eu
python=${PYTHON:-python3}
"$python" - << 'PROGRAM'
import signal
import sys
import threading


class Signalled(Exception):
    pass


def handle(*_):
    raise Signalled


def stays_locked(lock, tries):
    """Tell after how many tries it is left locked; None: it never is."""
    for number in range(1, tries + 1):
        try:
            signal.setitimer(signal.ITIMER_REAL, 20e-6 + number % 100 * 1e-6)
            while True:
                with lock:
                    pass
        except Signalled:
            if lock.locked():
                return number
    return None


signal.signal(signal.SIGALRM, handle)
found = stays_locked(threading.Lock(), 20_000)
print(".".join(map(str, sys.version_info[:3])), "never" if found is None else f"at try {found}")
sys.exit((found is not None) != (sys.version_info[:2] == (3, 14)))
PROGRAM
