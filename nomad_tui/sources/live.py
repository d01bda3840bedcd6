"""A live cluster as a source: what may be read of it, and through how many streams.

Usually that is one stream (`stream.reader`). If a token may not read every namespace, the server refuses `*`
altogether, and each namespace that the token may read gets a stream of its own; `ordered` merges them.
`sources.cluster_watch` checks what no stream reports.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from time import monotonic, time_ns
from typing import Final

from msgspec import structs

from nomad_tui.config.connection import Connection
from nomad_tui.core.backoff import delays
from nomad_tui.core.continuity import Continuity
from nomad_tui.core.history.coverage import ReadProgress
from nomad_tui.core.permissions import Permissions, is_namespaced
from nomad_tui.core.readable import SECOND
from nomad_tui.core.repeats import REMEMBERED_BYTES, REMEMBERED_FRAMES
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.text import printable
from nomad_tui.core.topics import ALL
from nomad_tui.core.updates import (
    Concern,
    Connected,
    Connecting,
    Gap,
    GapReason,
    Permitted,
    Refused,
    Retrying,
    Update,
    Warned,
)
from nomad_tui.core.wire import Event, Frame, Heartbeat
from nomad_tui.sources.cluster_watch import ClusterWatch
from nomad_tui.stream.reader import Reader
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.tasks import end

QUEUE_SIZE: Final = 512
"""Updates queued between the streams and the caller; if the queue is full, the sockets are not read."""


@dataclass(order=True, slots=True)
class _Held:
    index: int
    number: int
    reader: Reader = field(compare=False)
    update: Frame | Gap = field(compare=False)
    due: float = field(compare=False)


async def ordered(
    readers: Sequence[Reader], stop: asyncio.Event, settings: Settings
) -> AsyncGenerator[tuple[Reader, Update], None]:
    """Merges the updates of several readers: frames by index, a gap before its frame, all others at once.

    After `stop` is set, yields what the readers have already yielded, because that counts as seen, and ends.
    """
    queue: asyncio.Queue[tuple[Reader, Update] | BaseException | None] = asyncio.Queue(QUEUE_SIZE)
    undelivered: list[tuple[Reader, Update]] = []

    async def read(reader: Reader) -> None:
        try:
            async with aclosing(reader.updates()) as updates:
                async for update in updates:
                    try:
                        await queue.put((reader, update))
                    except asyncio.CancelledError:
                        undelivered.append((reader, update))
                        with suppress(TimeoutError, StopAsyncIteration):
                            async with asyncio.timeout(0):
                                while isinstance(update, Gap):  # the frame after the gap counts as seen too
                                    update = await anext(updates)
                                    undelivered.append((reader, update))
                        raise
        except asyncio.CancelledError:
            undelivered.extend((reader, each) for each in reader.doubts.left)
            raise
        except Exception as error:
            await queue.put(error)

    async def finish() -> None:
        await stop.wait()
        await end(*tasks)
        for each in undelivered:
            await queue.put(each)
        await queue.put(None)

    tasks = [asyncio.create_task(read(reader)) for reader in readers]
    ending = asyncio.create_task(finish())
    held: list[_Held] = []
    number = 0
    opened = monotonic()
    begun: set[Reader] = set()
    try:
        while True:
            now = monotonic()
            waits_for_all = len(begun) < len(readers) and now - opened < settings.first_window
            while held and held[0].due <= now and not waits_for_all:
                first = heappop(held)
                yield first.reader, first.update
            left = max(0.0, (opened + settings.first_window if waits_for_all else held[0].due) - now) if held else None
            try:
                async with asyncio.timeout(left):
                    item = await queue.get()
            except TimeoutError:
                continue
            if isinstance(item, BaseException):
                raise item
            if item is None:
                break
            reader, update = item
            number += 1
            if isinstance(update, Gap) and update.reason is GapReason.REBUILT:
                # Indexes restart here: frames held back belong before it.
                while held:
                    first = heappop(held)
                    yield first.reader, first.update
            elif isinstance(update, Frame | Gap):
                index = update.index if isinstance(update, Frame) else update.before
                heappush(held, _Held(index, number, reader, update, monotonic() + settings.window))
                continue
            if reader.connected or reader.failed:
                begun.add(reader)
            yield reader, update
        while held:
            first = heappop(held)
            yield first.reader, first.update
    finally:
        await end(*tasks, ending)


class SeenFrames:
    """The newest frames of a source, as many as a connection can compare; for a `LiveServer`'s `seen`."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._bytes = 0

    def __iter__(self) -> Iterator[Frame]:
        return iter(tuple(self._frames))

    def take(self, update: Update) -> None:
        """Remembers a frame. If the indexes restart, forgets those before."""
        if isinstance(update, Frame):
            self._frames.append(update)
            self._bytes += len(update.line)
            while len(self._frames) > REMEMBERED_FRAMES or (len(self._frames) > 1 and self._bytes > REMEMBERED_BYTES):
                self._bytes -= len(self._frames.popleft().line)
        elif isinstance(update, Gap) and update.reason is GapReason.REBUILT:
            self._frames.clear()
            self._bytes = 0


class LiveServer:
    """A cluster's event stream, until the caller stops reading it."""

    def __init__(
        self,
        connection: Connection,
        subscription: Subscription | None = None,
        settings: Settings | None = None,
        *,
        seen: Iterable[Frame] = (),
        seen_until: int | None = None,
    ) -> None:
        """`seen` are the newest frames read earlier by any reader, oldest first. Those that the server sends again are
        dropped; if it cannot, a gap is shown. `seen_until` is when that reading stopped, in ns since 1970. The start in
        `settings` is used only if nothing was seen."""
        self.connection = connection
        self.subscription = subscription or Subscription()
        self.settings = settings or Settings()
        self._seen = seen
        self._seen_until = seen_until
        self._topics: frozenset[str] | None = None
        self._rebuilt: set[Reader] = set()
        """Readers of single namespaces whose indexes restarted."""
        self._watch = ClusterWatch(connection, self.subscription, self.settings)

    @property
    def name(self) -> str:
        return str(self.connection.address)

    @property
    def live(self) -> bool:
        return True

    def scope(self, region: str | None) -> str:
        namespace = self.connection.namespace
        namespaces = "all namespaces" if namespace == ALL else f"namespace {namespace}"
        if namespace == ALL and len(self._watch.readers) == 1 and self._watch.readers[0].connection.namespace != ALL:
            namespaces = f"namespace {self._watch.readers[0].connection.namespace}"
        elif len(self._watch.readers) > 1:
            namespaces = f"{len(self._watch.readers)} namespaces"
        parts = [self.connection.region or region, namespaces]
        if not self.subscription.everything:
            parts.append(str(self.subscription))
        return " · ".join(part for part in parts if part)

    @property
    def last_index(self) -> int:
        """The highest index seen; 0 if there is none."""
        return max((reader.last_index for reader in self._watch.readers), default=0)

    def watch(self, topics: frozenset[str] | None) -> None:
        """Subscribes to these topics only, by released names, once the selection has not changed for some seconds; None
        for all.

        The subscription never exceeds the one the session was started with. A topic that is selected again resumes
        where it was left; a gap shows what the server no longer holds.

        An unknown topic cannot be requested by name: while any topic is left out, the first event of a new one is not
        received. None gets it if the server still holds it. If no topic remains, the connection stays as it is: it
        costs little, and shows whether the server is up.
        """
        self._topics = topics
        for reader in self._watch.readers:
            reader.selection.watch(topics)

    @property
    def watched(self) -> Subscription:
        """What the first namespace's server sends now, or was last known to send."""
        return self._watch.readers[0].selection.accepted if self._watch.readers else self.subscription

    def retry_now(self) -> None:
        """Reconnects at once, or ends the wait for the next attempt."""
        for reader in self._watch.readers:
            reader.connect_again()

    async def updates(self) -> AsyncGenerator[Update, None]:
        if unknown := self.subscription.unknown_topics:
            yield _topic_unknown(unknown)
        watch = self._watch
        async with watch.running():
            undivided = self._first_reader()
            waits = delays(self.settings.shortest_delay)
            while True:
                watch.permissions_changed.clear()
                permissions: Permissions | None = None
                has_just_asked = False
                self._begin([undivided])
                async with aclosing(undivided.updates()) as updates:
                    async for update in updates:
                        if isinstance(update, Connected):
                            watch.connected.set()
                            if watch.permissions is not None and not has_just_asked:
                                watch.permissions_outdated.set()
                            has_just_asked = False
                        elif isinstance(update, Permitted):
                            permissions = update.permissions
                            if permissions.namespaces != (self.connection.namespace,):
                                break
                            watch.permissions = None if permissions.everything else permissions
                            permissions, has_just_asked = None, True
                        yield update
                if permissions is None:
                    return
                readers = self._readers_per_namespace(permissions, undivided)
                self._begin(readers)
                watch.permissions = permissions
                yield Permitted(permissions)
                begun_at = monotonic()
                async with aclosing(self._merged_updates(readers, permissions)) as several:
                    async for update in several:
                        yield update
                undivided = self._undivided_reader(undivided, readers)
                if monotonic() - begun_at > self.settings.settled:
                    waits = delays(self.settings.shortest_delay)
                await asyncio.sleep(next(waits))  # a server may refuse what it allowed in the probe

    def _first_reader(self) -> Reader:
        reader = self._reader(self.connection, self.subscription)
        continuity = Continuity(self.settings.remembered_frames)
        for frame in self._seen:
            # Events outside the current subscription prove nothing about it.
            events = [each for each in frame.events if self._admits(each)]
            if events:
                continuity.join(frame if len(events) == len(frame.events) else frame.with_events(events))
        self._seen = ()
        if continuity.begun:
            away = None if self._seen_until is None else max(0.0, (time_ns() - self._seen_until) / SECOND)
            reader.resume(continuity, away=away)
        return reader

    def _reader(self, connection: Connection, subscription: Subscription) -> Reader:
        return Reader(connection, subscription, self.settings, self._watch.discovery)

    def _admits(self, event: Event) -> bool:
        namespace = self.connection.namespace
        return namespace in (ALL, event.namespace or namespace) and self.subscription.admits(event)

    def _begin(self, readers: list[Reader]) -> None:
        self._watch.readers = readers
        for reader in readers:
            reader.selection.watch(self._topics)

    # One stream per namespace

    def _readers_per_namespace(self, permissions: Permissions, undivided: Reader) -> list[Reader]:
        """A reader for each readable namespace; topics without a namespace are read by the first one that may."""
        readers: list[Reader] = []
        taken: frozenset[str] = frozenset()
        for namespace in permissions.namespaces:
            topics = permissions.topics_in(namespace) - taken
            wanted = self.subscription.only(topics)
            if wanted is None:
                continue
            taken |= frozenset(filter(_is_without_namespace, topics))
            others = tuple(replace(each, namespace=namespace) for each in self.connection.others)
            connection = replace(self.connection, namespace=namespace, others=others)
            reader = self._reader(connection, wanted)
            reader.resume(undivided.continuity.of_namespace(namespace, topics))
            readers.append(reader)
        return readers

    def _undivided_reader(self, before: Reader, readers: list[Reader]) -> Reader:
        """A reader of all namespaces that continues where those of single namespaces stopped. `before` is the reader of
        all namespaces that they had replaced."""
        undivided = self._reader(self.connection, self.subscription)
        continuity = before.continuity
        if self._rebuilt:
            continuity = Continuity(self.settings.remembered_frames)
            readers = [reader for reader in readers if reader in self._rebuilt]
        read = [
            ReadProgress(
                reader.connection.namespace,
                reader.selection.accepted.released_topics,
                reader.last_index,
                lost=not reader.connected,
            )
            for reader in readers
        ]
        parts = zip((reader.continuity for reader in readers), read, strict=True)
        undivided.resume(continuity.joined_with(parts), restricted=True)
        return undivided

    async def _merged_updates(self, readers: list[Reader], permissions: Permissions) -> AsyncGenerator[Update, None]:
        """The updates of several readers; ends when the token's permissions have changed."""
        stop = self._watch.permissions_changed
        self._rebuilt.clear()
        been_connected: set[Reader] = set()
        is_connected = False
        rechecks: list[asyncio.Task[None]] = []
        last: Connected | None = None
        warned: dict[Concern, dict[Reader, Warned]] = {}
        """Warnings in force. If one stream's warning ends, another's may still be in force."""

        def recheck() -> None:
            if not rechecks or rechecks[-1].done():
                rechecks.append(asyncio.create_task(self._watch.recheck(permissions)))

        try:
            async with aclosing(ordered(readers, stop, self.settings)) as updates:
                async for reader, update in updates:
                    match update:
                        case Refused():
                            stop.set()
                        case Permitted() if update.permissions.namespaces != (reader.connection.namespace,):
                            stop.set()
                        case Permitted() | Warned(Concern.PERMISSION):
                            recheck()
                        case Warned():
                            if update.concern is Concern.LINE and update.what:
                                update = structs.replace(update, what=_in_namespace(reader, update.what))
                            of_readers = warned.setdefault(update.concern, {})
                            of_readers.pop(reader, None)
                            if update.what:
                                of_readers[reader] = update
                            yield [update, *of_readers.values()][-1]
                        case Connected():
                            last = structs.replace(
                                update, reconnects=max(update.reconnects, last.reconnects if last else 0)
                            )
                            if reader in been_connected:
                                recheck()
                            been_connected.add(reader)
                            if not is_connected and all(each.connected for each in readers):
                                is_connected = True
                                self._watch.connected.set()
                                yield last
                        case Connecting():
                            if not is_connected:
                                yield update
                        case Retrying():
                            is_connected = False
                            yield structs.replace(update, what=_in_namespace(reader, update.what))
                        case Gap():
                            if update.reason is GapReason.REBUILT:
                                self._rebuilt.add(reader)
                            yield structs.replace(
                                update, namespaces=update.namespaces or (reader.connection.namespace,)
                            )
                        case Heartbeat() if reader is not readers[0]:
                            pass
                        case _:
                            yield update
            for concern in (each for each, of_readers in warned.items() if of_readers):
                yield Warned(concern)  # the next reader yields its own warnings
        finally:
            await end(*rechecks)


def _in_namespace(reader: Reader, what: str) -> str:
    return f"In namespace {printable(reader.connection.namespace, 60)}: {what}"


def _topic_unknown(names: list[str]) -> Warned:
    listed = ", ".join(printable(name, 40) for name in names[:5])
    return Warned(
        Concern.TOPIC,
        f"No release is known to publish the topic {listed}: a server that does not know it sends nothing.",
        "Correct it (--topic), unless your servers are newer than this nomad-tui.",
    )


def _is_without_namespace(topic: str) -> bool:
    """Whether the events of a topic, by released name, are in the stream of every namespace."""
    return topic == "CSIPlugin" or not is_namespaced(topic)
