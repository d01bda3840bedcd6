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
    """The columns by their names in the configuration."""

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
"""At a thousand writes a second, an index exceeds it after 30 years; longer ones lose their first digits."""
TOPIC_WIDTH: Final = 10
"""Cells of the name, without the glyph and the space before it."""
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
"""Widths in cells of all columns except the object and the sentence, which share the rest."""
MAX_WIDTHS: Final[dict[Column, int]] = {
    Column.TOPIC: TOPIC_WIDTH + 8,
    Column.TYPE: 32,
    Column.NAMESPACE: 24,
    Column.NODE: 24,
    Column.REGION: 16,
}
"""Widths that some columns reach in a wide list."""
GROWS_FROM: Final = 130
"""Width of a list in cells. Of each cell above it, these columns get a twelfth each, up to their maximum."""
RIGHT_ALIGNED: Final = frozenset((Column.INDEX, Column.SIZE, Column.NODE))
"""The node is right-aligned so that the sentence can use the cells before its name."""

OBJECT_SHARE: Final = 0.28
"""The object's share of the width that the other columns leave; the sentence needs more."""
OBJECT_LEAST, OBJECT_MOST = 12, 36
"""Cells; in a list wider than `GROWS_FROM`, the maximum is up to twice as large."""
SENTENCE_LEAST: Final = 4
SENTENCE_WANTED: Final = 24
"""Cells of the sentence below which optional columns are dropped."""
NODE_FROM: Final = 92
"""Minimum width in cells of a list with a column for the node; a narrower one shows the node after the sentence."""
TOPIC_NAME_FROM: Final = 80
"""Minimum width in cells of a list that shows topic names; a narrower one shows only their glyphs."""
DROP_ORDER: Final = (
    Column.SIZE,
    Column.REGION,
    Column.RECEIVED,
    Column.NODE,
    Column.TYPE,
    Column.NAMESPACE,
    Column.INDEX,
)
"""Columns that are dropped, in this order, from a list that is too narrow."""
GUTTER: Final = 2
FIRST_GUTTER: Final = 2
"""After the first column; contains a cell for a mark and one for the sign of a match."""
NARROW_GUTTERS: Final = {Column.TOPIC: 1, Column.SENTENCE: 1}


class UnusableColumnsError(ValueError):
    """The chosen columns are invalid; the message says why and what to do."""


def parse_columns(names: Iterable[str]) -> tuple[Column, ...]:
    """The columns named in the configuration, in that order. Raises `UnusableColumnsError`."""
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
    """A column of a list with a certain width. All numbers are cells."""

    column: Column
    width: int
    gutter: int
    """Empty cells after it."""


class Layout(msgspec.Struct, frozen=True):
    placed: tuple[Placed, ...]
    width: int
    """Cells of all columns together; more than the list has if it is too narrow for them."""
    node_in_sentence: bool
    """Whether the node follows the sentence because there is no room for its column."""


@lru_cache(maxsize=64)
def lay_out(columns: tuple[Column, ...], width: int) -> Layout:
    """The layout of `columns` in a list that is `width` cells wide."""
    kept = list(columns)
    if Column.NODE in kept and Column.SENTENCE in kept and width < NODE_FROM:
        kept.remove(Column.NODE)
    for column in DROP_ORDER:
        if len(kept) > 1 and column in kept and _needed(kept, width, SENTENCE_WANTED) > width:
            kept.remove(column)
    total = max(width, _needed(kept, width, SENTENCE_LEAST))
    placed = [(column, _width(column, width), gutter) for column, gutter in _gutters(kept)]
    room = total - sum(taken + gutter for _, taken, gutter in placed)
    objects = sentences = room
    if Column.OBJECT in kept and Column.SENTENCE in kept:
        # Without the node's column, because a sentence without a node can use it.
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
        node_in_sentence=Column.NODE in columns and Column.NODE not in kept,
    )


def _gutters(columns: list[Column]) -> list[tuple[Column, int]]:
    """Each column and the number of empty cells after it."""
    first, *others = columns
    behind = [(column, NARROW_GUTTERS.get(column, GUTTER)) for column in others[:-1]]
    return [(first, FIRST_GUTTER), *behind, *((column, 0) for column in others[-1:])]


def _width(column: Column, width: int) -> int:
    """The width of a column in a list of `width` cells; 0 for the object and the sentence."""
    if column is Column.TOPIC and width < TOPIC_NAME_FROM:
        return 1
    usual = WIDTHS.get(column, 0)
    return min(MAX_WIDTHS.get(column, usual), usual + max(0, width - GROWS_FROM) // 12)


def _needed(columns: list[Column], width: int, sentence: int) -> int:
    """Cells that the columns need if the object has its minimum width and the sentence `sentence` cells."""
    least = {Column.OBJECT: OBJECT_LEAST, Column.SENTENCE: sentence}
    return sum(least.get(column, 0) + _width(column, width) + gutter for column, gutter in _gutters(columns))
