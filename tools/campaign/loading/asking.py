"""A client in good order beside a load, in a process of its own: `asking.py HOST PORT PAUSE`. For each line of its input, a number, it asks so many questions.

It asks one each PAUSE seconds, whether or not those before have been answered: else a loop that does nothing else for a second would be asked once in it.
Answers with the nanoseconds from each question to its answer.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

_NANO = 1_000_000_000
#: Seconds; a loop that does nothing else for so long is said to hang.
_LIMIT = 60.0


def ask(sock: socket.socket, pause: int, count: int) -> list[int]:
    asked: list[int] = []
    found: list[int] = []
    due = time.perf_counter_ns()
    while len(found) < count:
        early = due - time.perf_counter_ns()
        if len(asked) < count and early <= 0:
            asked.append(time.perf_counter_ns())
            sock.sendall(b"?")
            due += pause
            continue
        limit = early / _NANO if len(asked) < count else _LIMIT
        if not select.select([sock], [], [], limit)[0]:
            if len(asked) == count:
                raise TimeoutError(f"{count - len(found)} questions are not answered")
            continue
        answers = sock.recv(count)
        now = time.perf_counter_ns()
        if not answers:
            raise EOFError("the connection has ended")
        # They come in the order of the questions.
        found += [now - asked[number] for number in range(len(found), len(found) + len(answers))]
    return found


def main(host: str, port: str, pause: str) -> None:
    with socket.create_connection((host, int(port)), timeout=_LIMIT) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for line in sys.stdin:
            count = json.loads(line)["count"]
            print(json.dumps({"found": ask(sock, int(float(pause) * _NANO), count)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
