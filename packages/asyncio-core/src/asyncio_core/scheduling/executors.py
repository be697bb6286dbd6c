"""Part of the event loop: work that blocks, done in threads, and the look-up of names.

Blocking calls of the user's go to an executor. The resolver's calls go to threads of their own:
a name server that does not answer would otherwise take the default executor's threads one by one,
and with them every `run_in_executor()` of the program.
"""

from __future__ import annotations

import socket
import sys
from _thread import get_ident

from asyncio_core.awaiting import futures
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.moments import check_moment
from asyncio_core.null_characters import refuse_null
from asyncio_core.scheduling.loop_part import LoopPart, is_replaced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor, ThreadPoolExecutor
    from threading import Thread
    from typing import Any, TypeVar, TypeVarTuple, Unpack

    from asyncio_core.awaiting.futures import Future
    from asyncio_core.interfaces.loop import AbstractEventLoop
    from asyncio_core.interfaces.loop_types import AddressInfo

    _T = TypeVar("_T")
    _Ts = TypeVarTuple("_Ts")

__all__ = ("ExecutorPart",)

# Look-ups that may be waiting for a name server at once, or as many as the default executor has threads
# where those are more. Others wait for their turn.
_LOOKUP_THREADS = 64

# Seconds that a thread waits for another name before it ends.
_LOOKUP_IDLE = 0.1

# Seconds between two looks at threads that are to end, where nobody can be had to wait for them.
_LOOK_FOR_END = 0.02

# With these flags getaddrinfo() reads addresses and port numbers, and never asks anybody.
_NUMERIC = socket.AI_NUMERICHOST | getattr(socket, "AI_NUMERICSERV", 0)


class _Lookup:
    """One call of the resolver and the future that waits for it."""

    __slots__ = ("args", "func", "future", "loop")

    def __init__(
        self, loop: AbstractEventLoop, func: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        self.loop = loop
        self.func = func
        self.args = args
        self.future = loop.create_future()

    def call(self) -> tuple[bool, Any]:
        """Ask; return whether that went well, and the answer or the exception."""
        try:
            return True, self.func(*self.args)
        except BaseException as exc:
            drop_own_frame(exc)
            return False, exc
        finally:
            # The frames that it called lead back here, and the future is to have their exception.
            del self

    def deliver(self, succeeded: bool, outcome: Any) -> None:
        """Hand over what came of it. Where nobody waits any more it is dropped."""
        try:
            self.loop.call_soon_threadsafe(_settle, self.future, succeeded, outcome)
        except RuntimeError:
            # The loop was closed in the meantime.
            pass


def _settle(future: Future[Any], succeeded: bool, outcome: Any) -> None:
    if future.done():
        return
    if succeeded:
        future.set_result(outcome)
    else:
        future.set_exception(outcome)


class _LookupThreads:
    """Threads that do nothing but resolve names.

    Daemons, unlike an executor's threads: a program that ends does not wait for a name server. They
    start as look-ups come, and end when no more come or the loop is closed: a program with one thread
    can do what others cannot (fork without a warning, enter another namespace).
    """

    def __init__(self) -> None:
        from queue import Empty, SimpleQueue
        from threading import RLock

        # For close(): where a forgotten loop is closed by the interpreter's end, imports fail.
        self._empty = Empty
        self._queue: SimpleQueue[_Lookup | None] = SimpleQueue()
        # Reentrant, since the collector may close a forgotten loop in a thread that holds it.
        self._lock = RLock()
        self._threads: set[Thread] = set()
        # Those of them that wait for the resolver, and what for.
        self._asking: dict[Thread, _Lookup] = {}
        # Threads less look-ups, those at work and those that wait. It changes with what is submitted,
        # not with what a thread has come to take: one that is still on its way is not free.
        self._free = 0
        self._closed = False

    def submit(self, lookup: _Lookup, limit: int) -> None:
        """Have a thread make the look-up, a new one where all are busy and there are less than `limit`.

        Those whose callers have given up do not count, up to three times as many.

        Raises RuntimeError where the system gives no thread and there is none.
        """
        with self._lock:
            if self._free <= 0 and len(self._threads) >= limit:
                # Threads of callers that have given up are still at a dead server. Others need not be.
                given_up = sum(asked.future.cancelled() for asked in self._asking.values())
                limit += min(given_up, 3 * limit)
            if self._free <= 0 and len(self._threads) < limit:
                from asyncio_core.scheduling.background import background_thread

                name = f"asyncio-names_{len(self._threads) + 1}"
                thread = background_thread(self._serve, name=name)
                self._threads.add(thread)
                try:
                    thread.start()
                except RuntimeError:
                    # The system gives no more threads. Those that there are will do.
                    self._threads.discard(thread)
                    if not self._threads:
                        raise
                else:
                    self._free += 1
            self._free -= 1
            self._queue.put(lookup)

    def _serve(self) -> None:
        from queue import Empty
        from threading import current_thread

        me = current_thread()
        while True:
            try:
                lookup = self._queue.get(timeout=_LOOKUP_IDLE)
            except Empty:
                with self._lock:
                    if self._free <= 0 and not self._closed:
                        continue  # A look-up came this very moment.
                    self._free -= 1
                    self._threads.discard(me)
                    return
            if lookup is None:
                return
            with self._lock:
                if self._closed:
                    return
                self._asking[me] = lookup
            # Cancelled while it waited for a thread. Later it does not matter: a cancelled future has
            # freed whoever awaited it.
            outcome = None if lookup.future.cancelled() else lookup.call()
            with self._lock:
                del self._asking[me]
                self._free += 1
            if outcome is not None:
                lookup.deliver(*outcome)
            # The result must not stay alive until the next name is looked up.
            del lookup, outcome

    def close(self) -> None:
        """Let every thread end, those that wait for the resolver after that; wait for the others."""
        with self._lock:
            self._closed = True
            try:
                while True:
                    self._queue.get_nowait()
            except self._empty:
                pass
            for _ in self._threads:
                self._queue.put(None)
            # By number: threading may have lost its own names by then.
            me = get_ident()
            idle = [one for one in self._threads - self._asking.keys() if one.ident != me]
        if sys.is_finalizing():
            return  # Daemons are stopped where they are.
        for thread in idle:
            # They are on their way out. The limit is for what a finalizer may do in one of them.
            thread.join(1)


class ExecutorPart(LoopPart):
    """Threads: the default executor, and those that resolve names."""

    _executor_shutdown_called: bool = False
    _lookups: _LookupThreads | None = None

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Ts]], _T], *args: Unpack[_Ts]
    ) -> Future[_T]:
        """Have `executor` call `func(*args)`; return a future for its result.

        With None the loop's default executor is used: the one set with `set_default_executor()`, or
        a ThreadPoolExecutor made when it is first needed. Raises RuntimeError where the loop is
        closed or the default executor was shut down; in debug mode TypeError for a function that is
        none, or a coroutine function. Source: PEP 3156.
        """
        if self._closed:
            self._check_closed()
        if self._debug:
            self._check_callback(func, "run_in_executor")
        pool = self._ensure_default_executor() if executor is None else executor
        return futures.wrap_future(pool.submit(func, *args), loop=self)

    def _ensure_default_executor(self) -> Executor:
        self._check_default_executor()
        executor = self._default_executor
        if executor is None:
            import concurrent.futures

            executor = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="asyncio")
            self._default_executor = executor
        return executor

    def _check_default_executor(self) -> None:
        if self._executor_shutdown_called:
            raise RuntimeError("Executor shutdown has been called")

    def set_default_executor(self, executor: ThreadPoolExecutor) -> None:  # type: ignore[override]
        """Use `executor` for `run_in_executor(None, …)`.

        Raises TypeError unless it is a `concurrent.futures.ThreadPoolExecutor`. Source: PEP 3156.
        """
        from concurrent.futures import ThreadPoolExecutor

        if not isinstance(executor, ThreadPoolExecutor):
            raise TypeError(f"executor must be ThreadPoolExecutor instance, got {executor!r}")
        self._default_executor = executor

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Let no further call into the default executor and wait for its threads to end.

        `timeout`, in seconds, limits the wait; None does not. When it has passed, a RuntimeWarning
        says so and the threads are left to themselves. `timeout` was added in Python 3.12.
        """
        if timeout is not None:
            check_moment(timeout, "timeout")
        self._executor_shutdown_called = True
        executor = self._default_executor
        if executor is None:
            return
        from asyncio_core.awaiting.timeouts import timeout as time_limit
        from asyncio_core.scheduling.background import background_thread

        joined = self.create_future()
        # Joining blocks, so a thread of its own does it. It is a daemon: after the time limit nothing
        # may wait for it again.
        joiner = background_thread(self._do_shutdown, joined)
        try:
            joiner.start()
        except RuntimeError:
            # The system gives no more threads, and there may be none to wait for.
            executor.shutdown(wait=False)
            end = _end_of(getattr(executor, "_threads", ()))
        else:
            end = _joined(joined, joiner)
        try:
            async with time_limit(timeout):
                await end
        except TimeoutError:
            import warnings

            warnings.warn(
                f"The executor did not finishing joining its threads within {timeout} seconds.",
                RuntimeWarning,
                stacklevel=2,
            )
            executor.shutdown(wait=False)

    def _do_shutdown(self, future: Future[None]) -> None:
        """Wait for the default executor's threads, in a thread of its own; then `future` is done."""
        succeeded, outcome = True, None
        try:
            executor = self._default_executor
            if executor is not None:
                executor.shutdown(wait=True)
        except Exception as exc:
            succeeded, outcome = False, exc
        try:
            self.call_soon_threadsafe(_settle, future, succeeded, outcome)
        except RuntimeError:
            # Nobody waited: the loop was closed after the time limit.
            pass

    def _abandon_executors(self) -> None:
        """Let go of all threads without waiting for them, as `close()` does."""
        self._executor_shutdown_called = True
        executor = self._default_executor
        if executor is not None:
            self._default_executor = None
            executor.shutdown(wait=False)
        if self._lookups is not None:
            self._lookups.close()
            self._lookups = None
        self._cancel_answers()

    def _cancel_answers(self) -> None:
        """Cancel what other threads wait for: nobody is left who could give it."""
        while True:
            try:
                answer, never_begun = self._answers_owed.popitem()
            except KeyError:
                return
            if never_begun is not None:
                never_begun.close()
            if answer.cancel():
                answer.set_running_or_notify_cancel()  # tells concurrent.futures.wait()

    # Names

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddressInfo]:
        """Resolve a host and a port, with the arguments and results of `socket.getaddrinfo()`.

        Numeric hosts are answered at once, names by a thread that only looks up names. Cancelling
        frees the caller at once, whatever the name server does. Raises OSError (`socket.gaierror`)
        where the name does not resolve or is none, as with an empty label or one of more than 63
        letters, and ValueError where it has a null character. Source: PEP 3156.
        """
        refuse_null(host, "host")
        refuse_null(port, "port")
        func = self._getaddrinfo_debug if self._debug else socket.getaddrinfo
        if _looks_numeric(host):
            try:
                return [*func(host, port, family, type, proto, flags | _NUMERIC)]
            except (OSError, UnicodeError):
                # A name after all, or a port by name, or a mistake whose error the full call tells.
                pass
        try:
            found: list[AddressInfo]
            found = await self._look_up(func, host, port, family, type, proto, flags)
            return found
        except UnicodeError as exc:
            # Python encodes it (IDNA) before anybody is asked.
            raise _no_name(host, exc) from exc

    async def getnameinfo(
        self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int = 0
    ) -> tuple[str, str]:
        """Find host and service of an address, as `socket.getnameinfo()` does.

        Threads and cancelling are as with `getaddrinfo()`; with NI_NUMERICHOST and NI_NUMERICSERV
        there is nothing to look up, and no thread is asked. Raises ValueError where the address has a
        null character. Source: PEP 3156.
        """
        if sockaddr:
            refuse_null(sockaddr[0], "host")
        try:
            if flags & socket.NI_NUMERICHOST and flags & socket.NI_NUMERICSERV:
                return socket.getnameinfo(sockaddr, flags)
            found: tuple[str, str] = await self._look_up(socket.getnameinfo, sockaddr, flags)
            return found
        except UnicodeError as exc:
            raise _no_name(sockaddr[0], exc) from exc

    async def _look_up(self, func: Callable[..., Any], *args: Any) -> Any:
        self._check_closed()
        run = self.run_in_executor
        if is_replaced(run, _RUN_IN_EXECUTOR) and not hasattr(run, "_leaves_look_ups"):
            # A derived loop with threads of its own kind.
            return await run(None, func, *args)
        if self._lookups is None:
            self._lookups = _LookupThreads()
        lookup = _Lookup(self, func, args)
        # A larger default executor was always the remedy for many names at once.
        workers = getattr(self._default_executor, "_max_workers", 0)
        self._lookups.submit(lookup, max(_LOOKUP_THREADS, workers))
        try:
            return await lookup.future
        except BaseException as error:
            drop_own_frame(error)
            raise

    def _getaddrinfo_debug(
        self, host: Any, port: Any, family: int, type: int, proto: int, flags: int
    ) -> list[AddressInfo]:
        """Look a name up, in a thread, and log how long it took."""
        from asyncio_core.log import logger

        asked = f"{host}:{port!r}"
        options = {"family": family, "type": type, "proto": proto}
        # Not the flags that spare the resolver the asking.
        options["flags"] = flags & ~_NUMERIC
        asked += "".join(f", {name}={value!r}" for name, value in options.items() if value)
        logger.debug("Get address info %s", asked)
        begun = self.time()
        found: list[AddressInfo]
        found = [*socket.getaddrinfo(host, port, family, type, proto, flags)]
        seconds = self.time() - begun
        told = logger.info if seconds >= self.slow_callback_duration else logger.debug
        told("Getting address info %s took %.3fms: %r", asked, seconds * 1e3, found)
        return found


async def _joined(joined: Future[None], joiner: Thread) -> None:
    """Wait until another thread has joined those of the executor, and for its own end."""
    from asyncio_core.seen_as.asyncio import base_events as known

    await joined
    known.shutdown_default_executor(joiner.join)


async def _end_of(threads: Iterable[Thread]) -> None:
    """Wait until all threads have ended, where no thread can be had that joins them."""
    from asyncio_core.awaiting.waiting import sleep

    while any(thread.is_alive() for thread in threads):
        await sleep(_LOOK_FOR_END)


def _no_name(host: object, why: UnicodeError) -> socket.gaierror:
    return socket.gaierror(socket.EAI_NONAME, f"{host!r} is no name of a host: {why}")


# Our own, to know it from what replaces it.
_RUN_IN_EXECUTOR = ExecutorPart.run_in_executor


def _looks_numeric(host: bytes | str | None) -> bool:
    """Return True for hosts that may be addresses; names that pass cost one call in vain.

    Only an IPv6 address has a colon, and the last label of a name never begins with a digit where
    that of an IPv4 address always does (RFC 3696, section 2).
    """
    if host is None:
        return True
    if isinstance(host, bytes):
        return b":" in host or host.rpartition(b".")[2][:1].isdigit()
    if isinstance(host, str):
        return ":" in host or host.rpartition(".")[2][:1].isdigit()
    return False
