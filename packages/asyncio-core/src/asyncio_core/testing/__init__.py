"""Loops to test programs on: time that jumps, orders that vary, things that fail.

Programs choose them by name (`ASYNCIO_LOOP=virtual`), and need not be changed. Each is a part laid over the loop that the
platform has by default. Read `virtual` first.

    virtual      time stands still while something is ready, and jumps to the next timer when nothing is
    outside      what may still come to a loop that waits, and from where
    deadlock     the error where nothing can come any more, with who waits for what
    shuffled     over virtual time, another order of things in each run
    order        the queue that makes it, and which orders are legal
    splitting    sockets that receive and send in pieces
    decisions    what is left to chance: drawn, noted, and played again
    chaos        over a shuffled order, things that fail
    faults       which, and how often
    breaking     sockets whose calls fail
    exploring    a coroutine function under many seeds
    shrinking    from many decisions to the few that matter
    making       a loop class over the platform's own
"""
