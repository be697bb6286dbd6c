import asyncio
import os
import signal
import traceback


def failing():
    raise ValueError("of the handler")


async def main():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, failing)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.sleep(0.01)
    for call in (
        lambda: loop.add_signal_handler(signal.SIGKILL, failing),
        lambda: loop.add_signal_handler("x", failing),
        lambda: loop.add_signal_handler(1000, failing),
    ):
        try:
            call()
        except Exception:
            traceback.print_exc()


asyncio.run(main())
