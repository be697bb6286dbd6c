from __future__ import annotations

import pytest

import asyncio_streams
from asyncio_test_support.programs import printed_by


def test_every_public_name_is_there():
    for name in asyncio_streams.__all__:
        assert getattr(asyncio_streams, name).__name__ == name
    assert set(asyncio_streams.__all__) <= set(dir(asyncio_streams))


def test_the_package_offers_what_the_module_of_the_standard_name_does():
    from asyncio_streams import streams

    assert set(streams.__all__) == set(asyncio_streams.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Stream'"):
        asyncio_streams.Stream


def test_importing_the_package_loads_nothing_else():
    code = "import sys, asyncio_streams; print(sorted(m for m in sys.modules if 'asyncio_' in m))"
    shown = printed_by(code)
    assert "asyncio_core" not in shown
