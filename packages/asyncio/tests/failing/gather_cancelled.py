import asyncio
import traceback


async def main():
    together = asyncio.gather(asyncio.sleep(60), asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(together.cancel)
    try:
        await together
    except asyncio.CancelledError:
        traceback.print_exc()
    task = asyncio.create_task(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.gather(task)


asyncio.run(main())
