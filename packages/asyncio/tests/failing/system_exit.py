import asyncio


async def main():
    await asyncio.sleep(0)
    raise KeyboardInterrupt("by hand")


asyncio.run(main())
