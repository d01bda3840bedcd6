"""Paths into a payload: their notation, and reading the values at several paths at once.

Only the members on the paths are decoded; a payload with another structure (a list instead of an object, broken UTF-8)
is decoded completely. Reading never raises, whatever the bytes.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any, Final

import msgspec
from msgspec import UNSET

from nomad_tui.core.filter.writing import KEYWORDS, quoted, unquoted
from nomad_tui.core.objects.reading import READ_ERRORS, anything
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.patterns import lazy_pattern

Path = tuple[str, ...]
"""Keys of objects and, as decimal digits, indexes in lists."""

MAX_STEPS: Final = 64
MAX_TOPICS: Final = 64
"""Readers kept: more than there are topics, fewer than a hostile server may invent."""

IDENTIFIER: Final = lazy_pattern(r"[a-zA-Z][a-zA-Z0-9_/]*")
_STEP: Final = lazy_pattern(
    r"""(?P<first>\A[a-zA-Z][a-zA-Z0-9_/]*)
      | \.(?P<name>[a-zA-Z][a-zA-Z0-9_/]*|[0-9]+)
      | \[\s*(?P<key>"(?:[^"\\]|\\[\s\S])*"|`[^`]*`)\s*\]""",
    re.VERBOSE,
)
_INVALID_IN_FIELD_NAME: Final = lazy_pattern(r'[\x00-\x1f"\\\ud800-\udfff]')
"""Characters that msgspec rejects in the name of a struct's field."""
_POINTER: Final = lazy_pattern(r"(?:/[\w\-.~:|]+)+")


def read_path(written: str, position: int) -> Path | None:
    """Steps of `Node.Attributes["os.name"]` or `Tasks.0.Name`; None if the text is not a path.

    `position` is its offset in the filter. Raises `FilterError` for a quoted key with an invalid escape.
    """
    steps: list[str] = []
    at = 0
    while at < len(written):
        found = _STEP.match(written, at)
        if found is None or (at == 0 and found["first"] is None):
            return None
        key = found["key"]
        steps.append(unquoted(key, position + found.start("key")) if key else found["first"] or found["name"])
        at = found.end()
    return tuple(steps) or None


def read_pointer(written: str) -> Path | None:
    """Steps of a JSON pointer such as `/Node/Attributes/os.name`; None if the text is not a pointer."""
    if not _POINTER.fullmatch(written):
        return None
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in written[1:].split("/"))


def write_path(path: Path) -> str:
    """The notation that `read_path` reads, or a quoted JSON pointer if the first step is not an identifier."""
    first, *rest = path
    if not IDENTIFIER.fullmatch(first) or (not rest and first in KEYWORDS):
        return f'"{"".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)}"'
    return first + "".join(
        f".{step}" if IDENTIFIER.fullmatch(step) or is_place(step) else f"[{quoted(step)}]" for step in rest
    )


def is_place(step: str) -> bool:
    """Whether a step may be an index in a list."""
    return len(step) <= 9 and step.isascii() and step.isdigit()


def follow(value: Any, path: Sequence[str]) -> Any:
    """The member of a decoded value at a path; `UNSET` if it does not exist."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step, UNSET)
        elif isinstance(value, list) and is_place(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return UNSET
    return value


Trie = dict[str, Any]
"""The paths to read, as nested dicts; the key `_END` marks the end of a path, where everything is decoded.

A path with an empty step ends before that step.
"""
_END: Final = ""


class Reader:
    """Reads the values at several paths in payloads of one topic.

    A path is looked up in the payload first, then in the payload's object.
    """

    def __init__(self, paths: Iterable[Path], topic: str) -> None:
        starts: dict[Path, None] = {(): None, **{(key,): None for key in kind(topic).payload_keys}}
        self._attributes: dict[str, str] = {}
        self._numbers = count()
        trie: Trie = {}
        self._places: list[tuple[tuple[tuple[str, str], ...], ...]] = []
        for path in paths:
            full = [start + path for start in starts]
            for each in full:
                _add(trie, each)
            self._places.append(tuple(tuple((step, self._attribute(step)) for step in each) for each in full))
        self._decode = msgspec.json.Decoder(self._shape(trie)).decode

    def read(self, payload: bytes) -> list[Any]:
        """Values in the order of the paths; `UNSET` where a payload has none."""
        try:
            root = self._decode(payload)
        except READ_ERRORS:
            root = anything(payload)
        return [_first(root, places) for places in self._places]

    def _attribute(self, step: str) -> str:
        name = self._attributes.get(step)
        if name is None:
            name = self._attributes[step] = f"step_{next(self._numbers)}"
        return name

    def _shape(self, trie: Trie) -> Any:
        """A type that decodes the members in a trie and skips the rest."""
        if not trie or _END in trie:
            return Any
        if all(is_place(step) for step in trie):
            inner: Trie = {}
            for below in trie.values():
                _merge(inner, below)
            return list[self._shape(inner)] | None  # type: ignore[misc]
        if any(is_place(step) or _INVALID_IN_FIELD_NAME.search(step) for step in trie):
            return Any
        members = [(self._attribute(step), self._shape(below), UNSET) for step, below in trie.items()]
        renamed = {self._attribute(step): step for step in trie}
        return msgspec.defstruct("Part", members, rename=renamed, gc=False) | None


def _add(trie: Trie, path: Path) -> None:
    for step in path:
        if not step:
            break
        trie = trie.setdefault(step, {})
    trie[_END] = {}


def _merge(into: Trie, other: Trie) -> None:
    for step, below in other.items():
        _merge(into.setdefault(step, {}), below)


def _first(root: Any, places: tuple[tuple[tuple[str, str], ...], ...]) -> Any:
    for place in places:
        value = root
        for step, attribute in place:
            kind = type(value)
            if kind is dict:
                value = value.get(step, UNSET)
            elif kind is list:
                value = value[int(step)] if is_place(step) and int(step) < len(value) else UNSET
            else:
                value = getattr(value, attribute, UNSET)
            if value is UNSET:
                break
        else:
            return value
    return UNSET


def reader_of_topics(paths: Sequence[Path]) -> Callable[[bytes, str], list[Any]]:
    """A function of a payload and its topic that returns the values at `paths`, in order; `UNSET` for missing ones."""
    readers: dict[str, Reader] = {}

    def read(payload: bytes, topic: str) -> list[Any]:
        reader = readers.get(topic)
        if reader is None:
            if len(readers) >= MAX_TOPICS:
                readers.clear()
            reader = readers[topic] = Reader(paths, topic)
        return reader.read(payload)

    return read
