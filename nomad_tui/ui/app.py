"""The dashboard: three panes on one session, and who does what when a key is pressed."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import tzinfo
from time import perf_counter
from traceback import format_exc
from typing import ClassVar, Final

import orjson
from rich.text import Text
from textual import events, on
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, HelpPanel, KeyPanel, Static

from nomad_tui.config import styles_folder
from nomad_tui.core.readable import byte_count, count
from nomad_tui.core.rows import EventRow, GapRow, row
from nomad_tui.core.search import Filter
from nomad_tui.core.sentence import Part, Role
from nomad_tui.core.text import printable
from nomad_tui.core.view import View
from nomad_tui.session import KEYS_COUNT_FOR, Session, State
from nomad_tui.sources.live import LiveServer
from nomad_tui.ui.events import EventList
from nomad_tui.ui.filter_line import FilterLine
from nomad_tui.ui.garbage import Collector
from nomad_tui.ui.inspector import InspectedEvent, Inspector
from nomad_tui.ui.panes import Pane, Panes
from nomad_tui.ui.status import Header, Trouble
from nomad_tui.ui.themes import NOMAD_DARK, THEMES, VARIABLES
from nomad_tui.ui.topics import TopicPicker
from nomad_tui.ui.unreadable import UnreadableLines

SYNC_EVERY: Final = 0.05
"""Seconds between two looks at what has come: 20 times a second, however fast it comes."""
BURST: Final = 500
"""Events between two looks from which on three of four looks leave the list as it is: nobody can read it then."""
HEADER_EVERY: Final = 5
"""Looks between two updates of the header and the counts."""
NEWEST_EVERY: Final = 20
"""Looks between two updates of the inspector while it shows the newest event: faster cannot be read."""
AGES_EVERY: Final = 200
"""Looks between two updates of the ages in the payload."""
INSPECT_AFTER: Final = 0.04
"""Seconds that the selection must rest before the inspector follows it: the list is drawn first."""
FILTER_AFTER: Final = 0.1
"""Seconds between a key in the filter and the search."""
SEARCH_SLICE: Final = 0.004
SEARCH_SLICE_WHILE_BUSY: Final = 0.002
"""Seconds of searching between two turns for everything else; fewer while keys or events come."""
SEARCH_PAUSE_WHILE_BUSY: Final = 0.005
"""Seconds that reading has to itself then: a server cuts off a reader that falls 100 frames behind."""
FORWARD_SLICE: Final = 0.01
"""Seconds a look may take to match what has come since the last one."""

_ROLE_STYLES: Final[dict[Role, str]] = {
    Role.PLAIN: "$foreground",
    Role.DIM: "$quiet",
    Role.OBJECT: "bold $foreground",
    Role.GOOD: "$success",
    Role.WARN: "$warning",
    Role.BAD: "$error",
}


class NomadTui(App[None]):
    """The application; everything it shows it asks of its session."""

    TITLE = "nomad-tui"
    CSS_PATH: ClassVar = sorted(styles_folder().glob("*.tcss"))
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (96, "-medium"), (150, "-wide")]  # noqa: RUF012
    PAUSE_GC_ON_SCROLL = True

    BINDINGS: ClassVar[list[BindingType]] = [
        # These have priority, so that keys typed ahead of a slow connection find the pane they are meant for.
        Binding(
            "slash",
            "filter",
            "Filter",
            id="app.filter",
            key_display="/",
            tooltip="Type words to filter by",
            priority=True,
        ),
        Binding("f", "follow", "Follow", id="app.follow", tooltip="Keep the newest event in view, or stop"),
        Binding("p", "pause", "Pause", id="app.pause", tooltip="Freeze the picture; events go on being read"),
        Binding("z", "zoom", "Zoom", id="app.zoom", tooltip="Give the focused pane the whole screen, or take it back"),
        Binding(
            "1", "pane('topics')", "Topics", id="app.topics", show=False, tooltip="Go to the topics", priority=True
        ),
        Binding(
            "2", "pane('events')", "Events", id="app.events", show=False, tooltip="Go to the events", priority=True
        ),
        Binding(
            "3",
            "pane('inspector')",
            "Payload",
            id="app.payload",
            show=False,
            tooltip="Go to the payload",
            priority=True,
        ),
        Binding("r", "retry", "Retry now", id="app.retry", show=False, tooltip="Try a lost connection again now"),
        Binding("u", "unreadable", "Unreadable", id="app.unreadable", show=False, tooltip="Lines that were no events"),
        Binding("escape", "escape", "Back", id="app.escape", show=False, tooltip="Leave zoom; select nothing"),
        Binding("ctrl+p", "command_palette", "Palette", id="app.palette", key_display="^p", tooltip="All commands"),
        Binding("question_mark", "help", "Help", id="app.help", key_display="?", tooltip="All keys, page by page"),
        Binding("q", "quit", "Quit", id="app.quit", tooltip="Quit"),
    ]

    def __init__(
        self,
        session: Session,
        *,
        clock: Callable[[], int] = time.time_ns,
        timezone: tzinfo | None = None,
        filter_text: str = "",
    ) -> None:
        """`clock` gives ns since 1970; `timezone` None is this machine's."""
        super().__init__()
        filter_text = printable(filter_text)
        self.session = session
        self.view = View(session.history, Filter.parse(filter_text))
        self.header = Header(id="header")
        self.trouble = Trouble(id="trouble")
        self.topics = TopicPicker(id="topics")
        self.event_list = EventList(self.view, timezone, clock, id="events")
        self.inspector = Inspector(clock=clock, timezone=timezone, id="inspector")
        self.panes = Panes(self.topics, self.event_list, self.inspector, id="panes")
        self.filter_line = FilterLine(placeholder="filter: words that must all occur", id="filter", compact=True)
        self.matches = Static(id="matches")
        self._filter_text = filter_text
        self._looks = 0
        self._inspected: int | None = None
        self._inspect_timer: Timer | None = None
        self._filter_timer: Timer | None = None
        self._received = 0
        self._searching = False
        self._collector = Collector()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = NOMAD_DARK.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {**super().get_theme_variable_defaults(), **VARIABLES}

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.trouble
        yield self.panes
        with Horizontal(id="filter-row"):
            yield Static(Content("/"), id="filter-mark")
            yield self.filter_line
            yield self.matches
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.topics.border_title = Content("1 Topics")
        self.event_list.border_title = Content("2 Events")
        with self.prevent(FilterLine.Changed):
            self.filter_line.value = self._filter_text
        self.screen.set_focus(self.event_list)
        self._end_on_signals()
        self.run_worker(self._read(), name="stream", group="stream", description="reads the source")
        self.set_interval(SYNC_EVERY, self._look)
        self.set_interval(1.0, self.session.tick)
        self._look()
        self._collector.start()

    def _end_on_signals(self) -> None:
        """Leaves the terminal as it was found when the program is told to end, and not only by a key."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            # Only the main thread may; an application in another one is not told by signals.
            with suppress(RuntimeError, ValueError):
                loop.add_signal_handler(number, self.exit, None, 128 + number)

    async def _read(self) -> None:
        """Reads the source. Whatever it does not expect is a bug of ours: the program ends and says so.

        Textual's own report would print the values of local variables, a token among them.
        """
        try:
            await self.session.run()
        except Exception:
            self.exit(return_code=1, message=Text("".join(map(_printable_line, format_exc().splitlines()))))

    def on_unmount(self) -> None:
        self._collector.stop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with suppress(RuntimeError, ValueError):
                asyncio.get_running_loop().remove_signal_handler(number)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            if not self._stands or not self.screen_stack:
                return  # keys typed ahead of a quit have nowhere to go, and Textual falls over them
            self.session.last_key = perf_counter()
        await super().on_event(event)

    # Taking over what has come

    def _look(self) -> None:
        if not self._stands:
            return
        if self.view.advance(FORWARD_SLICE) and not self._searching:
            self._start_search()
        received = self.session.history.received_events
        if received - self._received < BURST or self._looks % 4 == 0:
            self.event_list.sync()
        self._received = received
        if self._looks % HEADER_EVERY == 0:
            self.sync()
        self._looks += 1

    @property
    def _stands(self) -> bool:
        """False while the screen is being taken down, when timers still go off."""
        return self.event_list.is_attached and bool(self.inspector.children)

    def sync(self) -> None:
        """Brings everything but the event list up to date; that is asked more often."""
        session = self.session
        self.header.sync(session, session.source.scope(session.status.region))
        self.trouble.sync(session)
        self.topics.sync(session.history.topic_counts)
        self._show_matches()
        self.event_list.hint = self._hint()
        if self.event_list.cursor is None and self._looks % NEWEST_EVERY == 0:
            self._inspect()
        if self._looks % AGES_EVERY == 0:
            self.inspector.tell_ages()
        self._collector.consider(session.history.received_events, session.last_key)

    def _hint(self) -> str:
        """Why an empty list is empty, where it cannot know that itself."""
        status, history = self.session.status, self.session.history
        if not len(history):
            if status.state is not State.ENDED:
                return ""
            return "no events in it" + (", but lines that could not be read: u shows them" if status.unreadable else "")
        if self.view.complete and self.topics.hidden >= history.topic_counts.keys():
            return "every topic is hidden: 1 goes to the topics, a shows them all"
        return ""

    def _show_matches(self) -> None:
        history = self.session.history
        if self.view.filter.everything:
            title, matches = "2 Events", ""
        else:
            shown = max(0, len(self.view) - history.gaps_held)
            searching = "" if self.view.complete else " …"
            title = f"2 Events  {count(shown)} of {count(history.held)}{searching}"
            matches = f"{count(shown)} of {count(history.held)}{searching} "
        if day := self.event_list.day:
            title += f"  {day}"
        if str(self.event_list.border_title) != title:
            self.event_list.border_title = Content(title)
        if str(self.matches.content) != matches:
            self.matches.update(Content(matches))

    # Filtering

    @on(FilterLine.Changed, "#filter")
    def _filter_soon(self) -> None:
        if self._filter_timer is not None:
            self._filter_timer.stop()
        self._filter_timer = self.set_timer(FILTER_AFTER, self._apply_filter)

    @on(TopicPicker.Changed)
    def _hide_topics(self) -> None:
        self._apply_filter()

    def _apply_filter(self) -> None:
        if not self._stands:
            return
        self.view.show(Filter.parse(self.filter_line.value, self.topics.hidden))
        self.view.advance(FORWARD_SLICE)
        self.event_list.renew()
        self._show_matches()

    def _start_search(self) -> None:
        self._searching = True
        self.run_worker(self._search(), name="search", group="search", description="applies the filter")

    async def _search(self) -> None:
        """Looks through what is held, newest first, in slices that leave keys, drawing and reading their turn."""
        received = self.session.history.received_events
        yielding = False
        while self.view.advance(SEARCH_SLICE_WHILE_BUSY if yielding else SEARCH_SLICE):
            before, received = received, self.session.history.received_events
            yielding = received != before or perf_counter() - self.session.last_key < KEYS_COUNT_FOR
            await asyncio.sleep(SEARCH_PAUSE_WHILE_BUSY if yielding else 0)
        self._searching = False

    @on(FilterLine.Leave)
    def _leave_filter(self) -> None:
        if self.focused is None:  # unless a key typed ahead has gone to a pane already
            self.action_pane("events")

    # Inspecting

    @on(EventList.Selected)
    def _inspect_soon(self) -> None:
        if self._inspect_timer is not None:
            self._inspect_timer.stop()
        self._inspect_timer = self.set_timer(INSPECT_AFTER, self._inspect)

    @on(EventList.Inspect)
    def _go_to_payload(self) -> None:
        self._inspect()
        self.action_pane("inspector")

    @on(EventList.Leave)
    def _go_to_topics(self) -> None:
        self.action_pane("topics")

    @on(TopicPicker.Leave)
    def _go_to_events(self) -> None:
        self.action_pane("events")

    def _inspect(self) -> None:
        sequence = self.event_list.shown
        if sequence == self._inspected or not self._stands:
            return
        if sequence is not None and sequence < self.session.history.first:
            return  # evicted while selected: what is shown of it stays
        self._inspected = sequence
        self.inspector.show(None if sequence is None else self._described(sequence))

    def _described(self, sequence: int) -> InspectedEvent:
        history = self.session.history
        found = row(history, sequence)
        if isinstance(found, GapRow):
            gap = found.gap
            return InspectedEvent(
                sequence=sequence,
                title="3 Gap",
                heading=(Content.styled("Events may be missing here", "bold $warning"), Content(gap.sentence)),
                facts=(),
                payload=orjson.dumps(
                    {"Reason": gap.reason, "After": gap.after, "Before": gap.before, "AwaySeconds": round(gap.away, 1)}
                ),
            )
        event = history.event(sequence)
        return InspectedEvent(
            sequence=sequence,
            title=f"3 {event.topic} {event.key[:8] if len(event.key) == 36 else event.key}",
            heading=tuple(_heading(found)),
            facts=(
                ("Type", event.type),
                ("Index", str(event.index)),
                ("Namespace", event.namespace),
                ("Size", byte_count(len(event.payload))),
                ("Key", event.key),
                ("FilterKeys", ", ".join(key for key in event.filter_keys or () if key)),
            ),
            payload=event.payload,
            trouble=event.frame.repaired,
        )

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("filter", "pane"):
            return self.focused is not self.filter_line and len(self.screen_stack) == 1
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        self.filter_line.edit()

    def action_follow(self) -> None:
        self.event_list.follow(not self.event_list.following or self.event_list.paused_at is not None)

    def action_pause(self) -> None:
        self.event_list.pause(self.event_list.paused_at is None)

    def action_pane(self, pane: str) -> None:
        self.panes.go_to(Pane(pane))

    def action_zoom(self) -> None:
        self.panes.zoom(self.panes.focused if self.panes.zoomed is None else None)

    def action_escape(self) -> None:
        if self.screen.query(HelpPanel):
            self.action_hide_help_panel()
        elif self.panes.zoomed is not None:
            self.panes.zoom(None)
        elif self.filter_line.value and self.focused is self.event_list and self.event_list.cursor is None:
            self.filter_line.value = ""
        elif self.focused is not self.event_list:
            self.action_pane("events")
        else:
            self.event_list.clear_selection()

    def action_help(self) -> None:
        """Shows the help, then its next page each time, and hides it after the last."""
        if not self.screen.query(HelpPanel):
            self.action_show_help_panel()
            return
        keys = self.screen.query_one(KeyPanel)
        if keys.scroll_offset.y < keys.max_scroll_y:
            keys.scroll_page_down(animate=False)
        else:
            self.action_hide_help_panel()

    def action_retry(self) -> None:
        source = self.session.source
        if isinstance(source, LiveServer):
            source.retry_now()

    def action_unreadable(self) -> None:
        self.push_screen(UnreadableLines(self.session.status))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        yield SystemCommand("Filter", "Type words that must all occur in an event", self.action_filter)
        yield SystemCommand("Follow", "Keep the newest event in view, or stop", self.action_follow)
        yield SystemCommand("Pause", "Freeze the picture, or go on; events are read all the same", self.action_pause)
        yield SystemCommand("Zoom", "Give the focused pane the whole screen, or take it back", self.action_zoom)
        yield SystemCommand("All topics", "Show every topic", self.topics.action_all)
        yield SystemCommand("No topics", "Hide every topic", self.topics.action_none)
        yield SystemCommand("Retry now", "Try a lost connection again now", self.action_retry)
        yield SystemCommand("Unreadable lines", "Look at what came and was no event", self.action_unreadable)


def _printable_line(text: str) -> str:
    return printable(text) + "\n"


def _heading(found: EventRow) -> Iterable[Content]:
    said = found.sentence
    place = [Content.styled(f"  on {said.place}", "$quiet")] if said.place else []
    yield Content("").join([*_contents(said.subject), *place])
    yield Content("").join(list(_contents(said.happened)))


def _contents(parts: Iterable[Part]) -> Iterable[Content]:
    return (Content.styled(printable(part.text), _ROLE_STYLES[part.role]) for part in parts)
