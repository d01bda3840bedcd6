"""State shared by the parts of the dashboard: the session, the panes, and the owners of filter and selection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from time import time_ns
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from nomad_tui.config.folders import Folders
from nomad_tui.session import Session, State
from nomad_tui.ui.event.inspecting import INSPECT_DELAY, Inspecting
from nomad_tui.ui.filter.filter_bar import FilterBar
from nomad_tui.ui.filter.filter_updates import APPLY_DELAY, FilterUpdates
from nomad_tui.ui.filter.filtering import Filtering
from nomad_tui.ui.panes import Panes
from nomad_tui.ui.terminal.garbage import QUIET

if TYPE_CHECKING:
    from nomad_tui.config.connection import Connection
    from nomad_tui.config.profiles import Connections


class Switch(msgspec.Struct, frozen=True):
    """The result of a dashboard whose operator has switched clusters; the next one starts with it."""

    connection: Connection
    filter_text: str
    theme: str


class Demo(msgspec.Struct, frozen=True):
    """The result of a dashboard whose operator has chosen the demo."""

    filter_text: str


Outcome: TypeAlias = Switch | Demo | None
"""The result of a dashboard."""


class DashboardOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a dashboard."""

    clock: Callable[[], int] = time_ns
    """Returns ns since 1970."""
    timezone: tzinfo | None = None
    """None for that of the settings, or else this machine's."""
    filter_text: str = ""
    folders: Folders | None = None
    """If None, settings are neither read nor stored."""
    namespace: str = ""
    """Selects the preset filter of that name."""
    reveal: bool = False
    """Whether secrets are shown."""
    connections: Connections | None = None
    """Connections to switch between; None for a recording, a journal, a NATS stream or the demo."""
    key_pause: float | None = None
    """Seconds without a key before the inspector and the filter are updated; None for their defaults."""
    seeds: bool = True
    """Whether the overview reads the server's lists once."""
    collects_after: float = QUIET
    """Seconds without a key or an event before garbage is collected."""


class Dashboard:
    """Passed to each part that acts on more than one pane."""

    def __init__(
        self, session: Session, panes: Panes, filter_bar: FilterBar, filtering: Filtering, options: DashboardOptions
    ) -> None:
        self.session = session
        self.panes = panes
        self.filter_bar = filter_bar
        self.filtering = filtering
        self.options = options
        pause = options.key_pause
        self.inspecting = Inspecting(panes, session.history, INSPECT_DELAY if pause is None else pause)
        self.updates = FilterUpdates(
            panes, filter_bar, filtering, self.inspecting, APPLY_DELAY if pause is None else pause
        )

    @property
    def is_finished(self) -> bool:
        """Whether no more events can arrive, as in a recording that has been read."""
        return self.session.status.state is State.ENDED
