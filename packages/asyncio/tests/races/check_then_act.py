"""A queue is asked whether it is empty, and an item taken after a wait: another may have it by then."""

import asyncio


async def consume(queue, taken):
    if not queue.empty():
        await asyncio.sleep(1)  # writes down what it is about to do
        taken.append(queue.get_nowait())


async def main():
    queue, taken = asyncio.Queue(), []
    queue.put_nowait("the only one")

    async def second():
        await asyncio.sleep(1)
        await consume(queue, taken)

    await asyncio.gather(consume(queue, taken), second())
    assert taken == ["the only one"]


if __name__ == "__main__":
    asyncio.run(main())
