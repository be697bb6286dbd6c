"""Which other distribution has a name that people know as asyncio's, for the message where core is asked for it."""

from __future__ import annotations

_NAMES = {
    "asyncio-sync": (
        *("Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "Semaphore"),
        *("LifoQueue", "PriorityQueue", "Queue", "QueueEmpty", "QueueFull", "QueueShutDown"),
    ),
    "asyncio-streams": (
        *("StreamReader", "StreamReaderProtocol", "StreamWriter"),
        *("open_connection", "open_unix_connection", "start_server", "start_unix_server"),
    ),
    "asyncio-subprocess": (
        *("DEVNULL", "PIPE", "STDOUT", "Process", "SubprocessStreamProtocol"),
        *("create_subprocess_exec", "create_subprocess_shell"),
    ),
    "asyncio-selectors": (
        *("BaseSelectorEventLoop", "EventLoop", "SelectorEventLoop", "SelectorEventLoopPolicy"),
        *("Poller", "best_poller"),
    ),
    "asyncio-iocp": (
        *("BaseProactorEventLoop", "IocpEventLoopPolicy", "IocpProactor", "PipeServer"),
        "ProactorEventLoop",
    ),
}


def distribution_of(name: str) -> str | None:
    """Return the distribution whose package has the public `name`, or None."""
    for distribution, names in _NAMES.items():
        if name in names:
            return distribution
    return None
