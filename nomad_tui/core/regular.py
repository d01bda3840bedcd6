"""Regular expressions: RE2 if it is installed, otherwise `regex` with a time limit for each search.

RE2 takes time in proportion to the text, whatever the pattern. `regex` backtracks: without a limit, one pattern could
block the program. To give a filter the same meaning with both, notation that RE2 lacks is refused with `regex` too, and
`\\w`, `\\d`, `\\s` and `\\b` match ASCII only. Two differences remain:

- A search that exceeds its time limit counts as a match: it hides nothing, and a text searched for secrets is
  masked completely.
- `[[:alpha:]]` and similar classes include letters beyond ASCII, and a flag within a pattern, as in `a(?i)b`, applies
  to all of it.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any, Final, Protocol, cast

from nomad_tui.core.patterns import lazy_pattern

try:
    import re2
except ImportError:  # wheels do not exist for every platform, such as musl
    re2 = None

HAS_RE2: Final = re2 is not None
MAX_MEMORY: Final = 2 * 1024 * 1024
"""Bytes that RE2 may use for one pattern; beyond that, matching slows down instead of taking more memory."""
LARGEST_PROGRAM: Final = 2_000
"""RE2 instructions, each of which may run for each byte: at most 15 ms for a payload of 2.8 KB.

One Unicode class such as `\\pL` takes 1,200.
"""
LONGEST_PATTERN: Final = 2_000
"""Characters; the limit where the size of a program is not known."""
TIME_LIMIT: Final = 0.05
"""Seconds for one search with `regex`; a reasonable pattern takes some microseconds per event."""
MAX_TIMEOUTS: Final = 20
"""Timeouts after which a pattern is no longer searched for and always counts as a match."""


class PatternError(ValueError):
    """A rejected regular expression. `text` is the reason, `fragment` the offending part."""

    def __init__(self, text: str, fragment: str) -> None:
        super().__init__(text)
        self.text = text
        self.fragment = fragment


class Match(Protocol):
    string: Any

    def group(self, number: int = 0) -> Any: ...
    def groups(self) -> Any: ...
    def start(self, number: int = 0) -> int: ...
    def end(self, number: int = 0) -> int: ...
    def span(self, number: int = 0) -> tuple[int, int]: ...


class TooSlowError(Exception):
    """A search has exceeded its time limit."""


class Pattern:
    """A pattern of the program itself, matched against text."""

    def __init__(self, source: str) -> None:
        self._compiled: Any = re2.compile(source) if HAS_RE2 else _compiled(source)
        self._limit = {} if HAS_RE2 else {"timeout": TIME_LIMIT}

    def search(self, text: str) -> Match | None:
        """Raises `TooSlowError`."""
        try:
            return cast("Match | None", self._compiled.search(text, **self._limit))
        except TimeoutError as error:
            raise TooSlowError from error

    def sub(self, replaced: Callable[[Match], str], text: str) -> str:
        """Raises `TooSlowError`."""
        try:
            return str(self._compiled.sub(replaced, text, **self._limit))
        except TimeoutError as error:
            raise TooSlowError from error


def searcher(pattern: str, ignore_case: bool = False) -> Callable[[bytes], bool]:
    """A function that tests whether an operator's regular expression occurs in UTF-8 bytes. Raises `PatternError`."""
    if HAS_RE2:
        search = _compile_re2(pattern, ignore_case).search
        return lambda data: search(data) is not None
    find = _compile_regex(pattern, ignore_case)
    timeouts = 0

    def found(data: bytes) -> bool:
        nonlocal timeouts
        if timeouts >= MAX_TIMEOUTS:
            return True
        try:
            return find.search(data.decode("utf-8", "replace"), timeout=TIME_LIMIT) is not None
        except TimeoutError:
            timeouts += 1
            return True

    return found


class Finder:
    """Finds the matches of an operator's regular expression in multi-line text. Raises `PatternError`."""

    def __init__(self, pattern: str, ignore_case: bool) -> None:
        self.occurs: Final = searcher(pattern, ignore_case)
        """Whether the pattern occurs in UTF-8 bytes."""
        self._lines: Any = (
            _compile_re2(f"(?m){pattern}", ignore_case, is_bounded=False)
            if HAS_RE2
            else _compile_regex(pattern, ignore_case, multiline=True)
        )

    def next(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Span of the first match from `at` on. Requires RE2: `regex` would have to decode the rest each time."""
        match = self._lines.search(data, at)
        return None if match is None else match.span()

    def spans(self, text: str, data: bytes) -> Iterator[tuple[int, int]]:
        """Span of each match in `data`, the UTF-8 of `text`; with `regex`, those found within the time limit."""
        if HAS_RE2:
            yield from (match.span() for match in self._lines.finditer(data))
            return
        read, place = 0, 0
        with suppress(TimeoutError):
            for match in self._lines.finditer(text, timeout=TIME_LIMIT):
                place += _utf8_size(text[read : match.start()])
                start, place, read = place, place + _utf8_size(match.group()), match.end()
                yield start, place


def _utf8_size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def literal(needle: bytes) -> Callable[[bytes], bool]:
    """A function that tests whether ASCII text occurs in bytes, ignoring case. Fast in large ones."""
    if HAS_RE2:
        options = re2.Options()
        options.literal = True
        options.case_sensitive = False
        options.never_capture = True
        options.encoding = re2.Options.Encoding.LATIN1  # in UTF-8, `k` would also match the Kelvin sign
        search = re2.compile(needle, options).search
        re2.purge()
    else:
        search = re.compile(re.escape(needle), re.IGNORECASE).search
    return lambda data: search(data) is not None


def _compile_re2(pattern: str, ignore_case: bool, *, is_bounded: bool = True) -> Any:
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False  # RE2 would write to the dashboard's terminal
    options.never_capture = True
    options.case_sensitive = not ignore_case
    try:
        compiled = re2.compile(pattern.encode("utf-8", "surrogatepass"), options)
    except re2.error as error:
        raise _pattern_error(error) from None
    finally:
        re2.purge()  # its cache would keep a hundred patterns, one for each key typed
    if is_bounded and compiled.programsize > LARGEST_PROGRAM:
        raise PatternError("it is too large", "")
    return compiled


def _pattern_error(error: Exception) -> PatternError:
    reason = error.args[0] if error.args else b""
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    if "too large" in text:
        return PatternError("it is too large", "")
    message, _, fragment = text.partition(": ")
    return PatternError(message, fragment)


# With `regex`


def _compile_regex(pattern: str, ignore_case: bool, *, multiline: bool = False) -> Any:
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError("it is too large", "")
    import regex

    try:
        return _compiled(pattern, (regex.IGNORECASE if ignore_case else 0) | (regex.MULTILINE if multiline else 0))
    except regex.error as error:
        raise PatternError(str(error.msg), "") from None
    except (OverflowError, MemoryError, RecursionError):
        raise PatternError("it is too large", "") from None


@cache
def _compiled(pattern: str, flags: int = 0) -> Any:
    import regex

    is_multiline = bool(flags & regex.MULTILINE) or re.match(r"\(\?[a-z]*m", pattern) is not None
    return regex.compile(_translated(pattern, is_multiline), flags | regex.VERSION0)


_PART: Final = lazy_pattern(
    r"\\Q(?P<quoted>.*?)(?:\\E|\Z)|\\p(?P<class>[A-Za-z])|\\x\{(?P<code>[0-9A-Fa-f]{1,4})\}|\\(?P<escaped>.)|(?P<open>\[\^?\]?)|(?P<close>\])"
    r"|(?P<look>\(\?(?:[=!>|#]|<[=!]))|(?P<repeated>[*+?}][+])|(?P<end>\$)",
    re.DOTALL,
)
_ASCII: Final = {"w": "0-9A-Za-z_", "d": "0-9", "s": r"\t\n\f\r "}
_BOUNDARY: Final = r"(?:(?<![0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<=[0-9A-Za-z_])(?![0-9A-Za-z_]))"
_NO_BOUNDARY: Final = r"(?:(?<![0-9A-Za-z_])(?![0-9A-Za-z_])|(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_]))"
_OUTSIDE_CLASS: Final = {"z": r"\Z", "A": r"\A", "b": _BOUNDARY, "B": _NO_BOUNDARY}


def _translated(pattern: str, is_multiline: bool) -> str:
    """An RE2 pattern translated for `regex`. Raises `PatternError` for operators that require backtracking."""
    is_in_class = False

    def replacement(part: re.Match[str]) -> str:
        nonlocal is_in_class
        match part.lastgroup:
            case "quoted":
                return re.escape(part["quoted"])
            case "class":
                return rf"\p{{{part['class']}}}"
            case "code":
                return re.escape(chr(int(part["code"], 16)))
            case "escaped":
                return _escape(part["escaped"], is_in_class)
            case "open" if not is_in_class:
                is_in_class = True
            case "open":
                return part[0] if part[0] == "[" else rf"\{part[0]}"
            case "close":
                is_in_class = False
            case "look" | "repeated" if not is_in_class:
                raise PatternError("invalid perl operator" if part[0][0] == "(" else "bad repetition operator", part[0])
            case "end" if not is_in_class and not is_multiline:
                return r"\Z"
        return part[0]

    return _PART.sub(replacement, pattern)


def _escape(letter: str, is_in_class: bool) -> str:
    if letter in "123456789CGKRXLmMN" or (is_in_class and letter in "WDS"):
        raise PatternError("invalid escape sequence", f"\\{letter}")
    if letter.lower() in _ASCII:
        ascii_class = _ASCII[letter.lower()]
        return ascii_class if is_in_class else f"[{'^' if letter.isupper() else ''}{ascii_class}]"
    return rf"\{letter}" if is_in_class else _OUTSIDE_CLASS.get(letter, rf"\{letter}")
