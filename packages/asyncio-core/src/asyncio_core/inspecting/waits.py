"""What a task waits for.

Things that are waited for tell themselves what they are, by a method `_waited_for()`: it returns facts, with the key
"kind", and maybe "transport" or "socket", of which the addresses are told here. It changes nothing and may be called
from any thread. Of a task's innermost coroutines the one that is such a thing's method leads to it.
"""

from __future__ import annotations

import gc
import socket

from asyncio_core.awaiting.base_futures import isfuture
from asyncio_core.inspecting.completing import children_of
from asyncio_core.inspecting.stacks import code_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from asyncio_core.inspecting.completing import Completers
    from asyncio_core.inspecting.loop_facts import Timers

# So far up from the innermost coroutine is looked for whose method it is: a queue's wait may stand in a line's.
_LOOKED_AT = 4
# What transports tell of themselves, by the name it has here.
_EXTRA = (("local", "sockname"), ("peer", "peername"))
#: Tasks that are named of those that one waits for at once.
MOST_NAMED = 1000


def facts_of_wait(
    future: Any, chain: list[Any], timers: Timers, completers: Completers
) -> dict[str, object]:
    """Tell what `future` stands for, in which the coroutines of `chain` end."""
    if future is not None and hasattr(type(future), "get_coro"):
        return {"kind": "task", "id": id(future)}
    children = children_of(future)
    if children is not None:
        # Of one in another, and of what shields a task, the tasks; of what waits for something else that itself.
        waited = dict.fromkeys(
            key for child in children for key in completers.of(child) or (id(child),)
        )
        return {"kind": "gather", "left": len(waited), "ids": list(waited)[:MOST_NAMED]}
    found = _by_method(chain)
    if found is None and future is not None:
        due = timers.due_of(future)
        found = {"kind": "future"} if due is None else {"kind": "timer", "due_in": due}
        completing = completers.of(future) if due is None else []
        if completing:
            found = {
                "kind": "tasks",
                "left": len(completing),
                "ids": completing[:MOST_NAMED],
            }
    if found is None:
        return {"kind": "unknown"}
    if future is not None:
        found["future"] = id(future)
    return found


def _by_method(chain: list[Any]) -> dict[str, object] | None:
    """Find the thing whose method waits, and let it tell what it is."""
    for number in range(len(chain) - 1, max(-1, len(chain) - 1 - _LOOKED_AT), -1):
        code = code_of(chain[number])
        for held in gc.get_referents(chain[number]):
            if isinstance(held, socket.socket) and code is not None and "sock" in code.co_varnames:
                facts: dict[str, object] = {"kind": "socket", **_facts_of_socket(held)}
            elif hasattr(type(held), "_waited_for") and (
                code is None or _is_method(type(held), code)
            ):
                facts = _resolved(type(held)._waited_for(held))
                facts["id"] = id(held)
            else:
                continue
            facts["in"] = _method_that_was_called(chain, number, held)
            return facts
    return None


def _method_that_was_called(chain: list[Any], number: int, held: Any) -> str:
    """Return the name of the method from which a thing's own coroutines lead to the one that waits."""
    while number:
        inner, outer = code_of(chain[number]), code_of(chain[number - 1])
        if inner is None or outer is None or inner.co_filename != outer.co_filename:
            break
        if not any(each is held for each in gc.get_referents(chain[number - 1])):
            break
        number -= 1
    return str(getattr(chain[number], "__qualname__", ""))


def _is_method(kind: type, code: Any) -> bool:
    for base in kind.__mro__:
        method = base.__dict__.get(code.co_name)
        if getattr(method, "__code__", None) is code:
            return True
    return False


def _resolved(facts: dict[str, Any]) -> dict[str, object]:
    """Put addresses in the place of a transport or a socket."""
    told: dict[str, object] = {}
    for name, value in facts.items():
        if name == "transport":
            told |= _facts_of_transport(value)
        elif name == "sockets":
            told["sockets"] = [_facts_of_socket(each) for each in value]
        else:
            told[name] = value
    return told


def _facts_of_transport(transport: Any) -> dict[str, object]:
    told: dict[str, object] = {}
    tell = getattr(transport, "get_extra_info", None)
    if tell is not None:
        sock = tell("socket")
        if sock is not None:
            told["fd"] = sock.fileno()
        for name, extra in _EXTRA:
            value = tell(extra)
            if value:
                told[name] = address_text(value)
    return told


def _facts_of_socket(sock: Any) -> dict[str, object]:
    told: dict[str, object] = {"fd": sock.fileno()}
    for name, ask in (("local", sock.getsockname), ("peer", sock.getpeername)):
        try:
            address = ask()
        except OSError:
            continue  # It is not connected, or closed.
        if address:
            told[name] = address_text(address)
    return told


def address_text(address: object) -> str:
    """Write out the address of a socket: host and port, a path, or what it is else."""
    if isinstance(address, tuple) and len(address) >= 2 and isinstance(address[0], str):
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        return f"{host}:{address[1]}"
    if isinstance(address, bytes):
        return "@" + address.lstrip(b"\0").decode(errors="backslashreplace")
    return address if isinstance(address, str) else repr(address)


def awaiters_of(future: Any) -> list[int]:
    """Return the ids of the tasks and futures that wait for one."""
    waiting = getattr(future, "_asyncio_awaited_by", None) or ()
    return sorted(id(waiter) for waiter in waiting if isfuture(waiter))
