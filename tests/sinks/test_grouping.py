"""Grouping a storm of events of a few jobs takes little memory, for any duration."""

from tests.bench.grouping import kept

BYTES_PER_COUNTED_EVENT = 16
"""Bytes stored for an event that is only counted."""


def test_a_group_stores_only_the_position_of_counted_events() -> None:
    few, many = 4_000, 20_000
    assert kept(many) - kept(few) < (many - few) * BYTES_PER_COUNTED_EVENT * 1.5 + 100_000
