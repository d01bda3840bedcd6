"""Finds all texts that the program can show; `python -m tests.strings` lists them, one per line.

Texts are string constants and f-strings with a space between words. Not included are docstrings other than a command's
help, style sheets, SQL, scripts and patterns.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import nomad_tui

PACKAGE: Final = Path(nomad_tui.__file__).parent
LEFT_OUT: Final = frozenset(("cli/completion_scripts.py", "journal/schema.py"))
_PROSE: Final = re.compile(r"[A-Za-z’']{2,}[,:;.]? +(?:[A-Za-z{<‹]|\d)")
_RAISES: Final = re.compile(r"(?:Error|Exception|\.error|\.fail)$")
_USUAL: Final = {
    r"path|file|folder|shown\(|journal": "/etc/nomad-tui/config.toml",
    r"address|server|url": "https://nomad.example.com:4646",
    r"error|reason|why|said": "permission denied",
    r"known|names|listed|wanted|fields|members": "one, two, three or four",
    "": "12345678",
}
"""Example values for the placeholders of messages, by the form of the expression."""
_CODE: Final = re.compile(
    r"^\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|BEGIN|ALTER|DROP|WITH|WHERE|ORDER BY|AND) "
    r"|[{};]\s*\n|\(\?[:P=!<]|^\s*(?:import|from) \w+"
)


@dataclass(frozen=True, slots=True)
class Text:
    place: str
    """Module and line."""
    text: str
    """With `{}` for placeholders."""

    def __str__(self) -> str:
        return f"{self.place}: {' '.join(self.text.split())}"


@cache
def shown() -> list[Text]:
    """Return the texts in the order of the modules."""
    return [text for file in modules() for text in _shown(file)]


@cache
def docstrings() -> list[Text]:
    return [
        Text(f"{_name(file)}:{node.body[0].lineno}", docstring)
        for file in modules()
        for node in ast.walk(_tree(file))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and (docstring := ast.get_docstring(node))
    ]


def errors() -> Iterator[Text]:
    """Yield the error messages, with values of usual length filled in."""
    for file in modules():
        if "standin/" in _name(file):
            continue
        for node in ast.walk(_tree(file)):
            if isinstance(node, ast.Call) and _RAISES.search(ast.unparse(node.func)):
                yield from (
                    Text(f"{_name(file)}:{node.lineno}", text)
                    for argument in node.args
                    if " " in (text := _text(argument, _usual))
                )


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _name(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _shown(file: Path) -> Iterator[Text]:
    if _name(file) in LEFT_OUT or "standin/" in _name(file):
        return
    tree = _tree(file)
    inner: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inner.add(node.value)  # a docstring
        elif isinstance(node, ast.JoinedStr):
            inner.update(part for part in ast.walk(node) if part is not node and isinstance(part, ast.Constant))
        elif isinstance(node, ast.FunctionDef) and _is_command(node) and (docstring := ast.get_docstring(node)):
            yield Text(f"{_name(file)}:{node.lineno}", docstring)
        elif isinstance(node, ast.Assert | ast.Assign) and _is_style(node):
            inner.update(ast.walk(node))
    for node in ast.walk(tree):
        if node in inner or not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        text = _text(node)
        if _PROSE.search(text) and not _CODE.search(text):
            yield Text(f"{_name(file)}:{node.lineno}", text)


def _usual(expression: ast.expr) -> str:
    source = ast.unparse(expression)
    return next(value for pattern, value in _USUAL.items() if re.search(pattern, source, re.IGNORECASE))


def _text(node: ast.expr, filled: Callable[[ast.expr], str] = lambda expression: "{}") -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(
            filled(part.value) if isinstance(part, ast.FormattedValue) else _text(part) for part in node.values
        )
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_command(function: ast.FunctionDef) -> bool:
    return any("command" in ast.unparse(each) or "group" in ast.unparse(each) for each in function.decorator_list)


def _is_style(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and any("CSS" in ast.unparse(target) for target in node.targets)


if __name__ == "__main__":
    sys.stdout.write("".join(f"{text}\n" for text in shown()))
