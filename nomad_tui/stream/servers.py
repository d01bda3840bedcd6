"""Requests to a server besides its stream: its identity, what it holds, and whether its history is the one seen."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic, time_ns
from typing import Final

from nomad_tui.config.connection import Connection
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Update
from nomad_tui.core.wire import Frame, LineSplitter, decode
from nomad_tui.nomad import diagnose, inquiry, questions
from nomad_tui.nomad.cases import Kind, by_inquiry
from nomad_tui.nomad.client import Client, ServerInfo
from nomad_tui.nomad.diagnose import NomadError
from nomad_tui.stream.connection import Parting, StreamConnection
from nomad_tui.stream.reports import REFUSALS, SKEW
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.start import Start, StartFilter
from nomad_tui.stream.topic_selection import Harm

HOLDS_NOTHING: Final = 1 << 63
"""An index above every other, for a server that sends no frame."""


async def identify(client: Client, patience: float) -> ServerInfo | None:
    """The server's identity; None if it takes too long. A server that hangs on this request may still send events.

    For a server that forwards the stream to another region, only its release and that region.
    """
    try:
        async with asyncio.timeout(patience):
            server = await client.server()
    except TimeoutError:
        return None
    region = client.connection.region
    if server is not None and region is not None and server.region not in (None, region):
        return ServerInfo(version=server.version, region=region)
    return server


async def is_replaying(client: Client, last_index: int, patience: float) -> bool | None:
    """Whether a server is still replaying its raft log up to the last index seen; None if that cannot be determined."""
    server = await identify(client, patience)
    if server is not None and server.newest_index is not None and server.applied_index is not None:
        if server.newest_index < last_index:
            return False
        return True if server.applied_index < last_index else None
    with suppress(NomadError):
        return None if await has_leader(client) else True
    return None


async def filter_from(start: Start, client: Client, newest: int | None) -> StartFilter:
    """A filter for frames before `start`; `newest` is the server's newest index, if it reports one."""
    reached = await questions.newest_index(client) if newest is None and start.live else newest
    ahead = client.ahead or 0.0
    began = time_ns() + (int(ahead * 1e9) if abs(ahead) > SKEW else 0)
    return StartFilter(start, began, reached, is_newest=newest is not None)


async def has_leader(client: Client) -> bool:
    """Whether the cluster has a leader. Raises `NomadError`, unless the server answers that there is none."""
    try:
        return await questions.leader(client) != ""
    except NomadError as error:
        if error.trouble.kind is Kind.NO_LEADER:
            return False
        raise


async def check_answers(server: Connection) -> None:
    """Raises `NomadError` if a server does not respond at all, such as a stalled one that still accepts connections.

    The stream alone would show that only after a heartbeat interval: servers of old releases may be silent that long.
    """
    try:
        async with Client(server) as client:
            await questions.leader(client)
    except NomadError as error:
        if error.status is None:
            raise NomadError(await inquiry.explain_fully(error, server)) from error


async def first_index_held(
    client: Client, parameters: Sequence[tuple[str, str]], max_line: int, patience: float
) -> int | None:
    """The index of the first frame that a server sends; None if it refuses, `HOLDS_NOTHING` if it sends none."""
    splitter = LineSplitter(max_line)
    accepted = False
    async with client.open_stream(parameters) as response:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while chunk := await response.content.readany():
                    for line in splitter.feed(chunk):
                        accepted = True
                        if isinstance(update := decode(line), Frame):
                            return update.index
                if not accepted:
                    return None
    return HOLDS_NOTHING


async def first_index_of(
    server: Connection,
    subscription: Subscription,
    harm: Harm,
    settings: Settings,
    request: Callable[[Subscription], list[tuple[str, str]]],
) -> int | None:
    """As `first_index_held`, for a server not connected to yet; `request` returns the parameters for the harmless
    topics."""
    try:
        async with Client(server, first_line=settings.first_line) as client:
            harmless = await harm.harmless(client, subscription)
            if harmless is None:
                return None
            parameters = [*request(harmless), *scope(client.connection)]
            return await first_index_held(client, parameters, settings.max_line, settings.choice_patience)
    except NomadError as error:
        trouble = await inquiry.explain_fully(error, server)
        if trouble.kind in REFUSALS:
            return None
        raise NomadError(trouble) from error


class Doubts:
    """Investigates a first frame that does not prove that the stream continues."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.since: float | None = None
        """When a server first seemed to have been rebuilt, by `monotonic`; None if it does not."""
        self.left: list[Update] = []
        """Updates that count as seen but were not yielded because reading was cancelled."""

    async def settle(self, client: Client, connection: StreamConnection) -> Parting:
        """The argument for `connection.resolve`. Raises `NomadError` if the server is starting, or may be."""
        try:
            return await self._settle(client, connection)
        except asyncio.CancelledError:
            self.left = connection.leave()
            raise

    async def _settle(self, client: Client, connection: StreamConnection) -> Parting:
        doubt, settings = connection.doubt, self._settings
        assert doubt is not None
        if doubt.is_rebuilt:
            starting = await is_replaying(client, doubt.last_index, settings.identity_patience)
            if starting is None and doubt.frame.index < doubt.last_index and not connection.continuity.is_proven:
                self.since = self.since or monotonic()
                starting = monotonic() - self.since < settings.replay_patience
            if starting:
                raise NomadError(diagnose.fill(by_inquiry.STARTING, client.connection))
        elif doubt.older < doubt.last_index:
            return await _compare_histories(client, connection, doubt.last_index, settings)
        return Parting()


async def _compare_histories(
    client: Client, connection: StreamConnection, last_index: int, settings: Settings
) -> Parting:
    """Where a server's history diverges from the one seen, judged by what it holds below the last index seen."""
    parameters = [*connection.request_older(), *scope(client.connection)]
    strange: int | None = None
    has_common = False
    splitter = LineSplitter(settings.max_line)
    with suppress(NomadError, TimeoutError):
        async with asyncio.timeout(settings.choice_patience), client.open_stream(parameters) as response:
            while chunk := await response.content.readany():
                for line in splitter.feed(chunk):
                    frame = decode(line)
                    if not isinstance(frame, Frame):
                        continue
                    if frame.index >= last_index:
                        return Parting(strange, has_common)
                    wanted = [event for event in frame.events if connection.subscription.admits(event)]
                    if not wanted:
                        continue
                    if connection.continuity.seen.recognizes(frame.with_events(wanted)):
                        strange, has_common = 0, True
                    else:
                        strange = strange or frame.index
    return Parting(strange, has_common)


def scope(connection: Connection) -> list[tuple[str, str]]:
    """The request parameters `namespace` and `region`."""
    region = [("region", connection.region)] if connection.region is not None else []
    return [("namespace", connection.namespace), *region]
