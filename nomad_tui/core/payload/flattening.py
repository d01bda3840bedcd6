"""Flattens a payload's value to rows.

Only open containers are flattened and texts are not examined, so that 20,000 siblings or a string of 3 MB cost no more
than the part that is drawn.
"""

from collections.abc import Sequence
from enum import Enum

# The module rather than its names: `secrets` imports `parsing`, so it may be partly initialized here.
from nomad_tui.core import secrets
from nomad_tui.core.payload.order import PAYLOAD, in_order, kind_beneath
from nomad_tui.core.payload.parsing import Decoded, Members, RawText, Value, decode
from nomad_tui.core.payload.rows import CONTAINERS, WIDEST_KEY, Fold, Folding, Rows, Step


class KeyOrder(Enum):
    SORTED = "sorted"
    DOCUMENTED = "documented"
    """In the order of Nomad's documentation."""


def _members(value: Value, kind: str | None, is_sorted: bool) -> tuple[Sequence[Step], Sequence[Step], Sequence[Value]]:
    """Keys, steps and values of a container, in a fixed order: the server shuffles keys every time."""
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
    """The members of one open container, and how many of them have been added."""

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
        """Advance `next` past the next open container, or to the end. Returns the fold, depth and decoded value of that
        container."""
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
    """The rows of a payload, with the members of open containers after them; `everything` opens all containers.

    The payload's own members are the outermost rows. A payload that is neither an object nor a list is one row without
    a key; one that is not JSON is one such row per piece of its text. A secret string is not decoded unless `masking`
    shows it, because the keys in it are secret too.
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
