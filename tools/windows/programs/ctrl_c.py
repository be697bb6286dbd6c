"""Waits for Ctrl-C with nothing else that could wake the loop, and tells how it came: `ctrl_c.py interrupt|handler`.

Prints "ready" once it waits. With "interrupt" it is KeyboardInterrupt that ends `asyncio.run()`, with "handler" a handler of the loop.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from loop_names import loop_name


async def wait(*, handle: bool) -> None:
    loop = asyncio.get_running_loop()
    pressed = loop.create_future()
    if handle:
        loop.add_signal_handler(signal.SIGINT, pressed.set_result, None)
    loop.call_soon(print, "ready")
    loop.call_soon(sys.stdout.flush)
    try:
        await pressed
    finally:
        if handle:
            loop.remove_signal_handler(signal.SIGINT)


def main(how: str) -> int:
    try:
        asyncio.run(wait(handle=how == "handler"))
    except KeyboardInterrupt:
        print("interrupted")
    else:
        print("handled")
    loop = asyncio.new_event_loop()
    print(loop_name(type(loop)))
    loop.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
