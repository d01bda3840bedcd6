"""Operator actions on a sink, with or without a runner: test delivery, resending dead letters, replay."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, time_ns
from typing import Final
from uuid import uuid4

import msgspec
import orjson

from nomad_tui import __version__
from nomad_tui.core.identity import Identities
from nomad_tui.core.readable import SECOND, age
from nomad_tui.core.secrets import redact
from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import Event, Frame, decode
from nomad_tui.journal.cursor import Cursor, DeadLetter
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.status import RunnerStatus, SinkState
from nomad_tui.journal.store import Store
from nomad_tui.sinks.definition.definition import CHATS, INCIDENTS, Definition, Kind
from nomad_tui.sinks.delivery.about import Derived
from nomad_tui.sinks.delivery.retrier import DeliveryRetrier
from nomad_tui.sinks.delivery.sink import Delivery, Item, RejectedError, UndeliveredError
from nomad_tui.sinks.delivery.worker import Open
from nomad_tui.sinks.types.opening import open_sink

RELEASE_TIMEOUT: Final = 5.0
"""Seconds to wait for a runner to close a file."""
POLL_INTERVAL: Final = 0.1
HOLD: Final = 10.0
"""Seconds for which a runner keeps the file closed. Renewed during the test, so a killed test blocks it briefly."""


@dataclass(frozen=True, slots=True)
class Answer:
    acknowledged: bool
    text: str
    """The receiver's answer or the error, as one printable line; often empty for an acknowledgement."""
    seconds: float
    refused: bool = False
    """Whether the receiver finally refused this delivery; it may accept others."""


Send = Callable[[Delivery], Awaitable[Answer]]


@asynccontextmanager
async def opened(definition: Definition, journal: Path | None = None, opener: Open = open_sink) -> AsyncIterator[Send]:
    """Open the sink, and yield a function that attempts a delivery once.

    A runner that writes to the same file closes it meanwhile; `journal` tells whether there is one. Raises `ValueError`
    with a sentence if the definition cannot be used now.
    """
    async with _runner_aside(definition, journal):
        sink = await opener(definition)
        retrier = DeliveryRetrier(definition, sink, lambda *_: None, lambda *_: None)

        async def send(delivery: Delivery) -> Answer:
            started = monotonic()
            try:
                text = await retrier.once(delivery)
            except UndeliveredError as error:
                return Answer(False, error.what, monotonic() - started, isinstance(error, RejectedError))
            return Answer(True, text, monotonic() - started)

        try:
            yield send
        finally:
            await sink.close()


def example(definition: Definition, region: str) -> Delivery:
    """Return a synthetic event, marked as a test in each format."""
    now = datetime.now(UTC)
    test = {
        "ID": f"test-{uuid4()}",
        "Sink": definition.id,
        "Message": f"Sent by hand with nomad-tui sink test {definition.id}: nothing happened in the cluster.",
        "From": f"nomad-tui {__version__} on {socket.gethostname()}",
        "Time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    event = {
        "Topic": "Test",
        "Type": "SinkTest",
        "Key": definition.id,
        "Namespace": "",
        "FilterKeys": [],
        "Index": 0,
        "Payload": {"Test": test},
    }
    text = orjson.dumps(event)
    item = Item(0, 0, 0, time_ns(), text, msgspec.json.decode(text, type=Event), id=test["ID"])
    return Delivery(item.id, (item,), region, test=True)


async def send_example(send: Send, definition: Definition, region: str) -> tuple[Delivery, Answer]:
    """Send a test event; to a receiver of incidents also its recovery, so that the test leaves nothing open."""
    opening = example(definition, region)
    answer = await send(opening)
    if definition.kind not in INCIDENTS or not answer.acknowledged:
        return opening, answer
    closing = replace(opening, items=tuple(msgspec.structs.replace(item, resolves=True) for item in opening.items))
    closed = await send(closing)
    if closed.acknowledged:
        return opening, replace(answer, text=f"{answer.text}; opened and resolved")
    what = f"The test incident was opened and could not be resolved: {closed.text} Resolve it by hand."
    return opening, replace(closed, text=what)


def delivery_of(definition: Definition, frame: Frame, offset: int, received: int, region: str) -> Delivery:
    """Return a delivery of one event of a frame, selected or not. `received` is in ns since 1970."""
    text = frame.event_texts()[offset]
    item = Item(
        0,
        offset,
        frame.index,
        received,
        redact(text) if definition.redact else text,
        frame.events[offset],
        id=Identities(region).of(frame)[offset],
    )
    return Delivery(item.id, (_with_meaning(item, definition),), region)


async def resend(
    journal: Path, definition: Definition, letters: Iterable[DeadLetter], opener: Open = open_sink
) -> AsyncGenerator[tuple[DeadLetter, Answer], None]:
    """Send dead letters of one sink again, in order and one by one, and delete those that are acknowledged.

    Stops at the first temporary failure. Raises `ValueError` like `opened`, and `JournalError`.
    """
    async with opened(definition, journal, opener) as send:
        for letter in letters:
            answer = await send(_again(letter, definition))
            if answer.acknowledged:
                await asyncio.to_thread(_drop, journal, letter.id)
            yield letter, answer
            if not answer.acknowledged and not answer.refused:
                return


def gap_of(letter: DeadLetter) -> Gap | None:
    """Return the gap of a dead letter; None if it is an event."""
    return msgspec.json.decode(letter.text, type=Gap) if letter.gap else None


def _again(letter: DeadLetter, definition: Definition) -> Delivery:
    gap = gap_of(letter)
    event: Event | None = None
    if gap is None:
        frame = decode(b'{"Index":%d,"Events":[%s]}' % (letter.index, letter.text))
        event = frame.events[0] if isinstance(frame, Frame) and frame.events else _envelope(letter)
    item = Item(
        letter.position,
        letter.offset,
        letter.index,
        letter.received,
        letter.text if gap is None else b"{}",
        event,
        gap,
        letter.event_id,
    )
    return Delivery(item.id, (_with_meaning(item, definition),), letter.region)


def _with_meaning(item: Item, definition: Definition) -> Item:
    """Add to the item what its event means, so that a recovery resolves an incident instead of opening one."""
    if item.event is None or definition.kind not in CHATS | INCIDENTS:
        return item
    about = Derived(item.event)
    return msgspec.structs.replace(item, about=about, resolves=about.is_recovery)


def _envelope(letter: DeadLetter) -> Event:
    return Event(letter.topic, letter.type, letter.key, letter.namespace, index=letter.index)


def _drop(journal: Path, number: int) -> None:
    with Store(journal) as control:
        control.drop_letter(number)


# A file has one writer


@asynccontextmanager
async def _runner_aside(definition: Definition, journal: Path | None) -> AsyncIterator[None]:
    """Make a runner close the sink's file until the context ends."""
    if (
        definition.kind is not Kind.FILE
        or journal is None
        or not await asyncio.to_thread(_runs, journal, definition.id)
    ):
        yield
        return
    await asyncio.to_thread(_hold, journal, definition.id, HOLD)
    holding = asyncio.create_task(_keep_holding(journal, definition.id))
    try:
        with suppress(TimeoutError):  # if the journal fails, opening the locked file reports the conflict
            async with asyncio.timeout(RELEASE_TIMEOUT):
                while await asyncio.to_thread(_has_open, journal, definition.id):  # noqa: ASYNC110 - elsewhere
                    await asyncio.sleep(POLL_INTERVAL)
        yield
    finally:
        holding.cancel()
        await asyncio.shield(asyncio.to_thread(_hold, journal, definition.id, 0.0))


async def _keep_holding(journal: Path, sink: str) -> None:
    while True:
        await asyncio.sleep(HOLD / 4)
        with suppress(JournalError):  # a busy journal: renewed the next time
            await asyncio.shield(asyncio.to_thread(_hold, journal, sink, HOLD))


def _runs(journal: Path, sink: str) -> bool:
    """Whether a running runner delivers to the sink: false if an operator paused it."""
    try:
        with JournalReader(journal) as reader:
            cursor = reader.cursors().get(sink)
    except JournalError:
        return False
    return cursor is not None and not cursor.paused and _has_open(journal, sink)


def _has_open(journal: Path, sink: str) -> bool:
    """Whether a runner has the sink open, according to the journal."""
    try:
        with JournalReader(journal) as reader:
            overview = reader.overview()
    except JournalError:
        return False
    idle = (SinkState.PAUSED, SinkState.STOPPED, SinkState.BROKEN)
    return overview.alive and any(each.cursor.sink == sink and each.status.state not in idle for each in overview.sinks)


def _hold(journal: Path, sink: str, seconds: float) -> None:
    with Store(journal) as control:
        control.hold(sink, time_ns() + int(seconds * SECOND) if seconds else 0)


class ReplayError(Exception):
    """The replay was refused and nothing changed. The text says why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Replay:
    cursor: Cursor
    """The cursor after the rewind."""
    events: int
    """Events of the stream beyond it, selected or not."""
    index: int
    """Index of the first of them."""
    received: int
    """When that was received, in ns since 1970."""
    is_all: bool
    """Whether the replay starts with the oldest event that the journal holds."""
    runner: RunnerStatus | None
    """The runner that delivers them; None if none is running."""


def replay(path: Path, sink: str, *, now: int, index: int | None = None, since: int | None = None) -> Replay:
    """Rewind a sink to the first frame of that index or later, or to what was received `since` ns before `now`.

    Creates the cursor of a sink that never ran. Blocks. Raises `ReplayError` and `JournalError`.
    """
    with JournalReader(path) as reader:
        if reader.end < reader.first:
            raise ReplayError("The journal is empty: there is nothing to be sent again.")
        position = _before_index(reader, index) if index is not None else _before_time(reader, now - (since or 0), now)
        first = _first_frame(reader, position)
        cursor = reader.cursors().get(sink)
        if cursor is not None and cursor.position <= position:
            raise ReplayError(
                f"The sink {sink} has not had that yet and gets it anyway: it has come {_where(reader, cursor)}. "
                "Nothing was changed."
            )
        with Store(path) as control:
            moved = control.register(sink, position) if cursor is None else control.rewind(sink, position)
        overview = reader.overview()
    return Replay(
        cursor=moved,
        events=overview.events - moved.events,
        index=first[1].index,
        received=first[0],
        is_all=position < overview.first,
        runner=overview.runner if overview.alive else None,
    )


def _before_index(reader: JournalReader, index: int) -> int:
    oldest = _first_frame(reader, 0)[1].index
    position = reader.seek(index=index)
    if position >= reader.end:
        newest = max((frame.index for frame in reader.last_frames(1, 1)), default=oldest)
        raise ReplayError(f"The journal does not hold index {index:,} yet: the newest that it has is {newest:,}.")
    if index < oldest and position < reader.first:
        raise ReplayError(
            f"The journal does not hold index {index:,} any more: the oldest that it has is {oldest:,}. "
            f"Give --from-index {oldest} for all that there is."
        )
    return position


def _before_time(reader: JournalReader, time: int, now: int) -> int:
    position = reader.seek(since=time)
    if position >= reader.end:
        came = age(now - reader.read(reader.end - 1)[-1].received)
        raise ReplayError(f"The journal holds nothing of that time: its newest came {came}. Give a longer --since.")
    return position


def _first_frame(reader: JournalReader, after: int) -> tuple[int, Frame]:
    """Return the first frame after a position, and when it was received."""
    while records := reader.read(after):
        for record in records:
            if isinstance(record.content, Frame):
                return record.received, record.content
        after = records[-1].position
    raise ReplayError("The journal holds no event there. Look at it with `nomad-tui open` and the journal's file.")


def _where(reader: JournalReader, cursor: Cursor) -> str:
    records = reader.read(cursor.position - 1, 1) if cursor.position >= reader.first else []
    if records and isinstance(records[0].content, Frame):
        return f"to index {records[0].content.index:,}"
    return "no further than what the journal holds" if cursor.position < reader.first else "just so far"
