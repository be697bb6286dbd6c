"""A certificate for servers that are measured over TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path) -> Path:
    """Return a file with a certificate and its key, which nobody trusts: the clients do not look at it."""
    import trustme

    made = folder / "certificate.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(made)
    return made
