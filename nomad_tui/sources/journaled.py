"""A live server whose history is in a journal: the journal's records, then the stream, joined without repeats.

The server sends the journal's newest frames again. They are dropped, and prove that nothing is missing in between.
While a runner writes to the same journal, it may hold what the server has dropped meanwhile, so the journal is read
again before a gap between the two is shown.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Final

from nomad_tui.config.connection import Connection
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Connecting, Gap, GapReason, Noted, Update
from nomad_tui.core.wire import Frame
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.reader import JournalReader
from nomad_tui.sources.journal import Pages, opened
from nomad_tui.sources.live import LiveServer, SeenFrames
from nomad_tui.sources.source import Part
from nomad_tui.stream.settings import Settings

MAX_REJOINS: Final = 5
"""How often the journal is read again before a gap is shown."""


class JournaledLive(LiveServer):
    """Used like any live server, but can be read only once."""

    def __init__(
        self,
        path: Path,
        connection: Connection,
        subscription: Subscription | None = None,
        settings: Settings | None = None,
        *,
        newest_events: int | None = None,
    ) -> None:
        """The connection and `settings.start` select the part of the journal to read, and `newest_events` limits it to
        about that many. If that part is empty, the live stream has that start."""
        super().__init__(connection, subscription, settings)
        self.path = path
        self._part = Part(self.settings.start, self.subscription, connection.namespace, newest_events)
        self._newest = SeenFrames()
        self._page: list[Update] = []
        """Updates read from the journal and not yielded yet."""
        self._broken = False

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    def scope(self, region: str | None) -> str:
        return f"{super().scope(region)} · journal"

    def check(self) -> None:
        """Raises `JournalError` if the journal is missing or unreadable; called before the dashboard opens."""
        JournalReader(self.path).close()

    async def updates(self) -> AsyncGenerator[Update, None]:
        async with AsyncExitStack() as stack:
            pages: Pages | None = None
            try:
                pages = await stack.enter_async_context(opened(self.path, self._part))
            except JournalError as error:
                yield Noted(str(error))
            for rejoins_left in reversed(range(MAX_REJOINS)):
                async with aclosing(self._unread_records(pages)) as past:
                    async for update in past:
                        yield update
                self._seen = tuple(self._newest)
                self._seen_until = await _read_until(pages)
                joined = False
                async with aclosing(super().updates()) as updates:
                    async for update in updates:
                        if not joined and isinstance(update, Gap) and update.reason is GapReason.BUFFER:
                            if rejoins_left and await self._read_page(pages):
                                break
                            joined = True
                        joined = joined or isinstance(update, Frame)
                        yield update
                    else:
                        return

    async def _unread_records(self, pages: Pages | None) -> AsyncGenerator[Update, None]:
        """Journal records that have not been read yet."""
        while self._page or await self._read_page(pages):
            yield Connecting(self.name)  # so that a long read does not look like a silent server
            page, self._page = self._page, []
            for update in page:
                self._newest.take(update)
                yield update

    async def _read_page(self, pages: Pages | None) -> bool:
        """Reads the next page of the journal. Returns whether there is one."""
        if pages is None or self._broken:
            return False
        try:
            self._page = await pages.next()
        except JournalError as error:
            self._broken = True
            self._page = [Noted(str(error))]
        return bool(self._page)


async def _read_until(pages: Pages | None) -> int | None:
    """When the journal's writer last read the stream, in ns since 1970; None if unknown."""
    if pages is None:
        return None
    try:
        overview = await pages.overview()
    except JournalError:
        overview = None
    heard = overview.runner.heard if overview is not None and overview.runner is not None else 0
    return max(pages.received, heard) or None
