"""The filter's input line and its list of suggestions."""

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Offset, Region
from textual.message import Message
from textual.widgets import Input, Static

from nomad_tui.config.kept import FilterHistory
from nomad_tui.core.readable import count
from nomad_tui.core.search.completion import Candidate, Completion, Vocabulary, complete
from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.line_view import LaidOutOnce

MAX_ROWS: Final = 8
TAKEN_BY: Final = "⇥"
"""Shown at the end of the row that Tab inserts."""
WIDEST_LABEL: Final = 48
WIDEST_NOTE: Final = 44


class CandidateList(Static):
    """An overlay above the line, so that nothing moves when it opens.

    It is positioned relative to the bar, and moves with the line when an error message appears below it.
    """

    DEFAULT_CLASSES: ClassVar[str] = "-closed"

    class Chosen(Message):
        """The operator clicked a candidate."""

        def __init__(self, number: int) -> None:
            self.number = number
            super().__init__()

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._first = 0
        """Index of the candidate in the first row."""
        self._rows = 0

    def offer(self, completion: Completion, chosen: int, at: Offset) -> None:
        """Lists the candidates around the chosen one; `at` is the place on the screen where they would be inserted."""
        candidates = completion.candidates
        screen = self.screen.size
        rows = max(1, min(MAX_ROWS, len(candidates), at.y - 2))
        self._first = min(max(0, chosen - rows + 1), len(candidates) - rows)
        self._rows = rows
        shown = candidates[self._first : self._first + rows]
        labels = max(min(WIDEST_LABEL, cell_len(each.label)) for each in shown)
        notes = max(min(WIDEST_NOTE, cell_len(_note(each))) for each in shown)
        labels = min(labels, max(8, screen.width - 6))
        notes = max(0, min(notes, screen.width - labels - 6))
        lines = [
            self._line(each, number == chosen, labels, notes) for number, each in enumerate(shown, start=self._first)
        ]
        more = len(candidates) - rows
        width = labels + notes + 6
        if more:
            lines.append(Content.styled(set_cell_size(f" … {count(more)} more", width), "$quiet"))
        self.update(Content("\n").join(lines))
        self.styles.width = width
        self.styles.height = len(lines)
        self.styles.offset = (max(0, min(at.x - 1, screen.width - width)), -len(lines))
        self.remove_class("-closed")

    def close(self) -> None:
        self.add_class("-closed")

    @staticmethod
    def _line(candidate: Candidate, is_chosen: bool, labels: int, notes: int) -> Content:
        label = set_cell_size(candidate.label, labels)
        note = _note(candidate)
        note = note.rjust(notes) if candidate.count is not None else note
        end = f" {TAKEN_BY} " if is_chosen else "   "
        line = Content.assemble(f" {label}  ", (set_cell_size(note, notes), "$quiet"), (end, "$accent"))
        return line.stylize("bold on $chosen") if is_chosen else line

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < self._rows:
            self.post_message(self.Chosen(self._first + offset.y))


def _note(candidate: Candidate) -> str:
    return candidate.note if candidate.count is None else count(candidate.count)


LONGEST_LINE: Final = 10_000
"""Characters. A longer text is no filter, but a paste of something else."""


class FilterLine(Input, LaidOutOnce, can_focus=False):
    """Takes the focus by a key or a click only, so that Tab moves between the panes.

    Up goes back in the history. Down goes forward in it or, if no earlier filter is shown, into the list of candidates,
    where both then move. Before that, Tab inserts the first candidate and Enter leaves the line.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.FILTER)

    class Entered(Message):
        """The line got the focus."""

    class Leave(Message):
        """The operator has finished typing."""

    class Left(Message):
        """The line lost the focus."""

    class Save(Message):
        """The operator asks to save the filter."""

    def __init__(
        self,
        history: FilterHistory,
        vocabulary: Vocabulary,
        candidates: CandidateList,
        *,
        hints: Sequence[str],
        id: str,  # noqa: A002
    ) -> None:
        """`hints` are texts for the empty line, shown as far as there is room; each starts with its separator."""
        super().__init__(id=id, compact=True, select_on_focus=False, max_length=LONGEST_LINE)
        self._hints = hints
        self._history = history
        self._vocabulary = vocabulary
        self._candidates = candidates
        self._history_index: int | None = None
        """Index of the earlier filter that is shown; None if none is."""
        self._inserted: str | None = None
        """The text last inserted by a key or an option, such as a saved filter's."""
        self._draft = ""
        """What was typed before an earlier filter was shown."""
        self._silent_at: str | None = None
        """The text for which no list is shown, because the operator closed the list or did not type the text."""
        self._asked_at: str | None = None
        """The text for which the operator opened the list."""
        self._chosen = 0
        self._choosing = False
        self._known: tuple[str, int, str | None, str | None] | None = None
        self._completion: Completion | None = None

    def edit(self) -> None:
        """Focuses the line. What is typed after a filter that was not typed is another term."""
        self.can_focus = True
        if not self.has_focus and self.value == self._inserted:
            self._set(f"{self.value} ")
        self._silent_at = self.value
        self.screen.set_focus(self)

    def put(self, text: str) -> None:
        """Replaces the text as if it had been typed, but without showing candidates."""
        self._history_index = None
        self._set(printable(text))
        self._inserted = self.value or None

    def hint(self, hints: Sequence[str]) -> None:
        """Replaces the hints of the empty line."""
        self._hints = hints
        self._fit_hints()

    def _fit_hints(self) -> None:
        """Shows as many hints as fit; the first one is truncated if it does not."""
        shown, *others = map(keymap_of(self.app).text, self._hints)
        for hint in others:
            if cell_len(shown + hint) > self.content_size.width:
                break
            shown += hint
        self.placeholder = shown

    def _set(self, text: str) -> None:
        self._silent_at = text
        self.value = text
        self.cursor_position = len(text)
        self.call_after_refresh(self._scroll)

    def _scroll(self) -> None:
        """Scroll to the cursor, which Textual does not do for the first text of an input; without focus, to the start.

        A filter that is shown from its middle would mean something else.
        """
        at = self._cursor_offset if self.has_focus else 0
        self.scroll_to_region(Region(at, 0, 1, 1), force=True, animate=False)

    def on_mouse_down(self) -> None:
        self.edit()

    def on_focus(self) -> None:
        self.call_after_refresh(self._scroll)
        self.post_message(self.Entered())

    def on_blur(self) -> None:
        self.can_focus = False
        self._history_index = None
        self._candidates.close()
        self._set(self.value.rstrip())
        self.post_message(self.Left())

    # The list of candidates

    @property
    def completion(self) -> Completion | None:
        """The candidates at the cursor; None while the list is closed."""
        state = (self.value, self.cursor_position, self._silent_at, self._asked_at)
        if state != self._known:
            self._known = state
            self._chosen, self._choosing = 0, False
            self._completion = None
            if self.value != self._silent_at and self.selection.is_empty:
                asked = self.value == self._asked_at
                self._completion = complete(self.value, self.cursor_position, self._vocabulary, asked=asked)
        return self._completion

    def watch_value(self) -> None:
        if self._silent_at != self.value:
            self._history_index = None
        self.call_later(self._show_candidates)

    def watch_selection(self) -> None:
        self.call_later(self._show_candidates)

    def on_resize(self) -> None:
        """The line's width changes with the number of matches next to it."""
        self._fit_hints()
        if self.has_focus:
            self._scroll()
            self.call_later(self._show_candidates)

    def _show_candidates(self) -> None:
        completion = self.completion if self.has_focus else None
        if completion is None:
            self._candidates.close()
            return
        x, y, *_ = self.content_region
        before = self._position_to_cell(completion.start)
        self._candidates.offer(completion, self._chosen, Offset(x + before - self.scroll_offset.x, y))

    def take(self, number: int) -> None:
        """Inserts a candidate at the cursor."""
        completion = self.completion
        if completion is None or number >= len(completion.candidates):
            return
        text = completion.candidates[number].text
        start, cursor = completion.start, self.cursor_position
        self.value = self.value[:start] + text + self.value[cursor:]
        self.cursor_position = start + len(text)
        if text[-1:] not in (":", ".", " "):
            self._silent_at = self.value

    def _choose(self, number: int) -> None:
        self._chosen = number
        self._choosing = number >= 0
        self._chosen = max(0, number)
        self._show_candidates()

    # Keys

    def action_nothing(self) -> None:
        """For keys that would otherwise leave the line, so that the text typed next would act as commands."""

    def action_take(self) -> None:
        self.take(self._chosen)

    def action_propose(self) -> None:
        self._silent_at = None
        self._asked_at = self.value
        self._show_candidates()

    def action_earlier(self) -> None:
        if self.completion is not None and self._choosing:
            self._choose(self._chosen - 1)
            return
        texts = self._history.texts
        if self._history_index is None:
            self._draft = self.value
        place = len(texts) if self._history_index is None else self._history_index
        place -= 1
        while 0 <= place < len(texts) and texts[place] == self.value.rstrip():
            place -= 1
        if 0 <= place < len(texts):
            self._set(texts[place])
            self._history_index = place

    def action_later(self) -> None:
        if self._history_index is not None:
            texts = self._history.texts
            place = self._history_index + 1
            if place < len(texts):
                self._set(texts[place])
                self._history_index = place
            else:
                self._set(self._draft)
                self._history_index = None
        elif (completion := self.completion) is not None:
            number = self._chosen + 1 if self._choosing else min(1, len(completion.candidates) - 1)
            self._choose(min(number, len(completion.candidates) - 1))

    def action_save(self) -> None:
        self.post_message(self.Save())

    def action_clear_filter(self) -> None:
        if self.completion is not None:
            self._silent_at, self._asked_at = self.value, None
            self._show_candidates()
            return
        self._set("")
        self.action_leave()

    def action_leave(self) -> None:
        self.screen.set_focus(None)
        self.post_message(self.Leave())

    async def action_submit(self) -> None:
        if self.completion is not None and self._choosing:
            self.take(self._chosen)
        else:
            self.action_leave()

    def on_paste(self, event: events.Paste) -> None:
        """Inserts a paste of several lines as one."""
        event.prevent_default()
        event.stop()
        self.replace(" ".join(event.text.split()), *self.selection)
        self.call_after_refresh(self._scroll)

    def replace(self, text: str, start: int, end: int) -> None:
        """Makes typed or pasted text safe to display before inserting it."""
        super().replace(printable(text), start, end)

    def restricted(self) -> None:
        self.notify(
            f"Filter unchanged: it is limited to {count(LONGEST_LINE)} characters.",
            severity="warning",
            markup=False,
        )
