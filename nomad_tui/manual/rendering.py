"""Renders a page for a terminal, with rich."""

import re
from io import StringIO
from typing import ClassVar, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.padding import Padding
from rich.text import Text

from nomad_tui.manual import Page

WIDTH: Final = 80
"""Cells of a line at most: longer ones are hard to read."""
_IMAGE: Final = re.compile(r"^!\[[^]]*\]\([^)]*\)\n\n?", re.MULTILINE)
_COMMENT: Final = re.compile(r"^<!--.*?-->\n\n?", re.MULTILINE | re.DOTALL)
_TOPIC_LINK: Final = re.compile(r"\[([^]]+)\]\(([a-z-]+)\.md(?:#[^)]*)?\)")
_SECTION_LINK: Final = re.compile(r"\[([^]]+)\]\(#[^)]*\)")


class _LeftHeading(Heading):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        self.text.stylize("bold" if self.tag != "h1" else "bold underline")
        yield self.text


class _PlainCode(CodeBlock):
    """Not wrapped and not colored, so that it can be copied."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = Text(str(self.text).rstrip(), style="cyan", no_wrap=True, overflow="ignore")
        yield Padding(code, (0, 0, 0, 4), expand=False)


class _Page(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _LeftHeading,
        "fence": _PlainCode,
        "code_block": _PlainCode,
    }


def rendered(page: Page, width: int = WIDTH, *, color: bool = False) -> str:
    """The page as lines of at most `width` cells, code excepted; with ANSI colors or as plain text."""
    text = _COMMENT.sub("", _IMAGE.sub("", page.text))
    text = _TOPIC_LINK.sub(lambda link: f"{link[1]} (help {link[2]})", text)
    text = _SECTION_LINK.sub(r"\1", text)
    out = StringIO()
    console = Console(
        file=out,
        width=min(width, WIDTH),
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
        soft_wrap=False,
        legacy_windows=False,
    )
    console.print(_Page(text, hyperlinks=False), crop=False, overflow="ignore")
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
