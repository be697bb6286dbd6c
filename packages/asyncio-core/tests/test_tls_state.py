from __future__ import annotations

import ssl

import pytest

from asyncio_core.tls.state import SSLProtocolState, TLSMachine


class Pair:
    """A client's and a server's machine, and what is under way between them."""

    def __init__(self, contexts):
        client, server = contexts
        self.client = TLSMachine(client, server_side=False, server_hostname="localhost")
        self.server = TLSMachine(server, server_side=True, server_hostname=None)

    def carry(self):
        """Bring the output of each to the other; tell whether there was any."""
        moved = False
        for sender, receiver in ((self.client, self.server), (self.server, self.client)):
            data = sender.output()
            if data:
                receiver.receive(data)
                moved = True
        return moved

    def shake_hands(self):
        done = [False, False]
        while not all(done):
            done = [
                machine.state is SSLProtocolState.WRAPPED or machine.handshake()
                for machine in (self.client, self.server)
            ]
            moved = self.carry()
            assert moved or all(done), "the handshake stands still"
        return self


@pytest.fixture
def pair(tls_contexts):
    return Pair(tls_contexts)


def read(machine, size=64 * 1024):
    room = bytearray(size)
    with memoryview(room) as view:
        count = machine.read_into(view)
    return bytes(room[:count])


def test_handshake_goes_step_by_step_and_reports_when_it_is_complete(pair):
    assert pair.client.handshake() is False
    assert pair.client.state is SSLProtocolState.DO_HANDSHAKE
    hello = pair.client.output()
    assert hello
    assert pair.client.handshake() is False
    assert pair.client.output() == b""
    pair.server.receive(hello)
    assert pair.server.handshake() is False
    assert pair.server.output()


def test_both_sides_are_wrapped_after_the_handshake(pair):
    pair.shake_hands()
    assert pair.client.state is pair.server.state is SSLProtocolState.WRAPPED


def test_data_travels_both_ways(pair):
    pair.shake_hands()
    for sender, receiver in ((pair.client, pair.server), (pair.server, pair.client)):
        assert sender.write(b"question") == 8
        pair.carry()
        assert read(receiver) == b"question"
        assert read(receiver) == b""
        assert not receiver.peer_finished


def test_many_records_are_read_at_once_up_to_the_room_there_is(pair):
    pair.shake_hands()
    text = bytes(range(256)) * 512
    assert pair.client.write(text) == len(text)
    pair.carry()
    assert read(pair.server, 100_000) == text[:100_000]
    assert pair.server.readable()
    assert read(pair.server) == text[100_000:]


def test_application_data_behind_the_last_handshake_bytes_is_kept(pair):
    # With TLS 1.3 the client is first to be done, with TLS 1.2 the server.
    waiting, speaking = pair.server, pair.client
    while not speaking.handshake():
        waiting.receive(speaking.output())
        if waiting.handshake():
            waiting, speaking = speaking, waiting
            break
        speaking.receive(waiting.output())
    speaking.write(b"early bird")
    waiting.receive(speaking.output())
    assert waiting.handshake()
    assert read(waiting) == b"early bird"


def test_queue_is_a_copy_and_is_encrypted_in_pieces(pair):
    pair.shake_hands()
    data = bytearray(b"x" * 50_000)
    pair.client.enqueue(data)
    data[:] = b"y" * 50_000
    assert pair.client.unsent == 50_000
    assert pair.client.encrypt(20_000) == 20_000
    assert pair.client.unsent == 30_000
    pair.carry()
    assert read(pair.server) == b"x" * 20_000
    pair.client.encrypt(1 << 20)
    pair.carry()
    assert read(pair.server) == b"x" * 30_000


def test_close_notify_ends_the_peers_data_and_closing_waits_for_the_answer(pair):
    pair.shake_hands()
    pair.client.write(b"last words")
    pair.client.begin_closing()
    assert pair.client.shut_down() is False
    assert pair.client.state is SSLProtocolState.SHUTDOWN
    pair.carry()
    assert read(pair.server) == b"last words"
    assert pair.server.peer_finished or read(pair.server) == b""
    assert pair.server.peer_finished
    pair.server.begin_closing()
    assert pair.server.shut_down() is True
    pair.carry()
    pair.client.discard()
    assert pair.client.shut_down() is True


def test_data_that_arrives_while_closing_is_dropped(pair):
    pair.shake_hands()
    pair.client.begin_closing()
    assert not pair.client.shut_down()
    pair.server.write(b"z" * 40_000)
    pair.carry()
    pair.client.discard()
    assert not pair.client.shut_down()
    assert read(pair.server) == b""
    assert pair.server.peer_finished
    pair.server.begin_closing()
    assert pair.server.shut_down()
    pair.carry()
    pair.client.discard()
    assert pair.client.shut_down()


def test_eof_without_close_notify_ends_the_data_and_needs_no_answer(pair):
    pair.shake_hands()
    pair.client.write(b"gone")
    pair.carry()
    pair.server.receive_eof()
    assert read(pair.server) == b"gone"
    assert not pair.server.peer_finished
    assert read(pair.server) == b""
    assert pair.server.peer_finished
    pair.server.begin_closing()
    assert pair.server.shut_down() is True


def test_record_cut_off_by_eof_is_not_delivered(pair):
    pair.shake_hands()
    pair.client.write(b"whole")
    pair.client.write(b"cut off")
    pair.server.receive(pair.client.output()[:-3])
    pair.server.receive_eof()
    assert read(pair.server) == b"whole"
    assert read(pair.server) == b""
    assert pair.server.peer_finished


def test_data_before_a_broken_record_is_delivered_before_the_error(pair):
    pair.shake_hands()
    pair.client.write(b"in order")
    pair.server.receive(pair.client.output() + b"this is no record at all, whatever it is")
    assert read(pair.server) == b"in order"
    assert pair.server.readable()
    with pytest.raises(ssl.SSLError):
        read(pair.server)


def test_refused_certificate_raises_and_leaves_an_alert_for_the_peer(tls_contexts):
    pair = Pair((ssl.create_default_context(), tls_contexts[1]))
    with pytest.raises(ssl.SSLCertVerificationError):
        pair.shake_hands()
    assert pair.client.output()


def test_wrong_name_is_refused(tls_contexts):
    pair = Pair(tls_contexts)
    pair.client = TLSMachine(
        tls_contexts[0], server_side=False, server_hostname="elsewhere.example.test"
    )
    pair.shake_hands()
    pair.client = TLSMachine(tls_contexts[0], server_side=False, server_hostname="example.org")
    pair.server = TLSMachine(tls_contexts[1], server_side=True, server_hostname=None)
    with pytest.raises(ssl.SSLCertVerificationError):
        pair.shake_hands()


def test_states_come_in_their_order_only(pair):
    with pytest.raises(RuntimeError, match="cannot go from UNWRAPPED to FLUSHING"):
        pair.client.begin_closing()
    pair.shake_hands()
    pair.client.begin_closing()
    with pytest.raises(RuntimeError, match="cannot go from FLUSHING to FLUSHING"):
        pair.client.begin_closing()


def test_end_drops_what_was_not_sent(pair):
    pair.shake_hands()
    pair.client.enqueue(b"never sent")
    pair.client.end()
    assert pair.client.unsent == 0
    assert pair.client.state is SSLProtocolState.UNWRAPPED
