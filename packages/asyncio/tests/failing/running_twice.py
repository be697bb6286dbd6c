import asyncio
import traceback


async def main():
    coro = asyncio.sleep(0)
    try:
        asyncio.run(coro)
    except RuntimeError:
        traceback.print_exc()
    coro.close()
    loop = asyncio.new_event_loop()
    try:
        loop.run_forever()
    except RuntimeError:
        traceback.print_exc()
    loop.close()


asyncio.run(main())
asyncio.get_running_loop()
