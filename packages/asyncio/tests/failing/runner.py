import asyncio
import traceback


async def main():
    raise ValueError("of main")


with asyncio.Runner() as runner:
    try:
        runner.run(main())
    except ValueError:
        traceback.print_exc()
    try:
        runner.run(main)
    except (TypeError, ValueError):
        traceback.print_exc()
    runner.run(main())
