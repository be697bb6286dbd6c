"""Prints, as JSON, which globals of asyncio's submodules are looked up while public calls run.

Run with either implementation: `looked_up.py FOLDER_OF_CERTIFICATES [NAMES.json]`. One submodule after
another gets a recorder in the place of each of its functions, classes and modules (or of those in
the file), all the calls are made, and what was called or read through them is noted as
"submodule.name" or "submodule.module.attribute".
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import types
import warnings
from pathlib import Path

from asyncio_test_support.certificates import Certificates

# fmt: off
SUBMODULES = (
    "base_events", "base_futures", "base_subprocess", "base_tasks", "coroutines", "events", "exceptions",
    "format_helpers", "futures", "graph", "locks", "log", "mixins", "protocols", "queues", "runners",
    "selector_events", "sslproto", "staggered", "streams", "subprocess", "taskgroups", "tasks", "threads",
    "timeouts", "transports", "trsock", "unix_events",
)
# fmt: on

certificates = Certificates(Path(sys.argv[1]))
seen: set[str] = set()


current = ""


def note(label):
    seen.add(f"{current}: {label}")


# Recorders


class ModuleRecorder(types.ModuleType):
    """Stands for a module and notes what is read from it."""

    def __init__(self, label, module):
        super().__init__(module.__name__)
        self.__dict__.update(_label=label, _module=module)

    def __getattribute__(self, name):
        mine = object.__getattribute__(self, "__dict__")
        if name in ("__class__", "__dict__"):
            return object.__getattribute__(self, name)
        if not name.startswith("__"):
            note(f"{mine['_label']}.{name}")
        return getattr(mine["_module"], name)


def recorder(label, value):
    if isinstance(value, types.ModuleType):
        if value.__name__.partition(".")[0].startswith("asyncio"):
            return None  # The submodules themselves have their turn.
        return ModuleRecorder(label, value)
    if isinstance(value, type):
        if issubclass(value, (BaseException, tuple)) or not value.__module__.startswith(
            ("asyncio", "_asyncio")
        ):
            return None

        class Meta(type(value)):
            def __call__(cls, *args, **kwargs):
                note(label)
                return value(*args, **kwargs)

            def __instancecheck__(cls, instance):
                return isinstance(instance, value)

            def __subclasscheck__(cls, other):
                return issubclass(other, value)

        try:
            return Meta(value.__name__, (value,), {})
        except (TypeError, AttributeError):
            return None
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType)):

        def record(*args, **kwargs):
            note(label)
            return value(*args, **kwargs)

        return record
    return None


# Calls


async def nothing():
    return 1


async def waits():
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    await asyncio.create_task(nothing(), name="named")
    await asyncio.ensure_future(nothing())
    await asyncio.gather(nothing(), nothing())
    await asyncio.gather()
    await asyncio.wait([asyncio.ensure_future(nothing())], timeout=1)
    await asyncio.wait_for(nothing(), 1)
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0)
    except TimeoutError:
        pass
    try:
        await asyncio.wait_for(asyncio.get_running_loop().create_future(), 0.001)
    except TimeoutError:
        pass
    await asyncio.shield(nothing())
    await asyncio.to_thread(len, "")
    for step in asyncio.as_completed([nothing()]):
        await step
    async with asyncio.timeout(1):
        pass
    async with asyncio.timeout_at(asyncio.get_running_loop().time() + 1):
        pass
    async with asyncio.TaskGroup() as group:
        group.create_task(nothing())
    asyncio.all_tasks(), asyncio.current_task()
    asyncio.Future(), asyncio.isfuture(1), asyncio.iscoroutine(1)
    repr(asyncio.current_task()), repr(asyncio.Future())


async def threads():
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, asyncio.run_coroutine_threadsafe, nothing(), loop)
    await asyncio.wrap_future(concurrent.futures.ThreadPoolExecutor(1).submit(len, ""))
    await loop.getaddrinfo("localhost", 80)
    await loop.shutdown_default_executor()


async def locks():
    lock = asyncio.Lock()
    async with lock:
        other = asyncio.create_task(lock.acquire())
        await asyncio.sleep(0)
    await other
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    await event.wait()
    queue = asyncio.Queue()
    asyncio.get_running_loop().call_soon(queue.put_nowait, 1)
    await queue.get()
    semaphore = asyncio.Semaphore(1)
    async with semaphore:
        other = asyncio.create_task(semaphore.acquire())
        await asyncio.sleep(0)
    await other
    condition = asyncio.Condition()
    async with condition:
        other = asyncio.create_task(notify(condition))
        await condition.wait()
    await other
    await asyncio.Barrier(1).wait()


async def notify(condition):
    async with condition:
        condition.notify()


async def echo(reader, writer):
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def contexts():
    return certificates.server_context(), certificates.client_context()


async def streams():
    async def talk(reader, writer):
        writer.write(b"line\n")
        await reader.readline()
        writer.get_extra_info("peername")
        writer.get_extra_info("socket")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await talk(*await asyncio.open_connection("127.0.0.1", port))
    await talk(*await asyncio.open_connection("localhost", port, family=socket.AF_INET))
    await talk(*await asyncio.open_connection("127.0.0.1", port, happy_eyeballs_delay=0.1))
    server.close()
    await server.wait_closed()
    with tempfile.TemporaryDirectory() as folder:
        server = await asyncio.start_unix_server(echo, folder + "/s")
        await talk(*await asyncio.open_unix_connection(folder + "/s"))
        server.close()
        await server.wait_closed()
    server_side, client_side = contexts()
    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]
    await talk(*await asyncio.open_connection("127.0.0.1", port, ssl=client_side))
    server.close()
    await server.wait_closed()
    asyncio.StreamReader()


async def datagrams():
    loop = asyncio.get_running_loop()
    receiver, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    sender, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=receiver.get_extra_info("sockname")
    )
    sender.sendto(b"x")
    await asyncio.sleep(0.001)
    sender.close()
    receiver.close()


async def sockets():
    loop = asyncio.get_running_loop()
    with socket.socket() as listener, socket.socket() as client, tempfile.TemporaryFile() as file:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        client.setblocking(False)
        accepting = asyncio.ensure_future(loop.sock_accept(listener))
        await loop.sock_connect(client, listener.getsockname())
        peer, _ = await accepting
        await loop.sock_sendall(client, b"x")
        await loop.sock_recv(peer, 1)
        file.write(b"x" * 9)
        file.seek(0)
        await loop.sock_sendfile(client, file)
        loop.add_reader(peer, print)
        loop.remove_reader(peer)
        peer.close()


async def pipes():
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    reader = asyncio.StreamReader()
    from_pipe, to_pipe = os.fdopen(reading, "rb", 0), os.fdopen(writing, "wb", 0)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), from_pipe)
    transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, to_pipe)
    transport.write(b"x")
    transport.close()
    await reader.read()


async def processes():
    # One that is there as long as it is written to.
    code = "import sys; print(sys.stdin.read())"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-Ic", code, stdin=-1, stdout=-1, stderr=-1
    )
    await child.communicate(b"")
    child = await asyncio.create_subprocess_shell("exit 1")
    await child.wait()


async def failures():
    loop = asyncio.get_running_loop()
    loop.call_soon(int, "x")
    loop.call_later(0, int, "x")
    loop.call_exception_handler({"message": "m"})
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    loop.remove_signal_handler(signal.SIGUSR1)
    asyncio.ensure_future(failing())
    await asyncio.sleep(0.001)
    loop.slow_callback_duration = 0
    loop.set_debug(True)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def failing():
    raise LookupError


CALLS = [waits, threads, locks, streams, datagrams, sockets, pipes, processes, failures]
if hasattr(asyncio, "capture_call_graph"):

    async def graph():
        asyncio.capture_call_graph()
        asyncio.format_call_graph()

    CALLS.append(graph)


def run_all():
    global current
    for call in CALLS:
        current = call.__name__
        try:
            with asyncio.Runner() as runner:
                runner.run(asyncio.wait_for(call(), 20))
        except Exception as exc:
            seen.add(f"! {call.__name__}: {exc!r}"[:200])
    current = "run"
    asyncio.run(nothing())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncio.get_event_loop()
    asyncio.set_event_loop(None)
    loop.close()
    # In a thread: where no loop was set, and the policy makes none.
    thread = threading.Thread(target=asyncio.run, args=(nothing(),))
    thread.start()
    thread.join()


def main():
    wanted = json.loads(Path(sys.argv[2]).read_text()) if len(sys.argv) > 2 else None
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    run_all()
    errors = {entry for entry in seen if entry.startswith("!")}
    modules = {}
    for name in SUBMODULES:
        try:
            modules[name] = importlib.import_module(f"asyncio.{name}")
        except ImportError:
            continue
    for short, module in modules.items():
        if wanted is None:
            names = [name for name in vars(module) if not name.startswith("__")]
        else:
            names = sorted(
                {entry.split(".")[1] for entry in wanted if entry.startswith(short + ".")}
            )
        patched = {}
        for name in names:
            value = getattr(module, name, None)
            record = recorder(f"{short}.{name}", value)
            if record is not None:
                patched[name] = value
                setattr(module, name, record)
        try:
            run_all()
        finally:
            for name, value in patched.items():
                setattr(module, name, value)
    print(json.dumps({"errors": sorted(errors), "seen": sorted(seen)}))


if __name__ == "__main__":
    main()
