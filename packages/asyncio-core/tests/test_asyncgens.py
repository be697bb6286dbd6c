from __future__ import annotations

import contextlib
import gc
import sys
import threading

import pytest

from asyncio_core.awaiting.tasks import all_tasks, create_task, sleep
from asyncio_core.choosing.running_loop import get_running_loop


async def numbers(finished):
    try:
        for number in range(10):
            yield number
    finally:
        # Closing takes a turn of the loop, which a collector could not give it.
        await sleep(0)
        finished.append(True)


async def begin(finished):
    generator = numbers(finished)
    assert await generator.__anext__() == 0
    return generator


def test_a_generator_left_early_is_closed_when_it_is_collected(run):
    finished = []

    async def main():
        generator = await begin(finished)
        del generator
        gc.collect()
        await sleep(1)
        return list(finished)

    assert run(main()) == [True]


def test_a_generator_collected_in_another_thread_is_closed_by_the_loop(run_in_real_time):
    finished = []

    async def main():
        kept = [await begin(finished)]
        loop = get_running_loop()
        await loop.run_in_executor(None, kept.clear)
        gc.collect()
        while not finished:
            await sleep(0)
        return threading.current_thread() is threading.main_thread()

    assert run_in_real_time(main()) is True


def test_shutdown_closes_generators_that_are_still_there(loop):
    finished = []

    async def main():
        return [await begin(finished), await begin(finished)]

    kept = loop.run_until_complete(main())
    assert finished == []
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert finished == [True, True]
    assert len(loop._asyncgens) == 0
    del kept


def test_shutdown_reports_generators_that_fail_to_close(loop):
    reports = []
    loop.set_exception_handler(lambda _, context: reports.append(context))

    async def stubborn():
        try:
            yield 1
        finally:
            raise LookupError("spam")

    async def main():
        generator = stubborn()
        await generator.__anext__()
        return generator

    generator = loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    (report,) = reports
    assert report["asyncgen"] is generator
    assert isinstance(report["exception"], LookupError)


def test_generators_begun_after_shutdown_are_warned_about(loop):
    finished = []
    loop.run_until_complete(loop.shutdown_asyncgens())

    async def main():
        with pytest.warns(ResourceWarning, match="was scheduled after"):
            generator = await begin(finished)
        await generator.aclose()

    loop.run_until_complete(main())
    assert finished == [True]


def test_the_threads_own_hooks_come_back_after_the_run(loop):
    firsts = []
    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=firsts.append)
    try:
        loop.run_until_complete(sleep(0))
        assert sys.get_asyncgen_hooks().firstiter == firsts.append
    finally:
        sys.set_asyncgen_hooks(*before)


async def left_by_the_main_task(finished):
    async for _ in numbers(finished):
        break


async def left_by_another_task(finished):
    await create_task(left_by_the_main_task(finished))


async def left_by_a_failure(finished):
    async for _ in numbers(finished):
        raise LookupError


async def left_by_a_cancelled_task(finished):
    async def clean_up():
        try:
            await sleep(3600)
        finally:
            await left_by_the_main_task(finished)

    # Never awaited: the end of the run cancels it.
    task = create_task(clean_up())
    await sleep(0)
    assert not task.done()


ways_to_leave = pytest.mark.parametrize(
    "leave",
    [
        left_by_the_main_task,
        left_by_another_task,
        left_by_a_failure,
        left_by_a_cancelled_task,
    ],
)


@ways_to_leave
def test_a_generator_left_in_the_last_step_is_closed(run, leave):
    finished = []
    with contextlib.suppress(LookupError):
        run(leave(finished))
    assert finished == [True]


@ways_to_leave
def test_shutdown_waits_for_generators_that_are_being_closed(loop, leave):
    finished = []
    task = loop.create_task(leave(finished))
    with contextlib.suppress(LookupError):
        loop.run_until_complete(task)
    for left in all_tasks(loop) - loop._closing_asyncgens:
        left.cancel()
    loop.run_until_complete(sleep(0))
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert finished == [True]
    assert not loop._closing_asyncgens


def test_what_a_generator_raises_that_was_left_in_the_last_step_is_reported(loop):
    reports = []
    loop.set_exception_handler(lambda _, context: reports.append(context["exception"]))

    async def failing():
        try:
            yield 1
        finally:
            raise LookupError("spam")

    async def main():
        async for _ in failing():
            break

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    gc.collect()
    assert [str(report) for report in reports] == ["spam"]
