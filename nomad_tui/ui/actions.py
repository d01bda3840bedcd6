"""Declares every action of a key or the palette, once.

Bindings, footer, help, palette and the manual's table of keys are generated from it. An action's `id` is stable: the
configuration uses it to set other keys.
"""

from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from typing import Final

import msgspec
from textual.binding import Binding, BindingType


class Context(StrEnum):
    """Where an action applies: the first part of its ID."""

    APP = "app"
    MOVE = "move"
    EVENTS = "events"
    FACETS = "facets"
    EVENT = "event"
    ROWS = "rows"
    SCROLL = "scroll"
    TREE = "tree"
    CHANGES = "changes"
    TIMELINE = "timeline"
    TEXT = "text"
    FIND = "find"
    FILTER = "filter"
    DIALOG = "dialog"
    MENU = "menu"
    PAGE = "page"
    COLUMNS = "columns"
    OPTIONS = "options"
    NAME_FILTER = "name_filter"
    VIEWER = "viewer"
    HELP = "help"
    UNREADABLE = "unreadable"
    WARNINGS = "warnings"
    DOCTOR = "doctor"
    OVERVIEW = "overview"
    CHART = "chart"
    ATTENTION = "attention"
    SINKS = "sinks"
    LETTERS = "letters"
    MISTAKES = "mistakes"
    LOGS = "logs"
    WATCH = "watch"


TITLES: Final = {
    Context.APP: "Dashboard",
    Context.MOVE: "Every list",
    Context.EVENTS: "Events",
    Context.FACETS: "Facets",
    Context.EVENT: "Event",
    Context.ROWS: "Event: Tree, Changes, Timeline",
    Context.SCROLL: "Long rows",
    Context.TREE: "Event: Tree",
    Context.CHANGES: "Event: Changes",
    Context.TIMELINE: "Event: Timeline",
    Context.TEXT: "Event: Raw",
    Context.FILTER: "Filter",
    Context.DOCTOR: "Doctor",
    Context.OVERVIEW: "Overview",
    Context.CHART: "Overview: Activity",
    Context.ATTENTION: "Overview: Needs attention",
    Context.SINKS: "Sinks",
    Context.LETTERS: "Dead letters",
    Context.MISTAKES: "Mistakes in a definition",
    Context.LOGS: "Logs",
    Context.WATCH: "Watch rules",
}
"""Titles of the contexts in the help."""


class Action(msgspec.Struct, frozen=True):
    id: str
    keys: str
    """Separated by spaces, as typed or by Textual's name (`escape`, `ctrl+l`); empty for the palette only."""
    run: str
    """The Textual action of the context's widget."""
    title: str
    """Title in the footer and the palette."""
    help: str = ""
    """A sentence without a full stop. Neighbors with the same sentence share a line of the help."""
    footer: bool = False
    palette: str | None = None
    """Synonyms by which the palette finds it; None if it is not in the palette."""

    @property
    def context(self) -> Context:
        return Context(self.id.partition(".")[0])


_ROW, _PAGE, _HALF, _ENDS = "Move by a row", "Move by a page", "Move by half a page", "Go to the first or the last row"
_FOLD, _ALL = "Fold or unfold; else go to the parent or the first child", "Unfold or fold everything"
_SHIFT, _FIND = "Scroll sideways along long values", "Go to the next or the previous match"
_ONLY = "Filter: only this value, or not this value"
_PANE, _EDGE = "Go to Facets, Events or Event", "Move the edge of the focused pane"
_NARROW = "Filter: only, or not, this object, job, node or namespace"
_MARK, _SECTION = "Go to the next or the previous mark", "Go to the next or the previous section"
_STEP = "Show the event above or below, without leaving the pane"
_SIBLINGS = "Fold or unfold the row and its siblings"
_STEP_TROUBLE = "Go to the next or the previous object that needs attention"
_EARLIER = "Go through earlier filters, or the list of suggestions"
_SAVED = "Apply the filter saved under that key, or clear it"

ACTIONS: Final = (
    Action("app.filter", "/", "filter", "Filter", "Type what to show", True, "search grep query"),
    Action(
        "app.overview", "0", "overview", "Overview", "Show what needs attention, jobs, nodes and activity", True,
        "needs attention pulse health problems cluster",
    ),
    Action(
        "app.overview_as_of", "O", "overview_as_of", "Overview as of the event",
        "Show the overview as of the selected event", palette="state past cluster",
    ),
    Action("app.follow", "f", "follow", "Follow", "Toggle: keep the newest event in view", True, "tail newest"),
    Action("app.tree", "", "view('tree')", "Tree", "Show the payload as a tree", palette="payload json fields"),
    Action(
        "app.changes", "d", "view('changes')", "Changes", "Show what changed since the object's previous event",
        True, "diff",
    ),
    Action(
        "app.timeline", "t", "view('timeline')", "Timeline", "Show all related events in order of time",
        True, "trace history related why cause",
    ),
    Action(
        "app.pause", "p", "pause", "Pause", "Toggle: freeze the display; events are still read", True, "resume stop"
    ),
    Action("app.raw", "R", "view('raw')", "Raw", "Show the payload as the server sent it", palette="json text payload"),
    Action("app.compare", "D", "compare", "Compare", "Compare with a marked event", palette="diff"),
    Action(
        "app.copy", "y", "copy", "Copy", "Copy the value, the event, its IDs or a command for it", True,
        "yank clipboard curl id ids uuid",
    ),
    Action(
        "app.web_link", "", "copy_web_link", "Copy web UI link", "Copy the address of the object in Nomad's web UI",
        palette="web link url browser",
    ),
    Action("app.pager", "e", "open_outside", "Open in pager", "Open the event in $PAGER", palette="less view"),
    Action("app.editor", "", "open_outside(True)", "Open in editor", "Open the event in $EDITOR", palette="vim edit"),
    Action(
        "app.save", "w", "save", "Save", "Save the event, the marked or matching ones, or all", False,
        "export write csv",
    ),
    Action(
        "app.browse", "B", "browse", "Open in browser",
        "Open the object's page in Nomad's web UI; over SSH, copy its link", False, "web url link",
    ),
    Action(
        "app.record", "ctrl+r", "record", "Record", "Toggle: record the stream to a file", False, "capture"
    ),
    Action(
        "app.picture", "", "picture", "Picture", "Save the screen as SVG in this folder",
        palette="screenshot export web image svg",
    ),
    Action("app.zoom", "z", "zoom", "Zoom", "Toggle: the focused pane alone", True, "maximize fullscreen"),
    Action("app.edge_right", "ctrl+right", "move_edge(1)", "Move edge right", _EDGE, palette="width wider"),
    Action(
        "app.edge_left", "ctrl+left", "move_edge(-1)", "Move edge left", _EDGE, palette="width narrower",
    ),
    Action("app.facets", "1", "pane('topics')", "Facets", _PANE, palette="topics pane"),
    Action("app.events", "2", "pane('events')", "Events", _PANE, palette="list pane"),
    Action("app.event", "3", "pane('inspector')", "Event", _PANE, palette="payload inspector pane"),
    Action(
        "app.switch", "@", "where", "Switch cluster", "Choose profile, region and namespace",
        palette="server context",
    ),
    Action("app.retry", "r", "retry", "Retry now", "Reconnect now, from the newest event", palette="reconnect connect"),
    Action("app.warnings", "W", "warnings", "Warnings", "Show warnings and fixes", palette="problems errors"),
    Action("app.unreadable", "u", "unreadable", "Unreadable lines", "Show unreadable lines", palette="errors"),
    Action(
        "app.doctor", "c", "doctor", "Doctor", "Check the connection, token and event stream",
        palette="diagnose health connection",
    ),
    Action(
        "app.sinks", "s", "sinks", "Sinks", "List all sinks: make, edit, test, preview, pause, dead letters",
        palette="webhook nats export web",
    ),
    Action(
        "app.send_to", "S", "send_to", "Send event to", "Send the event to a sink", palette="webhook export web",
    ),
    Action(
        "app.logs", "L", "logs", "Logs", "Show the logs of the allocation's tasks",
        palette="stdout stderr output tail",
    ),
    Action(
        "app.watch", "A", "watch", "Watch rules", "List watch rules: add, switch, snooze, go to events",
        palette="alert notify bell alarm rule",
    ),
    Action("app.columns", "", "columns", "Columns", "Choose and order the columns of Events", palette="fields layout"),
    Action("app.theme", "", "app.change_theme", "Theme", "Choose the colors", palette="colours dark light"),
    *(
        Action(f"app.{key}", key, f"saved('{key.upper()}')", "Saved filter", _SAVED)
        for key in ("f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8")
    ),
    Action(
        "app.escape", "escape", "escape", "Back",
        "Back, one step at a time: dialog, find, page, jump, zoom, pane, filter, selection",
    ),
    Action("app.redraw", "ctrl+l", "app.redraw", "Redraw", "Redraw the screen", palette="refresh repaint"),
    Action(
        "app.suspend", "ctrl+z", "app.suspend_process", "Suspend", "Suspend to the shell; fg continues",
        palette="shell background",
    ),
    Action("app.palette", "ctrl+p", "app.command_palette", "Palette", "Search and run any command", True),
    Action("app.help", "?", "app.help", "Help", "Show the keys and the manual", True, "keys shortcuts manual"),
    Action("app.quit", "q", "app.quit", "Quit", "Quit, as does :q", True, "exit close :q"),
    # Every list and text
    Action("move.up", "up k", "move(-1)", "Up", _ROW),
    Action("move.down", "down j", "move(1)", "Down", _ROW),
    Action("move.page_up", "pageup", "move_pages(-1.0)", "Page up", _PAGE),
    Action("move.page_down", "pagedown", "move_pages(1.0)", "Page down", _PAGE),
    Action("move.half_up", "ctrl+u", "move_pages(-0.5)", "Half page up", _HALF),
    Action("move.half_down", "ctrl+d", "move_pages(0.5)", "Half page down", _HALF),
    Action("move.first", "g home", "first", "First", _ENDS),
    Action("move.last", "G end", "last", "Last", _ENDS),
    # Events
    Action("events.inspect", "enter l right", "inspect", "Event", "Go to Event"),
    Action("events.facets", "h left", "screen.pane('topics')", "Facets", "Go to Facets"),
    Action("events.mark", "m", "mark", "Mark", "Mark the event (★), or remove the mark", palette="bookmark"),
    Action("events.next_mark", "'", "to_mark(1)", "Next mark", _MARK),
    Action("events.previous_mark", '"', "to_mark(-1)", "Previous mark", _MARK),
    Action(
        "events.go_to", ":", "go_to", "Go to",
        "Go to an index, a time, an age or the next gap; :job web and :node edge-1 filter",
        palette="jump seek gap missed",
    ),
    Action("events.next_match", "n", "match(1)", "Next match", _FIND),
    Action("events.previous_match", "N", "match(-1)", "Previous match", _FIND),
    Action(
        "events.highlight", "H", "screen.highlight", "Highlight", "Toggle: dim non-matching events", palette="context",
    ),
    Action(
        "events.only", "+", "screen.narrow(True)", "Only", _NARROW,
        palette="filter",
    ),
    Action(
        "events.not", "-", "screen.narrow(False)", "Not", _NARROW,
        palette="filter exclude",
    ),
    Action(
        "events.fold", "F", "screen.fold", "Fold", "Cycle folding: repeated events, runs of routine events, none",
        palette="group dedupe repeats routine",
    ),
    Action(
        "events.level", "!", "screen.level", "Minimum level",
        "Cycle the minimum level: change, warning, failure, all", palette="severity warning failure",
    ),
    # Facets
    Action("facets.tick", "space enter", "tick", "Tick", "Tick or untick; fold or unfold a section", True),
    Action("facets.add_only", "+", "narrow(True)", "Only", _ONLY, True),
    Action("facets.add_not", "-", "narrow(False)", "Not", _ONLY, True),
    Action("facets.only", "o", "only", "Only this", "Tick only this value of the section"),
    Action("facets.all", "a", "all", "All", "Untick the section; for topics, show all", True),
    Action("facets.none", "n", "none", "No topics", "Hide every topic", palette="facets hide"),
    Action("facets.all_topics", "", "all_topics", "All topics", "Show every topic", palette="facets"),
    Action("facets.next_section", "J ]", "section(1)", "Next section", _SECTION),
    Action("facets.previous_section", "K [", "section(-1)", "Previous section", _SECTION),
    Action("facets.events", "l right", "leave", "Events", "Go to Events"),
    # Event
    Action("event.previous", "[", "step(-1)", "Previous event", _STEP),
    Action("event.next", "]", "step(1)", "Next event", _STEP),
    Action("rows.fold", "left h", "fold_or_parent", "Fold", _FOLD),
    Action("rows.unfold", "right l", "unfold_or_child", "Unfold", _FOLD),
    Action("rows.unfold_all", "E", "unfold_all", "Unfold all", _ALL, True),
    Action("rows.fold_all", "C", "fold_all", "Fold all", _ALL, True),
    Action("scroll.left", "< shift+left", "shift(-1)", "Scroll left", _SHIFT),
    Action("scroll.right", "> shift+right", "shift(1)", "Scroll right", _SHIFT),
    Action("tree.open", "enter space", "open", "Open", "Fold, unfold or decode the row; open a long text", True),
    Action("tree.view_text", "v", "view_text", "View text", "Open the text of the row in a window"),
    Action("tree.fold_siblings", "(", "fold_siblings(False)", "Fold siblings", _SIBLINGS),
    Action("tree.unfold_siblings", ")", "fold_siblings(True)", "Unfold siblings", _SIBLINGS),
    Action("tree.fold_level", "{", "fold_level", "Fold level", "Fold or unfold one level everywhere"),
    Action("tree.unfold_level", "}", "unfold_level", "Unfold level", "Fold or unfold one level everywhere"),
    Action("tree.unfold_beneath", "*", "unfold_beneath", "Unfold subtree", "Unfold everything under the row"),
    Action("tree.order", "o", "order", "Order", "Toggle: keys sorted, or in the order of Nomad's documentation", True),
    Action("tree.utc", "U", "utc", "UTC", "Toggle: times in UTC or local time"),
    Action("tree.reveal", "x", "reveal", "Reveal", "Show the secret under the cursor until the cursor moves", True),
    Action("tree.next_change", ".", "change(1)", "Next change", "Go to the next or the previous change"),
    Action("tree.previous_change", ",", "change(-1)", "Previous change", "Go to the next or the previous change"),
    Action("tree.find", "/", "find", "Find", "Find a text or a /regular expression/ in keys and values"),
    Action("tree.find_next", "n", "find_next(1)", "Next match", _FIND),
    Action("tree.find_previous", "N", "find_next(-1)", "Previous match", _FIND),
    Action("tree.add_only", "+", "narrow(True)", "Only", _ONLY, True),
    Action("tree.add_not", "-", "narrow(False)", "Not", _ONLY, True),
    Action("changes.toggle", "enter space", "toggle_fold", "Fold", "Fold or unfold the row", True),
    Action(
        "changes.bookkeeping", "b", "toggle_noise", "Bookkeeping",
        "Toggle: fields that change with every write, such as ModifyIndex", True,
    ),
    Action("changes.reveal", "x", "reveal", "Reveal", "Show the secret under the cursor until the cursor moves", True),
    Action("timeline.toggle", "space", "toggle_fold", "Fold", "Fold or unfold the row", True),
    Action("timeline.jump", "enter", "jump", "Go to event", "Go to the event of the row; Esc returns", True),
    Action("text.page_down", "space", "move_pages(1.0)", "Page down", _PAGE),
    Action("text.find", "/", "find", "Find", "Find a text or a /regular expression/", True),
    Action("text.find_next", "n", "find_next(1)", "Next match", _FIND),
    Action("text.find_previous", "N", "find_next(-1)", "Previous match", _FIND),
    Action("text.line_numbers", "#", "line_numbers", "Line numbers", "Toggle: line numbers", True),
    Action("find.close", "escape", "close_find", "Close", "Close the search"),
    # Filter
    Action("filter.take", "tab", "take", "Complete", "Insert the suggestion"),
    Action("filter.propose", "ctrl+space ctrl+@", "propose", "Suggest", "List suggestions"),
    Action("filter.earlier", "up", "earlier", "Earlier", _EARLIER, True),
    Action("filter.later", "down", "later", "Later", _EARLIER),
    Action("filter.save", "ctrl+s", "save", "Save filter", "Save the filter under a name and a key", True, "keep"),
    Action("filter.clear", "escape", "clear_filter", "Clear", "Close the list, or clear the filter", True),
    Action("filter.stay", "shift+tab", "nothing", "Stay"),
    # Dialogs and pages
    Action("dialog.leave", "escape", "leave", "Cancel", "Close without changes"),
    Action("menu.up", "up", "move(-1)", "Up", _ROW),
    Action("menu.down", "down", "move(1)", "Down", _ROW),
    Action("menu.choose", "enter", "choose", "Choose", "Choose the line"),
    Action("page.leave", "escape q", "leave", "Close", "Close the page"),
    Action("page.help", "?", "app.help", "Help", "Show the keys and the manual of the page"),
    Action("columns.tick", "space", "tick", "Tick", "Show or hide the column"),
    Action("columns.left", "K shift+up", "shift(-1)", "Left", "Move the column to the left or right"),
    Action("columns.right", "J shift+down", "shift(1)", "Right", "Move the column to the left or right"),
    Action("options.up", "k", "move(-1)", "Up", _ROW),
    Action("options.down", "j", "move(1)", "Down", _ROW),
    *(
        Action(f"name_filter.{key}", key, f"key('{key.upper()}')", f"Key {key.upper()}", "Choose the key")
        for key in ("f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8")
    ),
    Action("viewer.copy", "y", "copy", "Copy", "Copy the text"),
    Action("help.leave", "escape q ?", "leave", "Close", "Close the page"),
    Action("help.next_link", "tab", "step_link(1)", "Next link", "Go to the next or the previous link"),
    Action("help.previous_link", "shift+tab", "step_link(-1)", "Previous link", "Go to the next or the previous link"),
    Action("help.follow", "enter", "follow", "Follow", "Follow the link"),
    Action("help.back", "backspace", "back", "Back", "Go back to where the link was followed"),
    Action("help.next_page", "]", "step_page(1)", "Next page", "Go to the next or the previous page"),
    Action("help.previous_page", "[", "step_page(-1)", "Previous page", "Go to the next or the previous page"),
    Action("help.keys", "a", "keys", "All keys", "Show all keys"),
    Action("help.manual", "m", "manual", "Contents", "Show the contents of the manual"),
    Action("unreadable.leave", "u enter", "leave", "Close", "Close the page"),
    Action("warnings.leave", "W enter", "leave", "Close", "Close the page"),
    Action("doctor.leave", "c", "leave", "Close", "Close the page"),
    Action("doctor.again", "r", "again", "Check again", "Check everything again"),
    Action("doctor.copy", "y", "copy", "Copy", "Copy the page as text"),
    Action("doctor.copy_policy", "p", "copy_policy", "Copy policy", "Copy the proposed policy"),
    Action("overview.leave", "0 O", "leave", "Close", "Close the page"),
    Action("overview.next", "n", "step(1)", "Next", _STEP_TROUBLE),
    Action("overview.previous", "N", "step(-1)", "Previous", _STEP_TROUBLE),
    Action("overview.only", "+", "only", "Only", "Filter: only the selected job, group or node"),
    Action("overview.zoom", "z", "zoom_time", "Zoom", "Cycle the time shown: all, 1 hour, 15 minutes"),
    Action("overview.other", "tab shift+tab", "other", "Other", "Go to Activity, or back to the list"),
    Action("overview.tables_up", "[", "scroll_tables(-1)", "Tables up", "Scroll jobs, nodes and rates"),
    Action("overview.tables_down", "]", "scroll_tables(1)", "Tables down", "Scroll jobs, nodes and rates"),
    Action("chart.left", "left h", "step(-1)", "Left", "Move the cursor along the time"),
    Action("chart.right", "right l", "step(1)", "Right", "Move the cursor along the time"),
    Action("chart.first", "g home", "first", "First", _ENDS),
    Action("chart.last", "G end", "last", "Last", _ENDS),
    Action("chart.mark", "space v", "mark", "Mark", "Begin or end a range"),
    Action("chart.take", "enter", "take", "Filter", "Filter by the time under the cursor, or the range"),
    Action("attention.open", "enter", "open", "Timeline", "Open the object's timeline"),
    Action("sinks.test", "enter t", "test", "Test", "Send the sink a marked test event"),
    Action("sinks.pause", "p space", "pause", "Pause", "Pause or resume the sink"),
    Action("sinks.preview", "v", "preview", "Preview", "Show what the sink would send for the newest events"),
    Action("sinks.new", "n", "new", "New", "Make a sink by answering a few questions"),
    Action("sinks.edit", "e", "edit", "Edit", "Edit the sink's definition in $EDITOR"),
    Action("sinks.letters", "l", "letters", "Dead letters", "List the sink's dead letters"),
    Action("sinks.copy", "y", "copy", "Copy", "Copy the sink's last error"),
    Action("sinks.leave", "s", "leave", "Close", "Close the page"),
    Action("mistakes.again", "enter e", "again", "Edit again", "Edit the definition again"),
    Action("letters.open", "enter", "ask('open')", "Open", "Show the event"),
    Action("letters.resend", "r", "ask('one')", "Resend", "Resend this one"),
    Action("letters.resend_all", "R", "ask('all')", "Resend all", "Resend all, in order"),
    Action("letters.copy", "y", "ask('copy')", "Copy", "Copy why it was refused"),
    Action("letters.leave", "l", "screen.leave", "Close", "Close the page"),
    Action("logs.type", "o", "other_type", "stdout or stderr", "Show the task's other log"),
    Action("logs.task", "tab", "next_task", "Next task", "Show the log of the allocation's next task"),
    Action("logs.follow", "f", "follow", "Follow", "Toggle: keep the end in view"),
    Action("logs.leave", "L", "leave", "Close", "Close the page"),
    Action("watch.go", "enter", "go", "Go to event", "Go to the event that the rule fired for"),
    Action("watch.switch", "space", "switch", "On or off", "Switch the rule on or off"),
    Action("watch.snooze", "s", "snooze", "Snooze", "Snooze for 15 minutes (only highlight), or end the snooze"),
    Action("watch.add", "a", "add", "Add", "Add a rule from the current filter"),
    Action("watch.remove", "x delete", "remove", "Remove", "Remove a rule added in the dashboard"),
    Action("watch.leave", "A", "leave", "Close", "Close the page"),
)  # fmt: skip

EVERYWHERE: Final = ("app.redraw", "app.suspend")
"""Actions whose keys work on every screen, including dialogs and pages."""
UNBOUND: Final = "unbound"
"""A key that no terminal sends, for actions without a key."""
BY_ID: Final = {action.id: action for action in ACTIONS}
_OF_CONTEXT: Final[dict[Context, list[Action]]] = {context: [] for context in Context}
for _action in ACTIONS:
    _OF_CONTEXT[_action.context].append(_action)


def actions(*contexts: Context) -> Iterator[Action]:
    """The actions of these contexts, in that order."""
    return (action for context in contexts for action in _OF_CONTEXT[context])


def bound_keys(keys: Iterable[str]) -> str:
    """The keys in the format of Textual's bindings."""
    return ",".join("comma" if key == "," else key for key in keys) or UNBOUND


def bindings(*contexts: Context, only: Collection[str] = BY_ID) -> list[BindingType]:
    """The bindings of a widget in which these contexts apply; with `only`, just those of these actions.

    Includes actions without a key, so that the operator can set one.
    """
    return [
        Binding(
            bound_keys(action.keys.split()),
            action.run,
            action.title,
            id=action.id,
            show=action.footer,
            tooltip=action.help,
            priority=action.id in EVERYWHERE,
            system=not action.help,
        )
        for action in actions(*contexts)
        if action.id in only
    ]
