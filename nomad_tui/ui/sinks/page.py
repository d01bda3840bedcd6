"""The page of `s`: the sinks and their states."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Final, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from nomad_tui.core.text import printable
from nomad_tui.core.wire import Frame
from nomad_tui.journal.cursor import DeadLetter
from nomad_tui.journal.errors import JournalError
from nomad_tui.sinks.definition.folder import Definitions
from nomad_tui.sinks.delivery.report import REMOVED, SinkReport
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.dialogs.text_page import TextViewer
from nomad_tui.ui.event.row_view import Pieces, RowView
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.sinks.dead_letters import MAX_LISTED, DeadLetters
from nomad_tui.ui.sinks.editing import edit_definition
from nomad_tui.ui.sinks.new_sink import NewSink
from nomad_tui.ui.sinks.place import Place, answered, previewed, send_test
from nomad_tui.ui.sinks.row import facts, first_commands, first_sink, heading, laid_out, layout, pieces, runner_report
from nomad_tui.ui.sinks.watch import Seen, SinkWatch
from nomad_tui.ui.terminal.clipboard import start_copying

POLL_INTERVAL: Final = 1.0
"""Seconds between two reads of the definitions and the journal."""
LIST_SHARE: Final = 0.4
"""Maximum share of the page's height for the list."""
_T = TypeVar("_T")


class SinkList(RowView):
    """One row per sink. The cursor stays on its sink when others are added or removed."""

    PREFIX = "sinks"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "sinks--bad",
        "sinks--cursor",
        "sinks--good",
        "sinks--name",
        "sinks--plain",
        "sinks--quiet",
        "sinks--warn",
    }
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MOVE)

    class Moved(Message):
        """The cursor has moved to another sink."""

    class DetailsMoved(Message):
        def __init__(self, pages: float) -> None:
            self.pages = pages
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="sinks-list")
        self.heading = Static(id="sinks-heading", markup=False)
        """The column headings above the list."""
        self._seen = Seen()
        self._widths = layout(0, ())
        self._drawn: list[list[tuple[str, str]]] = []

    @property
    def sink(self) -> SinkReport | None:
        """The one under the cursor."""
        sinks = self._seen.sinks
        return sinks[min(self._cursor, len(sinks) - 1)] if sinks else None

    def show(self, seen: Seen) -> None:
        """Redraws the rows that have changed."""
        before = self.sink
        ids = [sink.id for sink in seen.sinks]
        self._seen = seen
        if before is not None and before.id in ids:
            self._cursor = ids.index(before.id)
        self._cursor = max(0, min(self._cursor, len(ids) - 1))
        self._draw_changed()

    def choose(self, sink: str) -> bool:
        """Moves the cursor to a sink; returns False if there is none with that ID."""
        row = next((row for row, each in enumerate(self._seen.sinks) if each.id == sink), None)
        if row is not None:
            self._move_to(row)
        return row is not None

    def _draw_changed(self) -> None:
        width = self._width
        widths = layout(width, self._seen.sinks)
        drawn = [pieces(sink, widths, self._seen) for sink in self._seen.sinks]
        if widths != self._widths or len(drawn) != len(self._drawn):
            self._widths = widths
            self.heading.update(heading(widths), layout=False)
            self.set_row_count(len(drawn))
            self._clear_strips()
        else:
            for row, (before, now) in enumerate(zip(self._drawn, drawn, strict=True)):
                if before != now:
                    self._strips.pop((row, False), None)
                    self._strips.pop((row, True), None)
                    self.refresh_line(row)
        self._drawn = drawn

    def on_resize(self) -> None:
        self._draw_changed()
        super().on_resize()

    @property
    def row_count(self) -> int:
        return len(self._drawn)

    def _pieces(self, row: int, width: int, is_whole: bool) -> Pieces:
        return self._drawn[row]

    def _cursor_moved(self) -> None:
        self.post_message(self.Moved())

    def action_move_pages(self, pages: float) -> None:
        """Scrolls the details instead of the list: they are often longer."""
        self.post_message(self.DetailsMoved(pages))

    def _enter(self) -> None:
        """Does nothing: a double click must not send a test event."""


class SinksPage(Modal[None]):
    """Reads the journal in a thread, about once a second."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.SINKS)

    def __init__(
        self, place: Place, watch: SinkWatch | None = None, events: Callable[[], Sequence[Frame]] = tuple
    ) -> None:
        """`watch` reads the sinks; None for the default. `events` returns those to preview if a sink selects none of
        the journal's."""
        super().__init__()
        self._place = place
        self._watch = watch or SinkWatch(place.config, place.journal)
        self._events = events
        self._thread = ThreadPoolExecutor(1, "sinks")
        self._tried: dict[str, Content] = {}
        """The result of a test, or a note that it is in progress, by sink."""
        self._testing: set[str] = set()
        self.seen: Seen | None = None
        """None until the first read."""
        self._runner = Static(id="sinks-runner")
        self.list = SinkList()
        self._chosen_next = ""
        """ID of a sink that was just created, until the cursor is on it."""
        self._title = ""
        """Title of the details."""
        self._details = Static(id="sinks-details-text")
        self._details_box = VerticalScroll(self._details, id="sinks-details", can_focus=False)

    def compose(self) -> ComposeResult:
        with Vertical(id="sinks") as box:
            box.border_title = Content(f"Sinks  {printable(self._place.where, 60)}")
            box.border_subtitle = Content(keymap_of(self.app).text(_KEYS))
            yield self._runner
            yield self.list.heading
            yield self.list
            yield self._details_box

    def on_mount(self) -> None:
        self.list.focus()
        # A function: Python would warn of a coroutine that has not started when the page closes.
        self.run_worker(self._poll, group="sinks", description="reads the sinks")  # type: ignore[arg-type]

    def on_unmount(self) -> None:
        self._thread.submit(self._watch.close)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, function: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def _poll(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(POLL_INTERVAL)

    async def look(self) -> None:
        """Reads the sinks now and shows them."""
        self.seen = await self._in_thread(self._watch.look)
        self._show()

    # Showing

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        seen = self.seen
        if seen is None or not self._details.is_attached:
            return
        width = self._runner.content_region.width or self.size.width
        _update(self._runner, runner_report(seen, self._place, width))
        has_sinks = bool(seen.sinks)
        if has_sinks != self.list.display:
            self.list.display = self.list.heading.display = has_sinks
            # Only if it changes: setting a border's text repaints the whole page.
            self.query_one("#sinks").border_subtitle = Content(
                keymap_of(self.app).text(_KEYS if has_sinks else _FIRST_KEYS)
            )
            if has_sinks:
                self.list.focus()
        rows = min(len(seen.sinks), max(1, int(self.size.height * LIST_SHARE) - 1))
        if self.list.styles.height is None or self.list.styles.height.value != rows:
            self.list.styles.height = rows
        self.list.show(seen)
        if self._chosen_next and self.list.choose(self._chosen_next):
            self._chosen_next = ""
        self._show_details()

    @on(SinkList.DetailsMoved)
    def _move_details(self, message: SinkList.DetailsMoved) -> None:
        box = self._details_box
        step = int(message.pages * max(2, box.scrollable_content_region.height - 1))
        box.scroll_to(y=box.scroll_offset.y + step, animate=False)

    @on(SinkList.Moved)
    def _show_others(self) -> None:
        self._details_box.scroll_home(animate=False)
        self._show_details()

    def _show_details(self) -> None:
        seen, sink = self.seen, self.list.sink
        if seen is None:
            return
        box = self._details_box
        title = "" if sink is None else printable(sink.id, 64)
        if title != self._title:
            self._title = title
            box.border_title = Content(title)
        if sink is None:
            new = keymap_of(self.app).text("{sinks.new}")
            _update(self._details, first_sink(self._place.command, new) if not seen.trouble else Content(""))
            return
        width = box.scrollable_content_region.width or self.size.width
        key = keymap_of(self.app).text("{sinks.letters}")
        _update(self._details, laid_out(list(facts(sink, seen, self._tried.get(sink.id), key)), width))

    # Doing

    def action_test(self) -> None:
        sink = self.list.sink
        if sink is None:
            return
        definition = sink.definition
        if definition is None:
            self._tried[sink.id] = Content.styled(NO_DEFINITION, "$warning")
        elif sink.id not in self._testing:
            self._testing.add(sink.id)
            self._tried[sink.id] = Content.styled(f"sending… an answer may take {definition.timeout:g} s", "$quiet")

            async def test() -> None:
                try:
                    self._tried[sink.id] = answered(await send_test(definition, self._place))
                finally:
                    self._testing.discard(sink.id)
                self._show_details()

            self.run_worker(test, group=f"test {sink.id}", description="tests a sink")  # type: ignore[arg-type]
        self._show_others()

    def action_preview(self) -> None:
        sink = self.list.sink
        definition = sink.definition if sink is not None else None
        if sink is None:
            return
        if definition is None:
            self.notify(NO_DEFINITION, severity="warning", markup=False)
            return
        shown = self._events()

        async def show() -> None:
            try:
                title, text = await self._in_thread(lambda: previewed(definition, self._place, shown))
            except JournalError as error:
                self.notify(str(error), severity="warning", markup=False, timeout=10)
                return
            self.app.push_screen(TextViewer(title, text))

        self.run_worker(show, group="preview", exclusive=True, description="previews a sink")  # type: ignore[arg-type]

    def action_new(self) -> None:
        if self._place.config is None or self.seen is None:
            self.notify(NO_FOLDER, severity="warning", markup=False)
            return

        def made(result: tuple[str, str] | None) -> None:
            if result is not None:
                self._chosen_next, sentence = result
                key = keymap_of(self.app).text("{sinks.test} sends it a test event.")
                self.notify(f"{sentence} {key}", markup=False, timeout=10)
                self.run_worker(self.look, group="look")  # type: ignore[arg-type]

        taken = {sink.id for sink in self.seen.sinks}
        self.app.push_screen(NewSink(Definitions(self._place.config), taken), made)

    def action_edit(self) -> None:
        sink, config = self.list.sink, self._place.config
        if sink is None or config is None:
            return
        origins = (sink.definition, *sink.mistakes)
        file = next((each.origin for each in origins if each is not None and each.origin is not None), None)
        if file is None:
            self.notify(NOT_DEFINED, severity="warning", markup=False)
            return

        async def edit() -> None:
            (await edit_definition(self.app, Definitions(config), sink.id, file)).notify(self.app)
            await self.look()

        self.run_worker(edit, group="edit", exclusive=True, description="edits a sink")  # type: ignore[arg-type]

    def action_pause(self) -> None:
        sink = self.list.sink
        if sink is None:
            return
        run = sink.run
        if run is None:
            self.notify("Not paused: no runner has run this sink on this journal.", markup=False)
            return
        if sink.state == REMOVED:  # a pause would surprise whoever defines it again
            self.notify(NOT_DEFINED, severity="warning", markup=False)
            return
        paused = not run.cursor.paused

        async def pause() -> None:
            try:
                await self._in_thread(lambda: self._watch.pause(sink.id, paused))
            except JournalError as error:
                self.notify(str(error), severity="warning", markup=False, timeout=10)
            await self.look()

        self.run_worker(pause, group="pause", description="pauses a sink")  # type: ignore[arg-type]

    def action_letters(self) -> None:
        sink, journal = self.list.sink, self._place.journal
        if sink is None:
            return
        if sink.run is None or not sink.run.dead_letters or journal is None:
            self.notify(f"{printable(sink.id, 64)} has no dead letters.", markup=False)
            return

        async def read() -> Sequence[DeadLetter]:
            return await self._in_thread(lambda: self._watch.letters(sink.id, MAX_LISTED))

        self.app.push_screen(DeadLetters(sink.id, sink.definition, journal, read))

    def action_copy(self) -> None:
        sink = self.list.sink
        if sink is None:
            start_copying(self.app, first_commands(self._place.command))
            return
        error = sink.run.status.last_error if sink.run is not None else ""
        text = error or " ".join(map(str, sink.mistakes))
        if text:
            start_copying(self.app, text)
        else:
            self.notify("No error to copy: nothing has failed since the last acknowledgement.", markup=False)


NO_FOLDER: Final = "Cannot create a sink: this dashboard has no configuration folder."
NO_DEFINITION: Final = "Nothing can be sent: the sink has no valid definition."
NOT_DEFINED: Final = "No file defines this sink any more: nothing is sent to it."
_KEYS: Final = (
    "{sinks.test} test · {sinks.pause} pause · {sinks.preview} preview · {sinks.new} new · {sinks.edit} edit · "
    "{sinks.letters} letters · {sinks.copy} copy"
)
_FIRST_KEYS: Final = "{sinks.new} new · {sinks.copy} copy these commands · {page.leave} close"


def _update(widget: Static, content: Content) -> None:
    """Shows other content; lays out again only if its number of lines has changed."""
    before = widget.content
    if content != before:
        same = isinstance(before, Content) and before.plain.count("\n") == content.plain.count("\n")
        widget.update(content, layout=not same)
