"""Actions on the connection: retry, switch and examine; and the page of a first start without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nomad_tui.core.readable import count
from nomad_tui.session import State
from nomad_tui.ui.dashboard import Dashboard, Demo, Switch

if TYPE_CHECKING:
    from nomad_tui.config.connection import Connection
    from nomad_tui.ui.dialogs.first_run import FirstRun

NOT_A_CLUSTER: Final = "Only available when connected to a cluster."


class ConnectionActions:
    """Imports on demand what the first drawing does not need."""

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
        elif self._session.not_yet:
            self._panes.notify(self._session.not_yet, markup=False)

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
            self._panes.notify(self._session.not_yet or NOT_A_CLUSTER, markup=False)
            return
        page = DoctorPage(source.name, lambda: examine(source.connection, source.subscription))
        self._panes.app.push_screen(page)

    def sync(self) -> None:
        """Shows the page of a first start until a server has been reached."""
        status = self._session.status
        if self._connections is None or self._connections.names_address:
            return
        is_lost = status.state in (State.RETRYING, State.REFUSED) and not status.been_connected
        if self._first_run is None and is_lost:
            from nomad_tui.ui.dialogs.first_run import FirstRun

            self._first_run = FirstRun(self._panes.screen, self._session, {"c": self.examine, "r": self.retry})
        if self._first_run is not None:
            self._first_run.consider(self._dashboard.filtering.text, self._end_with)
