import asyncio
import traceback


async def main():
    async with asyncio.timeout(60) as scope:
        try:
            async with scope:
                pass
        except RuntimeError:
            traceback.print_exc()
    try:
        scope.reschedule(1)
    except RuntimeError:
        traceback.print_exc()


asyncio.run(main())
