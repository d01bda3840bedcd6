"""Exports the current event: to the clipboard, a pager, a browser or a file; and saves screenshots.

Values that are masked on the screen are masked in every export.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from nomad_tui.core.export.report import About
from nomad_tui.core.export.reproduce import Server
from nomad_tui.core.payload import Path, Payload
from nomad_tui.sources.live import LiveServer
from nomad_tui.stream.topic_selection import csi_read_warning
from nomad_tui.ui.dashboard import Dashboard
from nomad_tui.ui.dialogs.copies import choices, server_of
from nomad_tui.ui.dialogs.letter_menu import Choice, ChoiceMenu
from nomad_tui.ui.dialogs.save import Save, Selection
from nomad_tui.ui.dialogs.write_file import file_name
from nomad_tui.ui.event.inspected import EventView
from nomad_tui.ui.filter.filtering import SEARCH_SLICE
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.panes import Pane
from nomad_tui.ui.terminal.clipboard import start_copying
from nomad_tui.ui.terminal.outcome import Outcome
from nomad_tui.ui.terminal.outside import open_page, save_picture, show_outside

NOTHING: Final = "No event is selected. Select one first."
NO_MARKS: Final = "No marks. Press {events.mark} to mark an event."
COPY_KEYS: Final = "letter or Enter copy · {dialog.leave} cancel"


class ExportActions:
    def __init__(self, dashboard: Dashboard) -> None:
        self._panes = dashboard.panes
        self._inspector = dashboard.panes.inspector
        self._session = dashboard.session
        self._filtering = dashboard.filtering
        self._inspecting = dashboard.inspecting
        self._clock = dashboard.options.clock

    # What can be exported

    def _payload(self) -> Payload | None:
        """The payload shown; if there is none, a notification says so."""
        self._inspecting.look()
        if self._inspector.payload is None:
            self._panes.notify(NOTHING, markup=False)
        return self._inspector.payload

    def _path(self) -> Path:
        """The path of the row under the cursor; of the payload if another pane has the focus."""
        if self._panes.focused is not Pane.INSPECTOR:
            return ()
        match self._inspector.view:
            case EventView.TREE:
                return self._inspector.payload_tree.cursor_path
            case EventView.CHANGES:
                return self._inspector.changes_view.cursor_path or ()
            case _:
                return ()

    def _choices(self, payload: Payload) -> dict[str, Choice]:
        """The texts that can be copied, by letter."""
        source = self._session.source
        server: Server | None = server_of(source.connection) if isinstance(source, LiveServer) else None
        gap = self._inspecting.gap
        sentence = "" if gap is None else gap.sentence
        # A recording does not contain the server's release.
        harm = self._session.status.csi_read_warning if server is not None else csi_read_warning()
        masking, envelope = self._inspector.masking, self._inspecting.envelope
        found = choices(payload.value, self._path(), masking, envelope, server, sentence, harm)
        return {choice.letter: choice for choice in found}

    def _as_file(self, payload: Payload) -> tuple[Callable[[], str], str]:
        """A function that returns the event's JSON, and a name for its file."""
        envelope = self._inspecting.envelope
        made = {one.letter: one for one in choices(payload.value, (), self._inspector.masking, envelope, None)}
        if envelope is not None and made["e"].text is not None:
            return made["e"].made, file_name(envelope.topic, envelope.key, envelope.index)
        event = self._inspector.event  # a gap, or an event whose key holds a secret
        topic = "gap" if envelope is None else envelope.topic
        return made["s"].made, file_name(topic, "", event.sequence if event else 0)

    # Exporting

    def copy(self) -> None:
        payload = self._payload()
        if payload is not None:
            menu = ChoiceMenu(tuple(self._choices(payload).values()), "Copy", COPY_KEYS)
            self._panes.app.push_screen(menu, self._copy)

    def copy_one(self, letter: str) -> None:
        """Copies the text with this letter in the menu, or notifies why that is not possible."""
        if (choice := self._possible(letter)) is not None:
            self._copy(choice)

    def browse(self) -> None:
        """Opens the object's page in Nomad's web UI, or copies its address if there is no local browser."""
        if (link := self._possible("u")) is not None:
            self._panes.run_worker(self._open(link), group="browse", exclusive=True)

    def _possible(self, letter: str) -> Choice | None:
        payload = self._payload()
        if payload is None:
            return None
        choice = self._choices(payload)[letter]
        if choice.text is None:
            self._panes.notify(keymap_of(self._panes.app).text(choice.why_not), markup=False)
            return None
        return choice

    async def _open(self, link: Choice) -> None:
        if await open_page(link.made()):
            Outcome(True, f"Opened in the browser: {link.shown}").notify(self._panes.app)
        else:
            self._copy(link)

    def _copy(self, chosen: Choice | None) -> None:
        if chosen is not None:
            start_copying(self._panes.app, chosen.made(), chosen.label, chosen.warning)

    def open_outside(self, *, editor: bool) -> None:
        payload = self._payload()
        if payload is not None:
            self._panes.run_worker(self._show_outside(payload, editor), group="outside", exclusive=True)

    async def _show_outside(self, payload: Payload, editor: bool) -> None:
        make, name = self._as_file(payload)
        app = self._panes.app
        (await show_outside(app, make(), name, editor=editor)).notify(app)

    def save(self) -> None:
        self._inspecting.look()
        history, marks, filtering = self._session.history, self._panes.event_list.marks, self._filtering
        payload, view = self._inspector.payload, filtering.view
        if payload is None and not len(history):
            self._panes.notify(NOTHING, markup=False)
            return

        async def marked() -> Sequence[int]:
            return marks

        async def matches() -> Sequence[int]:
            while not view.complete:
                view.advance(SEARCH_SLICE)
                await asyncio.sleep(0)
            return view.sequences()

        async def everything() -> Sequence[int]:
            return range(history.first, history.end)

        selections = (
            Selection("m", "marked events", "marked", len(marks), marked, NO_MARKS),
            Selection("f", "matches", "matches", len(view), matches, "No event matches the filter."),
            Selection("a", "all events", "events", len(history), everything, "No events yet."),
        )
        source, status = self._session.source, self._session.status
        where = f"{source.name} · {source.scope(status.region)}"
        about = About(where, filtering.text, self._clock(), view.timezone)
        event = None if payload is None else self._as_file(payload)
        self._panes.app.push_screen(Save(history, event, selections, marks, about), self._confirm)

    def _confirm(self, sentence: str | None) -> None:
        if sentence is not None:
            self._panes.notify(sentence, markup=False, timeout=8)

    def save_picture(self) -> None:
        app = self._panes.app
        # After the palette, if the command was chosen there, has closed.
        app.call_after_refresh(lambda: save_picture(app).notify(app))
