"""The elements of a difference: the places with changes, the changes themselves, and marks of the lines they affect."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from enum import Enum
from operator import attrgetter
from typing import Final, NamedTuple, TypeAlias

import msgspec

from nomad_tui.core.payload.parsing import Members, Value
from nomad_tui.core.payload.rows import Path, Step
from nomad_tui.core.secrets import MASK, masked_text

CONTEXT: Final = 2
"""Unchanged lines shown around a change."""

MAX_COMPARED: Final = 250_000
"""Maximum pairs of lines for `difflib`, without equal lines at both ends; beyond it, all old lines are followed by all
new ones, because `difflib` would take too long."""


class TextLine(NamedTuple):
    sign: str
    """`+`, `-`, a space for an unchanged line, `@` for the position of the following lines."""
    text: str
    """Untrusted."""


def changed_lines(before: str, after: str) -> Iterator[TextLine]:
    """The changed lines with context; a single remark if both texts are equal."""
    if before == after:
        yield TextLine("@", "only masked values changed")
        return
    old, new = before.split("\n"), after.split("\n")
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    end = 0
    while end < min(len(old), len(new)) - same and old[-1 - end] == new[-1 - end]:
        end += 1
    first = max(0, same - CONTEXT)
    tail = max(0, end - CONTEXT)
    left, right = old[first : len(old) - tail], new[first : len(new) - tail]
    if (len(old) - same - end) * (len(new) - same - end) > MAX_COMPARED:
        yield TextLine("@", f"line {first + 1:,}")
        yield from (TextLine(" ", line) for line in old[first:same])
        yield from (TextLine("-", line) for line in old[same : len(old) - end])
        yield from (TextLine("+", line) for line in new[same : len(new) - end])
        yield from (TextLine(" ", line) for line in old[len(old) - end : len(old) - tail])
        return
    for group in SequenceMatcher(None, left, right).get_grouped_opcodes(CONTEXT):
        yield TextLine("@", f"line {first + group[0][3] + 1:,}")
        for tag, from_old, to_old, from_new, to_new in group:
            if tag == "equal":
                yield from (TextLine(" ", line) for line in left[from_old:to_old])
                continue
            yield from (TextLine("-", line) for line in left[from_old:to_old])
            yield from (TextLine("+", line) for line in right[from_new:to_new])


Container: TypeAlias = "dict[str, Value] | list[Value] | Members"
CONTAINERS: Final = frozenset((dict, list, Members))

LONGEST_LABEL: Final = 60
"""Characters."""


class ChangeKind(Enum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"
    """To another index of its list; changes within it are reported separately."""


class Place(msgspec.Struct, eq=False):
    """A container that both payloads have, and its changes. Read-only once returned."""

    parent: "Place | None"
    step_before: Step
    step_after: Step
    before: Container
    after: Container
    order: object = 0
    natural: tuple[str, ...] = ()
    """The keys by which this list's items were matched; empty if they were matched by value."""
    entries: "list[Place | Change]" = msgspec.field(default_factory=list)
    """In display order: keys sorted, items in the order of `after`, removed ones at their former position."""
    count: int = 0
    """Changes in it and below, without noise."""
    noise: int = 0
    is_secret: bool = False
    is_free_form: bool = False
    """Whether it is a map with user-defined keys, or in one."""
    is_loose: bool = False
    """Whether unset members in it are equivalent to missing ones."""
    is_attached: bool = False
    beside: frozenset[str] = frozenset()
    """Keys of members that are secret because of a neighbour."""
    secret_items: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
    """Indexes of items that are secret because of a neighbour, in the previous list and in the current one."""

    @property
    def is_item(self) -> bool:
        """Whether it is a list item."""
        return self.parent is not None and type(self.parent.before) is list

    @property
    def key(self) -> str | None:
        """Its key; None for a list item and for the payload itself."""
        return None if self.parent is None else _key(self.parent, self.step_after)

    @property
    def path_before(self) -> Path:
        return tuple(place.step_before for place in self.line()[1:])

    @property
    def path_after(self) -> Path:
        return tuple(place.step_after for place in self.line()[1:])

    @property
    def label(self) -> str:
        """Its key or identifying name, untrusted and masked; its index such as `[2]` if it has neither."""
        return _label(self.parent, self.step_after, self.after)

    @property
    def removed(self) -> int:
        """Number of its own members that were removed."""
        return sum(type(entry) is Change and entry.kind is ChangeKind.REMOVED for entry in self.entries)

    def line(self) -> "list[Place]":
        """The places from the payload itself to this one."""
        found: list[Place] = []
        place: Place | None = self
        while place is not None:
            found.append(place)
            place = place.parent
        found.reverse()
        return found


class Change(msgspec.Struct, eq=False):
    """A single difference. Added or removed values are complete, including nested ones. Values are not masked: use
    `Masking` before displaying them."""

    kind: ChangeKind
    place: Place | None
    """Where it is; None if the payloads differ as a whole."""
    step_before: Step | None
    """None for an added value."""
    step_after: Step | None
    """None for a removed value."""
    before: Value
    after: Value
    is_noise: bool = False
    is_secret: bool = False
    """Whether a key or neighbour makes it secret; secrets nested in it or within a text are left to `core.secrets`."""
    order: object = 0

    @property
    def path_before(self) -> Path | None:
        if self.place is None:
            return ()
        return None if self.step_before is None else (*self.place.path_before, self.step_before)

    @property
    def path_after(self) -> Path | None:
        if self.place is None:
            return ()
        return None if self.step_after is None else (*self.place.path_after, self.step_after)

    @property
    def key(self) -> str | None:
        """Its key; None for a list item."""
        if self.place is None:
            return None
        return _key(self.place, self.step_after if self.step_after is not None else self.step_before)

    @property
    def label(self) -> str:
        """Like `Place.label`; empty if the payloads differ as a whole."""
        if self.place is None:
            return ""
        if self.step_after is None:
            return _label(self.place, self.step_before, self.before)
        return _label(self.place, self.step_after, self.after)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels on its path: `("Job", "TaskGroups", "web", "Tasks", "frontend", "Config", "image")`."""
        if self.place is None:
            return ()
        return (*(place.label for place in self.place.line()[1:]), self.label)


def _key(place: Place, step: Step | None) -> str | None:
    if isinstance(step, str):
        return step
    return place.after[step][0] if isinstance(place.after, Members) and step is not None else None


def _label(parent: Place | None, step: Step | None, value: Value) -> str:
    if parent is None:
        return ""
    key = _key(parent, step)
    if key is not None:
        return key
    name = item_name(value, parent.natural)
    if name is None:
        return f"[{step}]"
    return MASK if parent.is_secret else masked_text(name)


def item_name(value: Value, natural: Sequence[str] = ()) -> str | None:
    """The identifying name of an item, at most `LONGEST_LABEL` characters and untrusted; None if it has none."""
    if type(value) is not dict:
        return None
    names = [value.get(key) for key in natural]
    if not names or not all(type(name) is str for name in names):
        names = [next((value[key] for key in ("Name", "ID", "Type", "Label") if type(value.get(key)) is str), None)]
    label = " ".join(name[:LONGEST_LABEL] for name in names if type(name) is str and name)
    return label[:LONGEST_LABEL] or None


class Mark(msgspec.Struct, frozen=True):
    """The mark of a line in the later payload."""

    kind: ChangeKind | None
    """None for a container that only has changes below it."""
    before: Value = None
    """The unmasked previous value of a changed line; None if it was added or moved."""
    inside: int = 0
    """Changes below it, without noise."""
    removed: int = 0
    """Members removed from it."""
    is_noise: bool = False
    """Whether all changes at or below it are noise."""
    is_secret: bool = False


class Marks(Mapping[Path, Mark]):
    """The marks of a payload's lines, by path: added, changed and moved values and all containers around them.

    Computed on demand, step by step.
    """

    def __init__(self, changes: "Changes") -> None:
        self._changes = changes
        self._steps: dict[Place, dict[Step, tuple[Change | None, Place | None]]] = {}

    def _at(self, place: Place) -> dict[Step, tuple[Change | None, Place | None]]:
        steps = self._steps.get(place)
        if steps is None:
            steps = self._steps[place] = {}
            for entry in place.entries:
                if entry.step_after is None:
                    continue
                change, inner = steps.get(entry.step_after, (None, None))
                steps[entry.step_after] = (change, entry) if isinstance(entry, Place) else (entry, inner)
        return steps

    def at(self, path: Path) -> Mark | None:
        """The mark of a line; an added one below a new value; None if the line is unchanged."""
        change, place, known = self._walk(path)
        if known == len(path):
            return _mark(change, place)
        if change is None or place is not None or change.kind is ChangeKind.MOVED:
            return None
        return Mark(ChangeKind.ADDED, is_noise=change.is_noise, is_secret=change.is_secret)

    def _walk(self, path: Path) -> tuple[Change | None, Place | None, int]:
        """The change and place at a path, or where it leaves the tree of changes, and the number of steps up to
        there."""
        change, place = self._changes.whole, self._changes.root
        for known, step in enumerate(path):
            found = self._at(place).get(step) if place is not None else None
            if found is None:
                return change, place, known
            change, place = found
        return change, place, len(path)

    def __getitem__(self, path: Path) -> Mark:
        change, place, known = self._walk(path)
        mark = _mark(change, place) if known == len(path) else None
        if mark is None:
            raise KeyError(path)
        return mark

    def __iter__(self) -> Iterator[Path]:
        if self._changes.whole is not None:
            yield ()
        for place in self._changes.places:
            path = place.path_after
            if place.parent is None and place.entries:
                yield path
            for step in self._at(place):
                yield (*path, step)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _mark(change: Change | None, place: Place | None) -> Mark | None:
    if place is None and change is None:
        return None
    inside, removed = (place.count, place.removed) if place is not None else (0, 0)
    if change is None:
        assert place is not None
        return Mark(None, None, inside, removed, not inside, place.is_secret) if place.entries else None
    before = change.before if change.kind is ChangeKind.CHANGED else None
    return Mark(change.kind, before, inside, removed, change.is_noise and not inside, change.is_secret)


class Changes:
    """The differences between two payloads, as a tree of places with changes."""

    def __init__(self, before: Value, after: Value, places: list[Place], whole: Change | None) -> None:
        self.before = before
        self.after = after
        self.places = places
        """Places with changes in or below them, parents first; the first is the payload itself."""
        self.whole = whole
        """The only change, if the payloads are not containers of one kind."""
        for place in places:
            place.entries.sort(key=attrgetter("order"))
        for place in reversed(places):
            for entry in place.entries:
                if isinstance(entry, Place):
                    place.count += entry.count
                    place.noise += entry.noise
                elif entry.is_noise:
                    place.noise += 1
                else:
                    place.count += 1

    @property
    def root(self) -> Place | None:
        """The payload itself; None if it is unchanged or replaced as a whole."""
        return self.places[0] if self.places else None

    @property
    def count(self) -> int:
        """Without noise."""
        return 1 if self.whole is not None else self.places[0].count if self.places else 0

    @property
    def noise(self) -> int:
        return self.places[0].noise if self.places else 0

    def __len__(self) -> int:
        return self.count + self.noise

    def __iter__(self) -> Iterator[Change]:
        if self.whole is not None:
            yield self.whole
        stack: list[Place | Change] = self.places[:1]  # type: ignore[assignment]
        while stack:
            entry = stack.pop()
            if isinstance(entry, Place):
                stack.extend(reversed(entry.entries))
            else:
                yield entry

    def marks(self) -> Marks:
        return Marks(self)
