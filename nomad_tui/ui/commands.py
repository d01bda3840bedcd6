"""The keys of the whole dashboard, and its commands in the palette."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from nomad_tui.personal.saved_filters import KEYS

if TYPE_CHECKING:
    from nomad_tui.ui.app import NomadTui

DASHBOARD_KEYS: Final[list[BindingType]] = [
    # These have priority, so that keys typed ahead of a slow connection find the pane they are meant for.
    Binding(
        "slash",
        "filter",
        "Filter",
        id="app.filter",
        key_display="/",
        tooltip="Type what to show",
        priority=True,
    ),
    Binding("f", "follow", "Follow", id="app.follow", tooltip="Keep the newest event in view, or stop"),
    Binding("p", "pause", "Pause", id="app.pause", tooltip="Freeze the picture; events go on being read"),
    Binding("d", "changes", "Changes", id="app.changes", tooltip="What changed since the object's event before"),
    Binding("t", "timeline", "Timeline", id="app.trace", tooltip="All that belongs together with this event, in time"),
    Binding("R", "raw", "Raw", id="app.raw", show=False, tooltip="The payload as it came"),
    Binding(
        "y", "copy", "Copy", id="app.copy", tooltip="Copy the value, the event, or a command for it", priority=True
    ),
    Binding(
        "D", "compare", "Compare", id="app.compare", show=False, tooltip="Compare with a marked event", priority=True
    ),
    Binding("e", "open_outside", "Pager", id="app.pager", show=False, tooltip="Open the event in $PAGER"),
    Binding("w", "write_file", "Write", id="app.write", show=False, tooltip="Write the event to a file", priority=True),
    Binding("z", "zoom", "Zoom", id="app.zoom", tooltip="Give the focused pane the whole screen, or take it back"),
    Binding("1", "pane('topics')", "Facets", id="app.topics", show=False, tooltip="Go to the facets", priority=True),
    Binding("2", "pane('events')", "Events", id="app.events", show=False, tooltip="Go to the events", priority=True),
    Binding(
        "3",
        "pane('inspector')",
        "Event",
        id="app.payload",
        show=False,
        tooltip="Go to the event",
        priority=True,
    ),
    Binding(
        "at",
        "where",
        "Switch",
        id="app.where",
        key_display="@",
        show=False,
        tooltip="Choose profile, region and namespace",
        priority=True,
    ),
    Binding("r", "retry", "Retry now", id="app.retry", show=False, tooltip="Reconnect now"),
    Binding("W", "warnings", "Warnings", id="app.warnings", show=False, tooltip="What is not as it should be, in full"),
    Binding("u", "unreadable", "Unreadable", id="app.unreadable", show=False, tooltip="Lines that were no events"),
    Binding(
        "c",
        "doctor",
        "Doctor",
        id="app.doctor",
        show=False,
        tooltip="Examine the connection, the permissions and the buffer",
        priority=True,
    ),
    Binding(
        "s",
        "sinks",
        "Sinks",
        id="app.sinks",
        show=False,
        tooltip="Every sink and how it does; test, pause",
        priority=True,
    ),
    Binding(
        "S",
        "send_to",
        "Send to",
        id="app.send_to",
        show=False,
        tooltip="Send the event to a sink by hand",
        priority=True,
    ),
    Binding(
        "escape",
        "escape",
        "Back",
        id="app.escape",
        show=False,
        tooltip="Back: dialog, search, page, jump, zoom, pane, filter, selection",
    ),
    *(
        Binding(
            key.lower(),
            f"saved('{key}')",
            "Saved filter",
            id=f"app.{key.lower()}",
            show=False,
            tooltip=f"Apply the filter saved under {key}, or clear it",
        )
        for key in KEYS
    ),
    Binding(
        "ctrl+l",
        "redraw",
        "Redraw",
        id="app.redraw",
        key_display="^l",
        show=False,
        tooltip="Draw the whole screen again",
        priority=True,
    ),
    Binding(
        "ctrl+z",
        "suspend_process",
        "Suspend",
        id="app.suspend",
        key_display="^z",
        show=False,
        tooltip="Go to the shell; fg comes back",
        priority=True,
    ),
    Binding("ctrl+p", "command_palette", "Palette", id="app.palette", key_display="^p", tooltip="All commands"),
    Binding(
        "question_mark", "help", "Help", id="app.help", key_display="?", tooltip="All keys, in groups; / searches them"
    ),
    Binding("q", "quit", "Quit", id="app.quit", tooltip="Quit"),
]


@dataclass(frozen=True, slots=True)
class Command:
    """One line of the palette."""

    title: str
    help: str
    run: Callable[[], object]
    action: str = ""
    """The action whose key does the same; empty where none does."""
    synonyms: str = ""
    """Other words by which it is found."""

    @property
    def key(self) -> str:
        return _KEYS_BY_ACTION.get(self.action, "")


_KEYS_BY_ACTION: Final = {
    "highlight": "H",
    "fold": "F",
    "go_to": ":",
    "save_filter": "ctrl+s in the filter",
    **{
        binding.action: binding.key_display or binding.key for binding in DASHBOARD_KEYS if isinstance(binding, Binding)
    },
}


def dashboard_commands(app: "NomadTui") -> Iterable[Command]:
    """What the palette offers beside the saved filters."""
    yield Command("Filter", "Type what an event must have to be shown", app.action_filter, "filter", "search grep")
    yield Command("Save filter", "Keep the filter under a name and a key", app.action_save_filter, "save_filter")
    yield Command("Columns", "Choose and order the columns of the list", app.action_columns, synonyms="fields layout")
    yield Command("Highlight", "Toggle: dim non-matching events", app.action_highlight, "highlight", "context around")
    yield Command("Fold repeats", "Toggle: one row for repeats of a sentence", app.action_fold, "fold", "group dedupe")
    yield Command("Go to", "Go to an index, a time or a gap", app.event_list.action_go_to, "go_to", "jump seek")
    yield Command("Tree", "The payload as a tree", app.action_tree, synonyms="payload json fields")
    yield Command("Changes", "What changed since the object's previous event", app.action_changes, "changes", "diff")
    yield Command("Timeline", "All related events, in time", app.action_timeline, "timeline", "trace history related")
    yield Command("Raw", "The payload as the server sent it", app.action_raw, "raw", "json text")
    yield Command("Compare", "Compare this event with a marked one", app.action_compare, "compare", "diff")
    yield Command(
        "Copy", "Copy the value, the event, or a command for it", app.action_copy, "copy", "yank clipboard curl"
    )
    yield Command("Open in pager", "Open the event in $PAGER", app.action_open_outside, "open_outside", "less view")
    in_editor = partial(app.action_open_outside, editor=True)
    yield Command("Open in editor", "Open the event in $EDITOR", in_editor, synonyms="vim edit")
    yield Command("Write to a file", "Write the event to a file", app.action_write_file, "write_file", "export save")
    yield Command(
        "Picture", "Save the screen as SVG in this folder", app.action_picture, synonyms="screenshot export web"
    )
    yield Command("Follow", "Toggle: keep the newest event in view", app.action_follow, "follow", "tail newest")
    yield Command("Pause", "Freeze the display; events are still read", app.action_pause, "pause", "resume stop freeze")
    yield Command("Zoom", "Toggle: the focused pane alone", app.action_zoom, "zoom", "maximize fullscreen")
    yield Command("All topics", "Show every topic", app.topics.show_all_topics, synonyms="facets")
    yield Command("No topics", "Hide every topic", app.topics.action_none, synonyms="facets")
    yield Command("Retry now", "Reconnect now, from the newest event", app.action_retry, "retry", "reconnect connect")
    yield Command("Warnings", "Warnings and fixes", app.action_warnings, "warnings", "problems errors")
    yield Command("Switch cluster", "Choose profile, region and namespace", app.action_where, "where", "server context")
    yield Command("Doctor", "Check the connection, token and stream", app.action_doctor, "doctor", "diagnose health")
    yield Command("Sinks", "All sinks: test, pause, dead letters", app.action_sinks, "sinks", "webhook nats export web")
    yield Command("Send event to", "Send this event to a sink", app.action_send_to, "send_to", "webhook export web")
    yield Command("Redraw", "Draw the whole screen again", app.action_redraw, "redraw", "refresh repaint")
    yield Command("Unreadable lines", "Lines that are not events", app.action_unreadable, "unreadable", "errors")
    yield Command("Theme", "Choose the colours", app.action_change_theme, synonyms="colors dark light")
    yield Command("Help", "All keys", app.action_help, "help", "keys shortcuts manual")
    yield Command("Quit", "Leave the program", app.action_quit, "quit", "exit close :q")


class Commands(Provider):
    """The palette's commands with their keys, found by synonyms too."""

    async def discover(self) -> Hits:
        for command in sorted(dashboard_commands(cast("NomadTui", self.app)), key=lambda each: each.title):
            yield DiscoveryHit(_line(command), command.run, command.title, command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in dashboard_commands(cast("NomadTui", self.app)):
            typed = query.strip().lower()
            is_synonym = any(word.startswith(typed) for word in command.synonyms.split())
            score = max(matcher.match(command.title), 0.9 if typed and is_synonym else 0.0)
            if score > 0:
                yield Hit(score, _line(command), command.run, command.title, command.help)


def _line(command: Command) -> Content:
    return Content.assemble(f"{command.title:<{_TITLE_WIDTH}}", (command.key, "$accent"))


_TITLE_WIDTH: Final = 20


class Palette(CommandPalette):
    """Textual 8.2.8 ends the program over a second Enter that comes before the palette has closed."""

    def dismiss(self, result: None = None) -> AwaitComplete:
        if self.is_current:
            return super().dismiss(result)
        nothing: AwaitComplete = AwaitComplete.nothing()  # type: ignore[no-untyped-call]
        return nothing
