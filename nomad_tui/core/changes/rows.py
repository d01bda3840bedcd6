"""The changes as visible rows: a tree of changed values only, without folded ones.

A map with a single change is one row together with it, such as `Config.image`; a group's tasks are directly in the
group, as in `nomad job plan`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from nomad_tui.core.changes.model import (
    CONTAINERS,
    Change,
    ChangeKind,
    Changes,
    Place,
    TextLine,
    changed_lines,
    item_name,
)
from nomad_tui.core.changes.rules import is_unset
from nomad_tui.core.payload.parsing import Members, RawText, Value
from nomad_tui.core.payload.rows import Path, Step
from nomad_tui.core.payload.showing import without_secrets
from nomad_tui.core.secrets import Masking, masked_text, names_secret, secret_beside, secret_items

COLLECTIONS: Final = {
    "Actions": "Action",
    "Affinities": "Affinity",
    "Artifacts": "Artifact",
    "Checks": "Check",
    "Constraints": "Constraint",
    "DesiredTGUpdates": "Task Group",
    "Drivers": "Driver",
    "DynamicPorts": "Dynamic Port",
    "Events": "",
    "FailedTGAllocs": "Task Group",
    "Identities": "Identity",
    "Networks": "Network",
    "ReservedPorts": "Reserved Port",
    "ScoreMetaData": "Score",
    "Services": "Service",
    "SpreadTarget": "Spread Target",
    "Spreads": "Spread",
    "TaskGroups": "Task Group",
    "TaskStates": "Task",
    "Tasks": "Task",
    "Templates": "Template",
    "Upstreams": "Upstream",
    "VolumeMounts": "Volume Mount",
    "Volumes": "Volume",
}
"""Lists and maps of objects that have no row of their own, and the label of one such object."""


LONGEST_MASKED: Final = 256 * 1024
"""Characters of a text, before and after together, whose lines are shown without being revealed: masking longer texts
takes longer than a key may block."""

_OPEN_AT_FIRST: Final = frozenset(("Events", "TaskStates"))
"""Keys of values that are open even if they are new, including the tasks in them: they contain what happened to an
allocation."""


@dataclass(slots=True, eq=False)
class Member:
    """A part of a value that was added or removed as a whole."""

    key: str | None
    step: Step
    value: Value
    kind: ChangeKind
    is_secret: bool


Item: TypeAlias = Place | Change | Member | TextLine
Chain: TypeAlias = tuple[Place, ...]
_Entry: TypeAlias = tuple[Chain, Item]


class Fold:
    """The state that the reader set at one path."""

    __slots__ = ("is_open", "members")

    def __init__(self) -> None:
        self.is_open: bool | None = None
        self.members: dict[Step, Fold] = {}


class ChangesFolding:
    """Which paths are open, for any changes shown. Initially all changed containers are open, and new ones closed."""

    def __init__(self) -> None:
        self.root = Fold()
        self.everything: bool | None = None
        """Whether all were opened or closed, except for later actions of the reader."""

    def set_open(self, path: Path, is_open: bool) -> None:
        fold = self.root
        for step in path:
            fold = fold.members.setdefault(step, Fold())
        fold.is_open = is_open

    def set_all(self, is_open: bool) -> None:
        self.root = Fold()
        self.everything = is_open


class ChangeRows:
    """The visible rows; read-only columns of equal length."""

    __slots__ = ("are_foldable", "are_gone", "are_open", "chains", "depths", "items", "parents", "steps")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.chains: list[Chain] = []
        """The places joined in a row, outermost first."""
        self.steps: list[Path] = []
        """The steps from the parent row to a row."""
        self.depths: list[int] = []
        self.parents: list[int] = []
        """The parent of a row; -1 if it has none."""
        self.are_foldable: list[bool] = []
        self.are_open: list[bool] = []
        self.are_gone: list[bool] = []
        """Whether it no longer exists in the later payload: no value of that payload has its path."""

    def __len__(self) -> int:
        return len(self.items)

    def path(self, row: int) -> Path:
        pieces: list[Path] = []
        while row >= 0:
            pieces.append(self.steps[row])
            row = self.parents[row]
        return tuple(step for piece in reversed(pieces) for step in piece)

    def find(self, path: Path) -> int:
        """The row of a path, or of its nearest visible ancestor, or 0."""
        found, known = -1, 0
        for row in range(len(self)):
            if self.parents[row] != found:
                if self.depths[row] <= (self.depths[found] if found >= 0 else -1):
                    break
                continue
            steps = self.steps[row]
            if steps and path[known : known + len(steps)] == steps:
                found, known = row, known + len(steps)
                if known == len(path):
                    break
        return max(found, 0)


class _Frame(NamedTuple):
    entries: Iterator[_Entry]
    depth: int
    parent: int
    fold: Fold | None
    are_gone: bool


def rows_of(changes: Changes, folding: ChangesFolding, masking: Masking, shows_noise: bool) -> ChangeRows:
    rows = ChangeRows()
    whole, root = changes.whole, changes.root
    first: Iterator[_Entry] = iter(())
    if whole is not None:
        first = iter([((), whole)])
    elif root is not None:
        first = _entries(root, shows_noise)
    stack = [_Frame(first, 0, -1, folding.root, False)]
    while stack:
        frame = stack[-1]
        for chain, item in frame.entries:
            row = len(rows)
            fold = frame.fold
            steps = (*(place.step_after for place in chain), *_own_steps(item))
            for step in steps:
                fold = fold.members.get(step) if fold is not None else None
            gone = frame.are_gone or (type(item) is Change and item.kind is ChangeKind.REMOVED)
            rows.items.append(item)
            rows.chains.append(chain)
            rows.steps.append(steps)
            rows.depths.append(frame.depth)
            rows.parents.append(frame.parent)
            rows.are_gone.append(gone or (type(item) is Member and item.kind is ChangeKind.REMOVED))
            is_hidden = type(item) is Change and _is_hidden_text(item, rows, row, masking)
            foldable = _is_foldable(item) and not is_hidden
            opened = foldable and _is_open(item, fold, folding)
            rows.are_foldable.append(foldable)
            rows.are_open.append(opened)
            if opened:
                inner = _inside(item, rows, row, masking, shows_noise)
                stack.append(_Frame(inner, frame.depth + 1, row, fold, gone))
                break
        else:
            stack.pop()
    return rows


def _is_open(item: Item, fold: Fold | None, folding: ChangesFolding) -> bool:
    if fold is not None and fold.is_open is not None:
        return fold.is_open
    if folding.everything is not None:
        return folding.everything
    if isinstance(item, Place) or (isinstance(item, Change) and changes_lines(item)):
        return True
    if isinstance(item, TextLine):
        return False
    value = item.value if isinstance(item, Member) else item.after
    return item.key in _OPEN_AT_FIRST or (isinstance(value, dict) and "Events" in value and "State" in value)


def _own_steps(item: Item) -> Path:
    if isinstance(item, TextLine):
        return ()
    if isinstance(item, Member):
        return (item.step,)
    if item.step_after is not None:
        return (item.step_after,)
    if isinstance(item, Change) and item.place is not None and item.step_before is not None:
        position = isinstance(item.step_before, int)
        return (len(item.place.after) + int(item.step_before) if position else item.step_before,)
    return ()


def changes_lines(change: Change) -> bool:
    """Whether it is a change of multi-line text."""
    if change.kind is not ChangeKind.CHANGED:
        return False
    before, after = change.before, change.after
    return isinstance(before, str) and isinstance(after, str) and ("\n" in before or "\n" in after)


def _is_hidden_text(change: Change, rows: ChangeRows, row: int, masking: Masking) -> bool:
    return changes_lines(change) and (change.is_secret or is_long(change)) and not masking.shows(rows.path(row))


def is_long(change: Change) -> bool:
    return len(str(change.before)) + len(str(change.after)) > LONGEST_MASKED


def _is_foldable(item: Item) -> bool:
    if isinstance(item, Place):
        return True
    if isinstance(item, Member):
        return type(item.value) in CONTAINERS and bool(item.value)
    if isinstance(item, Change) and item.kind is not ChangeKind.MOVED:
        return any(_is_nonempty(value) for value in (item.before, item.after)) or changes_lines(item)
    return False


def _is_nonempty(value: Value) -> bool:
    return isinstance(value, dict | list | Members | RawText) and bool(value)


def _inside(item: Item, rows: ChangeRows, row: int, masking: Masking, shows_noise: bool) -> Iterator[_Entry]:
    if isinstance(item, Place):
        yield from _entries(item, shows_noise)
    elif isinstance(item, Member):
        yield from _members(item.value, item.kind, item.is_secret, shows_noise)
    elif isinstance(item, Change):
        if changes_lines(item):
            before, after = str(item.before), str(item.after)
            if not masking.shows(rows.path(row)):
                before, after = masked_text(before), masked_text(after)
            yield from (((), line) for line in changed_lines(before, after))
            return
        for value, kind in ((item.before, ChangeKind.REMOVED), (item.after, ChangeKind.ADDED)):
            shown = value
            if isinstance(value, RawText) and not masking.shows(rows.path(row)):
                shown = without_secrets(value)
            yield from _members(shown, kind, item.is_secret, shows_noise)


def _members(value: Value, kind: ChangeKind, is_secret: bool, shows_noise: bool) -> Iterator[_Entry]:
    """The members of an added or removed value; without noise, only those of an object that are set."""
    if isinstance(value, dict):
        beside = secret_beside(value)
        for key in sorted(value):
            if shows_noise or not is_unset(value[key]):
                yield (), Member(key, key, value[key], kind, is_secret or key == beside or names_secret(key))
    elif isinstance(value, Members):
        seen: set[str] = set()
        for position, (key, member) in enumerate(value):
            step: Step = position if key in seen else key
            seen.add(key)
            yield (), Member(key, step, member, kind, is_secret or names_secret(key))
    elif isinstance(value, list | RawText):
        secrets = secret_items(value) if isinstance(value, list) else frozenset[int]()
        for position, member in enumerate(value):
            yield (), Member(None, position, member, kind, is_secret or position in secrets)


def _entries(place: Place, shows_noise: bool) -> Iterator[_Entry]:
    """The rows of a place: collections are replaced by their objects, and single changes are joined with their
    containers."""
    stack: list[tuple[Chain, Iterator[Place | Change]]] = [((), iter(_shown(place, shows_noise)))]
    while stack:
        chain, entries = stack[-1]
        for entry in entries:
            line = list(chain)
            item: Place | Change = entry
            while isinstance(item, Place) and item.parent is not None and item.parent.parent is not None:
                if is_collection(item):
                    stack.append(((*line, item), iter(_shown(item, shows_noise))))
                    break
                inner = _shown(item, shows_noise)
                is_named = item.key is None and item_name(item.after) is not None
                if len(inner) != 1 or is_named or is_collection(item.parent):
                    yield tuple(line), item
                    break
                line.append(item)
                item = inner[0]
            else:
                yield tuple(line), item
                continue
            if stack[-1][1] is not entries:
                break
        else:
            stack.pop()


def _shown(place: Place, shows_noise: bool) -> list[Place | Change]:
    if shows_noise:
        return place.entries
    return [entry for entry in place.entries if (entry.count > 0 if isinstance(entry, Place) else not entry.is_noise)]


def is_collection(place: Place) -> bool:
    """Whether its objects are shown without a row for itself."""
    if place.key not in COLLECTIONS or not place.entries or place.is_free_form:
        return False
    entry = place.entries[0]
    return isinstance(entry, Place) or type(entry.after) is dict or type(entry.before) is dict
