"""A balance is read, and written back after a wait: what was written meanwhile is lost."""

import asyncio


class Account:
    balance = 100

    async def deposit(self, amount):
        balance = self.balance
        await asyncio.sleep(1)  # asks somebody whether that is all right
        self.balance = balance + amount


async def main():
    account = Account()

    async def later():
        await asyncio.sleep(1)
        await account.deposit(10)

    # The second begins when the first is through, or so it seems.
    await asyncio.gather(account.deposit(5), later())
    assert account.balance == 115, account.balance


if __name__ == "__main__":
    asyncio.run(main())
