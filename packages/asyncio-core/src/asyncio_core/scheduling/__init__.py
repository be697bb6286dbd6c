"""What a turn of the loop is made of, apart from input and output.

Read `loop_part` for what the parts of a loop know of each other, then `handles`.

    loop_part               shared state, helpers and hooks
    handles, timers         what waits in the queue, and what waits for its time
    task_making             create_future(), create_task()
    executors, background   calls in other threads
    asyncgens               asynchronous generators that nobody finished
    debugging, reports      what debug mode adds; errors that nobody awaits
    events                  many of these under the standard library's name
"""
