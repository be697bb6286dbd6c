import asyncio
import sys
import traceback


async def work():
    await asyncio.sleep(0)
    raise ValueError("once")


async def main():
    task = asyncio.create_task(work())
    for _ in range(3):
        try:
            await task
        except ValueError:
            traceback.print_exc()
            print("#", file=sys.stderr)


asyncio.run(main())
