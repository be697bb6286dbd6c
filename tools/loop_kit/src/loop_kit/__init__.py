"""Behavioural tests of an asyncio event loop, for the author of any loop.

The tests say what the library reference and PEP 3156 promise of a loop: order of calls, timers, sockets, TLS,
subprocesses, what cancelling leaves behind. They know the loop by nothing but the functions that make one, and need
nothing but `asyncio`:

    pytest --pyargs loop_kit --loop mymodule:new_event_loop

plugin.py       the options, which pytest knows as soon as the kit is installed
loops.py        from the text after `--loop` to a function that makes a loop, and what that loop is called
differences.py  the tests that a loop is known to fail, and who is right by the documentation (differences.toml)
capabilities.py what a platform or a loop need not have, by name, with the reason that a skipped test gives
descriptors.py, peers.py, protocols.py, certificates.py   what the tests use
tests/          one file to a topic; conftest.py there makes the loops and looks at what they leave
"""

__version__ = "0.1.0"
