import asyncio
import traceback


async def fails(text):
    await asyncio.sleep(0)
    raise ValueError(text)


async def main():
    for error in await asyncio.gather(fails("a"), fails("b"), return_exceptions=True):
        traceback.print_exception(error)
        raise error


asyncio.run(main())
