import asyncio
import os
import signal


async def main():
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(60)


asyncio.run(main())
