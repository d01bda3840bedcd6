"""The differences between two versions of a job, the most important first.

A value is shown only if it cannot be a secret: job payloads contain environments, templates and driver configuration in
clear text.
"""

import re
from collections.abc import Container, Iterator
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from nomad_tui.core.changes import Change, ChangeKind, Changes, Place, difference
from nomad_tui.core.changes.rules import FREE_FORM, is_unset
from nomad_tui.core.objects.parts import ARROW, VALUE_LIMIT, Part, dim, plain
from nomad_tui.core.objects.reading import Object, Reader, anything
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.payload.parsing import Value
from nomad_tui.core.payload.rows import Step
from nomad_tui.core.readable import count, duration
from nomad_tui.core.secrets import masked_text, names_secret, secret_beside

MAX_SHOWN: Final = 2
MAX_SORTED: Final = 1_000
"""Changes that are sorted to find the most important ones."""

_BOOKKEEPING: Final = {
    "CreateIndex", "Dispatched", "JobModifyIndex", "ModifyIndex", "NomadTokenID", "Stable", "Status",
    "StatusDescription", "Stop", "SubmitTime", "Version", "VersionTag",
}  # fmt: skip
"""Fields of a job that change independently of its specification."""

_DURATIONS: Final = lazy_pattern(r"(Delay|Timeout|Interval|Deadline|Time|TTL|Splay|Stagger|Duration|Wait|Grace)$")

_HARMLESS_VALUE: Final = lazy_pattern(r"[A-Za-z0-9._-]{0,16}")
"""Form of a configuration value that may be shown: a version, a size, a word."""

_OPAQUE: Final = {"EmbeddedTmpl", "Payload"}
"""Texts of many lines."""

_LONGEST_TEXT: Final = 500
"""Characters; longer values are never shown."""

_RANKS: Final = ("image", "Count", "Env", "Config", "Driver", "Resources", "Priority", "Meta")

_Path: TypeAlias = tuple[str, ...]
"""Member names, starting at the job."""
_MAX_PATH: Final = 24
"""Names in a path; deeper members are named by its first part."""


class _Payload(Object):
    job: dict[str, msgspec.Raw] | None = None


_JOBS: Final = Reader[_Payload](_Payload)


class _Difference(NamedTuple):
    path: _Path
    before: Value
    after: Value
    is_secret: bool
    is_moved: bool = False


class _Shown(NamedTuple):
    rank: int
    label: str
    before: str | None
    """As shown; None if it did not exist."""
    after: str | None
    is_moved: bool


def changes(previous: bytes, payload: bytes) -> list[Part]:
    """`image a → b, count 3 → 5 +3 more`, from the payloads of two Job events."""
    members_before, members_after = _JOBS.read(previous), _JOBS.read(payload)
    if members_before is None or members_after is None or members_before.job is None or members_after.job is None:
        return [dim("specification changed")]
    old, new = members_before.job, members_after.job
    same = {key for key, member in old.items() if new.get(key) == member} | _BOOKKEEPING
    before, after = _specification(old, same), _specification(new, same)
    differences = list(_differences(difference({"Job": before}, {"Job": after})))
    if not differences:
        return [dim("same specification")]
    labels = _Labels(after, before)
    found = [_shown(one, labels) for one in differences[:MAX_SORTED]]
    found.sort(key=lambda shown: shown[:2])  # Servers send the keys of a map in any order.
    parts: list[Part] = []
    for shown in found[:MAX_SHOWN]:
        parts += [plain(", ")] if parts else []
        parts += _parts(shown)
    if len(differences) > MAX_SHOWN:
        parts.append(dim(f" +{count(len(differences) - MAX_SHOWN)} more"))
    return parts


def _specification(job: dict[str, msgspec.Raw], same: Container[str]) -> dict[str, Value]:
    """The members of a job, except those with the same bytes in the other job: they need no decoding."""
    return {key: anything(bytes(member)) for key, member in job.items() if key not in same}


def _differences(changes: Changes) -> Iterator[_Difference]:
    """Differences without noise. A list of plain values counts as one, a map with free-form keys as one per key."""
    jobs = changes.root.entries if changes.root is not None else ()
    stack: list[tuple[_Path, Place | Change]] = [
        ((), entry) for job in jobs if isinstance(job, Place) for entry in reversed(job.entries)
    ]
    while stack:
        around, entry = stack.pop()
        path = (*around, _name(entry))[:_MAX_PATH]
        if isinstance(entry, Change):
            if not entry.is_noise:
                yield from _change_differences(entry, path)
        elif not entry.count:
            continue
        elif _is_plain_list(entry.before) and _is_plain_list(entry.after):
            yield _Difference(path, entry.before, entry.after, entry.is_secret)
        else:
            moved_from = {inner.step_after for inner in entry.entries if isinstance(inner, Place)}
            stack += [(path, inner) for inner in reversed(entry.entries) if not _only_moved(inner, moved_from)]


def _only_moved(entry: Place | Change, changed: Container[Step | None]) -> bool:
    """Whether it reports only the move of an item that has other changes too."""
    return isinstance(entry, Change) and entry.kind is ChangeKind.MOVED and entry.step_after in changed


def _change_differences(change: Change, path: _Path) -> Iterator[_Difference]:
    before, after = change.before, change.after
    if change.key in FREE_FORM and (_is_map(before) or is_unset(before)) and (_is_map(after) or is_unset(after)):
        old, new = before if isinstance(before, dict) else {}, after if isinstance(after, dict) else {}
        beside = (secret_beside(old), secret_beside(new))
        for key in old.keys() | new.keys():
            if not (is_unset(old.get(key)) and is_unset(new.get(key))):
                is_secret = change.is_secret or names_secret(key) or key in beside
                yield _Difference((*path, key), old.get(key), new.get(key), is_secret)
        return
    yield _Difference(path, before, after, change.is_secret, change.kind is ChangeKind.MOVED)


def _is_map(value: Value) -> bool:
    return isinstance(value, dict)


def _is_plain_list(value: object) -> bool:
    return isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)


def _name(entry: Place | Change) -> str:
    """A key, the name of an item, or its index if it has none."""
    parent = entry.parent if isinstance(entry, Place) else entry.place
    if entry.key is None and parent is not None and parent.natural not in (("Name",), ("ID",)):
        step = entry.step_after if entry.step_after is not None else entry.step_before
        return f"[{step}]"
    return entry.label


class _Labels:
    """Shortest unambiguous labels of job members: a task's name only if there are several tasks."""

    def __init__(self, *jobs: dict[str, Any]) -> None:
        self._groups: set[str] = set()
        self._tasks: set[tuple[str, str]] = set()
        for job in jobs:
            for group in _objects(job.get("TaskGroups")):
                self._groups.add(str(group.get("Name")))
                for task in _objects(group.get("Tasks")):
                    self._tasks.add((str(group.get("Name")), str(task.get("Name"))))

    def label(self, path: _Path) -> str:
        match path:
            case ["TaskGroups", group]:
                return f"group {group}"
            case ["TaskGroups", group, "Tasks", task]:
                return f"task {self._task(group, task) or task}"
            case ["TaskGroups", group, "Tasks", task, *rest]:
                return f"{self._task(group, task)} {_field(rest)}".strip()
            case ["TaskGroups", group, *rest]:
                return f"{group} {_field(rest)}" if len(self._groups) > 1 else _field(rest)
        return _field(path)

    def _task(self, group: str, task: str) -> str:
        if len(self._tasks) < 2:
            return ""
        same_name = sum(name == task for _, name in self._tasks)
        return f"{group}.{task}" if same_name > 1 else task


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _field(path: _Path | list[str]) -> str:
    """`env.VERSION`, `image`, `count`, `update.max_parallel`: the terms of a job file."""
    words = []
    free_form = False
    for name in path:
        words.append(name if free_form else _snake(name))
        free_form = free_form or name in FREE_FORM
    if len(words) > 1 and words[0] in ("config", "resources"):
        words = words[1:]
    return ".".join(words).replace(".[", "[")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name[:VALUE_LIMIT]).lower()


def _shown(one: _Difference, labels: _Labels) -> _Shown:
    rank = next((rank for rank, name in enumerate(_RANKS) if name in one.path[-3:]), len(_RANKS))
    before, after = (None if is_unset(value) else _value(one, value) for value in (one.before, one.after))
    return _Shown(rank, labels.label(one.path), before, after, one.is_moved)


def _value(one: _Difference, value: Value) -> str:
    """The value as shown, `""` if it must not or cannot be shown."""
    path = one.path
    if one.is_secret or _OPAQUE.intersection(path):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        if abs(value) >= 1_000_000 and path and _DURATIONS.search(path[-1]):
            return duration(value)
        return str(value)[:VALUE_LIMIT]
    if isinstance(value, list) and len(value) <= 8 and all(isinstance(item, str) for item in value):
        value = ",".join(str(item) for item in value)
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        return ""
    if path and path[-1] != "image" and FREE_FORM.intersection(path) and not _HARMLESS_VALUE.fullmatch(value):
        return ""
    return value if "://" not in value and masked_text(value) == value else ""


def _parts(shown: _Shown) -> list[Part]:
    label = plain(masked_text(shown.label[: VALUE_LIMIT * 4]), VALUE_LIMIT + 16)
    before, after = shown.before, shown.after
    if shown.is_moved:
        return [label, plain(" moved")]
    if before is None or after is None:
        return [label, plain(" added" if before is None else " removed")]
    if not before or not after or before == after:
        return [label, plain(" changed")]
    return [label, plain(f" {before}", VALUE_LIMIT * 2), ARROW, plain(after, VALUE_LIMIT * 2)]
