import asyncio
import sys
import traceback

loop = asyncio.new_event_loop()
future = loop.create_future()
loop.call_soon(loop.stop)
try:
    loop.run_until_complete(future)
except RuntimeError:
    traceback.print_exc()
    print("#", file=sys.stderr)
for call in (loop.run_until_complete,):
    try:
        call(1)
    except TypeError:
        traceback.print_exc()
        print("#", file=sys.stderr)
loop.close()
for call in (
    loop.run_forever,
    lambda: loop.call_soon(print),
    lambda: loop.call_later(1, print),
    lambda: loop.call_soon_threadsafe(print),
    lambda: loop.run_until_complete(future),
    lambda: loop.run_in_executor(None, print),
    lambda: loop.create_task(asyncio.sleep(0)),
):
    try:
        call()
    except RuntimeError:
        traceback.print_exc()
        print("#", file=sys.stderr)
