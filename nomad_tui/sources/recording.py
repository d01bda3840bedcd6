"""Recordings as a source: files, pipes and archives of events, in any supported format.

The format is detected from a file's first bytes, not its name (`core.capture`). Files of one cluster are merged by
index.
"""

import asyncio
import os
import sys
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from time import time_ns
from typing import BinaryIO, Final

from nomad_tui.core.capture import NDJSON, Capture
from nomad_tui.core.limits import DEFAULT_MAX_LINE
from nomad_tui.core.objects.registry import frame_moment
from nomad_tui.core.readable import SECOND, duration
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.text import printable
from nomad_tui.core.topics import ALL
from nomad_tui.core.updates import Connected, Ended, Gap, GapReason, Noted, Update
from nomad_tui.core.wire import Frame, Unreadable
from nomad_tui.sources.finding import RecordingError, find, is_pipe, reason, unlike
from nomad_tui.sources.merging import are_of_one_cluster, merged, samples, share_ids
from nomad_tui.sources.source import Part
from nomad_tui.sources.unpacking import (
    CHUNK_BYTES,
    EVENT_STREAM,
    READ_ERRORS,
    Document,
    Growing,
    Interruptible,
    Opened,
    is_event_stream,
)
from nomad_tui.stream.start import STANDARD_INPUT, Start

ONE_CLUSTER: Final = "they share IDs, so they are of one cluster."
UNPROVEN: Final = (
    "nothing in their first 10,000 frames proves or contradicts that they are of one cluster. "
    "If they are not, open each separately."
)
SAMPLED: Final = (400, 10_000)
"""Frames at the start of each recording that are compared to see whether they are of one cluster. The larger number is
used if the smaller proves nothing."""
SAMPLED_BYTES: Final = 64 * 1024 * 1024
"""Limit per recording."""
LAST_FRAMES: Final = 1_000
"""Frames at the end of each recording that are searched for the time of its end."""
LONGEST_NAME: Final = 120


class Recording:
    """Files read as if one server had sent them, from start to end.

    A pipe (`-`) is shown as it grows, and so is a file with `follow`.
    """

    def __init__(
        self,
        paths: Sequence[str],
        max_line: int = DEFAULT_MAX_LINE,
        standard_input: BinaryIO | None = None,
        *,
        follow: bool = False,
        start: Start | None = None,
        subscription: Subscription | None = None,
        namespace: str = ALL,
    ) -> None:
        self.paths = tuple(paths)
        self.max_line = max_line
        self.follow = follow
        self.part = Part(start or Start(), subscription or Subscription(), namespace)
        self._standard_input = standard_input
        self._documents: list[Document] | None = None
        self._kinds: dict[str, None] = {}
        """Formats found so far, in that order."""
        self._read_any = False
        self._failed = False
        self._is_truncated = False

    @property
    def name(self) -> str:
        if self.paths == (STANDARD_INPUT,):
            return "standard input"
        first = Path(self.paths[0]).name or self.paths[0]
        return first if len(self.paths) == 1 else f"{first} and {len(self.paths) - 1} more"

    @property
    def is_pipe(self) -> bool:
        """Whether any part can be read only once."""
        return any(map(is_pipe, self.paths))

    @property
    def files(self) -> tuple[Path, ...]:
        return () if self.is_pipe else tuple(map(Path, self.paths))

    @property
    def live(self) -> bool:
        return self.follow

    def scope(self, region: str | None) -> str:
        return " · ".join(["recording", *list(self._kinds)[:1], *(["…"] if len(self._kinds) > 1 else [])])

    def check(self) -> None:
        """Raises `RecordingError` if a path is missing or not a recording; called before the dashboard opens."""
        self._documents = [document for path in self.paths for document in self._documents_at(path)]

    def _documents_at(self, path: str) -> list[Document]:
        """The documents at a path. Raises `RecordingError`."""
        found = find(path, self.max_line, follow=self.follow)
        if found[0].path != path:  # a document inside the directory
            self._kinds.setdefault("nomad operator debug")
        return found

    async def updates(self) -> AsyncGenerator[Update, None]:
        if self._documents is None:
            self._documents = await asyncio.to_thread(self._find_documents)
        end = None
        if self.part.start.since is not None and not self.follow and not self.is_pipe:
            end = await self._newest_time(self._documents)
            if end is not None:
                at = datetime.fromtimestamp(end // SECOND)
                yield Noted(f"--since counts back from the recording's end, {at:%Y-%m-%d %H:%M:%S}.")
        wanted = _PartFilter(self.part, end)
        async with aclosing(self._read(self._documents)) as updates:
            async for update in updates:
                if not isinstance(update, Frame):
                    yield update
                elif (frame := wanted.of(update)) is not None:
                    yield frame
        if note := wanted.note():
            yield Noted(f"{printable(self.name, LONGEST_NAME)}: {note}")
        count = len(self.paths)
        yield Ended(
            "end of recording" if count == 1 else f"{count} recordings were read to their ends",
            failed=self._failed and not self._read_any,
            is_truncated=self._is_truncated,
        )

    def _find_documents(self) -> list[Document]:
        found: list[Document] = []
        for path in self.paths:
            try:
                found += self._documents_at(path)
            except RecordingError:
                found.append(Document(path))  # the error is reported when its turn comes
        return found

    async def _read(self, documents: Sequence[Document]) -> AsyncGenerator[Update, None]:
        """All documents, with gaps; those of one cluster are merged."""
        files = [each for each in documents if not is_pipe(each.path)]
        pipes = [each for each in documents if is_pipe(each.path)]
        groups = [[each] for each in files]
        if len(files) > 1:
            shares = None
            for sampled in SAMPLED:
                shares = await self._are_of_one_cluster(files, sampled)
                if shares is not False:
                    break
            if shares is not None:
                groups = [files]
                if len({each.path for each in files}) > 1:
                    yield Noted(f"{len(files)} recordings are merged by index: {ONE_CLUSTER if shares else UNPROVEN}")
            else:
                yield Noted(
                    "The recordings are of different or rebuilt clusters, so they are read one after the other."
                )
        for group in [*groups, *([each] for each in pipes)]:
            yield Connected(group[0].name if len(group) == 1 else self.name)
            last = 0
            frames = self._updates(group[0]) if len(group) == 1 else merged([self._updates(each) for each in group])
            async with aclosing(frames) as updates:
                async for update in updates:
                    if isinstance(update, Frame):
                        if not update.events and (recorded := Gap.of_line(update.line)) is not None:
                            # The next frame shows that the server was rebuilt.
                            if recorded.reason is not GapReason.REBUILT and self.part.of(recorded) is not None:
                                yield recorded
                            continue
                        # A lower index is the start of another or an older server: a recording does not repeat itself.
                        if 0 <= update.index < last:
                            yield Gap(GapReason.REBUILT, last, update.index, 0.0)
                        last = update.index if update.index >= 0 else last
                    yield update

    async def _newest_time(self, documents: Sequence[Document]) -> int | None:
        """The time of the newest event that has one, in ns since 1970."""
        kinds = dict(self._kinds)
        newest: list[int] = []
        for document in documents:
            last: deque[Frame] = deque(maxlen=LAST_FRAMES)
            async with aclosing(self._updates(document)) as updates:
                async for update in updates:
                    if isinstance(update, Frame):
                        last.append(update)
            newest += [moment for frame in last if (moment := frame_moment(frame)) is not None]
        self._kinds, self._read_any, self._failed, self._is_truncated = kinds, False, False, False
        return max(newest, default=None)

    async def _are_of_one_cluster(self, documents: Sequence[Document], sampled: int) -> bool | None:
        """None if the first frames contradict that they are of one cluster, True if they prove it, False otherwise."""
        found: list[list[Frame]] = []
        kinds = dict(self._kinds)
        for document in documents:
            frames: list[Frame] = []
            size = 0
            async with aclosing(self._updates(document)) as updates:
                async for update in updates:
                    if isinstance(update, Frame):
                        frames.append(update)
                        size += len(update.line)
                    if len(frames) >= sampled or size > SAMPLED_BYTES:
                        break
            found.append(frames)
        self._kinds, self._read_any, self._failed = kinds, False, False

        def compared() -> bool | None:
            return share_ids(found) if are_of_one_cluster([list(samples(frames)) for frames in found]) else None

        return await asyncio.to_thread(compared)

    async def _updates(self, document: Document) -> AsyncGenerator[Update, None]:
        """The updates of one document, without gaps."""
        capture = Capture(self.max_line)
        before = ""
        trouble: Unreadable | None = None
        try:
            async with aclosing(self._chunks(document)) as chunks:
                async for member, chunk in chunks:
                    if isinstance(chunk, str):
                        yield Noted(chunk)
                        continue
                    if member != before:
                        if before:
                            for update in self._finish(document, before, capture):
                                yield update
                        capture, before = Capture(self.max_line), member
                    known = capture.read_any
                    for found in capture.feed(chunk):
                        if not known:
                            known = True
                            for update in self._note_format(document, member, capture):
                                yield update
                        yield found
        except READ_ERRORS as error:
            trouble = Unreadable(f"reading the recording failed: {reason(error)}", b"", 0, cut=True)
        for update in self._finish(document, before, capture):
            yield update
        if trouble is not None:
            self._failed = self._is_truncated = True
            yield trouble

    def _note_format(self, document: Document, member: str, capture: Capture) -> Iterator[Update]:
        """Notes the format, and yields a note if it is not plain NDJSON."""
        self._read_any = True
        kind = capture.kind
        name = printable(document.name, LONGEST_NAME)
        if member:
            self._kinds.setdefault("nomad operator debug")
            yield Noted(f"{name} is an archive of nomad operator debug: {printable(member, LONGEST_NAME)} is read.")
        else:
            self._kinds.setdefault(kind)
            if kind != NDJSON:
                yield Noted(f"{name} is read as {kind}.")

    def _finish(self, document: Document, member: str, capture: Capture) -> Iterator[Update]:
        known = capture.read_any
        for found in capture.finish():
            if not known:
                known = True
                yield from self._note_format(document, member, capture)
            yield found
        if capture.skipped and capture.read_any:
            one = capture.skipped == 1
            lines = "1 line without events was" if one else f"{capture.skipped:,} lines without events were"
            yield Noted(f"{printable(document.name, LONGEST_NAME)}: {lines} left out.")
        if not capture.read_any and not capture.is_empty:
            self._failed = True
            if all(each.cut for each in capture.unread):
                yield from capture.unread
            else:
                yield Unreadable(unlike(document.name, capture).removesuffix("."), b"", 0, cut=True)

    async def _chunks(self, document: Document) -> AsyncGenerator[tuple[str, bytes | str], None]:
        """A document's decompressed bytes in chunks of at most `CHUNK_BYTES`, each with the name of its archive member;
        and notes on a followed file, such as its rotation."""
        waiting = await asyncio.to_thread(self._open, document)
        try:
            pieces = _pieces(waiting, document)
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                if isinstance(waiting, Growing):
                    while waiting.notes:
                        yield "", waiting.notes.pop(0)
                yield piece
        finally:
            waiting.interrupt()

    def _open(self, document: Document) -> Interruptible:
        if document.path == STANDARD_INPUT:
            return Interruptible(self._standard_input or sys.stdin.buffer)
        if self.follow and not is_pipe(document.path):
            return Growing(document.path, at_end=self.part.start.live)
        return Interruptible(open(document.path, "rb", opener=_open_without_waiting))


def _pieces(file: Interruptible, document: Document) -> Iterator[tuple[str, bytes]]:
    opened = Opened(file)
    if not opened.is_tar:
        while chunk := opened.read():
            yield "", chunk
        return
    number = -1
    others: list[str] = []
    for name, read in opened.members():
        if not is_event_stream(name):
            others.append(name)
            continue
        number += 1
        while document.member in (None, number) and (chunk := read(CHUNK_BYTES)):
            yield name, chunk
    if number < 0:
        raise OSError(f"a tar archive without an {EVENT_STREAM}")


class _PartFilter:
    """Drops frames before the start, and topics and namespaces that are not selected."""

    def __init__(self, part: Part, end: int | None) -> None:
        """`end` is the time from which `--since` counts back; None for now."""
        self._part = part
        self._from = None if part.start.since is None else (time_ns() if end is None else end) - part.start.since
        self._begun = part.start.index <= 0 and self._from is None
        self._newest: int | None = None
        self._highest = 0

    def of(self, frame: Frame) -> Frame | None:
        if not self._begun:
            self._highest = max(self._highest, frame.index)
            if self._from is None:
                self._begun = frame.index >= self._part.start.index
            elif (moment := frame_moment(frame)) is not None:
                self._newest = max(moment, self._newest or moment)
                self._begun = moment >= self._from
            if not self._begun:
                return None
        wanted = self._part.of(frame)
        return wanted if isinstance(wanted, Frame) else None

    def note(self) -> str:
        """A note for the end if no frame was after the start."""
        if self._begun:
            return ""
        if self._from is None:
            return f"nothing from index {self._part.start.index:,} on; the highest is {self._highest:,}."
        if self._newest is None:
            return "no event has a time, so --since matches none."
        asked, age = duration(self._part.start.since or 0), duration(max(0, time_ns() - self._newest))
        return f"nothing from the last {asked}: the newest event is {age} old. Raise --since, or remove it."


def _open_without_waiting(path: str, flags: int) -> int:
    """Opens without blocking: a named pipe would otherwise wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK)
