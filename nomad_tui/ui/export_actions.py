"""Handing the event that is looked at to the operator: to the clipboard, a pager, a file, and the screen as a picture.

Nothing that is masked on the screen is in any of it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from nomad_tui.core.export.report import About
from nomad_tui.core.export.reproduce import Server
from nomad_tui.core.payload import Path, Payload
from nomad_tui.sources.live import LiveServer
from nomad_tui.stream.harm import csi_read_warning
from nomad_tui.ui.dialogs.copy_menu import Choice, CopyMenu, choices, server_of
from nomad_tui.ui.dialogs.save import Save, Selection
from nomad_tui.ui.dialogs.write_file import file_name
from nomad_tui.ui.event.inspector import EventView
from nomad_tui.ui.filter.filtering import SEARCH_SLICE
from nomad_tui.ui.panes import Pane
from nomad_tui.ui.terminal.browser import open_page
from nomad_tui.ui.terminal.clipboard import copy
from nomad_tui.ui.terminal.outside import Outcome, show_outside
from nomad_tui.ui.terminal.picture import save_picture

if TYPE_CHECKING:
    from nomad_tui.ui.app import NomadTui

NOTHING: Final = "No event is selected: select one first."


class HandOver:
    def __init__(self, app: "NomadTui") -> None:
        self._app = app

    # What there is

    def _payload(self) -> Payload | None:
        """The payload that is looked at; None, and said so, where there is none."""
        app = self._app
        app.inspecting.look()
        if app.inspector.payload is None:
            app.notify(NOTHING, markup=False)
        return app.inspector.payload

    def _path(self) -> Path:
        """Of what is under the cursor; the whole payload's where the keys go elsewhere."""
        app = self._app
        if app.panes.focused is not Pane.INSPECTOR:
            return ()
        match app.inspector.view:
            case EventView.TREE:
                return app.inspector.payload_tree.cursor_path
            case EventView.CHANGES:
                return app.inspector.changes_view.cursor_path or ()
            case _:
                return ()

    def _choices(self, payload: Payload) -> tuple[Choice, ...]:
        app = self._app
        source = app.session.source
        server: Server | None = server_of(source.connection) if isinstance(source, LiveServer) else None
        gap = app.inspecting.gap
        sentence = "" if gap is None else gap.sentence
        # A recording does not tell of which release a server is that is asked today.
        harm = app.session.status.csi_read_warning if server is not None else csi_read_warning()
        envelope = app.inspecting.envelope
        return choices(payload.value, self._path(), app.inspector.veil, envelope, server, sentence, harm)

    def _whole(self, payload: Payload) -> tuple[Callable[[], str], str]:
        """What makes the event's JSON, and the name of a file for it."""
        app = self._app
        envelope = app.inspecting.envelope
        made = {one.letter: one for one in choices(payload.value, (), app.inspector.veil, envelope, None)}
        if envelope is not None and made["e"].text is not None:
            return made["e"].made, file_name(envelope.topic, envelope.key, envelope.index)
        event = app.inspector.event  # a gap, or an event whose key holds a secret
        return made["s"].made, file_name(
            "gap" if envelope is None else envelope.topic, "", event.sequence if event else 0
        )

    # What is done with it

    def copy(self) -> None:
        payload = self._payload()
        if payload is not None:
            self._app.push_screen(CopyMenu(self._choices(payload)), self._copy_chosen)

    def copy_one(self, letter: str) -> None:
        """What the menu has under this letter, or why it cannot be copied."""
        payload = self._payload()
        if payload is None:
            return
        choice = next(choice for choice in self._choices(payload) if choice.letter == letter)
        if choice.text is None:
            self._app.notify(choice.why_not, markup=False)
        else:
            self._copy_chosen(choice)

    def browse(self) -> None:
        """Opens the object's page in Nomad's web UI, or copies its address where no browser is local."""
        payload = self._payload()
        if payload is None:
            return
        choice = next(choice for choice in self._choices(payload) if choice.letter == "u")
        if choice.text is None:
            self._app.notify(choice.why_not, markup=False)
        else:
            self._app.run_worker(self._open(choice), group="copy", exclusive=True)

    async def _open(self, link: Choice) -> None:
        if await open_page(link.made()):
            self._say(Outcome(True, f"Opened in the browser: {link.shown}"))
        else:
            await self._copy(link)

    def _copy_chosen(self, chosen: Choice | None) -> None:
        if chosen is not None:
            self._app.run_worker(self._copy(chosen), group="copy", exclusive=True)

    def copy_text(self, text: str) -> None:
        self._copy_chosen(Choice("v", "text", text))

    async def _copy(self, chosen: Choice) -> None:
        outcome = await copy(self._app, chosen.made(), chosen.label)
        self._say(outcome)
        if chosen.warning and outcome.done:
            self._app.notify(chosen.warning, severity="warning", markup=False, timeout=20)

    def open_outside(self, *, editor: bool) -> None:
        payload = self._payload()
        if payload is not None:
            self._app.run_worker(self._show_outside(payload, editor), group="outside", exclusive=True)

    async def _show_outside(self, payload: Payload, editor: bool) -> None:
        make, name = self._whole(payload)
        self._say(await show_outside(self._app, make(), name, editor=editor))

    def save(self) -> None:
        app = self._app
        app.inspecting.look()
        payload, history, marks = app.inspector.payload, app.session.history, app.event_list.marks
        if payload is None and not len(history):
            app.notify(NOTHING, markup=False)
            return

        async def marked() -> Sequence[int]:
            return marks

        async def matches() -> Sequence[int]:
            while not app.view.complete:
                app.view.advance(SEARCH_SLICE)
                await asyncio.sleep(0)
            return app.view.sequences()

        async def everything() -> Sequence[int]:
            return range(history.first, history.end)

        selections = (
            Selection("m", "the marked", "marked", len(marks), marked, "Nothing is marked: m marks an event."),
            Selection("f", "the matches", "matches", len(app.view), matches, "Nothing matches the filter."),
            Selection("a", "everything held", "events", len(history), everything, "There are no events yet."),
        )
        source, status = app.session.source, app.session.status
        where = f"{source.name} · {source.scope(status.region)}"
        about = About(where, app.filtering.text, app.now(), app.view.timezone)
        event = None if payload is None else self._whole(payload)
        app.push_screen(Save(history, event, selections, marks, about), self._say_written)

    def _say_written(self, said: str | None) -> None:
        if said is not None:
            self._app.notify(said, markup=False, timeout=8)

    def save_picture(self) -> None:
        # The palette that it was chosen in is to be gone first.
        self._app.call_after_refresh(lambda: self._say(save_picture(self._app)))

    def _say(self, outcome: Outcome) -> None:
        if outcome.sentence:
            self._app.notify(
                outcome.sentence, severity="information" if outcome.done else "warning", markup=False, timeout=5
            )
