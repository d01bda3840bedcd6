"""Anything typed, pasted or sent by a terminal is shown by the filter line, limited, or refused with a message."""

import os
import re
import threading
from typing import Final

import orjson
import pytest
from rich.cells import cell_len
from textual import events as textual_events
from textual.content import Content
from textual.message import Message

from nomad_tui.config.saved_filters import SavedFilters
from nomad_tui.core.filter import Filter
from nomad_tui.core.history.history import History
from nomad_tui.core.search.completion import complete
from nomad_tui.core.search.paths import Paths, condition
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.session import Session
from nomad_tui.ui.filter.filter_line import LONGEST_LINE
from nomad_tui.ui.filter.filter_updates import LONGEST_PARSED_AT_ONCE
from nomad_tui.ui.filter.filtering import Filtering, filter_text
from nomad_tui.ui.filter.saved import SavedFilterCommands, hints
from nomad_tui.ui.terminal.terminal import Keys, Terminal
from tests.dashboard import CONNECTED, MEDIUM, NARROW, SIZES, WIDE, Dashboard, ScriptedSource, dashboard, frames, jobs

STATUS: Final = "status:"
"""Has suggestions, and is not a complete filter."""


async def wait_for_mistake(opened: Dashboard) -> None:
    """Wait until a mistake is shown and the screen is laid out again."""
    bar = opened.dashboard.filter_bar
    await opened.until(lambda: bar.mistake.display and bar.mistake.region.area)


def line_is_free(opened: Dashboard) -> bool:
    return opened.dashboard.filter_bar.candidates.region.bottom == opened.dashboard.filter_line.region.y


# What is around the line


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_the_list_never_covers_what_is_typed(size: tuple[int, int]) -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), size) as opened:
        await opened.shows(625)
        await opened.press("slash")
        await opened.type(STATUS)
        await opened.until(lambda: opened.dashboard.filter_bar.candidates.region.area)
        assert line_is_free(opened)
        await wait_for_mistake(opened)
        await opened.until(lambda: line_is_free(opened))
        await opened.pilot.resize_terminal(70, 20)
        await opened.until(lambda: opened.app.screen.size.width == 70 and line_is_free(opened))


async def test_the_pointer_follows_the_line_as_it_scrolls() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(1, 4))), NARROW) as opened:
        await opened.shows(3)
        await opened.press("slash")
        opened.dashboard.filter_line.insert_text_at_cursor("a" * 150 + " foo:bar")
        await wait_for_mistake(opened)
        await opened.appears("^^^")
        await opened.press("home")
        await opened.appears("›")
        await opened.press("end")
        await opened.appears("^^^")


async def test_the_cursor_stays_in_view_when_the_number_of_matches_needs_more_room() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), NARROW) as opened:
        await opened.shows(625)
        await opened.press("slash")
        opened.dashboard.filter_line.put("web " * 20)
        await opened.type(STATUS)
        # Before a narrower number there is a blank more.
        await opened.until(lambda: any(re.search(f"{STATUS} +previous filter: ", line) for line in opened.screen()))


async def test_the_empty_line_shows_only_hints_that_fit() -> None:
    expected = [each.replace("{app.filter}", "/") for each in hints(SavedFilters())]
    async with dashboard(ScriptedSource(CONNECTED), WIDE) as opened:
        for size in SIZES:
            await opened.resize(*size)
            await opened.appears("press / to filter")
            line = opened.dashboard.filter_line
            assert line.placeholder in ["".join(expected[:number]) for number in range(1, len(expected) + 1)]
            assert cell_len(line.placeholder) <= line.content_size.width


# What is inserted into the line


async def test_a_paste_of_100_kb_is_refused_with_a_message() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(1, 4)))) as opened:
        await opened.shows(3)
        await opened.press("slash")
        await opened.type("job")
        opened.app.post_message(textual_events.Paste("\x1b[31m rubbish\n\x00" * 8_000))
        await opened.appears("10,000")
        assert opened.dashboard.filter_line.value == "job"


async def test_a_long_filter_is_parsed_when_typing_pauses_or_the_line_loses_focus() -> None:
    text = "job:=" + ",".join(f"job-{number}" for number in range(1, 1_000))
    assert LONGEST_PARSED_AT_ONCE < len(text) < LONGEST_LINE
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(998, 1_003)))) as opened:
        await opened.shows(5)
        await opened.press("slash")
        opened.app.post_message(textual_events.Paste(text))
        await opened.appears("2 of 5")
        opened.dashboard.filter_line.value = ""
        await opened.until(lambda: opened.dashboard.view.everything)
        opened.app.post_message(textual_events.Paste(text))
        await opened.until(lambda: opened.dashboard.filter_line.value == text)
        await opened.press("enter")
        assert not opened.dashboard.filtering.filter.everything
        await opened.appears("2 of 5")


async def test_typing_or_pasting_replaces_the_selection_with_drawable_text() -> None:
    async with dashboard(ScriptedSource(CONNECTED)) as opened:
        await opened.press("slash")
        await opened.type("web")
        line = opened.dashboard.filter_line
        line.select_all()
        opened.app.post_message(textual_events.Paste("a\nb\x1b[2J"))
        await opened.until(lambda: line.value == "a b␛[2J")
        line.insert_text_at_cursor("❤\ufe0f")  # width differs between terminals and Textual
        assert line.value == "a b␛[2J❤"


# What terminals send


async def test_input_that_is_not_utf_8_is_read() -> None:
    read: list[Message] = []

    class Listening(Terminal):
        def process_message(self, message: Message) -> None:
            read.append(message)
            if isinstance(message, textual_events.Key) and message.key == "z":
                self.exit_event.set()

    async with dashboard(ScriptedSource(CONNECTED)) as opened:
        end, start = os.pipe()
        try:
            terminal = Listening(opened.app)
            terminal.fileno = end
            thread = threading.Thread(target=terminal.run_input_thread)
            thread.start()
            os.write(start, b"a\xff\x81\xc3(\x1b[200~\x80paste\x1b[201~z")
            await opened.until(lambda: not thread.is_alive())
        finally:
            os.close(start)
            os.close(end)
    typed = [message.character for message in read if isinstance(message, textual_events.Key)]
    assert [each for each in typed if each != "\ufffd"] == ["a", "(", "z"]
    assert [message.text for message in read if isinstance(message, textual_events.Paste)] == ["\ufffdpaste"]


@pytest.mark.parametrize("sequence", ["\x1b[1114112u", "\x1b[99999999999u", "\x1b[57344;1:3u", "\x1b[:::u"])
def test_a_sequence_that_textual_cannot_parse_is_dropped(sequence: str) -> None:
    keys = Keys()
    assert list(keys.read(sequence)) == []
    assert [each.key for each in keys.read("q") if isinstance(each, textual_events.Key)] == ["q"]


# What keys insert


def test_undrawable_characters_are_written_as_escapes_that_parse_back() -> None:
    for value in ("\U000e0041", "\U000e0101", "\u202e", "\x1b[31m", "\ufeff"):
        term = condition(("Job", "Meta", value), value)
        assert term is not None
        text = filter_text(Filter.parse(term))
        assert value not in text
        assert Filter.parse(text) == Filter.parse(term)


def test_only_this_and_not_this_replace_each_other() -> None:
    filtering = Filtering(Session(ScriptedSource(), History()), "")

    def adds(term: str) -> str:
        filtering.read(filtering.added(term))
        return filtering.text

    assert adds('Job.ID == "a"') == 'Job.ID == "a"'
    assert adds('not Job.ID == "a"') == 'not Job.ID == "a"'
    assert adds("Job.Stop is empty") == 'not Job.ID == "a" and Job.Stop is empty'
    assert adds('Job.ID == "a"') == 'Job.Stop is empty and Job.ID == "a"'


async def test_a_gap_cannot_be_filtered_by() -> None:
    first, *others = jobs(range(1, 4))
    gap = Gap(GapReason.BUFFER, 1, 2, 0.5)
    async with dashboard(ScriptedSource(CONNECTED, first, gap, *others), MEDIUM) as opened:
        await opened.shows(3)
        opened.events.select(1)
        await opened.until(lambda: opened.inspected == "3 Gap")
        await opened.press("3", "j", "plus")
        await opened.appears("A gap is not an event")
        assert opened.dashboard.filter_line.value == ""


def test_every_generated_term_can_be_parsed() -> None:
    assert condition(("odd key", "v"), 1) is None
    assert condition(("Deep", *["d"] * 70), 1) is None


# Suggestions


def test_values_of_secret_keys_are_not_suggested() -> None:
    secrets = {
        "SecretID": "s-0",
        "VaultToken": "s-1",
        "Config": {"auth": {"username": "s-2", "server": "s-3"}, "Password": "s-4"},
        "Env": {"DATABASE": "s-5"},
        "Meta": {"key": ["s-6"]},
        "Authorization": "s-7",
        "api_key": "s-8",
        "Payload": "s-9",
    }
    paths = Paths()
    for topic in ("Job", "ACLToken"):
        paths.learn(orjson.dumps({topic: {**secrets, "Name": "not-a-secret"}, "Secret": "s-10"}))

    class Vocabulary:
        def __init__(self) -> None:
            self.paths = paths

        def values(self, field: str) -> list[tuple[str, int | None]]:
            return []

    proposed = []
    texts = ["Job.", "ACLToken.", "S", "Job.SecretID == ", "SecretID == ", "Job.Env.DATABASE == ", "Job.Meta.key == "]
    texts += [
        "Job.Config.auth.username == ",
        "Job.Config.Password == ",
        "Job.Payload == ",
        "Job.api_key == ",
        "Secret == ",
    ]
    for text in texts:
        found = complete(text, len(text), Vocabulary())
        proposed += [] if found is None else [each.text + each.note for each in found.candidates]
    assert not [each for each in proposed if "s-" in each.replace("not-a-s", "")]
    assert any("SecretID" in each for each in proposed), "the key itself is no secret"
    name = complete("ACLToken.Name == ", 17, Vocabulary())
    assert name is not None
    assert [each.text for each in name.candidates] == ['"not-a-secret"']


@pytest.mark.parametrize("name", ["a[bold]x[/]", "[/]", "[@click=app.quit]x[/]", "a\\[b"])
async def test_the_palette_shows_names_and_filters_as_they_are(name: str) -> None:
    text = '"{$[a@=!a\\\\" "[bold]"'
    async with dashboard(ScriptedSource(CONNECTED)) as opened:
        opened.dashboard.saved.filters.save(name, text)
        commands = SavedFilterCommands(opened.app.screen)
        hits = [hit async for hit in commands.search("Filter: ")]
        shown = {str(hit.prompt): Content.from_markup(hit.help or "").plain for hit in hits}
        assert shown[f"Filter: {name}"] == text
