"""The columns of the list: their names, their fixed positions, and how an operator chooses them."""

from datetime import UTC
from itertools import pairwise
from typing import Final

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual.widget import Widget

from nomad_tui.core.history.event_row import EventRow, row
from nomad_tui.core.history.history import History
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, decode
from nomad_tui.ui.dialogs.letter_menu import ColumnMenu
from nomad_tui.ui.events.columns import (
    DEFAULT_COLUMNS,
    Column,
    UnusableColumnsError,
    lay_out,
    parse_columns,
)
from nomad_tui.ui.events.event_list import EventList
from nomad_tui.ui.events.event_painter import MARK, MATCH, Clock, Look, Palette, heading, line
from tests import recordings
from tests.keyboard import at_rest
from tests.list_screen import NOW, Alone, event, history_of, job, list_alone
from tests.recordings import frame

ODD: Final = (
    event("日本語のトピック", "k", "名前空間" * 9, Name="x"),
    event("Job", "e\u0301" * 30, Job={"ID": "e\u0301" * 30, "Name": "e\u0301" * 30}),
    event("Job", "日本" * 30, "\u202eevil", Job={"ID": "日本" * 30}),
    event("Service", "s", Service={"ServiceName": "\u202eevil\x1b]0;x\x07", "Address": "👩‍👩‍👧‍👦" * 9, "Port": 1}),
    event("Service", "שלום", Service={"ServiceName": "مرحبا بالعالم" * 5, "Address": "1", "Port": 1}),
    event("Node", "n", Node={"Name": "ノード" * 20, "Status": "ready"}),
)
CHOICES: Final = (
    DEFAULT_COLUMNS,
    tuple(Column),
    tuple(reversed(Column)),
    (Column.SENTENCE,),
    (Column.SIZE,),
    (Column.TOPIC, Column.INDEX),
    (Column.NODE, Column.OBJECT),
    (Column.OBJECT, Column.SENTENCE, Column.NODE, Column.SIZE),
    (Column.REGION, Column.NAMESPACE, Column.TYPE, Column.RECEIVED, Column.SENTENCE),
)
CLOCK: Final = Clock(UTC, lambda: NOW)


@pytest.fixture(scope="module")
def rows() -> list[EventRow]:
    """Rows of the hostile recording, and of names in wide, combining and right-to-left characters."""
    hostile = [decoded for text in recordings.lines("hostile") if isinstance(decoded := decode(text), Frame)]
    history = history_of((*hostile, frame(5, *ODD)), NOW)
    found = [row(history, sequence) for sequence in range(history.first, history.end)]
    return [each for each in found if isinstance(each, EventRow)]


def palette() -> Palette:
    prefix = "event-list--"
    return {name.removeprefix(prefix): Style() for name in EventList.COMPONENT_CLASSES}


# Names


def test_columns_are_named_as_in_the_configuration() -> None:
    assert parse_columns(["index", "sentence"]) == (Column.INDEX, Column.SENTENCE)
    assert parse_columns(Column) == tuple(Column)
    assert parse_columns(["time", "topic", "object", "sentence", "node"]) == DEFAULT_COLUMNS


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["time", "colour"], "'colour' is not a column. Choose from received, time, index"),
        (["time", "\x1b[2J"], "'␛[2J' is not a column"),
        (["time", "index", "time"], "The column 'time' is listed twice. Remove one."),
        ([], "No column is chosen. Choose at least one."),
    ],
)
def test_an_invalid_list_is_reported(names: list[str], message: str) -> None:
    with pytest.raises(UnusableColumnsError) as raised:
        parse_columns(names)
    assert str(raised.value).startswith(message)


# Positions


@pytest.mark.parametrize("columns", CHOICES, ids=lambda columns: "-".join(columns))
def test_every_row_fills_every_width_whatever_its_characters(columns: tuple[Column, ...], rows: list[EventRow]) -> None:
    styles = palette()
    looks = (Look(), Look(marked=True, matching=True, repeats=11), Look(matching=False))
    for width in (20, 34, 60, 79, 80, 92, 131, 200):
        assert cell_len(heading(width, Style(), columns).text) == width
        for found in rows:
            for look in looks:
                drawn = line(found, width, styles, CLOCK, columns, look, "日本" * 9)
                assert (cell_len(drawn.text), drawn.cell_length) == (width, width), (width, drawn.text)
                assert drawn.text.isprintable()


@pytest.mark.parametrize("columns", CHOICES, ids=lambda columns: "-".join(columns))
def test_columns_never_jump(columns: tuple[Column, ...], rows: list[EventRow]) -> None:
    """The gutter after each column is blank, in every row and at every width."""
    styles = palette()
    for width in (60, 80, 92, 150):
        layout = lay_out(columns, width)
        places: list[int] = []
        at = 0
        for placed, after in pairwise(layout.placed):
            at += placed.width
            runs_on = (placed.column, after.column) == (Column.SENTENCE, Column.NODE)
            places += [] if runs_on else range(at, at + placed.gutter)
            at += placed.gutter
        for found in rows:
            text = line(found, layout.width, styles, CLOCK, columns).text
            cells = [part for character in text for part in (character, *[""] * (cell_len(character) - 1))]
            cells = [cell for cell in cells if cell == "" or cell_len(cell)]
            assert {cells[place] for place in places} <= {" "}, text


def test_a_mark_a_match_and_a_count_do_not_move_columns(rows: list[EventRow]) -> None:
    styles = palette()
    for columns in CHOICES:
        for found in rows:
            plain = line(found, 150, styles, CLOCK, columns).text
            signed = line(found, 150, styles, CLOCK, columns, Look(marked=True, matching=True)).text
            assert signed.replace(MARK, " ").replace(MATCH, " ") == plain.replace(MARK, " ").replace(MATCH, " ")
            assert f"{MARK}{MATCH}" in signed
            counted = line(found, 150, styles, CLOCK, columns, Look(repeats=1_203)).text
            assert ("×1,204" in counted) == (Column.SENTENCE in columns)


def test_a_narrow_list_drops_added_columns_before_essential_ones() -> None:
    def kept(width: int) -> list[Column]:
        return [placed.column for placed in lay_out(tuple(Column), width).placed]

    assert kept(220) == list(Column)
    before = list(Column)
    for width in range(220, 20, -1):
        assert set(kept(width)) <= set(before), "a narrower list has no column that a wider one lacks"
        before = kept(width)
    assert before == [Column.TIME, Column.TOPIC, Column.OBJECT, Column.SENTENCE]
    assert lay_out((Column.SIZE,), 5).placed[0].column is Column.SIZE


def test_each_column_shows_its_value() -> None:
    allocation = event("Allocation", "k", "apps", Allocation={"ID": "k", "Name": "web.a[0]", "NodeName": "edge-1"})
    history = history_of([frame(1_234_567_890, allocation)], NOW)
    found = row(history, 0)

    def cell(column: Column, region: str = "") -> str:
        return line(found, 30, palette(), CLOCK, (column,), region=region).text

    assert cell(Column.RECEIVED).strip() == cell(Column.TIME).strip() == "08:52:20.000"
    assert cell(Column.INDEX).startswith("  1234567890 ")
    assert cell(Column.TYPE).strip() == "JobRegistered"
    assert cell(Column.NAMESPACE).strip() == "apps"
    assert cell(Column.NODE).strip() == "edge-1"
    assert cell(Column.REGION, "global").strip() == "global"
    assert cell(Column.SIZE).startswith("   63 B ")
    waited = row(history_of([frame(7, allocation)]), 0)
    assert line(waited, 30, palette(), CLOCK, (Column.RECEIVED,)).text.isspace()


def test_an_index_of_any_size_keeps_its_last_digits() -> None:
    found = row(history_of([frame(9_007_199_254_740_993, event("Job", "a"))]), 0)
    assert line(found, 20, palette(), CLOCK, (Column.INDEX,)).text.strip() == "…99254740993"


# On the screen


async def test_other_columns_have_headings_and_the_view_does_not_move() -> None:
    async with list_alone(history_of(job(number) for number in range(200))) as alone:
        assert "job-" in alone.rows[0]
        await alone.press("k", "pageup", "k", "k")
        selected = alone.selected
        top = next(word for word in alone.rows[0].split() if word.startswith("job-"))
        alone.events.set_columns((Column.INDEX, Column.OBJECT, Column.SIZE))
        assert alone.rows[0].split() == ["index", "object", "size"]
        assert top in alone.rows[1]
        assert alone.selected == selected
        assert any(str(selected) in text for text in alone.rows)
        for key, expected in (("G", "job-199"), ("g", "job-0")):
            await alone.press(key)
            assert alone.selected == expected
            assert any(f"{expected} " in text for text in alone.rows)
        await alone.pilot.click(EventList, offset=(10, 1))
        await at_rest(alone.app)
        assert alone.selected == "job-0", "a click on the names selects nothing"
        await alone.pilot.click(EventList, offset=(10, 5))
        await at_rest(alone.app)
        assert alone.selected == "job-3"
        alone.events.set_columns(DEFAULT_COLUMNS)
        assert "job-0" in alone.rows[0]


async def test_the_selected_row_stays_in_view_when_a_heading_appears() -> None:
    async with list_alone(history_of(job(number) for number in range(200))) as alone:
        await alone.press("k", "pageup")
        assert str(alone.selected) in alone.rows[-1]
        alone.events.set_columns((Column.INDEX, Column.OBJECT))
        assert str(alone.selected) in alone.rows[-1]


async def test_the_newest_row_stays_above_the_border_under_a_heading() -> None:
    history = history_of(job(number) for number in range(100))
    async with list_alone(history, columns=(Column.INDEX, Column.OBJECT)) as alone:
        assert "job-99" in alone.rows[-1]
        history.append(job(100), 0)
        alone.events.sync()
        assert "job-100" in alone.rows[-1]
        assert alone.rows[0].split() == ["index", "object"]
        assert alone.subtitle == "at the end"


async def test_the_region_of_the_server_is_shown_once_it_is_known() -> None:
    async with list_alone(history_of([job(1)]), columns=(Column.OBJECT, Column.REGION)) as alone:
        assert "europe" not in alone.rows[1]
        alone.events.server_region = "europe"
        assert "europe" in alone.rows[1]


async def open_column_menu(alone: Alone, chosen: list[tuple[Column, ...] | None], *keys: str) -> ColumnMenu:
    chooser = ColumnMenu(alone.events.columns)
    await alone.app.push_screen(chooser, chosen.append)
    await alone.press(*keys)
    return chooser


async def test_columns_are_ticked_moved_and_applied() -> None:
    async with list_alone(history_of([job(1)]), (80, 24)) as alone:
        chosen: list[tuple[Column, ...] | None] = []
        # Time is removed, topic moves after the object, and index, not shown before, moves to the front.
        await open_column_menu(alone, chosen, "space", "j", "J", *["j"] * 4, "space", *["K"] * 9, "enter")
        assert chosen == [(Column.INDEX, Column.OBJECT, Column.TOPIC, Column.SENTENCE, Column.NODE)]
        await open_column_menu(alone, chosen, "space", "escape")
        assert chosen[1:] == [None]


async def test_an_empty_selection_is_refused_in_the_dialog() -> None:
    async with list_alone(history_of([job(1)]), columns=(Column.TIME,)) as alone:
        chosen: list[tuple[Column, ...] | None] = []
        chooser = await open_column_menu(alone, chosen, "space", "enter")
        assert chosen == []
        box: Widget = chooser.query_one("#columns")
        assert "No column is chosen" in str(box.border_subtitle)
        await alone.press("space", "enter")
        assert chosen == [(Column.TIME,)]


def test_a_gap_fills_its_line_marked_or_not() -> None:
    history = History()
    history.append_gap(Gap(GapReason.BUFFER, 40, 61, 41.0), 0)
    for marked in (False, True):
        for width in (1, 20, 200):
            drawn = line(row(history, 0), width, palette(), CLOCK, look=Look(marked=marked))
            assert cell_len(drawn.text) == width
            assert (MARK in drawn.text) == marked
