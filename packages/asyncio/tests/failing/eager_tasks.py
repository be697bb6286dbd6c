import asyncio
import sys
import traceback


async def at_once():
    raise ValueError("at once")


async def later():
    await asyncio.sleep(0)
    raise ValueError("later")


async def main():
    if sys.version_info < (3, 12):
        return
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    for work in (at_once, later):
        try:
            await asyncio.create_task(work())
        except ValueError:
            traceback.print_exc()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(at_once())
    except* ValueError:
        traceback.print_exc()
    await asyncio.gather(at_once())


asyncio.run(main())
