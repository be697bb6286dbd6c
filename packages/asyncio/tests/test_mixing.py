"""The pieces in a process that uses the standard asyncio too: what mixes, and what says that it does not.

Each row of the table in asyncio-core's README is a test here.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "asyncio-core" / "README.md"

START = """
import asyncio, threading
import asyncio_core, asyncio_selectors, asyncio_streams, asyncio_subprocess, asyncio_sync

assert not hasattr(asyncio, "__implementation__")


def names_both(run, main):
    try:
        run(main())
    except RuntimeError as error:
        text = str(error)
        assert "asyncio_core" in text and "standard asyncio" in text, text
    else:
        raise AssertionError("it went well")


def fails(run, *calls):
    for call in calls:
        async def main():
            await call()
        names_both(run, main)
"""

CONTENDED = """
async def lock():
    lock = of.Lock()
    async with lock:
        await lock.acquire()

async def event():
    await of.Event().wait()

async def condition():
    condition = of.Condition()
    async with condition:
        await condition.wait()

async def semaphore():
    await of.Semaphore(0).acquire()

async def bounded():
    semaphore = of.BoundedSemaphore(1)
    async with semaphore:
        await semaphore.acquire()

async def getting():
    await of.Queue().get()

async def putting():
    queue = of.Queue(1)
    await queue.put(1)
    await queue.put(2)

async def joining():
    queue = of.Queue()
    await queue.put(1)
    await queue.join()

async def barrier():
    await of.Barrier(2).wait()

fails(run, lock, event, condition, semaphore, bounded, getting, putting, joining, barrier)

async def nobody_waits():
    lock, queue = of.Lock(), of.Queue()
    async with lock:
        await queue.put(1)
    assert await queue.get() == 1

run(nobody_waits())
"""

PROGRAMS = {
    "locks and queues of asyncio_sync": "run, of = asyncio.run, asyncio_sync\n" + CONTENDED,
    "locks and queues of the standard asyncio": "run, of = asyncio_core.run, asyncio\n" + CONTENDED,
    "functions of the pieces that wait or start something": """
async def work():
    pass

async def group():
    async with asyncio_core.TaskGroup():
        pass

async def timeout():
    async with asyncio_core.timeout(1):
        pass

def closing(call):
    async def main():
        coro = work()
        try:
            await call(coro)
        finally:
            coro.close()
    return main

fails(
    asyncio.run,
    lambda: asyncio_core.sleep(1),
    lambda: asyncio_core.to_thread(print),
    group,
    timeout,
    closing(lambda coro: asyncio_core.create_task(coro)),
    closing(lambda coro: asyncio_core.gather(coro)),
    closing(lambda coro: asyncio_core.ensure_future(coro)),
    closing(lambda coro: asyncio_core.shield(coro)),
    closing(lambda coro: asyncio_core.wait_for(coro, 1)),
    lambda: asyncio_core.Future(),
    lambda: asyncio_streams.open_connection("127.0.0.1", 1),
    lambda: asyncio_streams.start_server(print, "127.0.0.1", 0),
    lambda: asyncio_subprocess.create_subprocess_exec("true"),
)
""",
    "functions of the standard asyncio that wait or start something": """
async def work():
    pass

async def group():
    async with asyncio.TaskGroup():
        pass

async def timeout():
    async with asyncio.timeout(1):
        pass

def create_task():
    coro = work()
    try:
        return asyncio.create_task(coro)
    finally:
        coro.close()

fails(
    asyncio_core.run,
    lambda: asyncio.sleep(1),
    lambda: asyncio.to_thread(print),
    group,
    timeout,
    create_task,
    lambda: asyncio.open_connection("127.0.0.1", 1),
    lambda: asyncio.start_server(print, "127.0.0.1", 0),
    lambda: asyncio.create_subprocess_exec("true"),
)
""",
    "futures and tasks of the standard asyncio, of another loop": """
loop = asyncio.new_event_loop()

async def future():
    await asyncio.Future(loop=loop)

async def task():
    task = loop.create_task(asyncio.sleep(0))
    try:
        await task
    finally:
        task.cancel()

fails(asyncio_core.run, future, task)
loop.run_until_complete(asyncio.sleep(0))
loop.close()
""",
    "futures and tasks of the pieces, of another loop": """
loop = asyncio_core.new_event_loop()

async def future():
    await asyncio_core.Future(loop=loop)

async def task():
    task = loop.create_task(asyncio_core.sleep(0))
    try:
        await task
    finally:
        task.cancel()

fails(asyncio.run, future, task)
loop.run_until_complete(asyncio_core.sleep(0))
loop.close()
""",
    "futures of either that were made for the running loop": """
async def main(running, kind):
    loop = running()
    future = kind(loop=loop)
    loop.call_soon(future.set_result, 42)
    assert await future == 42

for kind in (asyncio.Future, asyncio_core.Future):
    asyncio.run(main(asyncio.get_running_loop, kind))
    asyncio_core.run(main(asyncio_core.get_running_loop, kind))
""",
    "run_coroutine_threadsafe() and call_soon_threadsafe() of either, for a loop in another thread": """
async def answer():
    return 42

def in_thread(loop, call):
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        assert call(answer(), loop).result(10) == 42
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

for make in (asyncio.new_event_loop, asyncio_core.new_event_loop):
    for call in (asyncio.run_coroutine_threadsafe, asyncio_core.run_coroutine_threadsafe):
        in_thread(make(), call)
""",
    "CancelledError": """
assert not issubclass(asyncio_core.CancelledError, asyncio.CancelledError)
assert not issubclass(asyncio.CancelledError, asyncio_core.CancelledError)

async def main(kind, sleep, create_task, running):
    seen = []
    async def work():
        try:
            await sleep(60)
        except kind:
            seen.append("caught")
            raise
    task = create_task(work())
    running().call_soon(task.cancel)
    try:
        await task
    except BaseException as error:
        seen.append(type(error))
    return seen

ours = asyncio_core.sleep, asyncio_core.create_task, asyncio_core.get_running_loop
assert asyncio_core.run(main(asyncio.CancelledError, *ours)) == [asyncio_core.CancelledError]
assert asyncio_core.run(main(asyncio_core.CancelledError, *ours)) == ["caught", asyncio_core.CancelledError]
theirs = asyncio.sleep, asyncio.create_task, asyncio.get_running_loop
assert asyncio.run(main(asyncio_core.CancelledError, *theirs)) == [asyncio.CancelledError]
""",
    "TimeoutError": """
assert asyncio.TimeoutError is asyncio_core.TimeoutError is TimeoutError
""",
    "the other exceptions": """
for name in ("InvalidStateError", "IncompleteReadError", "LimitOverrunError", "BrokenBarrierError"):
    assert not issubclass(getattr(asyncio_core, name), getattr(asyncio, name)), name
for name in ("QueueEmpty", "QueueFull"):
    assert not issubclass(getattr(asyncio_sync, name), getattr(asyncio, name)), name
""",
    "`Protocol` and `DatagramProtocol` of either": """
async def main(loop, base):
    class Protocol(base):
        def data_received(self, data):
            received.set_result(data)
    received = loop.create_future()
    server = await loop.create_server(Protocol, "127.0.0.1", 0)
    transport, _ = await loop.create_connection(base, *server.sockets[0].getsockname())
    transport.write(b"spam")
    assert await received == b"spam"
    transport.close()
    server.close()
    await server.wait_closed()

async def here(base):
    await main(asyncio_core.get_running_loop(), base)

async def there(base):
    await main(asyncio.get_running_loop(), base)

for base in (asyncio.Protocol, asyncio_core.Protocol):
    asyncio_core.run(here(base))
    asyncio.run(there(base))
""",
    "a loop of the pieces for the standard `asyncio.run()`": """
import sys

async def main():
    lock = asyncio_sync.Lock()
    async with lock:
        await asyncio_core.sleep(0.001)
        return await asyncio_core.create_task(asyncio_core.to_thread(lambda: 42))

with asyncio.Runner(loop_factory=asyncio_selectors.EventLoop) as runner:
    assert runner.run(main()) == 42
""",
    "`asyncio_core.run()` in a coroutine of the standard asyncio, or the other way round": """
async def inner():
    return 42

async def here():
    return asyncio.run(inner())

async def there():
    return asyncio_core.run(inner())

assert asyncio_core.run(here()) == asyncio.run(there()) == 42
""",
}


def rows():
    text = README.read_text(encoding="utf-8")
    section = text.partition("## Beside the standard asyncio")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (.+?) \| (.+?) \|$", section, re.MULTILINE)
    return [what for what, _ in cells[1:]]


def test_the_table_has_all_rows():
    assert rows() == list(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_beside_the_standard_asyncio(name, python):
    result = python(
        *("-W", "error", "-W", "ignore::DeprecationWarning", "-W", "ignore::RuntimeWarning"),
        *("-c", START + PROGRAMS[name]),
        implementation="stdlib",
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_the_original_is_the_cause(python):
    program = """
import asyncio, asyncio_core

async def main():
    await asyncio.Queue().get()

try:
    asyncio_core.run(main())
except RuntimeError as error:
    assert type(error.__cause__) is AttributeError and error.__traceback__ is not None
else:
    raise SystemExit("it went well")
"""
    result = python("-c", program, implementation="stdlib")
    assert (result.returncode, result.stderr) == (0, "")


def test_errors_of_the_program_stay_what_they_are(python):
    program = """
import asyncio, asyncio_core

async def attribute():
    None.create_future()

async def own():
    raise RuntimeError("of the program")

for main, kind in ((attribute, AttributeError), (own, RuntimeError)):
    try:
        asyncio_core.run(main())
    except kind as error:
        assert error.__cause__ is None and "standard" not in str(error)
"""
    result = python("-c", program, implementation="stdlib")
    assert (result.returncode, result.stderr) == (0, "")


def test_core_tells_which_distribution_has_a_name():
    import asyncio_core

    # Off Windows asyncio-iocp need not be installed.
    pieces = ("iocp", "selectors", "streams", "subprocess", "sync")
    here = [f"asyncio_{piece}" for piece in pieces if piece != "iocp" or find_spec("asyncio_iocp")]
    for package in map(import_module, here):
        distribution = package.__name__.replace("_", "-")
        for name in package.__all__:
            if name == "EventLoop" and sys.platform == "win32":
                continue  # two of them have it
            with pytest.raises(AttributeError) as caught:
                getattr(asyncio_core, name)
            assert str(caught.value).endswith(
                f"{distribution} has it, as {package.__name__}.{name}"
            )
    with pytest.raises(AttributeError, match=r"has no attribute 'spam'$"):
        asyncio_core.spam
    assert not hasattr(asyncio_core, "Queue")
