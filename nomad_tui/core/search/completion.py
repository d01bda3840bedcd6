"""Completion in a filter: fields, values, payload paths and their operators.

The meaning of filters is defined in `core.filter`. Candidates depend only on the text before the cursor and are found
in well under a millisecond; text that cannot be parsed has none.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from time import perf_counter
from typing import Final, Protocol

import msgspec

from nomad_tui.core.filter import FIELDS
from nomad_tui.core.filter.path import write_path
from nomad_tui.core.filter.writing import is_plain_value, quoted
from nomad_tui.core.history.dictionaries import GAP_SUBJECT, Subject
from nomad_tui.core.history.history import History
from nomad_tui.core.level import Level
from nomad_tui.core.objects.kind import OWN_KEY
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.search.facets import Dimension
from nomad_tui.core.search.paths import Member, Paths, split
from nomad_tui.core.search.view import View
from nomad_tui.core.text import printable

MAX_VALUES: Final = 400
"""Values proposed for one field; those of the newest events if they cannot be counted."""
MAX_EXAMINED: Final = 5_000
"""Values, including repeated ones, examined for one list."""
MAX_SUBJECTS: Final = 2_000
"""Objects examined for one list: about a millisecond of work."""
MAX_SEGMENTS: Final = 16

_DIMENSIONS: Final = {str(dimension): dimension for dimension in Dimension}
_SHORT_ID: Final = 8
"""Characters of an ID in the form that Nomad shortens it to."""


class Seen:
    """Values and paths seen so far. Counted values are kept, so that a filter in force does not hide its
    alternatives."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.paths = Paths()
        self._examined: dict[str, int] = {}
        """By topic: the newest event whose payload was examined."""
        self._known: dict[Dimension, dict[str, None]] = {}

    def read_facts(self, seconds: float) -> None:
        """Derive status and node of the newest events for about `seconds`, in case they are not being counted."""
        deadline = perf_counter() + seconds
        for segment in reversed(self._view.history.segments()[-2:]):
            for _ in self._view.derived.facts(segment, len(segment)):
                if perf_counter() > deadline:
                    return

    def look(self) -> None:
        """Learn paths from the newest payload of every topic. Call this occasionally: it may take some milliseconds."""
        history = self._view.history
        wanted = set(history.topic_counts)
        for segment in reversed(history.segments()[-MAX_SEGMENTS:]):
            for number in dict.fromkeys(reversed(segment.subject)):
                subject = None if number == GAP_SUBJECT else history.subject(number)
                if subject is None or subject.topic not in wanted:
                    continue
                wanted.discard(subject.topic)
                if subject.last >= history.first and self._examined.get(subject.topic) != subject.last:
                    self._examined[subject.topic] = subject.last
                    self.paths.learn(history.payload(subject.last))
            if not wanted:
                return

    def values(self, field: str) -> Iterable[tuple[str, int | None]]:
        dimension = _DIMENSIONS.get(field)
        if dimension is not None:
            return self._counts(dimension)
        history = self._view.history
        topic = next((each.name for each in KINDS.values() if each.mentions.get(field) is OWN_KEY), None)
        if topic is not None:
            keys = (subject.key[:_SHORT_ID] for subject in newest_subjects(history) if subject.topic == topic)
            return [(key, None) for key in islice(dict.fromkeys(keys), MAX_VALUES)]
        if field == "key":
            keys = (subject.key for subject in newest_subjects(history))
            return [(key, None) for key in islice(dict.fromkeys(keys), MAX_VALUES)]
        return ()

    def _counts(self, dimension: Dimension) -> list[tuple[str, int | None]]:
        counts = self._view.counts(dimension)
        known = self._known.setdefault(dimension, {})
        for value in islice(chain(counts, self._values(dimension)), MAX_EXAMINED):
            if value and len(known) < MAX_VALUES:
                known.setdefault(value)
        found: list[tuple[str, int | None]] = [(value, counts.get(value)) for value in known]
        return sorted(found, key=lambda each: (-(each[1] or 0), each[0]))

    def _values(self, dimension: Dimension) -> Iterator[str]:
        """Values known without counting, which is only done while the facets are visible."""
        history = self._view.history
        match dimension:
            case Dimension.LEVEL:
                yield from (level.word for level in reversed(Level))
            case Dimension.TOPIC:
                yield from history.topic_counts
                yield from KINDS
            case Dimension.TYPE:
                yield from islice(history.type_names(), 1, None)  # the first stands for types without a name
            case Dimension.STATUS:
                yield from history.statuses
            case Dimension.NODE:
                yield from (node.value for node in history.nodes)
            case Dimension.JOB:
                yield from (subject.job for subject in newest_subjects(history))
            case Dimension.NAMESPACE:
                yield from (subject.namespace for subject in newest_subjects(history))


def newest_subjects(history: History) -> Iterator[Subject]:
    """The subjects of the newest events, each once, newest first; up to `MAX_SUBJECTS`."""
    seen: dict[int, None] = {}
    for segment in reversed(history.segments()[-MAX_SEGMENTS:]):
        for number in dict.fromkeys(reversed(segment.subject)):
            if number == GAP_SUBJECT or number in seen:
                continue
            seen[number] = None
            subject = history.subject(number)
            if subject is not None:
                yield subject
            if len(seen) >= MAX_SUBJECTS:
                return


MAX_CANDIDATES: Final = 50
LONGEST_TEXT: Final = 4_000
"""Characters before the cursor; a longer filter was not typed by hand."""

OPERATORS: Final[dict[str, str]] = {
    "==": "is",
    "!=": "is not",
    "contains": "a text, list or object that contains it",
    "not contains": "one that does not",
    "matches": "a regular expression",
    "not matches": "a regular expression that does not match",
    "is empty": "has nothing in it",
    "is not empty": "has something in it",
}
"""Operators that may follow a path. `in` is missing because it precedes the path."""
_TAKE_A_VALUE: Final = frozenset(("==", "!=", "contains", "matches"))


class Candidate(msgspec.Struct, frozen=True):
    text: str
    """Text that replaces the range."""
    label: str
    """Text in the list; safe to display."""
    note: str = ""
    """Its meaning, or how many events have it; safe to display."""
    count: int | None = None


class Completion(msgspec.Struct, frozen=True):
    start: int
    """Offset in characters; the text from there to the cursor is replaced."""
    candidates: tuple[Candidate, ...]
    """At least one; the likeliest first."""


class Vocabulary(Protocol):
    @property
    def paths(self) -> Paths: ...

    def values(self, field: str) -> Iterable[tuple[str, int | None]]:
        """Values of a field seen so far, the most frequent first, with the number of events that have each."""
        ...


class _Token(msgspec.Struct, frozen=True):
    start: int
    text: str


def complete(text: str, cursor: int, vocabulary: Vocabulary, *, asked: bool = False) -> Completion | None:
    """Completion at the cursor; None without candidates. `asked` proposes fields even if nothing is typed yet."""
    before, after = text[:cursor], text[cursor : cursor + 1]
    if cursor > LONGEST_TEXT or (after and not after.isspace() and after != ")"):
        return None
    tokens = _tokens(before)
    partial = tokens.pop() if tokens and tokens[-1].start + len(tokens[-1].text) == cursor else _Token(cursor, "")
    words = [token.text for token in tokens[-4:]]
    if expected := _after_path(words, partial, vocabulary.paths):
        return expected
    start = partial.start
    typed = partial.text
    if typed.startswith("-") and len(typed) > 1:
        start, typed = start + 1, typed[1:]
    if not typed and not asked:
        return None
    if field := _FIELD.fullmatch(typed):
        return _values(start, field, vocabulary)
    if "." in typed or "[" in typed:
        return _members(start, typed, vocabulary.paths)
    if typed and not typed.replace("_", "").isalnum():
        return None
    found = [
        Candidate(f"{field.name}:", f"{field.name}:", field.description)
        for field in FIELDS
        if field.name.startswith(typed.lower()) or any(alias.startswith(typed.lower()) for alias in field.aliases)
    ]
    if typed[:1].isupper():  # like the members of payloads; lower case is usually a word
        found += _top_members(typed, vocabulary.paths)
    return _completion(start, typed, found)


_FIELD: Final = lazy_pattern(r"([A-Za-z]+):(=|<=|>=|<|>)?(.*)", re.DOTALL)


def _tokens(text: str) -> list[_Token]:
    """Tokens separated by white space and parentheses; quotes, closed or not, keep a token together."""
    return [_Token(found.start(), found[0]) for found in _TOKEN.finditer(text)]


_TOKEN: Final = lazy_pattern(r"""(?:"(?:[^"\\]|\\.)*(?:"|\Z|\\\Z)|`[^`]*(?:`|\Z)|[^\s()"`])+""", re.DOTALL)


def _completion(start: int, typed: str, found: Sequence[Candidate]) -> Completion | None:
    candidates = tuple(each for each in found if each.text.rstrip() != typed)[:MAX_CANDIDATES]
    return Completion(start, candidates) if candidates else None


def _after_path(words: list[str], partial: _Token, paths: Paths) -> Completion | None:
    """Operators after a path, or known values after an operator."""
    typed = partial.text
    joint = re.match(r"(.*?)(==|!=)(.*)", typed, re.DOTALL)
    if joint is not None and (member := paths.find(joint[1])):
        return _literals(partial.start + joint.start(3), joint[3], member)
    if words and words[-1] in _TAKE_A_VALUE:
        path = words[-3] if len(words) > 2 and words[-2] == "not" else words[-2] if len(words) > 1 else ""
        member = paths.find(path.lstrip("-"))
        return _literals(partial.start, typed, member) if member is not None else None
    for length in (2, 1, 0):
        *rest, path = words[: len(words) - length] or [""]
        begun = " ".join(words[len(words) - length :]) if length else ""
        if not path or paths.find(path.lstrip("-")) is None or (rest and rest[-1] in _TAKE_A_VALUE):
            continue
        wanted = f"{begun} {typed}".strip()
        found = [
            Candidate(operator[len(begun) :].lstrip() + _blank(operator), operator, meaning)
            for operator, meaning in OPERATORS.items()
            if operator.startswith(wanted) and (not begun or operator.startswith(f"{begun} "))
        ]
        if found:
            return _completion(partial.start, typed, found)
    return None


def _blank(operator: str) -> str:
    return "" if operator.endswith("empty") else " "


def _literals(start: int, typed: str, member: Member) -> Completion | None:
    bare = typed.strip('"').lower()
    found = [Candidate(each, each) for each in reversed(member.examples) if bare in each.lower()]
    return _completion(start, typed, found)


def _values(start: int, field: re.Match[str], vocabulary: Vocabulary) -> Completion | None:
    name = next((each.name for each in FIELDS if field[1].lower() in (each.name, *each.aliases)), None)
    if name is None:
        return None
    value = re.search(r'(?:"(?:[^"\\]|\\.)*"?|[^,"])*\Z', field[3], re.DOTALL)
    assert value is not None
    typed = value[0]
    if typed.startswith(("/", "*")):
        return None
    bare = typed.strip('"').lower()
    begin: list[Candidate] = []
    hold: list[Candidate] = []
    for text, count in vocabulary.values(name):
        if printable(text) != text or not text:
            continue
        at = text.lower().find(bare)
        if at >= 0:
            written = text if is_plain_value(text) else quoted(text)
            (hold if at else begin).append(Candidate(written, printable(text, 60), count=count))
        if len(begin) >= MAX_CANDIDATES:
            break
    return _completion(start + field.start(3) + value.start(), typed, [*begin, *hold])


def _members(start: int, typed: str, paths: Paths) -> Completion | None:
    """The members that may follow in a path being typed."""
    cut = max(typed.rfind("."), typed.rfind("["))
    before, step = typed[:cut], typed[cut + 1 :].strip('"')
    steps = split(before)
    if steps is None:
        return None
    return _completion(start, typed, _path_candidates(paths.members(steps), steps, step))


def _top_members(typed: str, paths: Paths) -> list[Candidate]:
    return _path_candidates({**paths.objects.members, **paths.root.members}, (), typed)


def _path_candidates(members: Mapping[str, Member], steps: tuple[str, ...], typed: str) -> list[Candidate]:
    found = []
    for key, member in sorted(members.items()):
        if key.lower().startswith(typed.lower()) and key:
            path = write_path((*steps, key))
            examples = ", ".join(list(reversed(member.examples))[:2])
            found.append(Candidate(path + ("." if member.members else " "), path, printable(examples, 40)))
    return found
