"""A payload as the rows a reader sees, with what is folded away left out.

Rows are columns of equal length rather than objects: a 1 MB Job of 5,300 rows is flattened in a few
milliseconds and searching is scanning a list. Only what is open is flattened, and a value's text is made a few
characters at a time, so neither 20,000 siblings nor a string of 3 MB costs more than what is drawn of it.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Final, TypeAlias

from nomad_tui.core.payload.parsing import Members, Number, Raw, RawText, Value

Step: TypeAlias = str | int
"""A key of an object or a position in a list. The second and later members of a repeated key step by their
position in the object as it came, which no key can be confused with."""

Path: TypeAlias = tuple[Step, ...]

OPEN_AT_FIRST: Final[tuple[Path, ...]] = (("Allocation", "TaskStates"),)
"""Beside the object itself. What happened to an allocation stands in its tasks' states."""

WIDEST_KEY: Final = 28
"""Characters. A longer key does not widen its siblings' column; its own value stands further right."""

LONGEST_LABEL: Final = 60
"""Characters of a label."""

_LABELS: Final = ("Name", "Type", "Label", "Message", "DestPath", "LTarget", "NodeID", "ID")
"""Which member names an object among its siblings in a list, the best first; from the payloads of 2.0.6."""


class Kind(Enum):
    OBJECT = "object"
    LIST = "list"
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"
    RAW = "raw"
    """A piece of a payload that is not JSON."""


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
_CONTAINERS: Final = frozenset((dict, Members, list))


class _Fold:
    """What is known about one path: None where its ancestors or the default decide."""

    __slots__ = ("beneath", "members", "open")

    def __init__(self) -> None:
        self.open: bool | None = None
        self.beneath: bool | None = None
        self.members: dict[Step, _Fold] = {}


class Folding:
    """Which containers are open, by path, whichever payload is shown: a path opened in one event is open in
    the next one.

    At first the objects that stand in the payload itself are open, and what `OPEN_AT_FIRST` names.
    """

    def __init__(self, open_at_first: Iterable[Path] = OPEN_AT_FIRST) -> None:
        self._root = _Fold()
        for path in open_at_first:
            self.set_open(path, True)

    def _fold(self, path: Path) -> _Fold:
        fold = self._root
        for step in path:
            fold = fold.members.setdefault(step, _Fold())
        return fold

    def set_open(self, path: Path, is_open: bool) -> None:
        """Open or close one container; what is beneath stays as it is for when it is opened again."""
        self._fold(path).open = is_open

    def open_all(self, path: Path) -> None:
        """Open a container and all beneath it, also what a later payload brings there."""
        fold = self._fold(path)
        fold.open = fold.beneath = True
        fold.members.clear()

    def close_all(self) -> None:
        """Leave only the objects open that stand in the payload itself."""
        self._root = _Fold()


class Rows:
    """The visible rows of one payload. The columns are read-only and of equal length."""

    __slots__ = ("depths", "key_widths", "keys", "parents", "steps", "values")

    def __init__(self) -> None:
        self.keys: list[Step | None] = []
        """A member's key, an item's position, None for a row that has neither; untrusted."""
        self.steps: list[Step] = []
        self.values: list[Value] = []
        self.depths: list[int] = []
        self.parents: list[int] = []
        """Row of the container a row stands in; -1 for the payload itself."""
        self.key_widths: list[int] = []
        """Characters of the longest key among a row's siblings that is not longer than `WIDEST_KEY`."""

    def __len__(self) -> int:
        return len(self.values)

    def kind(self, row: int) -> Kind:
        return _KINDS[type(self.values[row])]

    def member_count(self, row: int) -> int | None:
        """How many members or items a container holds; None for anything else."""
        value = self.values[row]
        return len(value) if isinstance(value, (dict, list, Members)) else None

    def is_foldable(self, row: int) -> bool:
        """Whether a row is a container with something in it."""
        return bool(self.member_count(row))

    def is_open(self, row: int) -> bool:
        return row + 1 < len(self) and self.depths[row + 1] > self.depths[row]

    def path(self, row: int) -> Path:
        steps: list[Step] = []
        while row >= 0:
            steps.append(self.steps[row])
            row = self.parents[row]
        return tuple(reversed(steps))

    def parent_key(self, row: int) -> Step | None:
        """The key of the container a row stands in; None for the payload's own members."""
        parent = self.parents[row]
        return None if parent < 0 else self.keys[parent]

    def find(self, path: Path) -> int:
        """The row of `path`, else of its nearest ancestor that has one, else 0."""
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

    def text_pieces(self, row: int) -> tuple[str, ...]:
        """What is shown of a value, untrusted and uncut, as pieces that are not copied from the value.

        Every value passes here on its way to the screen, so this is where a secret is to be masked.
        """
        value = self.values[row]
        match self.kind(row):
            case Kind.STRING:
                return ('"', str(value), '"')
            case Kind.BOOLEAN:
                return ("true" if value else "false",)
            case Kind.NULL:
                return ("null",)
            case Kind.OBJECT:
                return (f"{{{self.member_count(row) or ''}}}",)
            case Kind.LIST:
                return (f"[{self.member_count(row) or ''}]",)
            case Kind.NUMBER | Kind.RAW:
                return (str(value),)

    def label(self, row: int) -> str | None:
        """What tells an object from its siblings, at most `LONGEST_LABEL` characters and untrusted: an item's
        name or type, a task's state. None where there is nothing such."""
        value = self.values[row]
        if not isinstance(value, dict):
            return None
        is_item = isinstance(self.keys[row], int)
        is_task = self.parent_key(row) == "TaskStates"
        for key in _LABELS if is_item else ("State",) if is_task else ():
            name = value.get(key)
            if type(name) is str and name:
                return name[:LONGEST_LABEL]
        return None


def _members(value: Value) -> tuple[list[Step], list[Step], list[Value]]:
    """Keys, steps and values of a container, sorted for display: the server shuffles keys every time."""
    if isinstance(value, dict):
        keys = sorted(value)
        return [*keys], [*keys], list(map(value.__getitem__, keys))
    if isinstance(value, list):
        positions: list[Step] = list(range(len(value)))
        return positions, positions, value
    if isinstance(value, Members):
        order = sorted(range(len(value)), key=lambda position: value[position][0])
        seen: set[str] = set()
        steps: list[Step] = []
        for position in order:
            key = value[position][0]
            steps.append(position if key in seen else key)
            seen.add(key)
        return [value[position][0] for position in order], steps, [value[position][1] for position in order]
    return [], [], []


class _Group:
    """The members of one open container, and how far they have been written."""

    __slots__ = ("beneath", "depth", "fold", "key_width", "keys", "next", "parent", "steps", "values")

    def __init__(self, value: Value, depth: int, parent: int, fold: _Fold | None, beneath: bool | None):
        self.keys, self.steps, self.values = _members(value)
        self.depth = depth
        self.parent = parent
        self.fold = fold
        self.beneath = beneath
        self.next = 0
        if isinstance(value, list):
            self.key_width = len(str(len(value) - 1))
        else:
            widths = map(len, self.keys)  # type: ignore[arg-type]
            self.key_width = max((width for width in widths if width <= WIDEST_KEY), default=0)

    def open_member(self) -> tuple[_Fold | None, bool | None] | None:
        """Move `next` past the next open container, or to the end; what is known beneath the container."""
        values, known = self.values, self.fold.members if self.fold is not None else {}
        for position in range(self.next, len(values)):
            value = values[position]
            if type(value) not in _CONTAINERS or not value:
                continue
            fold = known.get(self.steps[position]) if known else None
            is_open = self.depth == 0 if self.beneath is None else self.beneath
            beneath = self.beneath
            if fold is not None:
                is_open = is_open if fold.open is None else fold.open
                beneath = beneath if fold.beneath is None else fold.beneath
            if is_open:
                self.next = position + 1
                return fold, beneath
        self.next = len(values)
        return None


def flatten(value: Value, folding: Folding) -> Rows:
    """The rows of a payload, open containers with their members after them.

    The payload's own members are the outermost rows. A payload that is no object and no list is one row
    without a key; one that is not JSON is one such row for each piece of its text.
    """
    rows = Rows()
    if type(value) not in _CONTAINERS:
        pieces = list(value) if isinstance(value, RawText) else [value]
        rows.values.extend(pieces)
        rows.keys.extend([None] * len(pieces))
        rows.steps.extend(range(len(pieces)))
        rows.depths.extend([0] * len(pieces))
        rows.parents.extend([-1] * len(pieces))
        rows.key_widths.extend([0] * len(pieces))
        return rows
    root = folding._root
    stack = [_Group(value, 0, -1, root, root.beneath)]
    while stack:
        group = stack[-1]
        start = group.next
        opened = group.open_member()
        end = group.next
        rows.keys.extend(group.keys[start:end])
        rows.steps.extend(group.steps[start:end])
        rows.values.extend(group.values[start:end])
        rows.depths.extend([group.depth] * (end - start))
        rows.parents.extend([group.parent] * (end - start))
        rows.key_widths.extend([group.key_width] * (end - start))
        if opened is None:
            stack.pop()
        else:
            stack.append(_Group(group.values[end - 1], group.depth + 1, len(rows) - 1, *opened))
    return rows
