"""Keys configured by the operator: each action runs by another key, and every clash is reported."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.actions import parse
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Input

from nomad_tui.config.fields import FieldPath
from nomad_tui.session import Session, Status
from nomad_tui.ui.actions import ACTIONS, BY_ID, Context, actions
from nomad_tui.ui.app import NomadTui
from nomad_tui.ui.dashboard import DashboardOptions
from nomad_tui.ui.dialogs.commands import Palette
from nomad_tui.ui.dialogs.letter_menu import Choice, ChoiceMenu, ColumnMenu
from nomad_tui.ui.dialogs.text_page import TextViewer, UnreadableLines, WarningList
from nomad_tui.ui.event.inspected import EventView
from nomad_tui.ui.events.columns import DEFAULT_COLUMNS
from nomad_tui.ui.filter.saved import NameFilter
from nomad_tui.ui.key_names import parse_key, shown_key
from nomad_tui.ui.keymap import OVERLAPPING, KeyMap, read_keys
from nomad_tui.ui.panes import Pane
from tests.dashboard import CONNECTED, KEY_PAUSE, SECONDS, WIDE, Dashboard, ScriptedSource, frames
from tests.keyboard import post_key
from tests.state_folders import folders

MODIFIERS = ("", "alt+", "ctrl+", "alt+ctrl+", "ctrl+shift+", "alt+shift+", "alt+ctrl+shift+", "super+", "alt+super+")
_KEYS = (f"{modifier}f{number}" for modifier in MODIFIERS for number in range(1, 25))
OTHER_KEYS = dict(zip((action.id for action in ACTIONS), _KEYS, strict=False))
"""For each action, a key that is not bound otherwise."""


class Recorder(NomadTui):
    """Records what its keys would run instead of running it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ran: list[str] | None = None

    async def run_action(self, action: Any, default_namespace: DOMNode | None = None, namespaces: Any = None) -> bool:
        if self.ran is None:
            return await super().run_action(action, default_namespace, namespaces)
        self.ran.append(action)
        return True


@asynccontextmanager
async def opened_with(settings: str, tmp_path: Path) -> AsyncIterator[Dashboard]:
    config = folders(tmp_path).config
    config.mkdir(parents=True, exist_ok=True)
    (config / "config.toml").write_text(settings)
    options = DashboardOptions(folders=folders(tmp_path), key_pause=KEY_PAUSE)
    app = Recorder(Session(ScriptedSource(CONNECTED, *frames("tour"))), options)
    async with asyncio.timeout(SECONDS), app.run_test(size=WIDE) as pilot:
        opened = Dashboard(app, pilot)
        await opened.shows(625)
        yield opened


def keys_table(keys: dict[str, str]) -> str:
    return "[keys]\n" + "".join(f'{action} = "{key}"\n' for action, key in keys.items())


async def test_every_key_of_the_table_works_after_it_was_changed(tmp_path: Path) -> None:
    assert len(OTHER_KEYS) == len(ACTIONS)
    async with opened_with(keys_table(OTHER_KEYS), tmp_path) as opened:
        app = opened.app
        assert isinstance(app, Recorder) and app.preferences.mistakes == []
        await opened.press("ctrl+shift+f1")  # not bound
        tried: set[str] = set()

        async def all_of(*contexts: Context, without: Iterable[str] = ()) -> None:
            for action in actions(*contexts):
                if action.id in without:
                    continue
                app.ran = []
                post_key(app, OTHER_KEYS[action.id])
                await opened.until(lambda: bool(app.ran))
                assert parse(app.ran[0]) == parse(action.run), (action.id, OTHER_KEYS[action.id])
                for key in action.keys.split():
                    assert not app.keymap.has(action.id, key)
                tried.add(action.id)
            app.ran = None

        await all_of(Context.APP, Context.MOVE, Context.EVENTS)
        app.dashboard.panes.go_to(Pane.TOPICS)
        await all_of(Context.MOVE, Context.FACETS)
        for view, contexts in (
            (EventView.TREE, (Context.ROWS, Context.SCROLL, Context.TREE)),
            (EventView.CHANGES, (Context.ROWS, Context.SCROLL, Context.CHANGES)),
            (EventView.TIMELINE, (Context.ROWS, Context.SCROLL, Context.TIMELINE)),
            (EventView.RAW, (Context.TEXT,)),
        ):
            app.dashboard.inspecting.go_to_view(view)
            app.dashboard.panes.go_to(Pane.INSPECTOR)
            await opened.pilot.pause()
            await all_of(Context.EVENT, Context.MOVE, *contexts)
        app.dashboard.filter_line.edit()
        await all_of(Context.FILTER)
        app.dashboard.panes.go_to(Pane.EVENTS)
        pages: list[tuple[Screen[Any], tuple[Context, ...]]] = [
            (TextViewer("a", "text"), (Context.PAGE, Context.VIEWER, Context.TEXT)),
            (UnreadableLines(Status()), (Context.PAGE, Context.UNREADABLE)),
            (WarningList(Status()), (Context.PAGE, Context.WARNINGS)),
            (ColumnMenu(DEFAULT_COLUMNS), (Context.OPTIONS, Context.COLUMNS)),
        ]
        for page, of_page in pages:
            await app.push_screen(page)
            await opened.pilot.pause()
            await all_of(*of_page)
            page.dismiss()
            await opened.pilot.pause()
        await opened.press(OTHER_KEYS["app.help"])
        await opened.until(lambda: len(app.screen_stack) == 2)
        await all_of(Context.HELP)
        # A menu handles its keys itself, as the next test shows. In the others the action is a binding of the widget,
        # which tests/ui/test_actions.py checks.
        elsewhere = {
            Context.ATTENTION, Context.CHART, Context.DIALOG, Context.DOCTOR, Context.FIND, Context.LETTERS,
            Context.LOGS, Context.MENU, Context.MISTAKES, Context.NAME_FILTER, Context.OVERVIEW, Context.SINKS,
            Context.WATCH,
        }  # fmt: skip
        assert {action.id for action in ACTIONS} - tried == {each.id for each in actions(*elsewhere)}


def test_a_clash_is_detected_in_every_context() -> None:
    assert {context for contexts in OVERLAPPING for context in contexts} == set(Context)


async def test_a_menu_uses_its_configured_keys(tmp_path: Path) -> None:
    keys = {"menu.down": "ctrl+j", "menu.choose": "ctrl+o", "dialog.leave": "ctrl+g"}
    async with opened_with(keys_table(keys), tmp_path) as opened:
        chosen: list[Choice | None] = []
        menu = [Choice("a", "one", "1"), Choice("b", "two", "2")]
        for pressed in (("down", "enter", "escape", "ctrl+j", "ctrl+o"), ("escape", "ctrl+g")):
            await opened.app.push_screen(ChoiceMenu(menu, "Copy", "Enter copies"), chosen.append)
            await opened.press(*pressed)
            await opened.until(lambda: len(opened.app.screen_stack) == 1)
        assert [each and each.letter for each in chosen] == ["b", None]


async def test_a_key_that_edits_a_line_can_be_given_to_what_closes_it(tmp_path: Path) -> None:
    keys = {"dialog.leave": "ctrl+u", "name_filter.f2": "ctrl+a", "find.close": "ctrl+k"}
    async with opened_with(keys_table(keys), tmp_path) as opened:
        app = opened.app

        async def closes(key: str, *opening: str) -> None:
            for each in opening:
                await opened.press(each)
            await opened.until(lambda: isinstance(app.focused, Input))
            await opened.press("x", key)
            await opened.until(lambda: not isinstance(app.focused, Input))

        for opening in (":", "we", "wan"):
            await closes("ctrl+u", *opening)
        await opened.press("/", "x", "ctrl+s")
        await opened.until(lambda: isinstance(app.screen, NameFilter))
        await opened.press("ctrl+a")
        await opened.appears("▣ F2")
        await opened.press("ctrl+u", "escape", "3")
        await closes("ctrl+k", "/")


OWN = """[keys]
app.follow = ["ctrl+f", "F9"]
app.quit = "none"
app.timeline = "T"
app.redraw = "x"
tree.reveal = "X"
changes.reveal = "X"
"""


async def test_footer_help_and_palette_show_the_configured_keys(tmp_path: Path) -> None:
    async with opened_with(OWN, tmp_path) as opened:
        assert opened.app.preferences.mistakes == []
        footer = opened.screen()[-1]
        assert "Ctrl+F Follow" in footer and "T Timeline" in footer
        assert "Quit" not in footer and "unbound" not in footer
        await opened.press("?", "a")
        await opened.appears("Ctrl+F F9 ")
        assert "Quit, as does" not in opened
        await opened.press("escape", "q", "f", "ctrl+p")
        await opened.until(lambda: isinstance(opened.app.screen, Palette))
        await opened.press(*"timel")
        await opened.appears("Timeline            T")
        await opened.press("escape", "/", "x")
        await opened.until(lambda: opened.dashboard.filter_line.value == "x")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"app": {"folow": "x"}}, "`keys.app.folow` is not an action: write `app.follow`"),
        ({"quit": "x"}, "write `app.quit`"),
        ({"zzz": "x"}, "`nomad-tui keys` lists all of them"),
        ({"app.follow": "crtl+f"}, '"crtl+f", which is not a key'),
        ({"app.follow": "pagup"}, "which is not a key: write one, such as pageup"),
        ({"app.follow": 3}, "is 3: write keys"),
        ({"app.follow": []}, "write keys"),
        ({"app.follow": "ctrl+c"}, "reserved for quitting"),
        ({"page.leave": "none"}, "but this action needs a key"),
        ({"dialog.leave": "x"}, "text is typed there"),
        ({"app.follow": "p"}, "which is also a key of app.pause"),
        ({"app.follow": "x"}, "which is also a key of tree.reveal"),
        ({"move.up": "n"}, "which is also a key of events.next_match"),
        ({"app.follow": "ctrl+x", "app.pause": "ctrl+x"}, "`keys.app.pause` is"),
        ({"filter.stay": "ctrl+i"}, "`keys.filter.stay` is"),
    ],
)
def test_a_mistake_in_the_keys_is_explained_and_the_action_keeps_its_own(table: dict[str, Any], message: str) -> None:
    keymap, [error] = read_keys(table, FieldPath("keys", None))
    assert message in str(error)
    wrong = error.path.removeprefix("keys.")
    assert wrong not in BY_ID or keymap.keys(wrong) == tuple(BY_ID[wrong].keys.split())


def test_swapped_keys_do_not_clash_and_a_refused_key_restores_the_default() -> None:
    keymap, errors = read_keys(
        {"app.follow": "p", "app.pause": "f", "app.filter": "ctrl+f", "tree.find": "ctrl+f"}, FieldPath("keys", None)
    )
    assert errors == [] and keymap.keys("app.pause") == ("f",)
    # Without the clashing key, `app.pause` has its default again, which `app.zoom` then cannot have.
    keymap, errors = read_keys({"app.pause": "q", "app.zoom": "p"}, FieldPath("keys", None))
    assert [error.path for error in errors] == ["keys.app.pause", "keys.app.zoom"] and keymap.changed == {}


def test_keys_can_be_written_as_they_are_shown() -> None:
    keys = {key for action in ACTIONS for key in action.keys.split()}
    assert {key: parse_key(shown_key(key)) for key in keys} == {key: parse_key(key) or key for key in keys}


def test_messages_name_the_configured_key() -> None:
    sentence = "{events.mark} marks an event, {app.quit} quits"
    assert KeyMap({"events.mark": ("ctrl+b",)}).text(sentence) == "Ctrl+B marks an event, q quits"
    assert KeyMap({"app.quit": ()}).text(sentence) == "m marks an event, Quit in the palette quits"
