"""What keys of the dashboard do beside filter and selection; most of it is made when it is first used."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING

from nomad_tui.ui.connection_actions import ConnectionActions
from nomad_tui.ui.dashboard import Dashboard
from nomad_tui.ui.filter.filtering import load_parser
from nomad_tui.ui.kept_marks import MarkKeeper

if TYPE_CHECKING:
    from nomad_tui.ui.dialogs.record import Recording
    from nomad_tui.ui.export_actions import ExportActions
    from nomad_tui.ui.overview.actions import OverviewActions
    from nomad_tui.ui.sinks.actions import SinkActions
    from nomad_tui.ui.watch.watching import Watching


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
        await asyncio.to_thread(load_parser)
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
