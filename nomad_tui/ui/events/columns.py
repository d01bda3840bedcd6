"""The columns of the event list: which there are, how wide each is, and the dialog in which they are chosen.

Widths follow from the list's width and the columns chosen, never from the rows shown: a column stands where it stands
for as long as the window has its size.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.modal import Modal


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
    Column.RECEIVED: "when this machine received it; blank for what had waited",
    Column.TIME: "when it happened",
    Column.INDEX: "the index of the write behind it",
    Column.TOPIC: "its topic",
    Column.TYPE: "its type, as the server names it",
    Column.OBJECT: "which object",
    Column.SENTENCE: "what happened",
    Column.NAMESPACE: "the object's namespace",
    Column.NODE: "on which node",
    Column.REGION: "the region of the server asked",
    Column.SIZE: "how large its payload is",
}

TIME_WIDTH: Final = 12
INDEX_WIDTH: Final = 12
"""A server that writes a thousand times a second needs 30 years to fill it; a longer index loses its first digits."""
TOPIC_WIDTH: Final = 10
"""Of the name; the glyph and a space stand before it."""
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
    """The columns asked for make no list; the message is one sentence that says why and what to do."""


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
            raise UnusableColumnsError(f"The column '{column}' is named twice: name it once.")
        columns.append(column)
    if not columns:
        raise UnusableColumnsError("No column is chosen: choose at least one.")
    return tuple(columns)


@dataclass(frozen=True, slots=True)
class Placed:
    """One column of a list of a certain width. All numbers are cells."""

    column: Column
    width: int
    gutter: int
    """Empty cells behind it."""


@dataclass(frozen=True, slots=True)
class Layout:
    placed: tuple[Placed, ...]
    width: int
    """Cells of all columns together: as wide as the list, or wider where it is too narrow for them."""
    says_node: bool
    """Whether the node is said after the sentence, for want of room for the column that was asked for."""


@lru_cache(maxsize=64)
def lay_out(columns: tuple[Column, ...], width: int) -> Layout:
    """Where `columns` stand in a list that is `width` cells wide."""
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


class ColumnList(Widget, can_focus=True):
    """All columns, the chosen ones ticked and in their order, followed by the others."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MENU, Context.OPTIONS, Context.COLUMNS)

    cursor: reactive[int] = reactive(0)

    class Applied(Message):
        """The operator is done choosing."""

        def __init__(self, columns: list[Column]) -> None:
            self.columns = columns
            """The ticked ones in their order, perhaps none."""
            super().__init__()

    def __init__(self, columns: tuple[Column, ...]) -> None:
        super().__init__()
        self.order = [*columns, *(column for column in Column if column not in columns)]
        self.chosen = set(columns)

    def render(self) -> Content:
        return Content("\n").join([self._line(row) for row in range(len(self.order))])

    def _line(self, row: int) -> Content:
        column = self.order[row]
        chosen = column in self.chosen
        line = Content.assemble(
            (f"{'▣' if chosen else '□'} ", "$accent" if chosen else "$quiet"),
            (f"{column:<10}", "$foreground" if chosen else "$quiet"),
            (MEANINGS[column], "$quiet"),
        )
        return line.pad_right(max(0, self.content_size.width - line.cell_length)).stylize(
            "on $chosen" if row == self.cursor else ""
        )

    def action_move(self, rows: int) -> None:
        self.cursor = min(max(self.cursor + rows, 0), len(self.order) - 1)

    def action_tick(self) -> None:
        self.chosen ^= {self.order[self.cursor]}
        self.refresh()

    def action_shift(self, rows: int) -> None:
        to = min(max(self.cursor + rows, 0), len(self.order) - 1)
        self.order.insert(to, self.order.pop(self.cursor))
        self.cursor = to
        self.refresh()

    def action_choose(self) -> None:
        self.post_message(self.Applied([column for column in self.order if column in self.chosen]))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < len(self.order):
            self.cursor = offset.y
            self.action_tick()


class ColumnChooser(Modal[tuple[Column, ...] | None]):
    """Lets the operator choose and order the columns. Its result is the new ones; None if nothing is to change."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)

    def __init__(self, columns: tuple[Column, ...]) -> None:
        super().__init__()
        self.list = ColumnList(columns)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="columns", can_focus=False) as box:
            box.border_title = Content("Columns")
            box.border_subtitle = Content(_KEYS)
            yield self.list

    @on(ColumnList.Applied)
    def _apply(self, message: ColumnList.Applied) -> None:
        try:
            self.dismiss(parse_columns(message.columns))
        except UnusableColumnsError as error:
            self.query_one("#columns").border_subtitle = Content.styled(str(error), "$warning")


_KEYS: Final = "Space ticks · J K move · Enter applies · Esc"
