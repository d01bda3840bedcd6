"""Determines which releases the servers run that may serve the stream, before the first subscription.

The servers' releases are Serf tags (`/v1/agent/members`, requires `node:read`). A server also reports its own
(`/v1/agent/self`, requires `agent:read`). Without either permission, a request that every server refuses is sufficient:
1.8.20, 1.10.8, 1.11.2 and later respond with 200 and silence, all others with an error status.
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
"""Seconds for all requests together: events wait for them."""
SILENCE: Final = 0.25
"""Seconds without a byte that count as a refusal: an accepted request gets its first line at once."""
MISSING_REGION: Final = "nomad-tui-asks-for-no-region"
HARMLESS_TTL: Final = 60.0
"""Seconds for which a server found harmless is not checked again: servers are not downgraded that fast."""
LONGEST_NAME: Final = 60


class Evidence(StrEnum):
    MEMBERS = "members"
    """All servers of the region are known."""
    AGENT = "agent"
    """The responding server has reported its own release."""
    REFUSAL = "refusal"
    """The responding server refuses silently, like 1.8.20, 1.10.8, 1.11.2 and later."""
    NONE = "none"


class ServerReleases(msgspec.Struct, frozen=True):
    """What is known about the releases of the servers that may serve the stream."""

    evidence: Evidence = Evidence.NONE
    builds: tuple[tuple[str, str], ...] = ()
    """Names and releases of servers, the oldest first; untrusted text that is safe to display."""

    def affected(self, bug: ServerBug) -> tuple[tuple[str, str], ...]:
        """The entries of `builds` that have the bug, or may have it."""
        return tuple(
            (name, build)
            for name, build in self.builds
            if (release := Release.parse(build)) is None or bug.affects(release)
        )

    def may_have(self, bug: ServerBug) -> bool:
        """Whether a server has the bug, or it cannot be ruled out."""
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
        """Whether none of the servers knows a topic; False if unknown."""
        since = kind(topic).since
        releases = [Release.parse(build) for _, build in self.builds]
        return bool(releases) and all(each is not None and each.number < since for each in releases)

    def because(self, bug: ServerBug) -> str:
        """Why the bug is to be expected, as the second half of a sentence."""
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
    """Determine the servers' releases; `server` is what the responding agent reports about itself.

    With `prove`, a server that does not report its release gets a request that it refuses.

    Raises `NomadError` if no connection can be made: that proves nothing about its release.
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
            if unproved and await _serves_itself(client) and await _refuses_silently(client):
                return ServerReleases(Evidence.REFUSAL)
    except (NomadError, TimeoutError) as error:
        if isinstance(error, NomadError) and error.is_unreachable:
            raise
    return known


async def region_members(client: Client) -> tuple[tuple[str, str], ...]:
    """Names and releases of the region's servers, the oldest first, including failed ones.

    Empty if the token may not list them.
    """
    try:
        return _members(await client.get_json("/v1/agent/members", seconds=PATIENCE), client.connection.region)
    except NomadError as error:
        if error.status is None:
            raise
        return ()


def _members(body: Any, region: str | None) -> tuple[tuple[str, str], ...]:
    """`region` None is the region of the responding agent."""
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
    """Whether the responding agent is a server of the watched region, so that it serves the stream itself.

    A client agent or a server of another region forwards the request, which says nothing about the serving one.
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


async def _refuses_silently(client: Client) -> bool:
    """Whether a stream request for a region that does not exist is answered with 200 and silence."""
    parameters = [("index", str(NEWEST)), ("topic", "Job:*"), ("namespace", "default"), ("region", MISSING_REGION)]
    async with client.open_stream(parameters) as response:
        try:
            async with asyncio.timeout(SILENCE):
                return not await response.content.readany()
        except TimeoutError as error:
            return not isinstance(error, aiohttp.ClientError)


def _shown(text: object) -> str:
    return printable(text, LONGEST_NAME) if isinstance(text, str) else ""


class Discovery:
    """Caches the known releases of a cluster's servers, shared by all readers of its streams."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._known: dict[str, tuple[float, ServerReleases]] = {}

    async def of(self, client: Client, server: ServerInfo | None, *, prove: bool = True) -> ServerReleases:
        """The releases of the servers behind this client; cached for a while if they were found harmless."""
        address = str(client.connection.address)
        asked_at, known = self._known.get(address, (0.0, ServerReleases()))
        if known.harmful_topics or known.evidence is Evidence.NONE or monotonic() - asked_at > HARMLESS_TTL:
            known = await discover(client, server, prove=prove, patience=self._patience)
            if known.evidence is Evidence.MEMBERS:
                self._known.clear()  # it includes all of them
            self._known[address] = (monotonic(), known)
        return known

    @property
    def worst(self) -> ServerReleases:
        """Of the results so far, the one with the most topics to leave out."""
        return worst(known for _, known in self._known.values())


def worst(found: Iterable[ServerReleases]) -> ServerReleases:
    """Of several results, the one with the most topics to leave out."""
    return max(found, key=lambda each: len(each.harmful_topics), default=ServerReleases())
