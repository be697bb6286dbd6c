"""Something is closed in two steps; who is cancelled between them leaves it half closed."""

import asyncio


class Connection:
    open = True

    async def close(self):
        await asyncio.sleep(1)  # sends what is left
        self.open = False


async def main():
    connection = Connection()
    closing = asyncio.create_task(connection.close())
    await asyncio.sleep(0)
    # Patience for as long as it takes, by the clock.
    await asyncio.sleep(1)
    closing.cancel()
    await asyncio.wait([closing])
    assert not connection.open


if __name__ == "__main__":
    asyncio.run(main())
