"""Tools that watch a loop from the inside: aiodebug, aiomonitor, OpenTelemetry, pyinstrument and Sentry."""

from __future__ import annotations

import os

os.environ["OTEL_PYTHON_ASYNCIO_COROUTINE_NAMES_TO_TRACE"] = "ask,fail"
os.environ["OTEL_PYTHON_ASYNCIO_TO_THREAD_FUNCTION_NAMES_TO_TRACE"] = "pow"

import asyncio
import time
from collections import Counter
from typing import Any

import aiodebug.log_slow_callbacks
import aiomonitor
import sentry_sdk
import sentry_sdk.transport
from opentelemetry.instrumentation.asyncio import AsyncioInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pyinstrument import Profiler
from sentry_sdk.integrations.asyncio import AsyncioIntegration
from traffic import HOST, check, gone, run


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async for line in reader:
        writer.write(line.upper())
    writer.close()
    await writer.wait_closed()


async def ask(address: Any, count: int) -> int:
    reader, writer = await asyncio.open_connection(*address)
    for n in range(count):
        writer.write(b"line %d\n" % n)
        check(await reader.readline(), b"LINE %d\n" % n)
    writer.close()
    await writer.wait_closed()
    return count


async def traffic() -> None:
    """Tasks made in every way that these tools wrap."""
    async with await asyncio.start_server(answer, HOST, 0) as server:
        address = server.sockets[0].getsockname()
        check(await asyncio.gather(*(ask(address, n) for n in range(5))), list(range(5)))
        check(await asyncio.create_task(ask(address, 2)), 2)
        check(await asyncio.ensure_future(ask(address, 2)), 2)
        check(await asyncio.wait_for(ask(address, 3), 10), 3)
        check(await asyncio.shield(ask(address, 3)), 3)
        check([await one for one in asyncio.as_completed([ask(address, 1)])], [1])
        done, _ = await asyncio.wait([asyncio.create_task(ask(address, 4))])
        check([task.result() for task in done], [4])
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(address, 1))
        loop = asyncio.get_running_loop()
        threadsafe = asyncio.run_coroutine_threadsafe(ask(address, 5), loop)
        check(await asyncio.wrap_future(threadsafe), 5)
    check(await asyncio.to_thread(pow, 2, 4), 16)


async def fail() -> None:
    await asyncio.sleep(0)
    raise ZeroDivisionError("on purpose")


def busy() -> None:
    end = time.monotonic() + 0.15
    while time.monotonic() < end:
        pass


async def slow_step() -> None:
    await asyncio.sleep(0)
    busy()


async def slow_callbacks() -> None:
    """aiodebug puts its own method in the place of `Handle._run`, and formats the handle as asyncio does."""
    run_handle = asyncio.events.Handle._run
    slow: list[str] = []
    aiodebug.log_slow_callbacks.enable(0.1, lambda name, _: slow.append(name))
    try:
        await asyncio.create_task(slow_step(), name="the slow one")
        loop = asyncio.get_running_loop()
        called = asyncio.Event()
        loop.call_later(0.001, lambda: (busy(), called.set()))
        await called.wait()
        await traffic()
    finally:
        asyncio.events.Handle._run = run_handle  # type: ignore[method-assign]
    steps = [name for name in slow if "the slow one" in name and "slow_step()" in name]
    timers = [name for name in slow if name.startswith("<TimerHandle") and "slow_callbacks" in name]
    check((len(steps), len(timers)), (1, 1))


async def monitored() -> None:
    """aiomonitor replaces the task factory, and serves a console from a thread with a loop of its own."""
    loop = asyncio.get_running_loop()
    with aiomonitor.start_monitor(
        loop, host=HOST, port=0, webui_port=0, console_port=0, hook_task_factory=True
    ) as monitor:
        waiting = asyncio.create_task(asyncio.Event().wait(), name="the waiting one")
        await traffic()
        running = await asyncio.to_thread(monitor.format_running_task_list, "", False)
        check(
            [task.name for task in running if task.name == waiting.get_name()], [waiting.get_name()]
        )
        stack = await asyncio.to_thread(monitor.format_running_task_stack, str(id(waiting)))
        check("monitored" in str(stack), True)
        waiting.cancel()
        await asyncio.wait([waiting])


async def spans() -> None:
    """OpenTelemetry wraps the functions of the module `asyncio`, and takes them back."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    before = {name: getattr(asyncio, name) for name in AsyncioInstrumentor.methods_with_coroutine}
    instrumentor = AsyncioInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        await traffic()
        await asyncio.gather(fail(), return_exceptions=True)
    finally:
        instrumentor.uninstrument()
    check({name: getattr(asyncio, name) for name in before}, before)
    counts = Counter(span.name for span in exporter.get_finished_spans())
    # All but the one in shield(), which asks no wrapped function.
    check(counts["asyncio coro-ask"], 12)
    check(counts["asyncio coro-fail"], 1)
    check(counts["asyncio to_thread-pow"], 1)


async def profiled() -> None:
    """pyinstrument's asynchronous mode.

    Time that a coroutine waits is counted to it only where nothing but C code is between it and the loop's
    change of context: the interpreter's tasks of C are so, tasks of Python, theirs or ours, are not.
    """
    with Profiler(interval=0.001, async_mode="enabled") as profiler:
        await traffic()
        await slow_step()
    check("slow_step" in profiler.output_text(), True)


class Nowhere(sentry_sdk.transport.Transport):
    """Sends nothing."""

    def capture_envelope(self, envelope: Any) -> None:
        pass


async def reported() -> None:
    """Sentry replaces the task factory: each task's error is reported with where it was, and a span kept."""
    events: list[Any] = []
    transactions: list[Any] = []
    sentry_sdk.init(
        "http://key@127.0.0.1:9/1",
        transport=Nowhere,
        before_send=lambda event, hint: events.append(event),
        before_send_transaction=lambda event, hint: transactions.append(event),
        integrations=[AsyncioIntegration()],
        default_integrations=False,
        auto_enabling_integrations=False,
        traces_sample_rate=1.0,
    )
    with sentry_sdk.start_transaction(name="all"):
        await traffic()
        await asyncio.gather(asyncio.create_task(fail()), return_exceptions=True)
    check([event["exception"]["values"][0]["type"] for event in events], ["ZeroDivisionError"])
    named = Counter(span["description"] for span in transactions[0]["spans"])
    check((named["ask"], named["fail"]), (12, 1))  # a call from a thread is in no transaction
    asyncio.get_running_loop().set_task_factory(None)
    sentry_sdk.get_client().close()


async def main() -> None:
    await slow_callbacks()
    await monitored()
    await spans()
    await profiled()
    await reported()
    await gone()


run(
    main,
    "aiodebug",
    "aiomonitor",
    "opentelemetry-instrumentation-asyncio",
    "pyinstrument",
    "sentry-sdk",
)
