import asyncio
import os
import signal


async def deeper():
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(60)


async def main():
    await deeper()


asyncio.run(main())
