"""The programs in C of `bench echo`, compiled when it runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from workspace.console import Failure

HERE = Path(__file__).resolve().parent
_COMPILE = ["gcc", "-O2", "-std=gnu11"]
_TLS = ["-DWITH_TLS", "-lssl", "-lcrypto"]


def check() -> None:
    """Raise Failure with status 2 where there is no compiler."""
    if shutil.which("gcc") is None:
        raise Failure("the clients are in C: gcc is needed (Debian: apt-get install gcc)", 2)


def build(name: str, folder: Path, *defines: str) -> Path:
    """Compile a program into a folder: with TLS where OpenSSL's headers are here, else without."""
    made = folder / name
    command = [*_COMPILE, *(f"-D{word}" for word in defines), str(HERE / f"{name}.c")]
    said = ""
    for more in (_TLS, []):
        done = subprocess.run([*command, *more, "-o", str(made)], capture_output=True, text=True)
        if not done.returncode:
            return made
        said = done.stderr
    raise Failure(f"gcc cannot build {name}.c: {said.strip().splitlines()[0]}")
