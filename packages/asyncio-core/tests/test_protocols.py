from __future__ import annotations

import pytest

from asyncio_core.interfaces import protocols
from asyncio_core.interfaces.protocols import _feed_data_to_buffered_proto


class Filling(protocols.BufferedProtocol):
    def __init__(self, room):
        self.room = room
        self.hints = []
        self.data = b""

    def get_buffer(self, sizehint):
        self.hints.append(sizehint)
        return self.room

    def buffer_updated(self, nbytes):
        self.data += bytes(self.room[:nbytes])


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        (protocols.Protocol, {"data_received": (b"x",), "eof_received": ()}),
        (
            protocols.BufferedProtocol,
            {"get_buffer": (10,), "buffer_updated": (5,), "eof_received": ()},
        ),
        (
            protocols.DatagramProtocol,
            {"datagram_received": (b"", ("::1", 1)), "error_received": (OSError(),)},
        ),
        (
            protocols.SubprocessProtocol,
            {
                "pipe_data_received": (1, b"x"),
                "pipe_connection_lost": (1, None),
                "process_exited": (),
            },
        ),
    ],
)
def test_every_method_may_be_left_as_it_is(kind, calls):
    protocol = kind()
    common = {
        "connection_made": (None,),
        "connection_lost": (None,),
        "pause_writing": (),
        "resume_writing": (),
    }
    for name, args in {**common, **calls}.items():
        assert getattr(protocol, name)(*args) is None


@pytest.mark.parametrize("name", protocols.__all__)
def test_classes_need_no_dictionary_per_instance(name):
    assert not hasattr(getattr(protocols, name)(), "__dict__")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("wrap", [bytearray, lambda size: memoryview(bytearray(size))])
def test_feeding_fills_the_protocols_buffer_as_often_as_needed(size, wrap):
    protocol = Filling(wrap(size))
    _feed_data_to_buffered_proto(protocol, b"abcdefg")
    assert protocol.data == b"abcdefg"
    assert protocol.hints[0] == 7
    assert len(protocol.hints) == -(-7 // size)


def test_feeding_nothing_asks_for_no_buffer():
    protocol = Filling(bytearray(5))
    _feed_data_to_buffered_proto(protocol, b"")
    assert protocol.hints == []


def test_feeding_an_empty_buffer_raises_instead_of_looping():
    with pytest.raises(RuntimeError, match="empty buffer"):
        _feed_data_to_buffered_proto(Filling(bytearray()), b"x")
