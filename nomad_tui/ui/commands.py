"""The keys of the whole dashboard, and its commands in the palette."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.app import SystemCommand
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.command import CommandPalette

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
    Binding("t", "timeline", "Trace", id="app.trace", tooltip="All that belongs together with this event, in time"),
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
    Binding("1", "pane('topics')", "Topics", id="app.topics", show=False, tooltip="Go to the topics", priority=True),
    Binding("2", "pane('events')", "Events", id="app.events", show=False, tooltip="Go to the events", priority=True),
    Binding(
        "3",
        "pane('inspector')",
        "Payload",
        id="app.payload",
        show=False,
        tooltip="Go to the payload",
        priority=True,
    ),
    Binding(
        "at",
        "where",
        "Where am I",
        id="app.where",
        key_display="@",
        show=False,
        tooltip="Choose profile, region and namespace",
        priority=True,
    ),
    Binding("r", "retry", "Retry now", id="app.retry", show=False, tooltip="Connect again now"),
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
    Binding("escape", "escape", "Back", id="app.escape", show=False, tooltip="Leave zoom; select nothing"),
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
    Binding("question_mark", "help", "Help", id="app.help", key_display="?", tooltip="All keys, page by page"),
    Binding("q", "quit", "Quit", id="app.quit", tooltip="Quit"),
]


def dashboard_commands(app: "NomadTui") -> Iterable[SystemCommand]:
    """What the palette offers beside Textual's own commands and the saved filters."""
    yield SystemCommand("Filter", "Type what an event must have to be shown", app.action_filter)
    yield SystemCommand("Save filter", "Keep the filter under a name and a key", app.action_save_filter)
    yield SystemCommand("Columns", "Choose and order the columns of the list", app.action_columns)
    yield SystemCommand("Highlight", "Show what does not match too, or hide it", app.action_highlight)
    yield SystemCommand("Fold repeats", "Show repeats of one sentence as one row, or all", app.action_fold)
    yield SystemCommand("Go to", "Go to an index or a time", app.event_list.action_go_to)
    yield SystemCommand("Changes", "What changed since the object's event before", app.action_changes)
    yield SystemCommand("Trace", "All that belongs together with this event, in time", app.action_timeline)
    yield SystemCommand("Raw", "The payload as it came", app.action_raw)
    yield SystemCommand("Compare", "Compare this event with a marked one", app.action_compare)
    yield SystemCommand("Copy", "Copy the value, the event, or a command for it", app.action_copy)
    yield SystemCommand("Open in pager", "Look at the event in $PAGER", app.action_open_outside)
    yield SystemCommand("Open in editor", "Look at the event in $EDITOR", partial(app.action_open_outside, editor=True))
    yield SystemCommand("Write to a file", "Write the event to a file", app.action_write_file)
    yield SystemCommand("Picture", "Save a picture of the screen, as SVG, in this folder", app.action_picture)
    yield SystemCommand("Follow", "Keep the newest event in view, or stop", app.action_follow)
    yield SystemCommand("Pause", "Freeze the picture, or go on; events are read all the same", app.action_pause)
    yield SystemCommand("Zoom", "Give the focused pane the whole screen, or take it back", app.action_zoom)
    yield SystemCommand("All topics", "Show every topic", app.topics.show_all_topics)
    yield SystemCommand("No topics", "Hide every topic", app.topics.action_none)
    yield SystemCommand("Retry now", "Connect again now, from the newest event", app.action_retry)
    yield SystemCommand("Warnings", "What is not as it should be, and what mends it", app.action_warnings)
    yield SystemCommand("Where am I", "Choose another profile, region or namespace", app.action_where)
    yield SystemCommand("Doctor", "Examine the connection, the permissions and the buffer", app.action_doctor)
    yield SystemCommand("Sinks", "Every sink and how it does; test, pause, dead letters", app.action_sinks)
    yield SystemCommand("Send event to", "Send this event to a sink, by hand", app.action_send_to)
    yield SystemCommand("Redraw", "Draw the whole screen again", app.action_redraw)
    yield SystemCommand("Unreadable lines", "Look at what came and was no event", app.action_unreadable)


class Palette(CommandPalette):
    """Textual 8.2.8 ends the program over a second Enter that comes before the palette has closed."""

    def dismiss(self, result: None = None) -> AwaitComplete:
        if self.is_current:
            return super().dismiss(result)
        nothing: AwaitComplete = AwaitComplete.nothing()  # type: ignore[no-untyped-call]
        return nothing
