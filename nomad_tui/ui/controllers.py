"""What keys of the dashboard do beside filter and selection; most of it is made when it is first used."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Final

from nomad_tui.config.folders import FileError
from nomad_tui.config.kept import KeptMarks, Mark
from nomad_tui.core.history.history import History
from nomad_tui.core.readable import count
from nomad_tui.session import State
from nomad_tui.sources.source import Source, Stored
from nomad_tui.ui.dashboard import Dashboard, Demo, Switch
from nomad_tui.ui.filter.filtering import learn_language

if TYPE_CHECKING:
    from nomad_tui.config.connection import Connection
    from nomad_tui.ui.dialogs.first_run import FirstRun
    from nomad_tui.ui.dialogs.record import Recording
    from nomad_tui.ui.export_actions import ExportActions
    from nomad_tui.ui.overview.actions import OverviewActions
    from nomad_tui.ui.sinks.actions import SinkActions
    from nomad_tui.ui.watch.watching import Watching

NOT_A_CLUSTER: Final = "Only available when connected to a cluster."


class ConnectionActions:
    """What is not on the first picture is imported on demand: the picture does not wait for it."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        self._session = dashboard.session
        self._panes = dashboard.panes
        self._connections = dashboard.options.connections
        self._first_run: FirstRun | None = None

    def retry(self) -> None:
        from nomad_tui.sources.live import LiveServer

        source, history = self._session.source, self._session.history
        if isinstance(source, LiveServer):
            source.retry_now()
            newest = history.segment_of(history.end - 1).index[-1] if len(history) else 0
            resumed = f" from index {count(newest)}" if newest > 0 else ""
            self._panes.notify(f"Connecting again{resumed}.", markup=False, timeout=3)

    def switch(self) -> None:
        from nomad_tui.sources.live import LiveServer
        from nomad_tui.ui.dialogs.where import Where

        source = self._session.source
        if self._connections is None or not isinstance(source, LiveServer):
            self._panes.notify(NOT_A_CLUSTER, markup=False)
            return

        def chosen(connection: Connection | None) -> None:
            if connection is not None:
                self._end_with(Switch(connection, self._dashboard.filtering.text, self._panes.app.theme))

        page = Where(self._connections, source.connection, self._session.status.region)
        self._panes.app.push_screen(page, chosen)

    def _end_with(self, outcome: Switch | Demo) -> None:
        self._panes.app.exit(outcome)

    def examine(self) -> None:
        from nomad_tui.doctor.checks import examine
        from nomad_tui.sources.live import LiveServer
        from nomad_tui.ui.dialogs.text_page import DoctorPage

        source = self._session.source
        if not isinstance(source, LiveServer):
            self._panes.notify(NOT_A_CLUSTER, markup=False)
            return
        page = DoctorPage(source.name, lambda: examine(source.connection, source.subscription))
        self._panes.app.push_screen(page)

    def sync(self) -> None:
        """Shows the page of a first start while no server has been reached, and closes it once one is."""
        status = self._session.status
        if self._connections is None or self._connections.names_address:
            return
        is_lost = status.state in (State.RETRYING, State.REFUSED) and not status.been_connected
        if self._first_run is None and is_lost:
            from nomad_tui.ui.dialogs.first_run import FirstRun

            self._first_run = FirstRun(self._panes.screen, self._session, {"c": self.examine, "r": self.retry})
        if self._first_run is not None:
            self._first_run.consider(self._dashboard.filtering.text, self._end_with)


ROWS_AT_ONCE: Final = 50_000
"""Rows looked through for marks between two turns: about 2 ms."""


class MarkKeeper:
    """Finds the marks again while the events come, and writes them when one is set or removed."""

    def __init__(self, dashboard: Dashboard) -> None:
        """Without folders none are kept, nor for a source that is read only once, such as a server or a pipe."""
        name, folders = _kept_as(dashboard.session.source), dashboard.options.folders
        self._kept = None if folders is None or name is None else KeptMarks(folders.state, name)
        self._history = dashboard.session.history
        self._events = dashboard.panes.event_list
        self._sought: set[Mark] = set()
        """Marks of earlier runs whose events have not come yet."""
        self.trouble = self._read()
        """What kept earlier marks from being read, as sentences."""
        self._indexes = {mark.index for mark in self._sought}
        self._next = 0
        """The first row that was not looked at."""
        self._same: Counter[Mark] = Counter()

    def _read(self) -> str:
        if self._kept is None:
            return ""
        try:
            self._sought = set(self._kept.read())
        except FileError as error:
            self._kept = None
            return f"{error} Marks are kept until nomad-tui exits."
        return self._kept.trouble

    def restore(self) -> None:
        """Looks through some of the rows that came since."""
        history = self._history
        end = min(history.end, max(self._next, history.first) + ROWS_AT_ONCE)
        while self._sought and (start := max(self._next, history.first)) < end:
            segment = history.segment_of(start)
            stop = min(end, segment.first + len(segment.index))
            indexes = segment.index[start - segment.first : stop - segment.first]
            if not self._indexes.isdisjoint(indexes):
                found = [start + row for row, index in enumerate(indexes) if index in self._indexes]
                self._events.mark(sequence for sequence in found if self._is_sought(sequence))
            self._next = stop

    def _is_sought(self, sequence: int) -> bool:
        if self._history.gap(sequence) is not None:
            return False
        plain = _mark(self._history, sequence)
        self._same[plain] += 1
        mark = Mark(plain.index, plain.topic, plain.type, plain.namespace, plain.key, self._same[plain])
        is_sought = mark in self._sought
        self._sought.discard(mark)
        return is_sought

    def write(self) -> str:
        """What kept the marks from being written, as sentences; empty if nothing did."""
        if self._kept is None:
            return ""
        history = self._history
        marks = [_numbered(history, sequence) for sequence in self._events.marks if history.gap(sequence) is None]
        try:
            self._kept.write([*self._sought, *marks])
        except FileError as error:
            self._kept = None
            return f"{error} Marks are kept until nomad-tui exits."
        return ""


def _kept_as(source: Source) -> str | None:
    """The absolute paths of a recording or journal, by which the next run knows it; None for another source."""
    files = source.files if isinstance(source, Stored) else ()
    return "\n".join(str(path.absolute()) for path in files) or None


def _mark(history: History, sequence: int) -> Mark:
    event = history.event(sequence)
    return Mark(event.index, event.topic, event.type, event.namespace, event.key)


def _numbered(history: History, sequence: int) -> Mark:
    """With its place among the same of its index."""
    mark = _mark(history, sequence)
    number = 1
    for before in range(sequence - 1, history.first - 1, -1):
        segment = history.segment_of(before)
        if segment.index[before - segment.first] != mark.index:
            break
        number += history.gap(before) is None and _mark(history, before) == mark
    return Mark(mark.index, mark.topic, mark.type, mark.namespace, mark.key, number)


class Controllers:
    """The first picture does not wait for those that are made on demand, nor for what they import."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        self.connection = ConnectionActions(dashboard)
        self.marks = MarkKeeper(dashboard)

    async def prepare(self) -> None:
        """After the first picture, makes the parser of filters and reads the watch rules.

        Rules look at earlier events, too.
        """
        await self._dashboard.session.quiet()
        await asyncio.to_thread(learn_language)
        if self._dashboard.panes.is_ready:
            self.watching  # noqa: B018  # reads the rules

    def made(self, name: str) -> bool:
        """Whether one of them has been used."""
        return name in vars(self)

    @cached_property
    def export(self) -> ExportActions:
        from nomad_tui.ui.export_actions import ExportActions

        return ExportActions(self._dashboard)

    @cached_property
    def recording(self) -> Recording:
        from nomad_tui.ui.dialogs.record import Recording

        return Recording(self._dashboard)

    @cached_property
    def sinks(self) -> SinkActions:
        from nomad_tui.ui.sinks.actions import SinkActions

        return SinkActions(self._dashboard)

    @cached_property
    def watching(self) -> Watching:
        from nomad_tui.ui.watch.watching import Watching

        return Watching(self._dashboard)

    @cached_property
    def overview(self) -> OverviewActions:
        from nomad_tui.ui.overview.actions import OverviewActions

        return OverviewActions(self._dashboard)
