import asyncio


async def main():
    asyncio.current_task().cancel("by itself")
    await asyncio.sleep(60)


asyncio.run(main())
