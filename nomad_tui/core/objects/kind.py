"""The interface between views and the objects of one topic.

`Kind` describes an unknown object by its scalars. `Known` is a kind with a table of fields; each kind of object has a
subclass with its differences.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar

import msgspec

from nomad_tui.core.changes.rules import COMMON, ChangeRules
from nomad_tui.core.level import Level
from nomad_tui.core.objects import unknown
from nomad_tui.core.objects.fact import Context, Facts, moment
from nomad_tui.core.objects.parts import Beside, Sentence
from nomad_tui.core.objects.reading import EMPTY, Object, ObjectReader, ObjectsRead, Written, wire_names


class Links(Object):
    """References and state fields of an object of any kind; empty if it has none."""

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
        """The object's status in Nomad's word; for an allocation, its client status."""
        return self.client_status or self.status


NO_LINKS: Final = Links()


UNKNOWN_GLYPH: Final = "◇"
THIS_WRITE: Final = object()
"""Stands for an index in objects that do not have the index of their time, but were written now."""

F = TypeVar("F", bound=Written)


class ObjectEvent(msgspec.Struct, Generic[F], frozen=True, gc=False):
    """An event decoded for a sentence: its object now and before."""

    type_: str
    key: str
    now: F
    before: F | None
    """The object in its previous event; None if unknown, or if it does not show what this write changed."""
    is_deleted: bool
    """Whether the payload itself says so."""
    beside: Beside
    payload: bytes
    previous: bytes | None


class Compared(NamedTuple):
    """The parts of an event that must differ from the previous one's for it to be a step of the object's timeline."""

    state: object
    moment: int | None = None
    """The object's own time, in ns since 1970; None to use the frame's."""


class Mention(msgspec.Struct, frozen=True):
    """Where an object contains the value of a filter's field."""

    members: tuple[str, ...] = ()
    """Members of the table of fields; empty for the event's own key."""
    names: Callable[[msgspec.Raw], Iterable[str]] | None = None
    """Extracts the names from a member that is not text."""


OWN_KEY: Final = Mention()


class Kind:
    """The objects of a topic."""

    name: str = ""
    """The topic as released servers send it; case-sensitive."""
    payload_key: str | None = None
    """The object's key in `Payload`; None if no public release documents it."""
    capability: str = "management"
    """The permission that a subscription requires, in the terms of an ACL policy."""
    since: tuple[int, int, int] = (1, 0, 0)
    """The first release with the topic. Earlier ones require a management token, as for any unknown topic."""
    is_namespaced: bool = False
    glyph: str = UNKNOWN_GLYPH
    """One cell wide."""
    endpoint: str = ""
    """Endpoint of Nomad's HTTP API that returns one object; the object's name is appended. Empty if there is none."""
    command: str = ""
    """Nomad command that shows one object; options and the object's name are appended. Empty if there is none."""
    page: str = ""
    """Page of Nomad's web interface, with placeholders `{name}`, `{job}` and `{namespace}`. Empty if there is none."""
    has_generated_key: bool = False
    """Whether servers generate its keys, so that two histories never have a key in common."""
    write_times: tuple[str, ...] = ("CreateTime", "ModifyTime", "SubmitTime", "StatusUpdatedAt")
    """Members of the payload that may be times of the write itself: they are the same on every server and after each
    replay of the Raft log."""

    is_of_job: bool = False
    """Whether the first filter key of its events is their job."""
    names_deployment: bool = False
    """Whether the second filter key may be a deployment."""
    is_on_node: bool = False
    """Whether it belongs to the node that it refers to."""
    causes: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Topics of the objects that caused it, and the fields of `Links` with their IDs, nearest first."""
    effects: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Topics of the objects that it caused, and the fields of `Links` with their IDs."""
    mentions: ClassVar[Mapping[str, Mention]] = {}
    """Filter fields that can be answered from its payload."""

    ended: frozenset[str] = frozenset()
    """Statuses after which no further change is expected."""
    routine_type: str = ""
    """The type of events that do not change the object itself."""
    removed: str = "deleted"
    """Its state once it is gone."""
    changes: ChangeRules = COMMON

    def __init__(self, name: str = "") -> None:
        """`name` is the topic, for a kind unknown to this program."""
        self.name = name or self.name
        self.payload_keys = tuple(dict.fromkeys(key for key in (self.payload_key, self.name) if key))
        """Keys of the object in its payload, the documented one first."""

    @property
    def is_job(self) -> bool:
        """Whether it is the job that other objects belong to."""
        return False

    def describe(self, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside) -> Sentence:
        """What happened, according to the payloads of an event and of the object's previous event."""
        return unknown.describe(self.payload_keys, type_, key, payload, previous)

    def level_of(self, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside) -> Level:
        """How much the event matters to an operator."""
        return Level.ROUTINE

    def summarize(self, facts: Facts, key: str, payload: bytes, context: Context) -> None:
        """Add facts about the object."""

    def facts(self, type_: str, key: str, payload: bytes) -> tuple[str, str, str]:
        """The object's status in Nomad's word, as in the sentence, and the ID and name of its node."""
        return unknown.describe(self.payload_keys, type_, key, payload, None).status, "", ""

    def mentioned(self, field: str, key: str, payload: bytes) -> Iterable[str]:
        """The object's values for a filter field."""
        return ()

    def links(self, payload: bytes) -> Links:
        return NO_LINKS

    def read_kept(self, payload: bytes, objects: ObjectsRead) -> Object | None:
        """The object, if the kind's fields are known, else None; cached in `objects`."""
        return None

    def called(self, links: Links) -> str:
        """The object's display name, untrusted; empty if its ID is used."""
        return ""

    def written_at(self, type_: str, payload: bytes) -> tuple[int | None, object]:
        """A time of the object, in ns since 1970, and the index of the write it belongs to, or `THIS_WRITE`.

        May raise `ValueError` or `OverflowError`.
        """
        return None, None

    def compared(self, payload: bytes) -> Compared | None:
        """What to compare with the previous event; None if every event is a step."""
        return None

    def key_of(self, filter_keys: tuple[str, ...]) -> str:
        """The object's key where an event's envelope leaves it out; "" where nothing names it."""
        return ""

    def job_of(self, key: str, filter_keys: tuple[str, ...]) -> str:
        """The job's ID in an event's envelope; "" for none."""
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
    """A kind with known fields."""

    fields: type[F]
    """The object's fields, with heavy members left undecoded. The few fields needed for a million events are decoded
    separately."""
    status: str = ""
    """The field with its status in Nomad's word; empty for none."""
    node: tuple[str, str] = ("node_id", "node_name")
    """The fields with its node's ID and name, if it has them."""
    written: tuple[str, str] | None = None
    """The fields with the time of its last write, in ns or RFC 3339, and that write's index."""

    def __init__(self) -> None:
        super().__init__()
        self._reader = ObjectReader(self.payload_keys, self.fields)
        self._mentions: dict[str, ObjectReader[Any]] = {}
        self._last: ObjectEvent[F] | None = None
        """The last result: a row needs it twice, for its sentence and its level."""

    def read(self, payload: bytes) -> F | None:
        """The object in the JSON of a `Payload`; None if there is none."""
        return self._reader.read(payload)[0]

    def read_kept(self, payload: bytes, objects: ObjectsRead) -> F | None:
        """The object, cached in `objects` for comparison with its next event."""
        return objects.read(self._reader, payload)[0]

    def event(
        self, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside
    ) -> ObjectEvent[F] | None:
        """The decoded event; None if the payload has no object."""
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
            now, before = read, None if previous is None else self._read_previous(previous, read, objects)
        self._last = ObjectEvent(type_, key, now, before, is_deleted, beside, payload, previous)
        return self._last

    def _read_previous(self, previous: bytes, now: F, objects: ObjectsRead | None) -> F | None:
        reader = self._reader
        before, was_deleted = reader.read(previous) if objects is None else objects.read_before(reader, previous)
        return before if before is not None and not was_deleted and self.is_earlier(before, now) else None

    def is_earlier(self, before: F, now: F) -> bool:
        """Whether `before` is an earlier state: a restarted server sends old events again."""
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
        """The level of the event, as far as the payloads prove it; an unchanged state is not news."""
        return Level.ROUTINE

    def summarize(self, facts: Facts, key: str, payload: bytes, context: Context) -> None:
        now, is_deleted = self._reader.read(payload)
        if now is not None:
            self.summary(now, is_deleted, facts, context)

    def summary(self, now: F, is_deleted: bool, facts: Facts, context: Context) -> None:
        """Add facts on the state, the most important first; none for an object best described by its scalars."""

    def _selected(self, view: type[V], **members: str) -> ObjectReader[V]:
        """A reader of a few members of the object; `members` maps the view's names to fields."""
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
        if found is None:
            return None, None
        return moment(found.time) if isinstance(found.time, str) else positive(found.time), found.index


def positive(value: Any) -> int | None:
    """A positive integer; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
