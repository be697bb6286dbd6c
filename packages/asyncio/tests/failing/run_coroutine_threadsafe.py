import asyncio


async def work():
    await asyncio.sleep(0)
    raise ValueError("of the loop's thread")


async def main():
    loop = asyncio.get_running_loop()

    def thread():
        asyncio.run_coroutine_threadsafe(work(), loop).result()

    await asyncio.to_thread(thread)


asyncio.run(main())
