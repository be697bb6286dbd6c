"""`python tools/docs WORDS`: what `python tools/dev.py docs WORDS` runs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])
from docs.command import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
