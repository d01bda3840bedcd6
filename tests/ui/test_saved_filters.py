"""Saved filters, settings and the subscription, as an operator sees them on the screen."""

from pathlib import Path

import pytest
from textual.command import CommandPalette

from nomad_tui.config.connection import Connection
from nomad_tui.config.saved_filters import KEYS, PRESETS, SavedFilters
from nomad_tui.core.filter import Filter
from nomad_tui.core.history.event_row import sentence
from nomad_tui.core.history.history import History
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.search.view import View
from nomad_tui.sources.live import LiveServer
from nomad_tui.ui.filter.saved import NameFilter, hints
from tests.dashboard import CONNECTED, NARROW, SIZES, WIDE, Dashboard, ScriptedSource, dashboard, frames, jobs
from tests.state_folders import folders, kept


async def wait_for_filter(opened: Dashboard, text: str) -> None:
    await opened.until(lambda: opened.dashboard.filter_line.value == text)
    await opened.until(lambda: opened.dashboard.view.filter == Filter.parse(text))
    await opened.caught_up()


def found(recording: str, text: str) -> list[str]:
    """Sentences of a recording's events that match a filter."""
    history = History()
    for each in frames(recording):
        history.append(each, 0)
    view = View(history, Filter.parse(text))
    while view.advance(1.0):
        pass
    return [sentence(history, view.sequence_at(row)).text for row in range(len(view))]


@pytest.mark.parametrize(
    ("name", "number", "words"),
    [
        ("failures", 15, ("failed", "lost", "stop")),
        ("deployments", 43, ("",)),
        ("node trouble", 9, ("ineligible", "down", "drain")),
        ("placements blocked", 2, ("blocked", "not placed")),
        ("out of memory", 6, ("oom-killed",)),
    ],
)
def test_presets_find_what_their_names_say(name: str, number: int, words: tuple[str, ...]) -> None:
    sentences = found("tour", PRESETS[name])
    assert len(sentences) == number
    assert [each for each in sentences if not any(word in each for word in words)] == []


@pytest.mark.parametrize("name", PRESETS)
def test_presets_find_nothing_in_a_healthy_cluster(name: str) -> None:
    assert found("load", PRESETS[name]) == []


async def test_function_keys_apply_and_remove_filters() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await opened.press("f1")
        await wait_for_filter(opened, PRESETS["failures"])
        assert "15 of 625" in opened
        await opened.press("f2")
        await wait_for_filter(opened, PRESETS["deployments"])
        await opened.press("f2")
        await wait_for_filter(opened, "")
        assert len(opened.dashboard.view) == 625
        await opened.press("f8")
        await opened.appears("F8 has no filter")
        await opened.press("slash", "f1")
        await wait_for_filter(opened, PRESETS["failures"])
        assert opened.focus == "filter"


async def test_the_empty_line_shows_the_keys_of_filters() -> None:
    async with dashboard(ScriptedSource(CONNECTED), WIDE) as opened:
        await opened.appears("F1 failures  F2 deployments  F3 node trouble  F4 placements blocked  F5 out of memory")
        assert "mine" not in "".join(hints(opened.dashboard.saved.filters))


async def test_mine_is_the_namespace_of_the_environment(tmp_path: Path) -> None:
    async with kept(ScriptedSource(CONNECTED, *frames("tour")), tmp_path, namespace="prod") as opened:
        await opened.shows(625)
        await opened.press("f6")
        await wait_for_filter(opened, "ns:=prod")


@pytest.mark.parametrize("size", SIZES)
async def test_a_saved_filter_is_available_in_the_next_run(size: tuple[int, int], tmp_path: Path) -> None:
    async with kept(ScriptedSource(CONNECTED, *jobs(range(30))), tmp_path, size) as opened:
        await opened.shows(30)
        await opened.press("slash")
        await opened.type("job:=job-7")
        await opened.press("ctrl+s")
        await opened.until(lambda: isinstance(opened.app.screen, NameFilter))
        await opened.appears("□ F1  failures")
        await opened.appears("□ F8  free")
        await opened.press("f1")
        await opened.appears("▣ F1  this filter")
        await opened.type("my seven")
        await opened.press("enter")
        await opened.until(lambda: not isinstance(opened.app.screen, NameFilter))
        assert opened.focus == "filter"
        await opened.press("escape")
    async with kept(ScriptedSource(CONNECTED, *jobs(range(30))), tmp_path, size) as opened:
        await opened.shows(30)
        await opened.appears("F1 my seven")
        await opened.press("f1")
        await wait_for_filter(opened, "job:=job-7")
        assert len(opened.dashboard.view) == 1
        await opened.press("f2")
        await wait_for_filter(opened, PRESETS["failures"])


async def test_only_a_valid_filter_is_saved_and_escape_saves_nothing(tmp_path: Path) -> None:
    async with kept(ScriptedSource(CONNECTED, *jobs(range(30))), tmp_path) as opened:
        await opened.shows(30)
        await opened.press("slash", "ctrl+s")
        await opened.appears("Type a filter first")
        await opened.type("satus:x")
        await opened.press("ctrl+s")
        assert not isinstance(opened.app.screen, NameFilter)
        opened.dashboard.filter_line.put("good")
        await wait_for_filter(opened, "good")
        await opened.press("ctrl+s")
        await opened.until(lambda: isinstance(opened.app.screen, NameFilter))
        await opened.press("enter")
        assert isinstance(opened.app.screen, NameFilter), "without a name it waits for one"
        await opened.press("escape")
        await opened.until(lambda: not isinstance(opened.app.screen, NameFilter))
        assert not folders(tmp_path).config.exists()


async def test_the_palette_applies_renames_and_deletes(tmp_path: Path) -> None:
    SavedFilters(folders(tmp_path).config).save("[web] trouble", 'job matches "[a-z]"', "F7")
    async with kept(ScriptedSource(CONNECTED, *jobs(range(30))), tmp_path, WIDE) as opened:
        await opened.shows(30)

        async def run(command: str) -> None:
            await opened.press("ctrl+p")
            await opened.until(lambda: isinstance(opened.app.screen, CommandPalette))
            await opened.type(command)
            await opened.appears(command)
            await opened.press("enter")
            await opened.until(lambda: not isinstance(opened.app.screen, CommandPalette))

        await run("Filter: [web] trouble")
        await wait_for_filter(opened, 'job matches "[a-z]"')
        await run("Rename filter: [web] trouble")
        await opened.until(lambda: isinstance(opened.app.screen, NameFilter))
        await opened.press("end", *["backspace"] * 7)
        await opened.type("calm")
        await opened.press("enter")
        await opened.until(lambda: opened.dashboard.saved.filters.named("[web] calm"))
        renamed = opened.dashboard.saved.filters.with_key("F7")
        assert renamed is not None
        assert renamed.name == "[web] calm"
        await run("Delete filter: [web] calm")
        await opened.until(lambda: opened.dashboard.saved.filters.named("[web] calm") is None)
        assert SavedFilters(folders(tmp_path).config).named("[web] calm") is None


async def test_mistakes_in_the_files_are_reported_at_the_start(tmp_path: Path) -> None:
    config = folders(tmp_path).config
    config.mkdir(parents=True)
    (config / "filters.toml").write_text('[filters.bad]\nfilter = "satus:x"\n')
    (config / "config.toml").write_text('[ui]\ncolumns = ["tme"]\n')
    async with kept(ScriptedSource(CONNECTED, *jobs(range(30))), tmp_path, WIDE) as opened:
        await opened.shows(30)
        message = " ".join(opened.notes)
        assert 'filter "bad"' in message
        assert '`ui.columns[0]` is "tme"' in message


async def test_columns_come_from_the_settings_and_can_be_changed_in_the_palette(tmp_path: Path) -> None:
    config = folders(tmp_path).config
    config.mkdir(parents=True)
    (config / "config.toml").write_text('[ui]\ncolumns = ["index", "sentence"]\n')
    async with kept(ScriptedSource(CONNECTED, *jobs(range(30))), tmp_path, WIDE) as opened:
        await opened.shows(30)
        assert [str(column) for column in opened.events.columns] == ["index", "sentence"]
        opened.dashboard.action_columns()
        await opened.appears("Space show or hide")
        await opened.press("space", "enter")
        await opened.until(lambda: [str(column) for column in opened.events.columns] == ["sentence"])


def test_every_key_is_bound_once() -> None:
    assert len(set(KEYS)) == 8


class Watched(LiveServer):
    """A live server that is only asked to watch other topics."""

    def __init__(self) -> None:
        super().__init__(Connection())
        self.asked: list[frozenset[str] | None] = []

    def watch(self, topics: frozenset[str] | None) -> None:
        self.asked.append(topics)


async def test_hidden_topics_narrow_the_subscription() -> None:
    source = Watched()
    async with dashboard(source, NARROW) as opened:
        await opened.press("1")
        await opened.until(lambda: opened.dashboard.topics.rows)
        await opened.press("j", "space", "space", "n")
        await opened.until(lambda: len(source.asked) == 3)
        every = frozenset(KINDS)
        assert source.asked == [every - {"Allocation"}, None, frozenset()]
