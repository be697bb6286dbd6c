"""A loop put together, and run.

Read `base_events`: `BaseEventLoop` is composed of the parts in the rooms below, and has the turn itself.

    base_events   the base of all loops; the queue, the turn
    parking       the loop for programs without input and output, the smallest there is
    runners       from a program into a loop and out again
    provisions    what is loaded when a loop is made, for moments when nothing can be loaded
"""
