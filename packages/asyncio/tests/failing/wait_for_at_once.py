import asyncio
import traceback


async def main():
    future = asyncio.get_running_loop().create_future()
    future.set_exception(ValueError("of the future"))
    try:
        await asyncio.wait_for(future, 0)
    except ValueError:
        traceback.print_exc()
    await asyncio.wait_for(asyncio.sleep(60), 0)


asyncio.run(main())
