import asyncio
import traceback


async def work(text):
    await asyncio.sleep(0)
    raise ValueError(text)


async def main():
    for next_one in asyncio.as_completed([work("a"), work("b")]):
        try:
            await next_one
        except ValueError:
            traceback.print_exc()
    for next_one in asyncio.as_completed([asyncio.sleep(60)], timeout=0.001):
        try:
            await next_one
        except TimeoutError:
            traceback.print_exc()
    for next_one in asyncio.as_completed([work("a")]):
        await next_one


asyncio.run(main())
