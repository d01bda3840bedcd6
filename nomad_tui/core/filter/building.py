"""Builds nodes from tokens by the rules of the grammar, and reports errors in values."""

import re
from difflib import get_close_matches
from typing import Final

from lark import Token, Transformer

from nomad_tui.core.filter.comparison import Comparison
from nomad_tui.core.filter.nodes import Each, Match, Node, all_of, any_of, negated
from nomad_tui.core.filter.path import IDENTIFIER, MAX_STEPS, Path, read_path, read_pointer
from nomad_tui.core.filter.terms import (
    BY_NAME,
    FIELDS,
    Field,
    FieldDescription,
    InPayload,
    Kind,
    Operator,
    Value,
    Word,
)
from nomad_tui.core.filter.text import Glob, Text, read_pattern
from nomad_tui.core.filter.times import Age, Span, read_time
from nomad_tui.core.filter.writing import FilterError, shown, unquoted
from nomad_tui.core.level import read_level
from nomad_tui.core.regular import PatternError
from nomad_tui.core.topics import NODE_DRAIN, released_word

Item = Node | Token
"""Argument of a rule: terms built already, or tokens."""

_FOREIGN_OPERATORS: Final = {"=": "==", "==": "==", "&&": "and", "||": "or", "!": "not or -", "&": "and", "|": "or"}
"""Operators of other languages, and how to write them here."""
_NUMBER: Final = re.compile(r"[0-9]{1,20}")
_FIELD: Final = re.compile(r"([A-Za-z]+):(<=|>=|[<>=])?")
_REST_OF_TERM: Final = re.compile(r"[^\s()\"`{}]+")

AFTER_PATH: Final = "==, !=, contains, matches, in, is empty or is not empty"


def place(token: Token) -> int:
    """Offset of a token in characters."""
    return token.start_pos or 0


def field_of(start: str, position: int, text: str) -> FieldDescription:
    """The field named before the colon of `start`, which is at `position` of the filter `text`.

    Raises `FilterError` if there is no such field, or if it takes no comparison.
    """
    found = _FIELD.fullmatch(start)
    assert found is not None, "the grammar has the same pattern"
    name = found[1]
    known = BY_NAME.get(name.lower())
    if known is None:
        rest = _REST_OF_TERM.match(text, position)
        near = get_close_matches(name[:40].lower(), BY_NAME, n=1, cutoff=0.7)
        fields = f"did you mean {near[0]}:?" if near else "fields are " + ", ".join(each.name for each in FIELDS) + "."
        text = shown(rest[0] if rest else name)
        raise FilterError(
            f"There is no field {shown(name)}; {fields} To search for the text, quote it: {text}.",
            position,
            len(name),
        )
    written = found[2]
    takes_comparison = known.kind in (Kind.NUMBER, Kind.TIME, Kind.LEVEL)
    if written and not (takes_comparison or (written == "=" and known.kind is Kind.TEXT)):
        problem = f"{known.name}: takes no {written} before its value"
        accepted = "only index:, time: and level: take <, <=, > and >=" if written != "=" else "remove it"
        raise FilterError(f"{problem}; {accepted}.", position + len(name) + 1, len(written))
    return known


class Builder(Transformer[Token, Node]):
    """Called during parsing, so that deep filters need no deep recursion."""

    def disjunction(self, parts: list[Node]) -> Node:
        return any_of(parts)

    def conjunction(self, parts: list[Node]) -> Node:
        return all_of(parts)

    def negation(self, items: list[Node]) -> Node:
        return negated(items[-1])

    def group(self, items: list[Node]) -> Node:
        return items[1]

    def word(self, items: list[Token]) -> Node:
        token = items[0]
        if token in _FOREIGN_OPERATORS:
            raise FilterError(
                f"Write {_FOREIGN_OPERATORS[token]} instead of {shown(token)}. Quote it to search for the text.",
                place(token),
                len(token),
            )
        if "[" in token and re.search(r"\[\s*[\"`]", token):
            end = place(token) + len(token)
            raise FilterError(f"Expected {AFTER_PATH} after {shown(token)}. Quote it to search for the text.", end)
        # Types of the 1.0-beta page are searched for under their released names, which are shown.
        released = released_word(token)
        return Word(Text(str(token) if released == token.lower() else released))

    def quoted_word(self, items: list[Token]) -> Node:
        return Word(Text(unquoted(items[0], place(items[0]))))

    def pattern(self, items: list[Token]) -> Node:
        return Word(_pattern(items[0]))

    def in_payload(self, items: list[Token]) -> Node:
        return InPayload(_text(items[1]))

    def value_of_field(self, items: list[Token]) -> Token:
        return items[0]

    def operand(self, items: list[Token]) -> Token:
        return items[0]

    selector = collection = literal = operand

    def field(self, items: list[Token]) -> Node:
        found = _FIELD.fullmatch(items[0])
        assert found is not None, "the grammar has the same pattern"
        known = BY_NAME[found[1].lower()]
        tokens = [item for item in items[1:] if item.type != "COMMA"]
        operator = Operator(found[2] or "")
        match known.kind:
            case Kind.PAYLOAD:
                return any_of(InPayload(_text(token)) for token in tokens)
            case Kind.TIME:
                return any_of(_time(operator, token) for token in tokens)
            case Kind.NUMBER:
                return _index(known, operator, tokens)
            case Kind.LEVEL:
                return _level(operator, tokens)
        if known.name == "topic":
            return _topic(operator, tokens)
        return Field(known.name, operator, tuple(dict.fromkeys(_value(operator, token) for token in tokens)))

    def comparison(self, items: list[Token]) -> Node:
        path, operator, literal = items
        comparison = Comparison(" ".join(operator.split()).lower())
        value = _literal(literal)
        try:
            return Match(_path(path), comparison, value)
        except PatternError as error:
            raise _bad_pattern(error, literal) from None

    def membership(self, items: list[Token]) -> Node:
        literal, operator, path = items
        comparison = Comparison.CONTAINS if operator.type == "IN" else Comparison.NOT_CONTAINS
        return Match(_path(path), comparison, _literal(literal))

    def check(self, items: list[Token]) -> Node:
        path, *words = items
        return Match(_path(path), Comparison(" ".join(words).lower()))

    def each(self, items: list[Item]) -> Node:
        quantifier, path, *others = [item for item in items if isinstance(item, Token)]
        names = [token for token in others if token.type == "NAME"]
        body = next(item for item in items if not isinstance(item, Token))
        first = str(names[0])
        if len(names) == 1:
            return Each(str(quantifier), _path(path), (first,), body)
        second = str(names[1])
        if first == second and first != "_":
            raise FilterError(
                f"{shown(first)} names both the key and the value. Rename one of them, or write _.",
                place(names[1]),
                len(second),
            )
        return Each(str(quantifier), _path(path), (first, second), body)


def _pattern(token: Token) -> Text:
    try:
        return read_pattern(token)
    except PatternError as error:
        raise _bad_pattern(error, token) from None


def _bad_pattern(error: PatternError, token: Token) -> FilterError:
    at = token.find(error.fragment, 1) if error.fragment else -1
    position, length = (place(token) + at, len(error.fragment)) if at > 0 else (place(token), len(token))
    reason = f"{error.text}: {shown(error.fragment)}" if error.fragment else error.text
    return FilterError(
        f"Invalid regular expression ({reason}). The syntax is RE2's: no look-around, no back-references.",
        position,
        length,
    )


def _text(token: Token) -> Text:
    if token.type == "REGEX":
        return _pattern(token)
    return Text(str(token) if token.type in ("TEXT", "LISTED") else unquoted(token, place(token)))


def _value(operator: Operator, token: Token) -> Text | Glob:
    if operator is Operator.IS and token.type == "REGEX":
        raise FilterError(
            "Expected a complete value after =. Remove the = for a regular expression.", place(token), len(token)
        )
    if token.type == "LISTED" and "*" in token and operator is not Operator.IS:
        return Glob(str(token))
    return _text(token)


def _topic(operator: Operator, tokens: list[Token]) -> Node:
    """`NodeDrain` is a topic on the beta page, and a type of topic `Node` on released servers."""
    values = dict.fromkeys(_value(operator, token) for token in tokens)
    drains = [value for value in values if value.source.casefold() == NODE_DRAIN.casefold()]
    others = tuple(value for value in values if value not in drains)
    parts: list[Node] = [Field("topic", operator, others)] if others else []
    if drains:
        named = (Field(field, Operator.IS, (Text(name),)) for field, name in (("topic", "Node"), ("type", NODE_DRAIN)))
        parts.append(all_of(named))
    return any_of(parts)


def _index(known: FieldDescription, operator: Operator, tokens: list[Token]) -> Node:
    numbers: list[Value] = []
    for token in tokens:
        written = unquoted(token, place(token)) if token.type in ("STRING", "RAW") else str(token)
        if token.type == "REGEX" or not _NUMBER.fullmatch(written):
            raise FilterError(
                f"Expected a number after {known.name}:, as in {known.example}.", place(token), len(token)
            )
        numbers.append(int(written))
    if operator is Operator.IS:
        operator = Operator.STARTS_WITH
    if operator is not Operator.STARTS_WITH and len(numbers) > 1:
        raise FilterError(
            f"{operator.value} takes one number. For a range, write index:>1000 index:<2000.",
            place(tokens[1]),
            len(tokens[1]),
        )
    return Field(known.name, operator, tuple(dict.fromkeys(numbers)))


def _level(operator: Operator, tokens: list[Token]) -> Node:
    words: list[Value] = []
    for token in tokens:
        written = unquoted(token, place(token)) if token.type in ("STRING", "RAW") else str(token)
        found = None if token.type == "REGEX" else read_level(written)
        if found is None:
            listed = "failure, warning, change and routine"
            raise FilterError(f"{shown(written)} is not a level. Levels are {listed}.", place(token), len(token))
        words.append(Text(found.word))
    if operator not in (Operator.STARTS_WITH, Operator.IS) and len(words) > 1:
        raise FilterError(f"{operator.value} takes one level.", place(tokens[1]), len(tokens[1]))
    return Field("level", operator, tuple(dict.fromkeys(words)))


def _time(operator: Operator, token: Token) -> Node:
    written = unquoted(token, place(token)) if token.type in ("STRING", "RAW") else str(token)
    value = None if token.type == "REGEX" else read_time(written)
    if value is None:
        raise FilterError(
            f"{shown(written)} is not a time. Write an age (5m, 1h30m), time (14:30), date (2026-11-23) or "
            "both (2026-11-23T14:30Z), or a range A..B.",
            place(token),
            len(token),
        )
    if isinstance(value, Span) and operator not in (Operator.IS, Operator.STARTS_WITH):
        raise FilterError(f"A range takes no {operator.value} before it. Remove it.", place(token), len(token))
    if operator in (Operator.IS, Operator.STARTS_WITH):
        operator = Operator.LESS if isinstance(value, Age) else Operator.STARTS_WITH
    return Field("time", operator, (value,))


def _path(token: Token) -> Path:
    if token.type == "STRING":
        path = read_pointer(unquoted(token, place(token)))
        wanted = 'A quoted path is a JSON pointer, such as "/Allocation/ClientStatus"'
    else:
        path = read_path(token, place(token)) if token.type == "WORD" else None
        wanted = 'A path looks like Allocation.ClientStatus, Tasks.0.Name or Meta["my-key"]'
    if path is None:
        raise FilterError(f"{shown(token)} is not a path into the payload. {wanted}.", place(token), len(token))
    if len(path) > MAX_STEPS:
        raise FilterError(f"A path has at most {MAX_STEPS} steps.", place(token), len(token))
    return path


def _literal(token: Token) -> str:
    if token.type in ("STRING", "RAW"):
        return unquoted(token, place(token))
    if "[" in token and IDENTIFIER.match(token):
        # Nomad takes a path as a value and compares with its dotted form.
        return ".".join(read_path(token, place(token)) or (str(token),))
    return str(token)
