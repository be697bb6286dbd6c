import asyncio


def failing():
    raise ValueError("in debug mode")


async def work():
    await asyncio.sleep(0)
    raise ValueError("of the task")


async def main():
    asyncio.get_running_loop().call_soon(failing)
    await asyncio.create_task(work())


asyncio.run(main(), debug=True)
