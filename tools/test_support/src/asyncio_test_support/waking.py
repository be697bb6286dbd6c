"""Whether a loop that waits is woken, where sending to its socket pair fails too."""

from __future__ import annotations

import os
import threading
import time
from typing import Any


def woken(loop: Any, rounds: int = 3) -> None:
    """Let a thread wake the loop, which waits without limit, several times."""
    turn = threading.Semaphore(0)
    seen: list[int] = []

    def call(number: int) -> None:
        seen.append(number)
        turn.release()
        if len(seen) == rounds:
            loop.stop()

    def wake() -> None:
        for number in range(rounds):
            # The loop waits by now, or is about to.
            time.sleep(0.01)
            loop.call_soon_threadsafe(call, number)
            assert turn.acquire(timeout=20)

    thread = threading.Thread(target=wake)
    thread.start()
    # A bound for a loop that was not woken; it would otherwise wait for ever.
    bound = threading.Timer(10, os._exit, (3,))
    bound.start()
    loop.run_forever()
    bound.cancel()
    thread.join()
    assert seen == list(range(rounds))


class Refusing:
    """A socket whose first sends fail; `words` are methods that the sandbox denies as well."""

    def __init__(self, sock: Any, number: int, times: float, *words: str) -> None:
        self.sock = sock
        self.number = number
        self.left = times
        self.words = words

    def refuse(self, *_: Any) -> Any:
        raise OSError(self.number, os.strerror(self.number))

    def send(self, data: bytes) -> int:
        if self.left > 0:
            self.left -= 1
            self.refuse()
        return int(self.sock.send(data))

    def __getattr__(self, name: str) -> Any:
        return self.refuse if name in self.words else getattr(self.sock, name)
