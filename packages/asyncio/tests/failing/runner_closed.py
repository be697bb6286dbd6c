import asyncio
import traceback

runner = asyncio.Runner()
runner.close()


async def nested():
    with asyncio.Runner() as inner:
        inner.run(asyncio.sleep(0))


runner = asyncio.Runner()
with runner:
    pass
coro = asyncio.sleep(0)
try:
    runner.run(coro)
except RuntimeError:
    traceback.print_exc()
coro.close()
try:
    runner.get_loop()
except RuntimeError:
    traceback.print_exc()
