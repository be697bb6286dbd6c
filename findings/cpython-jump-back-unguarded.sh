#!/bin/sh
# CPython 3.12 to 3.15: the jump back of a loop within `try` is not always covered by the exception table, so that a
# KeyboardInterrupt that comes there passes by `finally` (and `except`, and `__exit__` of a `with`).
#
# Seen: the interpreter looks for signals at each jump back. `while not stopped(): step()` within `try: … finally: …` has its jump
# outside of the ranges that the code's exception table guards on 3.12.1 and 3.13.0; `while True: step(); if stopped(): break`
# has it on 3.14.8 and 3.15.0. On 3.11.7 both are guarded; and with `continue` behind the `if` it is on all of them. An exception
# raised there leaves the function without its `finally`. What runs for long in such a loop, as event loops do, now and then
# is left by Ctrl-C without its clearing up.
#
# Runs without this project and without packages, on PYTHON (python3 where nothing is said). Exits 0 while it is so.
set -eu
python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/program.py" << 'PROGRAM'
import dis
import sys


def ends_with_if(step, stopped, clear_up):
    try:
        while True:
            step()
            if stopped():
                break
    finally:
        clear_up()


def ends_with_continue(step, stopped, clear_up):
    try:
        while True:
            step()
            if stopped():
                break
            continue
    finally:
        clear_up()


def has_condition(step, stopped, clear_up):
    try:
        while not stopped():
            step()
    finally:
        clear_up()


def guarded(function):
    """Tell of each jump back whether an exception there leads to a handler."""
    code = dis.Bytecode(function)
    ranges = [(entry.start, entry.end) for entry in code.exception_entries]
    return [
        any(start <= instruction.offset < end for start, end in ranges)
        for instruction in code
        if "JUMP_BACKWARD" in instruction.opname
    ]


def clears_up(function):
    """Raise KeyboardInterrupt at the jump back; tell whether `finally` is run."""
    cleared = []

    def trace(frame, event, argument):
        if frame.f_code is not function.__code__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            name = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if "JUMP_BACKWARD" in name:
                raise KeyboardInterrupt
        return trace

    # Python 3.12 tells of instructions where some frame wanted that before.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(trace)
    try:
        function(lambda: None, lambda: False, lambda: cleared.append(True))
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return bool(cleared)


functions = (ends_with_if, has_condition, ends_with_continue)
found = {f.__name__: (all(guarded(f)), clears_up(f)) for f in functions}
print(".".join(map(str, sys.version_info[:3])), found)
version = sys.version_info[:2]
expected = {
    "ends_with_if": version < (3, 14),
    "has_condition": version not in ((3, 12), (3, 13)),
    "ends_with_continue": True,
}
sys.exit(found != {name: (right, right) for name, right in expected.items()})
PROGRAM
"$python" "$folder/program.py"
