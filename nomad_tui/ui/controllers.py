"""Parts of the dashboard that are made when they are first used: the first picture does not wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from nomad_tui.config.folders import Folders
from nomad_tui.session import Session
from nomad_tui.ui.event.inspecting import Inspecting
from nomad_tui.ui.filter.filter_updates import FilterUpdates
from nomad_tui.ui.filter.filtering import Filtering, learn_language
from nomad_tui.ui.panes import Panes

if TYPE_CHECKING:
    from nomad_tui.ui.dialogs.record import Recording
    from nomad_tui.ui.export_actions import ExportActions
    from nomad_tui.ui.overview.actions import OverviewActions
    from nomad_tui.ui.sinks.actions import SinkActions
    from nomad_tui.ui.watch.watching import Watching


class Controllers:
    def __init__(
        self,
        screen: Screen[Any],
        session: Session,
        panes: Panes,
        filtering: Filtering,
        updates: FilterUpdates,
        inspecting: Inspecting,
        clock: Callable[[], int],
        folders: Folders | None,
        *,
        is_cluster: bool,
        seeds: bool,
    ) -> None:
        """`seeds` is whether the overview asks the server's lists once."""
        self._screen = screen
        self._session = session
        self._panes = panes
        self._filtering = filtering
        self._updates = updates
        self._inspecting = inspecting
        self._clock = clock
        self._folders = folders
        self._is_cluster = is_cluster
        self._seeds = seeds

    async def prepare(self) -> None:
        """Makes the parser of filters and reads the watch rules, which the first picture does not wait for."""
        await asyncio.to_thread(learn_language)
        if self._panes.is_ready:
            self.watching  # noqa: B018  # reads the rules

    def made(self, name: str) -> bool:
        """Whether one of them has been used."""
        return name in vars(self)

    @cached_property
    def export(self) -> ExportActions:
        from nomad_tui.ui.export_actions import ExportActions

        return ExportActions(self._panes, self._session, self._filtering, self._inspecting, self._clock)

    @cached_property
    def recording(self) -> Recording:
        from nomad_tui.ui.dialogs.record import Recording

        return Recording(self._screen, self._session)

    @cached_property
    def sinks(self) -> SinkActions:
        from nomad_tui.ui.sinks.actions import SinkActions

        return SinkActions(self._screen, self._session, self._inspecting, self._folders, is_cluster=self._is_cluster)

    @cached_property
    def watching(self) -> Watching:
        from nomad_tui.config.watch_rules import WatchRules
        from nomad_tui.sources.recording import Recording
        from nomad_tui.ui.watch.watching import Watching

        source = self._session.source
        live = source.live and not isinstance(source, Recording)  # a file that grows does not say when
        rules = WatchRules(None if self._folders is None else self._folders.config)
        return Watching(
            self._screen,
            self._filtering.view,
            self._panes.event_list,
            rules,
            self._inspecting.jump,
            live=live,
            clock=self._clock,
        )

    @cached_property
    def overview(self) -> OverviewActions:
        from nomad_tui.ui.overview.actions import OverviewActions

        return OverviewActions(
            self._session, self._filtering, self._updates, self._inspecting, self._clock, asks_lists=self._seeds
        )
