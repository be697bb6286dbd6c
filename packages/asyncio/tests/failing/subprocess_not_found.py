import asyncio
import traceback


async def main():
    try:
        await asyncio.create_subprocess_exec("/no/such/program")
    except OSError:
        traceback.print_exc()
    loop = asyncio.get_running_loop()
    try:
        await loop.subprocess_exec(asyncio.SubprocessProtocol, "/no/such/program")
    except OSError:
        traceback.print_exc()
    try:
        await asyncio.create_subprocess_exec(1)
    except TypeError:
        traceback.print_exc()
    await asyncio.create_subprocess_shell("x", cwd="/no/such/folder")


asyncio.run(main())
