import asyncio
import sys
import traceback


async def main():
    queue = asyncio.Queue(1)
    calls = [
        queue.get_nowait,
        lambda: (queue.put_nowait(1), queue.put_nowait(2)),
        lambda: [queue.task_done() for _ in range(2)],
    ]
    for call in calls:
        try:
            call()
        except Exception:
            traceback.print_exc()
            print("#", file=sys.stderr)

    async def attempt(call):
        task = asyncio.create_task(call())
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            traceback.print_exc()
            print("#", file=sys.stderr)

    await attempt(lambda: queue.put(3))
    await attempt(queue.join)
    queue.get_nowait()
    await attempt(queue.get)
    if sys.version_info >= (3, 13):
        queue.shutdown()
        for call in (queue.get, lambda: queue.put(1)):
            try:
                await call()
            except asyncio.QueueShutDown:
                traceback.print_exc()
                print("#", file=sys.stderr)


asyncio.run(main())
