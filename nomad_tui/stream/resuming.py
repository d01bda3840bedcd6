"""Whether a server that does not prove to go on has lost events, has another history, or is still starting."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Final

import aiohttp

from nomad_tui.config.connection import ConfigurationError
from nomad_tui.core.continuity import Continuity
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.wire import Frame, LineSplitter, decode
from nomad_tui.nomad import diagnose, questions
from nomad_tui.nomad.cases import Kind
from nomad_tui.nomad.client import Client, ServerInfo, UnexpectedAnswerError

UNASKED: Final = (aiohttp.ClientError, OSError, TimeoutError, UnexpectedAnswerError, ConfigurationError)
"""What `Client` raises."""


async def identify(client: Client, patience: float) -> ServerInfo | None:
    """Who answers, unless that takes long: a server that hangs on this question may still send its events.

    Of a server that only passes the stream on to another region, only its release.
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
    """Whether a server is still replaying its raft log, in which the last index seen is; None where nothing tells."""
    server = await identify(client, patience)
    if server is not None and server.newest_index is not None and server.applied_index is not None:
        if server.newest_index < last_index:
            return False
        return True if server.applied_index < last_index else None
    with suppress(aiohttp.ClientError, OSError, TimeoutError, ConfigurationError):
        return None if await has_leader(client) else True
    return None


async def has_leader(client: Client) -> bool:
    """Whether the cluster has a leader. Raises what `Client` raises, but for a server that says there is none."""
    try:
        return await questions.leader(client) != ""
    except UnexpectedAnswerError as error:
        if diagnose.explain(error, client.connection).kind is Kind.NO_LEADER:
            return False
        raise


async def parts_at(
    client: Client,
    parameters: Sequence[tuple[str, str]],
    subscription: Subscription,
    continuity: Continuity,
    last_index: int,
    max_line: int,
    patience: float,
) -> tuple[int | None, bool]:
    """The index from which on a server's history is another one, and whether it was the same before.

    That is the first frame below `last_index` that it holds and that was not seen: 0 if all that it holds there was
    seen, None if it holds nothing so old. `parameters` ask for an older index than `last_index`, the last one seen.
    """
    strange: int | None = None
    has_common = False
    with suppress(*UNASKED):
        async with asyncio.timeout(patience):
            async with aclosing(_frames(client, parameters, max_line)) as frames:
                async for frame in frames:
                    if frame.index >= last_index:
                        break
                    asked_for = [event for event in frame.events if subscription.admits(event)]
                    if not asked_for:
                        continue
                    if continuity.recognizes(frame.with_events(asked_for)):
                        strange, has_common = 0, True
                    else:
                        strange = strange or frame.index
    return strange, has_common


async def _frames(client: Client, parameters: Sequence[tuple[str, str]], max_line: int) -> AsyncGenerator[Frame, None]:
    splitter = LineSplitter(max_line)
    async with client.open_stream(parameters) as response:
        while chunk := await response.content.readany():
            for line in splitter.feed(chunk):
                if isinstance(update := decode(line), Frame):
                    yield update
