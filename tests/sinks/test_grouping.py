"""A storm of events of a few jobs takes little memory, however long it lasts."""

from tests.bench.grouping import kept

PLACE = 16
"""Bytes that are kept of an event that is only counted."""


def test_a_group_keeps_only_the_place_of_what_it_counts() -> None:
    few, many = 4_000, 20_000
    assert kept(many) - kept(few) < (many - few) * PLACE * 1.5 + 100_000
