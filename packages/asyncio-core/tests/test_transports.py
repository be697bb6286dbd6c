from __future__ import annotations

import pickle
import socket

import pytest

from asyncio_core.connections.trsock import TransportSocket
from asyncio_core.interfaces import transports
from asyncio_core.interfaces.protocols import Protocol


class Buffering(transports._FlowControlMixin):
    """Holds what is written until told how much is gone."""

    def __init__(self, loop, protocol):
        super().__init__(loop=loop)
        self._protocol = protocol
        self.size = 0

    def get_write_buffer_size(self):
        return self.size

    def write(self, data):
        self.size += len(data)
        self._maybe_pause_protocol()

    def sent(self, count):
        self.size -= count
        self._maybe_resume_protocol()


class Told(Protocol):
    def __init__(self):
        self.calls = []

    def pause_writing(self):
        self.calls.append("pause")

    def resume_writing(self):
        self.calls.append("resume")


@pytest.fixture
def buffering(loop):
    return Buffering(loop, Told())


def test_extra_info_is_looked_up_with_a_default():
    transport = transports.BaseTransport({"peername": "there"})
    assert transport.get_extra_info("peername") == "there"
    assert transport.get_extra_info("cipher") is None
    assert transport.get_extra_info("cipher", 42) == 42
    assert transports.BaseTransport().get_extra_info("peername") is None


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        (
            transports.Transport,
            {
                "is_closing": (),
                "close": (),
                "set_protocol": (None,),
                "get_protocol": (),
                "is_reading": (),
                "pause_reading": (),
                "resume_reading": (),
                "set_write_buffer_limits": (),
                "get_write_buffer_size": (),
                "get_write_buffer_limits": (),
                "write": (b"",),
                "writelines": ([b""],),
                "write_eof": (),
                "can_write_eof": (),
                "abort": (),
            },
        ),
        (transports.DatagramTransport, {"sendto": (b"",), "abort": (), "close": ()}),
        (
            transports.SubprocessTransport,
            {
                "get_pid": (),
                "get_returncode": (),
                "get_pipe_transport": (1,),
                "send_signal": (2,),
                "terminate": (),
                "kill": (),
            },
        ),
    ],
)
def test_what_a_loop_has_to_provide_raises_until_it_does(kind, calls):
    for name, args in calls.items():
        with pytest.raises(NotImplementedError):
            getattr(kind(), name)(*args)


def test_writelines_is_one_write_of_the_pieces_joined():
    class Joined(transports.WriteTransport):
        written = ()

        def write(self, data):
            self.written += (data,)

    transport = Joined()
    transport.writelines(iter([b"a", bytearray(b"b"), memoryview(b"c")]))
    assert transport.written == (b"abc",)


def test_protocol_is_paused_above_high_and_resumed_at_low(buffering):
    buffering.set_write_buffer_limits(high=10, low=4)
    assert buffering.get_write_buffer_limits() == (4, 10)
    told = buffering._protocol.calls
    buffering.write(b"x" * 10)
    assert told == []
    buffering.write(b"x")
    buffering.write(b"x" * 20)
    assert told == ["pause"]
    buffering.sent(26)
    assert told == ["pause"]
    buffering.sent(1)
    assert told == ["pause", "resume"]
    buffering.sent(4)
    assert told == ["pause", "resume"]


def test_low_water_follows_from_high_and_high_from_low(buffering):
    buffering.set_write_buffer_limits(high=100)
    assert buffering.get_write_buffer_limits() == (25, 100)
    buffering.set_write_buffer_limits(low=100)
    assert buffering.get_write_buffer_limits() == (100, 400)
    buffering.set_write_buffer_limits()
    assert buffering.get_write_buffer_limits() == (16 * 1024, 64 * 1024)
    buffering.set_write_buffer_limits(high=0)
    assert buffering.get_write_buffer_limits() == (0, 0)


@pytest.mark.parametrize("limits", [{"high": 1, "low": 2}, {"low": -1}, {"high": -4}])
def test_water_marks_the_wrong_way_round_are_refused(buffering, limits):
    with pytest.raises(ValueError, match=r"high .* must be >= low"):
        buffering.set_write_buffer_limits(**limits)


def test_lower_marks_count_for_what_is_buffered_already(buffering):
    buffering.write(b"x" * 512)
    buffering.set_write_buffer_limits(high=1024, low=128)
    assert buffering._protocol.calls == []
    buffering.set_write_buffer_limits(high=256, low=128)
    assert buffering._protocol.calls == ["pause"]


def test_failing_pause_and_resume_are_reported_and_do_not_stop_the_transport(loop):
    class Failing(Protocol):
        def pause_writing(self):
            raise ZeroDivisionError

        def resume_writing(self):
            raise OverflowError

    reports = []
    loop.set_exception_handler(lambda _, report: reports.append(report))
    transport = Buffering(loop, Failing())
    transport.set_write_buffer_limits(high=0)
    transport.write(b"x")
    transport.sent(1)
    assert [type(report["exception"]) for report in reports] == [ZeroDivisionError, OverflowError]
    assert "pause_writing() failed" in reports[0]["message"]
    assert reports[0]["transport"] is transport


@pytest.fixture
def sockets():
    pair = socket.socketpair()
    yield pair
    for sock in pair:
        sock.close()


def test_socket_view_tells_what_the_socket_is(sockets):
    view = TransportSocket(sockets[0])
    assert view.fileno() == sockets[0].fileno()
    assert view.family == sockets[0].family
    assert view.type == sockets[0].type
    assert view.proto == sockets[0].proto
    assert view.getsockname() == sockets[0].getsockname()
    assert view.getpeername() == sockets[0].getpeername()
    assert view.get_inheritable() is False
    assert f"fd={view.fileno()}" in repr(view)


def test_socket_view_sets_options_and_shuts_down(sockets):
    view = TransportSocket(sockets[0])
    view.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    assert view.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 65536
    assert isinstance(view.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4), bytes)
    view.shutdown(socket.SHUT_WR)
    assert sockets[1].recv(1) == b""
    with view.dup() as copy:
        assert copy.fileno() != view.fileno()


def test_socket_view_does_not_block_and_cannot_be_made_to(sockets):
    view = TransportSocket(sockets[0])
    assert view.gettimeout() == 0
    view.settimeout(0)
    view.setblocking(False)
    with pytest.raises(ValueError, match="does not block"):
        view.settimeout(1)
    with pytest.raises(ValueError, match="blocking"):
        view.setblocking(True)


@pytest.mark.parametrize("name", ["recv", "send", "close", "detach", "connect", "accept", "bind"])
def test_socket_view_offers_nothing_that_would_steal_the_socket(sockets, name):
    assert not hasattr(TransportSocket(sockets[0]), name)


def test_socket_view_cannot_be_pickled_and_survives_the_socket(sockets):
    view = TransportSocket(sockets[0])
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(view)
    sockets[0].close()
    assert view.fileno() == -1
    assert "fd=-1" in repr(view)
