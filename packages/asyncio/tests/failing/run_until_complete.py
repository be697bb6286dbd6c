import asyncio
import traceback


async def main():
    await asyncio.sleep(0)
    raise ValueError("of main")


loop = asyncio.new_event_loop()
try:
    loop.run_until_complete(main())
except ValueError:
    traceback.print_exc()
future = loop.create_future()
future.set_exception(ValueError("of the future"))
try:
    loop.run_until_complete(future)
finally:
    loop.close()
