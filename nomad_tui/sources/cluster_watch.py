"""Checks of a cluster that no stream reports.

It checks the list of namespaces, because a server resolves `*` only once; whether this machine slept; whether the
cluster has a leader, because the stream of one without a leader stays open; whether a token with limited permissions
has gained some; and whether servers that reading some topics harmed were upgraded.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from time import monotonic
from typing import Final

from nomad_tui.config.connection import Connection
from nomad_tui.core.permissions import Permissions, is_namespaced, needed
from nomad_tui.core.readable import SECOND, duration
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.topics import ALL
from nomad_tui.core.updates import Concern, Noted, Warned
from nomad_tui.nomad import diagnose, inquiry, probing, questions
from nomad_tui.nomad.cases import by_inquiry
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.diagnose import NomadError
from nomad_tui.nomad.release_discovery import Discovery
from nomad_tui.stream.reader import Reader
from nomad_tui.stream.servers import has_leader
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.tasks import end
from nomad_tui.stream.timing import Suspension

IMMEDIATE_ANSWER: Final = 1.0
"""Seconds; a faster answer did not block. It comes from a proxy's cache, and polling it needs a delay."""


class ClusterWatch:
    """Makes the readers of one cluster reconnect, or yield an update, when something it checks has changed."""

    def __init__(self, connection: Connection, subscription: Subscription, settings: Settings) -> None:
        self.readers: list[Reader] = []
        """The readers in use."""
        self.discovery = Discovery(settings.release_patience)
        self.connected = asyncio.Event()
        self.permissions: Permissions | None = None
        """What the token may read, if that is not everything."""
        self.permissions_outdated = asyncio.Event()
        """Set when a connection was made with permissions that may be outdated."""
        self.permissions_changed = asyncio.Event()
        """Set when the readers must be replaced, because the token's permissions or the list of namespaces changed."""
        self._connection = connection
        self._subscription = subscription
        self._settings = settings

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        checks = (
            self._watch_sleep,
            self._watch_namespaces,
            self._watch_leader,
            self._watch_permissions,
            self._watch_releases,
        )
        tasks = [asyncio.create_task(check()) for check in checks]
        try:
            yield
        finally:
            await end(*tasks)

    async def recheck(self, permissions: Permissions) -> None:
        """Requests topics and namespaces again if the token may read more or others than `permissions`."""
        connection = replace(self._server, namespace=self._connection.namespace)
        trouble = diagnose.refusal(connection)
        subscription = self.readers[0].harm.allowed_of(self._subscription)
        if subscription is None:
            return
        with suppress(NomadError):
            async with Client(connection, first_line=self._settings.first_line) as client:
                findings = await inquiry.why_refused(client, subscription, trouble)
            nothing_refused = findings.trouble == diagnose.fill(by_inquiry.NOTHING_REFUSED, connection)
            if nothing_refused or findings.permissions not in (None, permissions):
                if len(self.readers) == 1 and self.readers[0].connection.namespace == self._connection.namespace:
                    self.readers[0].ask_for_all()
                else:
                    self.permissions_changed.set()

    async def _watch_sleep(self) -> None:
        """Reconnects after this machine slept: the connection is dead but may not report it for more than a minute."""
        suspension = Suspension(
            self._settings.sleep_checked_every, self._settings.clock, self._settings.sleep_noticed_from
        )
        while True:
            await asyncio.sleep(suspension.interval)
            if slept := suspension.noticed():
                for reader in self.readers:
                    reader.standstill = max(reader.standstill, slept)
                    reader.connect_again()
                if self.readers:
                    pause = f"Nothing was read for {duration(int(slept * SECOND))}: this machine slept, or this program"
                    self.readers[0].pass_on(Noted(f"{pause} was stopped. Missed events are requested from the server."))

    async def _watch_permissions(self) -> None:
        """Reads newly permitted topics without waiting for a reconnect."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.permissions_watched_every):
                    await self.permissions_outdated.wait()
            self.permissions_outdated.clear()
            permissions = self.permissions
            if permissions is not None and any(reader.connected for reader in self.readers):
                with suppress(NomadError):
                    if await self._may_read_more(permissions):
                        await self.recheck(permissions)

    async def _may_read_more(self, permissions: Permissions) -> bool:
        """Whether a topic of a refused capability is now allowed; tries one per capability and namespace."""
        wanted: dict[tuple[str, str], str] = {}
        harmful = frozenset() if self._connection.allow_harmful_topics else self.discovery.worst.harmful_topics
        for topic, namespaces in permissions.refused.items():
            if topic in harmful:
                continue
            for namespace in namespaces if is_namespaced(topic) else namespaces[:1]:
                wanted.setdefault((needed(topic), namespace), topic)
        if permissions.namespaces != (self._connection.namespace,):
            readable = permissions.allowed.keys() - harmful
            allowed = next((topic for topic in permissions.allowed if topic in readable and is_namespaced(topic)), None)
            if allowed is not None:
                wanted[(needed(allowed), self._connection.namespace)] = allowed
        async with Client(self._server, first_line=self._settings.first_line) as client:
            for (_, namespace), topic in wanted.items():
                async with aclosing(probing.probe(client, [topic], [namespace])) as answers:
                    async for each in answers:
                        if each.allowed:
                            return True
        return False

    async def _watch_leader(self) -> None:
        """Warns while the cluster has no leader: its stream stays open and sends nothing."""
        await self.connected.wait()
        lost = False
        while True:
            with suppress(NomadError):
                async with Client(self._server, first_line=self._settings.first_line) as client:
                    has_one = await has_leader(client)
                if has_one is lost and self.readers:
                    lost = not has_one
                    trouble = diagnose.fill(by_inquiry.LEADER_LOST, self._server)
                    leaderless = Warned(Concern.LEADER, trouble.summary, f"{trouble.remedy}.")
                    warned = leaderless if lost else Warned(Concern.LEADER)
                    self.readers[0].pass_on(warned)
            await asyncio.sleep(self._settings.leader_awaited_every if lost else self._settings.leader_watched_every)

    async def _watch_namespaces(self) -> None:
        """Reads a namespace created while the stream runs, from its first event on."""
        known: frozenset[str] | None = None
        index = 0
        warned = False
        await self.connected.wait()
        while True:
            try:
                async with Client(self._server, first_line=self._settings.first_line) as client:
                    while True:
                        asked_at = monotonic()
                        listed = await questions.namespaces(client, index, self._settings.namespaces_wait)
                        index = listed.index if listed.index >= index else 0  # lower on a restored server
                        self._add_namespaces([each for each in listed.listed if self._is_new(each, known)])
                        same = known == frozenset(listed.names)
                        known = frozenset(listed.names)
                        warned = await self._warn_of_namespace(client, known, warned)
                        if not index or (same and monotonic() - asked_at < IMMEDIATE_ANSWER):
                            break  # not a blocking query, but a proxy's cache: poll it with a delay
            except NomadError:
                index = 0
            await asyncio.sleep(self._settings.namespaces_again)

    async def _watch_releases(self) -> None:
        """Reads topics that were left out once the servers are upgraded, without waiting for the next connection."""
        while True:
            await asyncio.sleep(self._settings.releases_checked_every)
            if not any(reader.harm.left_out for reader in self.readers):
                continue
            before = self.discovery.worst.harmful_topics
            with suppress(NomadError):
                async with Client(self._server, first_line=self._settings.first_line) as client:
                    await self.discovery.of(client, await client.server())
            if self.discovery.worst.harmful_topics != before:
                for reader in self.readers:
                    reader.connect_again()

    @property
    def _server(self) -> Connection:
        """The server being read or tried."""
        return self.readers[0].server if self.readers else self._connection

    def _is_new(self, namespace: questions.Namespace, known: frozenset[str] | None) -> bool:
        """Whether the current connection may have been made before the namespace existed."""
        if known is not None:
            return namespace.name not in known
        newest = self.readers[0].newest if self.readers else None
        return bool(newest) and namespace.created > (newest or 0)

    def _add_namespaces(self, new: list[questions.Namespace]) -> None:
        if not new or self._connection.namespace not in (ALL, *(each.name for each in new)):
            return
        if len(self.readers) == 1 and self.readers[0].connection.namespace == self._connection.namespace:
            for each in new:
                self.readers[0].add_namespace(each.name, each.created)
        else:
            self.permissions_changed.set()

    async def _warn_of_namespace(self, client: Client, known: frozenset[str], warned: bool) -> bool:
        """Warns if the configured namespace does not exist, or ends the warning; returns whether it is in force."""
        wanted = self._connection.namespace
        if wanted == ALL or (wanted in known) is not warned:
            return warned
        trouble = await inquiry.unknown_namespace(client)
        if self.readers and (trouble is not None) is not warned:
            warning = Warned(Concern.NAMESPACE)
            if trouble is not None:
                warning = Warned(Concern.NAMESPACE, trouble.summary, f"{trouble.remedy}.")
            self.readers[0].pass_on(warning)
            return trouble is not None
        return warned
