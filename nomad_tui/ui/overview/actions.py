"""What the dashboard does with the overview: it opens the page, and follows what is chosen there."""

import asyncio
from collections.abc import Callable

from nomad_tui.core.history.event_row import latest_moment
from nomad_tui.core.overview.index import OverviewIndex
from nomad_tui.core.overview.seed import Seed
from nomad_tui.core.readable import count
from nomad_tui.session import Session
from nomad_tui.ui.event.inspected import EventView
from nomad_tui.ui.event.inspecting import Inspecting
from nomad_tui.ui.filter.filter_updates import FilterUpdates
from nomad_tui.ui.filter.filtering import Filtering
from nomad_tui.ui.overview.page import Chosen, OverviewPage


class OverviewActions:
    """Keeps the index between two openings of the page."""

    def __init__(
        self,
        session: Session,
        filtering: Filtering,
        updates: FilterUpdates,
        inspecting: Inspecting,
        clock: Callable[[], int],
        *,
        asks_lists: bool = True,
    ) -> None:
        """`asks_lists` is whether the server is asked once for what is in trouble already."""
        self._session = session
        self._filtering = filtering
        self._updates = updates
        self._inspecting = inspecting
        self._clock = clock
        self._asks_lists = asks_lists
        self._lists = ""
        """What came of asking the lists, after the number of troubles."""
        self.index = OverviewIndex(filtering.view.derived)

    async def ask_lists(self) -> None:
        """Asks a live server, the first time, for what was in trouble before the first event."""
        from nomad_tui.sources.live import LiveServer

        source = self._session.source
        if not self._asks_lists or not isinstance(source, LiveServer):
            return
        from nomad_tui.nomad.asking import UnansweredError, first_answer
        from nomad_tui.nomad.lists import MOST_OBJECTS, in_trouble

        self._asks_lists = False
        self._lists = "  asking the lists …"
        try:
            found = await first_answer(source.connection, in_trouble)
        except UnansweredError:
            self._asks_lists = True  # the next opening of the page tries again
            self._lists = "  the lists could not be asked"
            return
        seed = Seed(found.objects)
        for _ in seed.forget_known(self._session.history):
            await asyncio.sleep(0)  # each takes a block of the history to be unpacked
        self.index.put_seed(seed)
        self._lists = "".join(
            f"  {what}: {', '.join(topics)}"
            for what, topics in (
                ("not readable", found.refused),
                ("empty or not readable", found.unproved),
                (f"only the first {count(MOST_OBJECTS)}", found.cut),
            )
            if topics
        )

    def page(self, as_of: int | None = None) -> OverviewPage:
        """The page as of now, or of a row of the list."""
        view = self._filtering.view
        return OverviewPage(self.index, view.history, self._now, view.timezone, as_of, lambda: self._lists)

    def page_as_of_event(self) -> OverviewPage | None:
        """The page as of the event that is inspected; None where none is held."""
        self._inspecting.look()
        sequence = self._inspecting.sequence
        if sequence is None or sequence < self._session.history.first:
            return None
        return self.page(sequence)

    def _now(self) -> int:
        """What ages are relative to: the end of a recording; live, this machine's clock."""
        if self._session.source.live:
            return self._clock()
        return latest_moment(self._session.history) or self._clock()

    def follow(self, chosen: Chosen | None) -> None:
        """Does what was chosen on the page."""
        if chosen is None:
            return
        if chosen.term:
            self._updates.add(chosen.term)
        elif chosen.sequence is not None and chosen.sequence >= self._session.history.first:
            self._inspecting.jump(chosen.sequence)
            self._inspecting.go_to_view(EventView.TIMELINE)
