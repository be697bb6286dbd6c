import asyncio


async def numbers():
    try:
        yield 1
    finally:
        await asyncio.sleep(0)
        raise ValueError("of the generator's end")


async def main():
    global left
    left = numbers()
    await left.__anext__()


asyncio.run(main())
