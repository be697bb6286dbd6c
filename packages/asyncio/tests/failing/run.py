import asyncio


async def deeper():
    raise ValueError("deep")


async def main():
    await deeper()


asyncio.run(main())
