"""A JetStream stream as a source: what `nomad-tui sink run` publishes there, including its history."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import datetime
from time import monotonic, time_ns
from typing import Any, Final

import msgspec
from nats.js.api import StreamInfo
from nats.js.errors import NotFoundError

from nomad_tui.core.backoff import delays
from nomad_tui.core.text import printable
from nomad_tui.core.updates import (
    Connected,
    Connecting,
    Gap,
    GapMessage,
    GapReason,
    GapRecord,
    Noted,
    Refused,
    Retrying,
    Update,
)
from nomad_tui.core.wire import HEARTBEAT, Frame, Unreadable, decode, event_lines
from nomad_tui.nats.address import JetStreamAddress, JetStreamAddressError
from nomad_tui.nats.errors import NatsError
from nomad_tui.nats.link import Keys, NatsLink
from nomad_tui.nats.reading import KnownIds, Message, Reading, ReadingLostError
from nomad_tui.stream.start import Start

__all__ = ["JetStreamAddress", "JetStreamAddressError", "JetStreamSource", "Keys"]

CONNECT_TIMEOUT: Final = 15.0
"""Seconds."""
REFUSED_DELAY: Final = 30.0
FRAME_WINDOW: Final = 0.05
"""Seconds for which a message may wait for others of its frame."""
READ_TIMEOUT: Final = 5.0
MAX_KNOWN_IDS: Final = 128 * 1024
"""Message IDs kept to recognize duplicates."""
CLOUDEVENTS: Final = "application/cloudevents"
GAP: Final = "Gap"


class _CloudEvent(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"")


_decode_cloudevent = msgspec.json.Decoder(_CloudEvent).decode
_decode_gap = msgspec.json.Decoder(GapMessage).decode


class JetStreamSource:
    """Resumes by sequence number after every interruption."""

    def __init__(
        self,
        address: JetStreamAddress,
        keys: Keys | None = None,
        start: Start | None = None,
        shortest_delay: float = 0.5,
    ) -> None:
        """`start.since` refers to when events were received, `start.index` to their Nomad index."""
        self.address = address
        self.keys = keys or Keys()
        self.start = start or Start()
        self._shortest_delay = shortest_delay
        self._others: frozenset[str] = frozenset()
        self._next = 0
        """The sequence number to resume from; 0 before the first connection."""
        self._created: datetime | None = None
        self._before_start = self.start.is_bounded and not self.start.live
        self._began = 0
        self._known = KnownIds(MAX_KNOWN_IDS)
        self._last_index = 0
        self._missing_since: float | None = None
        """When messages before the next one were found to be missing."""
        self._lost_at = 0.0
        self._fresh_after = 0
        """Messages up to this sequence number existed before the connection was made."""
        self.repeats = 0
        """Messages dropped as duplicates."""

    @property
    def name(self) -> str:
        return str(self.address)

    @property
    def live(self) -> bool:
        return True

    def scope(self, region: str | None) -> str:
        return " · ".join(filter(None, (region, f"stream {self.address.stream}")))

    async def updates(self) -> AsyncGenerator[Update, None]:
        self._began = time_ns()
        waits = delays(self._shortest_delay)
        connections = attempt = 0
        while True:
            yield Connecting(self.address.to)
            link: NatsLink | None = None
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    link = await NatsLink.open(self.address, self.keys, self._others)
                    self._others |= link.others
                    stream = await self._stream(link)
                    region = await self._region(link, stream)
                yield Connected(link.server, region=region, reconnects=connections)
                if not stream.state.messages and not connections:
                    yield Noted(f"The stream {self.address.stream} holds no events yet.")
                connections += 1
                self._fresh_after = stream.state.last_seq
                attempt, waits = 0, delays(self._shortest_delay)
                async with aclosing(self._read(link, stream)) as read:
                    async for update in read:
                        yield update
            except TimeoutError:
                trouble = NatsError(f"{self.address.to} timed out", "the server is busy", "Check it")
            except NatsError as error:
                trouble = error
            finally:
                if link is not None:
                    await link.close()
            self._lost_at = monotonic()
            attempt += 1
            kind = Refused if trouble.refused else Retrying
            delay = max(next(waits), REFUSED_DELAY if trouble.refused else 0.0)
            yield kind(trouble.summary, f"{trouble.remedy}.", delay, attempt)
            await asyncio.sleep(delay)

    async def _stream(self, link: NatsLink) -> StreamInfo:
        info = await link.stream_info(self.address.stream)
        if info is None:
            raise NatsError(
                f"{link.server} has no stream {self.address.stream}",
                "it does not exist, or belongs to another account",
                "Run nomad-tui sink run with a sink that creates it (create = true), or name another stream",
            )
        return info

    async def _region(self, link: NatsLink, stream: StreamInfo) -> str | None:
        if not stream.state.messages:
            return None
        message = await _message_at(link, self.address.stream, stream.state.last_seq)
        return printable(message.get("Nomad-Region", ""), 100) or None

    # Reading

    async def _read(self, link: NatsLink, stream: StreamInfo) -> AsyncGenerator[Update, None]:
        while True:
            reading = Reading(link, self.address.stream)
            try:
                await self._begin(link, stream, reading)
                async for update in self._messages(reading):
                    yield update
            except NotFoundError:
                pass
            except ReadingLostError:
                self._lost_at = monotonic()
            finally:
                await reading.close()
            async with asyncio.timeout(CONNECT_TIMEOUT):
                stream = await self._stream(link)

    async def _begin(self, link: NatsLink, stream: StreamInfo, reading: Reading) -> None:
        if self._created is None:
            self._created = stream.created
            start = self.start
            if start.since is not None:
                await reading.open(time=self._began - start.since)
                return
            self._next = max(stream.state.first_seq, 1)
            if start.live:
                self._next = stream.state.last_seq + 1
            elif start.index:
                self._next = await self._first_of_index(link, stream, start.index)
        elif stream.created != self._created:
            self._created = stream.created
            self._missing_since = self._missing_since or self._lost_at
            self._next = max(stream.state.first_seq, 1)
            self._fresh_after = min(self._fresh_after, stream.state.last_seq)
        await reading.open(sequence=self._next)

    async def _first_of_index(self, link: NatsLink, stream: StreamInfo, index: int) -> int:
        """Binary search. Indexes almost always rise with sequence numbers; where they do not, the start is
        imprecise."""
        low, high = max(stream.state.first_seq, 1), stream.state.last_seq + 1
        while low < high:
            middle = (low + high) // 2
            found = (await _message_at(link, self.address.stream, middle)).get("Nomad-Index", "")
            if found.isdigit() and int(found) < index:
                low = middle + 1
            else:
                high = middle
        return low

    async def _messages(self, reading: Reading) -> AsyncGenerator[Update, None]:
        group: list[tuple[Message, Frame]] = []
        heard = reading.heard
        while True:
            try:
                messages = await reading.some(FRAME_WINDOW if group else READ_TIMEOUT)
            except (ReadingLostError, NatsError):
                for update in self._frames(group):  # the frame is complete: what follows starts a new one
                    yield update
                raise
            if not messages:
                for update in self._frames(group):
                    yield update
                group = []
                if reading.heard > heard:
                    yield HEARTBEAT
            heard = reading.heard
            for message in messages:
                if self._next and message.sequence > self._next and self._missing_since is None:
                    self._missing_since = self._lost_at
                self._next = message.sequence + 1
                if not self._is_wanted(message):
                    continue
                decoded = _decode_message(message)
                if isinstance(decoded, Frame) and (not group or _is_one_frame(group[-1], (message, decoded))):
                    group.append((message, decoded))
                    continue
                for update in self._frames(group):
                    yield update
                group = []
                if isinstance(decoded, Frame):
                    group.append((message, decoded))
                elif decoded is not None:
                    if isinstance(decoded, Gap):
                        self._last_index = decoded.before
                    yield decoded

    def _is_wanted(self, message: Message) -> bool:
        if "Nomad-Test" in message.headers:
            return False
        if self._before_start:
            if self._is_before_start(message):
                return False
            self._before_start = False
        known = message.headers.get("Nats-Msg-Id")
        if known is not None:
            if known in self._known:
                self.repeats += 1
                return False
            self._known.add(known)
        return True

    def _is_before_start(self, message: Message) -> bool:
        if self.start.since is not None:
            return _number(message, "Nomad-Received", message.time) < self._began - self.start.since
        return _number(message, "Nomad-Index", self.start.index) < self.start.index

    def _frames(self, group: list[tuple[Message, Frame]]) -> Iterator[Update]:
        frames = _join_frames([frame for _, frame in group])
        for frame in frames:
            frame.fresh = group[0][0].sequence > self._fresh_after
            if self._missing_since is not None:
                away = monotonic() - self._missing_since if self._missing_since else 0.0
                self._missing_since = None
                if self._last_index:
                    yield Gap(GapReason.EXPIRED, self._last_index, frame.index, away)
            self._last_index = frame.index
            yield frame


def _number(message: Message, header: str, otherwise: int) -> int:
    text = message.headers.get(header, "")
    return int(text) if text.isascii() and text.isdigit() else otherwise


def _is_one_frame(before: tuple[Message, Frame], after: tuple[Message, Frame]) -> bool:
    received = before[0].headers.get("Nomad-Received")
    return (
        received is not None
        and received == after[0].headers.get("Nomad-Received")
        and before[1].index == after[1].index
        and before[1].repaired is None
        and after[1].repaired is None
    )


def _decode_message(message: Message) -> Frame | Gap | Unreadable | None:
    content = message.data
    try:
        if message.headers.get("Content-Type", "").startswith(CLOUDEVENTS):
            content = bytes(_decode_cloudevent(content).data)
        if message.headers.get("Nomad-Topic") == GAP and b'"Gap"' in content:
            return _gap(_decode_gap(content).gap)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # reported as unreadable below
    decoded = decode(content)
    return decoded if isinstance(decoded, Frame | Unreadable) else None


def _gap(record: GapRecord) -> Gap:
    try:
        reason = GapReason(record.reason)
    except ValueError:
        reason = GapReason.BUFFER  # from a newer nomad-tui
    return record.gap(reason)


def _join_frames(frames: list[Frame]) -> list[Frame]:
    """Joins frames that were published as single events into one frame."""
    if len(frames) < 2:
        return frames
    try:
        texts = [text for frame in frames for text in event_lines(frame.line)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return frames
    joined = decode(b'{"Index":%d,"Events":[%s]}' % (frames[0].index, b",".join(texts)))
    return [joined] if isinstance(joined, Frame) else frames


async def _message_at(link: NatsLink, stream: str, sequence: int) -> dict[str, str]:
    """The headers of the first message at or after `sequence`; empty if there is none."""
    reading = Reading(link, stream, headers_only=True)
    try:
        if not await reading.open(sequence=sequence):
            return {}
        messages: list[Any] = await reading.some(READ_TIMEOUT)
        return messages[0].headers if messages else {}
    except (ReadingLostError, NotFoundError):
        return {}
    finally:
        await reading.close()
