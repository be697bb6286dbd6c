import asyncio
import sys
import traceback


async def main():
    loop = asyncio.get_running_loop()
    done, cancelled = loop.create_future(), loop.create_future()
    done.set_result(None)
    cancelled.cancel()
    task = asyncio.current_task()
    calls = [
        lambda: done.set_result(1),
        lambda: done.set_exception(ValueError()),
        lambda: loop.create_future().exception(),
        lambda: loop.create_future().set_exception("text"),
        lambda: cancelled.result(),
        lambda: cancelled.exception(),
        lambda: task.set_result(1),
        lambda: task.set_exception(ValueError()),
        lambda: asyncio.Task(1),
        lambda: asyncio.ensure_future(1),
        lambda: asyncio.wrap_future(1),
        lambda: asyncio.shield(1),
        lambda: asyncio.gather(1),
        lambda: asyncio.run(1),
        lambda: asyncio.create_task(1),
        lambda: loop.create_task(1),
        lambda: loop.run_forever(),
        lambda: loop.call_later(None, print),
        lambda: loop.call_at(None, print),
        lambda: loop.set_task_factory(1),
        lambda: loop.set_exception_handler(1),
        lambda: loop.set_default_executor(1),
        lambda: asyncio.run_coroutine_threadsafe(1, loop),
        lambda: asyncio.timeout("x").reschedule(1),
    ]
    for call in calls:
        try:
            call()
        except BaseException:
            traceback.print_exc()
            print("#", file=sys.stderr)


asyncio.run(main())
