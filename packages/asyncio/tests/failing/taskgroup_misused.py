import asyncio
import traceback


async def main():
    group = asyncio.TaskGroup()
    coro = asyncio.sleep(0)
    try:
        group.create_task(coro)
    except RuntimeError:
        traceback.print_exc()
    coro.close()
    async with group:
        pass
    try:
        async with group:
            pass
    except RuntimeError:
        traceback.print_exc()
    coro = asyncio.sleep(0)
    try:
        group.create_task(coro)
    finally:
        coro.close()


asyncio.run(main())
