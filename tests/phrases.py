"""Generates the list of words that phrases can put into a sentence; `python -m tests.phrases --write` writes it."""

import ast
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import nomad_tui
from nomad_tui.core.search import phrases

PACKAGE: Final = Path(nomad_tui.__file__).parent
MAKERS: Final = ("nomad_tui.core.objects.registry", "nomad_tui.core.history.event_row")
"""Modules that make sentences; their imports are included."""
MAKE_NONE: Final = tuple(
    f"nomad_tui.core.{name}" for name in ("limits", "patterns", "regular", "updates", "wire")
) + tuple(f"nomad_tui.core.history.{name}" for name in ("dictionaries", "history", "segment"))
"""Imported modules that add no text to sentences."""
_LETTERS: Final = re.compile("[A-Za-z]{3,}")


def words() -> set[str]:
    """Return all runs of three or more letters, in lower case, in the texts and field names of these modules."""
    found: set[str] = set()
    for module in _modules():
        for text in _texts(ast.parse(module.read_text("utf-8"))):
            found.update(word.lower() for word in _LETTERS.findall(text))
    return found


def _modules() -> Iterator[Path]:
    waiting, seen = list(MAKERS), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name in MAKE_NONE or not name.startswith("nomad_tui."):
            continue
        seen.add(name)
        path = PACKAGE.parent.joinpath(*name.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if file.exists():
            yield file
            waiting.append(name.rpartition(".")[0])
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    waiting += [each.name for each in node.names]
                elif isinstance(node, ast.ImportFrom):
                    waiting += [f"{node.module}.{each.name}" for each in node.names]
                    waiting.append(node.module or "")


def _texts(tree: ast.Module) -> Iterator[str]:
    """Yield the string constants, without docstrings."""
    documentation = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documentation:
            yield node.value
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                targets = member.targets if isinstance(member, ast.Assign) else [getattr(member, "target", None)]
                yield from (target.id for target in targets if isinstance(target, ast.Name))


def main() -> None:
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.phrases --write")
    longest: list[str] = []
    for word in sorted(words(), key=len, reverse=True):
        if not any(word in other for other in longest):
            longest.append(word)
    file = Path(phrases.__file__)
    head, _, _ = file.read_text("utf-8").partition('"""\\\n')
    file.write_text(f'{head}"""\\\n{textwrap.fill(" ".join(sorted(longest)), 119)}\n"""\n', "utf-8")


if __name__ == "__main__":
    main()
