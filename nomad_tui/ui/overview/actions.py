"""Opens the overview, and applies what is chosen there."""

import asyncio
from typing import Final

from nomad_tui.core.overview.index import OverviewIndex
from nomad_tui.core.overview.listed import Seed
from nomad_tui.core.readable import count
from nomad_tui.core.text import printable
from nomad_tui.ui.dashboard import Dashboard
from nomad_tui.ui.event.inspected import EventView
from nomad_tui.ui.filter.filtering import ages_clock
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.overview.page import Chosen, OverviewPage
from nomad_tui.ui.status import Reaching, state_of

LONGEST_NAME: Final = 40
"""Characters of the cluster's name in the page's title."""


class OverviewActions:
    """Keeps the index when the page is closed."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._panes = dashboard.panes
        self._session = dashboard.session
        self._filtering = dashboard.filtering
        self._updates = dashboard.updates
        self._inspecting = dashboard.inspecting
        self._clock = dashboard.options.clock
        self._reads_lists = dashboard.options.seeds
        self._lists = ""
        """The result of reading the server's lists, shown after the number of problems."""
        self.index = OverviewIndex(dashboard.filtering.view.derived)

    async def read_lists(self) -> None:
        """Reads once, from a live server, what needed attention before the first event."""
        from nomad_tui.sources.live import LiveServer

        source = self._session.source
        if not self._reads_lists or not isinstance(source, LiveServer):
            return
        from nomad_tui.nomad.lists import MAX_OBJECTS, in_trouble
        from nomad_tui.nomad.questions import UnansweredError, first_answer

        self._reads_lists = False
        self._lists = "  reading the lists …"
        try:
            found = await first_answer(source.connection, in_trouble)
        except UnansweredError:
            self._reads_lists = True  # retried when the page is opened
            self._lists = "  the lists could not be read"
            return
        seed = Seed(found.objects)
        for _ in seed.forget_known(self._session.history):
            await asyncio.sleep(0)  # each decompresses a block of the history
        self.index.put_seed(seed)
        self._lists = "".join(
            f"  {what}: {', '.join(topics)}"
            for what, topics in (
                ("not readable", found.refused),
                ("empty or not readable", found.unproved),
                (f"only the first {count(MAX_OBJECTS)}", found.cut),
            )
            if topics
        )

    def show(self) -> None:
        self._panes.run_worker(self.read_lists, group="lists", description="reads what is in trouble")  # type: ignore[arg-type]
        self._panes.app.push_screen(self.page(), self.follow)

    def show_as_of_event(self) -> None:
        """Shows the overview as of the selected event; if there is none in memory, a notification."""
        self._inspecting.look()
        sequence = self._inspecting.sequence
        if sequence is None or sequence < self._session.history.first:
            hint = "No event is selected. Select one, then press {app.overview_as_of}."
            self._panes.notify(keymap_of(self._panes.app).text(hint), markup=False)
        else:
            self._panes.app.push_screen(self.page(sequence), self.follow)

    def page(self, as_of: int | None = None) -> OverviewPage:
        """The page as of now, or as of the event with this sequence number."""
        view, now = self._filtering.view, ages_clock(self._session, self._clock)
        return OverviewPage(
            self.index, view.history, now, view.timezone, as_of, lambda: self._lists, self._describe_source
        )

    def _describe_source(self) -> str:
        session = self._session
        connection = session.source.connection if isinstance(session.source, Reaching) else None
        name = session.status.to.removeprefix("http://")
        if connection is not None and connection.profile is not None:
            name = connection.profile.name
        return f"{state_of(session)[0]}  {printable(name, LONGEST_NAME)}"

    def follow(self, chosen: Chosen | None) -> None:
        """Filters by the chosen term, or opens the chosen event's timeline."""
        if chosen is None:
            return
        if chosen.term:
            self._updates.add(chosen.term)
        elif chosen.sequence is not None and chosen.sequence >= self._session.history.first:
            self._inspecting.jump(chosen.sequence)
            self._inspecting.go_to_view(EventView.TIMELINE)
