"""Parses the text of a filter. Raises only `FilterError`, whatever the text is."""

from functools import cache
from typing import TYPE_CHECKING, Final, cast

import msgspec

from nomad_tui.core.filter.nodes import Node, fields
from nomad_tui.core.filter.writing import FilterError

if TYPE_CHECKING:
    from lark import Lark, Token
    from lark.exceptions import UnexpectedInput


GRAMMAR: Final = r"""
?start: disjunction

disjunction: conjunction (_OR conjunction)*
conjunction: negation (_AND? negation)*
?negation: (NOT | MINUS) negation -> negation
    | term
?term: WORD -> word
    | STRING -> quoted_word
    | RAW -> quoted_word
    | REGEX -> pattern
    | TILDE (TEXT | STRING | RAW | REGEX) -> in_payload
    | FIELD value_of_field (COMMA value_of_field)* -> field
    | LPAR disjunction RPAR -> group
    | _expression

!value_of_field: LISTED | STRING | RAW | REGEX

// Nomad's own filter expressions. In braces there is nothing else.
_expression: comparison | membership | check | each
comparison: operand (EQUAL | UNEQUAL | CONTAINS | NOT_CONTAINS | MATCHES | NOT_MATCHES) literal
membership: (operand | NEGATIVE) (IN | NOT_IN) selector
check: operand IS NOT? (EMPTY | NIL)
each: (ANY | ALL) collection AS NAME (NAME_COMMA NAME)? LBRACE body RBRACE
// The same tokens under three names, because what may follow them differs.
!operand: WORD | STRING | RAW
!selector: WORD | STRING | RAW
!collection: WORD | STRING | RAW
!literal: WORD | UNQUOTED | STRING | RAW

body: body_conjunction (_OR body_conjunction)* -> disjunction
body_conjunction: body_negation (_AND body_negation)* -> conjunction
?body_negation: (NOT | MINUS) body_negation -> negation
    | LPAR body RPAR -> group
    | _expression

// No letter of a keyword follows it directly: `orange` is a word.
END: /(?![^\s(){}"`])/

_OR.5: /(?:or|OR)/ END
_AND.5: /(?:and|AND)/ END
NOT.5: /(?:not|NOT)/ END
MINUS.4: /-(?=[^\s){}])/
LPAR: "("
RPAR: ")"
LBRACE: "{"
RBRACE: "}"

EQUAL.5: "=="
UNEQUAL.5: "!="
CONTAINS.5: /contains/ END
MATCHES.5: /matches/ END
IN.5: /in/ END
IS.5: /is/ END
EMPTY.5: /empty/ END
NIL.5: /nil/ END
NOT_CONTAINS.6: /(?:not|NOT)\s+contains/ END
NOT_MATCHES.6: /(?:not|NOT)\s+matches/ END
NOT_IN.6: /(?:not|NOT)\s+in/ END

// `any` and `all` are words unless a path and `as` follow.
COLLECTION: /(?=\s++(?:\[\s*+|\s*+\]|(?!==|!=)[^\s(){}"`\[\]]|"(?:[^"\\]|\\[\s\S])*"|`[^`]*`)+\s+as(?![^\s(){}"`]))/
ANY.6: /any/ COLLECTION
ALL.6: /all/ COLLECTION
AS.5: /as/ END
NAME: /[a-zA-Z][a-zA-Z0-9_\/]*|_/
NAME_COMMA: ","

// What starts like another kind of term is no word.
OTHER: /(?!(?:and|or|not|AND|OR|NOT)(?![^\s(){}"`]))(?![-~\/]|[A-Za-z]+:)/
LETTER: /(?!==|!=|\[\s*["`])[^\s(){}"`]/
KEY: /\[\s*(?:"(?:[^"\\]|\\[\s\S])*"|`[^`]*`)\s*\]/
WORD: OTHER (LETTER | KEY)+
STRING.4: /"(?:[^"\\]|\\[\s\S])*"(?![^\s(){},=!\]])/
RAW.4: /`[^`]*`(?![^\s(){},=!\]])/
REGEX.4: /\/(?:[^\/\\]|\\[\s\S])+\/i?(?![^\s(){},])/
NEGATIVE.6: /-(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?=\s+(?:(?:not|NOT)\s+)?in(?![^\s(){}"`]))/
// Values that would not be words where a term starts.
UNQUOTED: /(?:-|[A-Za-z]+:)[^\s(){}"`]*/

TILDE.4: /~(?=[^\s(){}])/
TEXT: /[^\s(){}"`\/][^\s(){}"`]*/
FIELD.3: /[A-Za-z]+:(?:<=|>=|[<>=])?(?=[^\s(){}])/
LISTED: /[^\s(){}"`,\/][^\s(){}"`,]*/
COMMA.6: /(?<!\s),/

%ignore /\s+/
"""


LONGEST_FILTER: Final = 100_000
"""Characters."""

MAX_BRACKETS: Final = 100
"""Maximum nesting of parentheses and braces."""


class Filter(msgspec.Struct, frozen=True):
    """Selects events. Equal filters are equal values; `str()` returns a text that parses to an equal filter."""

    root: Node | None = None
    """None for all events."""

    @classmethod
    def parse(cls, text: str) -> "Filter":
        """Parse a filter; empty text selects all events. Raises only `FilterError`."""
        return cls(_parse(text))

    @property
    def everything(self) -> bool:
        """Whether no event is left out."""
        return self.root is None

    @property
    def has_ages(self) -> bool:
        """Whether matches change over time."""
        return self.root is not None and any(each.has_age for each in fields(self.root))

    @property
    def is_relative(self) -> bool:
        """Whether it has ages or times of day without a date: both count back from now, or from a recording's end."""
        return self.root is not None and any(each.is_relative for each in fields(self.root))

    def __str__(self) -> str:
        return "" if self.root is None else str(self.root)


@cache
def _parser() -> "Lark":
    """Created on first use: it takes 20 ms, and importing lark as long, which starting up does not need otherwise."""
    from lark import Lark

    from nomad_tui.core.filter.building import Builder
    from nomad_tui.core.filter.parsing import GRAMMAR

    return Lark(GRAMMAR, parser="lalr", lexer="contextual", transformer=Builder(), maybe_placeholders=False)


def _parse(text: str) -> Node | None:
    if len(text) > LONGEST_FILTER:
        raise FilterError(f"A filter has at most {LONGEST_FILTER:,} characters.", LONGEST_FILTER, 1)
    if not text.strip():
        return None
    from lark.exceptions import UnexpectedInput

    from nomad_tui.core.filter.building import field_of, place
    from nomad_tui.core.filter.explaining import CLOSING, OPENING, explain

    parsing = _parser().parse_interactive(text)
    tokens: list[Token] = []
    depth = 0
    try:
        for token in parsing.iter_parse():
            tokens.append(token)
            if token.type in OPENING:
                depth += 1
                if depth > MAX_BRACKETS:
                    raise FilterError(f"Brackets may be nested at most {MAX_BRACKETS} deep.", place(token))
            elif token.type in CLOSING:
                depth -= 1
            elif token.type == "FIELD":
                field_of(token, place(token), text)
        return cast(Node, parsing.feed_eof())  # type: ignore[no-untyped-call]
    except UnexpectedInput as error:
        raise explain(text, _position(error, text), tokens) from None


def _position(error: "UnexpectedInput", text: str) -> int:
    """Offset at which parsing failed."""
    from lark import Token
    from lark.exceptions import UnexpectedCharacters

    from nomad_tui.core.filter.building import place

    if isinstance(error, UnexpectedCharacters):
        return error.pos_in_stream or 0
    token = getattr(error, "token", None)
    if isinstance(token, Token) and token.type != "$END":
        return place(token)
    return len(text)
