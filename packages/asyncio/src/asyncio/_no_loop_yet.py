"""What `asyncio` answers with while the module that knows the running loop is being imported."""

import sys

RUNNING_LOOP = "asyncio_core.running_loop"


class NoLoopYet:
    """Stands in for the module of the running loop while that is being imported: no loop can run then.

    What watches imports, or the calls that they make, may ask for the loop in the middle of this one.
    """

    @staticmethod
    def _get_running_loop() -> object:
        real = getattr(sys.modules.get(RUNNING_LOOP), "_get_running_loop", None)
        return None if real is None else real()

    @staticmethod
    def _set_running_loop(loop: object) -> None:
        __import__(RUNNING_LOOP)
        sys.modules[RUNNING_LOOP]._set_running_loop(loop)

    @staticmethod
    def get_running_loop() -> object:
        loop = NoLoopYet._get_running_loop()
        if loop is None:
            raise RuntimeError("no running event loop")
        return loop
