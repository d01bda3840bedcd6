"""One connection to an event stream without its socket: bytes in, updates out.

`request` says what to ask the server for, `feed` takes what it sends, and `close` its end. Repeats are dropped, gaps
named, and what lies before the start left out. Where a first frame does not prove that the stream goes on, `doubt` says
so, and `resolve` takes what was found out about it: only then the rest of the bytes is read.

An update counts as seen once it is yielded: what a caller did not take comes again on the next connection.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Final

from nomad_tui.core.continuity import Continuity
from nomad_tui.core.history.coverage import Joined
from nomad_tui.core.limits import DEFAULT_MAX_LINE
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Connected, Gap, GapReason, Noted, Update
from nomad_tui.core.wire import EXCERPT, Frame, Heartbeat, LineSplitter, Unreadable, decode
from nomad_tui.stream.start import StartFilter

HEARTBEAT: Final = 30.0
"""Seconds between two heartbeats (`command/agent/event_endpoint.go`)."""
BACKLOG_SECONDS: Final = 1.0
"""Seconds after which a server has sent what it had in its buffer, where it does not say its newest index."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A first frame that does not prove that the stream goes on: the server may have another history."""

    frame: Frame
    joined: Joined
    last_index: int
    """The last index seen before."""
    older: int
    """An index seen before that one, to compare histories from; the last one where none is remembered."""

    @property
    def is_rebuilt(self) -> bool:
        """Whether the server's indexes are below those seen, or its frame is another one than was seen."""
        return self.joined.gap is not None and self.joined.gap.reason is GapReason.REBUILT


@dataclass(frozen=True, slots=True)
class Parting:
    """Where a server's history parts from the one seen, by comparing older frames."""

    strange: int | None = None
    """The first index that it holds and that was not seen: 0 for none, None where it holds nothing so old."""
    has_common: bool = False
    """Whether something before that was seen."""


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Times are in seconds, sizes in bytes."""

    max_line: int = DEFAULT_MAX_LINE
    heartbeat: float = HEARTBEAT
    backlog: float = BACKLOG_SECONDS


class Heartbeats:
    """Tells from the heartbeats of one connection whether something between holds the stream back.

    A server sends `{}` every 30 s beside everything else, so two of them come together only if they waited somewhere:
    in a proxy that fills its buffer before it passes anything on, or here, while this program was stopped.
    """

    def __init__(self, interval: float = HEARTBEAT) -> None:
        self._interval = interval
        self._together = 0
        """Heartbeats in what arrived at about the same time."""
        self._since = 0.0
        """When the first of that arrived."""
        self._silence = 0.0
        """Seconds without anything before it."""
        self._heard_at: float | None = None
        self._beat_at: float | None = None
        self.regular = False
        """Whether the last heartbeat came alone, and one interval after the one before it."""

    def heard(self, heartbeats: int, now: float) -> int:
        """`heartbeats` of what has just arrived, at `now` in seconds; how many came in bulk after a silence, or 0."""
        before, self._heard_at = self._heard_at, now
        beat_before = self._beat_at
        if heartbeats:
            self._beat_at = now
        if before is None:
            self._since = now
            return 0
        silence = now - before
        if silence > self._interval / 10 or now - self._since > self._interval / 2:
            self._together, self._silence, self._since = 0, silence, now
        self._together += heartbeats
        if heartbeats:
            apart = 0.0 if beat_before is None else now - beat_before
            self.regular = heartbeats == 1 and abs(apart - self._interval) < self._interval / 5
        return self._together if self._together >= 2 and self._silence > self._interval * 1.2 else 0


@dataclass(slots=True)
class StreamConnection:
    """Made anew for each connection; `continuity` is what all of them have seen."""

    continuity: Continuity = field(default_factory=Continuity)
    subscription: Subscription = field(default_factory=Subscription)
    settings: ConnectionSettings = field(default_factory=ConnectionSettings)
    to: str = ""
    """The server's address, for `Connected`."""
    readable: frozenset[str] | None = None
    """Topics that a request may name, by released names; None for all."""
    newest: int | None = None
    """The server's newest index before the connection was made, where it says so."""
    start: StartFilter | None = None
    """Until the start is behind."""
    last_byte: float | None = None
    """When the last connection brought something; None if there was none."""

    accepted: bool = field(default=False, init=False)
    """Whether the first line has come: only that proves that a server took the subscription."""
    has_joined: bool = field(default=False, init=False)
    """Whether a frame has been compared with what was seen, beyond doubt."""
    progressed: bool = field(default=False, init=False)
    """Whether a frame has come that is newer than everything seen before."""
    doubt: Doubt | None = field(default=None, init=False)
    """To be resolved before anything more is read."""
    is_rebuilt: bool = field(default=False, init=False)
    """Whether the server has another history: the connection is to be left, and all that it holds asked for."""
    parted_at: int = field(default=0, init=False)
    """The index from which on that history is another one; 0 for all of it."""
    together: int = field(default=0, init=False)
    """Heartbeats that came at once after a silence, up to the last bytes: something holds the stream back."""
    last_text: bytes | None = field(default=None, init=False)
    """What came last, where that was no frame: a server's last words."""
    heartbeats: Heartbeats = field(init=False)
    unfinished_since: float | None = field(default=None, init=False)
    """When the line began of which only a part has come; None between two lines."""

    _splitter: LineSplitter = field(init=False)
    _narrow: Subscription | None = field(init=False)
    """None if every event that comes was asked for."""
    _lines: Iterator[bytes] = field(default=iter(()), init=False)
    """Not read yet."""
    _now: float = field(default=0.0, init=False)
    _connected_at: float = field(default=0.0, init=False)
    _away: float = field(default=0.0, init=False)
    _beats: int = field(default=0, init=False)
    """Heartbeats in the bytes that are being read."""
    _resumed_from: int = field(init=False)
    _seen_before: int = field(init=False)
    """What is above this index is new."""
    _older: int = field(init=False)
    _is_resuming: bool = field(init=False)
    """Whether nothing newer than what was seen has come."""

    def __post_init__(self) -> None:
        self.heartbeats = Heartbeats(self.settings.heartbeat)
        self._splitter = LineSplitter(self.settings.max_line)
        self._resumed_from = self._seen_before = self.continuity.seen.last_index
        self._older = self.continuity.seen.lookback_index
        self._is_resuming = self._resumed_from > 0
        self._narrow = None if self.subscription.everything else self.subscription

    @property
    def unfinished(self) -> int:
        """Bytes of the line of which only a part has come."""
        return self._splitter.unfinished

    def request(self, beta: bool = False) -> list[tuple[str, str]]:
        """The parameters `index` and `topic` to ask for; `beta` for a server of the 1.0-beta dialect."""
        return request(self.continuity, self.subscription, self.readable, self.start, beta)

    def request_older(self) -> list[tuple[str, str]]:
        """The same for an older index, to compare the server's history with what was seen."""
        return [("index", str(self._older)), *self.request()[1:]]

    def feed(self, data: bytes, now: float) -> Iterator[Update]:
        """The updates that `data` completes; the first of them is `Connected`.

        `now` is when it came, in seconds from anywhere, the machine's sleep included.
        """
        self._now = now
        lines = self._splitter.feed(data)
        oversized = self._splitter.oversized
        if not self._splitter.unfinished:
            self.unfinished_since = None
        elif lines or oversized or self.unfinished_since is None:
            self.unfinished_since = now
        if (lines or oversized) and not self.accepted:
            self.accepted = True
            self._connected_at = now
            self._away = 0.0 if self.last_byte is None else now - self.last_byte
            self.continuity.reconnected(self.subscription.released_topics, now, self.readable)
            if self.start is not None:
                self.start.connected()
            yield Connected(self.to)
        while oversized:
            yield oversized.pop(0)
        self._lines = iter(lines)
        yield from self._read()

    def resolve(self, parting: Parting) -> Iterator[Update]:
        """The updates of the doubtful frame, and of what came after it."""
        doubt, self.doubt = self.doubt, None
        assert doubt is not None
        strange, gap = parting.strange, doubt.joined.gap
        if not doubt.is_rebuilt:
            self.parted_at = strange or 0 if parting.has_common else 0
            if strange or (strange == 0 and gap is None):
                # Where older frames are still held and what was seen last is not, the server was set back.
                before = min(strange or doubt.frame.index, doubt.frame.index)
                doubt.joined.gap = Gap(GapReason.REBUILT, doubt.last_index, before, gap.away if gap else 0.0)
        if not (yield from self._take(doubt.frame, doubt.joined, was_set_back=False)):
            yield from self._read()

    def leave(self) -> list[Update]:
        """What counts as seen and is not yielded yet, for a connection that is left before its doubt is resolved.

        What may be of another history does not count.
        """
        left: list[Update] = []
        while self.doubt is not None and not self.doubt.is_rebuilt:
            left += self.resolve(Parting())
        return left

    def close(self) -> Iterator[Update]:
        """What the stream's end completes. A cut frame is the normal end, and comes again on the next connection."""
        rest = self._splitter.finish()
        yield from self._splitter.oversized
        if rest and not rest.lstrip().startswith(b"{"):
            self.last_text = rest[:EXCERPT]

    def _read(self) -> Iterator[Update]:
        continuity, newest, narrow = self.continuity, self.newest, self._narrow
        settled = self._now - self._connected_at > self.settings.backlog
        steady = self.progressed and self.start is None
        for line in self._lines:
            update = decode(line)
            if isinstance(update, Frame):
                self.last_text = None
                if newest is None:
                    update.fresh = settled and update.index > self._seen_before
                else:
                    update.fresh = update.index > newest
                sent = update.events
                if narrow is not None:
                    update = _narrowed(update, narrow)
                tentative = self._is_resuming and not continuity.is_proven
                joined = continuity.join(update, self._away, sent, tentative=tentative)
                if steady and not (joined.gap or joined.missed or joined.unread):
                    if joined.frame is not None:
                        yield joined.frame
                    continue
                gap = joined.gap
                was_set_back = (
                    gap is not None and gap.reason is GapReason.REBUILT and continuity.is_proven and not joined.doubtful
                )
                if self._is_resuming and not was_set_back and (joined.doubtful or gap is not None):
                    last_index = continuity.seen.last_index if gap is None else gap.after
                    self.doubt = Doubt(update, joined, last_index, self._older)
                    return
                if (yield from self._take(update, joined, was_set_back)):
                    return
                steady = self.progressed and self.start is None
            elif update is not None:
                self.last_text = update.excerpt if isinstance(update, Unreadable) else None
                if isinstance(update, Heartbeat):
                    self._beats += 1
                    if self.start is not None and settled:
                        yield from self.start.left()
                yield update
        self.together = self.heartbeats.heard(self._beats, self._now)
        self._beats = 0

    def _take(self, frame: Frame, joined: Joined, was_set_back: bool) -> Generator[Update, None, bool]:
        """The gaps before a frame and what of it is new; `was_set_back` if the server was, after it had gone on.

        Returns whether the connection is to be left.
        """
        for gap in (joined.missed, joined.unread, joined.gap):
            if gap is not None:
                yield gap
        if joined.gap is not None:
            self._seen_before = 0
            is_another = self._is_resuming and joined.gap.reason is GapReason.REBUILT and not was_set_back
            if is_another and not (joined.doubtful and joined.gap.before == self._resumed_from):
                self.is_rebuilt = True
                return True
        self.has_joined = True
        if frame.index > self._resumed_from:
            self.progressed = True
            self._is_resuming = False
        if joined.frame is None:
            return False
        if self.start is None:
            yield joined.frame
            return False
        wanted = self.start.wanted(joined.frame, frame.fresh)
        if self.start.note:
            yield Noted(self.start.note)
            self.start.note = ""
        yield from wanted
        if self.start.over:
            self.start = None
        return False


def request(
    continuity: Continuity,
    subscription: Subscription,
    readable: frozenset[str] | None,
    start: StartFilter | None,
    beta: bool = False,
) -> list[tuple[str, str]]:
    """The parameters `index` and `topic` of a request that goes on where `continuity` stopped."""
    resumption = continuity.resumption(subscription.released_topics, readable)
    index = resumption.index or (start.request if start is not None else 0)
    return [("index", str(index)), *subscription.parameters(beta, resumption.witnesses)]


def _narrowed(frame: Frame, subscription: Subscription) -> Frame:
    """The frame with the events asked for; the line stays as it came only if all of them are."""
    wanted = [event for event in frame.events if subscription.admits(event)]
    if len(wanted) == len(frame.events):
        return frame
    return frame.with_events(wanted)
