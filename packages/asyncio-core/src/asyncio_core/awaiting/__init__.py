"""Futures, tasks, and all that waits for them.

Read `futures`, then `task`: the way of a step. The loop calls ``Task.__step``, which runs the coroutine up
to the future that it awaits and adds its wake-up to that one's callbacks; the future's result queues
the callbacks, and the next turn steps again.

    futures, base_futures       results that are not there yet
    task, base_tasks            coroutines that run
    task_registry               which tasks there are, and which one runs
    coroutines                  what counts as one, generators included
    cancelling                  messages of cancellations, on their way
    waiting, completing         wait(), wait_for(); as_completed()
    combinators                 gather(), shield(), sleep(), ensure_future()
    timeouts, taskgroups        deadlines and nurseries for blocks of code
    staggered, threads          races with head starts; to_thread()
    graph                       who waits for whom
    tasks                       many of these under the standard library's name
"""
