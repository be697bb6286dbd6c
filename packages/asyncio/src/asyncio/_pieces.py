"""The distributions that the facade puts together: their versions, and which of them run compiled."""

from __future__ import annotations

import sys
from asyncio._modules import MODULES
from importlib import import_module

__all__ = ("form_of", "of_other_versions", "pieces", "told", "version_of", "warn_of_other_versions")


def pieces() -> list[str]:
    """Return the names of the distributions."""
    packages = {target.partition(".")[0] for target in MODULES.values()}
    packages.discard("asyncio")
    if sys.platform != "win32":
        packages.discard("asyncio_iocp")
    return sorted(package.replace("_", "-") for package in packages)


def version_of(distribution: str) -> str:
    """Return the version of a distribution, or why there is none."""
    try:
        module = import_module(distribution.replace("-", "_"))
    except ModuleNotFoundError:
        return "not installed"
    except ImportError as error:
        return f"not usable: {error}"
    return str(getattr(module, "__version__", "of unknown version"))


def form_of(distribution: str) -> str:
    """Tell whether a distribution runs compiled, and if not, why; nothing where it doesn't run at all."""
    package = distribution.replace("-", "_")
    try:
        import_module(package)
    except ImportError:
        return ""
    try:
        why = import_module(f"{package}.twins").why_pure
    except ModuleNotFoundError:
        why = "it has no compiled form"
    return "compiled" if why is None else f"pure: {why}"


def of_other_versions() -> list[tuple[str, str]]:
    """Return the pieces that are there in another version than the facade, with theirs.

    All have one version, and need each other in just that; but pip only warns where it breaks that.
    """
    here = sys.modules["asyncio"].__version__
    found = []
    for piece in pieces():
        try:
            version = import_module(piece.replace("-", "_")).__version__
        except (ImportError, AttributeError):
            # It is told by who needs it that it is not there.
            continue
        if version != here:
            found.append((piece, version))
    return found


def told(others: list[tuple[str, str]]) -> str:
    """Return what to say of pieces of other versions, and the remedy."""
    here = sys.modules["asyncio"].__version__
    listed = ", ".join(f"{piece} {version}" for piece, version in others)
    return (
        f"asyncio {here} runs with {listed}: all of it should be of one version. "
        "Install all of it again, from one place, or uninstall what is left of the other."
    )


def warn_of_other_versions() -> None:
    """Warn, with a RuntimeWarning, where pieces are of another version than the facade."""
    others = of_other_versions()
    if others:
        import warnings

        warnings.warn(told(others), RuntimeWarning, stacklevel=2)
