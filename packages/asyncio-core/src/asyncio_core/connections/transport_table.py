"""Which transport has taken which descriptor."""

from __future__ import annotations

from collections.abc import MutableMapping
from weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    _Table = MutableMapping[int, Any]
else:
    _Table = MutableMapping

__all__ = ("TransportTable",)


class TransportTable(_Table):
    """Transports by descriptor, held weakly: one that the program has lost is not in there any more.

    A number has one place, whoever had it before. So nothing has to be done when a transport goes away, as it has to
    for a `weakref.WeakValueDictionary`, which is what takes longest there with each new connection.
    """

    __slots__ = ("_references",)

    def __init__(self) -> None:
        self._references: dict[int, ref[Any]] = {}

    def __setitem__(self, fd: int, transport: Any) -> None:
        self._references[fd] = ref(transport)

    def __getitem__(self, fd: int) -> Any:
        transport = self._references[fd]()
        if transport is None:
            raise KeyError(fd)
        return transport

    def get(self, fd: int, default: Any = None) -> Any:
        reference = self._references.get(fd)
        if reference is None:
            return default
        transport = reference()
        return default if transport is None else transport

    def __delitem__(self, fd: int) -> None:
        if self._references.pop(fd)() is None:
            raise KeyError(fd)

    def __iter__(self) -> Iterator[int]:
        return iter([fd for fd, reference in self._references.items() if reference() is not None])

    def __len__(self) -> int:
        return sum(reference() is not None for reference in self._references.values())
