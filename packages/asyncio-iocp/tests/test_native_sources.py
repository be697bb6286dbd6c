"""What the C sources promise can be read in them, without a compiler for Windows."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

NATIVE = Path(__file__).parent.parent / "native"
SOURCES = sorted(NATIVE.glob("*.[ch]"))
STUB = Path(__file__).parent.parent / "src" / "asyncio_iocp" / "_overlapped.pyi"

# Part of the stable interface on Windows only, or macros and inline functions of the headers.
NOT_LISTED = {
    "PyErr_SetExcFromWindowsErr",
    "PyMODINIT_FUNC",
    "PyInit__overlapped",
}


def code() -> str:
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', text)


def test_only_the_stable_interface_of_python_is_called() -> None:
    listed = pytest.importorskip(
        "test.test_stable_abi_ctypes", reason="this Python comes without its tests"
    ).SYMBOL_NAMES
    called = set(re.findall(r"\b(_?Py[A-Z]\w*_\w+|Py[A-Z][a-z]+_\w+)\s*\(", code()))
    assert len(called) > 30
    assert called - set(listed) - NOT_LISTED - _macros() == set()


def _macros() -> set[str]:
    """The names that the headers define as macros or inline for the limited interface."""
    return {
        "PyBytes_Check",
        "PyDict_Check",
        "PyList_Check",
        "PyLong_Check",
        "PyTuple_Check",
        "PyUnicode_Check",
    }


def test_stub_names_what_the_module_has() -> None:
    module = (NATIVE / "module.c").read_text(encoding="utf-8")
    operation = (NATIVE / "operation.c").read_text(encoding="utf-8")
    names = set(re.findall(r'(?:FAST\(|\{)"(\w+)",', module))
    names |= set(re.findall(r'add_object\(module, "(\w+)"', module)) | {"Overlapped"}
    methods = set(re.findall(r'(?:FAST\(|\{)"(\w+)",', operation))
    stub = STUB.read_text(encoding="utf-8")
    assert (
        set(re.findall(r"^(?:def |class )?([A-Z]\w+|time\w+)(?::|\()", stub, re.M)) | {"Overlapped"}
        == names
    )
    assert set(re.findall(r"^    def ([a-zA-Z]\w+)\(", stub, re.M)) == methods


@pytest.mark.skipif(sys.platform != "win32", reason="there is an extension on Windows only")
def test_stub_names_what_the_extension_has() -> None:
    from asyncio_iocp import _overlapped

    stub = STUB.read_text(encoding="utf-8")
    public = {name for name in vars(_overlapped) if not name.startswith("_")}
    assert public == set(re.findall(r"^(?:def |class )?([A-Z]\w+|time\w+)\b", stub, re.M))
    for name, value in re.findall(r"^(\w+): Final = (\w+)$", stub, re.M):
        assert getattr(_overlapped, name) == int(value, 0), name


def test_no_source_is_long() -> None:
    assert SOURCES
    for path in SOURCES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 500, path.name
