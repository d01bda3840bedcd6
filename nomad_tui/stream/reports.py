"""What a reader reports besides frames: why a stream ended or was refused, and warnings, each reported once."""

from collections.abc import Iterator
from typing import Final

from nomad_tui.config.connection import Connection
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.permissions import Permissions
from nomad_tui.core.readable import enumerated
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Concern, Connected, Noted, Permitted, Update, Warned
from nomad_tui.nomad import diagnose, inquiry
from nomad_tui.nomad.cases import Kind, Trouble
from nomad_tui.nomad.client import Client, ServerInfo
from nomad_tui.nomad.diagnose import NomadError
from nomad_tui.nomad.releases import Release
from nomad_tui.stream.connection import StreamConnection
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.topic_selection import Harm, TopicSelection

SKEW: Final = 5.0
"""Seconds by which the clocks may differ without a warning."""
SKEW_CHANGED: Final = 2.0
"""Seconds by which the skew must change to be reported again; a server reports its time in whole seconds."""

REFUSALS: Final = frozenset(
    (
        Kind.REFUSED,
        Kind.PERMISSION,
        Kind.AUTHENTICATION,
        Kind.REGION_UNKNOWN,
        Kind.BAD_REQUEST,
        Kind.PUBLISHING_DISABLED,
        Kind.HARMFUL,
    )
)
"""How a Nomad server answers a subscription that it will not serve. Other permanent troubles, such as a certificate or
a wrong address, are retried as rarely, but they are not refusals."""
CLUSTER_WIDE: Final = REFUSALS - {Kind.REFUSED, Kind.PUBLISHING_DISABLED, Kind.HARMFUL}
"""Refusals that every server of a cluster would give. One without a reason may come from a server that is stopping."""
INVESTIGATED: Final = frozenset((Kind.REFUSED, Kind.PERMISSION, Kind.AUTHENTICATION, Kind.REGION_UNKNOWN))
"""Refusals whose reason is investigated."""
NO_RESPONSE: Final = frozenset((Kind.SILENT, Kind.TIMED_OUT))
HAS_ANOTHER_HISTORY: Final = Trouble(
    Kind.ENDED,
    "The server has another history now",
    "its events differ from those seen before",
    "Its whole buffer is read next",
    refused=False,
)


class PartlyRefusedError(NomadError):
    """A subscription was refused, but part of it may be read."""

    def __init__(self, trouble: Trouble, permissions: Permissions) -> None:
        super().__init__(trouble)
        self.permissions = permissions


async def explain_ending(error: NomadError, client: Client, subscription: Subscription, connected: bool) -> Trouble:
    """Why a connection ended, as precisely as further requests can tell. `connected` if its first line had arrived."""
    trouble = await inquiry.explain_fully(error, client.connection)
    if trouble.kind in NO_RESPONSE and not connected:
        trouble = await inquiry.why_silent(client, trouble)
        if trouble.kind is Kind.BUFFERED:
            # A buffering proxy looks the same as one that passed on a refusal.
            found = (await inquiry.why_refused(client, subscription, trouble)).trouble
            trouble = found if found.kind in REFUSALS else trouble
    return trouble


def all_failed(troubles: list[Trouble]) -> Trouble:
    """What to report when none of several servers can be read."""
    first, *rest = troubles
    if not rest:
        return first
    others = "the other one" if len(rest) == 1 else f"all {len(rest)} others"
    return Trouble(
        first.kind,
        first.what,
        f"{first.why}, and {others} failed too",
        first.remedy,
        all(each.refused for each in troubles),
    )


class Reports:
    """The warnings of one reader, each yielded when it starts to apply, changes, or no longer applies."""

    def __init__(self, connection: Connection, selection: TopicSelection, harm: Harm) -> None:
        self.losses = 0
        """Connections lost so far."""
        self.restricted = False
        """Whether the token may not read everything requested."""
        self._connection = connection
        self._selection = selection
        self._harm = harm
        self._read_from: int | None = None
        """Position of the server that was read last."""
        self.is_held_back = False
        """Whether the warning that a proxy delays the stream is in force."""
        self._permission: Warned | None = None
        self._skew: float | None = None
        """Seconds by which the server's clock was ahead in the last warning; None if there is none in force."""
        self._has_noted_release = False
        self._lacking: list[str] = []
        """Topics requested by name that the server read last does not have."""

    def connected(self, client: Client, server: ServerInfo | None, at: int) -> Iterator[Update]:
        """Reports a connection whose first line has arrived; `at` is the server's position in the list."""
        name = str(client.connection.address)
        before = self._read_from or 0
        if before != at:
            reason = "was lost, or holds less" if self._read_from is not None else "could not be read"
            yield Noted(f"Events come from {name} now: {self._connection.servers[before].address} {reason}.")
        self._read_from = at
        if self.restricted and self._selection.permits_all:
            self.restricted = False
            yield Permitted(Permissions((self._connection.namespace,), {}))
            self._permission = None
            yield Warned(Concern.PERMISSION)
        yield Connected(
            name,
            self._harm.version(server),
            server.region if server is not None else None,
            self.losses,
            self._selection.refused_topics,
            self._harm.left_out,
            self._harm.csi_read_warning,
        )
        yield from self._harm.news()
        yield from self._topics(server)
        if client.mended_status_line and not self._has_noted_release:
            self._has_noted_release = True
            yield Noted(diagnose.mended_status_line(client.connection).sentence)
        if client.ahead is not None:
            yield from self.clock(client.ahead)

    def _topics(self, server: ServerInfo | None) -> Iterator[Warned]:
        """Warns about topics that are newer than the server, which accepts the subscription and sends nothing for
        them."""
        release = Release.parse(server.version) if server is not None else None
        asked = self._selection.started_with.released_topics or ()
        lacking = [name for name in sorted(asked) if release is not None and kind(name).since > release.number]
        if lacking == self._lacking:
            return
        self._lacking = lacking
        if not lacking:
            yield Warned(Concern.TOPIC)
            return
        assert release is not None
        number = ".".join(map(str, release.number))
        yield Warned(
            Concern.TOPIC,
            f"Nomad {number} publishes no {enumerated(lacking, 'or')} events.",
            "Name other topics (--topic), or upgrade the servers.",
        )

    def clock(self, ahead: float) -> Iterator[Warned]:
        """Warns if the server's clock is wrong; `ahead` is by how many seconds it is ahead."""
        reported = self._skew
        if reported is not None and abs(ahead - reported) < SKEW_CHANGED:
            ahead = reported
        self._skew = ahead if abs(ahead) > SKEW else None
        if self._skew is not None:
            yield _warning(Concern.CLOCK, diagnose.clock_skew(ahead))
        elif reported is not None:
            yield Warned(Concern.CLOCK)

    def permission(self, trouble: Trouble) -> Iterator[Warned]:
        """Warns that part of the subscription is refused."""
        warned = _warning(Concern.PERMISSION, trouble)
        if warned != self._permission:
            self._permission = warned
            yield warned

    def held_back(self, trouble: Trouble) -> Warned:
        """Warns that a proxy delays the stream."""
        self.is_held_back = True
        return _warning(Concern.BUFFERED, trouble)

    def bulk(self, connection: StreamConnection, heartbeat: float, standstill: float) -> Iterator[Warned]:
        """Warns if a proxy delays the stream, judged by its heartbeats, which are `heartbeat` seconds apart."""
        if together := connection.together:
            if not self.is_held_back and standstill < heartbeat / 2:
                yield self.held_back(diagnose.buffered(together * heartbeat, together))
        elif self.is_held_back and connection.heartbeats.regular:
            self.is_held_back = False
            yield Warned(Concern.BUFFERED)


class LineWatch:
    """Detects lines that do not end, across connections."""

    def __init__(self, settings: Settings) -> None:
        self._clock = settings.clock
        self._settings = settings
        self._longest = settings.longest_line
        self.since: float | None = None
        """When the current incomplete line began, as of the last `check`; None between two lines."""
        self._next = 0.0
        """When the line is checked again."""
        self._is_accepted = False
        self._is_reported = False

    def seconds_left(self) -> float | None:
        """Until `check` will report the line if it does not end; None between two lines.

        The wait for a first line has its own limit.
        """
        return None if self.since is None or not self._is_accepted else max(0.0, self._next - self._clock())

    def check(self, connection: StreamConnection) -> Iterator[Warned]:
        """Warns if a line takes long, or ends the warning. Raises `NomadError` if it takes too long.

        Each such error doubles the limit, so that a long line eventually gets through a slow network.
        """
        self._is_accepted = connection.accepted
        now, since = self._clock(), connection.unfinished_since
        if since is None or since != self.since:
            self.since = since
            patience = self._settings.unfinished_line
            if not connection.accepted:
                patience = min(patience, self._settings.unfinished_first_line)
            self._next = now + patience
            if self._is_reported:
                self._is_reported = False
                yield Warned(Concern.LINE)
        elif now >= self._next:
            self._next = min(now + (now - since), max(now, since + self._longest))
            if now - since >= self._longest:
                self._longest *= 2
                raise NomadError(diagnose.unfinished(connection.unfinished, now - since, is_left=True))
            self._is_reported = True
            yield _warning(Concern.LINE, diagnose.unfinished(connection.unfinished, now - since))


def _warning(concern: Concern, trouble: Trouble) -> Warned:
    return Warned(concern, trouble.summary, f"{trouble.remedy}.")
