"""What a coroutine of a program may wait for, and in which ways."""

from __future__ import annotations

from maker import Maker, waiting
from tree import Op

_BAD_YIELDS = (
    "1",
    "None",
    "None",
    "'text'",
    "object()",
    "(x for x in ())",
    "v.f1",
    "v",
    "blocking(v.f1)",
)
_CONDITIONS = ("ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION")


@waiting(2)
def _line(make: Maker, depth: int) -> Op:
    return Op(
        "await "
        + make.pick(
            *("v.lock.acquire()", "v.event.wait()", "v.semaphore.acquire()", "v.queue.put(2)"),
            *(
                "v.queue.get()",
                "v.queue.join()",
                "asyncio.wait_for(v.queue.get(), 0)",
                "v.barrier.wait()",
            ),
        )
    )


@waiting(2)
def _locked(make: Maker, depth: int) -> Op:
    head = make.pick("async with v.lock:", "async with v.semaphore:", "async with v.condition:")
    block = make.body("async", depth + 1, 3)
    if "condition" in head:
        block.append(Op("await v.condition.wait()", guard=make.guard()))
    return Op(head, "block", block=block)


# Waiting


@waiting(6)
def _await_one(make: Maker, depth: int) -> Op:
    return Op(f"await {make.one('ft')}")


@waiting(5)
def _sleep(make: Maker, depth: int) -> Op:
    return Op(f"await asyncio.sleep({make.pick('0', '0', '0', make.delay())})")


@waiting(2)
def _await_coroutine(make: Maker, depth: int) -> Op:
    made = make.coroutine(depth)
    return Op(f"await {made.name}()", defs=[made])


@waiting(3)
def _shield(make: Maker, depth: int) -> Op:
    defs, one = make.awaitable(depth)
    return Op(f"await asyncio.shield({one})", defs=defs)


@waiting(3)
def _gather(make: Maker, depth: int) -> Op:
    return make.many(
        depth,
        make.pick(
            "await asyncio.gather(*[{parts}])",
            "await asyncio.gather(*[{parts}], return_exceptions=True)",
        ),
    )


@waiting(3)
def _wait(make: Maker, depth: int) -> Op:
    timeout = make.pick("", "", f", timeout={make.delay()}")
    condition = make.pick("", f", return_when=asyncio.{make.pick(*_CONDITIONS)}")
    parts = [make.one("ft") for _ in range(make.random.randint(1, 4))]
    return Op(f"await asyncio.wait([{{parts}}]{timeout}{condition})", parts=parts)


@waiting(3)
def _wait_for(make: Maker, depth: int) -> Op:
    defs, one = make.awaitable(depth)
    return Op(
        f"await asyncio.wait_for({one}, {make.pick(make.delay(), make.delay(), 'None')})", defs=defs
    )


@waiting(3)
def _timeout(make: Maker, depth: int) -> Op:
    head = f"async with asyncio.timeout({make.pick(make.delay(), make.delay(), 'None')}) as limit:"
    block = make.body("async", depth + 1, 3)
    if make.chance(0.3):
        text = make.pick(
            f"limit.reschedule(loop.time() + {make.delay()})",
            "limit.expired()",
            "limit.reschedule(None)",
        )
        block.append(Op(text, guard=make.guard()))
    return Op(head, "block", block=block)


@waiting(3)
def _group(make: Maker, depth: int) -> Op:
    block = []
    for _ in range(make.random.randint(1, 3)):
        made = make.function("async", depth, "t")
        block.append(
            Op(
                f"v.{made.name} = v.group.create_task({made.name}())",
                "statement",
                defs=[made],
                guard=make.guard(),
            )
        )
    block += make.body("async", depth + 1, 2)
    return Op("async with asyncio.TaskGroup() as v.group:", "block", block=block)


@waiting(2)
def _as_completed(make: Maker, depth: int) -> Op:
    # They are kept in a set: of two coroutines, which one starts first would be anybody's guess.
    defs, one = make.awaitable(depth)
    parts = [one, *([make.one("ft")] if make.chance(0.6) else [])]
    timeout = make.pick("", "", f", timeout={make.delay()}")
    if make.chance(0.5):
        head = f"async for done in asyncio.as_completed([{{parts}}]{timeout}):"
        inner = Op("done", guard=make.guard())
    else:
        head = f"for done in asyncio.as_completed([{{parts}}]{timeout}):"
        inner = Op("await done", guard=make.guard())
    return Op(head, "block", defs=defs, block=[inner], parts=parts)


@waiting(2)
def _over_generator(make: Maker, depth: int) -> Op:
    made = make.function("asyncgen", depth, "g")
    block = [Op("item", guard=make.guard()), *make.body("async", depth + 1, 1)]
    if make.chance(0.5):
        block.append(Op("break", "bare"))
    name = make.new("a")
    return Op(
        f"v.{name} = {made.name}()\nasync for item in v.{name}:", "block", defs=[made], block=block
    )


@waiting(1)
def _generator_by_hand(make: Maker, depth: int) -> Op:
    move = make.pick(
        "asend(None)", "asend(3)", "aclose()", f"athrow({make.error()})", "__anext__()"
    )
    return Op(f"await {make.one('a')}.{move}")


@waiting(1)
def _repeat(make: Maker, depth: int) -> Op:
    return Op(
        f"for _ in range({make.random.randint(2, 5)}):",
        "block",
        block=make.body("async", depth + 1, 2),
    )


@waiting(2)
def _bad_yield(make: Maker, depth: int) -> Op:
    values = [make.pick(*_BAD_YIELDS, make.one("ft")) for _ in range(make.random.randint(1, 2))]
    return Op("await Yielding({parts})", parts=values)


@waiting(1)
def _self(make: Maker, depth: int) -> Op:
    return Op(
        make.pick(
            "await asyncio.current_task()",
            "asyncio.current_task().cancel('by itself')",
            "await Through(asyncio.current_task())",
        )
    )


@waiting(1)
def _to_thread(make: Maker, depth: int) -> Op:
    return Op(
        make.pick(
            "await asyncio.to_thread(int, '3')",
            "await asyncio.to_thread(int, 'x')",
            "await asyncio.to_thread(var.get)",
        )
    )


@waiting(1)
def _finally(make: Maker, depth: int) -> Op:
    """A clean-up that waits."""
    return Op("async with cleaning(log):", "block", block=make.body("async", depth + 1, 3))
