"""What a difference consists of: the places where something differs, the changes in them, and the marks they make."""

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
"""Lines around a change that are shown with it."""

MOST_COMPARED: Final = 250_000
"""Pairs of lines, without those at both ends that are the same; beyond it the old lines are followed by the new ones,
because `difflib` takes more than a moment."""


class TextLine(NamedTuple):
    sign: str
    """`+`, `-`, a space for a line that stays, `@` for the position of the next lines."""
    text: str
    """Untrusted."""


def changed_lines(before: str, after: str) -> Iterator[TextLine]:
    """The changed lines and those around them; one remark where the two are the same."""
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
    if (len(old) - same - end) * (len(new) - same - end) > MOST_COMPARED:
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
    """To another place in its list; what changed in it besides are changes of their own."""


class Place(msgspec.Struct, eq=False):
    """A container that both payloads have, and what changed in it. Read-only once it is handed out."""

    parent: "Place | None"
    step_before: Step
    step_after: Step
    before: Container
    after: Container
    order: object = 0
    natural: tuple[str, ...] = ()
    """The keys by which the items of this list were matched; empty for a list matched by values."""
    entries: "list[Place | Change]" = msgspec.field(default_factory=list)
    """In display order: keys sorted, items in the order of `after`, removed ones in their former position."""
    count: int = 0
    """Changes in it and beneath, without noise."""
    noise: int = 0
    is_secret: bool = False
    is_free_form: bool = False
    """It is a map whose keys its author chose, or in one."""
    is_loose: bool = False
    """What is unset in it may as well be left out."""
    is_attached: bool = False
    beside: frozenset[str] = frozenset()
    """Keys of members that are secrets because of what is beside them."""
    secret_items: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
    """The same for the positions of items, in the list before and in the one after."""

    @property
    def is_item(self) -> bool:
        """Whether it is in a list."""
        return self.parent is not None and type(self.parent.before) is list

    @property
    def key(self) -> str | None:
        """Its key; None for an item of a list and for the payload itself."""
        return None if self.parent is None else _key(self.parent, self.step_after)

    @property
    def path_before(self) -> Path:
        return tuple(place.step_before for place in self.line()[1:])

    @property
    def path_after(self) -> Path:
        return tuple(place.step_after for place in self.line()[1:])

    @property
    def label(self) -> str:
        """Its key or what names it among its siblings, untrusted and without secrets; `[2]` where nothing does."""
        return _label(self.parent, self.step_after, self.after)

    @property
    def removed(self) -> int:
        """How many of its own members are gone."""
        return sum(type(entry) is Change and entry.kind is ChangeKind.REMOVED for entry in self.entries)

    def line(self) -> "list[Place]":
        """From the payload itself to this place."""
        found: list[Place] = []
        place: Place | None = self
        while place is not None:
            found.append(place)
            place = place.parent
        found.reverse()
        return found


class Change(msgspec.Struct, eq=False):
    """One thing that differs. What was added or removed is complete, with all that is beneath it. The values are as
    they came: whoever shows them asks `Masking` first."""

    kind: ChangeKind
    place: Place | None
    """Where it is; None when the payloads differ altogether."""
    step_before: Step | None
    """None for what was added."""
    step_after: Step | None
    """None for what was removed."""
    before: Value
    after: Value
    is_noise: bool = False
    is_secret: bool = False
    """By its keys or by what is beside it; what is beneath it, and a password within a text, is for `core.secrets`."""
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
        """Its key; None for an item of a list."""
        if self.place is None:
            return None
        return _key(self.place, self.step_after if self.step_after is not None else self.step_before)

    @property
    def label(self) -> str:
        """As `Place.label`; empty when the payloads differ altogether."""
        if self.place is None:
            return ""
        if self.step_after is None:
            return _label(self.place, self.step_before, self.before)
        return _label(self.place, self.step_after, self.after)

    @property
    def labels(self) -> tuple[str, ...]:
        """The way to it: `("Job", "TaskGroups", "web", "Tasks", "frontend", "Config", "image")`."""
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
    """What distinguishes an item, at most `LONGEST_LABEL` characters and untrusted; None for nothing."""
    if type(value) is not dict:
        return None
    names = [value.get(key) for key in natural]
    if not names or not all(type(name) is str for name in names):
        names = [next((value[key] for key in ("Name", "ID", "Type", "Label") if type(value.get(key)) is str), None)]
    label = " ".join(name[:LONGEST_LABEL] for name in names if type(name) is str and name)
    return label[:LONGEST_LABEL] or None


class Mark(msgspec.Struct, frozen=True):
    """What a line of the later payload says about the change."""

    kind: ChangeKind | None
    """None for a container that only has changes beneath it."""
    before: Value = None
    """The old value, as it came, of what changed; None for what was added or moved."""
    inside: int = 0
    """Changes beneath it, without noise."""
    removed: int = 0
    """Members removed from it."""
    is_noise: bool = False
    """Nothing at or beneath it is worth a look."""
    is_secret: bool = False


class Marks(Mapping[Path, Mark]):
    """The marks of a payload's lines, by path in it: what was added, changed or moved and every container around.

    Found step by step when asked for; nothing is made for lines that nobody looks at.
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
        """The mark of a line, which beneath what is new is that it was added; None for a line without one."""
        change, place, known = self._walk(path)
        if known == len(path):
            return _mark(change, place)
        if change is None or place is not None or change.kind is ChangeKind.MOVED:
            return None
        return Mark(ChangeKind.ADDED, is_noise=change.is_noise, is_secret=change.is_secret)

    def _walk(self, path: Path) -> tuple[Change | None, Place | None, int]:
        """What is at a path, or where it leaves the tree of changes, and how many of its steps lead there."""
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
    """What differs between two payloads: a tree of the places where something does, and the changes in them."""

    def __init__(self, before: Value, after: Value, places: list[Place], whole: Change | None) -> None:
        self.before = before
        self.after = after
        self.places = places
        """Those with changes in or beneath them, each after the one that it is in; the payload itself is the first."""
        self.whole = whole
        """The only change, when the payloads are not containers of one kind."""
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
        """The payload itself; None when nothing differs, or everything."""
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
