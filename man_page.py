"""Builds the manual into the man page nomad-tui(1), which the wheel installs under `share/man`."""

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).parent


class ManPageHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        folder = Path(tempfile.mkdtemp(prefix="nomad-tui-man-"))
        file = folder / "nomad-tui.1"
        file.write_text(man_page(self.metadata.version), encoding="utf-8")
        build_data["shared_data"][str(file)] = "share/man/man1/nomad-tui.1"


def man_page(version: str) -> str:
    """The pages in the order of the index, as roff."""
    sys.path.insert(0, str(ROOT))
    try:
        from nomad_tui.manual import pages
    finally:
        sys.path.pop(0)
    lines = [
        f'.TH NOMAD-TUI 1 "" "nomad-tui {version}" "User manual"',
        ".SH NAME",
        "nomad-tui \\- watch a Nomad cluster's event stream in your terminal",
        ".SH SYNOPSIS",
        "\\fBnomad-tui\\fR [\\fIOPTIONS\\fR] [\\fICOMMAND\\fR]",
        ".PP",
        "\\fBnomad-tui help\\fR \\fITOPIC\\fR shows one page of this manual; "
        "\\fBnomad-tui\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR shows the options of a command.",
    ]
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    for page in pages():
        lines += _roff(parser.parse(page.text))
    return "\n".join(lines) + "\n"


def _roff(tokens: Iterable[Token]) -> Iterator[str]:
    """A table becomes a list: the first cell of a row, and below it the others."""
    opened: list[str] = []
    row: list[str] = []
    section = mark = ""
    for token in tokens:
        if token.nesting == 1:
            opened.append(token.type)
            section = ".SH" if token.tag == "h1" else ".SS"
            if token.type == "list_item_open":
                mark = f"{token.info}." if token.info else "\\(bu"
            elif token.type == "paragraph_open":
                yield f'.IP "{mark}" 3' if opened[-2:-1] == ["list_item_open"] else ".PP"
        elif token.nesting == -1:
            opened.pop()
            if token.type == "tr_close":
                if "thead_open" not in opened:
                    yield from (".TP", row[0], " \\- ".join(cell for cell in row[1:] if cell) or "\\&")
                row = []
        elif token.type == "inline":
            text = _inline(token.children or [])
            match opened[-1]:
                case "heading_open":
                    yield f'{section} "{text.replace(chr(34), "")}"'
                case "th_open" | "td_open":
                    row.append(text)
                case _ if text:
                    yield text
        elif token.type in ("fence", "code_block"):
            yield from (".PP", ".RS 4", ".nf", *map(_escaped, token.content.splitlines()), ".fi", ".RE")


def _inline(tokens: Iterable[Token]) -> str:
    """Code and emphasis in bold; an address behind its text, a link to a page as its text alone."""
    text, target = "", ""
    for token in tokens:
        match token.type:
            case "text":
                text += _escaped(token.content)
            case "code_inline":
                text += f"\\fB{_escaped(token.content)}\\fR"
            case "strong_open" | "em_open":
                text += "\\fB"
            case "strong_close" | "em_close":
                text += "\\fR"
            case "softbreak" | "hardbreak":
                text += " "
            case "link_open":
                target = str(token.attrGet("href"))
            case "link_close" if target.startswith("http"):
                text += f" <{_escaped(target)}>"
            case _:
                pass
    return text


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)
