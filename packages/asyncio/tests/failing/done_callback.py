import asyncio


def failing(future):
    raise ValueError("of the callback")


async def main():
    future = asyncio.get_running_loop().create_future()
    future.add_done_callback(failing)
    future.set_result(None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


asyncio.run(main())
