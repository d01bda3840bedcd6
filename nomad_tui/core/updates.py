"""What a source tells its reader. A live server and a recording tell it in the same words."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from nomad_tui.core.permissions import Permissions
from nomad_tui.core.topics import ALL
from nomad_tui.core.wire import Frame, Heartbeat, Unreadable


@dataclass(frozen=True, slots=True)
class Connecting:
    """A connection is being made; what was shown stays."""

    to: str


@dataclass(frozen=True, slots=True)
class Connected:
    """The server accepted the subscription and sent its first line."""

    to: str
    version: str | None = None
    """The server's release, where the token may read it."""
    region: str | None = None
    reconnects: int = 0
    """How often this source has lost a connection before."""
    refused_topics: tuple[str, ...] = ()
    """Topics that the operator ticked again and this server would not send; they are asked for again, but seldom."""


@dataclass(frozen=True, slots=True)
class Retrying:
    """The stream ended or could not be opened; the source tries again by itself."""

    what: str
    """One or two sentences: what happened and why."""
    remedy: str
    delay: float
    """Seconds until the next attempt."""
    attempt: int
    """Attempts that have failed in a row, from 1."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server will not serve this subscription with this token. Tried again, but seldom."""

    what: str
    remedy: str
    delay: float
    attempt: int


class Concern(StrEnum):
    """What a warning is about; a later one about the same takes its place."""

    NAMESPACE = "namespace"
    """The namespace watched does not exist, or not yet: a server answers with silence."""
    TOPIC = "topic"
    """A topic asked for that no release is known to send: a server answers with silence."""
    PERMISSION = "permission"
    """Part of what was asked for is refused."""
    BUFFERED = "buffered"
    """Something between holds the stream back and lets it through in bulk."""
    CLOCK = "clock"
    """The server's clock and this machine's differ."""
    SERVER = "server"
    """Not the server that the operator named first is the one that is read."""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something is not as the operator may think, and the stream goes on."""

    concern: Concern
    what: str = ""
    """One or two sentences; empty when it is over."""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that the operator should know, and need do nothing about."""

    text: str


@dataclass(frozen=True, slots=True)
class Permitted:
    """What the token may read was asked of the server topic by topic, because it refused all of it together.

    Comes before the `Connected` of what is allowed, and again whenever that changes.
    """

    permissions: Permissions


class GapReason(StrEnum):
    BUFFER = "buffer"
    """The server no longer held the last event seen."""
    REBUILT = "rebuilt"
    """The server's indexes are lower than those seen: it was rebuilt or restored, or it is another one."""
    UNSUBSCRIBED = "unsubscribed"
    """Topics that were not subscribed to for a while were asked for again too late: the server's buffer begins after
    the last index seen of them."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Events may be missing here."""

    reason: GapReason
    after: int
    """The last index seen before it."""
    before: int
    """The first index seen after it; lower than `after` for a rebuilt server."""
    away: float
    """Seconds between the last byte of the old connection and the first line of the new one."""
    topics: tuple[str, ...] = ()
    """Which topics lack something, `*` for those that no release is known to send; empty for all that are read."""

    @property
    def sentence(self) -> str:
        if self.reason is GapReason.REBUILT:
            return (
                f"the index went back from {self.after:,} to {self.before:,}: "
                "the server was rebuilt or is another one, and what happened between is not known"
            )
        if self.reason is GapReason.UNSUBSCRIBED:
            return (
                f"{self._missing} of {_listed(self.topics)} may be missing: not subscribed to meanwhile, "
                "and the server no longer holds all of them"
            )
        return (
            f"{self._missing} may be missing: reconnected after {self.away:.0f} s, "
            f"when the server no longer held {self.after:,}"
        )

    @property
    def _missing(self) -> str:
        first, last = self.after + 1, self.before - 1
        if first >= last:
            # Several frames may share an index: the last one seen may not have been the last of its index.
            return f"events at index {min(first, last):,}"
        return f"events {first:,}–{last:,}"


LISTED: Final = 4
"""Topics that are named in a sentence before the rest of them is counted."""


def _listed(topics: tuple[str, ...]) -> str:
    names = ["unknown topics" if topic == ALL else topic for topic in topics]
    if len(names) > LISTED:
        names[LISTED - 1 :] = [f"{len(names) - LISTED + 1} other topics"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more will come: a recording was read to its end."""

    what: str


Update: TypeAlias = (
    Connecting
    | Connected
    | Permitted
    | Warned
    | Noted
    | Retrying
    | Refused
    | Gap
    | Ended
    | Frame
    | Heartbeat
    | Unreadable
)
