"""The loop that reads one subscription in one namespace, or in all of them.

It chooses a server, connects, reads, resumes and retries. Its waits are in `stream.waits`, and `stream.connection`
interprets the bytes. A status of 200 proves nothing, only the first line does: a body that ends before it is a refusal,
and `nomad.inquiry` finds out the reason.

When the operator selects other topics, the reader resubscribes after a complete frame, without a delay.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from time import monotonic

import aiohttp

from nomad_tui.config.connection import Connection
from nomad_tui.core.backoff import delays
from nomad_tui.core.continuity import Continuity
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Connected, Connecting, Permitted, Refused, Retrying, Update
from nomad_tui.nomad import diagnose, inquiry
from nomad_tui.nomad.cases import Kind, Trouble, by_inquiry
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.diagnose import NomadError
from nomad_tui.nomad.probing import first_line_patience
from nomad_tui.nomad.release_discovery import Discovery
from nomad_tui.stream.connection import ConnectionSettings, StreamConnection, request
from nomad_tui.stream.reports import (
    CLUSTER_WIDE,
    HAS_ANOTHER_HISTORY,
    INVESTIGATED,
    REFUSALS,
    LineWatch,
    PartlyRefusedError,
    Reports,
    all_failed,
    explain_ending,
)
from nomad_tui.stream.servers import Doubts, check_answers, filter_from, first_index_of, identify, scope
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.start import Start, StartFilter
from nomad_tui.stream.timing import Cuts
from nomad_tui.stream.topic_selection import Harm, TopicSelection
from nomad_tui.stream.waits import Waits


class Reader:
    def __init__(
        self,
        connection: Connection,
        subscription: Subscription,
        settings: Settings,
        discovery: Discovery | None = None,
    ) -> None:
        """`connection` names the namespace and the servers to choose from. Readers of the same servers share a
        `discovery`."""
        self.connection = connection
        self.settings = settings
        self.connected = False
        self.failed = False
        """Whether the last attempt to connect failed."""
        self.newest: int | None = None
        """The server's newest index just before the connection was made, if it reports one."""
        self.selection = TopicSelection(
            subscription,
            settle=settings.selection_settle,
            refused_again=settings.refused_selection_again,
            on_change=lambda: self._waits.look_again(),
        )
        self.harm = Harm(self.selection, discovery or Discovery(), connection.allow_harmful_topics)
        self.standstill = 0.0
        """Seconds during this connection in which nothing was read because this program was not running."""
        self.continuity = Continuity(self.settings.remembered_frames)
        self._start = settings.start
        self._start_filter: StartFilter | None = None
        """Set from the first connection until the requested start has been reached."""
        self._last_byte: float | None = None
        """When the previous connection last received a byte, by the settings' clock; None if there was none."""
        self._at = 0
        """Position in `connection.servers` of the server being read, or tried first."""
        self._is_held_back = False
        """Whether the silence of the connection was found to be a buffering proxy and not a refusal."""
        self._cuts = Cuts(settings.shortest_cut_period)
        self.doubts = Doubts(settings)
        self._line_watch = LineWatch(settings)
        self._waits = Waits(self.selection, self._line_watch)
        self._reports = Reports(connection, self.selection, self.harm)

    @property
    def last_index(self) -> int:
        return self.continuity.seen.last_index

    @property
    def server(self) -> Connection:
        """The server being read or tried."""
        return self.connection.servers[self._at]

    # Called by others

    def resume(self, continuity: Continuity, restricted: bool = False, away: float | None = None) -> None:
        """Continues where another reader stopped; call it before `updates`. `restricted` if that reader's token could
        not read everything. `away` is for how many seconds nothing has been read, if known."""
        self.continuity = continuity
        self._reports.restricted = restricted
        self._last_byte = None if away is None else self.settings.clock() - away
        if continuity.begun:
            self._start = Start()

    def pass_on(self, update: Update) -> None:
        """Yields an update from elsewhere as soon as the current line is complete."""
        self._waits.pass_on(update)

    def add_namespace(self, namespace: str, created: int) -> None:
        """Reconnects in order to read a namespace that the connection does not cover."""
        self.continuity.appeared(namespace, created)
        self.selection.reconnect()

    def connect_again(self) -> None:
        """Reconnects at once after the current frame, or ends the wait for the next attempt."""
        self.selection.reconnect()
        self._waits.attempt_now()

    def ask_for_all(self) -> None:
        """Requests all selected topics again: the token may have gained permissions."""
        self.selection.restrict(None)
        self.connect_again()

    # Attempts, and the delays between them

    async def updates(self) -> AsyncGenerator[Update, None]:
        """All updates, reconnecting until the caller stops reading.

        Ends after a `Permitted` that names other namespaces than the connection's: one subscription cannot cover those.
        """
        settings = self.settings
        waits, refusal_waits = self._delays()
        attempt = 0
        changing = probed = False
        """Whether permissions have been examined since the last connection or delay."""
        while True:
            if not changing:
                yield Connecting(str(self.server.address))
            connected_at: float | None = None
            trouble: Trouble | None = None
            self._progressed = asking_again = False
            was_held_back = self._is_held_back
            subscription = self.selection.subscription(self.continuity.seen.last_index > 0)
            servers = self.connection.servers
            source = self._one_of_several(subscription) if len(servers) > 1 else self._one_server(subscription)
            try:
                async with aclosing(source) as updates:
                    async for update in updates:
                        if isinstance(update, Connected):
                            connected_at = monotonic()
                            self.connected, self.failed = True, False
                        yield update
            except NomadError as error:
                trouble = error.trouble
                if isinstance(error, PartlyRefusedError) and not probed:
                    # Topics just found to be permitted and refused again: retry them only after the delay below.
                    probed = True
                    yield Permitted(error.permissions)
                    if error.permissions.namespaces != (self.connection.namespace,):
                        return
                    self.selection.restrict(error.permissions.topics_in(self.connection.namespace))
                    self._reports.restricted = asking_again = True
            self.connected = False
            if connected_at is not None:
                attempt = 0
                probed = False
                is_settled = self._progressed or monotonic() - connected_at > settings.settled
                if is_settled or trouble is HAS_ANOTHER_HISTORY:  # rebuilt for certain: do not let its buffer overflow
                    waits, refusal_waits = self._delays()
            if changing := trouble is None or asking_again:
                continue
            if trouble.kind is Kind.BUFFERED and self._is_held_back and not was_held_back:
                # Not a refusal: reconnect at once and wait as long as the proxy needs to release its buffer.
                yield self._reports.held_back(trouble)
                continue
            if connected_at is not None:
                silent = (now := settings.clock()) - (self._last_byte or now)
                trouble = self._cuts.named(trouble, monotonic() - connected_at, silent)
                self._reports.losses += 1
            self.failed = True
            self.selection.forget_refusals()
            if trouble.refused:
                self.selection.restrict(None)
            attempt += 1
            delay = next(refusal_waits if trouble.refused else waits)
            if trouble.kind is Kind.STARTING:
                delay = min(delay, settings.longest_delay_while_starting)
            kind = Refused if trouble.refused and trouble.kind in REFUSALS else Retrying
            self._waits.failed()
            yield kind(trouble.summary, f"{trouble.remedy}.", delay, attempt)
            async with aclosing(self._waits.attempt_after(delay)) as updates:
                async for update in updates:
                    yield update
            probed = False

    def _delays(self) -> tuple[Iterator[float], Iterator[float]]:
        """Delays before the next attempt, and before the next attempt after a refusal, from the shortest on."""
        shortest = self.settings.shortest_delay
        return delays(shortest), delays(max(shortest, self.settings.shortest_delay_after_refusal))

    # Servers

    async def _one_of_several(self, subscription: Subscription) -> AsyncGenerator[Update, None]:
        """One connection to the best of the servers. Raises `NomadError` with the reason if the connection failed."""
        settings, servers = self.settings, self.connection.servers
        order = [(self._at + step) % len(servers) for step in range(len(servers))]
        troubles: list[Trouble] = []
        second_best: list[tuple[int, int]] = []
        for number, at in enumerate(order):
            self._at = at
            if number:
                yield Connecting(str(self.server.address))
            try:
                await check_answers(self.server)
            except NomadError as error:
                troubles.append(error.trouble)
                continue
            if self.continuity.seen.last_index:
                try:
                    held = await first_index_of(self.server, subscription, self.harm, settings, self._request)
                except NomadError as error:
                    troubles.append(error.trouble)
                    continue
                is_last_choice = number == len(order) - 1 and not second_best
                wanted = self.continuity.resumption(subscription.released_topics, self.selection.readable).index
                if held is not None and held != wanted and not is_last_choice:
                    second_best.append((held, at))
                    continue
            connected = False
            try:
                async with aclosing(self._one_server(subscription)) as updates:
                    async for update in updates:
                        connected = connected or isinstance(update, Connected)
                        yield update
                return
            except NomadError as error:
                if connected or isinstance(error, PartlyRefusedError) or error.trouble.kind in CLUSTER_WIDE:
                    raise
                troubles.append(error.trouble)
        if second_best:
            _, self._at = min(second_best)
            async with aclosing(self._one_server(subscription)) as updates:
                async for update in updates:
                    yield update
            return
        self._at = order[0]
        raise NomadError(all_failed(troubles))

    def _request(self, subscription: Subscription) -> list[tuple[str, str]]:
        """The parameters of a request that resumes here."""
        return request(self.continuity, subscription, self.selection.readable, self._start_filter)

    # One connection

    async def _one_server(self, subscription: Subscription) -> AsyncGenerator[Update, None]:
        """One connection to one server; returns if the caller should reconnect at once.

        Raises `NomadError` with the most specific reason that could be found.
        """
        connected = False
        self.selection.begin()
        self.standstill = 0.0
        async with Client(self.server, first_line=self.settings.first_line) as client:
            try:
                async with aclosing(self._read(client, subscription)) as updates:
                    async for update in updates:
                        connected = connected or isinstance(update, Connected)
                        yield update
            except NomadError as error:
                trouble = await explain_ending(error, client, self.selection.started_with, connected)
                if not connected and (trouble.refused or error.status is not None):
                    if self.selection.refuse(subscription):
                        return
                    if trouble.kind in INVESTIGATED:
                        findings = await inquiry.why_refused(client, self.selection.started_with, trouble)
                        trouble = findings.trouble
                        self._is_held_back = trouble.kind is Kind.BUFFERED
                        if findings.permissions is not None:
                            for warned in self._reports.permission(trouble):
                                yield warned
                            raise PartlyRefusedError(trouble, findings.permissions) from error
                raise NomadError(trouble) from error

    async def _read(self, client: Client, subscription: Subscription) -> AsyncGenerator[Update, None]:
        """As `_one_server`, but without investigating why the connection ended."""
        settings = self.settings
        server = await identify(client, settings.identity_patience)
        if server is not None and server.publishes is False:
            raise NomadError(diagnose.fill(by_inquiry.PUBLISHING_DISABLED, client.connection, quote=""))
        if await self.harm.changes(client, server):
            return
        if (harmful := self.harm.trouble()) is not None:
            raise NomadError(harmful)
        self.newest = server.newest_index if server is not None else None
        connection = StreamConnection(
            self.continuity,
            subscription,
            ConnectionSettings(settings.max_line, settings.heartbeat, settings.backlog),
            to=str(client.connection.address),
            readable=self.selection.readable,
            newest=self.newest,
            start=await self._begin(client),
            last_byte=self._last_byte,
        )
        version = server.version if server is not None else None
        parameters = [*connection.request((version or "").startswith("1.0.0-beta")), *scope(client.connection)]
        async with client.open_stream(parameters, settings.silence) as response:
            patience: float | None = None
            if not self._is_held_back:
                patience = first_line_patience(response, version, client.round_trip, client.first_line)
            changing = False
            while not changing:
                waited_from = settings.clock()
                if connection.accepted:
                    self._last_byte = waited_from
                    patience = None
                self.selection.holding = not connection.accepted or self.continuity.seen.last_index == 0
                if connection.unfinished_since is not None or self._line_watch.since is not None:
                    for warned in self._line_watch.check(connection):
                        yield warned
                try:
                    async with asyncio.timeout(patience):
                        chunk = await self._waits.next_chunk(response.content)
                except TimeoutError as error:
                    if isinstance(error, aiohttp.ClientError):
                        raise
                    break
                if chunk is None:
                    if not self.selection.is_due:
                        for update in self._waits.pending():
                            yield update
                        continue
                    changing = True
                    chunk = response.content.read_nowait()
                elif not chunk:
                    break
                heard_at = settings.clock()
                if heard_at - waited_from > settings.standstill_over:
                    self.standstill = 0.0
                for update in connection.feed(chunk, heard_at):
                    if isinstance(update, Connected):
                        self.selection.accept(subscription)
                        for each in self._reports.connected(client, server, self._at):
                            yield each
                    else:
                        yield update
                for update in self._waits.pending():
                    yield update
                while connection.doubt is not None:
                    for update in connection.resolve(await self.doubts.settle(client, connection)):
                        yield update
                self._progressed = self._progressed or connection.progressed
                if connection.has_joined:
                    self.doubts.since = None
                if self._start_filter is not None and self._start_filter.over:
                    self._start_filter, self._start = None, Start()
                if connection.is_rebuilt:
                    raise self._start_over(connection.parted_at)
                if connection.together or self._reports.is_held_back:
                    await asyncio.sleep(0)  # if this program was suspended, report that first
                    for each in self._reports.bulk(connection, settings.heartbeat, self.standstill):
                        yield each
                self.standstill = max(self.standstill, settings.clock() - heard_at)
            if changing:
                return
            for update in connection.close():
                yield update
            if not connection.accepted:
                raise NomadError(diagnose.refusal(client.connection))
            if self.standstill > settings.standstill:
                raise NomadError(diagnose.too_slow(self.standstill))
            raise NomadError(diagnose.ended(connection.last_text))

    async def _begin(self, client: Client) -> StartFilter | None:
        """None if every received frame is wanted."""
        if self._start.is_bounded and self._start_filter is None:
            self._start_filter = await filter_from(self._start, client, self.newest)
        return self._start_filter

    def _start_over(self, parted_at: int) -> NomadError:
        """Resets the reader for a server with another history. A request above the server's newest index would return
        only its newest frame and none before it."""
        self.continuity = Continuity(self.settings.remembered_frames)
        self._start, self._start_filter = Start(parted_at), None
        return NomadError(HAS_ANOTHER_HISTORY)
