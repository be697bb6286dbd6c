import asyncio
import sys
import traceback


async def main():
    lock, event, condition = asyncio.Lock(), asyncio.Event(), asyncio.Condition()
    bounded, semaphore, barrier = (
        asyncio.BoundedSemaphore(1),
        asyncio.Semaphore(0),
        asyncio.Barrier(2),
    )

    async def attempt(call, turns=1):
        task = asyncio.create_task(call())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except BaseException:
            traceback.print_exc()
            print("#", file=sys.stderr)

    async def unowned():
        condition.notify()

    async def release():
        lock.release()

    async def too_often():
        bounded.release()

    async def enter():
        async with lock:
            await asyncio.sleep(60)

    async def enter_semaphore():
        async with semaphore:
            pass

    async def wait_in_condition():
        async with condition:
            await condition.wait()

    async def wait_for_in_condition():
        async with condition:
            await condition.wait_for(lambda: False)

    for call in (
        unowned,
        release,
        too_often,
        condition.wait,
        event.wait,
        semaphore.acquire,
        enter_semaphore,
        wait_in_condition,
        wait_for_in_condition,
        barrier.wait,
    ):
        await attempt(call)
    async with lock:
        await attempt(enter)
        await attempt(lock.acquire)
    waiting = asyncio.create_task(barrier.wait())
    await asyncio.sleep(0)
    await barrier.abort()
    try:
        await waiting
    except asyncio.BrokenBarrierError:
        traceback.print_exc()
        print("#", file=sys.stderr)
    for make in (lambda: asyncio.Semaphore(-1), lambda: asyncio.Barrier(0)):
        try:
            make()
        except ValueError:
            traceback.print_exc()
            print("#", file=sys.stderr)


asyncio.run(main())
