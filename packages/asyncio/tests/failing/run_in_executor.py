import asyncio


def work(number):
    raise ValueError(number)


async def main():
    await asyncio.get_running_loop().run_in_executor(None, work, 1)


asyncio.run(main())
