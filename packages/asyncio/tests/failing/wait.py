import asyncio
import sys
import traceback


async def work():
    raise ValueError("of the work")


async def main():
    for wrong in (work(), [], [work()], [1]):
        try:
            await asyncio.wait(wrong)
        except Exception:
            traceback.print_exc()
            print("#", file=sys.stderr)
    done, _ = await asyncio.wait([asyncio.create_task(work())])
    task = asyncio.create_task(asyncio.wait([asyncio.get_running_loop().create_future()]))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        traceback.print_exc()
        print("#", file=sys.stderr)
    for task in done:
        task.result()


asyncio.run(main())
