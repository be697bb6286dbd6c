"""Measurements, this asyncio beside the interpreter's own: `python tools/dev.py bench NAME`.

    idle    the memory of a server that holds many connections on which nothing happens

Each side runs in a process of its own, in one run on one machine: only the ratio means something.
"""

from __future__ import annotations

import sys

import idle

BENCHES = {"idle": idle.main}


def main(words: list[str]) -> int:
    name, *rest = words or [""]
    if name not in BENCHES:
        print(f"{__doc__}\nwhich one? {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    return BENCHES[name](rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
