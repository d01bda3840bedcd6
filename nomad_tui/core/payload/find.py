"""Search in a payload or a text: plain text in smart case, or a regular expression in slashes.

Regular expressions are those of filters (`core.regular`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import Final

from nomad_tui.core.filter.text import has_capital
from nomad_tui.core.payload.rows import Kind, Path, Rows
from nomad_tui.core.payload.showing import Showing
from nomad_tui.core.regular import HAS_RE2, Finder, PatternError

__all__ = ["MAX_SPANS", "Haystack", "PatternError", "PayloadFind", "Wanted", "of_rows", "read_wanted"]

MAX_SPANS: Final = 50_000
"""Maximum matches in one text; a single letter in a text of 1 MB has more."""

_SEPARATOR: Final = "\n"
"""Separates two pieces of a haystack, so that `^` and `$` match at their ends."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search pattern. Raises `PatternError` for a rejected regular expression."""

    source: str
    """The text, or the regular expression without its slashes."""
    is_regular: bool = False
    ignore_case: bool = False
    finder: Finder | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.is_regular:
            object.__setattr__(self, "finder", Finder(self.source, self.ignore_case))

    def spans(self, text: str, most: int = MAX_SPANS) -> list[tuple[int, int]]:
        """Start and end of each match in a text, as of a slice; empty matches are left out."""
        if not self.source:
            return []
        found: list[tuple[int, int]] = []
        if self.finder is not None:
            data = text.encode("utf-8", "surrogatepass")
            places = _Offsets(data, len(data) == len(text))
            for start, end in islice(self.finder.spans(text, data), most):
                if end > start:
                    found.append((places.at(start), places.at(end)))
            return found
        needle = self.source
        if self.ignore_case:
            lower = text.lower()
            if len(lower) != len(text):
                # Some characters have a lower case of two characters, which would shift all later offsets.
                lower = "".join(
                    one if len(one) == 1 else letter for letter, one in zip(text, map(str.lower, text), strict=True)
                )
            text, needle = lower, needle.lower()
        at = text.find(needle)
        while at >= 0 and len(found) < most:
            found.append((at, at + len(needle)))
            at = text.find(needle, at + len(needle))
        return found


class _Offsets:
    """Converts UTF-8 offsets to character offsets, in ascending order."""

    def __init__(self, data: bytes, is_ascii: bool) -> None:
        self._data = data
        self._is_ascii = is_ascii
        self._bytes = self._characters = 0

    def at(self, place: int) -> int:
        if self._is_ascii:
            return place
        self._characters += len(self._data[self._bytes : place].decode("utf-8", "surrogatepass"))
        self._bytes = place
        return self._characters


def read_wanted(written: str) -> Wanted:
    """Parse typed input: `/regular expression/`, optionally followed by `i`, or text. Raises `PatternError`.

    Text is matched in smart case: exactly only if it has a capital letter.
    """
    body = written.removesuffix("i") if written.endswith("/i") else written
    if len(body) > 2 and body.startswith("/") and body.endswith("/"):
        return Wanted(body[1:-1], True, body is not written)
    return Wanted(written, False, not has_capital(written))


class Haystack:
    """Pieces of text, each belonging to a row, searched together."""

    def __init__(self, pieces: Iterable[tuple[int, str]]) -> None:
        """Rows are ascending; a row may have several pieces."""
        self._rows: list[int] = []
        texts: list[str] = []
        for row, text in pieces:
            self._rows.append(row)
            texts.append(text)
        self._text, self._starts = _joined(texts)
        self._texts = texts
        self._lower: tuple[str, list[int]] | None = None
        self._bytes: tuple[bytes, list[int]] | None = None

    def rows(self, wanted: Wanted) -> list[int]:
        """The rows with a match, ascending."""
        if not wanted.source:
            return []
        found: dict[int, None] = {}
        for piece in self._in_text(wanted) if wanted.finder is None else self._in_bytes(wanted.finder):
            found[self._rows[piece]] = None
        return list(found)

    def _in_text(self, wanted: Wanted) -> Iterator[int]:
        text, starts, needle = self._text, self._starts, wanted.source
        if wanted.ignore_case:
            if self._lower is None:
                lower = self._text.lower()
                same = len(lower) == len(self._text)
                self._lower = (lower, self._starts) if same else _joined([piece.lower() for piece in self._texts])
            (text, starts), needle = self._lower, needle.lower()
        at = text.find(needle)
        while at >= 0:
            piece = bisect_right(starts, at) - 1
            yield piece
            if piece + 1 >= len(starts):
                return
            at = text.find(needle, starts[piece + 1])

    def _in_bytes(self, finder: Finder) -> Iterator[int]:
        if not HAS_RE2:
            for piece, text in enumerate(self._texts):
                if finder.occurs(text.encode("utf-8", "surrogatepass")):
                    yield piece
            return
        if self._bytes is None:
            data = self._text.encode("utf-8", "surrogatepass")
            starts = self._starts
            if len(data) != len(self._text):
                sizes = (len(text.encode("utf-8", "surrogatepass")) + 1 for text in self._texts)
                starts = [0, *accumulate(sizes)][:-1]
            self._bytes = data, starts
        data, starts = self._bytes
        at = 0
        while (found := finder.next(data, at)) is not None:
            start, end = found
            piece = bisect_right(starts, start) - 1
            limit = starts[piece + 1] if piece + 1 < len(starts) else len(data) + 1
            # A match that extends into the next piece counts only if this piece alone has one too.
            if end < limit or finder.next(self._texts[piece].encode("utf-8", "surrogatepass"), 0) is not None:
                yield piece
            at = limit
            if at >= len(data):
                return


def _joined(texts: list[str]) -> tuple[str, list[int]]:
    return _SEPARATOR.join(texts), [0, *accumulate(len(text) + 1 for text in texts)][: len(texts)]


def of_rows(showing: Showing) -> Haystack:
    """The keys and values of rows as displayed, without masked ones."""

    def pieces(rows: Rows) -> Iterator[tuple[int, str]]:
        texts = (Kind.STRING, Kind.RAW)
        for row in range(len(rows)):
            key = rows.keys[row]
            if isinstance(key, str):
                yield row, key
            kind = rows.kind(row)
            if kind in (Kind.OBJECT, Kind.LIST) or showing.hides(row):
                continue
            yield row, showing.text(row) if kind in texts else showing.pieces(row)[0]

    return Haystack(pieces(showing.rows))


class PayloadFind:
    """A search in all rows of a payload, including folded ones."""

    def __init__(self, rows: Rows, showing: Showing) -> None:
        self._rows = rows
        self._showing = showing
        self._haystack: Haystack | None = None
        self._found: list[int] = []

    @property
    def count(self) -> int:
        """Number of matching rows."""
        return len(self._found)

    def look_for(self, wanted: Wanted) -> None:
        if self._haystack is None:
            self._haystack = of_rows(self._showing)
        self._found = self._haystack.rows(wanted)

    def number(self, path: Path) -> int:
        """The number of the match at `path`, from 1; 0 if there is none."""
        row = self._row(path)
        place = bisect_left(self._found, row)
        return place + 1 if place < len(self._found) and self._found[place] == row else 0

    def from_here(self, path: Path) -> Path:
        """The first match at or after a path, wrapping around. Requires at least one match."""
        place = bisect_left(self._found, self._row(path))
        return self._rows.path(self._found[place % len(self._found)])

    def next(self, path: Path, step: int) -> Path:
        """The next match after a path, or before it with a `step` of -1, wrapping around. Requires at least one
        match."""
        return self._rows.path(_next(self._found, self._row(path), step))

    def next_of(self, paths: Iterable[Path], path: Path, step: int) -> Path | None:
        """The next of some paths in the payload's order; None if the payload has none of them."""
        wanted = frozenset(paths)
        rows = self._rows
        known: list[Path] = []
        marked: list[int] = []
        for row, (parent, last) in enumerate(zip(rows.parents, rows.steps, strict=True)):
            own = (*known[parent], last) if parent >= 0 else (last,)
            known.append(own)
            if own in wanted:
                marked.append(row)
        return known[_next(marked, self._row(path), step)] if marked else None

    def _row(self, path: Path) -> int:
        return self._rows.find(path)


def _next(rows: list[int], row: int, step: int) -> int:
    place = bisect_right(rows, row) if step > 0 else bisect_left(rows, row) - 1
    return rows[place % len(rows)]
