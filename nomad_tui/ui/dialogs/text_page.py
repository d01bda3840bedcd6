"""Pages that show a text in a frame: scrolled with the keys of every list, searched with `/`."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.event.find_line import FindPane
from nomad_tui.ui.event.text_viewer import Pieces, TextView
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.terminal.clipboard import start_copying

LONGEST_TITLE: Final = 200


class TextPage(Modal[None]):
    """The base of the help, the doctor, logs, warnings, unreadable lines and long texts of a payload."""

    DEFAULT_CSS = """
    TextPage > Vertical { width: 100%; height: 100%; }
    """
    FRAME: ClassVar[str]
    """The id of the frame."""
    HINTS: ClassVar[str] = "{text.find} search · {page.leave} close"
    """The line at the bottom of the frame, with actions in place of their keys."""

    def __init__(self, title: str, view: TextView | None = None) -> None:
        """`title` is untrusted."""
        super().__init__()
        self._title = title
        self.view = view or TextView()

    def compose(self) -> ComposeResult:
        with Vertical(id=self.FRAME) as self._frame:
            self.label(self._title, self.HINTS)
            yield from self.above()
            yield FindPane(self.view)

    def above(self) -> Iterable[Widget]:
        """Widgets above the text."""
        return ()

    def label(self, title: str, hints: str) -> None:
        """Writes the top and the bottom line of the frame."""
        self._frame.border_title = Content(printable(title, LONGEST_TITLE))
        self._frame.border_subtitle = Content(keymap_of(self.app).text(hints))

    def on_mount(self) -> None:
        self.view.focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self.show)

    def show(self) -> None:
        """Writes the text again, for the width of the view."""
        if self.view.is_attached and (width := self.view.scrollable_content_region.width):
            self.write(width)

    def write(self, width: int) -> None:
        self.view.show_lines(self.lines(width))

    def lines(self, width: int) -> Iterable[Pieces]:
        """The text, wrapped at `width` cells."""
        raise NotImplementedError


def paragraph(text: str, width: int, component: str = "", indent: str = "") -> Iterator[Pieces]:
    """An untrusted text of one or several lines, each wrapped between words."""
    for line in text.splitlines():
        for part in textwrap.wrap(printable(line), max(1, width - len(indent))):
            yield ("", indent), (component, part)


class TextViewer(TextPage):
    """One text of a payload."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.VIEWER)
    FRAME = "text-viewer"
    HINTS = "{page.leave} close · {text.find} search · {text.line_numbers} numbers · {viewer.copy} copy"

    def __init__(self, title: str, text: str) -> None:
        """`title` is the path of the text; both are untrusted."""
        super().__init__(title, TextView(text, line_numbers=True))
        self._text = text

    def write(self, width: int) -> None:
        """The view wraps it."""

    def action_copy(self) -> None:
        start_copying(self.app, self._text)
