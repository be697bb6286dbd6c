"""`python -m asyncio`: the REPL, and what can be asked about this implementation."""

from __future__ import annotations

import sys
from asyncio._commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
