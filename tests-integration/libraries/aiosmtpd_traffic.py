"""aiosmtpd: a mail server in a thread's loop, and mail sent to it by the standard library, with STARTTLS too."""

from __future__ import annotations

import asyncio
import smtplib
import socket
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller
from traffic import HOST, certificates, check, gone, many, run

if TYPE_CHECKING:
    import ssl

    from aiosmtpd.smtp import SMTP

received: list[tuple[str, bytes]] = []


class Handler:
    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        await asyncio.sleep(0)
        received.append((envelope.rcpt_tos[0], envelope.content))
        return "250 kept"

    async def handle_RCPT(
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if not address.endswith("@here.example"):
            return "550 unknown"
        envelope.rcpt_tos.append(address)
        return "250 OK"


def send(port: int, n: int, tls: ssl.SSLContext | None) -> None:
    """Send one message as a program that knows nothing of asyncio does."""
    message = EmailMessage()
    message["From"], message["To"] = "a@there.example", f"n{n}@here.example"
    message.set_content(f"number {n}\n" * 500)
    with smtplib.SMTP("localhost" if tls else HOST, port, timeout=20) as client:
        if tls is not None:
            client.starttls(context=tls)
        client.send_message(message)
        try:
            client.sendmail("a@there.example", "b@elsewhere.example", "no")
        except smtplib.SMTPRecipientsRefused as error:
            check(list(error.recipients), ["b@elsewhere.example"])


async def main() -> None:
    server_side, client_side = certificates()
    for tls in (None, client_side):
        options: dict[str, Any] = {"tls_context": server_side} if tls else {}
        # The controller connects to the port that it was given: 0 would not do.
        with socket.create_server((HOST, 0)) as free:
            port = free.getsockname()[1]
        controller = Controller(Handler(), hostname=HOST, port=port, **options)
        controller.start()
        await many(30, lambda n, port=port, tls=tls: asyncio.to_thread(send, port, n, tls))
        check(sorted(to for to, _ in received), sorted(f"n{n}@here.example" for n in range(30)))
        check(all(content.count(b"number") == 500 for _, content in received), True)
        received.clear()
        controller.stop()
    await gone()


run(main, "aiosmtpd")
