"""What an event belongs to, read from its payload: its status, its node, and the objects it names.

A filter and the facets ask this of a million events, so a payload is decoded straight into the few fields that are
asked for (4 µs for 2.8 KB, measured); `core.objects.reading` reads what does not fit field by field.
"""

from collections.abc import Iterable

from nomad_tui.core.history.segment import Subject
from nomad_tui.core.objects.registry import kind


def status_and_node(topic: str, type_: str, key: str, payload: bytes) -> tuple[str, str, str]:
    """The object's status in Nomad's word, and the ID and name of its node; empty where it has none."""
    return kind(topic).facts(type_, key, payload)


def related(field: str, subject: Subject, payload: bytes, region: str) -> Iterable[str]:
    """What an event's payload names as `field`, which is one of `group task user alloc eval deploy region`.

    `region` is the one whose server sent it: a payload seldom says.
    """
    named = kind(subject.topic).mentioned(field, subject.key, payload)
    if field != "region":
        return named
    return [name for name in named if name] or (region,)
