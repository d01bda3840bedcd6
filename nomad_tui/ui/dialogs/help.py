"""The help: every key in groups, the group in use first, and the manual. Both can be searched."""

import asyncio
import textwrap
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.dom import DOMNode

from nomad_tui.ui.actions import BY_ID, TITLES, Context, actions, bindings
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.event.find_line import FindPane
from nomad_tui.ui.event.text_viewer import TextView
from nomad_tui.ui.keymap import KeyMap

WIDTH: Final = 74
"""Cells of a line: what an 80-cell terminal leaves."""
KEY_WIDTH: Final = 16
ALWAYS: Final = (
    Context.EVENTS,
    Context.FACETS,
    Context.EVENT,
    Context.ROWS,
    Context.TREE,
    Context.CHANGES,
    Context.TIMELINE,
    Context.TEXT,
    Context.SCROLL,
    Context.FILTER,
)
"""Contexts that the help describes wherever it is asked for."""

PAGES: Final = {
    Context.FACETS: "dashboard",
    Context.EVENTS: "dashboard",
    Context.EVENT: "event",
    Context.TREE: "event",
    Context.CHANGES: "event",
    Context.TIMELINE: "event",
    Context.TEXT: "event",
    Context.FILTER: "filter",
    Context.SINKS: "sink-page",
    Context.LETTERS: "sink-failures",
    Context.DOCTOR: "doctor",
    Context.OVERVIEW: "overview",
    Context.LOGS: "watch",
    Context.WATCH: "watch",
}
"""The topics of the manual's pages about a context."""

ABOUT: Final = {
    Context.EVENTS: """\
One row per event, oldest first, in the order of arrival. ‹ before a row: it waited in the server's buffer, so it \
happened before you connected or while the connection was lost. ~ before a time: about that time. An amber line: \
events may be missing there; Event says what to do.
While following, the newest event stays in view; moving up stops that, and the border counts the new events below. \
G goes to the newest event and follows again.""",
    Context.FACETS: """\
What the events held have in common, with the number of those that match the rest of the filter. Unticking a topic \
hides its events, and a moment later the server is no longer asked for them. Any other ticked value shows only events \
that have it or another ticked value of its section, and stands in the filter, as in status:=failed.
✕ is a topic that the token may not read, with what it needs; ◧ one that it may read in some namespaces only. A topic \
that harms the servers is not subscribed to. Space there says why.""",
    Context.TREE: """\
The object as the server sent it, with what its values mean beside them. What you open stays open in the next event, \
and the cursor stays on its field. + added, ± changed, −2 removed since the object's previous event.""",
    Context.CHANGES: """\
What differs from the event that the first line names: + added, - removed, ± changed, ↕ moved in its list. The order \
of keys is no change; items of lists are matched by their names.""",
    Context.TIMELINE: """\
All related events held, in time: job, evaluation, deployment, allocations and their tasks. ▎ marks the object that \
it was opened for, ✖ where it stopped. The first column is the time since the step that a row depends on, or a time \
of day. It grows as events come.""",
    Context.FILTER: """\
Words that must all occur in an event: web failed, "two words", /regex/. Fields: status:failed,lost, job:=web, \
time:<5m; anywhere in the payload: ~word. An expression: Allocation.ClientStatus == "failed". - negates; or and \
parentheses combine. Enter keeps the filter and goes to the events.""",
    Context.OVERVIEW: """\
The state of the cluster as far as the events held prove it, now or as of an event; – where no event proves a figure. \
✖ failure, ▲ warning, ✔ recovered a while ago, ×2 how often; "listed" was read from a list of the server.""",
    Context.CHART: """\
Events by time, failures at the bottom, then warnings, changes and routine; ┊ is a gap. The border tells the figures \
of the column under the cursor.""",
    Context.SINKS: """\
Every sink that is defined or has run on this journal: ● idle, ▶ delivering, ↻ retrying, ‖ paused, ✖ broken, \
■ stopped as no runner runs, ○ new, □ removed. The lag is what the stream has brought and the sink has not had. \
An edited definition is stored only if nothing is wrong in it; a preview sends nothing. \
PgUp and PgDn scroll the details below the list.""",
    Context.LETTERS: """\
Events that a sink gave up on, because its receiver refused them as often as its definition allows. They stay until \
they are resent and acknowledged.""",
}


def help_text(in_use: Sequence[DOMNode], keymap: KeyMap) -> str:
    """All keys of the dashboard. What belongs to one of `in_use` comes first: the focused widget and its holders."""
    used = _used(in_use)
    first = [context for context in used if context not in (Context.APP, Context.MOVE, Context.SCROLL)]
    order = dict.fromkeys((*first, Context.APP, Context.MOVE, *ALWAYS))
    return "\n\n".join(_group(context, keymap) for context in order if context in TITLES) + "\n"


def manual_text(in_use: Sequence[DOMNode]) -> str:
    """All pages of the manual, the one about the focused widget first."""
    from nomad_tui.manual import pages
    from nomad_tui.manual.rendering import rendered

    first = next((PAGES[context] for context in _used(in_use) if context in PAGES), "")
    ordered = sorted(pages(), key=lambda page: page.topic != first)
    return "\n\n".join(rendered(page, WIDTH) for page in ordered)


def _used(in_use: Sequence[DOMNode]) -> list[Context]:
    return list(dict.fromkeys(context for node in in_use for context in _contexts(node)))


def _contexts(node: DOMNode) -> Iterable[Context]:
    """Of the keys that a widget declares."""
    for binding in node.BINDINGS:
        if isinstance(binding, Binding) and binding.id in BY_ID:
            yield BY_ID[binding.id].context


def _group(context: Context, keymap: KeyMap) -> str:
    title = TITLES[context]
    lines = [f"── {title} " + "─" * (WIDTH - 4 - len(title))]
    for keys, sentence in keymap.described(actions(context)):
        shown = " ".join(keys)
        head, *rest = textwrap.wrap(sentence, WIDTH - KEY_WIDTH)
        if len(shown) >= KEY_WIDTH:
            lines.append(shown)
            shown = ""
        lines.append(f"{shown:<{KEY_WIDTH - 1}} {head}")
        lines += (" " * KEY_WIDTH + line for line in rest)
    for paragraph in ABOUT.get(context, "").splitlines():
        lines += ("", *textwrap.wrap(paragraph, WIDTH))
    return "\n".join(lines)


class HelpScreen(Modal[None]):
    """Closed by the key that opened it, too."""

    DEFAULT_CSS = """
    HelpScreen > Vertical { width: 100%; height: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.HELP)

    def __init__(self, in_use: Sequence[DOMNode], keymap: KeyMap) -> None:
        """`in_use` is the focused widget and all that hold it."""
        super().__init__()
        self._in_use = in_use
        self._keymap = keymap
        self.view = TextView(help_text(in_use, keymap))

    def compose(self) -> ComposeResult:
        with Vertical(id="help") as frame:
            frame.border_title = Content("Help")
            hints = (
                "{text.find} search · {text.find_next} {text.find_previous} matches · {text.page_down} page · "
                "{help.manual} manual · {help.leave} close"
            )
            frame.border_subtitle = Content(self._keymap.text(hints))
            yield FindPane(self.view)

    def on_mount(self) -> None:
        self.set_focus(self.view)

    async def action_manual(self) -> None:
        """Show the manual instead of the keys."""
        self.run_worker(self._show_manual(), exclusive=True)

    async def _show_manual(self) -> None:
        self.view.show_text(await asyncio.to_thread(manual_text, self._in_use))  # seconds on a slow machine
