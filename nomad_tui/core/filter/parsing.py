"""Text to filter. Whatever the text is, the only error that comes out is `FilterError`."""

from functools import cache
from typing import TYPE_CHECKING, Final, cast

import msgspec

from nomad_tui.core.filter.errors import FilterError
from nomad_tui.core.filter.nodes import Node, has_age

if TYPE_CHECKING:
    from lark import Lark, Token
    from lark.exceptions import UnexpectedInput

LONGEST_FILTER: Final = 100_000
"""Characters."""

MOST_BRACKETS: Final = 100
"""How deep parentheses and braces may be nested."""


class Filter(msgspec.Struct, frozen=True):
    """Which events are shown. Equal filters are equal values; `str()` gives a text that parses to an equal one."""

    root: Node | None = None
    """None for every event."""

    @classmethod
    def parse(cls, text: str) -> "Filter":
        """From what was typed. Raises `FilterError` and nothing else; an empty text is every event."""
        return cls(_parse(text))

    @property
    def everything(self) -> bool:
        """True if no event is left out."""
        return self.root is None

    @property
    def has_ages(self) -> bool:
        """Whether what matches changes as time passes."""
        return self.root is not None and has_age(self.root)

    def __str__(self) -> str:
        return "" if self.root is None else str(self.root)


@cache
def _parser() -> "Lark":
    """Made for the first filter that is parsed: it takes 20 ms, and lark as long, which no other start needs."""
    from lark import Lark

    from nomad_tui.core.filter.building import Builder
    from nomad_tui.core.filter.grammar import GRAMMAR

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
                if depth > MOST_BRACKETS:
                    raise FilterError(f"Brackets may be nested at most {MOST_BRACKETS} deep.", place(token))
            elif token.type in CLOSING:
                depth -= 1
            elif token.type == "FIELD":
                field_of(token, place(token), text)
        return cast(Node, parsing.feed_eof())  # type: ignore[no-untyped-call]
    except UnexpectedInput as error:
        raise explain(text, _position(error, text), tokens) from None


def _position(error: "UnexpectedInput", text: str) -> int:
    """Where the text could not be continued."""
    from lark import Token
    from lark.exceptions import UnexpectedCharacters

    from nomad_tui.core.filter.building import place

    if isinstance(error, UnexpectedCharacters):
        return error.pos_in_stream or 0
    token = getattr(error, "token", None)
    if isinstance(token, Token) and token.type != "$END":
        return place(token)
    return len(text)
