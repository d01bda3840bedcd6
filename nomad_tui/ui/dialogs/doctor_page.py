"""What the doctor finds, as it finds it, over the dashboard whose stream goes on."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from nomad_tui.core.text import printable
from nomad_tui.doctor import report
from nomad_tui.doctor.findings import Examination, Item
from nomad_tui.doctor.report import Ink, Line
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.terminal.clipboard import start_copying

COPIED_WIDTH: Final = 100
"""Cells of a line in what is copied."""
_STYLES: Final[dict[Ink, str]] = {
    Ink.PLAIN: "",
    Ink.QUIET: "$quiet",
    Ink.STRONG: "b",
    Ink.GOOD: "$success",
    Ink.NOTE: "b $warning",
    Ink.BAD: "b $error",
}


class DoctorPage(Modal[None]):
    """Runs the checks when it opens, and stops them when it closes."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.MOVE, Context.DOCTOR)

    def __init__(self, name: str, examine: Callable[[], AsyncGenerator[Item, None]]) -> None:
        """`name` is what is examined, untrusted; `examine` begins anew each time it is called."""
        super().__init__()
        self._examined = name
        self._examine = examine
        self.examination = Examination()
        self._text = Static(id="doctor-text")
        self._box = VerticalScroll(self._text, id="doctor")

    def compose(self) -> ComposeResult:
        self._box.border_title = Content(f"Doctor  {printable(self._examined, 60)}")
        yield self._box

    def on_mount(self) -> None:
        self._box.focus()
        self.action_again()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def action_again(self) -> None:
        self._box.scroll_home(animate=False)
        # As a function: a coroutine that has not begun when the page closes would be warned of.
        self.run_worker(self._run, group="doctor", exclusive=True, description="examines the connection")  # type: ignore[arg-type]

    async def _run(self) -> None:
        examination = self.examination = Examination()
        self._show()
        async with aclosing(self._examine()) as items:
            async for item in items:
                examination.take(item)
                self._show()
        examination.complete = True
        self._show()

    def _show(self) -> None:
        if not self._text.is_attached:
            return
        width = self._box.scrollable_content_region.width or self.app.size.width
        self._text.update(Content("\n").join(map(_content, report.page(self.examination, width))))
        keys = "{page.leave} closes · {doctor.again} again · {doctor.copy} copy"
        keys += " · {doctor.copy_policy} copy policy" if self.examination.policy else ""
        self._box.border_subtitle = Content(keymap_of(self.app).text(keys))

    def action_move(self, rows: int) -> None:
        self._box.scroll_to(y=self._box.scroll_offset.y + rows, animate=False)

    def action_move_pages(self, pages: float) -> None:
        self.action_move(int(pages * max(2, self._box.scrollable_content_region.height - 1)))

    def action_first(self) -> None:
        self._box.scroll_home(animate=False)

    def action_last(self) -> None:
        self._box.scroll_end(animate=False)

    def action_copy(self) -> None:
        start_copying(self.app, report.plain(report.page(self.examination, COPIED_WIDTH)))

    def action_copy_policy(self) -> None:
        if self.examination.policy:
            start_copying(self.app, f"{self.examination.policy}\n")
        else:
            self.notify("There is no policy to copy: none would grant more.", markup=False)


def _content(line: Line) -> Content:
    return Content.assemble(*((text, _STYLES[ink]) if _STYLES[ink] else text for text, ink in line))
