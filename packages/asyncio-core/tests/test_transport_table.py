"""The table of who has taken which descriptor."""

from __future__ import annotations

import gc

import pytest

from asyncio_core import Transport
from asyncio_core.connections.transport_table import TransportTable


class Mine(Transport):
    """One that can be referred to weakly."""


def test_it_is_a_mapping_of_those_that_are_alive() -> None:
    table = TransportTable()
    assert not table
    first, second = Mine(), Mine()
    table[7] = first
    table[9] = second
    assert table[7] is first
    assert table.get(9) is second
    assert dict(table) == {7: first, 9: second}
    del second
    gc.collect()
    assert list(table) == [7]
    assert len(table) == 1
    assert 9 not in table
    assert table.get(9) is None
    assert table.get(9, "nobody") == "nobody"
    assert table.pop(9, None) is None
    with pytest.raises(KeyError):
        del table[9]
    with pytest.raises(KeyError):
        table[9]
    assert table.pop(7) is first
    assert not table


def test_a_number_belongs_to_the_last_who_has_taken_it() -> None:
    table = TransportTable()
    first, second = Mine(), Mine()
    table[7] = first
    table[7] = second
    del first
    gc.collect()
    assert table[7] is second
    assert list(table.values()) == [second]
