"""Two tasks ask over one connection, and each takes the next line for its own answer."""

import asyncio


async def answer(reader, writer):
    while question := await reader.readline():
        writer.write(b"answer to " + question)
    writer.close()


class Client:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def ask(self, question):
        self.writer.write(question + b"\n")
        return await self.reader.readline()


async def main():
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        client = Client(*await asyncio.open_connection(*server.sockets[0].getsockname()))

        async def ask(number):
            # One after the other, as nobody takes a second to answer.
            await asyncio.sleep(number * 0.001)
            question = b"question %d" % number
            assert await client.ask(question) == b"answer to " + question + b"\n"

        try:
            await asyncio.gather(*map(ask, range(4)))
        finally:
            client.writer.close()
            await client.writer.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
