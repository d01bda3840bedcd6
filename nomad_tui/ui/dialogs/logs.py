"""The page of `L`: the logs of an allocation's tasks, followed while the page is open."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from time import perf_counter
from typing import Any, ClassVar, Final

from textual.binding import BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from nomad_tui.core.objects.allocation import ALLOCATION
from nomad_tui.core.objects.parts import short
from nomad_tui.core.readable import count
from nomad_tui.core.text import printable
from nomad_tui.nomad.task_logs import LogsUnavailableError, LogText, TaskLog, read_log
from nomad_tui.session import Session
from nomad_tui.sources.live import LiveServer
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.text_page import TextPage
from nomad_tui.ui.event.text_viewer import TextView

TYPES: Final = ("stdout", "stderr")
REFRESH_INTERVAL: Final = 0.2
"""Seconds between two updates of the text."""
REST_FACTOR: Final = 10
"""The text is not updated again for this many times as long as the last update took: wrapping a long log with wide
characters takes some 0.1 s."""
NOTE: Final = "As the task wrote it; secrets are not masked. Logs are not saved with the event."

ReadLog = Callable[[str, str], AsyncGenerator[bytes, None]]
"""Reads and follows the log of a task, by the task's name and the type. Raises `LogsUnavailableError`."""


class LogView(TextView):
    """A growing text that stays scrolled to its end unless the operator scrolls up."""

    _end = 0
    """The top row when the end was last in view."""

    @property
    def has_moved_up(self) -> bool:
        """Whether the operator has scrolled up from the end, which itself moves up in a taller window."""
        return self.scroll_offset.y < min(self._end, self._last_top)

    @property
    def _last_top(self) -> int:
        return max(0, self.virtual_size.height - self.scrollable_content_region.height)

    def _stay_at_end(self) -> None:
        if not self.has_moved_up:  # by a key that came in between
            self._end = self._last_top
            self.show_at_top(self._end)
            self.refresh()

    def replace(self, text: str, *, at_end: bool) -> None:
        """Shows the grown text, at its end or at the current scroll position."""
        self._set_text(text)
        self._wrap()
        if at_end:
            self.show_at_top(self._last_top)
            self.refresh()
            self.call_after_refresh(self._stay_at_end)  # a scrollbar that appears resets the scroll position
        self._search_again()


class LogsPage(TextPage):
    """Reads one log at a time; switching to another task or type reads that one from its end."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.LOGS)
    FRAME = "logs"

    def __init__(self, title: str, tasks: Sequence[str], read: ReadLog) -> None:
        """`title` names the allocation. It and the names of the tasks are untrusted."""
        self.log_view = LogView()
        super().__init__(f"Logs  {printable(title, 80)}", self.log_view)
        self._tasks = tuple(tasks)
        self._read = read
        self._number = 0
        self._type = 0
        self._text = LogText()
        self._has_news = False
        self._rests_until = 0.0
        self._state = ""
        """The note above the text."""
        self._is_trouble = False
        self._follows = True
        self._note = Static(id="logs-note")

    def above(self) -> Iterable[Widget]:
        yield self._note

    def on_mount(self) -> None:
        self.set_interval(REFRESH_INTERVAL, self._show_news)
        self._begin()

    # Reading

    def _begin(self) -> None:
        self._text = LogText()
        self._follows, self._is_trouble = True, False
        self._state = "reading…" if self._tasks else "No task of this allocation has started: there are no logs."
        self.show()
        if self._tasks:
            # A function: Python would warn of a coroutine that has not started when the page closes.
            self.run_worker(self._run, group="logs", exclusive=True, description="reads a task's log")  # type: ignore[arg-type]

    async def _run(self) -> None:
        log, which = self._text, (self._tasks[self._number], TYPES[self._type])
        try:
            async with aclosing(self._read(*which)) as parts:
                async for part in parts:
                    log.feed(part)
                    self._state = "" if len(log) else "empty so far"
                    self._has_news = True
            self._state = "the log has ended" if len(log) else "empty"
        except LogsUnavailableError as error:
            self._state, self._is_trouble = str(error), True
        self._has_news = True

    # Showing

    def _show_news(self) -> None:
        begun = perf_counter()
        if self._has_news and begun >= self._rests_until:
            self.show()
            now = perf_counter()
            self._rests_until = now + REST_FACTOR * (now - begun)

    def write(self, width: int) -> None:
        self._has_news = False
        self._follows = self._follows and not self.log_view.has_moved_up
        self.log_view.replace(self._text.text, at_end=self._follows)
        self._show_note()

    def _show_note(self) -> None:
        parts: list[Content] = []
        if self._state:
            parts += [Content.styled(self._state, "$error" if self._is_trouble else "$warning"), Content("\n")]
        dropped = f" · {count(self._text.dropped)} older lines omitted" if self._text.dropped else ""
        parts.append(Content.styled(f"{NOTE}{dropped}", "$quiet"))
        self._note.update(Content("").join(parts))
        task = f" · task {printable(self._tasks[self._number], 60)} · {TYPES[self._type]}" if self._tasks else ""
        number = f" ({self._number + 1} of {len(self._tasks)})" if len(self._tasks) > 1 else ""
        others = " · {logs.task} next task" if len(self._tasks) > 1 else ""
        keys = f"{{logs.type}} {TYPES[1 - self._type]}{others} · {{logs.follow}} follow · {{text.find}} search"
        title = f"{self._title}{task}{number}{'' if self._follows else ' · not following'}"
        self.label(title, f"{keys} · {{page.leave}} close")

    # Keys

    def action_next_task(self) -> None:
        if len(self._tasks) > 1:
            self._number = (self._number + 1) % len(self._tasks)
            self._begin()

    def action_other_type(self) -> None:
        self._type = 1 - self._type
        self._begin()

    def action_follow(self) -> None:
        self._follows = not self._follows
        if self._follows:
            self.log_view.replace(self._text.text, at_end=True)
        self._show_note()


LOG_BYTES: Final = 256 * 1024
"""Bytes read from the end of a log."""


def open_logs(screen: Screen[Any], session: Session, sequence: int | None) -> None:
    """Opens the page for the event, or notifies why there are no logs."""
    history, source = session.history, session.source
    event = None
    if sequence is not None and sequence >= history.first and history.gap(sequence) is None:
        event = history.event(sequence)
    allocation = ALLOCATION.read(event.payload) if event is not None and event.topic == ALLOCATION.name else None
    if event is None or allocation is None:
        screen.notify("Only allocations have logs. Select an event of an allocation.", markup=False)
        return
    if not isinstance(source, LiveServer):
        why = "Logs need a live connection. Connect to the cluster with `nomad-tui`."
        screen.notify(session.not_yet or why, markup=False)
        return
    id_, namespace, connection = event.key, event.namespace, source.connection
    # The newest event in memory includes the tasks that have started since.
    newest = history.newest(event.topic, namespace, id_)
    latest = ALLOCATION.read(history.payload(newest)) if newest is not None else None
    tasks = sorted((latest or allocation).tasks)
    screen.app.push_screen(
        LogsPage(
            f"{allocation.name or allocation.job_id} ({short(id_)})",
            tasks,
            lambda task, type_: read_log(connection, TaskLog(id_, namespace, task, type_), LOG_BYTES, follow=True),
        )
    )
