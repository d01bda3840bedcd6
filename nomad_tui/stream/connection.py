"""One connection to an event stream, without its socket: bytes in, updates out.

`request` returns the request's parameters, `feed` takes received bytes, and `close` ends the stream. Repeats are
dropped, gaps are reported, and frames before the start are left out. If the first frame does not prove that the stream
continues where it stopped, `doubt` is set; no further bytes are parsed until `resolve` is called with the result of the
investigation.

An update counts as seen once it is yielded. Updates that the caller did not consume are sent again on the next
connection.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Final

from nomad_tui.core.continuity import Continuity
from nomad_tui.core.history.coverage import Joined
from nomad_tui.core.limits import DEFAULT_MAX_LINE
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Connected, Gap, GapReason, Noted, Update
from nomad_tui.core.wire import BEFORE_JSON, EXCERPT, Frame, Heartbeat, LineSplitter, Unreadable, decode
from nomad_tui.stream.start import StartFilter

HEARTBEAT: Final = 30.0
"""Seconds between two heartbeats (`command/agent/event_endpoint.go`)."""
BACKLOG_SECONDS: Final = 1.0
"""Seconds after which a server has sent its buffer, if it does not report its newest index."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A first frame that does not prove that the stream continues: the server may have another history."""

    frame: Frame
    joined: Joined
    last_index: int
    """The last index seen on earlier connections."""
    older: int
    """An older index seen, from which histories are compared; equals `last_index` if none is remembered."""

    @property
    def is_rebuilt(self) -> bool:
        """Whether the server's indexes are below those seen, or its frame differs from the one seen at that index."""
        return self.joined.gap is not None and self.joined.gap.reason is GapReason.REBUILT


@dataclass(frozen=True, slots=True)
class Parting:
    """Where a server's history diverges from the one seen, found by comparing older frames."""

    strange: int | None = None
    """The first index that the server holds and that was not seen; 0 for none, None if it holds nothing that old."""
    has_common: bool = False
    """Whether an earlier frame is in both histories."""


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Times are in seconds, sizes in bytes."""

    max_line: int = DEFAULT_MAX_LINE
    heartbeat: float = HEARTBEAT
    backlog: float = BACKLOG_SECONDS


class Heartbeats:
    """Detects from one connection's heartbeats whether a proxy delays the stream.

    A server sends `{}` every 30 s independently of all other data, so two of them arrive together only if they waited
    somewhere: in a proxy that fills its buffer before it passes anything on, or here, while this program was stopped.
    """

    def __init__(self, interval: float = HEARTBEAT) -> None:
        self._interval = interval
        self._together = 0
        """Heartbeats in the current burst of data."""
        self._since = 0.0
        """When the burst began."""
        self._silence = 0.0
        """Seconds of silence before the burst."""
        self._heard_at: float | None = None
        self._beat_at: float | None = None
        self.regular = False
        """Whether the last heartbeat arrived alone, one interval after the previous one."""

    def heard(self, heartbeats: int, now: float) -> int:
        """Records `heartbeats` received at `now`, in seconds. Returns how many arrived together after a silence, or
        0."""
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
    """State of one connection; `continuity` is shared by all connections of a reader."""

    continuity: Continuity = field(default_factory=Continuity)
    subscription: Subscription = field(default_factory=Subscription)
    settings: ConnectionSettings = field(default_factory=ConnectionSettings)
    to: str = ""
    """The server's address, for `Connected`."""
    readable: frozenset[str] | None = None
    """Released names of the topics that a request may name; None for all."""
    newest: int | None = None
    """The server's newest index before the connection was made, if it reports one."""
    start: StartFilter | None = None
    """Set until the requested start has been reached."""
    last_byte: float | None = None
    """When the previous connection last received a byte; None if there was none."""

    accepted: bool = field(default=False, init=False)
    """Whether the first line has arrived: only that proves that the server accepted the subscription."""
    has_joined: bool = field(default=False, init=False)
    """Whether a frame has been matched with what was seen before, with no doubt left."""
    progressed: bool = field(default=False, init=False)
    """Whether a frame has arrived that is newer than everything seen before."""
    doubt: Doubt | None = field(default=None, init=False)
    """Must be resolved before anything more is parsed."""
    is_rebuilt: bool = field(default=False, init=False)
    """Whether the server has another history. The caller must then reconnect and read its whole buffer."""
    parted_at: int = field(default=0, init=False)
    """The index at which that history diverges; 0 if all of it differs."""
    together: int = field(default=0, init=False)
    """Heartbeats that arrived together after a silence, as of the last `feed`: a proxy delays the stream."""
    last_text: bytes | None = field(default=None, init=False)
    """The last line if it was not a frame, such as an error message that a server sends before it closes the stream."""
    heartbeats: Heartbeats = field(init=False)
    unfinished_since: float | None = field(default=None, init=False)
    """When the current incomplete line began; None between two lines."""

    _splitter: LineSplitter = field(init=False)
    _narrow: Subscription | None = field(init=False)
    """None if every received event was requested."""
    _lines: Iterator[bytes] = field(default=iter(()), init=False)
    """Complete lines that are not parsed yet."""
    _now: float = field(default=0.0, init=False)
    _connected_at: float = field(default=0.0, init=False)
    _away: float = field(default=0.0, init=False)
    _beats: int = field(default=0, init=False)
    """Heartbeats in the bytes being parsed."""
    _resumed_from: int = field(init=False)
    _seen_before: int = field(init=False)
    """Frames above this index are new."""
    _older: int = field(init=False)
    _is_resuming: bool = field(init=False)
    """Whether no frame newer than those seen has arrived yet."""

    def __post_init__(self) -> None:
        self.heartbeats = Heartbeats(self.settings.heartbeat)
        self._splitter = LineSplitter(self.settings.max_line)
        self._resumed_from = self._seen_before = self.continuity.seen.last_index
        self._older = self.continuity.seen.lookback_index
        self._is_resuming = self._resumed_from > 0
        self._narrow = None if self.subscription.everything else self.subscription

    @property
    def unfinished(self) -> int:
        """Bytes of the current incomplete line."""
        return self._splitter.unfinished

    def request(self, beta: bool = False) -> list[tuple[str, str]]:
        """The request's parameters `index` and `topic`; `beta` for a server of the 1.0-beta dialect."""
        return request(self.continuity, self.subscription, self.readable, self.start, beta)

    def request_older(self) -> list[tuple[str, str]]:
        """The same from an older index, to compare the server's history with what was seen."""
        return [("index", str(self._older)), *self.request()[1:]]

    def feed(self, data: bytes, now: float) -> Iterator[Update]:
        """The updates that `data` completes; the first one is `Connected`.

        `now` is when `data` arrived, by a clock in seconds that includes the machine's sleep.
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
        """The updates for the doubtful frame and the lines after it."""
        doubt, self.doubt = self.doubt, None
        assert doubt is not None
        strange, gap = parting.strange, doubt.joined.gap
        if not doubt.is_rebuilt:
            self.parted_at = strange or 0 if parting.has_common else 0
            if strange or (strange == 0 and gap is None):
                # The server still holds older frames but not the last one seen: it was set back.
                before = min(strange or doubt.frame.index, doubt.frame.index)
                doubt.joined.gap = Gap(GapReason.REBUILT, doubt.last_index, before, gap.away if gap else 0.0)
        if not (yield from self._accept(doubt.frame, doubt.joined, was_set_back=False)):
            yield from self._read()

    def leave(self) -> list[Update]:
        """Updates that count as seen but were not yielded, for a connection that is abandoned before its doubt is
        resolved.

        Leaves out frames that may belong to another history.
        """
        left: list[Update] = []
        while self.doubt is not None and not self.doubt.is_rebuilt:
            left += self.resolve(Parting())
        return left

    def close(self) -> Iterator[Update]:
        """The updates that the stream's end completes. An incomplete frame is normal: it is sent again on the next
        connection."""
        rest = self._splitter.finish()
        yield from self._splitter.oversized
        if rest and not rest.lstrip(BEFORE_JSON).startswith(b"{"):
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
                    update = _select_events(update, narrow)
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
                if (yield from self._accept(update, joined, was_set_back)):
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

    def _accept(self, frame: Frame, joined: Joined, was_set_back: bool) -> Generator[Update, None, bool]:
        """Yields the gaps before a frame, then its new events. `was_set_back` if the server lost history during this
        connection, after it had continued where the last one stopped.

        Returns whether the connection must be closed.
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
    """The parameters `index` and `topic` of a request that continues where `continuity` stopped."""
    resumption = continuity.resumption(subscription.released_topics, readable)
    index = resumption.index or (start.request if start is not None else 0)
    return [("index", str(index)), *subscription.parameters(beta, resumption.witnesses)]


def _select_events(frame: Frame, subscription: Subscription) -> Frame:
    """The frame with only the requested events. Its original line is kept only if no event is dropped."""
    wanted = [event for event in frame.events if subscription.admits(event)]
    if len(wanted) == len(frame.events):
        return frame
    return frame.with_events(wanted)
