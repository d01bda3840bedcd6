"""Updates the dashboard from the session: the event list often, everything else less often."""

from time import perf_counter
from typing import Final

from nomad_tui.core.text import printable
from nomad_tui.ui.controllers import Controllers
from nomad_tui.ui.dashboard import Dashboard
from nomad_tui.ui.filter.filtering import FORWARD_SLICE, PREPARATION_SLICE
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.status import Header, Trouble

FLOODED_INTERVAL: Final = 1.0
"""Seconds between two updates of the list during a flood of events, when it cannot be read anyway."""
BUILDING_SLICE: Final = 0.01
"""Seconds per tick spent building rows: building a screenful at once would delay keys."""
HEADER_TICKS: Final = 5
"""Ticks between two updates of the header and the counts."""
NEWEST_TICKS: Final = 20
"""Ticks between two updates of the inspector while it shows the newest event; more often could not be read."""
MAX_NOTES_PER_TICK: Final = 3
"""Notifications per tick; the last one contains the remaining notes."""
AGES_TICKS: Final = 200
"""Ticks between two updates of the ages in the payload."""
LEARN_TICKS: Final = 40
"""Ticks between two scans of the newest payloads for completion, while the filter line has the focus."""


class Ticker:
    """Updates each part every so many ticks."""

    def __init__(self, dashboard: Dashboard, controllers: Controllers, header: Header, trouble: Trouble) -> None:
        self._dashboard = dashboard
        self._session = dashboard.session
        self._panes = dashboard.panes
        self._filtering = dashboard.filtering
        self._updates = dashboard.updates
        self._inspecting = dashboard.inspecting
        self._filter_bar = dashboard.filter_bar
        self._controllers = controllers
        self._header = header
        self._trouble = trouble
        self._ticks = 0
        self.received = 0
        """Number of events received by the last tick."""
        self._drawn_at = 0.0
        """`perf_counter()` of the last update of the list."""
        self._has_ended = False
        """Whether the recording's end, which ages are relative to, was known at the last update."""

    def tick(self) -> None:
        if not self._panes.is_ready:
            return
        received = self._session.history.received_events
        flooded = self._session.pace.is_flooded
        if self._filtering.is_applied and not (self._filtering.only_counts and self._filtering.must_wait):
            if self._filtering.advance(FORWARD_SLICE):
                self._updates.begin_search()
            elif received == self.received:
                self._filtering.prepare(PREPARATION_SLICE)
        if self._filter_bar.line.has_focus and not self._filtering.view.counts_facets:
            self._filter_bar.seen.read_facts(PREPARATION_SLICE)
        if self._controllers.made("watching"):
            self._controllers.watching.advance()
        now = perf_counter()
        events = self._panes.event_list
        if (not flooded or now >= self._drawn_at + FLOODED_INTERVAL) and events.prepare(BUILDING_SLICE):
            self._drawn_at = now
            events.sync()
            self._inspecting.advance()
        has_just_ended = self._dashboard.is_finished and received != self.received
        if has_just_ended or self._ticks % (HEADER_TICKS * (4 if flooded else 1)) == 0:
            self.sync()
        elif received and not self.received:  # the header must not count fewer events than the list shows
            self._sync_header()
        self.received = received
        self._ticks += 1

    def sync(self) -> None:
        """Updates everything but the event list, which is updated more often."""
        session = self._session
        status = session.status
        if self._controllers.made("recording"):  # otherwise Ctrl+R was never pressed
            self._controllers.recording.sync()
        self._sync_header()
        self._trouble.sync(session)
        self._controllers.marks.restore()
        self._controllers.connection.sync()
        self._filtering.view.counts_facets = self._panes.topics.is_on_screen
        self._filtering.set_region(status.region or "")
        if self._controllers.made("watching"):
            self._controllers.watching.watcher.know_region(status.region or "")
        self._notify_notes()
        self._panes.topics.sync(
            session.history.topic_counts,
            self._filtering.view.counts,
            not self._filtering.view.facets_complete,
            status.permissions,
            frozenset(status.harmful_topics),
        )
        if self._filter_bar.line.has_focus and self._ticks % LEARN_TICKS == 0:
            self._filter_bar.seen.look()
        self._updates.show_matches()
        self._panes.event_list.server_region = status.region or ""
        self._panes.event_list.hint = keymap_of(self._panes.app).text(self._filtering.why_empty())
        newest_every = NEWEST_TICKS * (3 if session.pace.is_flooded else 1)
        is_typing = self._filter_bar.line.has_focus and session.pace.has_keys
        if self._panes.event_list.cursor is None and self._ticks % newest_every == 0 and not is_typing:
            self._inspecting.look()
        self._panes.inspector.description.show_newest()
        self._inspecting.release_hidden()
        self._inspecting.show_place()
        has_just_ended = self._dashboard.is_finished and not self._has_ended
        self._has_ended = self._dashboard.is_finished
        if self._ticks % AGES_TICKS == 0 or has_just_ended:
            self._panes.inspector.update_ages()
            chosen = self._filtering.filter
            if chosen.has_ages or (has_just_ended and chosen.is_relative):
                self._updates.apply()

    def _sync_header(self) -> None:
        scope = self._session.source.scope(self._session.status.region)
        self._header.sync(self._session, scope, self._panes.event_list.viewport.mode)

    def _notify_notes(self) -> None:
        notes = [printable(note, 300) for note in self._session.status.notes]
        self._session.status.notes.clear()
        if len(notes) > MAX_NOTES_PER_TICK:
            notes[MAX_NOTES_PER_TICK - 1 :] = ["\n".join(notes[MAX_NOTES_PER_TICK - 1 :])]
        for note in notes:
            self._panes.notify(note, markup=False, timeout=10)
