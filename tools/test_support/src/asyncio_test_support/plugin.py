"""The fixtures. pytest loads this by its entry point; what a fixture needs is imported when it is asked for.

`connect` and `in_thread` go with a fixture `loop`, which each distribution's tests have of their own.
"""

from __future__ import annotations

import gc
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine, Iterator

    from asyncio_test_support.certificates import Certificates
    from asyncio_test_support.protocols import Recorder

    Pair = tuple[socket.socket, socket.socket]

pytest.register_assert_rewrite("asyncio_test_support")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seeds",
        type=_seeds,
        metavar="FIRST:END",
        help="only what runs on a loop by the fixture `run`, on a shuffled one, with each of these seeds",
    )


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end))


def pytest_configure(config: pytest.Config) -> None:
    line = "usual_order: counts on the order in which tasks begin, or on how many turns something takes"
    config.addinivalue_line("markers", line)
    config.pluginmanager.register(_Freezing())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    seeds = metafunc.config.getoption("--seeds")
    if seeds is not None and "run" in metafunc.fixturenames:
        metafunc.parametrize("seed_of_order", seeds, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--seeds") is None:
        return
    others = [
        item
        for item in items
        if item.get_closest_marker("usual_order")
        or "seed_of_order" not in getattr(getattr(item, "callspec", None), "params", ())
    ]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


#: After so many tests, the collector passes over what is there.
_OFTEN = 20


class _Freezing:
    """Many tests collect garbage: most of their time goes into looking at what pytest holds, if the collector is let."""

    def __init__(self) -> None:
        self._ended = 0

    def pytest_collection_finish(self) -> None:
        gc.collect()
        gc.freeze()

    def pytest_runtest_logfinish(self) -> None:
        self._ended += 1
        if self._ended % _OFTEN == 0:
            gc.collect()
            gc.freeze()


@pytest.fixture(autouse=True)
def seed_of_order(request: pytest.FixtureRequest) -> Iterator[None]:
    """With `--seeds`, have loops that are made by default shuffle, by a seed."""
    seed = getattr(request, "param", None)
    if seed is None:
        yield
        return
    from asyncio_core.choosing.policies import _set_event_loop_policy

    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("ASYNCIO_LOOP", "asyncio_core.testing.shuffled:ShuffledEventLoopPolicy")
        changed.setenv("ASYNCIO_SEED", str(seed))
        _set_event_loop_policy(None)
        yield
        _set_event_loop_policy(None)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The files of an authority, a server and a client, made once for all tests."""
    from asyncio_test_support.certificates import make

    return make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server_context(certificates: Certificates) -> ssl.SSLContext:
    """The TLS context of a server called localhost."""
    return certificates.server_context()


@pytest.fixture
def client_context(certificates: Certificates) -> ssl.SSLContext:
    """The TLS context of a client that trusts the server."""
    return certificates.client_context()


@pytest.fixture(params=["TLSv1.2", "TLSv1.3"])
def tls_version(request: pytest.FixtureRequest) -> str:
    """Each of the versions of TLS that there are."""
    return str(request.param)


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two connected sockets that do not block."""
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        yield left, right


@pytest.fixture(params=["TCP", "local"])
def stream_pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two connected sockets, of which a transport will take the first; the other one waits for 20 seconds."""
    from asyncio_test_support.sockets import LIMIT, tcp_pair

    ours, theirs = tcp_pair() if request.param == "TCP" else socket.socketpair()
    theirs.settimeout(LIMIT)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def local_pair() -> Iterator[Pair]:
    """Like `stream_pair`, without TCP."""
    from asyncio_test_support.sockets import LIMIT

    ours, theirs = socket.socketpair()
    theirs.settimeout(LIMIT)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that listens on the loopback address, and waits for 20 seconds."""
    from asyncio_test_support.sockets import LIMIT

    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(LIMIT)
        yield sock


@pytest.fixture
def unix_path() -> Iterator[Path]:
    """A path short enough for a Unix socket on every system that has them."""
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("the system has no Unix sockets")
    with tempfile.TemporaryDirectory(prefix="a") as folder:
        yield Path(folder) / "s"


@pytest.fixture
def descriptors() -> Callable[[], set[int]]:
    """The set of open descriptors, for comparing before and after."""
    from asyncio_test_support.descriptors import open_descriptors

    return open_descriptors


@pytest.fixture(scope="session")
def under_wine() -> bool:
    """Whether this is no Windows but Wine."""
    from asyncio_test_support import descriptors

    return descriptors.under_wine()


@pytest.fixture
def recorder() -> type[Recorder]:
    """The class of a protocol that remembers what it is told."""
    from asyncio_test_support.protocols import Recorder

    return Recorder


@pytest.fixture
def reports(loop: Any) -> list[dict[str, Any]]:
    """What reaches the loop's exception handler."""
    from asyncio_test_support.loops import collect_reports

    return collect_reports(loop)


@pytest.fixture
def make_pair() -> Callable[[], Pair]:
    """What makes the two sockets of a connection for `connect`."""
    return socket.socketpair


@pytest.fixture
def connect(loop: Any, recorder: type[Recorder], make_pair: Callable[[], Pair]) -> Iterator[Any]:
    """`await connect(factory)` gives protocol, and the raw peer socket, of a fresh connection."""
    from asyncio_test_support.loops import connecting

    with connecting(loop, make_pair, recorder) as connect:
        yield connect


@pytest.fixture
def in_thread(loop: Any) -> Callable[..., Any]:
    """Run blocking code in a thread; give a future for its result."""
    return lambda function, *args: loop.run_in_executor(None, function, *args)


@pytest.fixture
def shake_hands(
    loop: Any,
    in_thread: Callable[..., Any],
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
) -> Callable[..., Coroutine[Any, Any, tuple[Any, Any, ssl.SSLSocket]]]:
    """`await shake_hands(factory, ours, theirs)` gives transport and protocol of a TLS client, and its peer's socket."""

    async def shake_hands(
        factory: Callable[[], Any], ours: socket.socket, theirs: socket.socket
    ) -> tuple[Any, Any, ssl.SSLSocket]:
        shaken = in_thread(lambda: server_context.wrap_socket(theirs, server_side=True))
        transport, protocol = await loop.create_connection(
            factory, sock=ours, ssl=client_context, server_hostname="localhost"
        )
        return transport, protocol, await shaken

    return shake_hands


@pytest.fixture
def turns() -> Callable[[int], Coroutine[Any, Any, None]]:
    """Let everything that is ready run, a number of times over."""
    from asyncio_test_support import running

    return running.turns
