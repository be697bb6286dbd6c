"""The logger that everything here reports to: ``logging.getLogger("asyncio")``."""

from __future__ import annotations

from asyncio_core.lent_names import lend_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging

    logger: logging.Logger


def __getattr__(name: str) -> object:
    # Importing logging costs more than many a program's whole start, and most programs never
    # log: the logger comes to be when somebody first asks this module for it.
    if name != "logger":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import logging

    global logger
    logger = logging.getLogger("asyncio")
    return logger


lend_names(
    __name__,
    "logging",
    known=lambda: ("logger",),
)
