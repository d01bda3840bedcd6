"""The page of a sink's dead letters: events that its receiver refused, why, and resending them."""

import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from time import time_ns
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from nomad_tui.core.export.reproduce import json_text
from nomad_tui.core.payload import parse
from nomad_tui.core.readable import age, count
from nomad_tui.core.secrets import redact
from nomad_tui.core.text import printable
from nomad_tui.journal.cursor import DeadLetter
from nomad_tui.journal.errors import JournalError
from nomad_tui.sinks.definition.definition import Definition, Kind
from nomad_tui.sinks.runner.by_hand import Answer, resend
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.dialogs.text_page import TextViewer
from nomad_tui.ui.event.row_view import Pieces, RowView
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.sinks.place import NO_OUTPUT
from nomad_tui.ui.sinks.row import LONGEST_ERROR, Fact, fitted, laid_out
from nomad_tui.ui.terminal.clipboard import start_copying
from nomad_tui.ui.themes import glyph

Read = Callable[[], Awaitable[Sequence[DeadLetter]]]
"""Raises `JournalError`."""

MAX_LISTED: Final = 1_000
WHEN_WIDTH: Final = 8
INDEX_WIDTH: Final = 9
MIN_EVENT: Final = 12
EVENT_SHARE: Final = 0.42
"""The event column's share of the width that the fixed columns leave; the rest is for the reason."""
UNUSABLE: Final = "Nothing can be sent: the sink has no valid definition."


_ADDRESS: Final = re.compile(r"[a-z]+://\S+ ")
"""The receiver's address, which is left out of the row because the details contain it."""


class LetterList(RowView):
    """One row per dead letter, the oldest first."""

    PREFIX = "sinks"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "sinks--bad",
        "sinks--cursor",
        "sinks--name",
        "sinks--plain",
        "sinks--quiet",
    }
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MOVE, Context.SCROLL, Context.LETTERS)

    class Moved(Message):
        """The cursor has moved to another letter."""

    class Asked(Message):
        """The operator asks for an action on the letter under the cursor, or on all of them."""

        def __init__(self, what: str) -> None:
            self.what = what
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="letters-list")
        self.heading = Static(id="letters-heading", markup=False)
        """The column headings above the list."""
        self._letters: Sequence[DeadLetter] = ()
        self._event_width = MIN_EVENT

    @property
    def letter(self) -> DeadLetter | None:
        """The one under the cursor."""
        return self._letters[self._cursor] if self._cursor < len(self._letters) else None

    def show(self, letters: Sequence[DeadLetter]) -> None:
        """Replaces the letters; the cursor stays on its letter, or in its row if that letter is gone."""
        before = self.letter
        self._letters = letters
        found = next((row for row, each in enumerate(letters) if before is not None and each.id == before.id), None)
        self._cursor = max(0, min(self._cursor if found is None else found, len(letters) - 1))
        most = max(MIN_EVENT, int((self._width - WHEN_WIDTH - INDEX_WIDTH - 6) * EVENT_SHARE))
        longest = max((cell_len(_event(each)) for each in letters), default=0)
        self._event_width = min(most, max(MIN_EVENT, longest))
        heading = f"{'when':>{WHEN_WIDTH}}  {'index':>{INDEX_WIDTH}}  {'event':<{self._event_width}}  why"
        self.heading.update(heading, layout=False)
        self.set_row_count(len(letters))
        self._clear_strips()

    def on_resize(self) -> None:
        self.show(self._letters)
        super().on_resize()

    @property
    def row_count(self) -> int:
        return len(self._letters)

    def _pieces(self, row: int, width: int, is_whole: bool) -> Pieces:
        letter = self._letters[row]
        event = _event(letter)
        return [
            ("quiet", f"{age(max(0, time_ns() - letter.buried)):>{WHEN_WIDTH}}  {letter.index:>{INDEX_WIDTH},}  "),
            ("name", f"{event if is_whole else fitted(event, self._event_width)}  "),
            ("bad", letter.why if is_whole else _ADDRESS.sub("", letter.why, count=1)),
        ]

    def _cursor_moved(self) -> None:
        self.post_message(self.Moved())

    def _enter(self) -> None:
        self.action_ask("open")

    def action_ask(self, what: str) -> None:
        self.post_message(self.Asked(what))


class DeadLetters(Modal[None]):
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE)

    def __init__(self, sink: str, definition: Definition | None, journal: Path, read: Read) -> None:
        """`definition` is None if the sink has no valid one; `read` returns the current letters."""
        super().__init__()
        self._sink = sink
        self._definition = definition
        self._journal = journal
        self._read = read
        self._letters: Sequence[DeadLetter] = ()
        self._result = Content("")
        """The result of the last resend."""
        self._sending = False
        self.list = LetterList()
        self._details = Static(id="letters-details-text")

    def compose(self) -> ComposeResult:
        with Vertical(id="letters") as box:
            box.border_title = Content(f"Dead letters  {printable(self._sink, 64)}")
            box.border_subtitle = Content(
                keymap_of(self.app).text(
                    "{letters.open} show · {letters.resend} resend · {letters.resend_all} resend all · "
                    "{letters.copy} copy · {page.leave} back"
                )
            )
            yield self.list.heading
            yield self.list
            yield VerticalScroll(self._details, id="letters-details", can_focus=False)

    def on_mount(self) -> None:
        self.list.focus()
        self.run_worker(self._list, group="list", exclusive=True)  # type: ignore[arg-type]

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_details)

    async def _list(self) -> None:
        try:
            self._letters = await self._read()
        except JournalError as error:
            self._result = Content.styled(str(error), "$error")
        if self.list.is_attached:
            self.list.show(self._letters)
            of = "the oldest " if len(self._letters) == MAX_LISTED else ""
            title = f"Dead letters  {printable(self._sink, 64)}  {of}{count(len(self._letters))}"
            self.query_one("#letters").border_title = Content(title)
            self._show_details()

    @on(LetterList.Moved)
    def _show_details(self) -> None:
        if self._details.is_attached:
            width = self._details.content_region.width or self.size.width
            self._details.update(laid_out(self._facts(), width))

    def _facts(self) -> list[Fact]:
        letter = self.list.letter
        facts = [Fact("resent" if not self._sending else "resending", self._result)] if self._result else []
        if letter is None:
            return [*facts, Fact("", Content("No dead letters left."))]
        what = "a gap in the stream" if letter.gap else f"{letter.topic} {letter.type} {letter.key}"
        where = f" · namespace {letter.namespace}" if letter.namespace else ""
        return [
            *facts,
            Fact("event", Content(printable(f"{what}{where} · index {letter.index:,}", LONGEST_ERROR))),
            Fact("why", Content.styled(printable(letter.why, LONGEST_ERROR), "$error")),
            Fact(
                "given up",
                Content(f"{age(max(0, time_ns() - letter.buried))}, after {_times(letter.attempts)}"),
            ),
            Fact("id", Content.styled(printable(letter.event_id, 200), "$quiet")),
        ]

    # Doing

    @on(LetterList.Asked)
    def _do(self, message: LetterList.Asked) -> None:
        letter = self.list.letter
        if letter is None:
            return
        match message.what:
            case "open":
                text = json_text(parse(redact(letter.text)).value)
                title = "Gap" if letter.gap else f"{letter.topic} {letter.key}"
                self.app.push_screen(TextViewer(f"{title}, dead letter of {self._sink}", text))
            case "copy":
                start_copying(self.app, letter.why)
            case "one":
                self._resend([letter])
            case "all":
                self._resend(self._letters)

    def _resend(self, letters: Sequence[DeadLetter]) -> None:
        definition = self._definition
        if definition is None or definition.kind is Kind.STDOUT:
            self._result = Content.styled(UNUSABLE if definition is None else NO_OUTPUT, "$warning")
            self._show_details()
        elif not self._sending:
            self._sending = True
            self._result = Content.styled(f"sending {count(len(letters))}…", "$quiet")
            self._show_details()
            self.run_worker(partial(self._resend_all, definition, letters), group="resend")  # type: ignore[arg-type]

    async def _resend_all(self, definition: Definition, letters: Sequence[DeadLetter]) -> None:
        taken = refused = 0
        last = Answer(True, "", 0.0)
        trouble = ""
        try:
            async with aclosing(resend(self._journal, definition, letters)) as answers:
                async for letter, last in answers:
                    taken += last.acknowledged
                    refused += not last.acknowledged
                    if last.acknowledged:
                        self._letters = [each for each in self._letters if each.id != letter.id]
                        self.list.show(self._letters)
                    self._show_result(taken, len(letters), last, trouble)
        except (ValueError, JournalError) as error:
            trouble = str(error)
        finally:
            self._sending = False
        self._show_result(taken, len(letters), last, trouble)
        await self._list()

    def _show_result(self, taken: int, of: int, last: Answer, trouble: str) -> None:
        parts = [
            Content.styled(f"{count(taken)} of {count(of)} acknowledged", "$success" if taken == of else "$warning")
        ]
        text = trouble or last.text
        letter = self.list.letter
        if letter is not None and text == letter.why:
            parts.append(Content("refused again for the same reason"))
        elif text:
            parts.append(
                Content.styled(printable(text, LONGEST_ERROR), "" if last.acknowledged and not trouble else "$error")
            )
        self._result = Content(" · ").join(parts)
        self._show_details()


def _event(letter: DeadLetter) -> str:
    if letter.gap:
        return "◌ gap"
    return printable(f"{glyph(letter.topic)} {letter.topic} {letter.key[:8] if len(letter.key) == 36 else letter.key}")


def _times(attempts: int) -> str:
    return "one attempt" if attempts == 1 else f"{count(attempts)} attempts"
