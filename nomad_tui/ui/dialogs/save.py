"""The dialog of `w`: saves the current event, marked events, matches or all events, in a chosen format."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Final

from textual.worker import Worker

from nomad_tui.core.export.formats import RAW, EventLines, Export, Output
from nomad_tui.core.export.report import About, Report
from nomad_tui.core.history.history import History
from nomad_tui.core.readable import byte_count, count, number_of
from nomad_tui.core.text import printable
from nomad_tui.ui.dialogs.letter_menu import Choice
from nomad_tui.ui.dialogs.write_file import LONGEST_SHOWN, AskFile, NewFile, NotWrittenError

SLICE: Final = 0.004
"""Seconds of work between two yields to the event loop."""
PAUSE: Final = 0.002
"""Seconds to yield: a key takes several iterations of the event loop until it is drawn."""
WRITE_SIZE: Final = 1024 * 1024
"""Bytes per write."""
REPORT_INTERVAL: Final = 0.1
"""Seconds between two updates of the progress bar."""
BAR: Final = 30

EVENT: Final = "e"
REPORT: Final = "r"
SECRETS: Final = "x"
FORMS: Final = {"n": Output.NDJSON, "f": Output.FRAMES, "c": Output.CSV, "m": Output.MARKDOWN}


@dataclass(frozen=True, slots=True)
class Selection:
    """A set of rows that can be saved."""

    letter: str
    label: str
    name: str
    """One word, for the file name."""
    rows: int
    sequences: Callable[[], Awaitable[Sequence[int]]]
    """Returns the rows in order, once all are known."""
    why_not: str = ""
    """Why there may be no rows."""


class Save(AskFile):
    """Its result is a sentence that says what was saved and where; None if nothing was."""

    def __init__(
        self,
        history: History,
        event: tuple[Callable[[], str], str] | None,
        selections: Sequence[Selection],
        marks: Sequence[int],
        about: About,
    ) -> None:
        """`event` is a function that returns the current event's text, and its file name; None if there is no event."""
        self._history = history
        self._event = event
        self._selections = {each.letter: each for each in selections}
        self._marks = marks
        self._about = about
        self._selection: Selection | None = None
        self._form = ""
        self._redacts = True
        self._worker: Worker[None] | None = None
        first = Choice(EVENT, "this event", event[1] if event else None, "No event is selected. Select one first.")
        others = (
            Choice(each.letter, each.label, number_of(each.rows, "row") if each.rows else None, each.why_not)
            for each in selections
        )
        super().__init__("Save", (first, *others), self._ask_next)

    # Asking

    def _ask_next(self, choice: Choice) -> None:
        if self._selection is None and choice.letter == EVENT and self._event is not None:
            self._text = self._event[0]
            self.ask_name("Save this event as JSON", self._event[1])
        elif self._selection is None:
            self._selection = self._selections[choice.letter]
            self._ask_form()
        elif choice.letter == SECRETS:
            self._redacts = not self._redacts
            self._ask_form(self.menu.cursor)
        else:
            self._form = choice.letter
            self.ask_name(f"Save {self._selection.label} as {choice.label}", self._file_name())

    def _ask_form(self, cursor: int = 0) -> None:
        assert self._selection is not None
        secrets = "masked; x keeps them" if self._redacts else "▲ kept, for NDJSON; x masks them"
        self.ask(
            f"Save {self._selection.label}",
            (
                Choice("n", "NDJSON of events", "one event per line; open and tail read it"),
                Choice("f", "NDJSON of frames", "one frame per line, as sent; open and tail read it"),
                Choice("c", "CSV", "for spreadsheets; no text becomes a formula"),
                Choice("m", "a Markdown table", "one row per event, for issues and chats"),
                Choice(REPORT, "an incident report", "Markdown: rates, marked events, timeline"),
                Choice(SECRETS, "secrets", secrets),
            ),
            cursor,
        )

    def _file_name(self) -> str:
        assert self._selection is not None
        if self._form == REPORT:
            return f"nomad-report-{datetime.now():%Y%m%d-%H%M%S}.md"
        suffix = {Output.CSV: "csv", Output.MARKDOWN: "md"}.get(FORMS[self._form], "ndjson")
        return f"nomad-{self._selection.name}-{datetime.now():%Y%m%d-%H%M%S}.{suffix}"

    # Writing

    def _write_to(self, path: Path) -> None:
        if self._selection is None:
            super()._write_to(path)
            return
        self._worker = self.run_worker(
            self._save(path, self._selection), group="save", exclusive=True, description="saves events"
        )
        self.show_progress("beginning …")

    async def _save(self, path: Path, selection: Selection) -> None:
        try:
            with NewFile(path, replace=self.may_replace(path)) as file:
                self.show_progress("searching …")
                job = self._job(await selection.sequences())
                await write_pieces(job, file, lambda: self.show_progress(_bar(job, file.size)))
                self._worker = None  # moving the file to its path cannot be canceled
                await asyncio.to_thread(file.commit)
        except NotWrittenError as error:
            self.ask_again()
            self.refuse(path, error)
        else:
            self.dismiss(self._summary(job, path, file.size))

    def _job(self, sequences: Sequence[int]) -> Export | Report:
        if self._form == REPORT:
            return Report(self._history, sequences, self._marks, self._about)
        lines = EventLines(
            self._history, FORMS[self._form], redacts=self._redacts, timezone=self._about.timezone, encoding="utf-8"
        )
        return Export(self._history, sequences, lines)

    def _summary(self, job: Export | Report, path: Path, size: int) -> str:
        sentence = (
            f"Saved: {count(job.events)} events, {byte_count(size)}, to {printable(str(path), LONGEST_SHOWN)} "
            "(mode 0600)."
        )
        if self._form in FORMS and FORMS[self._form] in RAW and not self._redacts:
            sentence += " It contains unmasked secrets."
        if job.gaps_left_out:
            sentence += f" Gaps that are not in it: {count(job.gaps_left_out)}."
        if job.evicted:
            sentence += f" Events that were evicted before they were written: {count(job.evicted)}."
        return sentence

    def action_leave(self) -> None:
        if self._worker is not None:
            self._worker.cancel()  # this removes the incomplete file
        elif self.is_at_work:
            return  # the file is complete; the dialog closes by itself
        super().action_leave()


async def write_pieces(pieces: Iterable[bytes], file: NewFile, report: Callable[[], None]) -> None:
    """Writes pieces as they are generated, yielding regularly. Raises `NotWrittenError`."""
    waiting: list[bytes] = []
    size = 0
    turn = reported = perf_counter()
    for piece in pieces:
        if piece:
            waiting.append(piece)
            size += len(piece)
        now = perf_counter()
        if size >= WRITE_SIZE:
            await asyncio.to_thread(file.write, b"".join(waiting))
            waiting, size = [], 0
            turn = perf_counter()
        elif now - turn > SLICE:
            await asyncio.sleep(PAUSE)
            turn = perf_counter()
        if now - reported > REPORT_INTERVAL:
            report()
            reported = now
    await asyncio.to_thread(file.write, b"".join(waiting))


def _bar(job: Export | Report, size: int) -> str:
    share = job.done / max(1, job.total)
    filled = int(share * BAR)
    bar = "█" * filled + "░" * (BAR - filled)
    return f"{bar} {share:4.0%}  {count(job.done)} of {count(job.total)}, {byte_count(size)}"
