"""Describes objects of unknown topics, or objects without any known field.

Shows the most informative scalars, or the event's type in words if there are none.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from nomad_tui.core.objects.fact import Facts, masked
from nomad_tui.core.objects.parts import (
    ARROW,
    DOT,
    VALUE_LIMIT,
    Part,
    Sentence,
    dim,
    named,
    plain,
    sentence,
    status,
    words,
)
from nomad_tui.core.objects.reading import anything
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.readable import count
from nomad_tui.core.secrets import masked_text, names_secret, secret_beside

READ_LIMIT: Final = 1 << 18
"""Bytes. Larger payloads are not decoded: no unknown kind is known to reach a hundredth of this size."""

_KNOWN: Final = ("Status", "State", "Health", "Message", "Description", "Type")
_NAMING: Final = ("Name", "Path")
_INDEXES: Final = lazy_pattern(r"(Index|Time|ID|At)$")
_BOOKKEEPING: Final = lazy_pattern(r"(Index|Time|Hash|ID|At)$")
_KEYS_EXAMINED: Final = 64
_SENTENCE_SCALARS: Final = 3
_SUMMARY_SCALARS: Final = 8

Fields = dict[str, Any]


def describe(keys: Sequence[str], type_: str, key: str, payload: bytes, previous: bytes | None) -> Sentence:
    """A sentence for any payload: the type in words if no field is usable. `keys` are those of the object."""
    now = _object(keys, _decoded(payload))
    if now is None:
        return sentence(named("", key), [dim(words(type_))])
    earlier = _decoded(previous) if previous is not None else {}
    before = _object(keys, earlier) if earlier and earlier.get("Deleted") is not True else None
    if before is not None and _number(before, "ModifyIndex") > _number(now, "ModifyIndex"):
        before = None  # A restarted server sends old events again: the previous one is newer.
    happened = [plain(words(type_), VALUE_LIMIT * 2)]
    for name, value in _sentence_scalars(now):
        was = before.get(name) if before is not None else None
        happened += [DOT, dim(f"{words(name)} ")]
        if isinstance(was, str | int | float) and was != value:
            happened += [plain(_scalar_text(was), VALUE_LIMIT), ARROW]
        part = status(value) if isinstance(value, str) and name in ("Status", "State") else None
        happened.append(part or plain(_scalar_text(value), VALUE_LIMIT))
    subject = next((name for field in ("Name", "Path", "ID") if (name := _text(now, field))), "")
    state = _text(now, "Status") or _text(now, "State")
    return sentence(named(subject if subject != key else "", key), happened, status=state)


def _decoded(payload: bytes) -> Fields:
    value = anything(payload) if len(payload) <= READ_LIMIT else None
    return value if isinstance(value, dict) else {}


def _object(keys: Sequence[str], decoded: Fields) -> Fields | None:
    """The object under one of its keys, else the payload's only object, else the payload."""
    for key in keys:
        if isinstance(found := decoded.get(key), dict):
            return found
    objects = [value for value in decoded.values() if isinstance(value, dict)]
    return objects[0] if len(objects) == 1 else decoded or None


def _text(fields: Fields, name: str) -> str:
    return value if isinstance(value := fields.get(name), str) else ""


def _number(fields: Fields, name: str) -> int:
    return value if isinstance(value := fields.get(name), int) and not isinstance(value, bool) else 0


def _sentence_scalars(now: Fields) -> Iterator[tuple[str, Any]]:
    """Names with a known meaning first, then others that are not bookkeeping."""
    names: list[str] = [name for name in _KNOWN if name in now]
    names += [name for name in sorted(list(now)[:_KEYS_EXAMINED]) if name not in (*_KNOWN, *_NAMING)]
    found = 0
    for name in names:
        value = now[name]
        if not isinstance(value, str | int | float) or value == "" or names_secret(name) or _INDEXES.search(name):
            continue
        yield name, value
        found += 1
        if found == _SENTENCE_SCALARS:
            return


def _scalar_text(value: str | int | float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return count(value) if isinstance(value, int) else masked_text(str(value))


def summarize(keys: Sequence[str], facts: Facts, key: str, payload: bytes) -> None:
    """Add scalars as facts: of the object, of the payload's only object, or of the payload.

    The event's own key and all secrets are left out.
    """
    decoded = _decoded(payload)
    decoded = next((found for name in keys if isinstance(found := decoded.get(name), dict)), decoded)
    decoded = dict(sorted(decoded.items()))
    objects = [value for value in decoded.values() if isinstance(value, dict)]
    fields = objects[0] if len(objects) == 1 and not _scalars(decoded, key) else decoded
    for name, value in _scalars(fields, key)[:_SUMMARY_SCALARS]:
        facts.add(words(name), _scalar(name, value))


def _scalars(fields: Fields, key: str) -> list[tuple[str, str | int | float]]:
    beside = secret_beside(fields)
    known = (*_KNOWN, *_NAMING)
    names: list[str] = [name for name in known if name in fields]
    names += [name for name in sorted(list(fields)[:_KEYS_EXAMINED]) if name not in known]
    return [
        (name, value)
        for name in names
        if isinstance(value := fields[name], str | int | float)
        and value not in ("", key)
        and name != beside
        and not names_secret(name)
        and not _BOOKKEEPING.search(name)
    ]


def _scalar(name: str, value: str | int | float) -> Part:
    if isinstance(value, bool):
        return plain("yes" if value else "no")
    if isinstance(value, int):
        return plain(count(value))
    if isinstance(value, float):
        return plain(f"{value:g}")
    return status(masked(value, VALUE_LIMIT)) if name in ("Status", "State") else plain(masked(value), VALUE_LIMIT * 2)
