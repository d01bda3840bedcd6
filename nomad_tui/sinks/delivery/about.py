"""What an event means, for sinks that render it: sentence, level, job, node, and whether it proves a recovery."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from nomad_tui.core.history.event_row import describe_event, event_level, payload_before
from nomad_tui.core.history.history import History
from nomad_tui.core.level import Level, level
from nomad_tui.core.objects.reading import Object
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.sentence import Sentence, describe
from nomad_tui.core.topics import released_topic
from nomad_tui.core.wire import Event


@dataclass(frozen=True, slots=True)
class About:
    topic: str
    """By its released name."""
    sentence: Sentence
    level: Level
    job: str
    group: str
    node: str
    """Its name, else its ID; "" where the payload does not say."""
    incident: str
    """The same for the event that reports a failure and the one that proves the recovery; "" where none is proven."""
    is_recovery: bool
    """Whether the event proves that what `incident` names is well."""
    before: bytes | None
    """The payload of the object's event before; None where it is not known."""


def about_held(history: History, sequence: int) -> About:
    """For an event of a history, which knows what came before it."""
    held = history.event(sequence)
    event = held.frame.events[held.position]
    sentence = describe_event(history, held)
    return _about(event, sentence, event_level(history, held), payload_before(history, sequence))


def about_alone(event: Event) -> About:
    """For an event of which nothing else is known."""
    topic = released_topic(event.topic)
    payload = bytes(event.payload)
    return _about(
        event,
        describe(topic, event.type, event.key, payload, None),
        level(topic, event.type, event.key, payload, None),
        None,
    )


def _about(event: Event, sentence: Sentence, of_level: Level, before: bytes | None) -> About:
    topic = released_topic(event.topic)
    of = kind(topic)
    payload = bytes(event.payload)
    status, node_id, node_name = of.facts(event.type, event.key, payload)
    job = of.job_of(event.key, tuple(event.filter_keys or ())) or of.links(payload).job_id
    if of.is_job:
        job = event.key
    group = next(iter(of.mentioned("group", event.key, payload)), "")
    identify = _INCIDENTS.get(topic)
    incident = ""
    if identify is not None:
        name = identify(event, job, group)
        incident = "/".join(filter(None, (topic.lower(), event.namespace, *name)))
    return About(
        topic,
        sentence,
        of_level,
        job,
        group,
        sentence.place or node_name or (event.key[:8] if topic == "Node" else node_id[:8]),
        incident,
        bool(incident) and of_level < Level.WARNING and _is_well(topic, status, payload),
        before,
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
"""Statuses that prove it, unless the payload says otherwise."""


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
