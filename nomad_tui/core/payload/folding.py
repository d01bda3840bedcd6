"""Which containers are open, by path, whichever payload is shown."""

from collections.abc import Iterable, Iterator
from typing import Final

from nomad_tui.core.payload.rows import Path, Step

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
