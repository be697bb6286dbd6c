import asyncio


def handler(loop, context):
    raise KeyError("of the handler")


def failing():
    raise ValueError("of the callback")


async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(handler)
    loop.call_soon(failing)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


asyncio.run(main())
