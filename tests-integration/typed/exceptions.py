"""Exceptions."""

import asyncio


def their_attributes() -> None:
    incomplete = asyncio.IncompleteReadError(b"part", 10)
    reveal_type(incomplete.partial)
    reveal_type(incomplete.expected)
    reveal_type(asyncio.IncompleteReadError(partial=b"", expected=None))
    overrun = asyncio.LimitOverrunError("message", 3)
    reveal_type(overrun.consumed)
    reveal_type(asyncio.LimitOverrunError(message="", consumed=0))
    asyncio.IncompleteReadError("text", 10)  # wrong
    asyncio.LimitOverrunError("message")  # wrong


async def caught() -> None:
    try:
        await asyncio.sleep(1)
    except asyncio.CancelledError as error:
        reveal_type(error)
        raise
    except asyncio.TimeoutError as error:
        reveal_type(error)
    except (asyncio.InvalidStateError, asyncio.SendfileNotAvailableError) as error:
        reveal_type(error)
    except asyncio.QueueEmpty as error:
        reveal_type(error)
    except (asyncio.QueueFull, asyncio.QueueShutDown) as error:
        reveal_type(error)
    except asyncio.BrokenBarrierError as error:
        reveal_type(error)


def what_they_are() -> None:
    cancelled: BaseException = asyncio.CancelledError("message")
    no_exception: Exception = asyncio.CancelledError()  # wrong
    time: TimeoutError = asyncio.TimeoutError()
    state: Exception = asyncio.InvalidStateError("message")
    sendfile: RuntimeError = asyncio.SendfileNotAvailableError("message")
    end: EOFError = asyncio.IncompleteReadError(b"", None)
    barrier: RuntimeError = asyncio.BrokenBarrierError()
    reveal_type(cancelled.args)
    reveal_type([time, state, sendfile, end, barrier])
