"""Explains syntax errors: why parsing failed at a position, and what would be accepted there."""

import re
from typing import Final

from lark import Token

from nomad_tui.core.filter.building import AFTER_PATH, field_of, place
from nomad_tui.core.filter.writing import FilterError, shown

OPENING: Final = {"LPAR": ")", "LBRACE": "}"}
CLOSING: Final = ("RPAR", "RBRACE")
_OPERANDS: Final = ("WORD", "STRING", "RAW")
_BEFORE_OPERAND: Final = ("LPAR", "LBRACE", "NOT", "MINUS", "_AND", "_OR")

_RUN: Final = re.compile(r"[^\s()]+")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\[\s\S])*"|`[^`]*`')
_PATTERN: Final = re.compile(r"/(?:[^/\\]|\\[\s\S])+/i?")
_EMPTY_FIELD: Final = re.compile(r"([A-Za-z]+):(?:<=|>=|[<>=])?(?![^\s(){}])")
_KEYWORD: Final = re.compile(r"(?:and|or|not|AND|OR|NOT)(?![^\s(){}\"`])")

A_TERM: Final = "a word, field:value or an expression such as ClientStatus == failed"

_A_VALUE: Final = 'Expected a value after {name}, such as "failed" or 3.'
_A_PATTERN: Final = 'Expected a quoted regular expression after {name}, such as "^web".'
_A_PATH: Final = "Expected a path after {name}, such as Job.Datacenters. Quote {name} to search for the word."
_NEGATED: Final = f"Expected what {{name}} negates: {A_TERM}."
_ANOTHER_TERM: Final = f"Expected {A_TERM} after {{name}}. Quote {{name}} to search for the word."
_A_COLLECTION: Final = 'Expected a path after {name}, as in any Tasks as t { t.Name == "web" }.'
_A_BODY: Final = 'Expected an expression in braces after {name}, as in { t.Name == "web" }, or a second name.'

_AFTER: Final = {
    "EQUAL": _A_VALUE,
    "UNEQUAL": _A_VALUE,
    "CONTAINS": _A_VALUE,
    "NOT_CONTAINS": _A_VALUE,
    "MATCHES": _A_PATTERN,
    "NOT_MATCHES": _A_PATTERN,
    "IN": _A_PATH,
    "NOT_IN": _A_PATH,
    "IS": "Expected empty, not empty, nil or not nil after {name}. Quote {name} to search for the word.",
    "NOT": _NEGATED,
    "MINUS": _NEGATED,
    "_AND": _ANOTHER_TERM,
    "_OR": _ANOTHER_TERM,
    "FIELD": "Expected a value after {name}, as in status:failed,lost. Quote special characters.",
    "COMMA": "Expected another value after the comma, as in status:failed,lost.",
    "TILDE": "Expected a word after ~ to find in the payload, such as ~oom.",
    "ANY": _A_COLLECTION,
    "ALL": _A_COLLECTION,
    "AS": 'Expected a name for the items after "as", as in any Tasks as t { t.Name == "web" }.',
    "NAME": _A_BODY,
    "NAME_COMMA": _A_BODY,
    "LBRACE": 'Expected an expression in the braces, such as t.Name == "web".',
}
"""By the type of the last token, if it requires something else after it."""


def explain(text: str, position: int, tokens: list[Token]) -> FilterError:
    """The error for a text that is valid up to the offset `position`; `tokens` were read from it."""
    read = [token for token in tokens if place(token) < position]
    open_brackets: list[Token] = []
    for token in read:
        if token.type in OPENING:
            open_brackets.append(token)
        elif token.type in CLOSING:
            open_brackets.pop()
    return (
        _unfinished(text, position)
        or _after(text, position, read, any(bracket.type == "LBRACE" for bracket in open_brackets))
        or _bracket(text, position, open_brackets)
        or _term(text, position)
    )


def _unfinished(text: str, position: int) -> FilterError | None:
    """An incomplete or oddly continued token at `position`, whatever precedes it."""
    start = text[position : position + 1]
    rest = len(text) - position
    if start in ('"', "`"):
        whole = _STRING.match(text, position)
        if whole is None:
            return FilterError(f"Unclosed quote: add {start} at its end.", position, rest)
        return FilterError("Expected a space after the closing quote.", whole.end())
    if start == "/":
        whole = _PATTERN.match(text, position)
        run = _RUN.match(text, position)
        example = shown(run[0] if run else start)
        if whole is None:
            problem = "Unclosed regular expression: add / at its end, or quote it to search for the text"
            return FilterError(f"{problem}: {example}.", position, rest)
        if whole.end() < len(text) and not (text[whole.end()].isspace() or text[whole.end()] in "(){},"):
            problem = "Expected i or a space after the closing /. Quote it to search for the text"
            return FilterError(f"{problem}: {example}.", whole.end())
    if start == "[":
        return FilterError('Unclosed key: write it as ["my-key"].', position, rest)
    return None


def _after(text: str, position: int, read: list[Token], in_braces: bool) -> FilterError | None:
    """Missing or unexpected input after the last token."""
    if not read:
        return None
    before = read[-1]
    message = _AFTER.get(before.type)
    if before.type in _OPERANDS and in_braces and read[-2].type in _BEFORE_OPERAND:
        message = f"Expected {AFTER_PATH} after {{name}}. Braces hold expressions only."
    if message is None:
        return None
    return FilterError(message.replace("{name}", shown(" ".join(before.split()))), position, _length(text, position))


def _bracket(text: str, position: int, open_brackets: list[Token]) -> FilterError | None:
    start = text[position : position + 1]
    closing = OPENING[open_brackets[-1].type] if open_brackets else ""
    if not start and open_brackets:
        opening = open_brackets[-1]
        return FilterError(f'Unclosed "{opening}" at character {place(opening) + 1}: add {closing}.', position)
    if start in (")", "}"):
        if not closing:
            return FilterError(f'Unmatched "{start}". Quote it to search for the text.', position)
        if start != closing:
            return FilterError(f'Expected {closing} here, to close the "{open_brackets[-1]}".', position)
        return FilterError(f"Expected {A_TERM} before {start}.", position)
    if start == "{":
        return FilterError(
            '"{" is only for any … as … { … } and all … as … { … }. Quote it to search for the text.', position
        )
    return None


def _term(text: str, position: int) -> FilterError:
    empty = _EMPTY_FIELD.match(text, position)
    if empty is not None:
        known = field_of(empty[0], position, text)
        return FilterError(f"Expected a value right after {shown(empty[0])}, as in {known.example}.", empty.end())
    keyword = _KEYWORD.match(text, position)
    if keyword is not None:
        return FilterError(
            f"Expected {A_TERM} before {shown(keyword[0])}. Quote it to search for the word.", position, len(keyword[0])
        )
    if text.startswith(("==", "!="), position):
        return FilterError(
            f'Expected a path before {shown(text[position : position + 2])}, as in ClientStatus == "failed".',
            position,
            2,
        )
    if text[position : position + 1] in ("-", "~"):
        return FilterError(
            f"Expected {A_TERM} right after {shown(text[position])}. Quote it to search for the character.",
            position + 1,
        )
    return FilterError(f"Expected {A_TERM}, or an operator: {AFTER_PATH}.", position, _length(text, position))


def _length(text: str, position: int) -> int:
    run = _RUN.match(text, position)
    return len(run[0]) if run else 1
