import asyncio
import traceback


def factory(loop, coro, **kwargs):
    coro.close()
    raise ValueError("of the factory")


async def main():
    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    try:
        for call in (asyncio.create_task, asyncio.ensure_future, loop.create_task, asyncio.gather):
            try:
                call(asyncio.sleep(0))
            except ValueError:
                traceback.print_exc()
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
    finally:
        loop.set_task_factory(None)


asyncio.run(main())
