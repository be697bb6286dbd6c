"""What any function of a program may do: make futures, tasks and callbacks, act on them, ask, forget, and do what is odd."""

from __future__ import annotations

from maker import ERRORS, Maker, action
from tree import Op

_NO_ERRORS = ("None", "3", "'text'", "int", "object()")
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

# Making futures and tasks


@action(5)
def _future(make: Maker, depth: int) -> Op:
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


@action(2)
def _gathered(make: Maker, depth: int) -> Op:
    op = make.many(
        depth,
        make.pick(
            "asyncio.gather(*[{parts}])", "asyncio.gather(*[{parts}], return_exceptions=True)"
        ),
    )
    op.text, op.form = f"v.{make.new('f')} = {op.text}", "statement"
    return op


@action(8)
def spawn(make: Maker, depth: int) -> Op:
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


@action(1)
def _spawn_generator(make: Maker, depth: int) -> Op:
    made = make.function("generator", depth, "t")
    thing = make.one("ft")
    return Op(
        f"v.{made.name} = asyncio.Task({made.name}(), loop=loop); v.through = {thing}",
        "statement",
        defs=[made],
    )


@action(1)
def _same_coroutine_twice(make: Maker, depth: int) -> Op:
    made = make.coroutine(depth)
    name = make.new("t")
    return Op(
        f"twice = {made.name}(); v.{name} = loop.create_task(twice); loop.create_task(twice)",
        "statement",
        defs=[made],
    )


@action(1)
def _from_elsewhere(make: Maker, depth: int) -> Op:
    made = make.coroutine(depth)
    name = make.new("f")
    text = make.pick(
        f"asyncio.wrap_future(asyncio.run_coroutine_threadsafe({made.name}(), loop))",
        "loop.run_in_executor(WaitedFor(), int, '7')",
        "loop.run_in_executor(WaitedFor(), int, 'x')",
    )
    return Op(f"v.{name} = {text}", "statement", defs=[made] if made.name in text else [])


# Acting on them


@action(5)
def _set_result(make: Maker, depth: int) -> Op:
    return Op(f"{make.one('f' if make.chance(0.9) else 't')}.set_result({make.pick(*_VALUES)})")


@action(5)
def _set_exception(make: Maker, depth: int) -> Op:
    error = make.pick(*_NO_ERRORS) if make.chance(0.1) else make.error()
    return Op(f"{make.one('f' if make.chance(0.9) else 't')}.set_exception({error})")


@action(6)
def _cancel(make: Maker, depth: int) -> Op:
    return Op(f"{make.one('ttf')}.cancel({make.message()})")


@action(3)
def _ask(make: Maker, depth: int) -> Op:
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


@action(3)
def _ask_task(make: Maker, depth: int) -> Op:
    question = make.pick(
        *("cancelling()", "uncancel()", "get_name()", "set_name('named')", "get_coro() is None"),
        *("_must_cancel", "_fut_waiter", "_log_destroy_pending", "get_context().get(var)"),
        "_fut_waiter is None",
    )
    return Op(f"{make.one('t')}.{question}")


@action(1)
def _stack(make: Maker, depth: int) -> Op:
    return Op(f"frames({make.one('t')}.get_stack())")


@action(3)
def _repr(make: Maker, depth: int) -> Op:
    return Op(f"repr({make.one('ft')})")


@action(2)
def _who(make: Maker, depth: int) -> Op:
    return Op(
        make.pick(
            "asyncio.current_task(loop)",
            "all_tasks(loop)",
            "asyncio.current_task()",
            "all_tasks()",
        )
    )


@action(4)
def _done_callback(make: Maker, depth: int) -> Op:
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


@action(2)
def _again_callback(make: Maker, depth: int) -> Op:
    what = make.pick("add", "remove", "remove")
    return Op(f"{make.one('ft')}.{what}_done_callback({make.one('c')})")


@action(1)
def _bound_callback(make: Maker, depth: int) -> Op:
    """Futures as each other's callbacks."""
    return Op(
        f"{make.one('ft')}.add_done_callback({make.one('ft')}.{make.pick('cancel', 'set_result', 'remove_done_callback')})"
    )


@action(4)
def _call_soon(make: Maker, depth: int) -> Op:
    made = make.function("plain", depth)
    how = make.pick(
        *["loop.call_soon({c}, 1)"] * 3,
        *("loop.call_soon({c}, 1, context=v.x1)", "loop.call_soon_threadsafe({c}, 1)"),
        *["loop.call_later({d}, {c}, 2)"] * 3,
        *("loop.call_at(loop.time() + {d}, {c})", "loop.call_soon(Equal({c}))"),
    )
    how = how.replace("{c}", made.name).replace("{d}", make.delay())
    return Op(f"v.{made.name} = {made.name}; v.{make.new('h')} = {how}", "statement", defs=[made])


@action(1)
def _call_method(make: Maker, depth: int) -> Op:
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


@action(2)
def _handle(make: Maker, depth: int) -> Op:
    return Op(
        f"{make.one('h')}.{make.pick('cancel()', 'cancel()', 'cancel()', 'cancelled()', '__repr__()', '__class__.__name__')}"
    )


@action(1)
def _queues_of_loop(make: Maker, depth: int) -> Op:
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


@action(1)
def _thread(make: Maker, depth: int) -> Op:
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


@action(2)
def _variable(make: Maker, depth: int) -> Op:
    return Op(make.pick(f"var.set({make.random.randint(1, 9)}) and None", "var.get()"))


@action(1)
def _context(make: Maker, depth: int) -> Op:
    name = make.new("x")
    return Op(
        f"v.{name} = contextvars.copy_context(); v.{name}.run(var.set, {name!r})", "statement"
    )


@action(1)
def _in_context(make: Maker, depth: int) -> Op:
    made = make.function("plain", depth)
    return Op(f"v.x1.run({made.name})", defs=[made])


@action(2)
def _collect(make: Maker, depth: int) -> Op:
    return Op("with collecting(): pass", "statement")


@action(3)
def _forget(make: Maker, depth: int) -> Op:
    return Op(f"with collecting(): del {make.one('ftfthag')}", "statement")


@action(1)
def _weakly(make: Maker, depth: int) -> Op:
    name = make.new("w")
    return Op(f"v.{name} = weakref.ref({make.one('ft')})", "statement")


@action(1)
def _ring(make: Maker, depth: int) -> Op:
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


@action(1)
def _raise(make: Maker, depth: int) -> Op:
    return Op(f"raise {make.error()}", "statement")


@action(1)
def _return(make: Maker, depth: int) -> Op:
    return Op("if 1: return", "statement")


@action(1)
def _by_hand(make: Maker, depth: int) -> Op:
    # What comes before the first send(), and after the last, is a generator's own matter.
    error = make.pick(*(error for error in ERRORS if "StopI" not in error))
    moves = ["None", make.pick("None", "'close'", error)] if make.chance(0.7) else ["'close'"]
    return Op(f"by_hand({make.one('ft')}, {{parts}})", parts=list(moves))


@action(1)
def _odd(make: Maker, depth: int) -> Op:
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


@action(2)
def _let_go(make: Maker, depth: int) -> Op:
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
