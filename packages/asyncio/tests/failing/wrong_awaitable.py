import asyncio
import traceback


class Wrong:
    def __await__(self):
        yield 42


class Late:
    def __await__(self):
        yield asyncio.new_event_loop().create_future()


async def twice():
    await asyncio.current_task()


async def main():
    for call in (Wrong, Late, twice):

        async def work(call=call):
            await call()

        try:
            await asyncio.create_task(work())
        except RuntimeError:
            traceback.print_exc()


asyncio.run(main())
