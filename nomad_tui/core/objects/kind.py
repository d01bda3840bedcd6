"""What the views ask about the objects of one topic.

`Kind` answers for an object that nothing is known of: by its scalars. `Known` is a kind with a table of fields; its
subclasses, one for each kind of object, say what is different about theirs.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar

import msgspec

from nomad_tui.core.changes.rules import COMMON, ChangeRules
from nomad_tui.core.level import Level
from nomad_tui.core.objects import unknown
from nomad_tui.core.objects.fact import Context, Facts
from nomad_tui.core.objects.parts import Beside, Sentence
from nomad_tui.core.objects.reading import EMPTY, Object, ObjectReader, ObjectsRead, Written, wire_names


class Links(Object):
    """What an object of any kind says about what it belongs to, and how it is; empty where it has none."""

    name: str = ""
    job_id: str = ""
    job_version: int = 0
    parent_id: str = ""
    eval_id: str = ""
    deployment_id: str = ""
    alloc_id: str = ""
    node_id: str = ""
    previous_allocation: str = ""
    next_allocation: str = ""
    followup_eval_id: str = ""
    previous_eval: str = ""
    next_eval: str = ""
    blocked_eval: str = ""
    triggered_by: str = ""
    status: str = ""
    client_status: str = ""
    version: int = 0
    create_time: int = 0
    modify_time: int = 0
    create_index: int = 0
    modify_index: int = 0

    @property
    def state(self) -> str:
        """The object's status in Nomad's word; an allocation's is what its client says."""
        return self.client_status or self.status


NO_LINKS: Final = Links()


UNKNOWN_GLYPH: Final = "◇"
THIS_WRITE: Final = object()
"""In place of an index, for objects without the index of their time that were written now."""

F = TypeVar("F", bound=Written)


class ObjectEvent(msgspec.Struct, Generic[F], frozen=True, gc=False):
    """An event as a sentence is made of it: its object now and before."""

    type_: str
    key: str
    now: F
    before: F | None
    """By the object's previous event; None where that is not known, or proves nothing of what this write changed."""
    is_deleted: bool
    """The payload says so itself."""
    beside: Beside
    payload: bytes
    previous: bytes | None


class Compared(NamedTuple):
    """What must differ between two events of an object for the later one to be a step of its timeline."""

    state: object
    moment: int | None = None
    """The object's own time, in ns since 1970; None to take the frame's."""


class Mention(msgspec.Struct, frozen=True):
    """Where an object names what a filter's field asks for."""

    members: tuple[str, ...] = ()
    """Of the table of fields; none for the event's own key."""
    names: Callable[[msgspec.Raw], Iterable[str]] | None = None
    """Reads the names from a member that is not a text."""


OWN_KEY: Final = Mention()


class Kind:
    """The objects of a topic."""

    name: str = ""
    """The topic as released servers send it; case-sensitive."""
    payload_key: str | None = None
    """The object's key in `Payload`; None where no public release documents one."""
    capability: str = "management"
    """What a token needs to subscribe, in the words of an ACL policy."""
    since: tuple[int, int, int] = (1, 0, 0)
    """The first release that has the topic. Others want a management token for it, as for every unknown one."""
    is_namespaced: bool = False
    glyph: str = UNKNOWN_GLYPH
    """One cell wide."""
    endpoint: str = ""
    """Of Nomad's HTTP API, that reads one: the object's name follows. Empty where there is none."""
    command: str = ""
    """Of Nomad's command line, that shows one: options and the object's name follow."""
    page: str = ""
    """Of Nomad's web interface, that shows one, with `{name}`, `{job}` and `{namespace}`. Empty where there is none."""
    has_generated_key: bool = False
    """Whether servers make up its keys, so that no two histories have one in common."""
    write_times: tuple[str, ...] = ("CreateTime", "ModifyTime", "SubmitTime", "StatusUpdatedAt")
    """Which of its payload's members may be times of the write itself: every server has them alike, however often it
    replays its raft log."""

    is_of_job: bool = False
    """Whether its events name their job as the first of their filter keys."""
    names_deployment: bool = False
    """Whether they may name a deployment as the second."""
    is_on_node: bool = False
    """Whether it belongs to the node that it names."""
    causes: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Topics of the objects it came from, and the fields of `Links` that name them, nearest first."""
    effects: ClassVar[tuple[tuple[str, str], ...]] = ()
    """The same for the objects that came from it."""
    mentions: ClassVar[Mapping[str, Mention]] = {}
    """Fields of a filter that its payload answers."""

    ended: frozenset[str] = frozenset()
    """Statuses after which nothing more is expected."""
    routine_type: str = ""
    """The type of its events that carry no change of the object itself."""
    removed: str = "deleted"
    """What it is once it is gone."""
    changes: ChangeRules = COMMON

    def __init__(self, name: str = "") -> None:
        """`name` is the topic, for a kind that no release has yet."""
        self.name = name or self.name
        self.payload_keys = tuple(dict.fromkeys(key for key in (self.payload_key, self.name) if key))
        """Where to look for the object in its payload, the documented key first."""

    @property
    def is_job(self) -> bool:
        """Whether it is the job that others are of."""
        return False

    def describe(self, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside) -> Sentence:
        """What happened, from the payloads of an event and of the object's event before."""
        return unknown.describe(self.payload_keys, type_, key, payload, previous)

    def level_of(self, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside) -> Level:
        """How much that matters to an operator."""
        return Level.ROUTINE

    def summarize(self, facts: Facts, key: str, payload: bytes, context: Context) -> None:
        """Adds what an operator looks for in the object."""

    def facts(self, type_: str, key: str, payload: bytes) -> tuple[str, str, str]:
        """The object's status in Nomad's word, the same as the sentence's, and the ID and name of its node."""
        return unknown.describe(self.payload_keys, type_, key, payload, None).status, "", ""

    def mentioned(self, field: str, key: str, payload: bytes) -> Iterable[str]:
        """What the object names as a field of a filter."""
        return ()

    def links(self, payload: bytes) -> Links:
        return NO_LINKS

    def read_kept(self, payload: bytes, objects: ObjectsRead) -> Object | None:
        """The object, for a kind whose fields are known; None where there is none."""
        return None

    def called(self, links: Links) -> str:
        """What people call the object instead of its ID, untrusted; empty where they do not."""
        return ""

    def written_at(self, type_: str, payload: bytes) -> tuple[int | None, object]:
        """A time of the object, in ns since 1970, and the index of the write it belongs to, or `THIS_WRITE`.

        May raise `ValueError` or `OverflowError`.
        """
        return None, None

    def compared(self, payload: bytes) -> Compared | None:
        """None where every event is a step."""
        return None

    def job_of(self, key: str, filter_keys: tuple[str, ...]) -> str:
        """The ID of the job that an event's envelope names; "" for none."""
        return filter_keys[0] if self.is_of_job and filter_keys else ""

    def deployment_of(self, filter_keys: tuple[str, ...]) -> str:
        return filter_keys[1] if self.names_deployment and len(filter_keys) > 1 else ""


class _Facts(Object):
    status: str = ""
    node_id: str = ""
    node_name: str = ""


class _Time(Object):
    time: Any = None
    index: Any = None


V = TypeVar("V", bound=Object)


class Known(Kind, ABC, Generic[F]):
    """A kind whose fields are known."""

    fields: type[F]
    """Each once, with what heavy members hold left as it is; the few that a million events are asked for are decoded
    without the others."""
    status: str = ""
    """The field of its status in Nomad's word; empty for none."""
    node: tuple[str, str] = ("node_id", "node_name")
    """The fields of its node's ID and name, where it has them."""
    written: tuple[str, str] | None = None
    """The fields of the time of its last write, and of that write's index."""

    def __init__(self) -> None:
        super().__init__()
        self._reader = ObjectReader(self.payload_keys, self.fields)
        self._mentions: dict[str, ObjectReader[Any]] = {}
        self._last: ObjectEvent[F] | None = None
        """What was read last: a row asks twice, for its sentence and its level."""

    def read(self, payload: bytes) -> F | None:
        """The object, from the JSON of a `Payload`; None where there is none."""
        return self._reader.read(payload)[0]

    def read_kept(self, payload: bytes, objects: ObjectsRead) -> F | None:
        """The same, kept to be compared with the object's next event."""
        return objects.read(self._reader, payload)[0]

    def event(
        self, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside
    ) -> ObjectEvent[F] | None:
        """The event with its object read; None where the payload has none."""
        last = self._last
        if last is not None and last.payload is payload and last.previous is previous:
            if last.beside is beside and last.key == key and last.type_ == type_:
                return last
            now, before, is_deleted = last.now, last.before, last.is_deleted
        else:
            objects = beside.objects
            read, is_deleted = self._reader.read(payload) if objects is None else objects.read(self._reader, payload)
            if read is None:
                return None
            now, before = read, None if previous is None else self._read_before(previous, read, objects)
        self._last = ObjectEvent(type_, key, now, before, is_deleted, beside, payload, previous)
        return self._last

    def _read_before(self, previous: bytes, now: F, objects: ObjectsRead | None) -> F | None:
        reader = self._reader
        before, was_deleted = reader.read(previous) if objects is None else objects.read_before(reader, previous)
        return before if before is not None and not was_deleted and self.is_earlier(before, now) else None

    def is_earlier(self, before: F, now: F) -> bool:
        """Whether `before` is an earlier state: a restarted server sends its old events again."""
        return before.modify_index <= now.modify_index

    def describe(self, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside) -> Sentence:
        event = self.event(type_, key, payload, previous, beside)
        return self.sentence(event) if event is not None else super().describe(type_, key, payload, previous, beside)

    @abstractmethod
    def sentence(self, event: ObjectEvent[F]) -> Sentence:
        """What happened to the object."""

    def level_of(self, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside) -> Level:
        event = self.event(type_, key, payload, previous, beside)
        return Level.ROUTINE if event is None else self.level(event)

    def level(self, event: ObjectEvent[F]) -> Level:
        """How much that matters, from what the payloads prove; what was so before is no news."""
        return Level.ROUTINE

    def summarize(self, facts: Facts, key: str, payload: bytes, context: Context) -> None:
        now, is_deleted = self._reader.read(payload)
        if now is not None:
            self.summary(now, is_deleted, facts, context)

    def summary(self, now: F, is_deleted: bool, facts: Facts, context: Context) -> None:
        """Add facts on the state, the most important first; none for an object best described by its scalars."""

    def _selected(self, view: type[V], **members: str) -> ObjectReader[V]:
        """Reads a few members of the object under the names that a view has for them."""
        names = wire_names(self.fields)
        fields: list[Any] = []
        for field in msgspec.structs.fields(view):
            name = names.get(members.get(field.name, field.name), f"-{field.name}")
            fields.append((field.name, field.type, msgspec.field(default=field.default, name=name)))
        kind: type[Any] = msgspec.defstruct(view.__name__, fields, bases=(view,), gc=False)
        return ObjectReader(self.payload_keys, kind)

    @cached_property
    def _facts(self) -> ObjectReader[_Facts]:
        return self._selected(_Facts, status=self.status, node_id=self.node[0], node_name=self.node[1])

    @cached_property
    def _links(self) -> ObjectReader[Links]:
        return ObjectReader(self.payload_keys, Links)

    @cached_property
    def _times(self) -> ObjectReader[_Time]:
        time, index = self.written or ("", "")
        return self._selected(_Time, time=time, index=index)

    def facts(self, type_: str, key: str, payload: bytes) -> tuple[str, str, str]:
        found, _ = self._facts.read(payload)
        return (found.status, found.node_id, found.node_name) if found is not None else ("", "", "")

    def mentioned(self, field: str, key: str, payload: bytes) -> Iterable[str]:
        mention = self.mentions.get(field)
        if mention is None:
            return ()
        if not mention.members:
            return (key,)
        reader = self._mentions.get(field)
        if reader is None:
            names = wire_names(self.fields)
            kind: Any = str if mention.names is None else msgspec.Raw
            default: Any = "" if mention.names is None else EMPTY
            fields: list[Any] = [
                (member, kind, msgspec.field(default=default, name=names[member])) for member in mention.members
            ]
            found_kind: type[Any] = msgspec.defstruct("Mentioned", fields, gc=False)
            reader = self._mentions[field] = ObjectReader(self.payload_keys, found_kind)
        found, _ = reader.read(payload)
        if found is None:
            return ()
        values = [getattr(found, member) for member in mention.members]
        return values if mention.names is None else [name for value in values for name in mention.names(value)]

    def links(self, payload: bytes) -> Links:
        links, _ = self._links.read(payload)
        return NO_LINKS if links is None else links

    def written_at(self, type_: str, payload: bytes) -> tuple[int | None, object]:
        found, _ = self._times.read(payload) if self.written is not None else (None, False)
        return (positive(found.time), found.index) if found is not None else (None, None)


def positive(value: Any) -> int | None:
    """A number above 0; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
