import asyncio
import traceback


async def work():
    await asyncio.sleep(0)
    raise ValueError("of the shielded")


async def main():
    try:
        await asyncio.shield(work())
    except ValueError:
        traceback.print_exc()
    inner = asyncio.create_task(work())
    outer = asyncio.shield(inner)
    asyncio.get_running_loop().call_soon(outer.cancel)
    try:
        await outer
    except asyncio.CancelledError:
        traceback.print_exc()
    await inner


asyncio.run(main())
