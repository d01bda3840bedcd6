"""Resume an interrupted stream: drop repeats, keep new events, report gaps.

A source resumes by requesting the last index it saw. If the server still holds that index, it sends its frames once
more, which proves that nothing was missed; if not, it starts at the next index it holds.

`core.repeats` remembers what was seen and recognizes repeats.

When topics are subscribed to again after a while (`core.history.coverage`), the request starts at the last index seen
of them, which may be any number of frames back. Events of the other topics seen since then are recognized by their
index where the frames are no longer remembered, and events at the index where a topic stopped by comparing payloads.

A restarted server replays its Raft log from its last snapshot on, and sends the events again under their old indexes. A
fingerprint is therefore kept of each event in frames that are no longer remembered, so that repeats of any age are
dropped. A rebuilt server may have an unrelated frame under the last index seen. It is recognized by what was seen: if
nothing seen at that index is repeated, the joined frame is `doubtful`, and the reader compares older indexes.

A namespace created during a connection is not part of it (a server expands `*` once, on subscribing), so the next
connection requests the frame before the namespace was created.
"""

from collections.abc import Iterable, Sequence

from nomad_tui.core.history.coverage import Coverage, Joined, Place, ReadProgress, Resumption
from nomad_tui.core.repeats import REMEMBERED_FRAMES, Seen, created_between, fingerprint, unseen
from nomad_tui.core.topics import ALL, released_topic
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Event, Frame


class Continuity:
    """Separates new events from repeats in all frames of one source, given in order across its connections."""

    def __init__(self, remembered_frames: int = REMEMBERED_FRAMES) -> None:
        self._remembered_frames = remembered_frames
        self.seen = Seen(remembered_frames)
        self._coverage = Coverage()
        self._expected: dict[int, list[list[Event]]] | None = None
        """While repeats are possible: for each remembered index, the events of each frame not repeated yet."""
        self._resumed_from = 0
        """The index requested by this connection."""
        self._now = 0.0
        """When this connection was made."""
        self._began_below = False
        """Whether this connection began below the requested index, because the server sent its newest frame again."""
        self._begun = False
        """Whether this connection has delivered a frame."""
        self._proven = False
        self._repeated_indexes: set[int] = set()
        """Remembered indexes of which this connection repeated something."""
        self._new_namespaces: dict[str, Place] = {}
        """Namespaces with no events seen yet, and the index to read each from."""
        self._requested_namespaces: frozenset[str] = frozenset()
        """The namespaces of `_new_namespaces` that were known when the last request was made."""
        self._floor = 0
        """Until the first connection passes it: the index up to which predecessors had read."""
        self._inherited: tuple[ReadProgress, ...] = ()
        """How far the predecessors of this reader had read, until a frame arrives that none of them can have read.
        Empty if they had read everything this one reads, up to the last index or the floor."""

    def appeared(self, namespace: str, index: int) -> None:
        """Register a namespace that is readable from the next connection on and had no events before `index`."""
        if self.seen.last_index == 0 or namespace in self._new_namespaces:
            return
        before = self.seen.up_to(index)
        # If the frame before the namespace was created is sent again, nothing since then has been lost.
        self._new_namespaces[namespace] = Place(index) if before is None else Place(before.index, before.events)

    def of_namespace(self, namespace: str, topics: frozenset[str]) -> "Continuity":
        """A continuation for a stream of this namespace alone and these topics, by released names."""
        progresses = self._read_progress()
        single = Continuity(self._remembered_frames)
        single.seen.forgotten = self.seen.forgotten
        single.seen.fingerprints.add(self.seen.fingerprints)
        for remembered in self.seen.frames:
            frame = remembered.frame
            events = [
                each
                for each in frame.events
                if each.namespace in (namespace, "") and released_topic(each.topic) in topics
            ]
            if events:
                single.seen.remember(frame.with_events(events), events)
        covering = {name: [each.index for each in progresses if each.covers(name, namespace)] for name in topics}
        single._floor = max((index for indexes in covering.values() for index in indexes), default=0)
        if any(max(indexes, default=-1) < single.seen.last_index for indexes in covering.values()) or not all(
            covering.values()
        ):
            single._inherited = progresses
        return single

    def joined_with(self, others: Iterable[tuple["Continuity", ReadProgress]]) -> "Continuity":
        """A continuation for one stream that replaces `others`, each given with what it reads; they had replaced this
        one."""
        parts = list(others)
        taken = [progress for _, progress in parts]
        frames = [remembered.frame for other, _ in parts for remembered in other.seen.frames]
        for remembered in self.seen.frames:
            frame = remembered.frame
            left = [
                each
                for each in frame.events
                if not any(progress.covers(released_topic(each.topic), each.namespace) for progress in taken)
            ]
            if left:
                frames.append(frame.with_events(left))
        joined = Continuity(self._remembered_frames)
        seen = joined.seen
        for frame in sorted(frames, key=_index):
            seen.remember(frame, frame.events)
        for each in (self, *(other for other, _ in parts)):
            seen.forgotten = max(seen.forgotten, each.seen.forgotten)
            seen.fingerprints.add(each.seen.fingerprints)
        if seen.frames:
            # Earlier events were either read or not wanted.
            seen.forgotten = max(seen.forgotten, seen.frames[0].index - 1)
        # A reader that has not caught up yet is represented by the frames it remembers.
        read = (progress for other, progress in parts if not other._inherited and progress.index)
        joined._inherited = (*self._read_progress(), *read)
        joined._floor = max((progress.index for progress in joined._inherited), default=0)
        return joined

    def _read_progress(self) -> tuple[ReadProgress, ...]:
        """How far this reader and its predecessors have read."""
        if self._inherited or not self.seen.last_index:
            return self._inherited
        behind = self._coverage.behind.items()
        return (
            ReadProgress(ALL, self._coverage.topics, self.seen.last_index),
            *(ReadProgress(ALL, None if topic == ALL else frozenset((topic,)), place.index) for topic, place in behind),
        )

    def _is_unread(self, event: Event, index: int) -> bool:
        """Whether no predecessor had read this event. Uncertain at the index where they stopped, which may have several
        frames."""
        reached = self._floor
        if self._inherited:
            topic = released_topic(event.topic)
            reached = max((each.index for each in self._inherited if each.covers(topic, event.namespace)), default=0)
        return reached < index or (reached == index and index > self.seen.forgotten)

    @property
    def begun(self) -> bool:
        """Whether this reader or a predecessor has seen any frame."""
        return max(self.seen.last_index, self._floor) > 0

    def resumption(self, topics: frozenset[str] | None = None, readable: frozenset[str] | None = None) -> Resumption:
        """What to request for `topics`, by released names; None for all topics the session was started with.

        Topics that were left out meanwhile are requested from the last index at which they were subscribed to.
        `readable` are the topics that the token may read, None for all: requesting others is refused, so they cannot
        prove continuity.
        """
        if self._inherited:
            return Resumption(0, [])
        places = [*self._coverage.places(topics), *self._new_namespaces.values()]
        self._requested_namespaces = frozenset(self._new_namespaces)
        last, newest = self.seen.last_index, self.seen.newest
        if readable is not None and not _of_topics(newest, readable):
            for frame in reversed(self.seen.frames):
                if _of_topics(events := frame.events, readable):
                    last, newest = frame.index, events
                    break
        witnesses = [newest, *(place.newest for place in places)]
        if readable is not None:
            witnesses = [_of_topics(events, readable) for events in witnesses]
        return Resumption(min([last, *(place.index for place in places)]), witnesses)

    def reconnected(
        self, topics: frozenset[str] | None = None, now: float = 0.0, readable: frozenset[str] | None = None
    ) -> None:
        """Start a new connection, requested as `resumption` says: its first frames may be repeats.

        `now` is in seconds of any monotonic clock, to measure how long topics were left out.
        """
        coverage = self._coverage
        namespaces = self._requested_namespaces
        self._resumed_from = self.resumption(topics, readable).index
        self._requested_namespaces = namespaces
        self._now = now
        coverage.reconnected(topics, self._place())
        self._begun = self._proven = False
        self._repeated_indexes = set()
        if self.seen.last_index == 0:
            return
        expected: dict[int, list[list[Event]]] = {}
        for frame in self.seen.frames:
            expected.setdefault(frame.index, []).append([event for event in frame.events if coverage.asks_for(event)])
        places = [place for place in coverage.places(topics) if place.index <= self.seen.forgotten]
        expected |= {place.index: [] for place in places if place.index < self.seen.last_index}
        for place in places:
            if place.index < self.seen.last_index:
                frames = ([event for event in seen if coverage.start(event) is place] for seen, _ in place.frames)
                expected[place.index] += [events for events in frames if events]
        self._expected = expected

    def _place(self) -> Place:
        """The position of all topics that are not behind."""
        place = Place(self.seen.last_index, self.seen.newest, left=self._now)
        for frame in self.seen.of_last_index():
            place.add(frame.events, len(frame.line))
        return place

    def join(
        self, frame: Frame, away: float = 0.0, sent: Sequence[Event] | None = None, *, tentative: bool = False
    ) -> Joined:
        """`frame` without repeats, and the gap before it if there may be one.

        With `tentative`, a server that seems to be rebuilt does not reset what was seen: only the gap is returned, and
        the next connection may disprove it.

        `away` is the time in seconds since the previous connection's last byte, for the gap's text. A frame with none
        of the requested events counts too: its arrival proves that nothing before it is missing. `sent` are all events
        that the server sent in the frame, if `frame` has only some of them.
        """
        if frame.index < 0:
            return Joined(frame, None, 0)
        sent = frame.events if sent is None else sent
        if self._expected is not None:
            return self._join_after_reconnect(frame, away, sent, tentative)
        if self._floor or self._inherited:
            if frame.index <= self._floor:
                return self._join_below_floor(frame, sent)
            self._drop_inherited()
        if frame.index < self.seen.last_index:
            gap = Gap(GapReason.REBUILT, self.seen.last_index, frame.index, away)
            self._start_over(frame, sent)
            return Joined(frame, gap, 0)
        self.seen.remember(frame, sent)
        return Joined(frame, None, 0)

    def _join_below_floor(self, frame: Frame, sent: Sequence[Event]) -> Joined:
        """For the first connection of a reader that has predecessors but remembers none of their frames."""
        new = [event for event in frame.events if self._is_unread(event, frame.index)]
        repeats = len(frame.events) - len(new)
        if not new:
            return Joined(None, None, repeats)
        left = frame if not repeats else frame.with_events(new)
        self.seen.remember(left, sent)
        return Joined(left, None, repeats)

    def _drop_inherited(self) -> None:
        self._inherited = ()
        self._floor = 0

    def _join_after_reconnect(self, frame: Frame, away: float, sent: Sequence[Event], tentative: bool) -> Joined:
        missed = None if self._begun else self._coverage.missed(frame.index)
        if not self._begun:
            self._began_below = frame.index < self._resumed_from
        lost = [] if self._begun else [each for each in self._inherited if each.lost and 0 < each.index < frame.index]
        unread = [] if self._begun else self._unread_namespaces(frame.index)
        self._begun = True
        since = min((self._new_namespaces[name].index for name in unread), default=0)
        joined = self._match_repeats(frame, away, sent, tentative)
        if unread:
            joined.unread = Gap(GapReason.NAMESPACE, since, frame.index, away, namespaces=tuple(sorted(unread)))
        elif lost and joined.gap is None:
            names = tuple(sorted({each.namespace for each in lost}))
            joined.unread = Gap(GapReason.BUFFER, min(each.index for each in lost), frame.index, away, namespaces=names)
        if missed is not None:
            joined.missed = Gap(GapReason.UNSUBSCRIBED, missed[0], frame.index, self._now - missed[2], missed[1])
        return joined

    def _match_repeats(self, frame: Frame, away: float, sent: Sequence[Event], tentative: bool) -> Joined:
        if frame.index > self.seen.last_index:
            gap = None
            if not self._proven:
                lost = created_between(frame.events, self.seen.last_index, frame.index)
                gap = Gap(GapReason.BUFFER, self.seen.last_index, frame.index, away, events=lost)
            self._expected = None
            self._coverage.caught_up()
            for namespace in self._requested_namespaces:
                self._new_namespaces.pop(namespace, None)
            self._requested_namespaces = frozenset()
            self._drop_inherited()
            self.seen.remember(frame, sent)
            return Joined(frame, gap, 0)
        seen_here = self._events_seen_at_last_index(frame)
        new = self._not_seen(frame)
        doubtful = bool(seen_here) and new is not None and self._is_doubtful(frame, sent, new, seen_here)
        if new is None or (doubtful and self._is_of_another_history(frame)):
            gap = Gap(GapReason.REBUILT, self.seen.last_index, frame.index, away)
            if not tentative:
                self._expected = None
                self._start_over(frame, sent)
            return Joined(frame, gap, 0)
        self._proven = True
        self._coverage.advance(frame.index, sent, new, len(frame.line))
        repeats = len(frame.events) - len(new)
        if repeats:
            self._repeated_indexes.add(frame.index)
        if not new:
            return Joined(None, None, repeats, doubtful=doubtful)
        left = frame if repeats == 0 else frame.with_events(new)
        self.seen.remember(left, sent)
        return Joined(left, None, repeats, doubtful=doubtful)

    def _events_seen_at_last_index(self, frame: Frame) -> list[Event]:
        """Events seen at the frame's index that are requested now, if it is the last index and continuity is not
        proven."""
        if frame.index != self.seen.last_index or self._proven:
            return []
        expected = [event for events in (self._expected or {}).get(frame.index, ()) for event in events]
        return expected or [event for event in self.seen.newest if self._coverage.asks_for(event)]

    def _is_doubtful(self, frame: Frame, sent: Sequence[Event], new: list[Event], seen_here: Sequence[Event]) -> bool:
        if any((self._expected or {}).get(frame.index, ())) and frame.events:
            return len(new) == len(frame.events)
        before = {(event.topic, event.type, event.key) for event in seen_here}
        return bool(before) and before.isdisjoint((event.topic, event.type, event.key) for event in sent)

    def _is_of_another_history(self, frame: Frame) -> bool:
        if self.seen.is_followed_late_by(frame):
            return True
        is_partial = self._coverage.behind or self._new_namespaces or self._inherited
        return not is_partial and self.seen.contradicts(frame)

    @property
    def is_proven(self) -> bool:
        """Whether this connection has repeated something that was seen."""
        return self._proven

    def _not_seen(self, frame: Frame) -> list[Event] | None:
        """The frame's events that are not repeats; None if this server's history is not the one seen."""
        index = frame.index
        new: set[int] = set()
        doubtful: list[Event] = []
        stopped_here = index == self.seen.last_index and not self._began_below
        for event in frame.events:
            if self._is_first_of_namespace(event, index) or (self._inherited and self._is_unread(event, index)):
                # Still compare with what is remembered of the index: the namespace may have been read before.
                if index > self.seen.forgotten:
                    doubtful.append(event)
                else:
                    new.add(id(event))
                stopped_here = True
                continue
            start = self._coverage.start(event)
            stopped_at = self.seen.last_index if start is None else start.index
            if stopped_at < index:
                new.add(id(event))
            elif stopped_at == index or index > self.seen.forgotten or index < self._resumed_from:
                doubtful.append(event)
                stopped_here |= stopped_at == index and not (start is None and self._began_below)
        seen = (self._expected or {}).get(index)
        another_past = index < self._resumed_from and not self._proven
        if seen is None:
            known = self.seen.fingerprints.of(index)
            again = {id(event) for event in frame.events if known and fingerprint(event) in known}
            if again:
                self._repeated_indexes.add(index)
                new -= again
            elif another_past:
                return None
            # If the history continues, everything before the requested index had been read.
            unknown = [] if index < self._resumed_from else [each for each in doubtful if id(each) not in again]
        else:
            comparable = any(seen)
            remembered = [event for events in seen for event in events]
            unknown = unseen(doubtful, seen)
            if unknown and self._proven and not stopped_here:
                # A leader that schedules a preemption adds ports to the node in its memory (observed with 1.6.5).
                nodes = {fingerprint(event) for event in remembered if event.topic == "Node"}
                unknown = [each for each in unknown if each.topic != "Node" or fingerprint(each) not in nodes]
            # Everything below the last index had been seen. A server that sends only unknown events there was reset to
            # an earlier state and has continued from it.
            strange = unknown and len(unknown) == len(doubtful) and not stopped_here
            if strange and (another_past or (comparable and index not in self._repeated_indexes)):
                return None
        new.update(map(id, unknown))
        return [event for event in frame.events if id(event) in new]

    def _unread_namespaces(self, first: int) -> list[str]:
        """The new namespaces that may lack events if a connection's first frame has the index `first`."""
        return [name for name in self._requested_namespaces if self._new_namespaces[name].index < first]

    def _is_first_of_namespace(self, event: Event, index: int) -> bool:
        place = self._new_namespaces.get(event.namespace) if event.namespace in self._requested_namespaces else None
        return place is not None and place.index <= index

    def _start_over(self, frame: Frame, sent: Sequence[Event]) -> None:
        """Start a new history with `frame`."""
        self.seen.clear()
        self._new_namespaces.clear()
        self._requested_namespaces = frozenset()
        self._drop_inherited()
        self._coverage.started_over(Place(frame.index, sent))
        self.seen.remember(frame, sent)


def _of_topics(events: Sequence[Event], topics: frozenset[str]) -> list[Event]:
    return [event for event in events if released_topic(event.topic) in topics]


def _index(frame: Frame) -> int:
    return frame.index
