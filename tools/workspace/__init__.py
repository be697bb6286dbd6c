"""What `tools/dev.py` is made of; standard library only, for Python 3.11 and newer."""

from __future__ import annotations
