"""Which loop: the one that runs in this thread, the one that a policy has, the ones that are registered.

    running_loop         the slot of each thread; what nearly everything else asks
    base_policies, policies
                         who makes and remembers loops (on their way out since Python 3.14)
    loop_registry        loops by name, and the platform's default
    entry_points         how what other distributions register is found and loaded
    subprocess_support   the same for what starts child processes

A loop is known by its name here, core's own too: what chooses stands below all that can be chosen.
"""
