"""grpc.aio: calls of all four kinds, deadlines and cancelling. gRPC's own poller feeds the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from traffic import HOST, check, gone, many, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def upper(request: bytes, context: Any) -> bytes:
    await asyncio.sleep(0)
    if request == b"abort":
        await context.abort(grpc.StatusCode.NOT_FOUND, "nothing there")
    return request.upper()


async def count(request: bytes, context: Any) -> AsyncIterator[bytes]:
    for n in range(int(request)):
        yield b"%d" % n


async def join(requests: AsyncIterator[bytes], context: Any) -> bytes:
    return b",".join([request async for request in requests])


async def echo(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request[::-1]


async def never(request: bytes, context: Any) -> bytes:
    await asyncio.Event().wait()
    return b""


async def main() -> None:
    server = grpc.aio.server()
    handlers = {
        "Upper": grpc.unary_unary_rpc_method_handler(upper),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Join": grpc.stream_unary_rpc_method_handler(join),
        "Echo": grpc.stream_stream_rpc_method_handler(echo),
        "Never": grpc.unary_unary_rpc_method_handler(never),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", handlers),))
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"{HOST}:{port}") as channel:

        async def one(n: int) -> None:
            check(await channel.unary_unary("/test.Test/Upper")(b"abc %d" % n), b"ABC %d" % n)
            answers = channel.unary_stream("/test.Test/Count")(b"%d" % n)
            check([part async for part in answers], [b"%d" % k for k in range(n)])

            async def numbers() -> AsyncIterator[bytes]:
                for k in range(n):
                    yield b"%d" % k

            expected = b",".join(b"%d" % k for k in range(n))
            check(await channel.stream_unary("/test.Test/Join")(numbers()), expected)
            call = channel.stream_stream("/test.Test/Echo")()
            for k in range(20):
                await call.write(b"ab %d" % k)
                check(await call.read(), (b"ab %d" % k)[::-1])
            await call.done_writing()
            check(await call.read(), grpc.aio.EOF)

        await many(50, one)
        for method, timeout, code in (
            ("Upper", 10, grpc.StatusCode.NOT_FOUND),
            ("Never", 0.05, grpc.StatusCode.DEADLINE_EXCEEDED),
        ):
            try:
                await channel.unary_unary(f"/test.Test/{method}")(b"abort", timeout=timeout)
            except grpc.aio.AioRpcError as error:
                check(error.code(), code)
        pending = channel.unary_unary("/test.Test/Never")(b"")
        asyncio.get_running_loop().call_soon(pending.cancel)
        try:
            await pending
        except asyncio.CancelledError:
            check(pending.cancelled(), True)
    await server.stop(0)
    poller = [task for task in asyncio.all_tasks() if "poll" in repr(task.get_coro())]
    await gone(*poller)


run(main, "grpcio")
