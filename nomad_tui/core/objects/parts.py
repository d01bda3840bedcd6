"""The parts of a sentence, and formatting shared by all kinds of objects.

Functions here that accept text from the cluster pass it through `printable` with a limit, so a `Part` never contains
anything that a terminal would interpret.
"""

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import msgspec

from nomad_tui.core.objects.reading import Object, ObjectsRead, Reader
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.secrets import masked_text
from nomad_tui.core.text import ELLIPSIS, printable
from nomad_tui.core.topics import released_topic
from nomad_tui.core.wire import Frame


class Role(StrEnum):
    """The meaning of a part; the theme decides how it looks."""

    PLAIN = "plain"
    DIM = "dim"
    """Arrows, separators, indexes such as `[1]`, and everything that went as expected."""
    OBJECT = "object"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


class Part(NamedTuple):
    text: str
    role: Role


Parts: TypeAlias = tuple[Part, ...]
_text: Final = itemgetter(0)


class Sentence(msgspec.Struct, frozen=True):
    """What happened to which object; each text is one line of printable characters."""

    subject: tuple[Part, ...]
    """The object's name, or its key without one; never empty."""
    happened: tuple[Part, ...]
    """At most `HAPPENED_LIMIT` characters, including spaces between parts; never empty."""
    place: str = ""
    """The name of the node where it happened; empty if the payload does not contain it."""
    status: str = ""
    """The object's own status in Nomad's word, such as `running`, `blocked` or `ready`; empty for none."""

    @property
    def text(self) -> str:
        """The sentence as one plain line, which filters search and `tail` prints."""
        text = f"{self.name}  {self.what}"
        return f"{text}  {self.place}" if self.place else text

    @property
    def name(self) -> str:
        """`subject` as plain text."""
        return "".join(map(_text, self.subject))

    @property
    def what(self) -> str:
        """`happened` as plain text."""
        return "".join(map(_text, self.happened))


SUBJECT_LIMIT: Final = 80
HAPPENED_LIMIT: Final = 200
PLACE_LIMIT: Final = 40
VALUE_LIMIT: Final = 32
MESSAGE_LIMIT: Final = 100

ARROW: Final = Part(" → ", Role.DIM)
DOT: Final = Part(" · ", Role.DIM)
COMMA: Final = Part(", ", Role.PLAIN)

_STATUS_ROLES: Final = {
    "active": Role.GOOD,
    "blocked": Role.BAD,
    "canceled": Role.DIM,
    "cancelled": Role.DIM,
    "complete": Role.DIM,
    "dead": Role.DIM,
    "disconnected": Role.BAD,
    "down": Role.BAD,
    "failed": Role.BAD,
    "initializing": Role.WARN,
    "lost": Role.BAD,
    "paused": Role.WARN,
    "pending": Role.WARN,
    "ready": Role.GOOD,
    "running": Role.GOOD,
    "successful": Role.GOOD,
    "unblocking": Role.WARN,
    "unavailable": Role.BAD,
    "unknown": Role.WARN,
}
"""Every status of an allocation, evaluation, job, deployment, node or volume (`nomad/structs`)."""

_STATUS_PARTS: Final = {status: Part(status, role) for status, role in _STATUS_ROLES.items()}

UUID: Final = lazy_pattern(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_WORD: Final = lazy_pattern(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+")


class PartMaker(Protocol):
    def __call__(self, text: str, limit: int = MESSAGE_LIMIT) -> Part: ...


def _maker(role: Role) -> PartMaker:
    """A constructor of parts with a role. The same few texts recur: a cached part takes a quarter of the time."""

    @lru_cache(maxsize=PARTS_KEPT)
    def kept(text: str) -> Part:
        return Part(printable(text), role)

    def make(text: str, limit: int = MESSAGE_LIMIT) -> Part:
        return kept(text) if len(text) <= limit else Part(printable(text, limit), role)

    return make


PARTS_KEPT: Final = 1024
"""Number of cached parts for each role."""
plain: Final = _maker(Role.PLAIN)
dim: Final = _maker(Role.DIM)
good: Final = _maker(Role.GOOD)
warn: Final = _maker(Role.WARN)
bad: Final = _maker(Role.BAD)
object_name: Final = _maker(Role.OBJECT)


def status(word: str) -> Part:
    """A status with the role of its meaning; unknown or missing ones are plain."""
    known = _STATUS_PARTS.get(word)
    return known if known is not None else plain(word or "no status", VALUE_LIMIT)


def status_role(word: str) -> Role:
    """The meaning of a status; `Role.PLAIN` for an unknown one."""
    return _STATUS_ROLES.get(word, Role.PLAIN)


def became(before: str, now: str) -> list[Part]:
    """`pending → running`."""
    return [plain(before or "no status", VALUE_LIMIT), ARROW, status(now)]


def unchanged(now: str, remark: str = "unchanged") -> list[Part]:
    """The status and a remark, both dimmed, for an event that changed nothing of interest."""
    return [dim(now, VALUE_LIMIT), dim(f" · {remark}")] if now else [dim(remark)]


def short(identifier: str) -> str:
    """The first 8 characters of a UUID, as in Nomad's own commands; other identifiers unchanged."""
    return identifier[:8] if UUID.fullmatch(identifier) else printable(identifier, VALUE_LIMIT)


def named(name: str, key: str) -> tuple[Part, ...]:
    """The subject for an object's name, or for its shortened key if the name is empty."""
    part = object_name(name, SUBJECT_LIMIT)
    return (part if part.text else object_name(short(key) or "unnamed"),)


OUT_OF_MEMORY: Final = "OOM Killed"
"""Message of Docker's driver that repeats the `oom_killed` detail of the same task event."""


_RPC_ERROR: Final = lazy_pattern(r"rpc error: code = \w+ desc = ")
"""What gRPC puts before the message of a driver."""


def reason(text: str, *prefixes: str) -> str:
    """A server's message shortened to follow a `·`: without prefixes, initial capital and secrets."""
    text = _RPC_ERROR.sub("", masked_text(text[: MESSAGE_LIMIT * 2].strip()))
    for prefix in prefixes:
        text = text.removeprefix(prefix)
    if text[1:2].islower():
        text = text[0].lower() + text[1:]
    return text.removesuffix(".")


@lru_cache(maxsize=256)
def words(type_: str) -> str:
    """An event type in words: `PlanResult` is `plan result`, `ACLTokenUpserted` is `ACL token upserted`."""
    found = _WORD.findall(type_[: MESSAGE_LIMIT * 2])
    text = " ".join(word if len(word) > 1 and word.isupper() else word.lower() for word in found)
    return printable(text, VALUE_LIMIT * 2) or "event without a type"


def sentence(subject: tuple[Part, ...], happened: list[Part], place: str = "", status: str = "") -> Sentence:
    """A sentence within its limits: text beyond `HAPPENED_LIMIT` is cut with an ellipsis."""
    if sum(map(len, map(_text, happened))) > HAPPENED_LIMIT:
        happened = _cut(happened)
    if status not in _STATUS_ROLES:
        status = printable(status, VALUE_LIMIT)
    return Sentence(subject, tuple(happened), plain(place, PLACE_LIMIT).text if place else "", status)


def _cut(happened: list[Part]) -> list[Part]:
    length = 0
    for position, part in enumerate(happened):
        length += len(part.text)
        if length > HAPPENED_LIMIT:
            kept = len(part.text) - (length - HAPPENED_LIMIT) - 1
            return [*happened[:position], Part(part.text[: max(0, kept)] + ELLIPSIS, part.role)]
    return happened


class _Allocation(Object):
    node_id: str = ""
    eval_id: str = ""
    create_index: int = 0


class _Evaluation(Object):
    job_id: str = ""
    triggered_by: str = ""


class _Payload(Object):
    allocation: _Allocation | None = None
    evaluation: _Evaluation | None = None


_READER: Final = Reader[_Payload](_Payload)
ReadObject: TypeAlias = Callable[[str, int], Any]
"""Returns the object of a frame's event, given its released topic and its index in the frame; None if there is none."""


def _read_few(topic: str, payload: msgspec.Raw) -> Any:
    found = _READER.read(payload)
    if found is None:
        return None
    return found.allocation if topic == "Allocation" else found.evaluation


class Write:
    """The allocations and evaluations of one frame, reduced to what sentences about other objects need."""

    def __init__(self, frame: Frame, read: ReadObject | None = None) -> None:
        """`read` shares decoded objects with other sentences of the frame."""
        self.reported: Counter[str] = Counter()
        """Number of allocations by node ID."""
        self.placed: Counter[str] = Counter()
        """Number of allocations that this write created, by evaluation ID."""
        self.triggers: dict[tuple[str, str], str] = {}
        """The trigger of each evaluation, by namespace and job ID."""
        for offset, event in enumerate(frame.events):
            topic = released_topic(event.topic)
            if topic not in ("Allocation", "Evaluation"):
                continue
            found = _read_few(topic, event.payload) if read is None else read(topic, offset)
            if found is None:
                continue
            if topic == "Evaluation":
                self.triggers[event.namespace, found.job_id] = found.triggered_by
            else:
                self.reported[found.node_id] += 1
                if found.create_index == frame.index:
                    self.placed[found.eval_id] += 1


def _no_name(_topic: str, _identifier: str) -> str:
    return ""


class Beside(NamedTuple):
    """Context of a sentence besides its event's payloads: the rest of the write, and names.

    All events of a frame belong to one write, so a frame proves what happened together: a node's event without changes
    of its own was caused by the allocations that its client reported, an evaluation's by those that its plan placed.
    """

    frame: Frame | None = None
    """The event's own frame; None if it is not available."""
    namespace: str = ""
    known_name: Callable[[str, str], str] = _no_name
    """Returns the name of an object by its released topic and ID, untrusted; empty for an unknown one."""
    objects: ObjectsRead | None = None
    """Objects decoded so far, for callers that compare each object's event with the previous one."""
    read: ReadObject | None = None
    """Reads the objects of the frame and caches them in `objects`."""

    @property
    def write(self) -> Write | None:
        """The frame's `Write`, cached in the frame."""
        if self.frame is None:
            return None
        write: Write | None = self.frame.write
        if write is None:
            write = self.frame.write = Write(self.frame, self.read)
        return write

    def name(self, topic: str, identifier: str) -> str:
        """The object's name, or its short ID if the name is unknown."""
        return self.known_name(topic, identifier) or short(identifier)

    def trigger(self, job: str) -> str:
        """The reason why this write evaluates a job; empty if the write does not show it."""
        write = self.write
        return write.triggers.get((self.namespace, job), "") if write is not None else ""


NOTHING: Final = Beside()
