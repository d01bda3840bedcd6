"""A live cluster as a source: what of it may be read, through how many streams, and what happens around them.

Usually that is one stream (`stream.reader`). Where a token may not read every namespace, a server refuses `*` as a
whole, and each namespace that the token may read gets a stream of its own (`stream.ordered` makes one of them).

Beside the streams four things are watched: the list of namespaces, as a server looks up what `*` stands for only when
it is asked; whether this machine slept; whether the cluster has a leader, as the stream of one without stays open; and
whether a token that may not read everything may read more by now.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress
from dataclasses import replace
from time import monotonic, time_ns
from typing import Final

import aiohttp

from nomad_tui.config.connection import ConfigurationError, Connection
from nomad_tui.core.backoff import delays
from nomad_tui.core.continuity import Continuity, Reach
from nomad_tui.core.permissions import Permissions, is_namespaced, needed
from nomad_tui.core.readable import SECOND, duration
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.text import printable
from nomad_tui.core.topics import ALL
from nomad_tui.core.updates import (
    Concern,
    Connected,
    Connecting,
    Gap,
    GapReason,
    Noted,
    Permitted,
    Refused,
    Retrying,
    Update,
    Warned,
)
from nomad_tui.core.wire import Event, Frame, Heartbeat
from nomad_tui.nomad import diagnose, inquiry, probing, questions
from nomad_tui.nomad.cases import asked
from nomad_tui.nomad.client import Client, UnexpectedAnswerError
from nomad_tui.nomad.release_discovery import REMEMBERED, Discovery
from nomad_tui.stream.ordered import ordered
from nomad_tui.stream.reader import SETTLED, Divided, Reader, Settings
from nomad_tui.stream.resuming import has_leader
from nomad_tui.stream.suspension import Suspension
from nomad_tui.stream.tasks import end

NAMESPACES_WAIT: Final = 300.0
"""Seconds that a server holds the question whether the list of namespaces has changed."""
NAMESPACES_AGAIN: Final = 60.0
"""Seconds until that is asked again where it could not be."""
NAMESPACES_AT_ONCE: Final = 1.0
"""Seconds within which an answer was not waited with."""
SLEEP_CHECKED_EVERY: Final = 2.0
LEADER_AWAITED_EVERY: Final = 5.0
"""Seconds, while the cluster has none."""
PERMISSIONS_WATCHED_EVERY: Final = 45.0
"""Seconds. A server may keep the connection of a refused stream for two minutes, so one is opened per capability."""


class LiveServer:
    """A cluster's event stream, for as long as anybody reads it."""

    def __init__(
        self,
        connection: Connection,
        subscription: Subscription | None = None,
        settings: Settings | None = None,
        *,
        seen: Iterable[Frame] = (),
        seen_until: int | None = None,
    ) -> None:
        """`seen` are the newest frames that were read before, by whomever, oldest first: what the server sends again
        of them is dropped, and where it cannot, a gap is shown. `seen_until` is when that reading stopped, in ns since
        1970. A start that `settings` name counts only if nothing was seen.
        """
        self.connection = connection
        self.subscription = subscription or Subscription()
        self.settings = settings or Settings()
        self._seen = seen
        self._seen_until = seen_until
        self._discovery = Discovery()
        self._topics: frozenset[str] | None = None
        self._readers: list[Reader] = []
        self._rebuilt: set[Reader] = set()
        """Readers of single namespaces for which the indexes began anew."""
        self._dropped_before = 0
        self._connected = asyncio.Event()
        self._permissions: Permissions | None = None
        """What the token may read, where that is not everything."""
        self._permissions_outdated = asyncio.Event()
        """A connection was made with what was known before."""
        self._asked_again = asyncio.Event()
        """That what the token may read is to be asked again."""

    @property
    def name(self) -> str:
        return str(self.connection.address)

    @property
    def live(self) -> bool:
        return True

    def scope(self, region: str | None) -> str:
        namespace = self.connection.namespace
        namespaces = "all namespaces" if namespace == ALL else f"namespace {namespace}"
        if namespace == ALL and len(self._readers) == 1 and self._readers[0].connection.namespace != ALL:
            namespaces = f"namespace {self._readers[0].connection.namespace}"
        elif len(self._readers) > 1:
            namespaces = f"{len(self._readers)} namespaces"
        parts = [self.connection.region or region, namespaces]
        if not self.subscription.everything:
            parts.append(str(self.subscription))
        return " · ".join(part for part in parts if part)

    @property
    def repeats(self) -> int:
        """Events dropped because they had been seen."""
        return self._dropped_before + sum(reader.repeats for reader in self._readers)

    @property
    def last_index(self) -> int:
        """The highest index seen; 0 before the first."""
        return max((reader.last_index for reader in self._readers), default=0)

    def watch(self, topics: frozenset[str] | None) -> None:
        """Asks for these topics only, by released names, once that has not changed for some seconds; None is for all.

        It is never more than the session was started with. Topics that are left out and come back are read on from
        where they were left, or a gap says what the server no longer holds of them.

        A topic that nobody has heard of yet cannot be asked for by name: while anything is left out, the first event
        of a new kind does not come. None gets it, if the server still holds it. If nothing would be left to ask for,
        the connection stays as it is: it costs little, and tells whether the server is there.
        """
        self._topics = topics
        for reader in self._readers:
            reader.ticked.watch(topics)

    @property
    def watched(self) -> Subscription:
        """What the server sends now, or was last known to send, in the first of the namespaces."""
        return self._readers[0].ticked.accepted if self._readers else self.subscription

    def retry_now(self) -> None:
        """Connects again at once: leaves the connection there is, or cuts the wait for one short."""
        for reader in self._readers:
            reader.connect_again()

    async def updates(self) -> AsyncGenerator[Update, None]:
        if unknown := self.subscription.unknown_topics:
            yield _topic_unknown(unknown)
        watched = (
            self._watch_sleep,
            self._watch_namespaces,
            self._watch_leader,
            self._watch_permissions,
            self._watch_releases,
        )
        watchers = [asyncio.create_task(watch()) for watch in watched]
        try:
            whole = self._first_reader()
            waits = delays(self.settings.shortest_delay)
            while True:
                self._asked_again.clear()
                divided: Permissions | None = None
                asked_now = False
                self._begin([whole])
                async with aclosing(whole.updates()) as updates:
                    async for update in updates:
                        if isinstance(update, Divided):
                            divided = update.permissions
                            break
                        if isinstance(update, Connected):
                            self._connected.set()
                            if self._permissions is not None and not asked_now:
                                self._permissions_outdated.set()
                            asked_now = False
                        elif isinstance(update, Permitted):
                            self._permissions = None if update.permissions.everything else update.permissions
                            asked_now = True
                        yield update
                if divided is None:
                    return
                readers = self._divided(divided, whole)
                self._begin(readers)
                self._permissions = divided
                yield Permitted(divided)
                begun_at = monotonic()
                async with aclosing(self._several(readers, divided)) as several:
                    async for update in several:
                        yield update
                whole = self._whole_again(whole, readers)
                if monotonic() - begun_at > SETTLED:
                    waits = delays(self.settings.shortest_delay)
                await asyncio.sleep(next(waits))  # a server may refuse in the end what it allowed when asked about
        finally:
            await end(*watchers)

    def _first_reader(self) -> Reader:
        reader = self._reader(self.connection, self.subscription)
        continuity = Continuity()
        for frame in self._seen:
            # What is not asked for now cannot prove anything.
            events = [each for each in frame.events if self._admits(each)]
            if events:
                continuity.join(frame if len(events) == len(frame.events) else frame.with_events(events))
        self._seen = ()
        if continuity.begun:
            away = None if self._seen_until is None else max(0.0, (time_ns() - self._seen_until) / SECOND)
            reader.resume(continuity, away=away)
        return reader

    def _reader(self, connection: Connection, subscription: Subscription) -> Reader:
        return Reader(connection, subscription, self.settings, self._discovery)

    def _admits(self, event: Event) -> bool:
        namespace = self.connection.namespace
        return namespace in (ALL, event.namespace or namespace) and self.subscription.admits(event)

    def _begin(self, readers: list[Reader]) -> None:
        self._dropped_before += sum(reader.repeats for reader in self._readers if reader not in readers)
        self._readers = readers
        for reader in readers:
            reader.ticked.watch(self._topics)

    # One stream per namespace

    def _divided(self, permissions: Permissions, whole: Reader) -> list[Reader]:
        """A reader for each namespace of which something may be read; what has no namespace comes from one of them."""
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
            reader.resume(whole.continuity.of_namespace(namespace, topics))
            readers.append(reader)
        return readers

    def _whole_again(self, before: Reader, readers: list[Reader]) -> Reader:
        """A reader of all namespaces that goes on where those of single ones stopped, which had taken over from one."""
        whole = self._reader(self.connection, self.subscription)
        continuity = before.continuity
        if self._rebuilt:
            continuity = Continuity()
            readers = [reader for reader in readers if reader in self._rebuilt]
        read = [
            Reach(
                reader.connection.namespace,
                reader.ticked.accepted.released_topics,
                reader.last_index,
                lost=not reader.connected,
            )
            for reader in readers
        ]
        parts = zip((reader.continuity for reader in readers), read, strict=True)
        whole.resume(continuity.joined_with(parts), restricted=True)
        return whole

    async def _several(self, readers: list[Reader], permissions: Permissions) -> AsyncGenerator[Update, None]:
        """What several readers say; ends when what the token may read has changed."""
        stop = self._asked_again
        self._rebuilt.clear()
        been_connected: set[Reader] = set()
        is_connected = False
        rechecks: list[asyncio.Task[None]] = []
        last: Connected | None = None

        def recheck() -> None:
            if not rechecks or rechecks[-1].done():
                rechecks.append(asyncio.create_task(self._recheck(permissions)))

        try:
            async with aclosing(ordered(readers, stop)) as updates:
                async for reader, update in updates:
                    match update:
                        case Divided() | Refused():
                            stop.set()
                        case Permitted() | Warned(Concern.PERMISSION):
                            recheck()
                        case Connected():
                            last = replace(update, reconnects=max(update.reconnects, last.reconnects if last else 0))
                            if reader in been_connected:
                                recheck()
                            been_connected.add(reader)
                            if not is_connected and all(each.connected for each in readers):
                                is_connected = True
                                self._connected.set()
                                yield last
                        case Connecting():
                            if not is_connected:
                                yield update
                        case Retrying():
                            is_connected = False
                            namespace = printable(reader.connection.namespace, 60)
                            yield replace(update, what=f"In namespace {namespace}: {update.what}")
                        case Gap():
                            if update.reason is GapReason.REBUILT:
                                self._rebuilt.add(reader)
                            yield replace(update, namespaces=update.namespaces or (reader.connection.namespace,))
                        case Heartbeat() if reader is not readers[0]:
                            pass
                        case _:
                            yield update
        finally:
            await end(*rechecks)

    async def _recheck(self, permissions: Permissions) -> None:
        """Sees to it that the topics and namespaces are asked for anew if the token may read others by now."""
        connection = replace(self._server, namespace=self.connection.namespace)
        trouble = diagnose.refusal(connection)
        subscription = self._readers[0].harm.allowed_of(self.subscription)
        if subscription is None:
            return
        with suppress(ConfigurationError):
            async with Client(connection) as client:
                findings = await inquiry.why_refused(client, subscription, trouble)
            nothing_refused = findings.trouble == diagnose.fill(asked.NOTHING_REFUSED, connection)
            if nothing_refused or findings.permissions not in (None, permissions):
                if len(self._readers) == 1 and self._readers[0].connection.namespace == self.connection.namespace:
                    self._readers[0].ask_for_all()
                else:
                    self._asked_again.set()

    # What is watched beside the streams

    async def _watch_sleep(self) -> None:
        """A connection does not outlive the sleep of this machine, and may take more than a minute to say so."""
        suspension = Suspension(SLEEP_CHECKED_EVERY)
        while True:
            await asyncio.sleep(suspension.interval)
            if slept := suspension.noticed():
                for reader in self._readers:
                    reader.standstill = max(reader.standstill, slept)
                    reader.connect_again()
                if self._readers:
                    told = f"Nothing was read for {duration(int(slept * SECOND))}: this machine slept, or this program"
                    self._readers[0].say(Noted(f"{told} was stopped. The server is asked for what came meanwhile."))

    async def _watch_permissions(self) -> None:
        """What the token may read besides by now is read without waiting for a reconnect."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(PERMISSIONS_WATCHED_EVERY):
                    await self._permissions_outdated.wait()
            self._permissions_outdated.clear()
            permissions = self._permissions
            if permissions is not None and any(reader.connected for reader in self._readers):
                with suppress(aiohttp.ClientError, OSError, TimeoutError, UnexpectedAnswerError, ConfigurationError):
                    if await self._may_read_more(permissions):
                        await self._recheck(permissions)

    async def _may_read_more(self, permissions: Permissions) -> bool:
        """Whether one topic of each capability that is refused, in each namespace where it is, is allowed by now."""
        wanted: dict[tuple[str, str], str] = {}
        harmful = frozenset() if self.connection.allow_harmful_topics else self._discovery.worst.harmful_topics
        for topic, namespaces in permissions.refused.items():
            if topic in harmful:
                continue
            for namespace in namespaces if is_namespaced(topic) else namespaces[:1]:
                wanted.setdefault((needed(topic), namespace), topic)
        if permissions.namespaces != (self.connection.namespace,):
            readable = permissions.allowed.keys() - harmful
            allowed = next((topic for topic in permissions.allowed if topic in readable and is_namespaced(topic)), None)
            if allowed is not None:
                wanted[(needed(allowed), self.connection.namespace)] = allowed
        async with Client(self._server) as client:
            for (_, namespace), topic in wanted.items():
                async with aclosing(probing.probe(client, [topic], [namespace])) as answers:
                    async for each in answers:
                        if each.allowed:
                            return True
        return False

    async def _watch_leader(self) -> None:
        """The stream of a cluster without a leader stays open, and brings nothing."""
        await self._connected.wait()
        lost = False
        while True:
            with suppress(aiohttp.ClientError, OSError, TimeoutError, UnexpectedAnswerError, ConfigurationError):
                async with Client(self._server) as client:
                    has_one = await has_leader(client)
                if has_one is lost and self._readers:
                    lost = not has_one
                    told = diagnose.fill(asked.LEADER_LOST, self._server)
                    warned = Warned(Concern.LEADER, told.account, f"{told.remedy}.") if lost else Warned(Concern.LEADER)
                    self._readers[0].say(warned)
            await asyncio.sleep(LEADER_AWAITED_EVERY if lost else self.settings.leader_watched_every)

    async def _watch_namespaces(self) -> None:
        """Namespaces that are made while the stream runs are read from their first event on."""
        known: frozenset[str] | None = None
        index = 0
        warned = False
        await self._connected.wait()
        while True:
            try:
                async with Client(self._server) as client:
                    while True:
                        asked_at = monotonic()
                        listed = await questions.namespaces(client, index, NAMESPACES_WAIT)
                        index = listed.index if listed.index >= index else 0  # it goes back on a restored server
                        self._take_namespaces([each for each in listed.listed if self._is_new(each, known)])
                        same = known == frozenset(listed.names)
                        known = frozenset(listed.names)
                        warned = await self._warn_of_namespace(client, known, warned)
                        if not index or (same and monotonic() - asked_at < NAMESPACES_AT_ONCE):
                            break  # what does not wait, such as a proxy's cache, is not asked without a pause
            except (aiohttp.ClientError, OSError, TimeoutError, UnexpectedAnswerError, ConfigurationError):
                index = 0
            await asyncio.sleep(NAMESPACES_AGAIN)

    async def _watch_releases(self) -> None:
        """Reads what was left out once the servers are upgraded, without waiting for the next connection."""
        while True:
            await asyncio.sleep(REMEMBERED)
            if not any(reader.harm.left_out for reader in self._readers):
                continue
            before = self._discovery.worst.harmful_topics
            with suppress(aiohttp.ClientError, OSError, TimeoutError, ConfigurationError):
                async with Client(self._server) as client:
                    await self._discovery.of(client, await client.server())
            if self._discovery.worst.harmful_topics != before:
                for reader in self._readers:
                    reader.connect_again()

    @property
    def _server(self) -> Connection:
        """Whichever is being read, or tried."""
        return self._readers[0].server if self._readers else self.connection

    def _is_new(self, namespace: questions.Namespace, known: frozenset[str] | None) -> bool:
        """Whether a connection may have been made without it."""
        if known is not None:
            return namespace.name not in known
        newest = self._readers[0].newest if self._readers else None
        return bool(newest) and namespace.created > (newest or 0)

    def _take_namespaces(self, new: list[questions.Namespace]) -> None:
        if not new or self.connection.namespace not in (ALL, *(each.name for each in new)):
            return
        if len(self._readers) == 1 and self._readers[0].connection.namespace == self.connection.namespace:
            for each in new:
                self._readers[0].appeared(each.name, each.created)
        else:
            self._asked_again.set()

    async def _warn_of_namespace(self, client: Client, known: frozenset[str], warned: bool) -> bool:
        """Says that the one namespace watched does not exist, and takes that back; whether it stands."""
        wanted = self.connection.namespace
        if wanted == ALL or (wanted in known) is not warned:
            return warned
        trouble = await inquiry.unknown_namespace(client)
        if self._readers and (trouble is not None) is not warned:
            told = Warned(Concern.NAMESPACE)
            if trouble is not None:
                told = Warned(Concern.NAMESPACE, trouble.account, f"{trouble.remedy}.")
            self._readers[0].say(told)
            return trouble is not None
        return warned


def _topic_unknown(names: list[str]) -> Warned:
    listed = ", ".join(printable(name, 40) for name in names[:5])
    return Warned(
        Concern.TOPIC,
        f"No release is known to send the topic {listed}: a server that does not know it answers with silence.",
        "Correct it (--topic), or leave it if your servers are newer than this program.",
    )


def _is_without_namespace(topic: str) -> bool:
    """Whether the events of a topic, by released name, come in every stream, whatever its namespace."""
    return topic == "CSIPlugin" or not is_namespaced(topic)
