"""The paths in payloads, in the syntax of filters: `Allocation.ClientStatus`, `Node.Attributes["os.name"]`."""

from collections.abc import Mapping
from typing import Final

import orjson

from nomad_tui.core.filter.path import IDENTIFIER, MAX_STEPS, read_path, read_pointer, write_path
from nomad_tui.core.filter.writing import FilterError, quoted
from nomad_tui.core.payload.parsing import Members, Raw, RawText, Value
from nomad_tui.core.payload.rows import Path
from nomad_tui.core.secrets import names_secret
from nomad_tui.core.text import printable

MAX_MEMBERS: Final = 400
"""Keys remembered of one object; a map by ID, such as an allocation's deployment states, has any number."""
MAX_DEPTH: Final = 8
MAX_PATHS: Final = 20_000
LARGEST_PAYLOAD: Final = 1024 * 1024
"""Bytes. Larger ones are skipped: they would block keys for more than 5 ms."""
MAX_EXAMPLES: Final = 12
LONGEST_EXAMPLE: Final = 60
LONGEST_VALUE: Final = 500
"""Characters of text that is compared as a unit."""

_OWN_WORDS: Final = frozenset(("meta", "payload"))
"""Keys, ignoring case, whose values operators define freely for their programs."""


def may_be_secret(key: str) -> bool:
    """Whether the values of a payload's key are never suggested, because they may hold secrets."""
    return names_secret(key) or key.lower() in _OWN_WORDS


class Member:
    """The members, or the values seen, at one path."""

    __slots__ = ("examples", "members")

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.examples: dict[str, None] = {}
        """Values seen, in the syntax of filters, in order of arrival; without possible secrets."""


class Paths:
    """The paths in the payloads learned."""

    def __init__(self) -> None:
        self.root = Member()
        """Paths from the payload."""
        self.objects = Member()
        """Paths from the payload's object, for any topic."""
        self._count = 0

    def learn(self, payload: bytes) -> None:
        """Add the paths of one payload. Never raises."""
        if len(payload) > LARGEST_PAYLOAD:
            return
        try:
            value = orjson.loads(payload)
        except (ValueError, RecursionError):
            return
        self._learn(self.root, value, 0)
        if isinstance(value, dict):
            for inner in value.values():
                self._learn(self.objects, inner, 1)

    def _learn(self, at: Member, value: object, depth: int, is_secret: bool = False) -> None:
        if isinstance(value, dict):
            if depth >= MAX_DEPTH:
                return
            for key, inner in value.items():
                member = at.members.get(key)
                if member is None:
                    if len(at.members) >= MAX_MEMBERS or self._count >= MAX_PATHS or printable(key) != key:
                        continue
                    self._count += 1
                    member = at.members[key] = Member()
                is_object = depth == 0 and isinstance(inner, dict)  # its key is the topic, such as ACLToken
                self._learn(member, inner, depth + 1, is_secret or (may_be_secret(key) and not is_object))
        elif not is_secret and (example := _example(value)) is not None:
            at.examples.pop(example, None)
            at.examples[example] = None
            if len(at.examples) > MAX_EXAMPLES:
                del at.examples[next(iter(at.examples))]

    def find(self, text: str) -> Member | None:
        """The member at a path in the syntax of filters; None if no payload has it."""
        steps = split(text)
        return None if steps is None else self._at(steps)

    def members(self, steps: tuple[str, ...]) -> Mapping[str, Member]:
        """The members of an object, by key; `steps` start at the payload or at its object."""
        found = self._at(steps)
        return {} if found is None else found.members

    def _at(self, steps: tuple[str, ...]) -> Member | None:
        for root in (self.root, self.objects):
            at: Member | None = root
            for step in steps:
                at = at.members.get(step) if at is not None else None
            if at is not None and at is not root:
                return at
        return None


def _example(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str) and 0 < len(value) <= LONGEST_EXAMPLE and printable(value) == value:
        return quoted(value)
    return None


def condition(path: Path, value: Value) -> str | None:
    """An expression for payloads with this value at a path, or, for a container, for empty or non-empty ones.

    None if the language cannot express it.
    """
    if not path or not isinstance(path[0], str) or isinstance(value, Raw | RawText) or len(path) > MAX_STEPS:
        return None
    steps = tuple(map(str, path))
    written = write_path(steps)
    if not IDENTIFIER.fullmatch(steps[0]) and read_pointer(written[1:-1]) != steps:
        return None
    if isinstance(value, dict | list | Members):
        return f"{written} is not empty" if value else f"{written} is empty"
    if value is None:
        return f"{written} is nil"
    if isinstance(value, bool):
        return f'{written} == "{"true" if value else "false"}"'
    text = str(value)
    return f"{written} == {quoted(text)}" if len(text) <= LONGEST_VALUE else None


def split(text: str) -> tuple[str, ...] | None:
    """The steps of a path in the syntax of filters; None if it is incomplete."""
    try:
        return read_path(text, 0) if text else None
    except FilterError:
        return None
