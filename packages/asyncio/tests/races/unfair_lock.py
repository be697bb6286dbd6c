"""Who was started first is taken for the one that has the lock first."""

import asyncio


async def main():
    lock, values = asyncio.Lock(), []

    async def write():
        async with lock:
            await asyncio.sleep(1)
            values.append(1)

    async def read():
        async with lock:
            return values[-1]

    writing, reading = asyncio.create_task(write()), asyncio.create_task(read())
    await writing
    assert await reading == 1


if __name__ == "__main__":
    asyncio.run(main())
