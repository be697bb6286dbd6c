"""Part of the event loop: what happens to errors that nobody awaits."""

from __future__ import annotations

import sys

from asyncio_core import log
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.scheduling.loop_part import LoopPart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from asyncio_core.interfaces.loop_types import ExceptionContext, ExceptionHandler

__all__ = ("ErrorReportingPart",)

# Keys of a context whose value is a stack, with what stands above it in the log.
_STACKS = {"source_traceback": "Object", "handle_traceback": "Handle"}
# Keys that have a place of their own in the log.
_NOT_LISTED = frozenset({"message", "exception"})


class ErrorReportingPart(LoopPart):
    """The exception handler: a user's, or else a line in the log."""

    def get_exception_handler(self) -> ExceptionHandler | None:
        """Return the handler set with `set_exception_handler()`, or None for the default one.

        Added in Python 3.5.2.
        """
        return self._exception_handler

    def set_exception_handler(self, handler: ExceptionHandler | None) -> None:
        """Report errors that nobody awaits to `handler(loop, context)` instead of the log.

        `context` is a dictionary as described at `call_exception_handler()`. None restores the
        default. Raises TypeError for what cannot be called. Source: PEP 3156.
        """
        if not (handler is None or callable(handler)):
            raise TypeError(f"A callable object or None is expected, got {handler!r}")
        self._exception_handler = handler

    def default_exception_handler(self, context: ExceptionContext) -> None:
        """Log the error that `context` describes, with tracebacks, on the logger "asyncio".

        Called where no handler is set; a handler may call it for what it does not care about.
        Source: PEP 3156.
        """
        exception = context.get("exception")
        exc_info = (
            (type(exception), exception, exception.__traceback__)
            if isinstance(exception, BaseException)
            else False
        )
        _logger().error("\n".join(self._describe_error(context)), exc_info=exc_info)

    def _describe_error(self, context: ExceptionContext) -> list[str]:
        lines = [context.get("message") or "Unhandled exception in event loop"]
        handle = self._current_handle
        if "source_traceback" not in context and handle is not None and handle._source_traceback:
            # Where the failing callback was scheduled is the next best thing to where it was made.
            context = {**context, "handle_traceback": handle._source_traceback}
        for key in sorted(context.keys() - _NOT_LISTED):
            value = context[key]
            if key in _STACKS:
                from traceback import format_list

                lines.append(f"{key}: {_STACKS[key]} created at (most recent call last):")
                lines.append("".join(format_list(value)).rstrip())
            else:
                lines.append(f"{key}: {value!r}")
        return lines

    def call_exception_handler(self, context: ExceptionContext) -> None:
        """Report an error to the handler that was set, or to the default one.

        `context` holds "message" (str) and, as far as they are known, "exception", "future", "task",
        "handle", "protocol", "transport", "socket", "asyncgen" and "source_traceback"; keys may be
        added. The handler runs in the context (`contextvars`) of the task, future or handle that
        failed. What a handler itself raises is logged; only SystemExit and KeyboardInterrupt pass.
        Source: PEP 3156.
        """
        handler = self._exception_handler
        if handler is None:
            self._log_error(context, "Exception in default exception handler")
            return
        try:
            _call_in_context_of(_source_of(context), handler, self, context)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._log_error(
                {
                    "message": "Unhandled error in exception handler",
                    "exception": exc,
                    "context": context,
                },
                "Exception in default exception handler "
                "while handling an unexpected error in custom exception handler",
            )

    def _log_error(self, context: ExceptionContext, last_words: str) -> None:
        """Call the default handler, which a subclass may have replaced by one that fails."""
        try:
            self.default_exception_handler(context)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            _say(last_words, context)


def _source_of(context: ExceptionContext) -> Any:
    """Return the task, future or handle, whichever comes first, that failed; else None."""
    for key in ("task", "future", "handle"):
        source = context.get(key)
        if source is not None:
            return source
    return None


def _call_in_context_of(source: Any, func: Callable[..., object], *args: Any) -> None:
    """Call a function in the context of a task, future or handle, where it has one to enter."""
    if not hasattr(source, "get_context") or source.get_context() is None:
        # The second is a task that could not be made, for want of memory.
        func(*args)
        return
    called = False

    def call() -> None:
        nonlocal called
        called = True
        try:
            func(*args)
        except BaseException as error:
            drop_own_frame(error)
            raise

    try:
        try:
            source.get_context().run(call)
        except RuntimeError:
            if called:
                raise
            # The context is entered already, by the task itself perhaps, which reports on its own.
            func(*args)
    except BaseException as error:
        drop_own_frame(error)
        raise


def _say(last_words: str, context: ExceptionContext) -> None:
    """Log the exception being handled, or tell of `context` on stderr where there is no log.

    A process without a free descriptor cannot import what logging needs, nor can an interpreter that
    is on its way out; neither may end the loop.
    """
    try:
        _logger().error(last_words, exc_info=True)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as exc:
        # At the interpreter's end it is nothing new that logging is not to be had.
        lines = [] if sys.is_finalizing() else [f"{last_words}: {exc!r}"]
        try:
            lines += [f"{key}: {value!r}" for key, value in context.items()]
            sys.stderr.write("\n".join([*lines, ""]))
            failure = context.get("exception")
            if failure is not None:
                # Needs nothing that is not there yet.
                sys.__excepthook__(type(failure), failure, failure.__traceback__)
        except Exception:
            # No stderr either, or something without a repr: there is nobody left to tell.
            pass


# What somebody put in the place of `asyncio.base_events.logger`; see `faces`.
logger: Any = None


def _logger() -> Any:
    # Logging is not imported before there is something to log.
    return log.logger if logger is None else logger
