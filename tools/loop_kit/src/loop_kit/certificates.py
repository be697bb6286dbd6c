"""Certificates made on the spot, and contexts that trust them."""

from __future__ import annotations

import ssl
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

#: The name in the server's certificate.
SERVER_NAME = "localhost"


class Authority:
    """One certificate authority, a server and a client that it signed for."""

    def __init__(self) -> None:
        # Here, so that all but the tests of TLS run where there is no build of its dependencies.
        import trustme

        self._authority = trustme.CA()

    @cached_property
    def _server(self) -> trustme.LeafCert:
        return self._authority.issue_cert(SERVER_NAME, "127.0.0.1")

    @cached_property
    def _client(self) -> trustme.LeafCert:
        return self._authority.issue_cert("client@example.org")

    def server(self, name: str = "") -> ssl.SSLContext:
        """Return a server's context, on request with a certificate for another host."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf = self._authority.issue_cert(name) if name else self._server
        leaf.configure_cert(context)
        return context

    def server_that_asks(self) -> ssl.SSLContext:
        """Return the context of a server that wants a certificate of its clients."""
        context = self.server()
        context.verify_mode = ssl.CERT_REQUIRED
        self._authority.configure_trust(context)
        return context

    def client(self, *, certificate: bool = False) -> ssl.SSLContext:
        """Return a client's context, on request with a certificate to show."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(context)
        if certificate:
            self._client.configure_cert(context)
        return context

    @staticmethod
    def stranger() -> ssl.SSLContext:
        """Return the context of a client that trusts nobody."""
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
