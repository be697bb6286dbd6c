import asyncio
import traceback


async def work():
    await asyncio.get_running_loop().create_future()


async def main():
    try:
        await asyncio.wait_for(work(), 0.001)
    except TimeoutError:
        traceback.print_exc()
    await asyncio.wait_for(asyncio.get_running_loop().create_future(), 0.001)


asyncio.run(main())
