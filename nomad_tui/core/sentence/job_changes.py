"""What differs between two versions of a job, the most telling first.

A value is shown only where it cannot be a secret: job payloads carry environments, templates and driver
configuration in clear.
"""

import re
from typing import Any, Final, NamedTuple

from nomad_tui.core.readable import duration
from nomad_tui.core.sentence.parts import ARROW, VALUE_LIMIT, Part, dim, plain
from nomad_tui.core.sentence.reading import anything

SHOWN: Final = 2
DEEPEST: Final = 24
MOST: Final = 1_000

_BOOKKEEPING: Final = {
    "CreateIndex", "Dispatched", "JobModifyIndex", "ModifyIndex", "NomadTokenID", "Stable", "Status",
    "StatusDescription", "Stop", "SubmitTime", "Version", "VersionTag",
}  # fmt: skip
"""Fields of a job that change without its specification changing."""

_CONTAINERS: Final = {"TaskGroups", "Tasks"}

_DURATIONS: Final = re.compile(r"(Delay|Timeout|Interval|Deadline|Time|TTL|Splay|Stagger|Duration|Wait|Grace)$")

_SECRET_NAME: Final = re.compile(
    r"pass|pwd|secret|token|cred|auth|cert|salt|private|access|key$|dsn|cookie|session",
    re.IGNORECASE,
)
_HARMLESS_VALUE: Final = re.compile(r"[A-Za-z0-9._-]{0,16}")
"""What an environment or configuration value may look like to be shown: a version, a size, a word."""

_FREE_FORM: Final = {"Config", "Env", "GetterHeaders", "GetterOptions", "Meta"}
"""Maps whose keys and values the job's author chose."""

_OPAQUE: Final = {"EmbeddedTmpl", "Payload"}
"""Texts of many lines."""

_UNSET: Final[tuple[object, ...]] = (None, "", [], {})

_RANKS: Final = ("image", "Count", "Env", "Config", "Driver", "Resources", "Priority", "Meta")


_Path = tuple[str, ...]
_Difference = tuple[_Path, Any, Any]


class Change(NamedTuple):
    rank: int
    label: str
    before: str | None
    """As shown; None where there was nothing."""
    after: str | None


def changes(previous: bytes, payload: bytes) -> list[Part]:
    """`env.VERSION 1 → 2, count 3 → 5 +3 more`, from the payloads of two Job events."""
    before, after = _specification(previous), _specification(payload)
    if before is None or after is None:
        return [dim("specification changed")]
    labels = _Labels(after, before)
    differences: list[_Difference] = []
    _collect(before, after, (), differences)
    found = [_change(path, old, new, labels) for path, old, new in differences]
    if not found:
        return [dim("same specification")]
    found.sort(key=lambda change: change[:2])  # Servers send the keys of a map in any order.
    parts: list[Part] = []
    for change in found[:SHOWN]:
        parts += [plain(", ")] if parts else []
        parts += _said(change)
    if len(found) > SHOWN:
        more = f"{MOST:,} or more" if len(found) == MOST else f"{len(found) - SHOWN} more"
        parts.append(dim(f" +{more}"))
    return parts


def _specification(payload: bytes) -> dict[str, Any] | None:
    job = value.get("Job") if isinstance(value := anything(payload), dict) else None
    if not isinstance(job, dict):
        return None
    return {key: field for key, field in job.items() if key not in _BOOKKEEPING}


def _collect(before: Any, after: Any, path: _Path, found: list[_Difference]) -> None:
    """Appends the places where the two differ, at most `MOST`."""
    if len(path) < DEEPEST:
        if isinstance(before, list) and isinstance(after, list):
            pair = _by_name(before), _by_name(after)
            if pair[0] is not None and pair[1] is not None:
                before, after = pair
        if path and path[-1] in _FREE_FORM:
            before, after = before or {}, after or {}
        if isinstance(before, dict) and isinstance(after, dict):
            for key in before.keys() | after.keys():
                old, new = before.get(key), after.get(key)
                # Servers write an unset map as null, as `{}`, or not at all: those are the same.
                if old != new and not (old in _UNSET and new in _UNSET) and len(found) < MOST:
                    _collect(old, new, (*path, key), found)
            return
    found.append((path, before, after))


def _by_name(items: list[Any]) -> dict[str, Any] | None:
    """A list of named objects as a map, so that an insertion is one change; None for any other list."""
    named = {item["Name"]: item for item in items if isinstance(item, dict) and _is_name(item.get("Name"))}
    if len(named) == len(items):
        return named
    if any(isinstance(item, dict) for item in items):
        return {f"[{position}]": item for position, item in enumerate(items)}
    return None


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


class _Labels:
    """Names a place in a job as briefly as the job allows: a task's name only where there are several."""

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
    """`env.VERSION`, `image`, `count`, `update.max_parallel`: a job file's own words."""
    words = []
    free_form = False
    for name in path:
        words.append(name if free_form else _snake(name))
        free_form = free_form or name in _FREE_FORM
    if len(words) > 1 and words[0] in ("config", "resources"):
        words = words[1:]
    return ".".join(words).replace(".[", "[")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name[:VALUE_LIMIT]).lower()


def _change(path: _Path, old: Any, new: Any, labels: _Labels) -> Change:
    rank = next((rank for rank, name in enumerate(_RANKS) if name in path[-3:]), len(_RANKS))
    return Change(rank, labels.label(path), _value(path, old), _value(path, new))


def _value(path: _Path, value: Any) -> str | None:
    """The value as shown, `""` for one that must not or cannot be shown, None for nothing."""
    if value in _UNSET:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    free_form = next((place for place, name in enumerate(path) if name in _FREE_FORM), len(path) - 1)
    if _OPAQUE.intersection(path) or any(_SECRET_NAME.search(name) for name in path[free_form:]):
        return ""
    if isinstance(value, int | float):
        if abs(value) >= 1_000_000 and _DURATIONS.search(path[-1]):
            return duration(value)
        return str(value)[:VALUE_LIMIT]
    if isinstance(value, list) and len(value) <= 8 and all(isinstance(item, str) for item in value):
        value = ",".join(value)
    if not isinstance(value, str):
        return ""
    if path[-1] != "image" and _FREE_FORM.intersection(path) and not _HARMLESS_VALUE.fullmatch(value):
        return ""
    return value if "://" not in value else ""


def _said(change: Change) -> list[Part]:
    label = plain(change.label, VALUE_LIMIT + 16)
    before, after = change.before, change.after
    if before is None or after is None:
        return [label, plain(" added" if before is None else " removed")]
    if not before or not after or before == after:
        return [label, plain(" changed")]
    return [label, plain(f" {before}", VALUE_LIMIT * 2), ARROW, plain(after, VALUE_LIMIT * 2)]
