import asyncio


async def numbers():
    try:
        yield 1
        await asyncio.sleep(0)
        raise ValueError("of the generator")
    finally:
        await asyncio.sleep(0)


async def main():
    async for _ in numbers():
        pass


asyncio.run(main())
