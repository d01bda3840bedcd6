"""What an event means, for sinks that render it: sentence, level, job, node, and whether it proves a recovery."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, Self

import msgspec

from nomad_tui.core.lazy import lazy
from nomad_tui.core.level import Level
from nomad_tui.core.objects.parts import NOTHING, Beside, Sentence
from nomad_tui.core.objects.reading import Object
from nomad_tui.core.objects.registry import describe, kind, level
from nomad_tui.core.topics import released_topic
from nomad_tui.core.wire import Event


class About(Protocol):
    @property
    def topic(self) -> str:
        """The topic's name in Nomad releases."""
        ...

    @property
    def sentence(self) -> Sentence: ...

    @property
    def level(self) -> Level: ...

    @property
    def job(self) -> str: ...

    @property
    def group(self) -> str: ...

    @property
    def node(self) -> str:
        """Name of the node, else its ID; "" if the payload has neither."""
        ...

    @property
    def incident(self) -> str:
        """Key shared by the event of a failure and the event that proves its recovery; "" for other events."""
        ...

    @property
    def is_recovery(self) -> bool:
        """Whether the event proves the recovery of `incident`."""
        ...

    @property
    def before(self) -> bytes | None:
        """Payload of the object's previous event; None if unknown."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """`About` with all values computed: for an event that is kept for long, or one that nomad-tui made."""

    topic: str
    sentence: Sentence
    level: Level
    incident: str
    is_recovery: bool
    job: str = ""
    group: str = ""
    node: str = ""
    before: bytes | None = None

    @classmethod
    def of(cls, about: About) -> Self:
        return cls(
            about.topic,
            about.sentence,
            about.level,
            about.incident,
            about.is_recovery,
            about.job,
            about.group,
            about.node,
            about.before,
        )


class Derived:
    """`About` with each value computed on first access: most templates use few."""

    def __init__(
        self,
        event: Event,
        payload: bytes | None = None,
        before: bytes | None = None,
        beside: Beside = NOTHING,
    ) -> None:
        """Only `event` is needed; the rest is used if it is known."""
        self.topic = released_topic(event.topic)
        self.before = before
        self._event = event
        self._payload = bytes(event.payload) if payload is None else payload
        self._beside = beside

    @lazy
    def sentence(self) -> Sentence:
        event = self._event
        return describe(self.topic, event.type, event.key, self._payload, self.before, self._beside)

    @lazy
    def level(self) -> Level:
        event = self._event
        return level(self.topic, event.type, event.key, self._payload, self.before, self._beside)

    @lazy
    def _facts(self) -> tuple[str, str, str]:
        return kind(self.topic).facts(self._event.type, self._event.key, self._payload)

    @lazy
    def job(self) -> str:
        event, of = self._event, kind(self.topic)
        if of.is_job:
            return event.key
        return of.job_of(event.key, tuple(event.filter_keys or ())) or of.links(self._payload).job_id

    @lazy
    def group(self) -> str:
        return next(iter(kind(self.topic).mentioned("group", self._event.key, self._payload)), "")

    @lazy
    def node(self) -> str:
        _, node_id, name = self._facts
        return self.sentence.place or name or (self._event.key[:8] if self.topic == "Node" else node_id[:8])

    @lazy
    def incident(self) -> str:
        identify = _INCIDENTS.get(self.topic)
        if identify is None:
            return ""
        name = identify(self._event, self.job, self.group)
        return "/".join(filter(None, (self.topic.lower(), self._event.namespace, *name)))

    @lazy
    def is_recovery(self) -> bool:
        return (
            bool(self.incident) and self.level < Level.WARNING and _is_well(self.topic, self._facts[0], self._payload)
        )


# A recovery is proven by another object of the same job and group, because a failed allocation never recovers itself.
_INCIDENTS: Final[dict[str, Callable[[Event, str, str], tuple[str, ...]]]] = {
    "Allocation": lambda event, job, group: (job, group),
    "Evaluation": lambda event, job, group: (job,),
    "Deployment": lambda event, job, group: (job,),
    "Node": lambda event, job, group: (event.key,),
}
_WELL: Final = {
    "Allocation": ("running", "complete"),
    "Evaluation": ("complete",),
    "Deployment": ("successful",),
    "Node": ("ready",),
}
"""Statuses that prove a recovery, unless the payload contradicts."""


class _Health(Object):
    healthy: bool | None = None


class _Well(Object):
    deployment_status: _Health | None = None
    failed_tg_allocs: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"null"), name="FailedTGAllocs")
    drain: bool = False


class _Payload(Object):
    allocation: _Well | None = None
    evaluation: _Well | None = None
    node: _Well | None = None


_DECODER: Final = msgspec.json.Decoder(_Payload)


def _is_well(topic: str, status: str, payload: bytes) -> bool:
    if status not in _WELL.get(topic, ()):
        return False
    try:
        read = _DECODER.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return False
    well = {"Allocation": read.allocation, "Evaluation": read.evaluation, "Node": read.node}.get(topic)
    if well is None:
        return topic == "Deployment"
    unhealthy = well.deployment_status is not None and well.deployment_status.healthy is False
    return not unhealthy and not well.drain and bytes(well.failed_tg_allocs) in (b"null", b"{}")
