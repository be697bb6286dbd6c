from __future__ import annotations

import pytest

import asyncio_sync
from asyncio_test_support.programs import printed_by


def test_every_public_name_is_there():
    for name in asyncio_sync.__all__:
        assert getattr(asyncio_sync, name).__name__ == name
    assert set(asyncio_sync.__all__) <= set(dir(asyncio_sync))


def test_the_package_offers_what_its_modules_do():
    from asyncio_sync import locks, queues

    assert set(asyncio_sync.__all__) == {*locks.__all__, *queues.__all__}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'RLock'"):
        asyncio_sync.RLock


def test_importing_the_package_loads_nothing_else():
    code = "import sys, asyncio_sync; print(sorted(m for m in sys.modules if 'asyncio_' in m))"
    shown = printed_by(code)
    assert "asyncio_sync.locks" not in shown
    assert "asyncio_core" not in shown
