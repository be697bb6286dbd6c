"""Random programs: the same seed makes the same one, on every Python and whatever runs it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import loops
from tree import GUARDS, Def, Op, Program

if TYPE_CHECKING:
    from collections.abc import Callable

_ERRORS = (
    *("ValueError('e')", "Custom(1, 2)", "Custom", "KeyError", "TimeoutError()", "OSError(9, 'x')"),
    *("asyncio.CancelledError('m')", "asyncio.CancelledError", "Stop('s')", "StopIteration(1)"),
    *("StopIteration", "StopAsyncIteration()", "GeneratorExit()", "RuntimeError('r')"),
    *("ExceptionGroup('g', [ValueError(1)])", "asyncio.InvalidStateError()", "AttributeError('a')"),
)
_NO_ERRORS = ("None", "3", "'text'", "int", "object()")
_ENDING = ("KeyboardInterrupt()", "SystemExit(3)")
_VALUES = (
    "None",
    "1",
    "'r'",
    "()",
    "[v]",
    "StopIteration(5)",
    "(1, 2)",
    "ValueError('as a value')",
)
_MESSAGES = ("", "'m'", "None", "msg='k'", "3", "ValueError('m')")
_SURE_DELAYS = ("0", "0", "-1", "0.0", "3600", "-2", "7200", "True")
_DELAYS = (*_SURE_DELAYS, "0.1", "0.1", "0.2", "0.25", "1", "1.5", "10", "1e-12")
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


class _Maker:
    """Makes the operations of one program."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.virtual = False
        self._counts = dict.fromkeys("ftchagkxw", 0)
        # What the program has so far, by kind; a name may be used before it is there, or never be.
        self._known: dict[str, list[str]] = {kind: [] for kind in self._counts}
        self._budget = self.random.choice((4, 8, 16, 30, 45, 60))

    # Names

    def new(self, kind: str) -> str:
        self._counts[kind] += 1
        name = f"{kind}{self._counts[kind]}"
        self._known[kind].append(name)
        return name

    def one(self, kinds: str) -> str:
        """Return `v.NAME` of something of one of these kinds, newer ones more often."""
        names = [name for kind in kinds for name in self._known[kind]]
        if not names:
            return f"v.{kinds[0]}1"
        if self.random.random() < 0.4:
            names = names[-3:]
        return "v." + self.random.choice(names)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def delay(self) -> str:
        return self.random.choice(_DELAYS if self.virtual else _SURE_DELAYS)

    def error(self) -> str:
        if self.chance(0.03):
            return self.random.choice(_ENDING)
        return self.random.choice(_ERRORS)

    def message(self) -> str:
        return self.random.choice(_MESSAGES)

    # Bodies

    def body(self, kind: str, depth: int, most: int = 6) -> list[Op]:
        ops = []
        if depth > 3:
            most = 1
        for _ in range(self.random.randint(1, most)):
            if self._budget <= 0 or depth > 5:
                break
            self._budget -= 1
            ops.append(self.operation(kind, depth))
        if kind == "asyncgen":
            ops.insert(
                self.random.randint(0, len(ops)), Op("yield 1", "statement", guard=self.guard())
            )
        return ops

    def guard(self) -> str:
        return self.random.choice(GUARDS)

    def operation(self, kind: str, depth: int) -> Op:
        tables = [_ACTIONS]
        if kind in ("async", "asyncgen"):
            tables.append(_AWAITS)
        op = self.random.choice(self.random.choice(tables))(self, depth)
        op.guard = self.guard()
        return op

    def function(self, kind: str, depth: int, letter: str = "c", most: int = 5) -> Def:
        name = self.new(letter)
        return Def(name, kind, self.body(kind, depth + 1, most))

    def coroutine(self, depth: int) -> Def:
        return self.function("async", depth, "k")

    def awaitables(self, depth: int, most: int = 4) -> tuple[list[Def], list[str]]:
        """Return functions and expressions for several things to wait for."""
        defs: list[Def] = []
        parts = []
        for _ in range(self.random.randint(0 if self.chance(0.1) else 1, most)):
            if self.chance(0.3):
                defs.append(self.coroutine(depth))
                parts.append(f"{defs[-1].name}()")
            else:
                parts.append(self.thing())
        return defs, parts

    def thing(self) -> str:
        thing = self.one("ft")
        if self.chance(0.1):
            return f"asyncio.shield({thing})"
        if self.chance(0.05):
            return f"Through({thing})"
        return thing

    def awaitable(self, depth: int) -> tuple[list[Def], str]:
        defs, parts = self.awaitables(depth, 1)
        return defs, parts[0] if parts else "asyncio.sleep(0)"

    def many(self, depth: int, text: str, form: str = "value") -> Op:
        defs, parts = self.awaitables(depth)
        return Op(text, form, defs=defs, parts=parts)


_ACTIONS: list[Callable[[_Maker, int], Op]] = []
_AWAITS: list[Callable[[_Maker, int], Op]] = []


def _table(
    table: list[Callable[[_Maker, int], Op]], weight: int
) -> Callable[[Callable[[_Maker, int], Op]], Callable[[_Maker, int], Op]]:
    def enter(make: Callable[[_Maker, int], Op]) -> Callable[[_Maker, int], Op]:
        table.extend([make] * weight)
        return make

    return enter


# Making futures and tasks


@_table(_ACTIONS, 5)
def _future(make: _Maker, depth: int) -> Op:
    text = make.pick(
        *["loop.create_future()"] * 6,
        *["asyncio.Future()"] * 2,
        *(
            "asyncio.Future(loop=loop)",
            "SubFuture(loop=loop)",
            "LoudFuture(loop=loop)",
            "Duck(loop)",
        ),
        "other_loop.create_future()",
        "asyncio.shield({x})",
    ).replace("{x}", make.one("ft"))
    return Op(f"v.{make.new('f')} = {text}", "statement")


@_table(_ACTIONS, 2)
def _gathered(make: _Maker, depth: int) -> Op:
    op = make.many(
        depth,
        make.pick(
            "asyncio.gather(*[{parts}])", "asyncio.gather(*[{parts}], return_exceptions=True)"
        ),
    )
    op.text, op.form = f"v.{make.new('f')} = {op.text}", "statement"
    return op


@_table(_ACTIONS, 8)
def _spawn(make: _Maker, depth: int) -> Op:
    made = make.function("async", depth, "t", 7)
    name = made.name
    text = make.pick(
        *["asyncio.create_task({t}())"] * 6,
        *(
            "asyncio.create_task({t}(), name='n')",
            "loop.create_task({t}())",
            "asyncio.ensure_future({t}())",
        ),
        *(
            "asyncio.Task({t}(), loop=loop)",
            "SubTask({t}(), loop=loop)",
            "LoudTask({t}(), loop=loop)",
        ),
        "asyncio.create_task({t}(), context=contextvars.copy_context())",
        "asyncio.create_task({t}(), context=v.x1)",
        *["asyncio.Task({t}(), loop=loop, eager_start=True)"] * 2,
        "SubTask({t}(), loop=loop, eager_start=True)",
        "asyncio.Task({t}(), loop=loop, eager_start=True, context=v.x1)",
        "asyncio.ensure_future(Through({t}()))",
        "loop.create_task({t}(), name=3)",
    ).replace("{t}", name)
    keep = "" if make.chance(0.07) else f"v.{name} = "
    return Op(f"{keep}{text}", "statement", defs=[made])


@_table(_ACTIONS, 1)
def _spawn_generator(make: _Maker, depth: int) -> Op:
    made = make.function("generator", depth, "t")
    thing = make.one("ft")
    return Op(
        f"v.{made.name} = asyncio.Task({made.name}(), loop=loop); v.through = {thing}",
        "statement",
        defs=[made],
    )


@_table(_ACTIONS, 1)
def _same_coroutine_twice(make: _Maker, depth: int) -> Op:
    made = make.coroutine(depth)
    name = make.new("t")
    return Op(
        f"twice = {made.name}(); v.{name} = loop.create_task(twice); loop.create_task(twice)",
        "statement",
        defs=[made],
    )


@_table(_ACTIONS, 1)
def _from_elsewhere(make: _Maker, depth: int) -> Op:
    made = make.coroutine(depth)
    name = make.new("f")
    text = make.pick(
        f"asyncio.wrap_future(asyncio.run_coroutine_threadsafe({made.name}(), loop))",
        "loop.run_in_executor(WaitedFor(), int, '7')",
        "loop.run_in_executor(WaitedFor(), int, 'x')",
    )
    return Op(f"v.{name} = {text}", "statement", defs=[made] if made.name in text else [])


# Acting on them


@_table(_ACTIONS, 5)
def _set_result(make: _Maker, depth: int) -> Op:
    return Op(f"{make.one('f' if make.chance(0.9) else 't')}.set_result({make.pick(*_VALUES)})")


@_table(_ACTIONS, 5)
def _set_exception(make: _Maker, depth: int) -> Op:
    error = make.pick(*_NO_ERRORS) if make.chance(0.1) else make.error()
    return Op(f"{make.one('f' if make.chance(0.9) else 't')}.set_exception({error})")


@_table(_ACTIONS, 6)
def _cancel(make: _Maker, depth: int) -> Op:
    return Op(f"{make.one('ttf')}.cancel({make.message()})")


@_table(_ACTIONS, 3)
def _ask(make: _Maker, depth: int) -> Op:
    question = make.pick(
        *(
            "result()",
            "exception()",
            "done()",
            "cancelled()",
            "get_loop() is loop",
            "_log_traceback",
        ),
        *(
            "_state",
            "_asyncio_awaited_by",
            "_asyncio_future_blocking",
            "__await__().__class__.__name__[:0]",
        ),
    )
    return Op(f"{make.one('ft')}.{question}")


@_table(_ACTIONS, 3)
def _ask_task(make: _Maker, depth: int) -> Op:
    question = make.pick(
        *("cancelling()", "uncancel()", "get_name()", "set_name('named')", "get_coro() is None"),
        *("_must_cancel", "_fut_waiter", "_log_destroy_pending", "get_context().get(var)"),
        "_fut_waiter is None",
    )
    return Op(f"{make.one('t')}.{question}")


@_table(_ACTIONS, 1)
def _stack(make: _Maker, depth: int) -> Op:
    return Op(f"frames({make.one('t')}.get_stack())")


@_table(_ACTIONS, 3)
def _repr(make: _Maker, depth: int) -> Op:
    return Op(f"repr({make.one('ft')})")


@_table(_ACTIONS, 2)
def _who(make: _Maker, depth: int) -> Op:
    return Op(
        make.pick(
            "asyncio.current_task(loop)",
            "all_tasks(loop)",
            "asyncio.current_task()",
            "all_tasks()",
        )
    )


@_table(_ACTIONS, 4)
def _done_callback(make: _Maker, depth: int) -> Op:
    made = make.function("plain", depth)
    call = make.pick(*["{c}"] * 4, "Equal({c})", "functools.partial({c}, 1)").replace(
        "{c}", made.name
    )
    context = make.pick(*[""] * 5, ", context=contextvars.copy_context()", ", context=v.x1")
    return Op(
        f"v.{made.name} = {call}; {make.one('ft')}.add_done_callback(v.{made.name}{context})",
        "statement",
        defs=[made],
    )


@_table(_ACTIONS, 2)
def _again_callback(make: _Maker, depth: int) -> Op:
    what = make.pick("add", "remove", "remove")
    return Op(f"{make.one('ft')}.{what}_done_callback({make.one('c')})")


@_table(_ACTIONS, 1)
def _bound_callback(make: _Maker, depth: int) -> Op:
    """Futures as each other's callbacks."""
    return Op(
        f"{make.one('ft')}.add_done_callback({make.one('ft')}.{make.pick('cancel', 'set_result', 'remove_done_callback')})"
    )


@_table(_ACTIONS, 4)
def _call_soon(make: _Maker, depth: int) -> Op:
    made = make.function("plain", depth)
    how = make.pick(
        *["loop.call_soon({c}, 1)"] * 3,
        *("loop.call_soon({c}, 1, context=v.x1)", "loop.call_soon_threadsafe({c}, 1)"),
        *["loop.call_later({d}, {c}, 2)"] * 3,
        *("loop.call_at(loop.time() + {d}, {c})", "loop.call_soon(Equal({c}))"),
    )
    how = how.replace("{c}", made.name).replace("{d}", make.delay())
    return Op(f"v.{made.name} = {made.name}; v.{make.new('h')} = {how}", "statement", defs=[made])


@_table(_ACTIONS, 1)
def _call_method(make: _Maker, depth: int) -> Op:
    method = make.pick(
        "cancel",
        "set_result, 5",
        "set_exception, ValueError('later')",
        "uncancel",
        "result",
        "set_name, 4",
    )
    how = make.pick("call_soon(", "call_soon_threadsafe(", f"call_later({make.delay()}, ")
    return Op(f"v.{make.new('h')} = loop.{how}{make.one('ft')}.{method})", "statement")


@_table(_ACTIONS, 2)
def _handle(make: _Maker, depth: int) -> Op:
    return Op(
        f"{make.one('h')}.{make.pick('cancel()', 'cancel()', 'cancel()', 'cancelled()', '__repr__()', '__class__.__name__')}"
    )


@_table(_ACTIONS, 1)
def _queues_of_loop(make: _Maker, depth: int) -> Op:
    return Op(
        make.pick(
            *(
                "len(loop._ready)",
                "[handle.cancelled() for handle in loop._ready]",
                "len(loop._scheduled)",
            ),
            *("[handle.cancelled() for handle in sorted(loop._scheduled)]", "list(loop._ready)"),
        )
    )


@_table(_ACTIONS, 1)
def _thread(make: _Maker, depth: int) -> Op:
    made = make.function("plain", depth)
    act = make.pick(
        "loop.call_soon_threadsafe({c}, 'from a thread')",
        "loop.call_soon_threadsafe({f}.set_result, 6)",
        "loop.call_soon_threadsafe({t}.cancel)",
        "loop.call_soon_threadsafe({c}).cancel()",
        "{c}('in a thread')",
    )
    act = act.replace("{c}", made.name).replace("{f}", make.one("f")).replace("{t}", make.one("t"))
    return Op(
        f"in_thread(lambda: log('thread', {act}))",
        "statement",
        defs=[made] if made.name in act else [],
    )


@_table(_ACTIONS, 2)
def _variable(make: _Maker, depth: int) -> Op:
    return Op(make.pick(f"var.set({make.random.randint(1, 9)}) and None", "var.get()"))


@_table(_ACTIONS, 1)
def _context(make: _Maker, depth: int) -> Op:
    name = make.new("x")
    return Op(
        f"v.{name} = contextvars.copy_context(); v.{name}.run(var.set, {name!r})", "statement"
    )


@_table(_ACTIONS, 1)
def _in_context(make: _Maker, depth: int) -> Op:
    made = make.function("plain", depth)
    return Op(f"v.x1.run({made.name})", defs=[made])


@_table(_ACTIONS, 2)
def _collect(make: _Maker, depth: int) -> Op:
    return Op("with collecting(): pass", "statement")


@_table(_ACTIONS, 3)
def _forget(make: _Maker, depth: int) -> Op:
    return Op(f"with collecting(): del {make.one('ftfthag')}", "statement")


@_table(_ACTIONS, 1)
def _weakly(make: _Maker, depth: int) -> Op:
    name = make.new("w")
    return Op(f"v.{name} = weakref.ref({make.one('ft')})", "statement")


@_table(_ACTIONS, 1)
def _ring(make: _Maker, depth: int) -> Op:
    """Things that lead to themselves."""
    return Op(
        make.pick(
            "{x}.add_done_callback(lambda _, keep={x}: None)",
            "{x}.itself = {y}",
            "var.set({x}) and None",
        )
        .replace("{x}", make.one("ft"))
        .replace("{y}", make.one("ft")),
        "statement",
    )


@_table(_ACTIONS, 1)
def _raise(make: _Maker, depth: int) -> Op:
    return Op(f"raise {make.error()}", "statement")


@_table(_ACTIONS, 1)
def _return(make: _Maker, depth: int) -> Op:
    return Op("if 1: return", "statement")


@_table(_ACTIONS, 1)
def _by_hand(make: _Maker, depth: int) -> Op:
    # What comes before the first send(), and after the last, is a generator's own matter.
    error = make.pick(*(error for error in _ERRORS if "StopI" not in error))
    moves = ["None", make.pick("None", "'close'", error)] if make.chance(0.7) else ["'close'"]
    return Op(f"by_hand({make.one('ft')}, {{parts}})", parts=list(moves))


@_table(_ACTIONS, 1)
def _odd(make: _Maker, depth: int) -> Op:
    """What nobody ought to do."""
    text = make.pick(
        *("loop.run_until_complete({x})", "loop.run_forever()", "loop.close()", "loop.stop()"),
        *("{f}.__init__(loop=loop)", "{t}.__init__(asyncio.sleep(0), loop=loop)", "{x}.__del__()"),
        *(
            "{x}._make_cancelled_error()",
            "{x}.__class__.__name__",
            "setattr({x}, '_log_traceback', True)",
        ),
        *("setattr({x}, '_log_traceback', False)", "setattr({t}, '_log_destroy_pending', False)"),
        *("setattr({x}, '_asyncio_future_blocking', True)", "setattr({x}, 'tag', 1)", "{x}.tag"),
        *(
            "asyncio.Task(3, loop=loop)",
            "asyncio.ensure_future(3)",
            "asyncio.shield(3)",
            "asyncio.gather(3)",
        ),
        *(
            "next(iter({x}))",
            "{x}._callbacks or None",
            "asyncio.isfuture({x})",
            "asyncio.Future(loop=3)",
        ),
        *(
            "loop.set_debug(True)",
            "loop.set_debug(False)",
            "asyncio._enter_task(loop, {t})",
            "asyncio._leave_task(loop, {t})",
        ),
        *(
            "asyncio.tasks._swap_current_task(loop, asyncio.current_task(loop))",
            "loop.call_later(None, print)",
        ),
        *(
            "hash({x}) and None",
            "{x} == {x}",
            "loop.is_running()",
        ),
        *(
            "asyncio.future_add_to_awaited_by({x}, {t})",
            "asyncio.future_discard_from_awaited_by({x}, {t})",
        ),
        *("asyncio.Handle(print, (), loop).cancel()", "loop.time() and None"),
        "loop.set_task_factory({factory})",
    )
    factory = make.pick(
        "None",
        "asyncio.eager_task_factory",
        "lambda loop, coro, **k: SubTask(coro, loop=loop, **k)",
    )
    text = (
        text.replace("{x}", make.one("ft"))
        .replace("{t}", make.one("t"))
        .replace("{factory}", factory)
    )
    return Op(text.replace("asyncio._", "asyncio.tasks._"))


# Locks and their kin


@_table(_ACTIONS, 2)
def _let_go(make: _Maker, depth: int) -> Op:
    return Op(
        make.pick(
            *("v.lock.release()", "v.event.set()", "v.event.clear()", "v.semaphore.release()"),
            *(
                "v.queue.put_nowait(1)",
                "v.queue.get_nowait()",
                "v.queue.task_done()",
                "v.condition.notify()",
            ),
            *(
                "v.condition.notify_all()",
                "v.lock.locked()",
                "v.queue.qsize()",
                "repr(v.lock)",
                "repr(v.queue)",
            ),
        )
    )


@_table(_AWAITS, 2)
def _line(make: _Maker, depth: int) -> Op:
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


@_table(_AWAITS, 2)
def _locked(make: _Maker, depth: int) -> Op:
    head = make.pick("async with v.lock:", "async with v.semaphore:", "async with v.condition:")
    block = make.body("async", depth + 1, 3)
    if "condition" in head:
        block.append(Op("await v.condition.wait()", guard=make.guard()))
    return Op(head, "block", block=block)


# Waiting


@_table(_AWAITS, 6)
def _await_one(make: _Maker, depth: int) -> Op:
    return Op(f"await {make.one('ft')}")


@_table(_AWAITS, 5)
def _sleep(make: _Maker, depth: int) -> Op:
    return Op(f"await asyncio.sleep({make.pick('0', '0', '0', make.delay())})")


@_table(_AWAITS, 2)
def _await_coroutine(make: _Maker, depth: int) -> Op:
    made = make.coroutine(depth)
    return Op(f"await {made.name}()", defs=[made])


@_table(_AWAITS, 3)
def _shield(make: _Maker, depth: int) -> Op:
    defs, one = make.awaitable(depth)
    return Op(f"await asyncio.shield({one})", defs=defs)


@_table(_AWAITS, 3)
def _gather(make: _Maker, depth: int) -> Op:
    return make.many(
        depth,
        make.pick(
            "await asyncio.gather(*[{parts}])",
            "await asyncio.gather(*[{parts}], return_exceptions=True)",
        ),
    )


@_table(_AWAITS, 3)
def _wait(make: _Maker, depth: int) -> Op:
    timeout = make.pick("", "", f", timeout={make.delay()}")
    condition = make.pick("", f", return_when=asyncio.{make.pick(*_CONDITIONS)}")
    parts = [make.one("ft") for _ in range(make.random.randint(1, 4))]
    return Op(f"await asyncio.wait([{{parts}}]{timeout}{condition})", parts=parts)


@_table(_AWAITS, 3)
def _wait_for(make: _Maker, depth: int) -> Op:
    defs, one = make.awaitable(depth)
    return Op(
        f"await asyncio.wait_for({one}, {make.pick(make.delay(), make.delay(), 'None')})", defs=defs
    )


@_table(_AWAITS, 3)
def _timeout(make: _Maker, depth: int) -> Op:
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


@_table(_AWAITS, 3)
def _group(make: _Maker, depth: int) -> Op:
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


@_table(_AWAITS, 2)
def _as_completed(make: _Maker, depth: int) -> Op:
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


@_table(_AWAITS, 2)
def _over_generator(make: _Maker, depth: int) -> Op:
    made = make.function("asyncgen", depth, "g")
    block = [Op("item", guard=make.guard()), *make.body("async", depth + 1, 1)]
    if make.chance(0.5):
        block.append(Op("break", "bare"))
    name = make.new("a")
    return Op(
        f"v.{name} = {made.name}()\nasync for item in v.{name}:", "block", defs=[made], block=block
    )


@_table(_AWAITS, 1)
def _generator_by_hand(make: _Maker, depth: int) -> Op:
    move = make.pick(
        "asend(None)", "asend(3)", "aclose()", f"athrow({make.error()})", "__anext__()"
    )
    return Op(f"await {make.one('a')}.{move}")


@_table(_AWAITS, 1)
def _repeat(make: _Maker, depth: int) -> Op:
    return Op(
        f"for _ in range({make.random.randint(2, 5)}):",
        "block",
        block=make.body("async", depth + 1, 2),
    )


@_table(_AWAITS, 2)
def _bad_yield(make: _Maker, depth: int) -> Op:
    values = [make.pick(*_BAD_YIELDS, make.one("ft")) for _ in range(make.random.randint(1, 2))]
    return Op("await Yielding({parts})", parts=values)


@_table(_AWAITS, 1)
def _self(make: _Maker, depth: int) -> Op:
    return Op(
        make.pick(
            "await asyncio.current_task()",
            "asyncio.current_task().cancel('by itself')",
            "await Through(asyncio.current_task())",
        )
    )


@_table(_AWAITS, 1)
def _to_thread(make: _Maker, depth: int) -> Op:
    return Op(
        make.pick(
            "await asyncio.to_thread(int, '3')",
            "await asyncio.to_thread(int, 'x')",
            "await asyncio.to_thread(var.get)",
        )
    )


@_table(_AWAITS, 1)
def _finally(make: _Maker, depth: int) -> Op:
    """A clean-up that waits."""
    return Op("async with cleaning(log):", "block", block=make.body("async", depth + 1, 3))


def make_program(seed: int) -> Program:
    """Return the program of a seed."""
    make = _Maker(seed)
    options = {
        "loop": make.pick(*loops.KINDS),
        "debug": make.chance(0.1),
        "factory": make.pick(*["none"] * 6, "eager", "subclass", "loud"),
        "ticks": make.random.choice((0, 0, 20)),
        "handler": make.pick(*["log"] * 6, "default", "failing"),
        "ending": make.pick("cancel", "drop", "close", "close"),
    }
    make.virtual = options["loop"] == "virtual"
    for _ in range(2):
        make.new("f")
    first = [Op("v.f1 = loop.create_future(); v.f2 = loop.create_future()", "statement")]
    first.append(Op("v.x1 = contextvars.copy_context()", "statement"))
    first.append(Op("v.lock = asyncio.Lock(); v.event = asyncio.Event()", "statement"))
    first.append(
        Op("v.semaphore = asyncio.Semaphore(2); v.condition = asyncio.Condition()", "statement")
    )
    first.append(Op("v.queue = asyncio.Queue(1); v.barrier = asyncio.Barrier(2)", "statement"))
    make.new("x")
    first += [_spawn(make, 0) for _ in range(make.random.choice((0, 1, 2, 2, 3, 5)))]
    turns = make.random.choice((0, 2, 4, 8))
    last = Op(f"for _ in range({turns}):", "block", block=[Op("await asyncio.sleep(0)")])
    return Program(seed, options, [*first, *make.body("async", 0, 14), last])
