"""The part of a loop that starts child processes.

What does the work is in a distribution of its own, found by entry point when the first child
is started; here the arguments are checked and the transport is joined to its protocol.
"""

from __future__ import annotations

from asyncio_core import log
from asyncio_core.connections.hooks import IOPart
from asyncio_core.exceptions import drop_own_frame
from asyncio_core.null_characters import refuse_null_in_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import IO, Any, Literal, TypeVar, Unpack

    from _typeshed import StrOrBytesPath

    from asyncio_core.interfaces.loop_types import PopenOptions
    from asyncio_core.interfaces.protocols import BaseProtocol
    from asyncio_core.interfaces.transports import SubprocessTransport

    _ProtocolT = TypeVar("_ProtocolT", bound=BaseProtocol)

# subprocess.PIPE, subprocess.STDOUT: known here by value, as `subprocess` is not imported for
# programs that start no child.
_PIPE = -1
_STDOUT = -2


class SubprocessPart(IOPart):
    """subprocess_exec() and subprocess_shell()."""

    async def subprocess_shell(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        cmd: bytes | str,
        *,
        stdin: int | IO[Any] | None = _PIPE,
        stdout: int | IO[Any] | None = _PIPE,
        stderr: int | IO[Any] | None = _PIPE,
        universal_newlines: Literal[False] = False,
        shell: Literal[True] = True,
        bufsize: Literal[0] = 0,
        encoding: None = None,
        errors: None = None,
        text: Literal[False] | None = None,
        **kwargs: Unpack[PopenOptions],
    ) -> tuple[SubprocessTransport, _ProtocolT]:
        """Run the command line *cmd* in the system's shell.

        Streams are as for :class:`subprocess.Popen`, except that the default is a pipe.
        *kwargs* go to ``Popen``. Gives ``(transport, protocol)``. Raises :exc:`ValueError` for
        options that would make the pipes text or buffered, which these transports do not do, and
        for a null character in the command, the environment or a path. Source: PEP 3156.
        """
        if not isinstance(cmd, (bytes, str)):
            raise ValueError(f"cmd must be a string, got {cmd!r}")
        if not shell:
            raise ValueError(f"shell must be True, got {shell!r}")
        _check_raw_pipes(universal_newlines, bufsize, text, encoding, errors)
        return await self._spawn(
            protocol_factory, cmd, True, (stdin, stdout, stderr), bufsize, kwargs
        )

    async def subprocess_exec(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        program: StrOrBytesPath,
        *args: StrOrBytesPath,
        stdin: int | IO[Any] | None = _PIPE,
        stdout: int | IO[Any] | None = _PIPE,
        stderr: int | IO[Any] | None = _PIPE,
        universal_newlines: Literal[False] = False,
        shell: Literal[False] = False,
        bufsize: Literal[0] = 0,
        encoding: None = None,
        errors: None = None,
        text: Literal[False] | None = None,
        **kwargs: Unpack[PopenOptions],
    ) -> tuple[SubprocessTransport, _ProtocolT]:
        """Run *program* with the arguments *args*, each of them a str, bytes or path.

        Everything else is as for :meth:`subprocess_shell`. Source: PEP 3156.
        """
        if shell:
            raise ValueError(f"shell must be False, got {shell!r}")
        _check_raw_pipes(universal_newlines, bufsize, text, encoding, errors)
        return await self._spawn(
            protocol_factory, (program, *args), False, (stdin, stdout, stderr), bufsize, kwargs
        )

    async def _spawn(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        command: Any,
        shell: bool,
        streams: tuple[Any, Any, Any],
        bufsize: int,
        options: PopenOptions,
    ) -> tuple[SubprocessTransport, _ProtocolT]:
        """Start the child and wait until its pipes are connected."""
        try:
            refuse_null_in_command(command, options)
            protocol = protocol_factory()
            described = None
            if self._debug:
                program = command if shell else command[0]
                described = f"{'run shell command' if shell else 'execute program'} {program!r}"
                self._log_subprocess(described, *streams)
            import asyncio_core.seen_as.asyncio.base_events as known

            starting = self._make_subprocess_transport(
                protocol, command, shell, *streams, bufsize, **options
            )
            transport = await (known.subprocess_shell if shell else known.subprocess_exec)(starting)
            if described is not None:
                log.logger.info("%s: %r", described, transport)
            return transport, protocol
        except BaseException as error:
            drop_own_frame(error)
            raise

    def _log_subprocess(self, msg: str, stdin: Any, stdout: Any, stderr: Any) -> None:
        """Write down that a child is started, and where its streams go."""
        parts = [msg]
        for name, stream in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
            if stream is not None:
                parts.append(f"{name}={_format_pipe(stream)}")
        log.logger.debug(" ".join(parts))

    async def _make_subprocess_transport(
        self,
        protocol: BaseProtocol,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        extra: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> SubprocessTransport:
        """Let the installed subprocess support start the child."""
        if type(self)._make_write_pipe_transport is IOPart._make_write_pipe_transport:
            # No support could talk to the child over a loop that has no pipes.
            self._lacks("subprocesses")
        from asyncio_core.choosing.subprocess_support import subprocess_support

        # Imported here the first time, not in a thread: a program with one thread can do what others
        # cannot, and a system that gives no thread may still start processes.
        start: Callable[..., Awaitable[SubprocessTransport]] | None = subprocess_support()
        if start is None:
            raise NotImplementedError("no support for subprocesses: install asyncio-subprocess")
        return await start(
            self, protocol, args, shell, stdin, stdout, stderr, bufsize, extra=extra, **kwargs
        )


def _format_pipe(stream: Any) -> str:
    """Return what is written down for a child's stream, as it was given."""
    if isinstance(stream, int):
        return {_PIPE: "<pipe>", _STDOUT: "<stdout>"}.get(stream, repr(stream))
    return repr(stream)


# The Popen options that make pipes anything but unbuffered bytes, and the one value that each
# may have; None, "not said", will do as well.
_RAW_PIPES = {
    "universal_newlines": False,
    "bufsize": 0,
    "text": False,
    "encoding": None,
    "errors": None,
}
# What is mostly given: nothing.
_UNSAID = (False, 0, None, None, None)


def _check_raw_pipes(*given: object) -> None:
    """Raise :exc:`ValueError` for the first of the options, in order, that is not raw."""
    if given == _UNSAID:
        return
    for (name, raw), value in zip(_RAW_PIPES.items(), given, strict=True):
        if value is not None and value != raw:
            raise ValueError(f"{name} must be {raw}, got {value!r}")
