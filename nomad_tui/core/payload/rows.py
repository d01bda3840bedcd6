"""The visible rows of a payload, and the state of its containers: folded members have no rows.

Rows are stored as columns of equal length rather than objects: a 1 MB Job of 5,300 rows is flattened in a few
milliseconds, and searching scans a list. `Showing`, which masks secrets, formats the rows.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final, TypeAlias

from nomad_tui.core.payload.parsing import Decoded, Members, Number, Raw, Value

Step: TypeAlias = str | int
"""A key of an object or an index in a list. For further members with a repeated key, the index in the original object,
which cannot be confused with a key."""

Path: TypeAlias = tuple[Step, ...]

WIDEST_KEY: Final = 28
"""Characters. A longer key does not widen its siblings' column; its own value is further right."""


class Kind(Enum):
    OBJECT = "object"
    LIST = "list"
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"
    RAW = "raw"
    """A piece of a payload that is not JSON, or a line of decoded text."""


_KINDS: Final[dict[type, Kind]] = {
    dict: Kind.OBJECT,
    Members: Kind.OBJECT,
    list: Kind.LIST,
    str: Kind.STRING,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    Number: Kind.NUMBER,
    Raw: Kind.RAW,
    bool: Kind.BOOLEAN,
    type(None): Kind.NULL,
}
CONTAINERS: Final = frozenset((dict, Members, list))


def kind_of(value: Value) -> Kind:
    return _KINDS[type(value)]


class Rows:
    """The visible rows of one payload. The columns are read-only and of equal length."""

    __slots__ = ("decoded", "depths", "key_widths", "keys", "parents", "secret", "steps", "values")

    def __init__(self) -> None:
        self.keys: list[Step | None] = []
        """A member's key or an item's index, None for a row with neither; untrusted."""
        self.steps: list[Step] = []
        self.values: list[Value] = []
        self.depths: list[int] = []
        self.parents: list[int] = []
        """Row of the container that a row belongs to; -1 for the payload itself."""
        self.key_widths: list[int] = []
        """Length of the longest key among a row's siblings up to `WIDEST_KEY` characters."""
        self.secret: list[bool] = []
        """Whether a row is secret because of a key above it, or because of a neighbour."""
        self.decoded: dict[int, Decoded] = {}
        """Decoded content of the rows of unfolded strings."""

    def __len__(self) -> int:
        return len(self.values)

    def kind(self, row: int) -> Kind:
        return _KINDS[type(self.values[row])]

    def member_count(self, row: int) -> int | None:
        """Number of members or items of a container; None for other rows."""
        value = self.values[row]
        return len(value) if isinstance(value, (dict, list, Members)) else None

    def is_foldable(self, row: int) -> bool:
        """Whether a row is a container that is not empty."""
        return bool(self.member_count(row))

    def is_open(self, row: int) -> bool:
        return row + 1 < len(self) and self.depths[row + 1] > self.depths[row]

    def path(self, row: int) -> Path:
        """The path of a row. Below a decoded string, the string's path with further steps."""
        steps: list[Step] = []
        while row >= 0:
            steps.append(self.steps[row])
            row = self.parents[row]
        return tuple(reversed(steps))

    def parent_key(self, row: int) -> Step | None:
        """The key of the container that a row is in; None for the payload's own members."""
        parent = self.parents[row]
        return None if parent < 0 else self.keys[parent]

    def decoded_from(self, row: int) -> int | None:
        """The row of the outermost string that a row was decoded from; None for rows of the payload itself."""
        found: int | None = None
        if self.decoded:
            row = self.parents[row]
            while row >= 0:
                found = row if row in self.decoded else found
                row = self.parents[row]
        return found

    def find(self, path: Path) -> int:
        """The row of `path`, or of its nearest visible ancestor, or 0."""
        found = row = 0
        for depth, step in enumerate(path):
            while row < len(self) and self.depths[row] >= depth:
                if self.depths[row] == depth and self.steps[row] == step:
                    break
                row += 1
            else:
                return found
            found = row
            row += 1
        return found

    def shallowest_closed(self) -> int | None:
        """The least depth of a closed container; None if all are open."""
        closed = (self.depths[row] for row in range(len(self)) if self.is_foldable(row) and not self.is_open(row))
        return min(closed, default=None)

    def deepest_open(self) -> int | None:
        """The greatest depth of an open container; None if all are closed."""
        opened = (self.depths[row] for row in range(len(self)) if self.is_open(row) and self.is_foldable(row))
        return max(opened, default=None)


OPEN_AT_FIRST: Final[tuple[Path, ...]] = (("Allocation", "TaskStates"),)
"""Opened initially, besides the object itself. Task states contain what happened to an allocation."""

_AT_FIRST: Final = 1
"""Levels open initially: the objects directly in the payload."""
_ALL: Final = 1_000_000
"""Levels; more than any payload has."""


class Fold:
    """The fold state of one path; None leaves the decision to its ancestors or the default."""

    __slots__ = ("beneath", "children", "decoded", "members", "open")

    def __init__(self) -> None:
        self.open: bool | None = None
        self.children: bool | None = None
        """State of the containers directly in it."""
        self.beneath: int | None = None
        """Depth from which containers below it are closed."""
        self.decoded = False
        """For a string: whether its decoded content is unfolded."""
        self.members: dict[Step, Fold] = {}


class Folding:
    """Which containers are open. A path opened in one payload is open in the next one too.

    Initially, the objects directly in the payload and the paths in `OPEN_AT_FIRST` are open.
    """

    def __init__(self, open_at_first: Iterable[Path] = OPEN_AT_FIRST) -> None:
        self.root = _root()
        for path in open_at_first:
            self.set_open(path, True)

    def _fold(self, path: Path) -> Fold:
        fold = self.root
        for step in path:
            fold = fold.members.setdefault(step, Fold())
        return fold

    def _all(self) -> Iterator[tuple[int, Fold]]:
        """All folds, each with the depth of its members."""
        stack = [(0, self.root)]
        while stack:
            depth, fold = stack.pop()
            yield depth, fold
            stack.extend((depth + 1, member) for member in fold.members.values())

    def set_open(self, path: Path, is_open: bool) -> None:
        """Open or close one container; the state of the containers in it is kept."""
        self._fold(path).open = is_open

    def open_to(self, path: Path) -> list[tuple[Path, bool | None]]:
        """Open all ancestors of a path. Returns their previous states for `restore`."""
        before: list[tuple[Path, bool | None]] = []
        for length in range(1, len(path)):
            fold = self._fold(path[:length])
            before.append((path[:length], fold.open))
            fold.open = True
        return before

    def restore(self, before: list[tuple[Path, bool | None]]) -> None:
        for path, is_open in before:
            self._fold(path).open = is_open

    def set_decoded(self, path: Path, is_decoded: bool) -> None:
        """Unfold the decoded content of a string, or fold it."""
        self._fold(path).decoded = is_decoded

    def set_children_open(self, path: Path, is_open: bool) -> None:
        """Open or close all containers directly in one, in later payloads too."""
        fold = self._fold(path)
        fold.children = is_open
        for member in fold.members.values():
            member.open = None

    def open_all(self, path: Path) -> None:
        """Open a container and everything in it, in later payloads too."""
        fold = self._fold(path)
        fold.open = True
        fold.children = None
        fold.beneath = _ALL
        _forget(fold)

    def open_levels(self, levels: int) -> None:
        """Open at least this number of levels of containers everywhere."""
        for depth, fold in self._all():
            if fold.beneath is not None:
                fold.beneath = max(fold.beneath, levels)
            if depth < levels:
                if fold.children is False:
                    fold.children = None
                for member in fold.members.values():
                    if member.open is False:
                        member.open = None

    def close_levels(self, levels: int) -> None:
        """Close all containers below this number of levels."""
        for depth, fold in self._all():
            if fold.beneath is not None:
                fold.beneath = min(fold.beneath, levels)
            if depth >= levels:
                if fold.children:
                    fold.children = None
                for member in fold.members.values():
                    if member.open:
                        member.open = None

    def close_all(self) -> None:
        """Close everything except the objects directly in the payload."""
        self.root = _root()


def _root() -> Fold:
    root = Fold()
    root.beneath = _AT_FIRST
    return root


def _forget(fold: Fold) -> None:
    """Reset all state below a path, except unfolded strings."""
    for step, member in list(fold.members.items()):
        _forget(member)
        if member.decoded or member.members:
            member.open = member.children = member.beneath = None
        else:
            del fold.members[step]
