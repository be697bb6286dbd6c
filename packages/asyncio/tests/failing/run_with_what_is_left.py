import asyncio


async def left():
    try:
        await asyncio.sleep(60)
    finally:
        raise ValueError("while it is cancelled")


async def main():
    asyncio.create_task(left())
    await asyncio.sleep(0)
    raise KeyError("main")


asyncio.run(main())
