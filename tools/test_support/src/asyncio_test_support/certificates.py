"""A certificate authority, and a server and a client that it signed for, made when the tests run.

No key outlives the tests. The certificates hold from 2000 on, whatever the machine's clock says.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

#: The versions of TLS that connections are tried with.
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
#: What the server's certificate is for.
SERVER_NAMES = ("localhost", "*.example.test", "127.0.0.1", "::1")
#: Whom the client's certificate names.
CLIENT = "test client"


@dataclass(frozen=True)
class Certificates:
    """The files of one authority, in PEM, and contexts made of them."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def server(self) -> Path:
        """The server's certificate and its key, in one file."""
        return self.folder / "server.pem"

    @property
    def client(self) -> Path:
        """The client's certificate and its key, in one file."""
        return self.folder / "client.pem"

    def server_context(self) -> ssl.SSLContext:
        """Return the context of a server that shows its certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return the context of a client that trusts the authority, and shows nothing."""
        return ssl.create_default_context(cafile=self.authority)

    def ask_clients(self, server_context: ssl.SSLContext) -> None:
        """Have a server demand a certificate, signed by the authority, of its clients."""
        server_context.verify_mode = ssl.CERT_REQUIRED
        server_context.load_verify_locations(self.authority)


def make(folder: Path) -> Certificates:
    """Make the files, in a folder that is there."""
    # Here: whoever only reads them needs none of it.
    import trustme

    made = Certificates(folder)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(made.authority)
    for path, leaf in (
        (made.server, authority.issue_cert(*SERVER_NAMES, common_name="localhost")),
        (made.client, authority.issue_cert("client.example.test", common_name=CLIENT)),
    ):
        leaf.private_key_and_cert_chain_pem.write_to_path(path)
    return made


def only(context: ssl.SSLContext, version: str) -> ssl.SSLContext:
    """Limit a context to one version of TLS, a key of VERSIONS, and return it."""
    context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


def common_name(certificate: Any) -> str | None:
    """Return whom a certificate names, as `getpeercert()` gives it; None where there is none."""
    for parts in (certificate or {}).get("subject", ()):
        for key, value in parts:
            if key == "commonName":
                return str(value)
    return None
