"""Extracts the code blocks of the README and the manual, and the commands in shell blocks."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FILES: Final = (ROOT / "README.md", *sorted((ROOT / "nomad_tui" / "manual").glob("*.md")))
_FENCE: Final = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HERE: Final = re.compile(r" <<'(\w+)'\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_COMMENT: Final = re.compile(r"(?:^|\s+)#.*$", re.MULTILINE)
_INNER: Final = re.compile(r"\$\(([^)]+)\)")
PROGRAM: Final = "nomad-tui"


@dataclass(frozen=True, slots=True)
class Block:
    place: str
    """File and line."""
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    words: tuple[str, ...]
    """Words, without preceding variables and without redirections."""
    environment: tuple[tuple[str, str], ...] = ()
    """The preceding variables."""
    standard_input: str = ""
    """Content of a here-document."""

    @property
    def arguments(self) -> list[str] | None:
        """The arguments of nomad-tui, also within a container; None if it is another program."""
        words = list(self.words)
        if words[0] == "docker" and words[1] == "run" and PROGRAM in words:
            return words[words.index(PROGRAM) + 1 :]
        return words[1:] if words[0].rpartition("/")[2] == PROGRAM else None


def blocks(*languages: str) -> list[Block]:
    found = []
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        for fence in _FENCE.finditer(text):
            if fence[1] in languages:
                line = text.count("\n", 0, fence.start()) + 1
                found.append(Block(f"{file.name}:{line}", fence[1], fence[2]))
    return found


def commands(script: str) -> Iterator[Command]:
    """Return the simple commands of a script, for the few forms that the manual uses."""
    here = [document[2] for document in _HERE.finditer(script)]
    script = _COMMENT.sub("", _HERE.sub(" << ", script))
    for inner in _INNER.finditer(script):
        yield from commands(inner[1])
    lexer = shlex.shlex(script.replace("\\\n", " "), posix=True, punctuation_chars="|&;<>\n")
    lexer.whitespace = " \t"
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    document = ""
    for token in [*lexer, "\n"]:
        if set(token) <= set("|&;\n"):
            if command := _command(words, document):
                yield command
            words, document = [], ""
        elif token == "<<":
            document = here.pop(0)
        else:
            words.append(token)


def _command(words: list[str], document: str) -> Command | None:
    while words and words[-1].startswith(">"):
        words.pop()
    for number, word in enumerate(words):
        if word.startswith(">"):
            words = words[:number]
            break
    environment = []
    while words and re.match(r"[A-Z_]+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        environment.append((name, value))
    return Command(tuple(words), tuple(environment), document) if words else None
