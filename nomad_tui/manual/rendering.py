"""Renders a page for a terminal, with rich."""

import re
from io import StringIO
from typing import ClassVar, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement, TableElement
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from nomad_tui.manual import Page

WIDTH: Final = 80
"""Cells per line at most: longer lines are hard to read."""
_LEFT_OUT: Final = re.compile(r"^(?:!\[[^]]*\]\([^)]*\)|<!--.*?-->)\n+", re.MULTILINE)
"""Images and comments."""
_TOPIC_LINK: Final = re.compile(r"\[([^]]+)\]\(([a-z-]+)\.md(?:#[^)]*)?\)")
_SECTION_LINK: Final = re.compile(r"\[([^]]+)\]\(#[^)]*\)")
_FENCED: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_BLANK_LINES: Final = re.compile(r"\n\s*\n(\s*\n)+(?! {4})")


class _LeftHeading(Heading):
    """Bold in color, underlined in plain text."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        self.text.stylize("bold underline" if self.tag == "h1" else "bold")
        yield self.text
        if console.no_color:
            yield Text(("═" if self.tag == "h1" else "─") * self.text.cell_len)


class _PlainCode(CodeBlock):
    """Not wrapped or framed, so that it can be copied."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = Text(str(self.text).rstrip(), style="cyan", no_wrap=True, overflow="ignore")
        yield Padding(code, (0, 0, 0, 4), expand=False)


class _UncutTable(TableElement):
    """Wraps a long word instead of truncating it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for part in super().__rich_console__(console, options):
            if isinstance(part, Table):
                for column in part.columns:
                    column.overflow = "fold"
            yield part


class _Page(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _LeftHeading,
        "table_open": _UncutTable,
        "fence": _PlainCode,
        "code_block": _PlainCode,
    }


def rendered(page: Page, width: int = WIDTH, *, color: bool = False) -> str:
    """The page in lines of at most `width` cells, except code; with ANSI colors or as plain text."""
    text = _LEFT_OUT.sub("", page.text)
    text = _TOPIC_LINK.sub(lambda link: f"{link[1]} (help {link[2]})", text)
    text = _SECTION_LINK.sub(r"\1", text)
    if not color:
        text = _code_in_backticks(text)
    out = StringIO()
    console = Console(
        file=out,
        width=min(width, WIDTH),
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
    )
    console.print(_Page(text, hyperlinks=False), crop=False)
    lines = "\n".join(line.rstrip() for line in out.getvalue().splitlines())
    return _BLANK_LINES.sub("\n\n", lines).strip("\n") + "\n"


def segments(page: Page, width: int) -> list[list[Segment]]:
    """The page in lines of styled segments; a link's style contains its target, such as `tls.md`."""
    console = Console(
        file=StringIO(),
        width=min(width, WIDTH),
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
    )
    drawn = console.render(_Page(_LEFT_OUT.sub("", page.text), hyperlinks=True))
    return [list(line) for line in Segment.split_lines(drawn)]


def _code_in_backticks(text: str) -> str:
    """Escapes inline code so that its backticks are displayed."""
    fences = [*_FENCED.finditer(text)]
    starts = [0, *(fence.end() for fence in fences)]
    ends = [*(fence.start() for fence in fences), len(text)]
    prose = [_CODE.sub(r"`` `\1` ``", text[start:end]) for start, end in zip(starts, ends, strict=True)]
    code = [*(fence[0] for fence in fences), ""]
    return "".join(part for pair in zip(prose, code, strict=True) for part in pair)
