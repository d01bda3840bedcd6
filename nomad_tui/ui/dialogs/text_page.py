"""Pages that show a text in a frame: their base, long texts, unreadable lines (`u`), warnings (`W`) and the doctor."""

import textwrap
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from nomad_tui.core.permissions import MANAGEMENT, Permissions
from nomad_tui.core.readable import byte_count, count
from nomad_tui.core.secrets import masked_text
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Concern
from nomad_tui.doctor import report
from nomad_tui.doctor.findings import Examination, Item
from nomad_tui.doctor.report import Ink
from nomad_tui.session import Status
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.event.find_line import FindPane
from nomad_tui.ui.event.text_viewer import Pieces, TextView
from nomad_tui.ui.facets.refusals import SET_TOKEN, grant, lacking
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.status import in_order
from nomad_tui.ui.terminal.clipboard import start_copying

LONGEST_TITLE: Final = 200


class TextPage(Modal[None]):
    """The base of the pages for help, doctor, logs, warnings, unreadable lines and long texts of a payload."""

    DEFAULT_CSS = """
    TextPage > Vertical { width: 100%; height: 100%; }
    """
    FRAME: ClassVar[str]
    """ID of the frame."""
    HINTS: ClassVar[str] = "{text.find} search · {page.leave} close"
    """The bottom line of the frame; keys are written as `{action}`."""

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
        """Sets the top and bottom lines of the frame."""
        self._frame.border_title = Content(printable(title, LONGEST_TITLE))
        self._frame.border_subtitle = Content(keymap_of(self.app).text(hints))

    def on_mount(self) -> None:
        self.view.focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self.show)

    def show(self) -> None:
        """Updates the text, wrapped at the width of the view."""
        if self.view.is_attached and (width := self.view.scrollable_content_region.width):
            self.write(width)

    def write(self, width: int) -> None:
        self.view.show_lines(self.lines(width))

    def lines(self, width: int) -> Iterable[Pieces]:
        """The text, wrapped at `width` cells. Override this or `write`."""
        return ()


def paragraph(text: str, width: int, component: str = "", indent: str = "") -> Iterator[Pieces]:
    """The lines of an untrusted text, wrapped between words."""
    for line in text.splitlines():
        for part in textwrap.wrap(printable(line), max(1, width - len(indent))):
            yield ("", indent), (component, part)


class TextViewer(TextPage):
    """A long text of a payload."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.VIEWER)
    FRAME = "text-viewer"
    HINTS = "{page.leave} close · {text.find} search · {text.line_numbers} numbers · {viewer.copy} copy"

    def __init__(self, title: str, text: str) -> None:
        """`title` is the path of the text; both are untrusted."""
        super().__init__(title, TextView(text, line_numbers=True))
        self._text = text

    def write(self, width: int) -> None:
        """Does nothing: the view wraps the text."""

    def action_copy(self) -> None:
        start_copying(self.app, self._text)


class UnreadableLines(TextPage):
    """Shows the first unreadable lines, with their secrets masked."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.UNREADABLE)
    FRAME = "unreadable"

    def __init__(self, status: Status) -> None:
        super().__init__(f"Unreadable: {count(status.unreadable)}, repaired: {count(status.repaired)}")
        self._status = status

    def lines(self, width: int) -> Iterable[Pieces]:
        status = self._status
        lines = status.unreadable_lines
        if not lines:
            yield (("", "Every line could be read."),)
        for line in lines:
            yield ("warn", line.reason[:200]), ("quiet", f" {byte_count(line.length)}")
            yield from paragraph(printable(masked_text(line.excerpt.decode("utf-8", "replace")), 400), width)
            yield ()
        if status.unreadable > len(lines):
            yield from paragraph(f"… and {count(status.unreadable - len(lines))} more, which were only counted.", width)


LONGEST: Final = 4_000
"""Characters of a warning, and of its remedy."""


class WarningList(TextPage):
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.WARNINGS)
    FRAME = "warnings"

    def __init__(self, status: Status) -> None:
        super().__init__("Warnings")
        self._status = status

    def lines(self, width: int) -> Iterable[Pieces]:
        status = self._status
        if not status.warnings and status.permissions is None:
            yield (("", "No warnings."),)
        for warned in in_order(status.warnings):
            first, *rest = paragraph(warned.what[:LONGEST], width - 2, "strong") or [()]
            yield ("warn", "▲ "), *first
            yield from (((("", "  "), *line)) for line in rest)
            if warned.concern is not Concern.PERMISSION or status.permissions is None:  # else it is listed below
                yield from paragraph(warned.remedy[:LONGEST], width, indent="  ")
            yield ()
        if status.permissions is not None:
            yield from _refusals(status.permissions, width)


def _refusals(permissions: Permissions, width: int) -> Iterator[Pieces]:
    needs = lacking(permissions.refused, permissions)
    yield (("strong", "Not readable with this token"),)
    for need, topics in needs.items():
        yield from paragraph(f"needs {need}", width, "quiet")
        yield from paragraph(", ".join(topics), width, indent="  ")
    if policy := grant(permissions.refused, permissions):
        yield ()
        yield ("strong", "Policy that grants it  "), ("quiet", "add it to a policy of the token, then press r")
        yield from paragraph(policy, width)
    if MANAGEMENT in needs:
        yield ()
        yield from paragraph(f"{SET_TOKEN} {MANAGEMENT} for the topics that no policy grants.", width)


COPIED_WIDTH: Final = 100
"""Line length in cells of the copied report."""
_STYLES: Final[dict[Ink, str]] = {
    Ink.PLAIN: "",
    Ink.QUIET: "quiet",
    Ink.STRONG: "strong",
    Ink.GOOD: "good",
    Ink.NOTE: "warn",
    Ink.BAD: "bad",
}


class DoctorPage(TextPage):
    """Runs the checks when opened, and stops them when closed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.DOCTOR)
    FRAME = "doctor"
    HINTS = "{doctor.again} again · {doctor.copy} copy · {text.find} search · {page.leave} close"

    def __init__(self, name: str, examine: Callable[[], AsyncGenerator[Item, None]]) -> None:
        """`name` is the server or profile; untrusted. Each call of `examine` starts the checks again."""
        super().__init__(f"Doctor  {name}")
        self._examine = examine
        self.examination = Examination()

    def on_mount(self) -> None:
        self.action_again()

    def action_again(self) -> None:
        self.view.action_first()
        # A function: Python would warn of a coroutine that has not started when the page closes.
        self.run_worker(self._run, group="doctor", exclusive=True, description="examines the connection")  # type: ignore[arg-type]

    async def _run(self) -> None:
        examination = self.examination = Examination()
        self.show()
        async with aclosing(self._examine()) as items:
            async for item in items:
                examination.take(item)
                self.show()
        examination.complete = True
        if examination.policy:
            self.label(self._title, f"{{doctor.copy_policy}} copy policy · {self.HINTS}")
        self.show()

    def lines(self, width: int) -> Iterable[Pieces]:
        for line in report.page(self.examination, width):
            yield [(_STYLES[ink], text) for text, ink in line]

    def action_copy(self) -> None:
        start_copying(self.app, report.plain(report.page(self.examination, COPIED_WIDTH)))

    def action_copy_policy(self) -> None:
        if self.examination.policy:
            start_copying(self.app, f"{self.examination.policy}\n")
        else:
            self.notify("No policy to copy: none would grant more.", markup=False)
