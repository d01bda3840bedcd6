"""What came over the wire and could not be shown as events."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from nomad_tui.core.readable import byte_count, count
from nomad_tui.core.secrets import masked_text
from nomad_tui.core.text import printable
from nomad_tui.session import Status
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.modal import Modal


class UnreadableLines(Modal[None]):
    """The first lines that were no frames, as they came, made fit to be drawn."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.UNREADABLE)

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status

    def compose(self) -> ComposeResult:
        status = self._status
        lines = status.unreadable_lines
        with VerticalScroll(id="unreadable") as box:
            box.border_title = Content(f"Unreadable: {count(status.unreadable)}, repaired: {count(status.repaired)}")
            box.border_subtitle = Content("Esc closes")
            if not lines:
                yield Static(Content("Everything that came could be read."))
            for line in lines:
                excerpt = printable(masked_text(line.excerpt.decode("utf-8", "replace")), 400)
                yield Static(
                    Content.from_markup(
                        "[$warning]$reason[/] [$quiet]$size[/]\n$excerpt",
                        reason=printable(line.reason, 200),
                        size=byte_count(line.length),
                        excerpt=excerpt,
                    )
                )
            if status.unreadable > len(lines):
                yield Static(Content(f"… and {count(status.unreadable - len(lines))} more, which were only counted."))
