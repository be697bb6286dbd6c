import asyncio
import os
import signal
import traceback


def failing():
    raise ValueError("of the handler")


def report(loop, context):
    loop.default_exception_handler(context)
    reported.set()


async def main():
    global reported
    reported = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report)
    loop.add_signal_handler(signal.SIGUSR1, failing)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(reported.wait(), 20)
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
