"""The interactive shell of `python -m asyncio`: statements with top-level `await`.

Two threads share the work. The main thread runs the event loop all the time, so tasks started at one
prompt go on while the next statement is typed, and what only works in the main thread (signal
handlers, child watchers) works. A second thread reads the input; it hands each statement to the
loop and waits for its end. Ctrl+C reaches the main thread, which cancels the statement that waits.

Reading, history and completion are the running Python's: its multi-line editor where it has one
(`_pyrepl`, Python 3.13) and the terminal allows it, `readline` otherwise, plain lines without a terminal.
"""

from __future__ import annotations

import ast
import asyncio
import code
import concurrent.futures
import contextvars
import functools
import importlib
import inspect
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from asyncio_core.exceptions import CancelledError
from asyncio_core.loops.runners import Runner
from asyncio_core.scheduling.events import set_event_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import CodeType, FrameType, TracebackType

    from asyncio_core.awaiting.tasks import Task

_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_PROMPT = ">>> "


class Session:
    """The loop's side: runs statements one at a time, in one namespace and one context."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {
            "__name__": "__main__",
            "__doc__": None,
            "__builtins__": __builtins__,
            "asyncio": asyncio,
        }
        self.exit_code: str | int | None = 0
        self._runner = Runner()
        self.loop = self._runner.get_loop()
        set_event_loop(self.loop)
        # A variable set by one statement is seen by the next, awaited or not.
        self._context = contextvars.copy_context()
        # The statement that runs: its code, and its task once it waits.
        self._source: CodeType | None = None
        self._task: Task[None] | None = None
        # What the reading thread waits for, while it waits for a statement.
        self._answer: concurrent.futures.Future[None] | None = None
        self._exiting = False
        self._interrupted = False
        self._interrupt_pending = False
        self._wakers: tuple[socket.socket, ...] = ()
        # Ends the line that is being typed, where the console can.
        self.interrupt_prompt: Callable[[], None] | None = None

    def run(self, source: CodeType) -> BaseException | None:
        """Run a statement in the loop, from the reading thread, and wait until it is done.

        Returns what the statement raised, without the frames of the machinery that ran it. Raises
        SystemExit where a task has ended the session meanwhile: the next line is not to be read.
        """
        answer: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._interrupted = False
        self._answer = answer
        try:
            self.loop.call_soon_threadsafe(self._start, source, answer, context=self._context)
            error = answer.exception()
        except (RuntimeError, concurrent.futures.CancelledError):
            # The loop is closed, or was before it came to this statement.
            raise SystemExit(self.exit_code) from None
        finally:
            self._answer = None
        if self._exiting:
            raise SystemExit(self.exit_code)
        if error is None:
            return None
        if self._interrupted and isinstance(error, CancelledError):
            return KeyboardInterrupt()
        return error.with_traceback(_statement_traceback(error.__traceback__, source))

    def _start(self, source: CodeType, answer: concurrent.futures.Future[None]) -> None:
        self._source = source
        try:
            waiting: Coroutine[Any, Any, None] | None = eval(source, self.namespace)
        except BaseException as error:
            self._source = None
            # SystemExit too: the reading thread ends the session.
            answer.set_exception(error)
            return
        if not source.co_flags & inspect.CO_COROUTINE or waiting is None:
            self._source = None
            answer.set_result(None)
            return
        self._task = self.loop.create_task(waiting, context=self._context)
        self._task.add_done_callback(lambda task: self._finish(task, answer))

    def _finish(self, task: Task[None], answer: concurrent.futures.Future[None]) -> None:
        self._task = self._source = None
        try:
            answer.set_result(task.result())
        except BaseException as error:
            answer.set_exception(error)

    def catch_sigint(self) -> None:
        """Take Ctrl+C over, unless somebody else has, or it is ignored. Called in the loop."""
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return
        signal.signal(signal.SIGINT, self._handle_sigint)
        # A signal between the interpreter's last look for one and the loop's going to sleep would
        # not be seen until something else happens. A byte from the signal itself ends that sleep.
        inner, outer = socket.socketpair()
        inner.setblocking(False)
        outer.setblocking(False)
        try:
            self.loop.add_reader(inner, inner.recv, 4096)
        except NotImplementedError:
            inner.close()
            outer.close()
            return
        self._wakers = inner, outer
        before = signal.set_wakeup_fd(outer.fileno(), warn_on_full_buffer=False)
        if before != -1:
            # The loop does this by itself.
            signal.set_wakeup_fd(before)

    def _handle_sigint(self, number: int, frame: FrameType | None) -> None:
        """Ctrl+C: stop the statement where it computes, cancel it where it waits.

        An exception out of here lands wherever the main thread is. In the middle of the loop it could
        cost a callback that was about to run, so it is raised in the statement's own code only, or if
        the loop has not come round since the last time.
        """
        if self._interrupt_pending or _is_below(frame, self._source):
            raise KeyboardInterrupt
        self._interrupt_pending = True
        self.loop.call_soon_threadsafe(self._interrupt)

    def _interrupt(self) -> None:
        self._interrupt_pending = False
        if self._task is not None:
            self._interrupted = True
            self._task.cancel()
        elif self.interrupt_prompt is not None:
            self.interrupt_prompt()

    def run_forever(self) -> None:
        """Run the loop until the reading thread ends it, or a task exits."""
        while True:
            try:
                self.loop.run_forever()
                return
            except KeyboardInterrupt:
                # The statement has got it too, if it was its own.
                self._interrupt_pending = False
            except SystemExit as request:
                # A task did this, not a statement.
                self.exit_code = request.code
                self._exiting = True
                return

    def end(self) -> None:
        """Let the loop stop; called from the reading thread."""
        try:
            self.loop.call_soon_threadsafe(self.loop.stop)
        except RuntimeError:
            pass  # it was quicker

    def close(self, reader: threading.Thread) -> None:
        """Cancel what still runs, close the loop, and wait for `reader` unless it waits for input.

        That one is a daemon and ends with the process. But one that comes back from a statement and
        begins to read while the interpreter ends would abort it, for the buffer's lock is held then.
        """
        if self._wakers:
            inner, outer = self._wakers
            current = signal.set_wakeup_fd(-1)
            if current != outer.fileno():
                signal.set_wakeup_fd(current)
            self.loop.remove_reader(inner)
            inner.close()
            outer.close()
        self._runner.close()
        answer = self._answer
        if answer is not None:
            answer.cancel()  # the loop did not come to it
            reader.join()


def _statement_traceback(traceback: TracebackType | None, source: CodeType) -> TracebackType | None:
    """The part of a traceback that begins in the statement, or all of it if none does."""
    part = traceback
    while part is not None and part.tb_frame.f_code is not source:
        part = part.tb_next
    return part or traceback


def _is_below(frame: FrameType | None, source: CodeType | None) -> bool:
    """Whether `frame` is the statement's, or was called from it."""
    while frame is not None and source is not None:
        if frame.f_code is source:
            return True
        frame = frame.f_back
    return False


class _SessionConsole:
    """A console's last step: what it has compiled runs in a session."""

    session: Session
    # 3.14's console stops at the first statement of a line that fails when it gets this back.
    STATEMENT_FAILED: object = None

    def runcode(self, code: CodeType) -> Any:
        try:
            error = self.session.run(code)
            if error is None:
                return None
            # From here, because the console leaves its own frame, and no more, out of the report.
            raise error
        except SystemExit:
            raise
        except KeyboardInterrupt:
            self.write("\nKeyboardInterrupt\n")
        except BaseException:
            self.showtraceback()
        return self.STATEMENT_FAILED

    if TYPE_CHECKING:

        def write(self, data: str) -> None: ...
        def showtraceback(self) -> None: ...


class _LineConsole(_SessionConsole):
    """Reads line by line: from a pipe, a file or a terminal with `readline`."""

    if TYPE_CHECKING:
        compile: Any

    def runsource(self, source: str, filename: str = "<input>", symbol: str = "single") -> bool:
        """Compile and run what was read so far; true when the statement goes on.

        Since Python 3.13 a compound statement on one line (`async def f(): pass`) is run
        at once, without an empty line after it. The base there takes every line for a whole
        input, so blocks, too, are made sure of here.
        """
        if sys.version_info >= (3, 13) and ("\n" in source or not _is_whole(source)):
            try:
                if self.compile(source, filename, symbol) is None:
                    return True
            except (SyntaxError, ValueError, OverflowError):
                pass  # The base finds the same, and reports it.
        base: Any = super()
        goes_on: bool = base.runsource(source, filename, symbol)
        return goes_on


def _is_whole(line: str) -> bool:
    """Whether a line is complete statements already, a decorator or a block's head is not."""
    try:
        compile(line, "<stdin>", "exec", ast.PyCF_ONLY_AST | _AWAIT)
    except (SyntaxError, ValueError, OverflowError):
        return False
    return True


def _editor() -> Any:
    """The running Python's multi-line editor, or None where it has none or cannot use it here."""
    basic = None if sys.flags.ignore_environment else os.environ.get("PYTHON_BASIC_REPL")
    if basic or sys.version_info < (3, 13):
        return None
    try:
        usable = importlib.import_module("_pyrepl.main").CAN_USE_PYREPL
        return importlib.import_module("_pyrepl.simple_interact") if usable else None
    except ImportError:
        return None


def _make_console(session: Session, reads: type[_SessionConsole]) -> code.InteractiveConsole:
    """A console of the running Python's look, with `reads` before its own methods."""
    try:
        base = importlib.import_module("_pyrepl.console").InteractiveColoredConsole
    except ImportError:
        base = code.InteractiveConsole
    namespace = {"session": session, "STATEMENT_FAILED": getattr(base, "STATEMENT_FAILED", None)}
    console: code.InteractiveConsole = type("Console", (reads, base), namespace)(
        session.namespace, filename="<stdin>"
    )
    console.compile.compiler.flags |= _AWAIT
    return console


def _banner() -> str:
    return (
        f"asyncio REPL {sys.version} on {sys.platform}\n"
        f"This is asyncio {asyncio.__version__}, {asyncio.__implementation__} of the standard library's.\n"
        'Use "await" directly instead of "asyncio.run()".\n'
        'Type "help", "copyright", "credits" or "license" for more information.\n'
    )


def _set_up_completion(namespace: dict[str, Any]) -> None:
    """History and key bindings as `site` sets them up, and completion in our namespace."""
    hook = getattr(sys, "__interactivehook__", None)
    if hook is not None:
        sys.audit("cpython.run_interactivehook", hook)
        hook()
    try:
        import readline
        import rlcompleter
    except ImportError:
        return
    readline.set_completer(rlcompleter.Completer(namespace).complete)


def _run_startup_file(console: code.InteractiveConsole, namespace: dict[str, Any]) -> None:
    """PYTHONSTARTUP, which the standard REPL honours since Python 3.13."""
    path = os.environ.get("PYTHONSTARTUP")
    if not path or sys.flags.ignore_environment or sys.version_info < (3, 13):
        return
    sys.audit("cpython.run_startup", path)
    import tokenize

    try:
        with tokenize.open(path) as file:
            program = compile(file.read(), path, "exec")
        exec(program, namespace)
    except SystemExit:
        raise
    except BaseException:
        console.showtraceback()


def _read(session: Session, console: code.InteractiveConsole, editor: Any) -> None:
    """The reading thread, from the banner to the end of the input."""
    try:
        if not sys.flags.quiet:
            console.write(_banner())
        _run_startup_file(console, session.namespace)
        console.write(f"{getattr(sys, 'ps1', _PROMPT)}import asyncio\n")
        if editor is not None:
            editor.run_multiline_interactive_console(console, future_flags=_AWAIT)
        else:
            console.interact(banner="", exitmsg="")
        if not sys.flags.quiet:
            console.write("exiting asyncio REPL...\n")
    except SystemExit as request:
        session.exit_code = request.code
    finally:
        _silence_never_awaited()
        session.end()


def _silence_never_awaited() -> None:
    """What was typed and not awaited is no news once the session ends."""
    import warnings

    warnings.filterwarnings(
        "ignore", message=r"^coroutine .* was never awaited$", category=RuntimeWarning
    )


def _interrupt_editor(editor: Any) -> None:
    """Make the editor drop the line that is being typed and show a new prompt.

    An empty message from another thread has just this effect. `input()` in a thread can't be
    interrupted, so without the editor Ctrl+C leaves the line as it is.
    """
    hook = editor._get_reader().threading_hook
    if hook is not None:
        hook.add("")


def run_repl() -> str | int | None:
    """Run the shell until its input ends. Returns the exit code, as `sys.exit()` takes it."""
    sys.audit("cpython.run_stdin")
    session = Session()
    editor = _editor()
    if editor is not None:
        session.interrupt_prompt = functools.partial(_interrupt_editor, editor)
    _set_up_completion(session.namespace)
    console = _make_console(session, _LineConsole if editor is None else _SessionConsole)
    reader = threading.Thread(
        target=_read, args=(session, console, editor), name="asyncio REPL", daemon=True
    )
    # From the loop, so that the first statement finds it running.
    session.loop.call_soon(session.catch_sigint)
    session.loop.call_soon(reader.start)
    session.run_forever()
    session.close(reader)
    return session.exit_code
