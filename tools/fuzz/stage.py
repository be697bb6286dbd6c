"""Where a program runs: its loop, the names it uses, and the log of all that can be seen of it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import functools
import gc
import logging
import re
import sys
import threading
import types
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import loops
import props
from showing import PROGRAM, Showing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterator

    from tree import Program

#: How often a run that something ended is taken up again.
_RUNS = 6
#: Who waits for a task, in its repr, where that ends.
_WAITED_FOR = re.compile(r" cb=\[[^\]]*\](?=>$)")
#: What is logged when something is gone.
_END = re.compile("was never retrieved|was destroyed but|was never awaited|GeneratorExit")
#: … and in what state what belonged to it was then.
_HOW_FAR = re.compile(rf" (?:running|done, defined) at (?:{PROGRAM}:\d+|[\w.]+)")
#: As many lines are enough; a callback that adds itself again and again would write for ever.
_MOST_LINES = 1500


class _Names:
    """What a program has, by name: as attributes, which lie in a dictionary of their own.

    In that of the object they would not do: Python 3.13.0 may leave alive what was in there.
    """

    __slots__ = ("things",)
    things: dict[str, Any]

    def __init__(self) -> None:
        object.__setattr__(self, "things", {})

    def __repr__(self) -> str:
        return "v"

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name not in self.things:
                raise AttributeError(f"there is no {name}")
            return self.things[name]

        def __setattr__(self, name, value):
            self.things[name] = value

        def __delattr__(self, name):
            self.__getattr__(name)
            del self.things[name]


async def _nothing() -> None:
    pass


class Stage:
    """One run of one program; `lines` is its log."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.lines: list[str] = []
        self.names = _Names()
        self._options = options
        self._idle_count = 0
        self._collections = 0
        asyncio.set_event_loop(None)  # or what an earlier program did would matter
        self.loop = loops.make_loop(options["loop"], self._idle)
        self.other_loop = loops.make_loop("virtual", self._idle)
        self.loop.set_default_executor(props.WaitedFor())
        first = asyncio.Task(_nothing(), loop=self.loop)
        number = int(first.get_name().removeprefix("Task-"))
        self.loop.run_until_complete(first)
        self.showing = Showing(number, self.names.things)
        self.loop.set_debug(options["debug"])
        self.loop.slow_callback_duration = 1e9
        self._set_factory(options["factory"])
        if options["handler"] != "default":
            self.loop.set_exception_handler(self._handler)

    def _set_factory(self, kind: str) -> None:
        if kind == "eager" and hasattr(asyncio, "eager_task_factory"):
            self.loop.set_task_factory(asyncio.eager_task_factory)
        elif kind in ("subclass", "loud"):
            made = props.SubTask if kind == "subclass" else props.LoudTask
            self.loop.set_task_factory(lambda loop, coro, **more: made(coro, loop=loop, **more))

    # What programs call

    def log(self, label: str, *values: Any) -> None:
        self.lines.append(" ".join([label, *map(self.showing.value, values)]))
        if len(self.lines) > _MOST_LINES:
            self.loop.stop()

    def noted(self, label: str, passing: str = "") -> _Noted:
        return _Noted(self, label, passing)

    @contextlib.asynccontextmanager
    async def cleaning(self, log: Callable[..., None]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.sleep(0)
            log("cleaned")

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """Let go of things and collect garbage: in what order they end is up to memory, so the log is sorted."""
        first = len(self.lines)
        self._collections += 1
        try:
            yield
            gc.collect()
        finally:
            self._collections -= 1
            self.lines[first:] = sorted(self.lines[first:])

    def all_tasks(self, *loop: Any) -> set[Any] | None:
        """Return the tasks that there are; not in a destructor, where those that end with it may be among them."""
        return None if self._collections else asyncio.all_tasks(*loop)

    def through(self, log: Callable[..., None], label: str) -> Generator[Any, Any, Any]:
        """Wait in a generator, as coroutines were written once."""
        thing: Any = getattr(self.names, "through")  # noqa: B009 - named by programs only
        try:
            got = yield from thing
        except BaseException as error:
            log(label, error)
            raise
        log(label, got)
        return got

    # What happens to them

    def _handler(self, loop: Any, context: dict[str, Any]) -> None:
        kept = {key: context[key] for key in sorted(context) if key != "source_traceback"}
        self.log("handler", sorted(context), kept)
        if self._options["handler"] == "failing":
            raise props.Custom("the handler fails")

    def _idle(self, seconds: float | None) -> None:
        """Go on somehow: end what is awaited, then the tasks, then the run."""
        self._idle_count += 1
        self.log("idle", self._idle_count)
        if self._idle_count > 50:
            raise SystemExit("it does not end")
        step = (self._finish_futures, self._cancel_tasks, self.loop.stop)
        self.loop.call_soon(step[(self._idle_count - 1) % len(step)])

    def _finish_futures(self) -> None:
        for name, thing in list(self.names.things.items()):
            if name[0] == "f" and name[1:].isdigit():
                with self.noted(f"idle {name}"):
                    if thing.done():
                        continue
                    if int(name[1:]) % 3 == 2:
                        thing.set_exception(props.Custom(name))
                    else:
                        thing.set_result(name)

    def _cancel_tasks(self) -> None:
        for name, thing in list(self.names.things.items()):
            if name[0] == "t" and name[1:].isdigit():
                with self.noted(f"idle {name}"):
                    self.log(name, thing.cancel("idle"))

    def _tick(self, number: int) -> None:
        self.lines.append(f"-- {number}")
        if number < self._options["ticks"]:
            self.loop.call_soon(self._tick, number + 1)

    # A run

    def run(self, main: Callable[[], Any]) -> None:
        if self._options["ticks"]:
            self.loop.call_soon(self._tick, 1)
        task = asyncio.Task(main(), loop=self.loop, name="main")
        for _ in range(_RUNS):
            with self.noted("run"):
                self.log("run", self.loop.run_until_complete(task))
            if task.done() or self.loop.is_closed() or len(self.lines) > _MOST_LINES:
                break
        del task

    def end(self) -> None:
        """Look at what is left, and let go of it."""
        for name, thing in list(self.names.things.items()):
            if name[0] in "fth":
                with self.noted(f"end {name}"):
                    self.log(f"end {name}", thing, repr(thing))
        thing = None
        self.log("left", asyncio.all_tasks(self.loop))
        ending = self._options["ending"]
        if ending == "cancel":
            with self.noted("cancel"):
                for task in sorted(asyncio.all_tasks(self.loop), key=lambda task: task.get_name()):
                    task.cancel("the end")
                task = None  # type: ignore[assignment]
                self._turn()
        elif ending == "drop":
            with self.collecting():
                self.names.things.clear()
            with self.noted("drop"):
                self._turn()
        with self.noted("asyncgens"):
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        with self.noted("close"):
            self.loop.close()
        self.other_loop.close()

    def _turn(self) -> None:
        self.loop.set_task_factory(None)
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(asyncio.sleep(0))

    def names_for(self, program: Program) -> dict[str, Any]:
        modules = (asyncio, contextvars, copy, functools, gc, types, weakref)
        return {
            **{module.__name__: module for module in modules},
            **{name: thing for name, thing in vars(props).items() if name[0] != "_"},
            "loop": self.loop,
            "other_loop": self.other_loop,
            "v": self.names,
            "log": self.log,
            "noted": self.noted,
            "cleaning": self.cleaning,
            "through": self.through,
            "collecting": self.collecting,
            "all_tasks": self.all_tasks,
            "__name__": "program",
        }


class _Noted:
    """A block whose exceptions are written into the log, and kept or let through."""

    def __init__(self, stage: Stage, label: str, passing: str) -> None:
        self._stage = stage
        self._label = label
        self._passing = passing

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if error is None:
            return False
        self._stage.log(f"{self._label}!", error)
        # What is being destroyed does not go on: in what order that would be is up to memory.
        if self._passing == "pass" or isinstance(error, GeneratorExit):
            return False
        return not (self._passing and isinstance(error, asyncio.CancelledError))


class _Listener(logging.Handler):
    """Writes what asyncio logs into the stage's log."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def emit(self, record: logging.LogRecord) -> None:
        text = self._stage.showing.text(record.getMessage())
        if "was destroyed but" in text:
            # Who still waits for what is destroyed may be destroyed first: that order is up to memory, too.
            text = _WAITED_FOR.sub("", text)
        failed = record.exc_info[1] if record.exc_info else None
        # Without its context: whether a handler is called while its error is being handled shows nowhere else.
        self._stage.log("logged", text, type(failed).__name__, getattr(failed, "args", None))


def perform(program: Program) -> list[str]:
    """Run a program and return its log."""
    # In a context of its own: what it sets, the next program does not find.
    return contextvars.Context().run(_perform, program)


def _perform(program: Program) -> list[str]:
    stage = Stage(program.options)
    listener = _Listener(stage)
    logger = logging.getLogger("asyncio")
    logger.propagate = False
    logger.addHandler(listener)
    hooks = sys.unraisablehook, threading.excepthook, warnings.showwarning
    sys.unraisablehook = lambda args: stage.log(
        "unraisable", args.exc_type, getattr(args.exc_value, "args", None)
    )
    threading.excepthook = lambda args: stage.log("thread!", args.exc_value)
    warnings.showwarning = lambda message, *args, **more: stage.log("warning", message)
    warnings.simplefilter("always")
    try:
        space = stage.names_for(program)
        exec(compile(program.source(), PROGRAM, "exec"), space)
        stage.run(space["main"])
        stage.end()
        gc.collect()
        space.clear()
    finally:
        sys.unraisablehook, threading.excepthook, warnings.showwarning = hooks
        logger.removeHandler(listener)
    return _settled(stage.lines)


def _settled(lines: list[str]) -> list[str]:
    """Put what tells of the end of things behind all else: how long something is held is up to who holds it.

    That all of it ends is seen all the same: a program's log is closed when its garbage has been collected.
    """
    ends = [_HOW_FAR.sub("", line) for line in lines if _END.search(line)]
    return [line for line in lines if not _END.search(line)] + sorted(ends)
