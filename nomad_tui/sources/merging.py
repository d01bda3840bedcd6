"""Merges recordings of one cluster by index, and drops what several of them hold."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Final

import msgspec

from nomad_tui.core.capture.wrapped import one_line
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.repeats import unseen, written_at
from nomad_tui.core.updates import Update
from nomad_tui.core.wire import Event, Frame, decode

_ID: Final = lazy_pattern(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NO_ID: Final = b"00000000-0000-0000-0000-000000000000"
SAME_TIME: Final = 5_000_000_000
"""ns by which the clocks of a cluster's servers may differ."""


class Sample(msgspec.Struct, frozen=True):
    """An index and its time in ns since 1970, by a server's clock."""

    index: int
    written: int


def samples(frames: Sequence[Frame]) -> Iterator[Sample]:
    for frame in frames:
        compact = decode(one_line(frame.line, always=True))
        written = written_at(compact.events, frame.index) if isinstance(compact, Frame) else None
        if written is not None:
            yield Sample(frame.index, written)


def are_of_one_cluster(recordings: Sequence[Sequence[Sample]]) -> bool:
    """Whether times rise with the indexes across all recordings; a recording without times does not contradict that."""
    latest = 0
    last = -1
    for sample in sorted((each for recording in recordings for each in recording), key=_by_index):
        if sample.written < latest - SAME_TIME or (sample.index == last and sample.written > latest + SAME_TIME):
            return False
        latest, last = max(latest, sample.written), sample.index
    return True


def share_ids(recordings: Sequence[Sequence[Frame]]) -> bool:
    """Whether shared generated IDs connect all recordings, directly or through others."""
    found = [{match[0] for frame in frames for match in _ID.finditer(frame.line)} - {_NO_ID} for frames in recordings]
    joined, apart = found[0], found[1:]
    while linked := [ids for ids in apart if not joined.isdisjoint(ids)]:
        joined = joined.union(*linked)
        apart = [ids for ids in apart if ids not in linked]
    return not apart


def _by_index(sample: Sample) -> tuple[int, int]:
    return sample.index, sample.written


class _Head:
    """The next frame of one recording."""

    def __init__(self, updates: AsyncGenerator[Update, None], position: int) -> None:
        self._updates = updates
        self._position = position
        self._histories = 0
        """How often its indexes have gone back."""
        self._index = 0
        self.frame: Frame | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Position of its next frame in the merged order."""
        return self._histories, self._index

    @property
    def order(self) -> tuple[tuple[int, int], int]:
        return self.place, self._position

    async def advance(self) -> AsyncGenerator[Update, None]:
        """Moves to the next frame, and yields the updates before it."""
        self.frame = None
        async for update in self._updates:
            if isinstance(update, Frame):
                # A frame without an index keeps the position of the one before it.
                if 0 <= update.index < self._index:
                    self._histories += 1
                self._index = max(update.index, 0) or self._index if update.index < 0 else update.index
                self.frame = update
                return
            yield update


async def merged(recordings: Sequence[AsyncGenerator[Update, None]]) -> AsyncGenerator[Update, None]:
    """The frames of all recordings by index. For the same index, the first recording's frames come first, then those
    events of the others that it lacks."""
    async with AsyncExitStack() as stack:
        heads = [
            _Head(await stack.enter_async_context(aclosing(updates)), position)
            for position, updates in enumerate(recordings)
        ]
        for head in heads:
            async for update in head.advance():
                yield update
        while heads := [head for head in heads if head.frame is not None]:
            place = min(head.place for head in heads)
            seen: list[list[Event]] = []
            for head in sorted((each for each in heads if each.place == place), key=lambda each: each.order):
                left = [list(events) for events in seen]
                shown: list[list[Event]] = []
                while (frame := head.frame) is not None and head.place == place:
                    new = unseen(frame.events, left) if left else frame.events
                    if len(new) == len(frame.events):
                        yield frame
                    elif new:
                        yield frame.with_events(new)
                    shown.append(list(new))
                    async for update in head.advance():
                        yield update
                seen += shown
