"""Loops to test programs on: time that jumps, orders that vary, things that fail.

Programs choose them by name (`ASYNCIO_LOOP=virtual`), and need not be changed. Each is a part laid over the loop that the
platform has by default. Read `virtual` first.

    virtual    time stands still while something is ready, and jumps to the next timer when nothing is
    outside    what may still come to a loop that waits, and from where
    deadlock   the error where nothing can come any more, with who waits for what
    making     a loop class over the platform's own
"""
