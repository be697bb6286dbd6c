"""TLS over a connection in memory, so that every turn of it can be held up, cut and looked at."""

from __future__ import annotations

import gc
import ssl
import weakref
from decimal import Decimal
from fractions import Fraction

import pytest

from asyncio_core import constants
from asyncio_core.awaiting.tasks import sleep
from asyncio_core.awaiting.timeouts import timeout
from asyncio_core.choosing.running_loop import get_running_loop
from asyncio_core.interfaces.protocols import BufferedProtocol, Protocol
from asyncio_core.interfaces.protocols import _feed_data_to_buffered_proto as feed
from asyncio_core.interfaces.transports import _FlowControlMixin
from asyncio_core.tls import flow as tls_flow
from asyncio_core.tls import protocol as sslproto
from asyncio_core.tls.upgrade import upgrade


class Wire(_FlowControlMixin):
    """One end of a connection. What is written here arrives at the other end some turns later.

    So whoever is told of something in one turn can add to what is under way in the next.
    """

    _start_tls_compatible = True

    def __init__(self, loop):
        super().__init__(loop=loop)
        self.other = self._protocol = None
        self.under_way = bytearray()
        self.flowing = True
        self.reading = True
        self.closing = False
        self.lost = False
        self.eof_sent = False
        self.turns_left = 0

    def join(self, protocol):
        self._protocol = protocol
        protocol.connection_made(self)

    def set_protocol(self, protocol):
        self._protocol = protocol

    def get_protocol(self):
        return self._protocol

    def is_closing(self):
        return self.closing

    def is_reading(self):
        return self.reading

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True
        self.other.go_on()

    def get_write_buffer_size(self):
        return len(self.under_way)

    def write(self, data):
        assert isinstance(data, bytes)
        if not self.closing:
            self.under_way += data
            self.go_on()
            self._maybe_pause_protocol()

    def go_on(self):
        if not self.turns_left:
            self._loop.call_soon(self._wait)
        self.turns_left = 3

    def _wait(self):
        self.turns_left -= 1
        if self.turns_left:
            self._loop.call_soon(self._wait)
        else:
            self._carry()

    def _carry(self):
        other = self.other
        if self.lost or not self.flowing or not other.reading:
            return
        data, self.under_way = bytes(self.under_way), bytearray()
        if data and not other.lost:
            if isinstance(other._protocol, BufferedProtocol):
                feed(other._protocol, data)
            else:
                other._protocol.data_received(data)
        self._maybe_resume_protocol()
        if self.closing:
            self._end(None)

    def send_eof(self):
        """End this direction, once what is under way has arrived."""
        self.eof_sent = True
        if not self.other.lost and not self.other._protocol.eof_received():
            self.other.close()

    def close(self):
        if not self.closing:
            self.closing = True
            self.go_on()

    def abort(self):
        self._force_close(None)

    def _force_close(self, exc):
        self.closing = True
        self.under_way.clear()
        self._loop.call_soon(self._end, exc)

    def _end(self, exc):
        if not self.lost:
            self.lost = True
            protocol, self._protocol = self._protocol, None
            protocol.connection_lost(exc)
            if not self.eof_sent and not self.other.lost:
                self.send_eof()


class Recorder(Protocol):
    """Notes what it is told."""

    def __init__(self):
        self.told = []
        self.data = b""
        self.transport = None
        self.changed = get_running_loop().create_future()

    def _note(self, *what):
        self.told.append(what if len(what) > 1 else what[0])
        self.changed.set_result(None)
        self.changed = get_running_loop().create_future()

    async def until(self, condition):
        async with timeout(600):
            while not condition(self):
                await self.changed

    def connection_made(self, transport):
        self.transport = transport
        self._note("made")

    def data_received(self, data):
        self.data += data
        self._note("data")

    def eof_received(self):
        self._note("eof")

    def connection_lost(self, exc):
        self._note("lost", exc)

    def pause_writing(self):
        self._note("pause")

    def resume_writing(self):
        self._note("resume")

    def is_lost(self):
        return isinstance(self.told[-1], tuple)


class Connection:
    """A client and a server with TLS between them, and the wire below."""

    def __init__(self, contexts, client=Recorder, server=Recorder, **options):
        loop = self.loop = get_running_loop()
        self.wires = Wire(loop), Wire(loop)
        self.wires[0].other, self.wires[1].other = self.wires[1], self.wires[0]
        self.client, self.server = client(), server()
        self.waiters = loop.create_future(), loop.create_future()
        self.layers = (
            sslproto.SSLProtocol(
                loop,
                self.client,
                contexts[0],
                self.waiters[0],
                server_hostname="localhost",
                **options,
            ),
            sslproto.SSLProtocol(loop, self.server, contexts[1], self.waiters[1], True, **options),
        )
        self.transports = tuple(layer._app_transport for layer in self.layers)
        for wire, layer in zip(self.wires, self.layers, strict=True):
            wire.join(layer)

    async def up(self):
        async with timeout(600):
            for waiter in self.waiters:
                await waiter
        return self

    async def close(self):
        for transport in self.transports:
            transport.abort()
        await turns()


async def turns(count=30):
    for _ in range(count):
        await sleep(0)


@pytest.fixture
def on_connection(run, tls_contexts):
    """Run a test's coroutine with a connection that is up, and close it afterwards."""

    def on_connection(test, **options):
        async def main():
            connection = await Connection(tls_contexts, **options).up()
            await test(connection)
            await connection.close()

        run(main())

    return on_connection


def test_protocols_learn_of_the_connection_after_the_handshake_and_exchange_data(on_connection):
    async def test(connection):
        connection.transports[0].write(b"hello ")
        connection.transports[0].writelines([b"wor", bytearray(b"l"), memoryview(b"d")])
        await connection.server.until(lambda p: p.data == b"hello world")
        assert connection.server.told[0] == "made"
        connection.server.transport.write(b"and back")
        await connection.client.until(lambda p: p.data == b"and back")

    on_connection(test)


def test_facts_about_the_connection(on_connection):
    async def test(connection):
        client = connection.transports[0]
        sslobj = client.get_extra_info("ssl_object")
        assert client.get_extra_info("sslcontext") is sslobj.context
        assert client.get_extra_info("cipher") == sslobj.cipher()
        assert client.get_extra_info("peercert") == sslobj.getpeercert()
        assert client.get_extra_info("peercert")["subject"]
        assert client.get_extra_info("compression") is None
        assert connection.transports[1].get_extra_info("peercert") is None
        assert client.get_extra_info("no such fact", 42) == 42
        facts = client._ssl_protocol._extra
        assert facts["cipher"] == sslobj.cipher()
        assert facts["ssl_object"] is sslobj
        assert sorted(facts) == ["cipher", "compression", "peercert", "ssl_object", "sslcontext"]

    on_connection(test)


def test_empty_and_wrong_data(on_connection):
    async def test(connection):
        connection.transports[0].write(b"")
        assert connection.transports[0].get_write_buffer_size() == 0
        with pytest.raises(TypeError, match="bytes-like"):
            connection.transports[0].write("text")

    on_connection(test)


def test_memoryview_of_any_shape_is_sent_as_its_bytes(on_connection):
    async def test(connection):
        client = connection.transports[0]
        client.write(memoryview(bytearray(range(8))).cast("H"))
        client.write(memoryview(b"abcdef")[::2])
        await connection.server.until(lambda p: p.data == bytes(range(8)) + b"ace")

    on_connection(test)


def test_buffer_may_be_changed_after_write(on_connection):
    async def test(connection):
        connection.wires[0].flowing = False
        data = bytearray(b"a" * 400_000)
        connection.transports[0].write(data)
        data[:] = b"b" * len(data)
        data.clear()
        connection.wires[0].flowing = True
        connection.wires[0].go_on()
        await connection.server.until(lambda p: len(p.data) == 400_000)
        assert connection.server.data == b"a" * 400_000

    on_connection(test)


def test_slow_peer_pauses_the_writer_and_nothing_is_encrypted_in_advance(on_connection):
    async def test(connection):
        wire, client = connection.wires[0], connection.transports[0]
        wire.flowing = False
        written = 0
        while "pause" not in connection.client.told:
            client.write(b"x" * 50_000)
            written += 50_000
        high = client.get_write_buffer_limits()[1]
        assert client.get_write_buffer_size() > high
        assert client.get_write_buffer_size() <= high + 50_000
        # What the wire holds is its own high-water mark and no more than one piece.
        assert len(wire.under_way) < 64 * 1024 + 300 * 1024
        wire.flowing = True
        wire.go_on()
        await connection.client.until(lambda p: p.told[-1] == "resume")
        await connection.server.until(lambda p: len(p.data) == written)
        assert connection.client.told.count("pause") == 1

    on_connection(test)


def test_write_water_marks_can_be_set(on_connection):
    async def test(connection):
        client = connection.transports[0]
        default = constants.FLOW_CONTROL_HIGH_WATER_SSL_WRITE * 1024
        assert client.get_write_buffer_limits() == (default // 4, default)
        client.set_write_buffer_limits(high=1000)
        assert client.get_write_buffer_limits() == (250, 1000)
        with pytest.raises(ValueError, match="high"):
            client.set_write_buffer_limits(high=1, low=2)

    on_connection(test)


def test_paused_reader_stops_the_wire_at_the_high_water_mark(on_connection):
    async def test(connection):
        server = connection.transports[1]
        server.set_read_buffer_limits(high=20_000)
        assert server.get_read_buffer_limits() == (5_000, 20_000)
        server.pause_reading()
        assert not server.is_reading()
        connection.transports[0].write(b"y" * 30_000)
        await turns()
        assert connection.server.data == b""
        assert not connection.wires[1].reading
        held = server.get_read_buffer_size()
        assert held >= 20_000
        connection.transports[0].write(b"z" * 30_000)
        await turns()
        assert server.get_read_buffer_size() == held
        server.resume_reading()
        await connection.server.until(lambda p: p.data == b"y" * 30_000 + b"z" * 30_000)
        assert connection.wires[1].reading

    on_connection(test)


def test_what_was_received_is_handed_out_though_the_connection_ends_as_reading_goes_on(
    on_connection,
):
    async def test(connection):
        server, reset = connection.server, ConnectionResetError("it is gone")
        server.transport.pause_reading()
        connection.transports[0].write(b"the last words")
        await turns()
        # Of the two, the end comes first in the queue.
        connection.wires[1]._force_close(reset)
        server.transport.resume_reading()
        await server.until(Recorder.is_lost)
        assert server.data == b"the last words"
        assert server.told[-1] == ("lost", reset)

    on_connection(test)


def test_pausing_in_the_middle_of_delivery_holds_the_rest(on_connection):
    class OneAtATime(BufferedProtocol):
        def __init__(self):
            self.room = bytearray(10)
            self.data = b""

        def connection_made(self, transport):
            self.transport = transport

        def get_buffer(self, sizehint):
            return self.room

        def buffer_updated(self, nbytes):
            self.data += self.room[:nbytes]
            self.transport.pause_reading()

    async def test(connection):
        connection.transports[0].write(bytes(range(30)))
        server = connection.server
        for expected in (10, 20, 30):
            await turns()
            assert server.data == bytes(range(expected))
            server.transport.resume_reading()

    on_connection(test, server=OneAtATime)


def test_empty_buffer_of_the_protocol_ends_the_connection(run, tls_contexts):
    class Empty(BufferedProtocol):
        def get_buffer(self, sizehint):
            return bytearray()

    async def main():
        reports = []
        get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
        connection = await Connection(tls_contexts, server=Empty).up()
        connection.transports[0].write(b"x")
        await connection.client.until(Recorder.is_lost)
        assert "empty buffer" in str(reports[0]["exception"])
        assert len(reports) == 1

    run(main())


def test_failing_data_received_is_reported_and_ends_the_connection(run, tls_contexts):
    class Failing(Recorder):
        def data_received(self, data):
            raise ZeroDivisionError

    async def main():
        reports = []
        get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
        connection = await Connection(tls_contexts, server=Failing).up()
        connection.transports[0].write(b"x")
        await connection.server.until(Recorder.is_lost)
        assert isinstance(connection.server.told[-1][1], ZeroDivisionError)
        assert [type(report["exception"]) for report in reports] == [ZeroDivisionError]
        await connection.close()

    run(main())


def test_failing_connection_made_fails_the_waiter(run, tls_contexts):
    class Failing(Recorder):
        def connection_made(self, transport):
            raise ZeroDivisionError

    async def main():
        reports = []
        get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
        connection = Connection(tls_contexts, server=Failing)
        with pytest.raises(ZeroDivisionError):
            await connection.waiters[1]
        assert len(reports) == 1
        await turns()
        assert connection.wires[1].lost
        connection.waiters[0].cancel()
        await connection.close()

    run(main())


@pytest.mark.parametrize("side", [0, 1])
def test_close_sends_everything_says_goodbye_and_both_sides_end_without_error(on_connection, side):
    async def test(connection):
        closing = connection.transports[side]
        other = (connection.server, connection.client)[side]
        mine = (connection.client, connection.server)[side]
        closing.write(b"w" * 1_000_000)
        closing.close()
        assert closing.is_closing()
        await other.until(Recorder.is_lost)
        await mine.until(Recorder.is_lost)
        assert other.data == b"w" * 1_000_000
        assert other.told[-2:] == ["eof", ("lost", None)]
        assert mine.told[-1] == ("lost", None)
        assert "eof" not in mine.told

    on_connection(test)


def test_nothing_is_received_after_close(on_connection):
    async def test(connection):
        connection.wires[1].flowing = False
        connection.server.transport.write(b"too late")
        connection.transports[0].close()
        connection.wires[1].flowing = True
        connection.wires[1].go_on()
        await connection.client.until(Recorder.is_lost)
        assert connection.client.data == b""

    on_connection(test)


def test_close_takes_no_longer_than_the_shutdown_timeout_where_the_peer_is_silent(on_connection):
    async def test(connection):
        connection.wires[1].flowing = False
        before = connection.loop.time()
        connection.transports[0].close()
        await connection.client.until(Recorder.is_lost)
        assert isinstance(connection.client.told[-1][1], TimeoutError)
        assert connection.loop.time() - before == pytest.approx(7)

    on_connection(test, ssl_shutdown_timeout=7)


def test_close_takes_no_longer_than_the_shutdown_timeout_where_the_peer_does_not_read(
    on_connection,
):
    async def test(connection):
        connection.wires[0].flowing = False
        connection.transports[0].write(b"v" * 3_000_000)
        before = connection.loop.time()
        connection.transports[0].close()
        await connection.client.until(Recorder.is_lost)
        assert connection.loop.time() - before == pytest.approx(7)

    on_connection(test, ssl_shutdown_timeout=7)


def test_timeout_covers_the_last_bytes_in_the_transport_below(on_connection):
    async def test(connection):
        # The peer has said goodbye already, so nothing is awaited but that our bytes leave.
        connection.wires[0].flowing = False
        connection.server.transport.close()
        before = connection.loop.time()
        await connection.client.until(Recorder.is_lost)
        assert connection.loop.time() - before == pytest.approx(7)

    on_connection(test, ssl_shutdown_timeout=7)


def test_peer_that_hangs_up_without_a_word_is_an_ordinary_end(on_connection):
    async def test(connection):
        connection.transports[0].write(b"before")
        await connection.server.until(lambda p: p.data == b"before")
        connection.wires[0].send_eof()
        await connection.server.until(Recorder.is_lost)
        assert connection.server.told[-2:] == ["eof", ("lost", None)]

    on_connection(test)


def test_data_and_end_that_came_while_reading_was_paused_are_delivered_later(on_connection):
    async def test(connection):
        connection.server.transport.pause_reading()
        connection.transports[0].write(b"still there")
        await turns()
        connection.wires[0].send_eof()
        await turns()
        assert connection.server.data == b""
        assert "eof" not in connection.server.told
        connection.server.transport.resume_reading()
        await connection.server.until(Recorder.is_lost)
        assert connection.server.data == b"still there"
        assert connection.server.told[-2:] == ["eof", ("lost", None)]

    on_connection(test)


def test_answer_written_in_eof_received_is_sent(on_connection):
    class Answering(Recorder):
        def eof_received(self):
            self.transport.write(b"goodbye")
            super().eof_received()

    async def test(connection):
        # The client only sends its close_notify; it goes on reading.
        layer = connection.layers[0]
        with pytest.raises(ssl.SSLWantReadError):
            layer._sslobj.unwrap()
        layer._send()
        await connection.server.until(lambda p: "eof" in p.told)
        await connection.client.until(lambda p: p.data == b"goodbye")

    on_connection(test, server=Answering)


def test_true_from_eof_received_keeps_nothing_open_and_is_warned_of(on_connection, caplog):
    class Hopeful(Recorder):
        def eof_received(self):
            super().eof_received()
            return True

    async def test(connection):
        connection.transports[0].close()
        await connection.server.until(Recorder.is_lost)
        assert "no effect when using ssl" in caplog.text

    on_connection(test, server=Hopeful)


def test_abort_ends_at_once_with_data_unsent(on_connection):
    async def test(connection):
        connection.wires[0].flowing = False
        connection.transports[0].write(b"u" * 1_000_000)
        connection.transports[0].abort()
        assert connection.transports[0].is_closing()
        await turns()
        assert connection.client.told[-1] == ("lost", None)
        connection.transports[0].abort()
        connection.transports[0].close()

    on_connection(test)


def test_abort_from_within_data_received(on_connection):
    class Aborting(Recorder):
        def data_received(self, data):
            super().data_received(data)
            self.transport.abort()

    async def test(connection):
        connection.transports[0].write(b"t" * 500_000)
        await connection.server.until(Recorder.is_lost)
        assert connection.server.told[-1] == ("lost", None)

    on_connection(test, server=Aborting)


@pytest.mark.parametrize("when", ["closing", "lost"])
def test_writing_after_the_end_does_not_raise(on_connection, caplog, when):
    async def test(connection):
        client = connection.transports[0]
        client.close()
        if when == "lost":
            await connection.client.until(Recorder.is_lost)
            await turns()
        for _ in range(20):
            client.write(b"nobody hears")
        client.writelines([b"nor", b"this"])
        assert client.get_write_buffer_size() == 0
        assert "SSL connection is closed" in caplog.text

    on_connection(test)


def test_transport_of_a_lost_connection_can_still_be_asked(on_connection):
    async def test(connection):
        client = connection.transports[0]
        cipher = client.get_extra_info("cipher")
        client.abort()
        await turns()
        assert client.is_closing()
        assert not client.is_reading()
        assert client.get_read_buffer_size() == 0
        assert client.get_extra_info("cipher") == cipher
        assert client.get_extra_info("ssl_object", "gone") == "gone"
        assert client.get_extra_info("peername", "gone") == "gone"
        client.pause_reading()
        client.resume_reading()
        assert "closing" in repr(client)
        await turns()

    on_connection(test)


def test_error_below_is_told_to_the_application_and_not_reported(on_connection):
    async def test(connection):
        connection.wires[0]._force_close(ConnectionResetError("cut"))
        await connection.client.until(Recorder.is_lost)
        assert isinstance(connection.client.told[-1][1], ConnectionResetError)

    on_connection(test)


def test_the_error_behind_data_that_is_answered_is_that_of_the_record(on_connection):
    class Answering(Recorder):
        def data_received(self, data):
            super().data_received(data)
            self.transport.write(data)

    async def test(connection):
        wire = connection.wires[0]
        deliver, kept = wire.write, []
        wire.write = kept.append
        connection.transports[0].write(b"in order")
        connection.transports[0].write(b"repeated")
        wire.write = deliver
        wire.write(b"".join([kept[0], kept[0]]))
        await connection.server.until(Recorder.is_lost)
        assert connection.server.data == b"in order"
        # … and not that nothing can be encrypted any more.
        error = connection.server.told[-1][1]
        assert isinstance(error, ssl.SSLError)
        assert not isinstance(error, ssl.SSLEOFError)

    on_connection(test, server=Answering)


def test_broken_record_ends_the_connection_with_an_ssl_error(on_connection):
    async def test(connection):
        connection.wires[0].write(b"this is not a TLS record, not even by accident")
        await connection.server.until(Recorder.is_lost)
        assert isinstance(connection.server.told[-1][1], ssl.SSLError)

    on_connection(test)


# Handshakes that do not succeed


def test_handshake_timeout_aborts_and_fails_the_waiter(run, tls_contexts):
    async def main():
        connection = Connection(tls_contexts, ssl_handshake_timeout=5)
        connection.wires[1].flowing = False
        before = connection.loop.time()
        with pytest.raises(ConnectionAbortedError, match="SSL handshake is taking longer than 5"):
            await connection.waiters[0]
        assert connection.loop.time() - before == pytest.approx(5)
        assert connection.client.told == []
        connection.waiters[1].cancel()
        await connection.close()

    run(main())


@pytest.mark.parametrize("seconds", [Decimal(5), Decimal("1e30"), 10**400, Fraction(10**400)])
def test_timeouts_may_be_what_a_clock_cannot_be_added_to(run, tls_contexts, seconds):
    async def main():
        for name in ("ssl_handshake_timeout", "ssl_shutdown_timeout"):
            connection = Connection(tls_contexts, **{name: seconds})
            for waiter in connection.waiters:
                await waiter
            await connection.close()

    run(main())


def test_peer_that_leaves_during_the_handshake_fails_the_waiter(run, tls_contexts):
    async def main():
        connection = Connection(tls_contexts)
        connection.wires[1].flowing = False
        connection.wires[1].send_eof()
        with pytest.raises(ConnectionResetError):
            await connection.waiters[0]
        connection.waiters[1].cancel()
        await connection.close()
        assert connection.client.told == []

    run(main())


def test_refused_certificate_fails_both_sides_and_the_peer_gets_an_alert(run, tls_contexts):
    async def main():
        connection = Connection((ssl.create_default_context(), tls_contexts[1]))
        with pytest.raises(ssl.SSLCertVerificationError):
            await connection.waiters[0]
        await turns()
        # TLS 1.3 lets a server be done before the client looks at its certificate.
        if connection.waiters[1].exception() is None:
            assert connection.server.is_lost()
        await connection.close()

    run(main())


def test_close_during_the_handshake_leaves_nothing_behind(run, tls_contexts):
    async def main():
        connection = Connection(tls_contexts)
        connection.transports[0].close()
        with pytest.raises(ConnectionResetError):
            await connection.waiters[0]
        assert connection.wires[0].lost
        with pytest.raises(ConnectionResetError):
            await connection.waiters[1]
        assert connection.client.told == connection.server.told == []

    run(main())


def test_transport_closed_before_the_connection_is_there(run, tls_contexts):
    async def main():
        loop = get_running_loop()
        waiter = loop.create_future()
        layer = sslproto.SSLProtocol(
            loop, Recorder(), tls_contexts[0], waiter, server_hostname="localhost"
        )
        layer._app_transport.close()
        wire = Wire(loop)
        wire.other = Wire(loop)
        wire.other.lost = True
        wire.join(layer)
        with pytest.raises(ConnectionResetError):
            await waiter
        assert wire.lost

    run(main())


def test_cancelled_waiter_is_left_alone(run, tls_contexts):
    async def main():
        connection = Connection(tls_contexts)
        for waiter in connection.waiters:
            waiter.cancel()
        await turns()
        await connection.close()

    run(main())


@pytest.mark.parametrize("name", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])
@pytest.mark.parametrize("seconds", [0, -1])
def test_timeouts_must_be_positive(run, tls_contexts, name, seconds):
    async def main():
        with pytest.raises(ValueError, match=f"{name} should be a positive number"):
            sslproto.SSLProtocol(
                get_running_loop(), None, tls_contexts[1], None, True, **{name: seconds}
            )

    run(main())


@pytest.mark.parametrize("name", [None, ""])
def test_context_that_checks_names_needs_one(run, tls_contexts, name):
    async def main():
        with pytest.raises(ValueError, match="check_hostname requires server_hostname"):
            sslproto.SSLProtocol(
                get_running_loop(), None, tls_contexts[0], None, server_hostname=name
            )

    run(main())


def test_server_needs_a_context(run):
    async def main():
        with pytest.raises(ValueError, match="needs an SSLContext"):
            sslproto.SSLProtocol(get_running_loop(), None, None, None, True)

    run(main())


# Upgrades


async def plain_pair(protocols=(Recorder, Recorder)):
    loop = get_running_loop()
    wires = Wire(loop), Wire(loop)
    wires[0].other, wires[1].other = wires[1], wires[0]
    made = [factory() for factory in protocols]
    for wire, protocol in zip(wires, made, strict=True):
        wire.join(protocol)
    return wires, made


async def upgraded(wires, protocols, contexts):
    loop = get_running_loop()
    waiters = loop.create_future(), loop.create_future()
    client = upgrade(
        loop, wires[0], protocols[0], contexts[0], waiters[0], server_hostname="localhost"
    )
    server = upgrade(loop, wires[1], protocols[1], contexts[1], waiters[1], server_side=True)
    return (client, server), waiters


def test_upgrade_keeps_the_protocols_and_does_not_introduce_them_again(run, tls_contexts):
    async def main():
        wires, protocols = await plain_pair()
        transports, waiters = await upgraded(wires, protocols, tls_contexts)
        for waiter in waiters:
            await waiter
        transports[0].write(b"secret")
        await protocols[1].until(lambda p: p.data == b"secret")
        assert protocols[1].told.count("made") == 1
        transports[0].close()
        for protocol in protocols:
            await protocol.until(Recorder.is_lost)

    run(main())


def test_data_with_the_last_handshake_bytes_reaches_the_protocol_set_after_the_upgrade(
    run, tls_contexts
):
    async def main():
        wires, protocols = await plain_pair()
        transports, waiters = await upgraded(wires, protocols, tls_contexts)
        later = Recorder()
        # With TLS 1.3 the client is first to be done, with TLS 1.2 the server.
        first = 0 if tls_contexts[0].maximum_version is ssl.TLSVersion.TLSv1_3 else 1
        last = 1 - first
        await waiters[first]
        assert wires[first].under_way
        transports[first].write(b"no time to lose")
        await waiters[last]
        transports[last].set_protocol(later)
        assert protocols[last].data == b""
        await later.until(lambda p: p.data == b"no time to lose")
        transports[first].abort()
        await turns()

    run(main())


def test_bytes_that_the_protocol_held_begin_the_handshake(run, tls_contexts):
    class Hoarder(Recorder):
        def _take_early_data(self):
            data, self.data = self.data, b""
            return data

    async def main():
        loop = get_running_loop()
        wires, protocols = await plain_pair((Recorder, Hoarder))
        waiters = loop.create_future(), loop.create_future()
        client = upgrade(
            loop, wires[0], protocols[0], tls_contexts[0], waiters[0], server_hostname="localhost"
        )
        await protocols[1].until(lambda p: len(p.data) > 100)
        upgrade(loop, wires[1], protocols[1], tls_contexts[1], waiters[1], server_side=True)
        for waiter in waiters:
            await waiter
        client.write(b"made it")
        await protocols[1].until(lambda p: p.data == b"made it")
        client.abort()
        await turns()

    run(main())


def test_failed_upgrade_ends_the_connection_of_the_protocol(run, tls_contexts):
    async def main():
        loop = get_running_loop()
        wires, protocols = await plain_pair()
        waiter = loop.create_future()
        upgrade(loop, wires[0], protocols[0], tls_contexts[0], waiter, server_hostname="localhost")
        await turns(2)
        wires[1].write(b"STARTTLS? never heard of it")
        with pytest.raises(ssl.SSLError):
            await waiter
        await protocols[0].until(Recorder.is_lost)
        assert protocols[0].told[0] == "made"

    run(main())


def test_transport_that_ends_before_the_upgrade_begins(run, tls_contexts):
    async def main():
        loop = get_running_loop()
        wires, protocols = await plain_pair()
        waiter = loop.create_future()
        wires[0].abort()
        wires[0].closing = False
        upgrade(loop, wires[0], protocols[0], tls_contexts[0], waiter, server_hostname="localhost")
        await waiter
        await protocols[0].until(Recorder.is_lost)

    run(main())


def test_what_cannot_be_upgraded(run, tls_contexts):
    async def main():
        loop = get_running_loop()
        wires, protocols = await plain_pair()
        waiter = loop.create_future()
        with pytest.raises(TypeError, match="SSLContext, got"):
            upgrade(loop, wires[0], protocols[0], True, waiter)
        with pytest.raises(TypeError, match="is not supported by start_tls"):
            upgrade(loop, object(), protocols[0], tls_contexts[0], waiter)
        wires[0].close()
        assert upgrade(loop, wires[0], protocols[0], tls_contexts[0], waiter) is None
        await turns()

    run(main())


def test_tls_within_tls(on_connection, tls_contexts):
    async def test(connection):
        inner, waiters = await upgraded(
            connection.transports, (connection.client, connection.server), tls_contexts
        )
        for waiter in waiters:
            await waiter
        inner[0].write(b"twice" * 100_000)
        await connection.server.until(lambda p: p.data == b"twice" * 100_000)
        inner[1].write(b"wrapped")
        await connection.client.until(lambda p: p.data == b"wrapped")
        inner[0].close()
        await connection.server.until(Recorder.is_lost)
        await connection.client.until(Recorder.is_lost)
        assert connection.server.told[-2:] == ["eof", ("lost", None)]
        assert connection.client.told[-1] == ("lost", None)

    on_connection(test)


# Memory


def test_closed_connection_is_freed_without_the_collector(run, tls_contexts):
    class Keeping(Recorder):
        pass

    async def main():
        connection = await Connection(tls_contexts, client=Keeping).up()
        client = connection.client
        layer = weakref.ref(connection.layers[0])
        machine = weakref.ref(connection.layers[0]._sslobj)
        connection.transports[0].close()
        await client.until(Recorder.is_lost)
        await turns()
        connection.layers = connection.wires = connection.transports = None
        assert client.transport is not None
        assert machine() is None
        client.transport = None
        assert layer() is None

    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


def test_idle_connections_share_their_read_buffers(on_connection):
    async def test(connection):
        for layer in connection.layers:
            assert layer._room is None
        assert len(tls_flow._spare_rooms) <= tls_flow._MOST_SPARE_ROOMS

    on_connection(test)


def test_transport_left_open_warns_when_it_is_collected(run, tls_contexts):
    async def main():
        connection = await Connection(tls_contexts).up()
        with pytest.warns(ResourceWarning, match="unclosed transport"):
            connection.transports[0].__del__()
        await connection.close()

    run(main())
