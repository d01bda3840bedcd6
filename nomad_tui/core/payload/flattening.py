"""From a payload's value to its rows.

Only what is open is flattened, and a value's text is not looked at, so neither 20,000 siblings nor a string of 3 MB
costs more than what is drawn of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Final

from nomad_tui.core import secrets
from nomad_tui.core.payload.order import PAYLOAD, in_order, kind_beneath
from nomad_tui.core.payload.parsing import Decoded, Members, RawText, Value, decode
from nomad_tui.core.payload.rows import CONTAINERS, WIDEST_KEY, Path, Rows, Step

OPEN_AT_FIRST: Final[tuple[Path, ...]] = (("Allocation", "TaskStates"),)
"""Beside the object itself. What happened to an allocation is in its tasks' states."""

_AT_FIRST: Final = 1
"""Levels that are open: the objects directly in the payload."""
_ALL: Final = 1_000_000
"""Levels; more than any payload has."""


class Fold:
    """What is known about one path: None where its ancestors or the default decide."""

    __slots__ = ("beneath", "children", "decoded", "members", "open")

    def __init__(self) -> None:
        self.open: bool | None = None
        self.children: bool | None = None
        """Of the containers directly in it."""
        self.beneath: int | None = None
        """Depth from which containers beneath are closed."""
        self.decoded = False
        """Of a string: whether what it says is unfolded beneath it."""
        self.members: dict[Step, Fold] = {}


class Folding:
    """Which containers are open: a path opened in one payload is open in the next one.

    At first the objects directly in the payload are open, and what `OPEN_AT_FIRST` names.
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
        """Every fold with the depth of what is directly in it."""
        stack = [(0, self.root)]
        while stack:
            depth, fold = stack.pop()
            yield depth, fold
            stack.extend((depth + 1, member) for member in fold.members.values())

    def set_open(self, path: Path, is_open: bool) -> None:
        """Open or close one container; what is beneath stays as it is for when it is opened again."""
        self._fold(path).open = is_open

    def open_to(self, path: Path) -> list[tuple[Path, bool | None]]:
        """Open what a path is in; gives what was known of each before, for `restore`."""
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
        """Unfold what a string says, or fold it again."""
        self._fold(path).decoded = is_decoded

    def set_children_open(self, path: Path, is_open: bool) -> None:
        """Open or close all containers directly in one, also those a later payload brings there."""
        fold = self._fold(path)
        fold.children = is_open
        for member in fold.members.values():
            member.open = None

    def open_all(self, path: Path) -> None:
        """Open a container and all beneath it, also what a later payload brings there."""
        fold = self._fold(path)
        fold.open = True
        fold.children = None
        fold.beneath = _ALL
        _forget(fold)

    def open_levels(self, levels: int) -> None:
        """Open at least so many levels of containers everywhere."""
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
        """Leave at most so many levels of containers open anywhere."""
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
        """Leave only the objects open that are directly in the payload."""
        self.root = _root()


def _root() -> Fold:
    root = Fold()
    root.beneath = _AT_FIRST
    return root


def _forget(fold: Fold) -> None:
    """Forget what is known beneath a path but for the strings that are unfolded."""
    for step, member in list(fold.members.items()):
        _forget(member)
        if member.decoded or member.members:
            member.open = member.children = member.beneath = None
        else:
            del fold.members[step]


# A module, not its names: `secrets` itself imports `parsing`, and so may be only half imported when this is.


class KeyOrder(Enum):
    SORTED = "sorted"
    DOCUMENTED = "documented"
    """As Nomad's documentation lists them."""


def _members(value: Value, kind: str | None, is_sorted: bool) -> tuple[Sequence[Step], Sequence[Step], Sequence[Value]]:
    """Keys, steps and values of a container, in an order of our own: the server shuffles keys every time."""
    if isinstance(value, dict):
        keys = sorted(value) if is_sorted else in_order(kind, list(value))
        return keys, keys, list(map(value.__getitem__, keys))
    if isinstance(value, list):
        positions = range(len(value))
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

    __slots__ = (
        "beneath",
        "depth",
        "fold",
        "is_open",
        "key_width",
        "keys",
        "kind",
        "next",
        "parent",
        "secret",
        "steps",
        "values",
    )

    def __init__(
        self,
        value: Value,
        depth: int,
        parent: int,
        fold: Fold | None,
        beneath: int,
        *,
        is_secret: bool = False,
        kind: str | None = None,
        order: KeyOrder = KeyOrder.SORTED,
    ):
        self.keys, self.steps, self.values = _members(value, kind, order is KeyOrder.SORTED)
        self.depth = depth
        self.parent = parent
        self.fold = fold
        self.beneath = beneath
        self.is_open = depth < beneath if fold is None or fold.children is None else fold.children
        self.kind = kind
        self.next = 0
        if isinstance(value, list):
            self.key_width = len(str(len(value) - 1))
            self.secret = [is_secret] * len(value)
            for position in () if is_secret else secrets.secret_items(value):
                self.secret[position] = True
            return
        widths = map(len, self.keys)  # type: ignore[arg-type]
        self.key_width = max((width for width in widths if width <= WIDEST_KEY), default=0)
        if is_secret:
            self.secret = [True] * len(self.keys)
            return
        self.secret = list(map(secrets.names_secret, self.keys))  # type: ignore[arg-type]
        beside = secrets.secret_beside(value) if isinstance(value, dict) else None
        if beside is not None:
            self.secret[self.keys.index(beside)] = True

    def open_member(self, everything: bool) -> tuple[Fold | None, int, Decoded | None] | None:
        """Move `next` past the next open container, or to the end; what is known beneath the container."""
        values, known = self.values, self.fold.members if self.fold is not None else {}
        if self.is_open or known or everything:
            for position in range(self.next, len(values)):
                value = values[position]
                is_container = type(value) in CONTAINERS
                if not value or not (is_container or (known and type(value) is str)):
                    continue
                fold = known.get(self.steps[position]) if known else None
                if is_container:
                    is_open = everything or (self.is_open if fold is None or fold.open is None else fold.open)
                    decoded = None
                else:
                    decoded = decode(str(value), self.keys[position]) if fold is not None and fold.decoded else None
                    is_open = decoded is not None
                if is_open:
                    self.next = position + 1
                    return fold, self.beneath if fold is None or fold.beneath is None else fold.beneath, decoded
        self.next = len(values)
        return None


def flatten(
    value: Value,
    folding: Folding,
    *,
    order: KeyOrder = KeyOrder.SORTED,
    masking: "secrets.Masking | None" = None,
    everything: bool = False,
) -> Rows:
    """The rows of a payload, open containers with their members after them; `everything` has all of them open.

    The payload's own members are the outermost rows. A payload that is no object and no list is one row
    without a key; one that is not JSON is one such row for each piece of its text. A string that is a secret is not
    decoded, because the keys in it are not shown either, unless `masking` shows it.
    """
    rows = Rows()
    if type(value) not in CONTAINERS:
        pieces = list(value) if isinstance(value, RawText) else [value]
        rows.values.extend(pieces)
        rows.keys.extend([None] * len(pieces))
        rows.steps.extend(range(len(pieces)))
        rows.depths.extend([0] * len(pieces))
        rows.parents.extend([-1] * len(pieces))
        rows.key_widths.extend([0] * len(pieces))
        rows.secret.extend([False] * len(pieces))
        return rows
    root = folding.root
    stack = [_Group(value, 0, -1, root, root.beneath or 0, kind=PAYLOAD, order=order)]
    while stack:
        group = stack[-1]
        start = group.next
        opened = group.open_member(everything)
        end = group.next
        rows.keys.extend(group.keys[start:end])
        rows.steps.extend(group.steps[start:end])
        rows.values.extend(group.values[start:end])
        rows.depths.extend([group.depth] * (end - start))
        rows.parents.extend([group.parent] * (end - start))
        rows.key_widths.extend([group.key_width] * (end - start))
        rows.secret.extend(group.secret[start:end])
        if opened is None:
            stack.pop()
            continue
        row = len(rows) - 1
        fold, beneath, decoded = opened
        if decoded is None:
            inner = group.values[end - 1]
            key = group.keys[end - 1]
            kind = None if group.kind is None else group.kind if isinstance(key, int) else kind_beneath(group.kind, key)
        else:
            if rows.secret[row] and (masking is None or not masking.shows(rows.path(row))):
                continue
            inner, kind = decoded.value, None
            rows.decoded[row] = decoded
        stack.append(
            _Group(inner, group.depth + 1, row, fold, beneath, is_secret=rows.secret[row], kind=kind, order=order)
        )
    return rows
