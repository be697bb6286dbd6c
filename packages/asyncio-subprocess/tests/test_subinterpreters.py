"""In an isolated subinterpreter there are threads, but no daemons; children are started all the same."""

from __future__ import annotations

import sys

import pytest

from asyncio_test_support.programs import run_isolated

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or sys.version_info < (3, 13),
    reason="isolated subinterpreters of Python 3.12 crash at their end, those of 3.11 start no processes",
)


@pytest.mark.parametrize("by_thread", [False, True], ids=["usual", "thread"])
def test_a_child_is_started_and_waited_for(by_thread):
    program = f"""
        import sys
        import asyncio_core
        import asyncio_selectors
        import asyncio_subprocess
        from asyncio_subprocess.exit_thread import _ThreadedChildWatcher

        async def main():
            if {by_thread}:
                loop = asyncio_core.get_running_loop()
                loop._exit_watcher = _ThreadedChildWatcher(loop)
            child = await asyncio_subprocess.create_subprocess_exec(
                sys.executable, "-c", "print(1)", stdout=asyncio_subprocess.PIPE
            )
            assert (await child.communicate())[0] == b"1\\n"
            assert child.returncode == 0

        asyncio_core.run(main(), loop_factory=asyncio_selectors.SelectorEventLoop)
    """
    run_isolated(program)
