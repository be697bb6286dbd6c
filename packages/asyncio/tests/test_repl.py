"""The shell of `python -m asyncio`, through a pipe and on a terminal."""

from __future__ import annotations

import importlib.metadata
import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from asyncio_test_support.programs import with_sanitizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from asyncio_test_support.fixture_types import RunPython


SHELL = ("-q", "-m", "asyncio")


def lines_of(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The output without prompts."""
    text = result.stdout.replace(">>> ", "").replace("... ", "")
    return [line for line in text.splitlines() if line]


def test_top_level_await_gives_its_value(python: RunPython) -> None:
    result = python(*SHELL, input="await asyncio.sleep(0, 6 * 7)\n")

    assert (result.returncode, lines_of(result)) == (0, ["42"])


def test_the_banner_tells_how_to_use_it_and_quiet_leaves_it_out(python: RunPython) -> None:
    loud = python("-m", "asyncio")
    quiet = python(*SHELL)

    assert 'Use "await" directly' in loud.stderr
    version = importlib.metadata.version("asyncio")
    assert f"This is asyncio {version}, independent of the standard library's.\n" in loud.stderr
    assert "This is" not in quiet.stderr
    assert quiet.stderr.startswith(">>> import asyncio\n")
    assert "exiting asyncio REPL..." in loud.stderr
    assert "exiting" not in quiet.stderr


def test_blocks_end_with_an_empty_line(python: RunPython) -> None:
    result = python(
        *SHELL,
        input="async def double(x):\n  await asyncio.sleep(0)\n  return x * 2\n\nawait double(4)\n",
    )

    assert lines_of(result) == ["8"]


def test_tasks_go_on_between_statements(python: RunPython) -> None:
    result = python(
        *SHELL,
        input=(
            "done = asyncio.Event()\n"
            "async def work(): done.set()\n"
            "\n"
            "task = asyncio.create_task(work())\n"
            "await done.wait()\n"
            "task.done()\n"
        ),
    )

    assert lines_of(result) == ["True", "True"]


@pytest.mark.parametrize("setting", ["var.set('ok') and None", "await change()"])
def test_a_context_variable_lasts_from_one_statement_to_the_next(
    python: RunPython, setting: str
) -> None:
    result = python(
        *SHELL,
        input=(
            "from contextvars import ContextVar\n"
            "var = ContextVar('var', default='failed')\n"
            "async def change(): var.set('ok')\n"
            "\n"
            f"{setting}\n"
            "var.get()\n"
        ),
    )

    assert lines_of(result) == ["'ok'"]


@pytest.mark.parametrize("statement", ["1 / 0", "await fail()"])
def test_an_error_is_shown_from_the_statement_on_and_the_next_one_runs(
    python: RunPython, statement: str
) -> None:
    result = python(
        *SHELL, input=f"async def fail(): 1 / 0\n\n{statement}\nprint('still', 'here')\n"
    )

    assert result.returncode == 0
    assert lines_of(result) == ["still here"]
    assert "ZeroDivisionError" in result.stderr
    files = [line.split('"')[1] for line in result.stderr.splitlines() if 'File "' in line]
    assert set(files) == {"<stdin>"}


def test_a_syntax_error_is_shown_and_the_next_statement_runs(python: RunPython) -> None:
    result = python(*SHELL, input="1 +\n7\n")

    assert lines_of(result) == ["7"]
    assert "SyntaxError" in result.stderr


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("exit()", 0),
        ("exit(3)", 3),
        ("raise SystemExit(4)", 4),
        ("await asyncio.sleep(0) or exit(5)", 5),
        ("asyncio.get_running_loop().call_soon(exit, 6); await asyncio.sleep(9)", 6),
    ],
)
def test_exit_ends_the_shell_with_its_code(python: RunPython, statement: str, code: int) -> None:
    result = python(*SHELL, input=f"{statement}\nprint('not', 'reached')\n")

    assert result.returncode == code
    assert "not reached" not in result.stdout


def test_a_task_that_exits_ends_the_shell_though_more_input_may_come(tmp_path: Path) -> None:
    # `sys.exit`, for `exit` closes the input itself.
    statement = "import sys; asyncio.get_running_loop().call_soon(sys.exit, 6); await asyncio.Event().wait()"
    with subprocess.Popen(
        [sys.executable, *SHELL],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as shell:
        assert shell.stdin is not None and shell.stderr is not None
        shell.stdin.write(f"{statement}\n")
        shell.stdin.flush()
        try:
            status = shell.wait(30)
        finally:
            shell.kill()
        assert (status, "Fatal" in shell.stderr.read()) == (6, False)


def test_tasks_that_still_run_at_the_end_are_cancelled(python: RunPython) -> None:
    result = python(
        *SHELL,
        input=(
            "async def work():\n"
            "  try: await asyncio.sleep(1000)\n"
            "  finally: print('cleaned up')\n"
            "\n"
            "task = asyncio.create_task(work())\n"
            "await asyncio.sleep(0)\n"
        ),
    )

    assert (result.returncode, lines_of(result)) == (0, ["cleaned up"])


def test_the_loop_runs_in_the_main_thread(python: RunPython) -> None:
    result = python(
        *SHELL,
        input="import threading\nthreading.current_thread() is threading.main_thread()\n",
    )

    assert lines_of(result) == ["True"]


def test_what_is_defined_belongs_to_main(python: RunPython) -> None:
    assert lines_of(python(*SHELL, input="__name__\n")) == ["'__main__'"]


@pytest.fixture
def startup(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    def write(program: str) -> dict[str, str]:
        file = tmp_path / "startup.py"
        file.write_text(program)
        return {"PYTHONSTARTUP": str(file)}

    return write


def test_the_startup_file_runs_where_the_running_python_has_it(
    python: RunPython, startup: Callable[[str], dict[str, str]]
) -> None:
    result = python(*SHELL, input="'answer' in globals()\n", environment=startup("answer = 42"))

    assert lines_of(result) == [str(sys.version_info >= (3, 13))]


def test_isolated_mode_leaves_the_startup_file_alone(
    python: RunPython, startup: Callable[[str], dict[str, str]]
) -> None:
    result = python("-I", *SHELL, environment=startup("print('ran')"))

    assert lines_of(result) == []


@pytest.mark.skipif(sys.version_info < (3, 13), reason="honoured since Python 3.13")
def test_a_startup_file_that_fails_is_reported_and_the_shell_goes_on(
    python: RunPython, startup: Callable[[str], dict[str, str]]
) -> None:
    result = python(*SHELL, input="'went on'\n", environment=startup("1 / 0"))

    assert "ZeroDivisionError" in result.stderr
    assert lines_of(result) == ["'went on'"]


if sys.platform != "win32":
    import pty

    class Terminal:
        """A shell on a terminal of its own."""

        def __init__(self, environment: dict[str, str]) -> None:
            self._side, side = pty.openpty()
            # As the session's leader with this terminal, the shell gets Ctrl+C as a signal.
            become_leader = (
                "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
                "os.execv(sys.executable, [sys.executable, '-q', '-m', 'asyncio'])"
            )
            self.process = subprocess.Popen(
                [sys.executable, "-c", become_leader],
                stdin=side,
                stdout=side,
                stderr=side,
                env=with_sanitizer(environment),
            )
            os.close(side)
            self._output = b""

        def type(self, text: str) -> None:
            os.write(self._side, text.encode())

        def expect(self, text: str) -> None:
            """Wait until the shell has written `text`; what came before it is dropped."""
            while text.encode() not in self._output:
                ready, _, _ = select.select([self._side], [], [], 20)
                assert ready, f"no {text!r} in {self._output!r}"
                self._output += os.read(self._side, 4096)
            _, _, self._output = self._output.partition(text.encode())

        def close(self) -> None:
            self.process.kill()
            self.process.wait()
            os.close(self._side)

    # The multi-line editor came with Python 3.13.
    CONSOLES = ["basic", "editor"] if sys.version_info >= (3, 13) else ["basic"]

    @pytest.fixture(params=CONSOLES)
    def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
        environment = {"TERM": "vt100", "HOME": str(tmp_path), "NO_COLOR": "1"}
        if request.param == "basic":
            environment["PYTHON_BASIC_REPL"] = "1"
        terminal = Terminal(environment)
        try:
            yield terminal
        finally:
            terminal.close()

    def test_control_c_cancels_the_statement_that_waits(terminal: Terminal) -> None:
        terminal.expect(">>> ")
        terminal.type("await asyncio.sleep(print('wait' + 'ing') or 1000)\n")
        terminal.expect("waiting")
        terminal.type("\x03")
        terminal.expect("KeyboardInterrupt")
        terminal.expect(">>> ")
        terminal.type("exit(7)\n")
        assert terminal.process.wait(20) == 7

    def test_control_c_stops_the_statement_that_runs(terminal: Terminal) -> None:
        terminal.expect(">>> ")
        terminal.type("[n for n in range(10**12) if n == 0 and print('work' + 'ing')]\n")
        terminal.expect("working")
        terminal.type("\x03")
        terminal.expect("KeyboardInterrupt")
        terminal.expect(">>> ")
        terminal.type("exit(7)\n")
        assert terminal.process.wait(20) == 7

    def test_names_are_completed_from_the_shells_own_namespace(terminal: Terminal) -> None:
        terminal.expect(">>> ")
        terminal.type("distinctive_name = 'com' + 'pleted'\n")
        terminal.expect(">>> ")
        terminal.type("distinct\t\n")
        terminal.expect("completed")
