import asyncio


def work(number):
    raise ValueError(number)


async def main():
    await asyncio.to_thread(work, 1)


asyncio.run(main())
