"""asyncssh: a server and a client, commands, a copied file, forwarded ports, a refused key."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import asyncssh
from traffic import HOST, check, gone, many, run


class Server(asyncssh.SSHServer):
    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> bool:
        return True


async def handle(process: asyncssh.SSHServerProcess[str]) -> None:
    if process.command == "fail":
        process.stderr.write("sorry")
        process.exit(7)
        return
    async for line in process.stdin:
        process.stdout.write(line.upper())
    process.exit(0)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(10_000):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def converse(client: asyncssh.SSHClientConnection, folder: Path) -> None:
    async def command(n: int) -> None:
        text = "".join(f"line {n} {k}\n" for k in range(200))
        done = await client.run("upper", input=text)
        check((done.exit_status, done.stdout), (0, text.upper()))

    await many(20, command)
    failed = await client.run("fail")
    check((failed.exit_status, failed.stderr), (7, "sorry"))
    body = bytes(range(256)) * 8000
    (folder / "sent").write_bytes(body)
    async with client.start_sftp_client() as sftp:
        await sftp.put(str(folder / "sent"), str(folder / "copy"))
        await sftp.get(str(folder / "copy"), str(folder / "back"))
        names = set(await sftp.listdir(str(folder))) - {".", ".."}
        check(names, {"back", "copy", "sent"})
    check((folder / "back").read_bytes(), body)
    server = await asyncio.start_server(echo, HOST, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        listener = await client.forward_local_port(HOST, 0, HOST, port)
        reader, writer = await asyncio.open_connection(HOST, listener.get_port())
        writer.write(body[:300_000])
        writer.write_eof()
        check(await reader.read(), body[:300_000])
        writer.close()
        await writer.wait_closed()
        listener.close()
        await listener.wait_closed()


async def main() -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    wrong = asyncssh.generate_private_key("ssh-ed25519")
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        allowed = asyncssh.import_authorized_keys(key.export_public_key().decode())
        server = await asyncssh.listen(
            HOST,
            0,
            server_factory=Server,
            server_host_keys=[host_key],
            authorized_client_keys=allowed,
            process_factory=handle,
            sftp_factory=True,
        )
        known = asyncssh.import_known_hosts(f"* {host_key.export_public_key().decode()}")
        options = {"known_hosts": known, "username": "somebody", "config": None, "agent_path": None}
        port = server.get_port()
        async with asyncssh.connect(HOST, port, client_keys=[key], **options) as client:
            await converse(client, folder)
        try:
            await asyncssh.connect(HOST, port, client_keys=[wrong], **options)
        except asyncssh.PermissionDenied:
            check(True, True)
        server.close()
        await server.wait_closed()
    await gone()


run(main, "asyncssh")
