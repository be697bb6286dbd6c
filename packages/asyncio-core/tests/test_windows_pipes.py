"""Pipes for overlapped calls, and who closes their handles."""

from __future__ import annotations

import gc
import sys

import pytest

if sys.platform != "win32":
    pytest.skip("pipes with overlapped calls are a thing of Windows", allow_module_level=True)

import _winapi

from asyncio_core.windows.pipes import PipeHandle, pipe


def is_open(handle: int) -> bool:
    try:
        _winapi.GetFileType(handle)
    except OSError as exc:
        return exc.winerror != 6  # ERROR_INVALID_HANDLE
    return True


@pytest.mark.parametrize("overlapped", [(False, False), (True, False), (False, True), (True, True)])
def test_what_goes_into_the_second_end_comes_out_of_the_first(overlapped):
    with PipeHandle((ends := pipe(overlapped=overlapped))[0]), PipeHandle(ends[1]):
        writing = _winapi.WriteFile(ends[1], b"hello", overlapped=overlapped[1])
        if overlapped[1]:
            assert writing[0].GetOverlappedResult(True) == (5, 0)
        reading = _winapi.ReadFile(ends[0], 5, overlapped=overlapped[0])
        if overlapped[0]:
            reading[0].GetOverlappedResult(True)
            assert reading[0].getbuffer() == b"hello"
        else:
            assert reading[0] == b"hello"


def test_duplex_pipe_goes_both_ways():
    first, second = pipe(duplex=True, overlapped=(False, False))
    with PipeHandle(first), PipeHandle(second):
        for one, other in ((first, second), (second, first)):
            _winapi.WriteFile(one, b"there")
            assert _winapi.ReadFile(other, 5)[0] == b"there"


def test_simple_pipe_goes_one_way():
    first, second = pipe(overlapped=(False, False))
    with PipeHandle(first), PipeHandle(second), pytest.raises(PermissionError):
        _winapi.WriteFile(first, b"x")


def test_handle_is_closed_once_and_tells_so():
    first, second = pipe()
    _winapi.CloseHandle(second)
    end = PipeHandle(first)
    assert (end.handle, end.fileno()) == (first, first)
    assert repr(end) == f"<PipeHandle handle={first}>"
    end.close()
    assert not is_open(first)
    assert end.handle is None
    assert repr(end) == "<PipeHandle closed>"
    with pytest.raises(ValueError, match="closed pipe"):
        end.fileno()
    end.close()


def test_handle_that_somebody_else_closed_fails_once():
    first, second = pipe()
    _winapi.CloseHandle(second)
    end = PipeHandle(first)
    _winapi.CloseHandle(first)
    with pytest.raises(OSError, match="handle"):
        end.close()
    assert end.handle is None
    end.close()


def test_forgotten_handle_is_closed_with_a_warning():
    first, second = pipe()
    _winapi.CloseHandle(second)
    end = PipeHandle(first)
    with pytest.warns(ResourceWarning, match="unclosed <PipeHandle"):
        del end
        gc.collect()
    assert not is_open(first)
