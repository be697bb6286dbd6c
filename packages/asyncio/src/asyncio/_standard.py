"""Handing the name over to the standard library's asyncio, once this one was found in its place.

`_asyncio_precedence` keeps out of the way when it is asked to. But where this asyncio stands on `sys.path` by
itself, before the standard library (`pip install --target` with PYTHONPATH, a zip archive with all that a
program needs), no hook is asked: Python finds this package and runs it. So it asks itself.
"""

import os
import sys
from _frozen_importlib_external import PathFinder  # importlib.machinery's, without a file to read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

__all__ = ("hand_over",)


def hand_over() -> bool:
    """Run the standard asyncio in the module object `asyncio`, with nothing left of this one.

    In the same object: it is what the import that runs now, or a reload, is going to return. Returns False,
    with a RuntimeWarning, where there is no standard asyncio: in a program that was frozen with this one.
    """
    module = sys.modules["asyncio"]
    spec = _find_standard()
    if spec is None:
        import warnings

        text = "ASYNCIO_IMPLEMENTATION=stdlib was passed over: there is no standard asyncio here"
        warnings.warn(text, RuntimeWarning, stacklevel=4)
        return False
    for name in list(sys.modules):
        if name.startswith("asyncio._"):
            del sys.modules[name]
    # The submodules of the standard one, where it is being reloaded.
    kept = {name: value for name, value in vars(module).items() if _is_submodule(name, value)}
    vars(module).clear()
    vars(module).update(
        __name__="asyncio",
        __spec__=spec,
        __loader__=spec.loader,
        __package__="asyncio",
        __path__=spec.submodule_search_locations,
        __file__=spec.origin,
        __cached__=spec.cached,
        __builtins__=__builtins__,
        **kept,
    )
    assert spec.loader is not None
    spec.loader.exec_module(module)
    return True


def _is_submodule(name: str, value: object) -> bool:
    return value is not None and sys.modules.get(f"asyncio.{name}") is value


def _find_standard() -> "ModuleSpec | None":
    own = sys.modules["asyncio"].__file__
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    others = [folder for folder in sys.path if os.path.abspath(folder) != here]
    # A program that was frozen may have it in an archive.
    for path in ([os.path.dirname(os.__file__)], others):
        spec = PathFinder.find_spec("asyncio", path)
        # The folder that this one was frozen into goes by more than one name.
        if spec is not None and spec.loader is not None and spec.origin not in (None, own):
            return spec
    return None
