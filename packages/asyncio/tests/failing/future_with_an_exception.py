import asyncio


async def main():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_exception, ValueError("of the future"))
    await future


asyncio.run(main())
