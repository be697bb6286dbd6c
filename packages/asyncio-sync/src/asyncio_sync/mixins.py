"""The tie between a synchronization object and its event loop."""

from __future__ import annotations

import threading

from asyncio_core.annotations import leave_to_checkers
from asyncio_core.choosing.running_loop import _get_running_loop, get_running_loop
from asyncio_core.faces import extend_face
from asyncio_core.lent_names import lend_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio_core.interfaces.loop import AbstractEventLoop

# A name that the standard module has, and its stubs; nobody here takes it.
_global_lock = threading.Lock()


class _LoopBoundMixin:
    """Binds an object to the first loop in which somebody has to wait for it.

    Objects can be made anywhere, also before any loop exists. As long as nobody waits, nothing
    binds them; from the first wait on they belong to that loop.
    """

    _loop: AbstractEventLoop | None = None

    def _get_loop(self) -> AbstractEventLoop:
        """Return the running loop; raise RuntimeError when it is not this object's own."""
        running = _get_running_loop()
        if running is None:
            running = get_running_loop()  # which says that there is none
        if self._loop is not running:
            self._bind(running)
        return running

    def _bind(self, running: AbstractEventLoop) -> None:
        # Two threads, each with a loop, may come here at the same moment: one of them must lose. A dictionary settles that in
        # one step. A lock would stay locked for ever where Ctrl-C comes right behind its taking, or another thread forks.
        if vars(self).setdefault("_loop", running) is not running:
            raise RuntimeError(f"{self!r} is bound to a different event loop")


extend_face("asyncio_core.scheduling.events", __name__)


lend_names(
    __name__,
    "events",
)

leave_to_checkers(__name__)
