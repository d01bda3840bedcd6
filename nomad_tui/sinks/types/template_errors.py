"""Explains errors in a template to its author, because Jinja2 and Python report them in terms of their internals.

Each explanation says what happened and what to do, as a clause without a full stop.
"""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Final

from jinja2 import TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from nomad_tui.core.text import decapitalized, printable

LONGEST_TEXT: Final = 300
"""Characters of an error message of Jinja2 or Python."""
LIKE: Final = 0.7
"""Minimum similarity of a suggested name; of three letters, one may differ by chance."""
HELP: Final = "`nomad-tui help sink-templates` has examples"

_STATEMENTS: Final = ("if", "elif", "else", "endif", "for", "endfor", "set", "endset", "macro", "endmacro", "filter")
_TOKENS: Final = {
    "end of print statement": "}}",
    "end of statement block": "%}",
    "begin of print statement": "{{",
    "begin of statement block": "{%",
    "end of template": "the end of the template",
}
_TYPES: Final = {
    "str": "a text",
    "int": "a number",
    "float": "a number",
    "bool": "a boolean",
    "NoneType": "null",
    "dict": "an object",
    "list": "a list",
    "tuple": "a list",
    "EventView": "an event",
}
"""As in JSON."""

Explain = Callable[[re.Match[str]], str]


def explain_syntax(error: TemplateSyntaxError, filters: Iterable[str], tests: Iterable[str]) -> str:
    """`filters` and `tests` are the names of the existing ones."""
    text = _text(error)
    if found := re.match(r"No (filter|test) named '(.+)'", text):
        names = filters if found[1] == "filter" else tests
        return f"there is no {found[1]} `{found[2]}`: {_meant(found[2], names, f'the manual lists the {found[1]}s')}"
    return _first(_SYNTAX, text) or f"it is not a valid template: {decapitalized(text)}. {HELP}"


def explain_failure(error: BaseException) -> str:
    """Explains why a template failed on the values of an event."""
    text = _text(error)
    match error:
        case UndefinedError():
            found = _first(_MISSING, text)
        case SecurityError():
            found = _first(_FORBIDDEN, text)
        case ZeroDivisionError():
            found = "it divides by zero: test the divisor first, with `if`"
        case OverflowError():
            found = "it makes a range that is too long: at most 100,000 are allowed"
        case RecursionError():
            found = "it calls itself without an end, or the event is nested too deeply: leave out that part"
        case _:
            found = _first(_UNFIT, text)
    return found or f"it cannot use a value of this event as it does: {decapitalized(text)}. {HELP}"


def _first(explanations: Iterable[tuple[str, Explain]], text: str) -> str:
    for pattern, explain in explanations:
        if found := re.search(pattern, text):
            return explain(found)
    return ""


def _statement(found: re.Match[str]) -> str:
    name, opened = found[1], re.search(r"needs to be closed is '(\w+)'", found.string)
    if opened and name.startswith("end"):
        return f"`{name}` does not close `{opened[1]}`: write {{% end{opened[1]} %}} before it"
    if name in _STATEMENTS:
        return f"`{name}` has no opening statement: remove it, or write one before it"
    return f"there is no statement `{name}`: {_meant(name, _STATEMENTS, HELP)}"


def _unfinished(found: re.Match[str]) -> str:
    opened = re.search(r"needs to be closed is '(\w+)'", found.string)
    return f"`{opened[1]}` is not closed: write {{% end{opened[1]} %}}" if opened else f"its end is missing: {HELP}"


def _unpaired(found: re.Match[str]) -> str:
    if found[1] in "\"'":
        return f"a text is not closed: write {found[1]} at its end"
    return f"`{found[1]}` cannot be used here: write texts in quotes"


def _instead(found: re.Match[str]) -> str:
    wanted, got = _token(found[1]), _token(found[2])
    if wanted == "name":
        return f"a name is missing before `{got}`"
    what = wanted if wanted.startswith("the ") else f"`{wanted}`"
    return f"`{got}` is not expected here: write {what} before it"


def _unjoined(found: re.Match[str]) -> str:
    return f"`+` cannot join {_type(found[1])} and {_type(found[2])}: write `~`, which joins texts"


_SYNTAX: Final[tuple[tuple[str, Explain], ...]] = (
    (r"Encountered unknown tag '(.+?)'", _statement),
    (r"unexpected end of template, expected '(.+)'", lambda found: f"`{_token(found[1])}` is missing at the end"),
    (r"Unexpected end of template", _unfinished),
    (r"expected token '(.+)', got '(.+)'", _instead),
    (r"Expected an expression, got '(.+)'", lambda found: f"a name or value is missing before `{_token(found[1])}`"),
    (r"expected name or number", lambda found: "a name is missing behind the dot: write one, or [0] without the dot"),
    (r"unexpected char ['\"](.)['\"]", _unpaired),
    (r"unexpected '(.+)'", lambda found: f"`{found[1]}` is not expected here: is one too many, or another missing?"),
    (r"Missing end of comment", lambda found: "a comment is not closed: write #}"),
    (r"Missing end of raw", lambda found: "`raw` is not closed: write {% endraw %}"),
    (r"can't assign to", lambda found: "`set` needs a name, to give it a value"),
)
_LACKING: Final = 'If it may be missing, add `| default("")`'
_MISSING: Final[tuple[tuple[str, Explain], ...]] = (
    (r"list object has no element (.+)", lambda found: f"a list of this event has no item [{found[1]}]. {_LACKING}"),
    (r"EventView object' has no attribute '(.+)'", lambda found: f"an event has no `{found[1]}`: {HELP}"),
    (r"'None' has no attribute '(.+)'", lambda found: f"what holds `{found[1]}` is null in this event. {_LACKING}"),
    (r"has no attribute '(.+)'", lambda found: f"this event has no `{found[1]}` there. {_LACKING}"),
    (r"'(.+)' is undefined", lambda found: f"`{found[1]}` has no value here. {_LACKING}"),
)
_FORBIDDEN: Final[tuple[tuple[str, Explain], ...]] = (
    (r"attribute '(.+)' of", lambda found: f"a template may not use `{found[1]}`: leave it out"),
)
_UNFIT: Final[tuple[tuple[str, Explain], ...]] = (
    (r"no loader for", lambda found: "a sink has one template: write here what it includes, extends or imports"),
    (r"can only concatenate (\w+) \(not \"(\w+)\"\)", _unjoined),
    (r"unsupported operand type\(s\) for \+: '(\w+)' and '(\w+)'", _unjoined),
    (
        r"unsupported operand type\(s\) for (\S+).*: '(\w+)' and '(\w+)'",
        lambda found: f"`{found[1]}` needs two numbers, and has {_type(found[2])} and {_type(found[3])}: add `| int`",
    ),
    (
        r"'(\S+)' not supported between instances of '(\w+)' and '(\w+)'",
        lambda found: f"`{found[1]}` cannot compare {_type(found[2])} and {_type(found[3])}: add `| int` or `| string`",
    ),
    (
        r"'(\w+)' object is not iterable",
        lambda found: f"{_type(found[1])} is not a list. If a list may be missing, add `or []`",
    ),
    (r"object of type '(\w+)' has no len", lambda found: f"{_type(found[1])} has no length: test it with `if` first"),
    (r"'(\w+)' object is not callable", lambda found: f"{_type(found[1])} is not a function: leave out the ()"),
    (
        r"(\w+?)\(\) takes|(\w+?)\(\) missing",
        lambda found: f"`{_function(found[1] or found[2])}` is given too many or too few arguments: {HELP}",
    ),
)


def _meant(name: str, names: Iterable[str], otherwise: str) -> str:
    close = get_close_matches(name, list(names), 1, LIKE)
    return f"write `{close[0]}`" if close else otherwise


def _function(name: str) -> str:
    """The name of a filter as used in templates."""
    return re.sub(r"^(sync_)?(do_|_)", "", name)


def _token(name: str) -> str:
    return _TOKENS.get(name, name)


def _type(name: str) -> str:
    return _TYPES.get(name, f"a value of type {name}")


def _text(error: BaseException) -> str:
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return printable(" ".join(text.split()), LONGEST_TEXT).rstrip(".")
