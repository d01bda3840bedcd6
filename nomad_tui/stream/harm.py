"""The topics that a reader leaves out because reading them would harm the servers, and the warnings about them."""

from collections.abc import Iterator
from typing import Final

from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Concern, Warned
from nomad_tui.nomad import diagnose
from nomad_tui.nomad.cases import Trouble, by_inquiry
from nomad_tui.nomad.client import Client, ServerInfo
from nomad_tui.nomad.release_discovery import Discovery, Evidence, ServerReleases
from nomad_tui.nomad.releases import CSI_SECRETS_BY_API, HARMFUL_TOPICS, SERVER_BUGS, ServerBug
from nomad_tui.stream.topic_selection import TopicSelection

UNKNOWN_TOPICS: Final = "Topics unknown to this nomad-tui are left out too."


class Harm:
    """Keeps a reader from the topics that harm the servers it reads."""

    def __init__(self, selection: TopicSelection, discovery: Discovery, allowed: bool) -> None:
        """`allowed` if the operator wants those topics all the same."""
        self._selection = selection
        self._discovery = discovery
        self._allowed = allowed
        self._releases = ServerReleases()
        """Of the servers examined last."""
        self._warned: Warned | None = None

    async def changes(self, client: Client, server: ServerInfo | None) -> bool:
        """Asks for the servers' releases; whether something else is to be subscribed to by what they are."""
        prove = bool(asked_topics(self._selection.started_with)) and not self._allowed
        self._releases = await self._discovery.of(client, server, prove=prove)
        return not self._allowed and self._selection.leave_out(self._discovery.worst.harmful_topics)

    async def harmless(self, client: Client, subscription: Subscription) -> Subscription | None:
        """The part of a subscription that a server may be asked for; None for nothing."""
        if self._allowed or not asked_topics(subscription):
            return subscription
        releases = await self._discovery.of(client, None)
        return subscription.without(releases.harmful_topics)

    def allowed_of(self, subscription: Subscription) -> Subscription | None:
        """What of a subscription is not left out; None for nothing."""
        return subscription if self._allowed else subscription.without(self._discovery.worst.harmful_topics)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Topics that were asked for and are not subscribed to."""
        if self._allowed:
            return ()
        return tuple(sorted(asked_topics(self._selection.started_with) & self._discovery.worst.harmful_topics))

    @property
    def csi_read_warning(self) -> str:
        """What reading a CSI volume through the API does to these servers, or may; empty if nothing."""
        if not self._releases.may_have(CSI_SECRETS_BY_API):
            return ""
        return csi_read_warning(self._releases)

    def version(self, server: ServerInfo | None) -> str | None:
        """The release of the server that sends the stream, where it is known."""
        if server is not None and (server.is_server or not server.version):
            return server.version
        builds = {build for _, build in self._releases.builds}
        return builds.pop() if len(builds) == 1 else None

    def trouble(self) -> Trouble | None:
        """Why nothing can be subscribed to; None if something can."""
        if self._allowed or self._selection.harmless is not None:
            return None
        return left_out(self.left_out, self._discovery.worst)

    def news(self) -> Iterator[Warned]:
        """The warning about them, if it has changed since it was yielded last."""
        wanted = tuple(sorted(asked_topics(self._selection.started_with) & self._discovery.worst.harmful_topics))
        warned = Warned(Concern.HARM)
        if wanted:
            trouble = (taken if self._allowed else left_out)(wanted, self._discovery.worst)
            account = trouble.summary
            if not self._allowed and self._selection.started_with.released_topics is None:
                account = f"{account} {UNKNOWN_TOPICS}"
            warned = Warned(Concern.HARM, account, f"{trouble.remedy}.")
        if warned != (self._warned or Warned(Concern.HARM)):
            self._warned = warned
            yield warned


def left_out(topics: tuple[str, ...], releases: ServerReleases) -> Trouble:
    """For topics that are not subscribed to; `topics` must harm one of the servers, or may."""
    bug = _bug(topics)
    token = "" if releases.builds else "Use a token with node:read, "
    upgrade = f"{'or u' if token else 'U'}pgrade the servers to {' or '.join(bug.fixed_in)} or later"
    return diagnose.fill(
        by_inquiry.HARMFUL,
        topics=diagnose.listed(topics),
        effect=_lowered(bug),
        because=releases.because(bug),
        remedy=f"{token}{upgrade}, or accept the risk with --allow-harmful-topics",
    )


def taken(topics: tuple[str, ...], releases: ServerReleases) -> Trouble:
    """For topics that the operator wants all the same."""
    bug = _bug(topics)
    return diagnose.fill(
        by_inquiry.HARM_ALLOWED,
        topics=diagnose.listed(topics),
        effect=_lowered(bug),
        because=releases.because(bug),
        fixed=" or ".join(bug.fixed_in),
    )


def csi_read_warning(releases: ServerReleases | None = None) -> str:
    """A warning before a CSI volume is read; without `releases` nothing is known of any server."""
    releases = releases or ServerReleases(Evidence.NONE)
    fixed = " or ".join(CSI_SECRETS_BY_API.fixed_in)
    why = releases.because(CSI_SECRETS_BY_API) if releases.builds else f"if they run a release before {fixed}"
    return f"{CSI_SECRETS_BY_API.effect}, {why} ({CSI_SECRETS_BY_API.issue})."


def asked_topics(subscription: Subscription) -> frozenset[str]:
    """The requested topics that may harm."""
    wanted = subscription.released_topics
    return HARMFUL_TOPICS if wanted is None else HARMFUL_TOPICS & wanted


def _bug(topics: tuple[str, ...]) -> ServerBug:
    return next(bug for bug in SERVER_BUGS if not bug.topics.isdisjoint(topics))


def _lowered(bug: ServerBug) -> str:
    return f"{bug.effect[0].lower()}{bug.effect[1:]} ({bug.issue})"
