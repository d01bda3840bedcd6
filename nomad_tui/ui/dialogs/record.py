"""`Ctrl+R`: records the stream to a file until it is pressed again."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from nomad_tui.core.history.history import History
from nomad_tui.core.readable import byte_count, count
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Concern, Warned
from nomad_tui.sources.recording_file import RecordingFile
from nomad_tui.ui.dashboard import Dashboard
from nomad_tui.ui.dialogs.letter_menu import Choice
from nomad_tui.ui.dialogs.write_file import LONGEST_SHOWN, AskFile, NotWrittenError, explained, target_of

HELD: Final = "h"
SECRETS: Final = "x"


class Record(AskFile):
    """Its result is a sentence that says what is recorded and where; None if nothing is."""

    def __init__(self, history: History, start: Callable[[RecordingFile], None], *, is_finished: bool) -> None:
        """`is_finished` means that no more events can arrive."""
        self._is_finished = is_finished
        self._history = history
        self._start = start
        self._with_held = False
        self._redacts = True
        super().__init__("Record", self._choices(), self._ask_next)

    def _choices(self) -> tuple[Choice, ...]:
        held = f"{count(len(self._history))} rows" + ("" if self._is_finished else ", and new events")
        new = None if self._is_finished else "new events, until you press Ctrl+R again"
        return (
            Choice("n", "from now on", new, "All events have been read; no more arrive."),
            Choice(HELD, "events held", held),
            Choice(SECRETS, "secrets", "masked; x keeps them" if self._redacts else "▲ kept; x masks them"),
        )

    def _ask_next(self, choice: Choice) -> None:
        if choice.letter == SECRETS:
            self._redacts = not self._redacts
            self.ask("Record", self._choices(), self.menu.cursor)
        else:
            self._with_held = choice.letter == HELD
            self.ask_name(f"Record {choice.label}", f"nomad-recording-{datetime.now():%Y%m%d-%H%M%S}.ndjson")

    def _write_to(self, path: Path) -> None:
        history = self._history
        replace = self.may_replace(path)
        try:
            with explained(path):
                target = target_of(path, replace=replace)
                first = history.first if self._with_held else history.end
                recording = RecordingFile(target, history, first, redacts=self._redacts, replace=replace)
        except NotWrittenError as error:
            self.refuse(path, error)
            return
        self._start(recording)
        secrets = "Secrets are masked." if self._redacts else "Secrets are kept."
        self.dismiss(f"Recording to {printable(str(path), LONGEST_SHOWN)} until you press Ctrl+R again. {secrets}")


class Recording:
    """The recording in progress, if any."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        self._panes = dashboard.panes
        self._session = dashboard.session
        self._file: RecordingFile | None = None

    def toggle(self) -> None:
        if self._file is None:
            self._panes.app.push_screen(
                Record(self._session.history, self._begin, is_finished=self._dashboard.is_finished),
                self._notify,
            )
        else:
            self._notify(self.stop())

    def _begin(self, file: RecordingFile) -> None:
        self._file = file
        self._panes.run_worker(file.run(self._changed), group="record", exclusive=True, description="records events")
        self.sync()

    def stop(self) -> str | None:
        """Completes the recording; returns a sentence that says what was recorded, or None if there was none."""
        file = self._file
        if file is None:
            return None
        file.stop()
        self._file = None
        self._changed()
        self.sync()
        sentence = f"Recorded: {count(file.events)} events, {byte_count(file.size)}, to {_shown(file)}."
        if file.waiting:
            sentence += f" The last {count(file.waiting)} are not in it: {file.trouble}."
        if file.missed:
            sentence += f" Events that were evicted before they could be written: {count(file.missed)}."
        return sentence

    def sync(self) -> None:
        """Updates the number of recorded events in the header."""
        self._session.status.recorded = None if self._file is None else self._file.events

    def _changed(self) -> None:
        """Warns while nothing can be written."""
        warnings = self._session.status.warnings
        warnings.pop(Concern.RECORDING, None)
        file = self._file
        if file is not None and file.trouble:
            warnings[Concern.RECORDING] = Warned(
                Concern.RECORDING,
                f"The recording {_shown(file)} cannot be written: {printable(file.trouble, 100)}.",
                "Free disk space: it resumes where it stopped, while the events are held.",
            )

    def _notify(self, sentence: str | None) -> None:
        if sentence is not None:
            self._panes.notify(sentence, markup=False, timeout=8)


def _shown(file: RecordingFile) -> str:
    return printable(str(file.path), LONGEST_SHOWN)
