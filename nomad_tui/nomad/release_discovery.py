"""Which releases the servers run that would serve the stream, learned before the first subscription.

The servers' releases are Serf tags (`/v1/agent/members`, needs `node:read`). A server also reports its own
(`/v1/agent/self`, needs `agent:read`). Whoever may ask neither learns enough from a request that every server refuses:
1.8.20, 1.10.8, 1.11.2 and later answer it with 200 and silence, all others with a status.
"""

import asyncio
from collections.abc import Iterable
from enum import StrEnum
from time import monotonic
from typing import Any, Final

import aiohttp
import msgspec

from nomad_tui.core.objects.registry import kind
from nomad_tui.core.text import printable
from nomad_tui.nomad.client import Client, ServerInfo
from nomad_tui.nomad.diagnose import NomadError
from nomad_tui.nomad.probing import NEWEST
from nomad_tui.nomad.releases import SERVER_BUGS, Release, ServerBug, is_ruled_out_by_quiet_refusal

PATIENCE: Final = 2.0
"""Seconds for all questions together: the events wait for them."""
SILENCE: Final = 0.25
"""Seconds without a byte that count as a refusal: an accepted request gets its first line at once."""
NO_REGION: Final = "nomad-tui-asks-for-no-region"
REMEMBERED: Final = 60.0
"""Seconds for which a server that was found harmless is not asked again: nothing downgrades it that fast."""
LONGEST_NAME: Final = 60


class Evidence(StrEnum):
    MEMBERS = "members"
    """Every server of the region is known."""
    AGENT = "agent"
    """The server that answers has reported its own release."""
    REFUSAL = "refusal"
    """The server that answers refuses in silence, as 1.8.20, 1.10.8, 1.11.2 and later do."""
    NONE = "none"


class ServerReleases(msgspec.Struct, frozen=True):
    """What is known of the releases of those servers that would serve the stream."""

    evidence: Evidence = Evidence.NONE
    builds: tuple[tuple[str, str], ...] = ()
    """Names of servers and what they run, the oldest first; untrusted text made fit to be drawn."""

    def affected(self, bug: ServerBug) -> tuple[tuple[str, str], ...]:
        """Those of `builds` that have the bug, or may have it."""
        return tuple(
            (name, build)
            for name, build in self.builds
            if (release := Release.parse(build)) is None or bug.affects(release)
        )

    def may_have(self, bug: ServerBug) -> bool:
        """Whether one of the servers has the bug, or nothing proves that none has."""
        match self.evidence:
            case Evidence.NONE:
                return True
            case Evidence.REFUSAL:
                return not is_ruled_out_by_quiet_refusal(bug)
            case _:
                return bool(self.affected(bug))

    @property
    def harmful_topics(self) -> frozenset[str]:
        return frozenset().union(*(bug.topics for bug in SERVER_BUGS if bug.topics and self.may_have(bug)))

    def lack(self, topic: str) -> bool:
        """Whether none of the servers knows a topic; False where that is not known."""
        since = kind(topic).since
        releases = [Release.parse(build) for _, build in self.builds]
        return bool(releases) and all(each is not None and each.number < since for each in releases)

    def because(self, bug: ServerBug) -> str:
        """Why the bug must be reckoned with, as the second half of a sentence."""
        affected = self.affected(bug)
        if not affected:
            return "and nothing shows which release the servers run (that needs node:read)"
        name, build = affected[0]
        others = f" and {len(affected) - 1} more" if len(affected) > 1 else ""
        run = "run" if others else "runs"
        return f"and {name or 'the server'}{others} {run} {build or 'an unknown release'}"


async def discover(
    client: Client, server: ServerInfo | None, *, prove: bool = True, patience: float = PATIENCE
) -> ServerReleases:
    """What can be learned; `server` is what the agent that answers says of itself.

    With `prove` a server that does not report it gets a request that it refuses.

    Raises `NomadError` if it cannot be connected to: that proves nothing about its release.
    """
    region = client.connection.region
    known = ServerReleases()
    if server is not None and server.is_server and server.version and region in (None, server.region):
        known = ServerReleases(Evidence.AGENT, ((_shown(server.name), _shown(server.version)),))
    try:
        async with asyncio.timeout(patience):
            if builds := await region_members(client):
                return ServerReleases(Evidence.MEMBERS, builds)
            unproved = prove and known.evidence is Evidence.NONE
            if unproved and await _serves_itself(client) and await _refuses_in_silence(client):
                return ServerReleases(Evidence.REFUSAL)
    except (NomadError, TimeoutError) as error:
        if isinstance(error, NomadError) and error.is_unreachable:
            raise
    return known


async def region_members(client: Client) -> tuple[tuple[str, str], ...]:
    """The servers of the region watched and their releases, the oldest first; failed ones too.

    None where the token may not ask.
    """
    try:
        return _members(await client.get_json("/v1/agent/members", seconds=PATIENCE), client.connection.region)
    except NomadError as error:
        if error.status is None:
            raise
        return ()


def _members(body: Any, region: str | None) -> tuple[tuple[str, str], ...]:
    """`region` None is that of whoever answers."""
    if not isinstance(body, dict) or not isinstance(body.get("Members"), list):
        return ()
    wanted = region or body.get("ServerRegion")
    found: list[tuple[str, str]] = []
    for member in body["Members"]:
        tags = member.get("Tags") if isinstance(member, dict) else None
        if not isinstance(tags, dict):
            continue
        if tags.get("role", "nomad") != "nomad" or member.get("Status") == "left":
            continue
        if wanted and tags.get("region", wanted) != wanted:
            continue
        found.append((_shown(member.get("Name")), _shown(tags.get("build"))))
    return tuple(sorted(found, key=lambda each: _age(each[1])))


def _age(build: str) -> tuple[int, int, int, bool]:
    release = Release.parse(build)
    return (*release.number, release.is_final) if release is not None else (0, 0, 0, False)


async def _serves_itself(client: Client) -> bool:
    """Whether the agent that answers is a server and of the region watched: then it serves the stream itself.

    A client's agent, or a server of another region, passes the request on, and says nothing of whoever serves it.
    """
    health = await client.get_json("/v1/agent/health", [("type", "server")], PATIENCE)
    server = health.get("server") if isinstance(health, dict) else None
    if not isinstance(server, dict) or server.get("ok") is not True:
        return False
    region = client.connection.region
    if region is None:
        return True
    leaders = [
        await client.get_json("/v1/status/leader", parameters, PATIENCE) for parameters in ([], [("region", region)])
    ]
    return bool(leaders[0]) and leaders[0] == leaders[1]


async def _refuses_in_silence(client: Client) -> bool:
    """Whether a stream of a region that there is not is answered with 200, and then with nothing."""
    parameters = [("index", str(NEWEST)), ("topic", "Job:*"), ("namespace", "default"), ("region", NO_REGION)]
    async with client.open_stream(parameters) as response:
        try:
            async with asyncio.timeout(SILENCE):
                return not await response.content.readany()
        except TimeoutError as error:
            return not isinstance(error, aiohttp.ClientError)


def _shown(text: object) -> str:
    return printable(text, LONGEST_NAME) if isinstance(text, str) else ""


class Discovery:
    """What is known of each server of a cluster, for those who read one stream or several of it."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._known: dict[str, tuple[float, ServerReleases]] = {}

    async def of(self, client: Client, server: ServerInfo | None, *, prove: bool = True) -> ServerReleases:
        """What is known of the servers behind this client; asked unless they were found harmless a moment ago."""
        address = str(client.connection.address)
        asked_at, known = self._known.get(address, (0.0, ServerReleases()))
        if known.harmful_topics or known.evidence is Evidence.NONE or monotonic() - asked_at > REMEMBERED:
            known = await discover(client, server, prove=prove, patience=self._patience)
            if known.evidence is Evidence.MEMBERS:
                self._known.clear()  # it reports all of them
            self._known[address] = (monotonic(), known)
        return known

    @property
    def worst(self) -> ServerReleases:
        """What is known of the servers asked so far, the worst of it first."""
        return worst(known for _, known in self._known.values())


def worst(found: Iterable[ServerReleases]) -> ServerReleases:
    """That of several for which most must be left out."""
    return max(found, key=lambda each: len(each.harmful_topics), default=ServerReleases())
