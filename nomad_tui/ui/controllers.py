"""The controllers of the dashboard's actions other than filter and selection; most are created when first used."""

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
    """Creates controllers, and imports their modules, on demand, so that the first drawing is not delayed."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        self.connection = ConnectionActions(dashboard)
        self.marks = MarkKeeper(dashboard)

    async def prepare(self) -> None:
        """After the first drawing, builds the filter parser and loads the watch rules.

        The rules also match events received before.
        """
        await self._dashboard.session.quiet()
        await asyncio.to_thread(load_parser)
        if self._dashboard.panes.is_ready:
            self.watching  # noqa: B018  # loads the rules

    def made(self, name: str) -> bool:
        """Whether the controller with this name has been created."""
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
