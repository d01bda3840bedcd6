"""What sources yield. The types are the same for a live server and a recording."""

from enum import StrEnum
from typing import Annotated, Final, TypeAlias

import msgspec

from nomad_tui.core.permissions import Permissions
from nomad_tui.core.readable import SECOND, duration, enumerated
from nomad_tui.core.text import printable
from nomad_tui.core.topics import ALL
from nomad_tui.core.wire import Frame, Heartbeat, Unreadable


class Connecting(msgspec.Struct, frozen=True):
    """A connection is being made; the display stays unchanged."""

    to: str


class Connected(msgspec.Struct, frozen=True):
    """The server accepted the subscription and sent its first line."""

    to: str
    version: str | None = None
    """The server's release, if the token may read it."""
    region: str | None = None
    reconnects: int = 0
    """How often this source has lost its connection before."""
    refused_topics: tuple[str, ...] = ()
    """Topics that the operator selected again and this server refuses; they are retried, but rarely."""
    harmful_topics: tuple[str, ...] = ()
    """Topics that are left out, because reading them harms these servers or may harm them."""
    csi_read_warning: str = ""
    """The effect that reading a CSI volume has on these servers, or may have; empty if it is known to be harmless."""


class Retrying(msgspec.Struct, frozen=True):
    """The stream ended or could not be opened; the source retries."""

    what: str
    """One or two sentences: what happened and why."""
    remedy: str
    delay: float
    """Seconds until the next attempt."""
    attempt: int
    """Consecutive failed attempts, from 1."""


class Refused(msgspec.Struct, frozen=True):
    """The server refuses this subscription with this token. Retried, but rarely."""

    what: str
    remedy: str
    delay: float
    attempt: int


class Concern(StrEnum):
    """The subject of a warning; a later warning on the same subject replaces it."""

    HARM = "harm"
    """Topics are left out, because reading them harms the servers or may harm them; or they are read nevertheless."""
    NAMESPACE = "namespace"
    """The namespace does not exist (yet): a server sends nothing for it."""
    TOPIC = "topic"
    """A requested topic that no known release sends: a server sends nothing for it."""
    PERMISSION = "permission"
    """Part of the subscription is refused."""
    BUFFERED = "buffered"
    """A proxy buffers the stream and forwards it in bulk."""
    LINE = "line"
    """A line of the stream has not ended yet: nothing can be shown before it does."""
    LEADER = "leader"
    """The cluster has no leader: nothing is written, so there are no events."""
    CLOCK = "clock"
    """The clocks of the server and this machine differ."""
    RECORDING = "recording"
    """Writing to the operator's recording fails."""
    SETTINGS = "settings"
    """The operator's settings contain errors."""


class Warned(msgspec.Struct, frozen=True):
    """Something unexpected that does not interrupt the stream."""

    concern: Concern
    what: str = ""
    """One or two sentences; empty when the condition is over."""
    remedy: str = ""


class Noted(msgspec.Struct, frozen=True):
    """Information for the operator that needs no action."""

    text: str


class Permitted(msgspec.Struct, frozen=True):
    """The topics that the token may read, determined topic by topic because the server refused all of them together.

    Sent before the `Connected` of the allowed topics, and again whenever they change.
    """

    permissions: Permissions


class GapReason(StrEnum):
    BUFFER = "buffer"
    """The server no longer held the last event seen."""
    REBUILT = "rebuilt"
    """The server's indexes are lower than those seen: it was rebuilt or restored, or it is another server."""
    UNSUBSCRIBED = "unsubscribed"
    """Topics were subscribed to again too late: the server's buffer begins after the last index seen of them."""
    NAMESPACE = "namespace"
    """A namespace was created, or became readable, while it was not subscribed to, and was requested too late: the
    server's buffer begins after what may have been its first events."""
    JOURNAL = "journal"
    """The journal was full and dropped events that a sink had not received yet."""
    UNREADABLE = "unreadable"
    """A line of the stream could not be decoded."""
    DROPPED = "dropped"
    """A journal dropped its oldest events to stay within its limits before they were read."""
    EXPIRED = "expired"
    """A JetStream stream dropped its oldest messages, or was recreated, before they were read."""


class Gap(msgspec.Struct, frozen=True):
    """Events may be missing here."""

    reason: GapReason
    after: int
    """The last index seen before it."""
    before: int
    """The first index seen after it; lower than `after` for a rebuilt server."""
    away: float
    """Duration in seconds: between the last byte of the old connection and the first line of the new one, or for how
    long the topics or namespaces were not subscribed to. 0 if unknown, as in a recording."""
    topics: tuple[str, ...] = ()
    """Topics with missing events, `*` for those that no known release sends; empty for all that are read."""
    namespaces: tuple[str, ...] = ()
    """Namespaces with missing events, by untrusted names; empty for all that are read."""
    events: int = 0
    """The least number of missing events; 0 if unknown."""

    @property
    def sentence(self) -> str:
        """One line, safe to display: which indexes are missing, of what, for how long, and why."""
        return f"{self.missing}: {self.cause}"

    @property
    def missing(self) -> str:
        """The first half of the sentence: which indexes are missing, of what."""
        if self.reason is GapReason.REBUILT:
            if self.after == self.before:
                return f"index {self.after:,}{self._scope} was repeated with different events"
            return f"the index{self._scope} went back from {self.after:,} to {self.before:,}"
        first, last = self.after + 1, self.before - 1
        if first >= last:
            # Several frames may share an index: the last one seen may not be the last of its index.
            return f"events at index {max(self.after, min(first, last)):,}{self._scope} {self._are_missing}"
        return f"indexes {first:,}–{last:,}{self._scope} {self._are_missing}"

    @property
    def _are_missing(self) -> str:
        if not self.events:
            return "may be missing"
        return f"are missing, at least {self.events:,} event{'s' if self.events > 1 else ''}"

    @property
    def cause(self) -> str:
        """The second half of the sentence: for how long, and why."""
        match self.reason:
            case GapReason.REBUILT:
                back = self._lasted("reconnected after ", " to a server that") or "the server"
                return f"{back} was rebuilt or is a different one, so events in between are unknown"
            case GapReason.UNSUBSCRIBED:
                lasted = self._lasted("for ") or "meanwhile"
                return f"not subscribed to {lasted}, and the server no longer holds all of them"
            case GapReason.NAMESPACE:
                lasted = self._lasted("up to ", " ")
                return (
                    f"created or first readable {lasted}before being subscribed to, and the server no longer holds all"
                )
            case GapReason.UNREADABLE:
                return "a line of the stream was unreadable"
            case GapReason.EXPIRED:
                return "the JetStream stream dropped them, or was recreated, before they were read"
            case GapReason.DROPPED:
                lasted = self._lasted("not read for ", ", and ")
                return f"{lasted}the journal dropped them before they were read, because of its limits"
            case GapReason.BUFFER:
                lasted = self._lasted("reconnected after ", ", when ")
                return f"{lasted}the server no longer held {self.after:,}, or was rebuilt"
            case GapReason.JOURNAL:
                lasted = self._lasted(" for ")
                return f"the journal was full, and dropped events not delivered{lasted or ' yet'}"

    @property
    def remedy(self) -> str:
        """One or two sentences: what is complete nevertheless, and what to do."""
        match self.reason:
            case GapReason.REBUILT:
                return "Check the address, and whether the server was restored or replaced. Its own history follows."
            case GapReason.UNREADABLE:
                return "Check for a proxy that changes the stream. The journal has the start of the line."
            case GapReason.UNSUBSCRIBED:
                return f"Keep topics selected and hide them with a filter instead. {_MORE_BUFFER}"
            case GapReason.JOURNAL:
                return "`nomad-tui sink list` shows the sink's last error. Fix it, or raise the journal's max_size."
        fewer = _LOSE_FEWER.get(self.reason, _MORE_BUFFER)
        return f"The next event of each object is complete; only steps before it are lost. {fewer}"

    def record(self) -> dict[str, object]:
        """The gap as JSON, for files."""
        return {
            "Reason": self.reason.value,
            "After": self.after,
            "Before": self.before,
            "AwaySeconds": round(self.away, 1),
            "Topics": list(self.topics),
            "Namespaces": list(self.namespaces),
            "Events": self.events,
            "Sentence": self.sentence,
        }

    @classmethod
    def of_line(cls, line: bytes) -> "Gap | None":
        """The gap in a line of a recording; None if there is none or it is invalid."""
        if b'"Gap"' not in line:
            return None
        try:
            found = _decode_gap(line).gap
            return found.gap(GapReason(found.reason))
        except (ValueError, msgspec.MsgspecError):
            return None

    @property
    def _scope(self) -> str:
        topics = _listed(self.topics, "topics")
        named = _listed(self.namespaces, "namespaces")
        many = "s" if len(self.namespaces) > 1 else ""
        return (f" of {topics}" if topics else "") + (
            f" {'in' if topics else 'of'} namespace{many} {named}" if named else ""
        )

    def _lasted(self, before: str, after: str = "") -> str:
        return f"{before}{duration(int(self.away * SECOND))}{after}" if self.away > 0 else ""


_Index: TypeAlias = Annotated[int, msgspec.Meta(ge=-1, le=(1 << 63) - 1)]


class GapRecord(msgspec.Struct, rename="pascal"):
    """The output of `Gap.record`, read from an untrusted file or stream. Impossible values raise `ValidationError`."""

    reason: str
    after: _Index = 0
    before: _Index = 0
    away_seconds: Annotated[float, msgspec.Meta(ge=0, le=1e12)] = 0.0
    topics: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    events: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)] = 0

    def gap(self, reason: GapReason) -> Gap:
        return Gap(reason, self.after, self.before, self.away_seconds, self.topics, self.namespaces, self.events)


class GapMessage(msgspec.Struct, rename="pascal"):
    """A line or a message that reports a gap."""

    gap: GapRecord


_decode_gap: Final = msgspec.json.Decoder(GapMessage).decode

_MORE_BUFFER: Final = "To lose fewer, raise event_buffer_size (default 100) on the servers."
_LOSE_FEWER: Final = {
    GapReason.EXPIRED: "To lose fewer, raise the stream's max_age and max_bytes.",
    GapReason.DROPPED: "To lose fewer, raise the journal's --keep and --max-size.",
}

LISTED: Final = 4
"""Topics or namespaces named in a sentence; the rest is counted."""
LONGEST_NAME: Final = 40


def _listed(names: tuple[str, ...], kind: str) -> str:
    shown = [f"unknown {kind}" if name == ALL else printable(name, LONGEST_NAME) for name in names[: LISTED + 1]]
    if len(names) > LISTED:
        shown[LISTED - 1 :] = [f"{len(names) - LISTED + 1} other {kind}"]
    return enumerated(shown)


class Ended(msgspec.Struct, frozen=True):
    """The source is exhausted: a recording was read to its end."""

    what: str
    failed: bool = False
    """Whether nothing could be read."""
    is_truncated: bool = False
    """Whether the recording is truncated or damaged, such as an incomplete archive."""


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
