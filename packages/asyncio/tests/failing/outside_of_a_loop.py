import asyncio
import sys
import traceback


async def work():
    pass


def create_task():
    coro = work()
    try:
        asyncio.create_task(coro)
    finally:
        coro.close()


def step(make):
    coro = make()
    try:
        coro.send(None)
    finally:
        coro.close()


calls = [
    asyncio.get_running_loop,
    asyncio.current_task,
    asyncio.all_tasks,
    create_task,
    lambda: asyncio.timeout(1).reschedule(2),
    lambda: step(lambda: asyncio.wait([])),
    lambda: step(lambda: asyncio.to_thread(print)),
    lambda: step(lambda: asyncio.sleep(1)),
    lambda: step(lambda: asyncio.timeout(1).__aenter__()),
    lambda: step(lambda: asyncio.TaskGroup().__aenter__()),
    lambda: step(lambda: asyncio.open_connection("127.0.0.1", 1)),
    lambda: step(lambda: asyncio.start_server(print, "127.0.0.1", 1)),
    lambda: step(lambda: asyncio.create_subprocess_exec("true")),
]
for call in calls:
    try:
        call()
    except Exception:
        traceback.print_exc()
    print("#", file=sys.stderr)
