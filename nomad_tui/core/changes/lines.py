"""What changed in a text of several lines."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final, NamedTuple

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
