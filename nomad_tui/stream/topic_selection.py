"""Which topics to request, as the operator selects them, and when to reconnect for that.

A selection must never cost the operator the stream. If a server refuses a subscription, the last accepted one is used,
and if that is refused, the one the session was started with, which is also the upper limit.
"""

from collections.abc import Callable, Iterator
from time import monotonic
from typing import Final

from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Concern, Warned
from nomad_tui.nomad import diagnose
from nomad_tui.nomad.cases import Trouble, by_inquiry
from nomad_tui.nomad.client import Client, ServerInfo
from nomad_tui.nomad.release_discovery import Discovery, Evidence, ServerReleases
from nomad_tui.nomad.releases import CSI_SECRETS_BY_API, HARMFUL_TOPICS, SERVER_BUGS, ServerBug


class TopicSelection:
    def __init__(
        self, most: Subscription, *, settle: float, refused_again: float, on_change: Callable[[], None]
    ) -> None:
        """`most` is what the session was started with. `settle` and `refused_again` are those of `Settings`;
        `on_change` is called when the reader may have to reconnect sooner."""
        self.most = most
        """The largest subscription that may be requested now."""
        self.accepted = most
        """The subscription accepted last."""
        self.started_with = most
        self._permitted: frozenset[str] | None = None
        self._harmful: frozenset[str] = frozenset()
        self._topics: frozenset[str] | None = None
        """The operator's selection; None for all."""
        self._wanted = most
        self._settle = settle
        self._refused_again = refused_again
        self._on_change = on_change
        self._settled_at = 0.0
        self._refused: list[Subscription] = []
        """Subscriptions refused so far."""
        self.holding = True
        """Whether the reader cannot leave the connection yet to change topics."""
        self.is_changing = False
        """Whether a reconnect is wanted, now or later."""
        self._again = False
        """Whether to reconnect even if the topics do not change."""

    def watch(self, topics: frozenset[str] | None) -> None:
        """As `LiveServer.watch`."""
        self._topics = topics
        self._settled_at = monotonic() + self._settle
        self._choose()
        self._on_change()

    def reconnect(self) -> None:
        """Requests a reconnect as soon as a frame is complete."""
        self._again = self.is_changing = True
        self._on_change()

    def restrict(self, topics: frozenset[str] | None) -> None:
        """Limits the selection to what the token may read, by released names; None while no refusal is known."""
        self._permitted = topics
        self._limit()

    def leave_out(self, topics: frozenset[str]) -> bool:
        """Excludes topics, by released names. Returns whether that changes the subscription."""
        before = self.most
        self._harmful = topics
        self._limit()
        return self.most != before

    @property
    def harmless(self) -> Subscription | None:
        """What the session was started with, without the excluded topics; None if nothing remains."""
        return self.started_with.without(self._harmful)

    @property
    def permits_all(self) -> bool:
        """Whether no topic is left out because of a missing permission."""
        return self.most == self.harmless

    def _limit(self) -> None:
        most = self.harmless
        if most is not None and self._permitted is not None:
            most = most.only(self._permitted)
        if most is not None and most != self.most:
            self.most = self.accepted = most
            self._refused.clear()
            self._choose()

    @property
    def readable(self) -> frozenset[str] | None:
        """Released names of the topics that a request may name; None while no refusal is known."""
        return None if self.most == self.started_with else self.most.released_topics

    def _choose(self) -> None:
        wanted = self.most if self._topics is None else self.most.only(self._topics) or self.accepted
        if wanted != self._wanted:
            self._wanted = wanted
            self._refused.clear()
        self._update_is_changing()

    def _update_is_changing(self) -> None:
        self.is_changing = self._again or self._wanted != self.accepted

    # Between two connections

    def subscription(self, anything_seen: bool) -> Subscription:
        """The next subscription to request. Before anything was seen there is no index to resume from: nothing is left
        out."""
        first = self._wanted if anything_seen else self.most
        return next((each for each in (first, self.accepted, self.most) if each not in self._refused), first)

    def refuse(self, subscription: Subscription) -> bool:
        """Notes that a server refused it. Returns whether another subscription can be tried at once."""
        self._refused.append(subscription)
        self._settled_at = max(self._settled_at, monotonic() + self._refused_again)
        if all(each in self._refused for each in (self._wanted, self.accepted, self.most)):
            self._refused.clear()
            return False
        return True

    def forget_refusals(self) -> None:
        """Forgets refusals: the next server, or this one later, may accept what was refused."""
        self._refused.clear()

    # During a connection

    def begin(self) -> None:
        """Notes that a connection is being made with the current selection."""
        self._again = False
        self._update_is_changing()

    def accept(self, subscription: Subscription) -> None:
        self.accepted = subscription
        self._update_is_changing()

    @property
    def refused_topics(self) -> tuple[str, ...]:
        """Selected topics that were refused."""
        got = self.accepted.released_topics
        if got is None or self._wanted not in self._refused:
            return ()
        wanted = self._wanted.released_topics
        names = list(KINDS) if wanted is None else sorted(wanted)
        return tuple(name for name in names if name not in got)

    @property
    def is_due(self) -> bool:
        """Whether to reconnect now."""
        return self.seconds_left() == 0.0

    def seconds_left(self) -> float | None:
        """Until the next reconnect for other topics; None if there is none."""
        if self._again:
            return 0.0
        if self.holding or self._wanted == self.accepted:
            return None
        return max(0.0, self._settled_at - monotonic())


UNKNOWN_TOPICS: Final = "Topics unknown to this nomad-tui are left out too."


class Harm:
    """Keeps a reader from subscribing to topics that harm its servers."""

    def __init__(self, selection: TopicSelection, discovery: Discovery, allowed: bool) -> None:
        """`allowed` if the operator accepts the risk."""
        self._selection = selection
        self._discovery = discovery
        self._allowed = allowed
        self._releases = ServerReleases()
        """Releases of the servers examined last."""
        self._warned: Warned | None = None

    async def changes(self, client: Client, server: ServerInfo | None) -> bool:
        """Looks up the servers' releases. Returns whether they change the subscription."""
        prove = bool(asked_topics(self._selection.started_with)) and not self._allowed
        self._releases = await self._discovery.of(client, server, prove=prove)
        return not self._allowed and self._selection.leave_out(self._discovery.worst.harmful_topics)

    async def harmless(self, client: Client, subscription: Subscription) -> Subscription | None:
        """The part of a subscription that is safe to request; None for nothing."""
        if self._allowed or not asked_topics(subscription):
            return subscription
        releases = await self._discovery.of(client, None)
        return subscription.without(releases.harmful_topics)

    def allowed_of(self, subscription: Subscription) -> Subscription | None:
        """The part of a subscription that is not left out; None for nothing."""
        return subscription if self._allowed else subscription.without(self._discovery.worst.harmful_topics)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Topics that were requested and are not subscribed to."""
        if self._allowed:
            return ()
        return tuple(sorted(asked_topics(self._selection.started_with) & self._discovery.worst.harmful_topics))

    @property
    def csi_read_warning(self) -> str:
        """What reading a CSI volume through the API does to these servers, or may do; empty if nothing."""
        if not self._releases.may_have(CSI_SECRETS_BY_API):
            return ""
        return csi_read_warning(self._releases)

    def version(self, server: ServerInfo | None) -> str | None:
        """The release of the server that sends the stream, if known."""
        if server is not None and (server.is_server or not server.version):
            return server.version
        builds = {build for _, build in self._releases.builds}
        return builds.pop() if len(builds) == 1 else None

    def trouble(self) -> Trouble | None:
        """Why no topic can be subscribed to; None if one can."""
        if self._allowed or self._selection.harmless is not None:
            return None
        return left_out_trouble(self.left_out, self._discovery.worst)

    def news(self) -> Iterator[Warned]:
        """The warning about harmful topics, if it has changed since it was last yielded."""
        wanted = tuple(sorted(asked_topics(self._selection.started_with) & self._discovery.worst.harmful_topics))
        warned = Warned(Concern.HARM)
        if wanted:
            trouble = (allowed_trouble if self._allowed else left_out_trouble)(wanted, self._discovery.worst)
            text = trouble.summary
            if not self._allowed and self._selection.started_with.released_topics is None:
                text = f"{text} {UNKNOWN_TOPICS}"
            warned = Warned(Concern.HARM, text, f"{trouble.remedy}.")
        if warned != (self._warned or Warned(Concern.HARM)):
            self._warned = warned
            yield warned


def left_out_trouble(topics: tuple[str, ...], releases: ServerReleases) -> Trouble:
    """For topics that are left out; `topics` must harm one of the servers, or may."""
    bug = _bug(topics)
    token = "" if releases.builds else "Use a token with node:read, "
    upgrade = f"{'or u' if token else 'U'}pgrade the servers to {' or '.join(bug.fixed_in)} or later"
    return diagnose.fill(
        by_inquiry.HARMFUL,
        topics=diagnose.listed(topics),
        effect=_effect_clause(bug),
        because=releases.because(bug),
        remedy=f"{token}{upgrade}, or accept the risk with --allow-harmful-topics",
    )


def allowed_trouble(topics: tuple[str, ...], releases: ServerReleases) -> Trouble:
    """For topics that the operator wants despite the risk."""
    bug = _bug(topics)
    return diagnose.fill(
        by_inquiry.HARM_ALLOWED,
        topics=diagnose.listed(topics),
        effect=_effect_clause(bug),
        because=releases.because(bug),
        fixed=" or ".join(bug.fixed_in),
    )


def csi_read_warning(releases: ServerReleases | None = None) -> str:
    """A warning before a CSI volume is read; without `releases`, no server's release is known."""
    releases = releases or ServerReleases(Evidence.NONE)
    fixed = " or ".join(CSI_SECRETS_BY_API.fixed_in)
    why = releases.because(CSI_SECRETS_BY_API) if releases.builds else f"if they run a release before {fixed}"
    return f"{CSI_SECRETS_BY_API.effect}, {why} ({CSI_SECRETS_BY_API.issue})."


def asked_topics(subscription: Subscription) -> frozenset[str]:
    """The requested topics that may do harm."""
    wanted = subscription.released_topics
    return HARMFUL_TOPICS if wanted is None else HARMFUL_TOPICS & wanted


def _bug(topics: tuple[str, ...]) -> ServerBug:
    return next(bug for bug in SERVER_BUGS if not bug.topics.isdisjoint(topics))


def _effect_clause(bug: ServerBug) -> str:
    return f"{bug.effect[0].lower()}{bug.effect[1:]} ({bug.issue})"
