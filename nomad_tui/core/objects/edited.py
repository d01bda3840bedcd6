"""Objects that people create, change and delete: the action, and what changed."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar, Final, TypeVar

import msgspec

from nomad_tui.core.level import Level
from nomad_tui.core.objects.kind import Known, ObjectEvent
from nomad_tui.core.objects.parts import (
    DOT,
    MESSAGE_LIMIT,
    VALUE_LIMIT,
    Beside,
    Part,
    Sentence,
    dim,
    named,
    plain,
    reason,
    sentence,
    warn,
)
from nomad_tui.core.objects.reading import Written, anything
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.readable import SECOND, count, duration
from nomad_tui.core.secrets import masked_text

F = TypeVar("F", bound=Written)

_CHANGES_NAMED: Final = 3
_NAMES_READ: Final = 8

_SPAN: Final = lazy_pattern(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})(?:\.\d{1,9})?s)?", re.ASCII)
"""A duration in Go's notation, `1h0m0s`."""


class Edited(Known[F]):
    """A kind whose events are completely described by the action and the changes."""

    labels: ClassVar[Mapping[str, str]]
    """Labels of the fields that people change, the most important first."""
    shown: Collection[str] = ()
    """The fields of `labels` whose values contain no secret."""

    def sentence(self, event: ObjectEvent[F]) -> Sentence:
        return sentence(named(self.name_of(event.now), event.key), self._happened(event))

    def level(self, event: ObjectEvent[F]) -> Level:
        return edited_level(event)

    def name_of(self, now: F) -> str:
        """The object's display name; empty to use the event's key."""
        return str(getattr(now, "name"))  # noqa: B009 - overridden if there is no such field

    def described(self, event: ObjectEvent[F]) -> Iterable[Part]:
        """Parts to show if no change is known."""
        return (dim(reason(getattr(event.now, "description", ""))),)

    def _happened(self, event: ObjectEvent[F]) -> list[Part]:
        """The action and the changes, such as `updated · max TTL 1 h → 2 h`."""
        gone = is_removal(event)
        changes = [] if event.now.is_new or gone else _changes(event, self.labels, self.shown)
        name = getattr(event.before, "name", "") if event.before is not None and not gone else ""
        is_renamed = name and name != getattr(event.now, "name", "")
        happened = [plain(f"renamed from {name[: 2 * VALUE_LIMIT]}") if is_renamed else verb(event)]
        if changes:
            rest = f" +{count(len(changes) - _CHANGES_NAMED)} more" if len(changes) > _CHANGES_NAMED else ""
            return [*happened, DOT, plain(", ".join(changes[:_CHANGES_NAMED]) + rest, 2 * MESSAGE_LIMIT)]
        for part in self.described(event):
            happened += [DOT, part] if part.text else []
        return happened


def is_removal(event: ObjectEvent[F]) -> bool:
    return event.is_deleted or event.type_.endswith(("Deleted", "Deregistered", "Deregistration"))


def verb(event: ObjectEvent[F]) -> Part:
    """The action, derived from type and indexes."""
    if event.is_deleted or event.type_.endswith("Deleted"):
        return warn("deleted")
    if is_removal(event):
        return warn("deregistered")
    if event.type_.endswith(("Registered", "Registration")):
        return plain("registered" if event.now.is_new or not event.now.create_index else "updated")
    return plain("created" if event.now.is_new else "updated")


def edited_level(event: ObjectEvent[F]) -> Level:
    """A write by a person is a change, unless no known field differs."""
    if is_removal(event) or event.now.is_new or event.before is None:
        return Level.CHANGE
    fields = (field for field in event.now.__struct_fields__ if field not in ("modify_index", "modify_time"))
    is_same = all(_value(getattr(event.now, field)) == _value(getattr(event.before, field)) for field in fields)
    return Level.ROUTINE if is_same else Level.CHANGE


def _changes(event: ObjectEvent[F], labels: Mapping[str, str], shown: Collection[str]) -> list[str]:
    found: list[str] = []
    if event.before is None:
        return found
    for field, label in labels.items():
        was, value = _value(getattr(event.before, field)), _value(getattr(event.now, field))
        if was == value:
            continue
        if field in ("policies", "roles"):
            found.append(_exchanged(label, names(value, event.beside), names(was, event.beside)))
        elif field in shown and (old := _shown(was)) and (new := _shown(value)):
            found.append(f"{label} {old} → {new}")
        else:
            found.append(f"{label} changed")
    return found


def _value(value: Any) -> Any:
    return anything(bytes(value)) if isinstance(value, msgspec.Raw) else value


def _shown(value: Any) -> str:
    """Short form of a value; empty if it has none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return duration(value)
    if not isinstance(value, str):
        return ""
    return span(value) or masked_text(value[:VALUE_LIMIT])


def _exchanged(label: str, now: list[str], before: list[str]) -> str:
    added, removed = [name for name in now if name not in before], [name for name in before if name not in now]
    if not added and not removed:
        return f"{label} changed"
    changes = [f"{verb} {', '.join(names)}" for verb, names in (("added", added), ("removed", removed)) if names]
    return f"{label} {', '.join(changes)}"


def span(text: str) -> str:
    """A duration in words; empty for zero and for anything else."""
    found = _SPAN.fullmatch(text)
    if found is None:
        return ""
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = (hours * 60 + minutes) * 60 + seconds
    return duration(total * SECOND) if total else ""


def names(links: Any, beside: Beside) -> list[str]:
    """Names of policies or roles, which payloads contain as texts, as links with names, or as links with IDs only."""
    links = _value(links)
    found = []
    for link in links[:_NAMES_READ] if isinstance(links, list) else ():
        if isinstance(link, dict):
            identifier = link.get("ID")
            name = link.get("Name")
            link = name if isinstance(name, str) and name else ""
            if not link and isinstance(identifier, str) and identifier:
                link = beside.name("ACLRole", identifier)
        if isinstance(link, str) and link:
            found.append(link[:VALUE_LIMIT])
    return found


def listed_names(one: str, several: str, names: list[str]) -> Part:
    return dim(f"{one if len(names) == 1 else several} {', '.join(names)}" if names else "")
