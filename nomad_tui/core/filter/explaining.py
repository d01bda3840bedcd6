"""Why a text could not be continued at some place, and what would be accepted there."""

import re
from typing import Final

from lark import Token

from nomad_tui.core.filter.building import AFTER_PATH, field_of, place
from nomad_tui.core.filter.errors import FilterError, shown

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

_A_VALUE: Final = 'After {name} comes a value, such as "failed" or 3.'
_A_PATTERN: Final = 'After {name} comes a regular expression in quotes, such as "^web".'
_A_PATH: Final = "After {name} comes a path into the payload, such as Job.Datacenters; quotes make {name} a word."
_NEGATED: Final = f"After {{name}} comes what it negates: {A_TERM}."
_ANOTHER_TERM: Final = f"After {{name}} comes {A_TERM}; quotes make {{name}} a word."
_A_COLLECTION: Final = "After {name} comes a path, as, a name, and an expression in braces."
_A_BODY: Final = 'After {name} comes an expression in braces, as in { t.Name == "web" }, or a second name.'

_AFTER: Final = {
    "EQUAL": _A_VALUE,
    "UNEQUAL": _A_VALUE,
    "CONTAINS": _A_VALUE,
    "NOT_CONTAINS": _A_VALUE,
    "MATCHES": _A_PATTERN,
    "NOT_MATCHES": _A_PATTERN,
    "IN": _A_PATH,
    "NOT_IN": _A_PATH,
    "IS": "After {name} comes empty, not empty, nil or not nil; quotes make {name} a word.",
    "NOT": _NEGATED,
    "MINUS": _NEGATED,
    "_AND": _ANOTHER_TERM,
    "_OR": _ANOTHER_TERM,
    "FIELD": "After {name} comes a value, as in status:failed,lost; quotes take odd characters.",
    "COMMA": "After a comma comes another value, as in status:failed,lost.",
    "TILDE": "After ~ comes what is looked for in the payload, such as ~oom.",
    "ANY": _A_COLLECTION,
    "ALL": _A_COLLECTION,
    "AS": 'After "as" comes a name for the items, as in any Tasks as t { t.Name == "web" }.',
    "NAME": _A_BODY,
    "NAME_COMMA": _A_BODY,
    "LBRACE": 'In braces stand expressions, such as t.Name == "web".',
}
"""By the token that cannot be the last one, or not before what follows it."""


def explain(text: str, position: int, tokens: list[Token]) -> FilterError:
    """The error for a text that makes sense up to `position` (characters); `tokens` were read from it."""
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
    """Something that begins here and is not finished or oddly continued, whatever stands before it."""
    start = text[position : position + 1]
    rest = len(text) - position
    if start in ('"', "`"):
        whole = _STRING.match(text, position)
        if whole is None:
            return FilterError(f"This quote is not closed; {start} closes it.", position, rest)
        return FilterError("After a closing quote comes a space.", whole.end())
    if start == "/":
        whole = _PATTERN.match(text, position)
        run = _RUN.match(text, position)
        example = shown(run[0] if run else start)
        if whole is None:
            said = "This regular expression is not closed; / closes it, and quotes make it a text"
            return FilterError(f"{said}: {example}.", position, rest)
        if whole.end() < len(text) and not (text[whole.end()].isspace() or text[whole.end()] in "(){},"):
            said = "After the closing / of a regular expression comes i or a space; quotes make it a text"
            return FilterError(f"{said}: {example}.", whole.end())
    if start == "[":
        return FilterError('This key is not closed; it is written ["my-key"].', position, rest)
    return None


def _after(text: str, position: int, read: list[Token], in_braces: bool) -> FilterError | None:
    """Something is missing, or something else is wanted, after the last token."""
    if not read:
        return None
    before = read[-1]
    message = _AFTER.get(before.type)
    if before.type in _OPERANDS and in_braces and read[-2].type in _BEFORE_OPERAND:
        message = f"After {{name}} comes {AFTER_PATH}; there are no words in braces."
    if message is None:
        return None
    return FilterError(message.replace("{name}", shown(" ".join(before.split()))), position, _length(text, position))


def _bracket(text: str, position: int, open_brackets: list[Token]) -> FilterError | None:
    start = text[position : position + 1]
    closing = OPENING[open_brackets[-1].type] if open_brackets else ""
    if not start and open_brackets:
        opening = open_brackets[-1]
        return FilterError(
            f'The "{opening}" at character {place(opening) + 1} is not closed; {closing} closes it.', position
        )
    if start in (")", "}"):
        if not closing:
            return FilterError(f'This "{start}" closes nothing; quotes make it a text.', position)
        if start != closing:
            return FilterError(f'Here stands {closing}, which closes the "{open_brackets[-1]}" before it.', position)
        return FilterError(f"Before {start} comes {A_TERM}.", position)
    if start == "{":
        return FilterError('"{" stands only in any … as … { … } and all … as … { … }; quotes make it a text.', position)
    return None


def _term(text: str, position: int) -> FilterError:
    empty = _EMPTY_FIELD.match(text, position)
    if empty is not None:
        known = field_of(empty[0], position, text)
        return FilterError(
            f"After {shown(empty[0])} comes a value without a space, as in {known.example}.", empty.end()
        )
    keyword = _KEYWORD.match(text, position)
    if keyword is not None:
        return FilterError(
            f"Before {shown(keyword[0])} comes {A_TERM}; quotes make it a word.", position, len(keyword[0])
        )
    if text.startswith(("==", "!="), position):
        return FilterError(
            f'Before {shown(text[position : position + 2])} comes a path, such as ClientStatus == "failed".',
            position,
            2,
        )
    if text[position : position + 1] in ("-", "~"):
        return FilterError(
            f"After {shown(text[position])} comes {A_TERM}, without a space; quotes make it a word.", position + 1
        )
    return FilterError(
        f"Here comes {A_TERM}, or one of these operators: {AFTER_PATH}.", position, _length(text, position)
    )


def _length(text: str, position: int) -> int:
    run = _RUN.match(text, position)
    return len(run[0]) if run else 1
