"""Packs of shards."""

from __future__ import annotations

import pytest

from livecc.formats.layout import PACK_SHARDS, packs


@pytest.mark.parametrize("count", [1, PACK_SHARDS, PACK_SHARDS + 1, 4 * PACK_SHARDS, 333])
def test_every_shard_is_in_one_pack_and_packs_are_alike(count: int) -> None:
    names = [f"shard-{number}" for number in range(count)]
    packed = packs(names[::-1])
    assert [name for pack in packed.values() for name in pack] == sorted(names)
    sizes = {len(pack) for pack in packed.values()}
    assert all(0 < size <= PACK_SHARDS for size in sizes)
    assert not sizes or max(sizes) - min(sizes) <= 1
