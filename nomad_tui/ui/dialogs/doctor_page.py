"""The doctor's findings, shown as they come while the stream continues."""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import ClassVar, Final

from textual.binding import BindingType

from nomad_tui.doctor import report
from nomad_tui.doctor.findings import Examination, Item
from nomad_tui.doctor.report import Ink
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.text_page import TextPage
from nomad_tui.ui.event.text_viewer import Pieces
from nomad_tui.ui.terminal.clipboard import start_copying

COPIED_WIDTH: Final = 100
"""Cells of a line in what is copied."""
_STYLES: Final[dict[Ink, str]] = {
    Ink.PLAIN: "",
    Ink.QUIET: "quiet",
    Ink.STRONG: "strong",
    Ink.GOOD: "good",
    Ink.NOTE: "warn",
    Ink.BAD: "bad",
}


class DoctorPage(TextPage):
    """Runs the checks when it opens, and stops them when it closes."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.DOCTOR)
    FRAME = "doctor"
    HINTS = "{doctor.again} again · {doctor.copy} copy · {text.find} search · {page.leave} close"

    def __init__(self, name: str, examine: Callable[[], AsyncGenerator[Item, None]]) -> None:
        """`name` is the server or profile, untrusted; each call of `examine` starts the checks again."""
        super().__init__(f"Doctor  {name}")
        self._examine = examine
        self.examination = Examination()

    def on_mount(self) -> None:
        self.action_again()

    def action_again(self) -> None:
        self.view.action_first()
        # As a function: a coroutine that has not begun when the page closes would be warned of.
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
