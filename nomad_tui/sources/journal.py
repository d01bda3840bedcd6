"""A journal as a source: what a runner wrote into it, and on request what the runner continues to write.

No server is asked for anything.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time_ns
from typing import Final

from nomad_tui.core.backoff import delays
from nomad_tui.core.readable import SECOND, duration
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.text import printable
from nomad_tui.core.topics import ALL
from nomad_tui.core.updates import Connected, Ended, Noted, Retrying, Update
from nomad_tui.core.wire import HEARTBEAT, Unreadable
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.reader import JournalReader, Overview
from nomad_tui.sources.journal_pages import Pages, opened
from nomad_tui.sources.source import Part
from nomad_tui.stream.start import Start

STREAM_LOST: Final = frozenset(("retrying", "refused"))
"""States of a runner's stream, by the names of `stream.status.State`, in which nothing can come."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between what a source does while it follows a journal."""

    poll: float = 0.2
    """Two looks whether something was committed: one number, read from memory that is shared."""
    look: float = 2.0
    """Two looks at how the runner is."""
    shortest_delay: float = 5.0
    """A runner's stop and the first look for another one: it may only be starting anew."""


class JournalSource:
    """A journal from a start to its end or, with `follow`, for as long as anybody reads it."""

    def __init__(
        self,
        path: Path,
        start: Start | None = None,
        *,
        subscription: Subscription | None = None,
        namespace: str = ALL,
        newest_events: int | None = None,
        follow: bool = False,
        pace: Pace | None = None,
    ) -> None:
        self.path = path
        self.part = Part(start or Start(), subscription or Subscription(), namespace, newest_events)
        self.follow = follow
        self._pace = pace or Pace()

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    @property
    def live(self) -> bool:
        return self.follow

    def scope(self, region: str | None) -> str:
        parts = [region, "journal"]
        if self.part.namespace != ALL:
            parts.append(f"namespace {self.part.namespace}")
        if not self.part.subscription.everything:
            parts.append(str(self.part.subscription))
        return " · ".join(part for part in parts if part)

    def check(self) -> None:
        """Raises `JournalError` for a file that is missing or cannot be read, before any screen is opened."""
        JournalReader(self.path).close()

    async def updates(self) -> AsyncGenerator[Update, None]:
        try:
            async with opened(self.path, self.part) as pages:
                overview = await pages.overview()
                runner = overview.runner if overview is not None else None
                region = (runner.region or None) if runner is not None else None
                yield Connected(self.name, region=region)
                while page := await pages.next():
                    for update in page:
                        yield update
                if self.follow:
                    async for update in self._following(pages, region):
                        yield update
        except JournalError as error:
            yield Unreadable(f"reading the journal failed: {error}", b"", 0, cut=True)
        yield Ended("end of journal")

    async def _following(self, pages: Pages, region: str | None) -> AsyncGenerator[Update, None]:
        """What is committed from now on, and how whoever commits it is; ends if the file is another one."""
        attempt = losses = heard = 0
        waits = delays(self._pace.shortest_delay)
        look_at = next_attempt = 0.0
        while True:
            if await pages.changed():
                while page := await pages.next():
                    for update in page:
                        yield update
            if (now := monotonic()) >= look_at:
                look_at = now + self._pace.look
                overview = await pages.overview()
                if overview is None:
                    yield Noted(
                        f"The journal {printable(self.name, 60)} was moved or replaced. Open it again to read more."
                    )
                    return
                trouble = _trouble(overview)
                if trouble is None:
                    if attempt:
                        losses += 1
                        attempt, next_attempt, waits = 0, 0.0, delays(self._pace.shortest_delay)
                        yield Connected(self.name, region=region, reconnects=losses)
                    if overview.runner is not None and overview.runner.heard != heard:
                        heard = overview.runner.heard
                        yield HEARTBEAT
                elif now >= next_attempt:
                    attempt += 1
                    delay = next(waits)
                    next_attempt = now + delay
                    yield Retrying(*trouble, delay, attempt)
            await asyncio.sleep(self._pace.poll)


def _trouble(overview: Overview) -> tuple[str, str] | None:
    """Why nothing can come, and what to do; None as far as all is well."""
    runner = overview.runner
    if runner is None:
        return "This journal is still empty.", f"{_START} New events appear here."
    which = f"The runner on {printable(runner.host, 60)} (process {runner.pid})"
    if not overview.alive:
        ago = duration(max(0, (time_ns() - runner.heard) // SECOND * SECOND))
        return f"{which} no longer writes to this journal: last seen {ago} ago.", f"{_START} {_SHOWN}"
    if runner.journal_trouble:
        return f"{which} cannot write to this journal: {printable(runner.journal_trouble, 230)}", _SHOWN
    if runner.state in STREAM_LOST:
        return f"{which} is disconnected: {printable(runner.what, 230)}", _SHOWN
    return None


_START: Final = "Start nomad-tui sink run or nomad-tui record."
_SHOWN: Final = "New events appear here."
