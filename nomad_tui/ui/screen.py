"""The dashboard: owns selection, view and filter, and binds the panes into them.

Panes post what the operator did, and this screen alone decides what it means.
What is not on the first picture is imported on demand: the picture does not wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import tzinfo
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Input

from nomad_tui.config.filter_history import FilterHistory
from nomad_tui.config.folders import Folders
from nomad_tui.config.saved_filters import SavedFilters
from nomad_tui.config.ui_settings import StartPane
from nomad_tui.core.history.event_row import latest_moment
from nomad_tui.core.search.view import View
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Concern
from nomad_tui.session import Session, State
from nomad_tui.ui.actions import Context, actions, bindings
from nomad_tui.ui.connection_actions import ConnectionActions
from nomad_tui.ui.dialogs.commands import Commands
from nomad_tui.ui.event.inspected import EventView
from nomad_tui.ui.event.inspecting import INSPECT_AFTER, Inspecting
from nomad_tui.ui.event.inspector import Inspector
from nomad_tui.ui.event.payload_tree import PayloadTree
from nomad_tui.ui.event.text_viewer import TextView, TextViewer
from nomad_tui.ui.event.timeline import Timeline
from nomad_tui.ui.events.columns import Column, ColumnChooser
from nomad_tui.ui.events.event_list import EventList
from nomad_tui.ui.facets.picker import TopicPicker
from nomad_tui.ui.facets.refusals import explain_refusal
from nomad_tui.ui.filter.filter_bar import FilterBar
from nomad_tui.ui.filter.filter_line import FilterLine
from nomad_tui.ui.filter.filter_updates import FILTER_AFTER, FilterUpdates
from nomad_tui.ui.filter.filtering import FORWARD_SLICE, PREPARATION_SLICE, Filtering, learn_language
from nomad_tui.ui.filter.saved import SavedFilterActions, SavedFilterCommands, hints
from nomad_tui.ui.kept_marks import MarkKeeper
from nomad_tui.ui.key_hints import KeyHints
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.panes import Pane, Panes
from nomad_tui.ui.preferences import Preferences
from nomad_tui.ui.status import Header, Trouble

if TYPE_CHECKING:
    from nomad_tui.config.profiles import Connections
    from nomad_tui.ui.dialogs.record import Recording
    from nomad_tui.ui.export_actions import ExportActions
    from nomad_tui.ui.overview.actions import OverviewActions
    from nomad_tui.ui.sinks.actions import SinkActions
    from nomad_tui.ui.watch.watching import Watching

SYNC_EVERY: Final = 0.05
"""Seconds between two looks at what has arrived: 20 times a second, at any rate of events."""
FLOODED_EVERY: Final = 0.25
"""Seconds between two updates of the list while events pour in: it cannot be read then."""
DRAWING_SHARE: Final = 10
"""How many times as long as drawing the rows takes passes then at least until they are drawn again."""
WATCH_AFTER: Final = 0.5
"""Seconds after the start until the parser of filters is made, and the watch rules are read with it: the first picture
comes before. They look at what came before too."""
HEADER_EVERY: Final = 5
"""Looks between two updates of the header and the counts."""
NEWEST_EVERY: Final = 20
"""Looks between two updates of the inspector while it shows the newest event: faster cannot be read."""
NOTES_AT_ONCE: Final = 3
"""Notifications of one look; the last of them holds the rest."""
AGES_EVERY: Final = 200
"""Looks between two updates of the ages in the payload."""
LEARN_EVERY: Final = 40
"""Looks between two at the newest payloads, for completion, while the filter line has the focus."""


EARLY: Final = frozenset(action.run.partition("(")[0] for action in actions(Context.APP) if action.early)
"""Actions whose keys have priority, but not over typing."""


def _end_of_recording(session: Session, clock: Callable[[], int]) -> int:
    """The time that ages in a recording are relative to: that of its newest event, if one is known."""
    end = latest_moment(session.history)
    return clock() if end is None else end


class DashboardScreen(Screen[None]):
    AUTO_FOCUS = "#events"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.APP)
    COMMANDS: ClassVar = {Commands, SavedFilterCommands}

    def __init__(
        self,
        session: Session,
        preferences: Preferences,
        *,
        clock: Callable[[], int] = time.time_ns,
        timezone: tzinfo | None = None,
        filter_text: str = "",
        folders: Folders | None = None,
        namespace: str = "",
        reveal: bool = False,
        connections: Connections | None = None,
        key_pause: float | None = None,
        seeds: bool = True,
        id: str | None = None,  # noqa: A002
    ) -> None:
        """`clock` gives ns since 1970; `timezone` None is this machine's.

        Without `folders` the operator's settings are neither read nor kept. `namespace` selects the preset of that
        name. `reveal` shows the secrets in payloads. `connections` are those to switch between; None for a recording.
        `key_pause` is how many seconds keys must rest before the inspector and the filter follow; None for their own.
        `seeds` is whether the overview asks the server's lists once.
        """
        super().__init__(id=id)
        self.session = session
        self._preferences = preferences
        self._clock = clock
        self._folders = folders
        self._is_cluster = connections is not None
        self._seeds = seeds
        live = session.source.live
        ages_from = clock if live else partial(_end_of_recording, session, clock)
        saved = SavedFilters(None if folders is None else folders.config, namespace)
        self.filter_history = history = FilterHistory(None if folders is None else folders.state)
        self.filtering = Filtering(session, filter_text, timezone, ages_from)

        self.header = Header(id="header")
        self.trouble = Trouble(id="trouble")
        self.topics = TopicPicker(id="topics")
        self.event_list = EventList(
            self.view, timezone, clock, id="events", columns=preferences.columns, live=live, ages_from=ages_from
        )
        self._mark_keeper = MarkKeeper(None if folders is None else folders.state, session, self.event_list)
        than = "" if live else "the end"
        self.inspector = Inspector(clock=ages_from, timezone=timezone, reveal=reveal, than=than, id="inspector")
        self.panes = Panes(
            self.topics, self.event_list, self.inspector, id="panes",
            facets_width=preferences.facets_width, event_width=preferences.event_width,
        )  # fmt: skip
        self.filter_bar = FilterBar(history, self.view, hints(saved), id="filter-bar")
        self.filter_line = self.filter_bar.line

        inspect_after, filter_after = (INSPECT_AFTER, FILTER_AFTER) if key_pause is None else (key_pause, key_pause)
        self.inspecting = Inspecting(self.panes, session.history, inspect_after)
        self.updates = FilterUpdates(
            self.panes, self.filter_bar, self.filtering, self.inspecting, history, filter_after
        )
        self.saved = SavedFilterActions(self, saved, self.filter_line)
        self.connection = ConnectionActions(self, session, connections, lambda: self.filtering.text)
        self._looks = 0
        self._received = 0
        self._drawn_at = 0.0
        """`perf_counter()` of the last update of the list."""
        self._has_ended = False
        """Whether the end that ages in a recording are relative to is known."""

    @cached_property
    def export(self) -> ExportActions:
        from nomad_tui.ui.export_actions import ExportActions

        return ExportActions(self.panes, self.session, self.filtering, self.inspecting, self._clock)

    @cached_property
    def recording(self) -> Recording:
        from nomad_tui.ui.dialogs.record import Recording

        return Recording(self, self.session)

    @cached_property
    def sinks(self) -> SinkActions:
        from nomad_tui.ui.sinks.actions import SinkActions

        return SinkActions(self, self.session, self.inspecting, self._folders, is_cluster=self._is_cluster)

    @cached_property
    def watching(self) -> Watching:
        from nomad_tui.config.watch_rules import WatchRules
        from nomad_tui.sources.recording import Recording
        from nomad_tui.ui.watch.watching import Watching

        source = self.session.source
        live = source.live and not isinstance(source, Recording)  # a file that grows does not say when
        rules = WatchRules(None if self._folders is None else self._folders.config)
        return Watching(self, self.view, self.event_list, rules, self.inspecting.jump, live=live, clock=self._clock)

    @cached_property
    def overview(self) -> OverviewActions:
        from nomad_tui.ui.overview.actions import OverviewActions

        return OverviewActions(
            self.session, self.filtering, self.updates, self.inspecting, self._clock, asks_lists=self._seeds
        )

    @property
    def view(self) -> View:
        """The events that match."""
        return self.filtering.view

    @property
    def is_ready(self) -> bool:
        """False while the screen is taken down, when timers still fire and messages still arrive."""
        return self.panes.is_ready

    def owner(self, namespace: str, context: Context) -> DOMNode:
        """What runs an action: by its namespace, such as `app`, or else by its context."""
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

    def on_mount(self) -> None:
        self.topics.border_title = Content("1 Facets")
        self.event_list.border_title = Content("2 Events")
        with self.prevent(FilterLine.Changed):
            self.filter_line.put(self.filtering.text)
        self.updates.show()
        self.set_focus(self.event_list)
        self._apply_preferences()
        self.set_timer(WATCH_AFTER, self._begin_watching)
        self.set_interval(SYNC_EVERY, self._look)
        self.set_interval(1.0, self.session.tick)
        self._look()

    def _apply_preferences(self) -> None:
        preferences = self._preferences
        self.topics.fold(preferences.folded)
        if not preferences.follows:
            self.event_list.follow(False)
        if preferences.start_pane is not StartPane.EVENTS:
            self.panes.go_to(Pane.TOPICS if preferences.start_pane is StartPane.FACETS else Pane.INSPECTOR)
        if preferences.warning is not None:
            self.session.status.warnings[Concern.SETTINGS] = preferences.warning
        kept = (self.saved.filters.trouble, self.filter_history.trouble, preferences.kept.trouble)
        for trouble in filter(None, (preferences.report, *kept)):
            self._warn(trouble)

    def _warn(self, text: str) -> None:
        self.notify(text, severity="warning", markup=False)

    def end_recording(self) -> str | None:
        """Completes the recording under way and returns a sentence about it; None if there is none."""
        return self.recording.stop() if "recording" in vars(self) else None

    def on_unmount(self) -> None:
        self.end_recording()

    def _begin_watching(self) -> None:
        self.run_worker(self._watch, group="language", description="makes the parser of filters, reads watch rules")  # type: ignore[arg-type]

    async def _watch(self) -> None:
        await asyncio.to_thread(learn_language)
        if self.is_ready:
            self.watching  # noqa: B018  # reads the rules

    # Showing what has arrived

    def _look(self) -> None:
        if not self.is_ready:
            return
        received = self.session.history.received_events
        flooded = self.session.pace.is_flooded
        if not (self.filtering.only_counts and self.filtering.must_wait):
            if self.filtering.advance(FORWARD_SLICE):
                self.updates.begin_search()
            elif received == self._received:
                self.filtering.prepare(PREPARATION_SLICE)
        if self.filter_line.has_focus and not self.view.counts_facets:
            self.filter_bar.seen.read_facts(PREPARATION_SLICE)
        if "watching" in vars(self):
            self.watching.advance()
        now = time.perf_counter()
        if not flooded or now >= self._drawn_at + max(FLOODED_EVERY, DRAWING_SHARE * self.event_list.drawing_seconds):
            self._drawn_at = now
            self.event_list.sync()
            self.inspecting.advance()
        self._received = received
        if self._looks % (HEADER_EVERY * (2 if flooded else 1)) == 0:
            self.sync()
        self._looks += 1

    def sync(self) -> None:
        """Updates everything but the event list, which is updated more often."""
        session = self.session
        status = session.status
        if "recording" in vars(self):  # else Ctrl+R was never pressed
            self.recording.sync()
        self.header.sync(session, session.source.scope(status.region), self.event_list.mode)
        self.trouble.sync(session)
        self._mark_keeper.restore()
        self.connection.sync()
        self.view.counts_facets = self.topics.is_on_screen
        self.filtering.know_region(status.region or "")
        if "watching" in vars(self):
            self.watching.watcher.know_region(status.region or "")
        self._notify_notes()
        self.topics.sync(
            session.history.topic_counts,
            self.view.counts,
            not self.view.facets_complete,
            status.permissions,
            frozenset(status.harmful_topics),
        )
        if self.filter_line.has_focus and self._looks % LEARN_EVERY == 0:
            self.filter_bar.seen.look()
        self.updates.show_matches()
        self.event_list.server_region = status.region or ""
        self.event_list.hint = self.filtering.why_empty()
        newest_every = NEWEST_EVERY * (3 if self.session.pace.is_flooded else 1)
        if self.event_list.cursor is None and self._looks % newest_every == 0:
            self.inspecting.look()
        self.inspector.tell_newest()
        self.inspecting.release_hidden()
        self.inspecting.tell_place()
        has_just_ended = self._is_finished and not self._has_ended
        self._has_ended = self._is_finished
        if self._looks % AGES_EVERY == 0 or has_just_ended:
            self.inspector.tell_ages()
            if self.filtering.filter.has_ages:
                self.updates.apply()

    def _notify_notes(self) -> None:
        notes = [printable(note, 300) for note in self.session.status.notes]
        self.session.status.notes.clear()
        if len(notes) > NOTES_AT_ONCE:
            notes[NOTES_AT_ONCE - 1 :] = ["\n".join(notes[NOTES_AT_ONCE - 1 :])]
        for note in notes:
            self.notify(note, markup=False, timeout=10)

    @property
    def _is_finished(self) -> bool:
        """Whether no more events can arrive, as in a recording that has been read."""
        return self.session.status.state is State.ENDED

    # Filtering

    @on(FilterLine.Changed, "#filter")
    def _read_filter(self) -> None:
        self.inspecting.look_at_selected()
        self.updates.take_over()

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
        if trouble := self._mark_keeper.write():
            self._warn(trouble)

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

    @on(EventList.ToggleHighlight)
    def _toggle_highlight(self) -> None:
        self.updates.highlight()

    @on(EventList.FoldRepeats)
    def _fold_repeats(self) -> None:
        self.updates.fold()

    @on(EventList.NextLevel)
    def _show_next_level(self) -> None:
        self.updates.put(self.filtering.with_next_least_level())

    @on(FilterLine.Left)
    def _remember_filter(self) -> None:
        self.updates.remember()

    @on(FilterLine.Leave)
    def _leave_filter(self) -> None:
        if self.is_ready and self.focused is None:  # unless a key typed ahead has gone to a pane already
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

    @on(EventList.Leave)
    def _go_to_topics(self) -> None:
        self.inspecting.go_to_pane(Pane.TOPICS)

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
        self.inspecting.trace()

    @on(Timeline.Jump)
    def _jump(self, message: Timeline.Jump) -> None:
        self.inspecting.jump(message.sequence)

    @on(PayloadTree.OpenText)
    def _open_text(self, message: PayloadTree.OpenText) -> None:
        self.app.push_screen(TextViewer(message.title, message.text))

    def action_view(self, view: str) -> None:
        self.inspecting.go_to_view(EventView(view))

    def action_compare(self) -> None:
        self.inspecting.compare()

    # Taking events out

    def action_copy(self) -> None:
        self.export.copy()

    def action_copy_web_link(self) -> None:
        self.export.copy_one("u")

    def action_open_outside(self, editor: bool = False) -> None:
        self.export.open_outside(editor=editor)

    def action_browse(self) -> None:
        self.export.browse()

    def action_save(self) -> None:
        self.export.save()

    def action_picture(self) -> None:
        self.export.save_picture()

    def action_record(self) -> None:
        self.recording.toggle()

    def action_send_to(self) -> None:
        self.sinks.send()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "filter" and isinstance(self.focused, PayloadTree | TextView):
            # There `/` searches what is shown.
            keymap = self._preferences.keymap
            return set(keymap.keys("app.filter")).isdisjoint(keymap.keys("tree.find"))
        if action in EARLY and isinstance(self.focused, Input):
            return False
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        self.filter_line.edit()

    def action_saved(self, key: str) -> None:
        self.saved.toggle(key)

    def action_follow(self) -> None:
        events = self.event_list
        events.follow(self._is_finished or not events.following or events.paused_at is not None)

    def action_pause(self) -> None:
        if self._is_finished and self.event_list.paused_at is None:
            self.notify("Nothing to pause: all events have been read.", markup=False, timeout=3)
            return
        self.event_list.pause(self.event_list.paused_at is None)

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
            pass
        elif self.panes.zoomed is not None:
            self.panes.zoom(None)
        elif self.focused is not self.event_list:
            self.inspecting.go_to_pane(Pane.EVENTS)
        elif self.filter_line.value:
            self.updates.put("")
        else:
            self.event_list.clear_selection()

    def action_columns(self) -> None:
        def choose(columns: tuple[Column, ...] | None) -> None:
            if columns is not None:
                self.event_list.set_columns(columns)
                self._preferences.keep("columns", columns)

        self.app.push_screen(ColumnChooser(self.event_list.columns), choose)

    # Pages

    def action_retry(self) -> None:
        self.connection.retry()

    def action_where(self) -> None:
        self.connection.switch()

    def action_doctor(self) -> None:
        self.connection.examine()

    def action_overview(self) -> None:
        self.run_worker(self.overview.ask_lists, group="lists", description="asks for what is in trouble")  # type: ignore[arg-type]
        self.app.push_screen(self.overview.page(), self.overview.follow)

    def action_overview_as_of(self) -> None:
        page = self.overview.page_as_of_event()
        if page is None:
            hint = "No event is selected: select one, then {app.overview_as_of} shows the overview as of it."
            self.notify(keymap_of(self.app).text(hint), markup=False)
        else:
            self.app.push_screen(page, self.overview.follow)

    def action_sinks(self) -> None:
        self.sinks.show()

    def action_watch(self) -> None:
        self.watching.show(str(self.filtering.filter))  # what is typed may have a mistake

    def action_logs(self) -> None:
        from nomad_tui.ui.logs.opening import open_logs

        self.inspecting.look()
        open_logs(self, self.session, self.inspecting.sequence)

    def action_warnings(self) -> None:
        from nomad_tui.ui.dialogs.warning_list import WarningList

        self.trouble.put_away(self.session.status)
        self.trouble.sync(self.session)
        self.app.push_screen(WarningList(self.session.status))

    def action_unreadable(self) -> None:
        from nomad_tui.ui.dialogs.unreadable import UnreadableLines

        self.app.push_screen(UnreadableLines(self.session.status))
