"""The shape that every poller has.

A poller is a `selectors.BaseSelector`, so that everything written for the loop's `_selector` works with
it, and it has one method more: `collect()`, which the loop calls once per turn. `collect()` puts the
handles of what became ready straight into the loop's queue: no list of events, no key objects and no
call per event lie between the system's answer and the queue.

The data registered with a descriptor is a pair `(reader, writer)` of handles, either of them None.
Programs that use a poller as a plain selector may register anything; they call `select()` then.
"""

from __future__ import annotations

import errno
import os
import sys
from itertools import repeat
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector, SelectorKey

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.scheduling.putting_off import do_what_is_put_off
from asyncio_selectors.descriptors import GONE, descriptor_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterable, Iterator
    from typing import Any

    from asyncio_core.scheduling.handles import Handle
    from asyncio_selectors.spinning import SpinGuard

    _KeyMapping = dict[Any, SelectorKey]
else:
    _KeyMapping = dict

__all__ = ("Poller", "key_of")

# Turns of a loop until it is first looked at whether they are too quick.
_FIRST_TURNS = 4096

# With a loop's own descriptor and one more there is something for it to notice, and where one is left; with more there is not.
FEW = 2


class KeyMap(_KeyMapping):
    """Keys by descriptor number; indexing also takes the file objects, as selectors promise.

    The loop asks with numbers only, so `get()` stays the dictionary's own.
    """

    def __missing__(self, fileobj: Any) -> SelectorKey:
        if isinstance(fileobj, int):
            raise KeyError(fileobj)
        try:
            return dict.__getitem__(self, descriptor_of(fileobj))
        except ValueError:
            # Closed already: its number is gone, the object that was registered is not.
            for key in self.values():
                if key.fileobj is fileobj:
                    return key
            raise KeyError(fileobj) from None

    def __contains__(self, fileobj: object) -> bool:
        try:
            self[fileobj]
        except KeyError:
            return False
        return True


class Poller(BaseSelector):
    """Common part: the table of keys. One subclass per mechanism of the operating system.

    A subclass has `_watch(fd, events)`, `_rewatch(fd, old, new)` and `_unwatch(fd, events)`, which tell the
    system, and `_wait(timeout)`, which asks it for pairs of descriptor and flags. The flags that
    mean something to readers and to writers are `_for_reader` and `_for_writer`: both hold
    the errors and hang-ups, because it is the next `recv()` or `send()` that tells what happened.
    """

    # What each wait asks for: the compiled form finds it there.
    __slots__ = ("_keys", "_turns")

    _for_reader: int = EVENT_READ
    _for_writer: int = EVENT_WRITE

    def __init__(self) -> None:
        self._keys = KeyMap()
        self._closed = False
        # One for each turn until it is time to look whether something spins: the cheapest count there is.
        self._turns: Iterator[None] = repeat(None)
        self._guard: SpinGuard | None = None
        # The one that this poller waits for.
        self._loop: Any = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "select":
            # Who puts another one in its place, to count waits or to skip them, has it called.
            self.collect = self._collect_selected  # type: ignore[method-assign]
        elif name in ("collect", "_wait"):
            self._tell_loop()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in ("collect", "_wait"):
            self._tell_loop()

    def _collect_selected(self, timeout: float | None, ready: deque[Handle]) -> None:
        for key, events in self.select(timeout):
            for event, handle in zip((EVENT_READ, EVENT_WRITE), key.data, strict=True):
                if handle is None or not events & event:
                    continue
                if handle._cancelled:
                    self._drop(key.fd, event)
                else:
                    ready.append(handle)

    def _watch(self, fd: int, events: int) -> None:
        raise NotImplementedError

    def _rewatch(self, fd: int, old: int, new: int) -> None:
        raise NotImplementedError

    def _unwatch(self, fd: int, events: int) -> None:
        raise NotImplementedError

    def _wait(self, timeout: float | None) -> Iterable[tuple[int, int]]:
        raise NotImplementedError

    def register(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
        """Watch `fileobj` for `events`, EVENT_READ or EVENT_WRITE or both.

        Raises ValueError for other events or no descriptor, KeyError where it is watched already,
        OSError where the system refuses.
        """
        _check_events(events)
        fd = descriptor_of(fileobj)
        if dict.__contains__(self._keys, fd):
            raise KeyError(f"{fileobj!r} (FD {fd}) is already registered")
        self._watch(fd, events)
        key = self._keys[fd] = SelectorKey(fileobj, fd, events, data)
        if len(self._keys) <= FEW:
            self._tell_loop()
        return key

    def unregister(self, fileobj: Any) -> SelectorKey:
        """Stop watching; raises KeyError where `fileobj` is not watched."""
        key = self._keys[fileobj]
        del self._keys[key.fd]
        if len(self._keys) < FEW:
            self._tell_loop()
        try:
            self._unwatch(key.fd, key.events)
        except OSError:
            # Closed behind our back: the system has forgotten it by itself.
            pass
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:
        """Change the events or the data.

        Raises KeyError where `fileobj` is not watched, and OSError where the system refuses; then
        everything is as it was, except that a file that was closed (ENOENT, EBADF) is forgotten.
        """
        _check_events(events)
        key = self._keys[fileobj]
        try:
            self._rewatch(key.fd, key.events, events)
        except OSError as exc:
            if exc.errno in GONE:
                self.unregister(key.fd)
                raise
            if events & ~key.events or events == key.events:
                raise
            # It goes on reporting too much, and is told again when it does.
        new = self._keys[key.fd] = SelectorKey(key.fileobj, key.fd, events, data)
        if len(self._keys) < FEW:
            self._tell_loop()
        return new

    def _tell_loop(self) -> None:
        """Have the loop look whether its busy turns may go without asking the system."""
        if self._loop is not None:
            self._loop._notice_watched()

    def get_map(self) -> KeyMap:
        """Return the mapping of what is watched; None after `close()`."""
        return None if self._closed else self._keys  # type: ignore[return-value]

    def get_key(self, fileobj: Any) -> SelectorKey:
        """Return the key of `fileobj`; raises KeyError where it is not watched."""
        if self._closed:
            raise RuntimeError("the poller is closed")
        try:
            return self._keys[fileobj]
        except KeyError:
            raise KeyError(f"{fileobj!r} is not registered") from None

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Wait up to `timeout` seconds (None: without limit) and list keys with what is ready."""
        # A callback may call this itself, to run the loop.
        do_what_is_put_off()
        for _ in self._turns:
            break
        else:
            self._look_for_spinning()
        found = []
        keys = self._keys
        for fd, flags in self._wait(timeout):
            key = keys.get(fd)
            if key is None:
                self._found_unknown(fd)
            else:
                events = EVENT_READ if flags & self._for_reader else 0
                if flags & self._for_writer:
                    events |= EVENT_WRITE
                events &= key.events
                if events:
                    found.append((key, events))
                else:
                    self._found_nothing(((fd, flags),))
        return found

    def collect(self, timeout: float | None, ready: deque[Handle]) -> None:
        """Wait up to `timeout` seconds and append the handles of what is ready to `ready`."""
        for _ in self._turns:
            break
        else:
            self._look_for_spinning()
        lookup = self._keys.get
        for_reader = self._for_reader
        for_writer = self._for_writer
        found = self._wait(timeout)
        for fd, flags in found:
            key = lookup(fd)
            if key is None:
                self._found_unknown(fd)
                continue
            reader, writer = key.data
            if reader is not None and flags & for_reader:
                if reader._cancelled:
                    self._drop(fd, EVENT_READ)
                else:
                    ready.append(reader)
            if writer is not None and flags & for_writer:
                if writer._cancelled:
                    self._drop(fd, EVENT_WRITE)
                else:
                    ready.append(writer)
        if found and not ready:
            self._found_nothing(found)

    def _found_nothing(self, found: Iterable[tuple[int, int]]) -> None:
        """Tell the system once more what is watched, as what it reports concerns nobody."""
        for fd, _ in found:
            key = self._keys.get(fd)
            if key is not None:
                try:
                    self._rewatch(fd, key.events, key.events)
                except OSError:
                    # Next time, then.
                    pass

    def serve(self, loop: Any) -> None:
        """Tell `loop` when its first descriptors come and go, and what is reported to no effect.

        The latter, reported thousands of times a second, rests then.
        """
        self._loop = loop
        if sys.platform != "win32":
            self._turns = repeat(None, _FIRST_TURNS)

    def _look_for_spinning(self) -> None:
        guard = self._guard
        if guard is None:
            # Most loops never come here.
            self._turns = repeat(None, _FIRST_TURNS)
            try:
                from asyncio_selectors.spinning import SpinGuard
            except (ImportError, OSError):
                # No descriptor for that just now.
                return
            guard = self._guard = SpinGuard(self, self._loop)
        guard.look()

    def _rest(self, fd: int, events: int) -> None:
        """Report `fd` no more, or less, until `_rewatch()` is called for it."""
        self._unwatch(fd, events)

    def _check_open(self, fd: int) -> None:
        """Raise FileNotFoundError where the object that was registered for `fd` is closed.

        For mechanisms that know numbers only.
        """
        fileobj = self._keys[fd].fileobj
        if not isinstance(fileobj, int):
            try:
                open_one = descriptor_of(fileobj) == fd
            except ValueError:
                open_one = False
            if not open_one:
                raise FileNotFoundError(errno.ENOENT, f"{fileobj!r} was closed")

    def _found_unknown(self, fd: int) -> None:
        """Note that the system reports a number that nobody watches."""

    def part_from_parent(self) -> None:
        """In a forked child: leave what the system shares with the parent as it is there."""

    def renumber(self, old: int, new: int) -> None:
        """Watch `new` in the place of `old`, which the system need not be told of; in a forked child."""
        key = self._keys.pop(old)
        self.part_from_parent()
        self._keys[new] = SelectorKey(new, new, key.events, key.data)

    def waits_in_c(self) -> bool:
        """Tell whether the compiled form may wait in the place of `collect()`, where it has this mechanism."""
        return False

    def rouse(self) -> tuple[int, ...]:
        """End a wait in another thread, where the mechanism can be told of something meanwhile.

        Returns the descriptors that did it, which the caller closes after the wait.
        """
        return ()

    def _rouse(self) -> tuple[int, ...]:
        # The end of a pipe for writing is ready from the beginning.
        ends = os.pipe()
        try:
            self._watch(ends[1], EVENT_WRITE)
        except BaseException:
            for end in ends:
                os.close(end)
            raise
        return ends

    def _drop(self, fd: int, event: int) -> None:
        """Forget half of a registration whose handle was cancelled from outside."""
        key = self._keys[fd]
        reader, writer = key.data
        try:
            if key.events == event:
                self.unregister(fd)
            elif event == EVENT_READ:
                self.modify(fd, EVENT_WRITE, (None, writer))
            else:
                self.modify(fd, EVENT_READ, (reader, None))
        except OSError:
            # The file is gone, and what is left of the registration with it.
            pass

    def close(self) -> None:
        """Forget everything; the watched files stay open."""
        self._keys.clear()
        self._closed = True
        self._guard = self._loop = None


def key_of(selector: BaseSelector, fd: int) -> SelectorKey | None:
    """Return what any selector, a poller or another, has about a descriptor number, or None."""
    if sys.version_info >= (3, 13):
        return selector.get_map().get(fd)
    # The standard selectors' mapping has no get() of its own there: ask in the way of that time.
    try:
        return selector.get_key(fd)
    except KeyError:
        return None


def _check_events(events: int) -> None:
    if not events or events & ~(EVENT_READ | EVENT_WRITE):
        raise ValueError(f"Invalid events: {events!r}")


leave_to_checkers(__name__)
