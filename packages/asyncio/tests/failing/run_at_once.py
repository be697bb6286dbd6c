import asyncio


async def main():
    raise ValueError("of main")


asyncio.run(main())
