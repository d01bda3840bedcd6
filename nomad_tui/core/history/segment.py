"""What a history is made of: segments of some thousand events as columns, and what events share.

`core.history.history` fills, bounds and reads them, `core.history.blocks` compresses their blocks.
"""

from array import array
from bisect import bisect_right
from typing import Final, TypeAlias

import msgspec

from nomad_tui.core.objects.registry import kind
from nomad_tui.core.topics import released_topic
from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import Frame

EVENT_BYTES: Final = 36
"""Columns: index 8, subject 4, type 4, distance to the object's previous event 4, place of its payload 8, and its share
of its frame's 28."""
FACTS_BYTES: Final = 8
"""More an event once its status and its node have been looked for."""
NO_LEVEL: Final = 255
"""In the `level` column: the row is a gap."""
NOT_IN_PLACE: Final = (1 << 32) - 1
"""Stands for the place of a payload that is not found in its frame's line, byte for byte behind its key."""
SUBJECT_BYTES: Final = 700
"""Estimated: the subject and its object, their identity tuples and four dictionary entries, one of them its job's. Its
strings come on top."""
GAP_SUBJECT: Final = 0
"""The subject number of rows that are gaps."""

Identity: TypeAlias = tuple[str, str, str, tuple[str, ...] | None]
"""Topic as sent, key, namespace and filter keys."""
ObjectKey: TypeAlias = tuple[str, str, str]
"""Topic by its released name, namespace and key: one object of the cluster."""


def weight(identity: Identity) -> int:
    """Bytes that a subject takes, about."""
    topic, key, namespace, filter_keys = identity
    return SUBJECT_BYTES + len(topic) + len(key) + len(namespace) + sum(map(len, filter_keys or ()))


class Node:
    """A node as far as events have named it."""

    __slots__ = ("id", "name")

    def __init__(self, id_: str, name: str) -> None:
        self.id = id_
        self.name = name
        """Empty until an event has told it."""

    @property
    def value(self) -> str:
        """What people call it: its name, or else its ID."""
        return self.name or self.id


class ObjectHistory:
    """One object of the cluster: when its newest event came."""

    __slots__ = ("key", "last")

    def __init__(self, key: ObjectKey) -> None:
        self.key = key
        self.last = -1
        """Sequence number of the newest event; -1 before the first."""


class Subject:
    """What all events of one object share."""

    __slots__ = ("counted_as", "filter_keys", "id", "identity", "job", "key", "last", "namespace", "of", "topic")

    def __init__(self, number: int, identity: Identity, of: ObjectHistory) -> None:
        self.id = number
        self.identity = identity
        topic, self.key, self.namespace, self.filter_keys = identity
        self.topic = released_topic(topic)
        """The released name; the name as sent is in the frame's line."""
        self.job = kind(self.topic).job_of(self.key, self.filter_keys or ())
        """The job's ID, or "" for objects that belong to none."""
        self.counted_as = self.topic
        self.of = of
        self.last = -1
        """Sequence number of the newest event with just this subject."""

    @property
    def deployment(self) -> str:
        """The deployment's ID that the events name, or "" for none."""
        return kind(self.topic).deployment_of(self.filter_keys or ())


class HeldEvent(msgspec.Struct, frozen=True, gc=False):
    """One event, whole."""

    sequence: int
    index: int
    topic: str
    type: str
    key: str
    namespace: str
    filter_keys: tuple[str, ...] | None
    job: str
    received: int
    """When its bytes arrived: ns since 1970, this machine's clock. 0 where that says nothing about when it happened."""
    previous: int | None
    """Sequence number of the object's previous event, if it is still held."""
    payload: bytes
    frame: Frame
    """The whole frame; its events are those of one write to Nomad's state."""
    position: int
    """Which of the frame's events this is, from 0."""


class FrameTimes(msgspec.Struct, gc=False):
    """When a frame held happened, as far as it tells. Times are in ns since 1970."""

    first: int
    """Sequence number of its first event."""
    moment: int | None
    """By what its write left in its objects, on the server's clock."""
    earliest: int | None
    """The newest time that any of its objects tells: it happened no earlier."""
    received: int
    """When its bytes arrived, on this machine's clock; 0 where that says nothing about when it happened."""
    about: int | msgspec.UnsetType | None = msgspec.UNSET
    """For `core.history.event_row`: about when it happened, once that was asked."""


class Block:
    """Lines of consecutive frames: as they came while the block fills, joined once it is full, and then compressed."""

    __slots__ = ("compressed", "first_frame", "is_special", "joined", "lines", "size")

    def __init__(self, first_frame: int) -> None:
        self.first_frame = first_frame
        """The number of its first frame in the segment."""
        self.lines: list[bytes] = []
        """As they came; empty once the block is full."""
        self.joined = b""
        """All lines of a full block until it is compressed."""
        self.compressed = b""
        self.size = 0
        """Bytes of the lines."""
        self.is_special: bool | None = None
        """For `core.search.raw_text`, once it has looked."""

    @property
    def is_full(self) -> bool:
        """Whether no line will be added to it."""
        return bool(self.joined or self.compressed)


class Segment:
    """Some thousand consecutive events. Columns are indexed by the event's row in the segment."""

    __slots__ = (
        "blocks",
        "distance",
        "first",
        "frame_block",
        "frame_length",
        "frame_offset",
        "frame_row",
        "gaps",
        "index",
        "level",
        "node",
        "payload_at",
        "payload_length",
        "received",
        "retained",
        "sentences",
        "status",
        "subject",
        "subject_bytes",
        "text",
        "type",
    )

    def __init__(self, first: int) -> None:
        self.first = first
        """Sequence number of row 0."""
        self.index = array("q")
        self.subject = array("I")
        self.type = array("I")
        self.distance = array("I")
        """How many sequence numbers back the object's previous event is; 0 for none."""
        self.payload_at = array("I")
        """Where the payload begins, in bytes from its block's start, or `NOT_IN_PLACE`."""
        self.payload_length = array("I")
        self.frame_row = array("I")
        """Per frame: its first row."""
        self.frame_block = array("I")
        self.frame_offset = array("I")
        """Per frame: bytes from its block's start."""
        self.frame_length = array("I")
        self.received = array("q")
        """Per frame: ns since 1970."""
        self.blocks: list[Block] = []
        self.gaps: dict[int, Gap] = {}
        """Rows that are no events but gaps in the stream."""
        self.retained = 0
        """Bytes of compressed blocks."""
        self.subject_bytes = 0
        """Bytes of all subjects when the segment was begun."""
        self.status = array("I")
        """For `core.history.derived`: the numbers of the objects' statuses, for as many rows as have been looked at."""
        self.node = array("I")
        """For `core.history.derived`: the numbers of the nodes that events belong to, for the same rows."""
        self.level = array("B")
        """For `core.history.derived`: how much events matter, for as many rows as have been looked at."""
        self.sentences: list[str | None] = []
        """For `core.history.derived`: the sentences of rows that were asked for, while the segment fills."""
        self.text: bytes | None = None
        """For `core.history.derived`: the same, compressed, once it is filled."""

    def block_of(self, row: int) -> int:
        """The number of the block that holds the line of a row."""
        return self.frame_block[bisect_right(self.frame_row, row) - 1]

    def __len__(self) -> int:
        return len(self.index)
