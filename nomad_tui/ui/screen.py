"""The dashboard's screen: owns selection, view and filter, and handles the messages of the panes."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.command import Provider
from textual.dom import DOMNode
from textual.geometry import Size
from textual.screen import Screen

from nomad_tui.config.kept import FilterHistory
from nomad_tui.config.saved_filters import SavedFilters
from nomad_tui.core.search.view import View
from nomad_tui.core.updates import Concern
from nomad_tui.session import Session, State
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.controllers import Controllers
from nomad_tui.ui.dashboard import Dashboard, DashboardOptions
from nomad_tui.ui.event.inspected import EventView
from nomad_tui.ui.event.inspector import Inspector
from nomad_tui.ui.event.payload_tree import PayloadTree
from nomad_tui.ui.events.columns import Column
from nomad_tui.ui.events.event_list import EventList
from nomad_tui.ui.facets.picker import TopicPicker
from nomad_tui.ui.facets.refusals import explain_refusal
from nomad_tui.ui.filter.filter_bar import FilterBar
from nomad_tui.ui.filter.filter_line import FilterLine
from nomad_tui.ui.filter.filtering import Filtering, ages_clock
from nomad_tui.ui.filter.saved import SavedFilterActions, SavedFilterCommands, hints
from nomad_tui.ui.panes import Pane, Panes
from nomad_tui.ui.preferences import Preferences
from nomad_tui.ui.status import Header, KeyHints, Trouble
from nomad_tui.ui.ticker import Ticker

if TYPE_CHECKING:
    from nomad_tui.ui.event.timeline import Timeline

SYNC_INTERVAL: Final = 0.05
"""Seconds between two ticks: 20 ticks per second at any rate of events."""
OPENS_AFTER: Final = 0.3
"""Seconds that keys wait for a source that neither yields an event nor fails."""
ROWS_WITHIN: Final = 3.0
"""Seconds that keys wait which only act on rows."""


def _commands() -> type[Provider]:
    from nomad_tui.ui.dialogs.commands import Commands

    return Commands


class DashboardScreen(Screen[None]):
    AUTO_FOCUS = "#events"
    BLANK = True
    """Covered by its children."""
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.APP)
    COMMANDS: ClassVar = {_commands, SavedFilterCommands}

    def __init__(
        self,
        session: Session,
        preferences: Preferences,
        options: DashboardOptions,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self.session = session
        self._preferences = preferences
        live, clock, folders = session.source.live, options.clock, options.folders
        timezone = options.timezone or preferences.timezone
        ages_from = ages_clock(session, clock)
        saved = SavedFilters(None if folders is None else folders.config, options.namespace)
        self.filtering = Filtering(session, options.filter_text, timezone, ages_from)

        self.header = Header(id="header")
        self.trouble = Trouble(id="trouble")
        self.topics = TopicPicker(id="topics")
        self.event_list = EventList(
            self.view, timezone, clock, id="events", columns=preferences.columns, live=live, ages_from=ages_from
        )
        than = "" if live else "the end"
        self.inspector = Inspector(clock=ages_from, timezone=timezone, reveal=options.reveal, than=than, id="inspector")
        self.panes = Panes(
            self.topics, self.event_list, self.inspector, id="panes",
            facets_width=preferences.facets_width, event_width=preferences.event_width,
        )  # fmt: skip
        history = FilterHistory(None if folders is None else folders.state)
        self.filter_bar = FilterBar(history, self.view, hints(saved), id="filter-bar")
        self.filter_line = self.filter_bar.line

        shared = Dashboard(session, self.panes, self.filter_bar, self.filtering, options)
        self.inspecting = shared.inspecting
        self.updates = shared.updates
        self.saved = SavedFilterActions(self, saved, self.filter_line)
        self.controllers = Controllers(shared)
        self._shared = shared
        self._ticker = Ticker(shared, self.controllers, self.header, self.trouble)
        self._is_drawn = False
        self._mounted_at = 0.0
        """`perf_counter()`."""

    @property
    def view(self) -> View:
        """The matching events."""
        return self.filtering.view

    @property
    def is_ready(self) -> bool:
        """False while the screen is removed, when timers still fire and messages still arrive."""
        return self.panes.is_ready

    @property
    def is_open(self) -> bool:
        """Whether keys have something to act on: rows that are drawn, or the reason why there are none."""
        if not (self.is_ready and self.event_list.is_on_screen):  # laid out, if only in no cell of a tiny terminal
            return False
        return not self._awaits_rows(OPENS_AFTER)

    @property
    def awaits_rows(self) -> bool:
        """Whether Events has the focus but no rows yet, and the first ones may arrive soon."""
        return self.focused is self.event_list and self._awaits_rows(ROWS_WITHIN)

    def _awaits_rows(self, within: float) -> bool:
        """Whether the first events may still arrive, up to `within` seconds after the start."""
        is_expected = self.session.status.state in (State.CONNECTING, State.LIVE)
        return not self._ticker.received and is_expected and perf_counter() < self._mounted_at + within

    def owner(self, namespace: str, context: Context) -> DOMNode:
        """The node that runs an action: by its namespace, such as `app`, or else by its context."""
        widgets: dict[Context, DOMNode] = {
            Context.EVENTS: self.event_list,
            Context.FACETS: self.topics,
            Context.FILTER: self.filter_line,
        }
        return {"app": self.app, "screen": self}.get(namespace) or widgets.get(context, self)

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.trouble
        yield self.panes
        yield self.filter_bar
        yield KeyHints(live=self.session.source.live)

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        # The first time, all widgets were just mounted and have their styles; Textual would compute them again.
        event.refresh_styles = self._is_drawn
        self._is_drawn = True
        self.refresh()  # before Textual lays the screen out: see `_compositor_refresh`

    def _compositor_refresh(self) -> None:
        """Skips the refresh after a layout if a repaint of the whole screen is pending."""
        if not self._repaint_required:
            super()._compositor_refresh()

    def _screen_resized(self, size: Size) -> None:
        """Lays the screen out only if its size has changed: at startup, Textual reports the same size four times."""
        if size != self._compositor.size:
            super()._screen_resized(size)

    def on_mount(self) -> None:
        with self.prevent(FilterLine.Changed):
            self.filter_line.put(self.filtering.text)
        self.updates.show()
        self.set_focus(self.event_list)
        self._apply_preferences()
        self.run_worker(self.controllers.prepare, group="language")  # type: ignore[arg-type]
        self._mounted_at = perf_counter()
        self.set_interval(SYNC_INTERVAL, self._ticker.tick)
        self.set_interval(1.0, self.session.tick)
        self._ticker.tick()

    def _apply_preferences(self) -> None:
        preferences = self._preferences
        self.panes.start(preferences.start_pane, follows=preferences.follows, folded=preferences.folded)
        if preferences.warning is not None:
            self.session.status.warnings[Concern.SETTINGS] = preferences.warning
        kept = (self.saved.filters.trouble, self.filter_bar.history.trouble, preferences.kept.trouble)
        for trouble in filter(None, (preferences.report, *kept, self.controllers.marks.trouble)):
            self.notify(trouble, severity="warning", markup=False)

    def end_recording(self) -> str | None:
        """Completes the recording in progress and returns a sentence about it; None if there is none."""
        return self.controllers.recording.stop() if self.controllers.made("recording") else None

    def on_unmount(self) -> None:
        self.end_recording()

    def sync(self) -> None:
        """Updates everything but the event list."""
        self._ticker.sync()

    # Filtering

    @on(FilterLine.Changed, "#filter")
    def _read_filter(self) -> None:
        self.inspecting.look_at_selected()
        self.updates.parse_soon()

    @on(TopicPicker.Changed)
    def _hide_topics(self, message: TopicPicker.Changed) -> None:
        self.filtering.hidden = message.hidden
        self.updates.apply()
        known = frozenset((*self.topics.topic_section.topics, *self.session.history.topic_counts))
        self.session.watch(known - message.hidden if message.hidden else None)

    @on(TopicPicker.Folded)
    def _keep_folded(self, message: TopicPicker.Folded) -> None:
        self._preferences.keep("folded", sorted(message.sections))

    @on(EventList.Marked)
    def _keep_marks(self) -> None:
        if trouble := self.controllers.marks.write():
            self.notify(trouble, severity="warning", markup=False)

    @on(TopicPicker.Explain)
    def _explain_refusal(self, message: TopicPicker.Explain) -> None:
        if (why := explain_refusal(message.topics, self.session.status)) is not None:
            title, text = why
            self.notify(text, title=title, markup=False, timeout=20)

    @on(TopicPicker.Ticked)
    def _tick(self, message: TopicPicker.Ticked) -> None:
        self.updates.put(self.filtering.with_ticked(message.dimension, message.values))

    @on(TopicPicker.Narrow)
    def _narrow_to_facet(self, message: TopicPicker.Narrow) -> None:
        self.updates.put(self.filtering.narrowed(message.dimension, message.value, message.only))

    @on(PayloadTree.Narrow)
    def _narrow_to_value(self, message: PayloadTree.Narrow) -> None:
        self.updates.add_value(message.term)

    @on(EventList.Condition)
    def _add_condition(self, message: EventList.Condition) -> None:
        self.updates.add(message.term)

    def action_narrow(self, only: bool) -> None:
        self.updates.narrow_to_event(only)

    def action_highlight(self) -> None:
        self.updates.highlight()

    def action_fold(self) -> None:
        self.updates.fold()

    def action_level(self) -> None:
        self.updates.put(self.filtering.with_next_least_level())

    @on(FilterLine.Left)
    def _remember_filter(self) -> None:
        self.updates.remember()

    @on(FilterLine.Leave)
    def _leave_filter(self) -> None:
        if self.is_ready and self.focused is None:  # unless a key typed ahead has already focused a pane
            self.inspecting.go_to_pane(Pane.EVENTS)

    @on(FilterLine.Save)
    def _save_filter(self) -> None:
        self.updates.read()
        self.saved.save(self.filtering.error is None)

    # Inspecting

    @on(EventList.Selected)
    def _inspect_soon(self) -> None:
        self.inspecting.look_soon()

    @on(EventList.Newest)
    def _inspect_newest(self) -> None:
        self.inspecting.look_at_selected()

    @on(EventList.Inspect)
    def _go_to_payload(self) -> None:
        self.inspecting.look_at_selected()
        self.inspecting.go_to_pane(Pane.INSPECTOR)

    @on(TopicPicker.Leave)
    def _go_to_events(self) -> None:
        self.inspecting.go_to_pane(Pane.EVENTS)

    @on(Inspector.Step)
    def _inspect_next(self, message: Inspector.Step) -> None:
        if self.event_list.cursor is None and self.inspecting.sequence is not None:
            self.event_list.go_to_sequence(self.inspecting.sequence)  # it may no longer be the newest
        self.event_list.action_move(message.rows)

    @on(Inspector.ViewChanged)
    def _follow_view(self) -> None:
        self.inspecting.show_timeline()

    def on_timeline_jump(self, message: Timeline.Jump) -> None:
        self.inspecting.jump(message.sequence)

    @on(PayloadTree.OpenText)
    def _open_text(self, message: PayloadTree.OpenText) -> None:
        from nomad_tui.ui.dialogs.text_page import TextViewer

        self.app.push_screen(TextViewer(message.title, message.text))

    def action_view(self, view: str) -> None:
        self.inspecting.go_to_view(EventView(view))

    def action_compare(self) -> None:
        self.inspecting.compare()

    # Exporting events

    def action_copy(self) -> None:
        self.controllers.export.copy()

    def action_copy_web_link(self) -> None:
        self.controllers.export.copy_one("u")

    def action_open_outside(self, editor: bool = False) -> None:
        self.controllers.export.open_outside(editor=editor)

    def action_browse(self) -> None:
        self.controllers.export.browse()

    def action_save(self) -> None:
        self.controllers.export.save()

    def action_picture(self) -> None:
        self.controllers.export.save_picture()

    def action_record(self) -> None:
        self.controllers.recording.toggle()

    def action_send_to(self) -> None:
        self.controllers.sinks.send()

    # Keys

    def action_filter(self) -> None:
        self.filter_line.edit()

    def action_saved(self, key: str) -> None:
        self.saved.toggle(key)

    def action_follow(self) -> None:
        events = self.event_list
        events.follow(
            self._shared.is_finished or not events.viewport.following or events.viewport.paused_at is not None
        )

    def action_pause(self) -> None:
        if self._shared.is_finished and self.event_list.viewport.paused_at is None:
            self.notify("Nothing to pause: all events are read.", markup=False, timeout=3)
            return
        self.event_list.pause(self.event_list.viewport.paused_at is None)

    def action_pane(self, pane: str) -> None:
        self.inspecting.go_to_pane(Pane(pane))

    def action_zoom(self) -> None:
        self.panes.zoom(self.panes.focused if self.panes.zoomed is None else None)

    def action_move_edge(self, direction: int) -> None:
        if why_not := self.panes.move_edge(direction):
            self.notify(why_not, markup=False, timeout=4)
        elif self.panes.focused is Pane.TOPICS:
            self._preferences.keep("facets_width", self.panes.facets_width)
        else:
            self._preferences.keep("event_width", self.panes.event_width)

    def action_escape(self) -> None:
        if self.inspecting.back():
            return
        if self.panes.zoomed is not None:
            self.panes.zoom(None)
        elif self.focused is not self.event_list:
            self.inspecting.go_to_pane(Pane.EVENTS)
        elif self.filter_line.value:
            self.updates.put("")
        else:
            self.event_list.clear_selection()

    def action_columns(self) -> None:
        from nomad_tui.ui.dialogs.letter_menu import ColumnMenu

        def choose(columns: tuple[Column, ...] | None) -> None:
            if columns is not None:
                self.event_list.set_columns(columns)
                self._preferences.keep("columns", columns)

        self.app.push_screen(ColumnMenu(self.event_list.columns), choose)

    # Pages

    def action_retry(self) -> None:
        self.controllers.connection.retry()

    def action_where(self) -> None:
        self.controllers.connection.switch()

    def action_doctor(self) -> None:
        self.controllers.connection.examine()

    def action_overview(self) -> None:
        self.controllers.overview.show()

    def action_overview_as_of(self) -> None:
        self.controllers.overview.show_as_of_event()

    def action_sinks(self) -> None:
        self.controllers.sinks.show()

    def action_watch(self) -> None:
        self.controllers.watching.show(str(self.filtering.filter))  # what is typed may have a mistake

    def action_logs(self) -> None:
        from nomad_tui.ui.dialogs.logs import open_logs

        self.inspecting.look()
        open_logs(self, self.session, self.inspecting.sequence)

    def action_warnings(self) -> None:
        from nomad_tui.ui.dialogs.text_page import WarningList

        self.trouble.put_away(self.session.status)
        self.trouble.sync(self.session)
        self.app.push_screen(WarningList(self.session.status))

    def action_unreadable(self) -> None:
        from nomad_tui.ui.dialogs.text_page import UnreadableLines

        self.app.push_screen(UnreadableLines(self.session.status))
