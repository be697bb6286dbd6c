"""The parts of the campaign, and in which module each is."""

from __future__ import annotations

from typing import NamedTuple


class Extent(NamedTuple):
    """How much of a unit is run."""

    #: What the tests run: few points, and nothing that takes long.
    brief: bool
    #: Units that have no end of their own go on for so long.
    seconds: float = 0.0
    #: The first seed of points that are made at random.
    seed: int = 0
    #: How many there are of what there is much of.
    size: int = 0


class Part(NamedTuple):
    """One kind of faults."""

    module: str
    #: What is done, for the page.
    what: str
    #: Its processes have the library of `native`.
    with_library: bool = False
    #: What its processes have in their environment besides.
    environment: tuple[tuple[str, str], ...] = ()
    #: It runs programs that need libraries, by the Python that `running.PYTHON` names.
    with_programs: bool = False
    #: The forms that it is for.
    forms: tuple[str, ...] = ("compiled", "pure", "standard")


#: In this order. A part's module has `units(brief=…)`, names of what is run by itself, and `perform(unit, tools, notes, extent)`.
PARTS = {
    "cancel": Part(
        "cancelling",
        "Scenarios of all public calls that wait are cancelled at each of their suspensions: while they wait, when what they wait for "
        "has just come, and twice; alone, within `timeout()` and in a `TaskGroup`; or a `timeout()` around them expires.",
    ),
    "calls": Part(
        "failing",
        "In the same scenarios each system call of the loop's thread, that of the peers too, fails once with each errno that its manual page has, "
        "or takes one byte only. What was asked for may then succeed, or raise OSError; nothing is left, and the loop serves a further connection.",
        with_library=True,
    ),
    "memory": Part(
        "starving",
        "In small programs of the compiled form, of futures, tasks, timers, locks, streams, pipes and TLS each allocation fails once (of more than 1,500, each second or third). "
        "What runs may then raise MemoryError, be reported, or not be woken; the process does not crash, nothing else is raised, and the loop goes on.",
        with_library=True,
        # All of Python's memory is asked for by malloc(3).
        environment=(("PYTHONMALLOC", "malloc"),),
        # In the pure one all memory is asked for by the interpreter, which crashes on its own now and then.
        forms=("compiled",),
    ),
    "signals": Part(
        "interrupting",
        "Signals come at random moments of a program that is busy with streams, TLS, Unix sockets, protocols, children, threads and timers: some dozens in each run, handled by "
        "the loop or by Python, by handlers that change, or not at all, as Ctrl-C under `asyncio.run()`. Each handler runs after the last of its signals, each question gets its own answer, "
        "a run that is interrupted raises KeyboardInterrupt, and nothing is left.",
    ),
    "forks": Part(
        "forking",
        "The same program gets a child in its midst: by `os.fork()` in a task, a callback, a timer, a reader, a signal's handler or a thread, by `multiprocessing` and in a pool, each with fork, forkserver and spawn. "
        "No loop runs in the child, it can run a loop of its own, which does all that loops do, and nothing that it does, nor its end, is felt by its parent.",
    ),
    "time": Part(
        "timing",
        "All that takes a delay, with the ends of what numbers there are: nothing, less than nothing, the least and the largest float, more than a float holds, infinite, fractions, decimals, no number. What has passed is now, what no clock reaches never comes, and what is no number is refused. "
        "And timers while the clock jumps on, as after a suspend, stands still, or goes back: the loop's, `time.monotonic()`, the system's, and the wall clock. They run in their order, and none before its time.",
        with_library=True,
    ),
    "peers": Part(
        "peering",
        "The other end does what it should not: its TLS records come cut, out of order, twice, changed, too large or behind close_notify, or are none; it changes its keys again and again; it resets or closes the connection after each byte of a request; "
        "it passes descriptors that nobody asked for; it is a terminal that goes. The connection ends as documented, no memory is kept, and the next one is served.",
    ),
    "load": Part(
        "loading",
        "Much at once: clients that never read, and are written to as long as they take anything, also over TLS; clients that never shake hands, or byte by byte; more clients than there are descriptors, and as many; "
        "clients that come by the thousand and go at once, half of them by a reset; floods of datagrams, and datagrams to somebody who does not read; timers that are cancelled before they come, thousands in each turn; children by the thousand; names that do not resolve. "
        "What waits for a connection is bounded, who wastes time is sent away, others are served meanwhile, and afterwards memory and descriptors are what they were.",
    ),
    "programs": Part(
        "running",
        "Programs that know nothing of this run one after the other, each over and over on the loop `chaos` with another seed: TCP, UDP and Unix sockets, pipelines of processes, aiohttp, uvicorn and httpx, HTTPS, WebSockets, and coroutines that are generators. "
        "Tasks that are ready run in any legal order, timers come late and early, bytes come and go in pieces, calls are interrupted, what was ready is not. Nothing fails of which a program would have to be told. Each reply, and all that a program prints, is what it is on the ordinary loop.",
        with_programs=True,
        # There is no such loop over the standard asyncio.
        forms=("compiled", "pure"),
    ),
}
