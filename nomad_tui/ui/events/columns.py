"""The columns of the event list and their widths.

Widths depend on the list's width and the chosen columns, never on the rows shown: columns do not move while events
arrive.
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from nomad_tui.core.text import printable


class Column(StrEnum):
    """A column, by its name in a configuration."""

    RECEIVED = "received"
    TIME = "time"
    INDEX = "index"
    TOPIC = "topic"
    TYPE = "type"
    OBJECT = "object"
    SENTENCE = "sentence"
    NAMESPACE = "namespace"
    NODE = "node"
    REGION = "region"
    SIZE = "size"


DEFAULT_COLUMNS: Final = (Column.TIME, Column.TOPIC, Column.OBJECT, Column.SENTENCE, Column.NODE)

MEANINGS: Final[dict[Column, str]] = {
    Column.RECEIVED: "when it arrived here; blank if it waited in the buffer",
    Column.TIME: "when it happened",
    Column.INDEX: "the index of the write",
    Column.TOPIC: "the topic",
    Column.TYPE: "the type of the event",
    Column.OBJECT: "the object",
    Column.SENTENCE: "what happened",
    Column.NAMESPACE: "the object's namespace",
    Column.NODE: "the node",
    Column.REGION: "the region of the server",
    Column.SIZE: "the size of the payload",
}

TIME_WIDTH: Final = 12
INDEX_WIDTH: Final = 12
"""A server that writes a thousand times a second needs 30 years to fill it; a longer index loses its first digits."""
TOPIC_WIDTH: Final = 10
"""Of the name; the glyph and a space precede it."""
PLACE_WIDTH: Final = 12
WIDTHS: Final[dict[Column, int]] = {
    Column.RECEIVED: TIME_WIDTH,
    Column.TIME: TIME_WIDTH,
    Column.INDEX: INDEX_WIDTH,
    Column.TOPIC: TOPIC_WIDTH + 2,
    Column.TYPE: 22,
    Column.NAMESPACE: 12,
    Column.NODE: PLACE_WIDTH,
    Column.REGION: 10,
    Column.SIZE: 7,
}
"""Of all columns but the two that share what is left: the object and the sentence."""
GROWN: Final[dict[Column, int]] = {
    Column.TOPIC: TOPIC_WIDTH + 8,
    Column.TYPE: 32,
    Column.NAMESPACE: 24,
    Column.NODE: 24,
    Column.REGION: 16,
}
"""The widths that some of them reach in a wide list."""
GROWS_FROM: Final = 130
"""Cells of a list; of more, those columns get a twelfth each until they are grown."""
RIGHT_ALIGNED: Final = frozenset((Column.INDEX, Column.SIZE, Column.NODE))
"""Before the node, a sentence has the cells that its name leaves."""

OBJECT_SHARE: Final = 0.28
"""Of the width that the other columns leave; the sentence needs the larger part."""
OBJECT_LEAST, OBJECT_MOST = 12, 36
"""Cells; the most is up to twice as many in a list wider than `GROWS_FROM`."""
SENTENCE_LEAST: Final = 4
SENTENCE_WANTED: Final = 24
"""Cells for which a narrow list gives up columns that are not part of the default ones."""
PLACE_FROM: Final = 92
"""Cells; a narrower list has no column for the node's name and says it after the sentence."""
NO_TOPIC_BELOW: Final = 80
"""Cells; a narrower list shows the topic's glyph only."""
GIVEN_UP: Final = (
    Column.SIZE,
    Column.REGION,
    Column.RECEIVED,
    Column.NODE,
    Column.TYPE,
    Column.NAMESPACE,
    Column.INDEX,
)
"""Columns that a list too narrow for all drops, the first of them first."""
GUTTER: Final = 2
FIRST_GUTTER: Final = 2
"""Behind the first column, where a mark and the sign of a match have a cell each."""
NARROW_GUTTERS: Final = {Column.TOPIC: 1, Column.SENTENCE: 1}


class UnusableColumnsError(ValueError):
    """The columns are not usable; the message says why and what to do."""


def parse_columns(names: Iterable[str]) -> tuple[Column, ...]:
    """The columns of a configuration, in its order. Raises `UnusableColumnsError`."""
    columns: list[Column] = []
    for name in names:
        try:
            column = Column(name)
        except ValueError:
            shown = printable(str(name), 40)
            raise UnusableColumnsError(f"'{shown}' is not a column. Choose from {', '.join(Column)}.") from None
        if column in columns:
            raise UnusableColumnsError(f"The column '{column}' is listed twice. Remove one.")
        columns.append(column)
    if not columns:
        raise UnusableColumnsError("No column is chosen. Choose at least one.")
    return tuple(columns)


class Placed(msgspec.Struct, frozen=True):
    """One column of a list of a certain width. All numbers are cells."""

    column: Column
    width: int
    gutter: int
    """Empty cells behind it."""


class Layout(msgspec.Struct, frozen=True):
    placed: tuple[Placed, ...]
    width: int
    """Cells of all columns together: as wide as the list, or wider where it is too narrow for them."""
    says_node: bool
    """Whether the node follows the sentence, as there is no room for its column."""


@lru_cache(maxsize=64)
def lay_out(columns: tuple[Column, ...], width: int) -> Layout:
    """The places of `columns` in a list that is `width` cells wide."""
    kept = list(columns)
    if Column.NODE in kept and Column.SENTENCE in kept and width < PLACE_FROM:
        kept.remove(Column.NODE)
    for column in GIVEN_UP:
        if len(kept) > 1 and column in kept and _needed(kept, width, SENTENCE_WANTED) > width:
            kept.remove(column)
    total = max(width, _needed(kept, width, SENTENCE_LEAST))
    placed = [(column, _width(column, width), gutter) for column, gutter in _gutters(kept)]
    room = total - sum(taken + gutter for _, taken, gutter in placed)
    objects = sentences = room
    if Column.OBJECT in kept and Column.SENTENCE in kept:
        # The node's column is left out of this: a sentence without a node runs on over it.
        beside = sum(taken + gutter for column, taken, gutter in placed if taken and column is not Column.NODE)
        objects = max(
            OBJECT_LEAST,
            min(OBJECT_MOST + min(OBJECT_MOST, max(0, width - GROWS_FROM) // 2), int((total - beside) * OBJECT_SHARE)),
        )
        sentences = room - objects
    shared = {Column.OBJECT: objects, Column.SENTENCE: sentences}
    return Layout(
        tuple(Placed(column, shared.get(column, taken), gutter) for column, taken, gutter in placed),
        total,
        says_node=Column.NODE in columns and Column.NODE not in kept,
    )


def _gutters(columns: list[Column]) -> list[tuple[Column, int]]:
    """Each column and the empty cells behind it."""
    first, *others = columns
    behind = [(column, NARROW_GUTTERS.get(column, GUTTER)) for column in others[:-1]]
    return [(first, FIRST_GUTTER), *behind, *((column, 0) for column in others[-1:])]


def _width(column: Column, width: int) -> int:
    """Of a column in a list of that width; 0 for the two that share what is left."""
    if column is Column.TOPIC and width < NO_TOPIC_BELOW:
        return 1
    usual = WIDTHS.get(column, 0)
    return min(GROWN.get(column, usual), usual + max(0, width - GROWS_FROM) // 12)


def _needed(columns: list[Column], width: int, sentence: int) -> int:
    """Cells that the columns take when the object has its least width and the sentence as many as given."""
    least = {Column.OBJECT: OBJECT_LEAST, Column.SENTENCE: sentence}
    return sum(least.get(column, 0) + _width(column, width) + gutter for column, gutter in _gutters(columns))
