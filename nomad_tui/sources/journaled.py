"""A live server whose past is in a journal: first what the journal holds, then the stream, joined where they meet.

What the server sends again of the journal's newest frames is dropped, which proves that nothing is missing between the
two. While a runner writes to the same journal, it may hold what the server has dropped meanwhile; so before a gap is
shown where they meet, the journal is looked at again.
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

MOST_JOININGS: Final = 5
"""How often the journal is gone back to for what the server no longer holds, before a gap is shown."""


class JournaledLive(LiveServer):
    """To be used as the live server that it is, and read once."""

    def __init__(
        self,
        path: Path,
        connection: Connection,
        subscription: Subscription | None = None,
        settings: Settings | None = None,
        *,
        newest_events: int | None = None,
    ) -> None:
        """The journal's part that is read is that which the connection and `settings.start` name, and of it only the
        newest events, about so many. Where there is none of it, the live stream has that start."""
        super().__init__(connection, subscription, settings)
        self.path = path
        self._part = Part(self.settings.start, self.subscription, connection.namespace, newest_events)
        self._newest = SeenFrames()
        self._page: list[Update] = []
        """Read from the journal and not passed on yet."""
        self._broken = False

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    def scope(self, region: str | None) -> str:
        return f"{super().scope(region)} · journal"

    def check(self) -> None:
        """Raises `JournalError` for a journal that is missing or cannot be read, before any screen is opened."""
        JournalReader(self.path).close()

    async def updates(self) -> AsyncGenerator[Update, None]:
        async with AsyncExitStack() as stack:
            pages: Pages | None = None
            try:
                pages = await stack.enter_async_context(opened(self.path, self._part))
            except JournalError as error:
                yield Noted(str(error))
            for joinings_left in reversed(range(MOST_JOININGS)):
                async with aclosing(self._past(pages)) as past:
                    async for update in past:
                        yield update
                self._seen = tuple(self._newest)
                self._seen_until = await _read_until(pages)
                joined = False
                async with aclosing(super().updates()) as updates:
                    async for update in updates:
                        if not joined and isinstance(update, Gap) and update.reason is GapReason.BUFFER:
                            if joinings_left and await self._goes_on(pages):
                                break
                            joined = True
                        joined = joined or isinstance(update, Frame)
                        yield update
                    else:
                        return

    async def _past(self, pages: Pages | None) -> AsyncGenerator[Update, None]:
        """What the journal holds and was not read yet."""
        while self._page or await self._goes_on(pages):
            yield Connecting(self.name)  # that this takes a while is no silence of the server's
            page, self._page = self._page, []
            for update in page:
                self._newest.take(update)
                yield update

    async def _goes_on(self, pages: Pages | None) -> bool:
        """Whether there is more in the journal than was read."""
        if pages is None or self._broken:
            return False
        try:
            self._page = await pages.next()
        except JournalError as error:
            self._broken = True
            self._page = [Noted(str(error))]
        return bool(self._page)


async def _read_until(pages: Pages | None) -> int | None:
    """When the journal's writer last read the stream, in ns since 1970; None if that is not known."""
    if pages is None:
        return None
    try:
        overview = await pages.overview()
    except JournalError:
        overview = None
    heard = overview.runner.heard if overview is not None and overview.runner is not None else 0
    return max(pages.received, heard) or None
