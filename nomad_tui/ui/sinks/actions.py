"""What the dashboard does with sinks: it shows them, and sends the event that is looked at to one of them."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from nomad_tui.core.history.segment import HeldEvent
from nomad_tui.core.text import printable
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.definition.folder import Definitions, Loaded
from nomad_tui.sinks.delivery.by_hand import delivery_of
from nomad_tui.ui.event.described import object_title
from nomad_tui.ui.event.inspecting import NO_LONGER_HELD
from nomad_tui.ui.sinks.page import SinksPage
from nomad_tui.ui.sinks.place import Place, place_of, send_by_hand
from nomad_tui.ui.sinks.send_to import SendTo

if TYPE_CHECKING:
    from nomad_tui.config.folders import Folders
    from nomad_tui.ui.app import NomadTui

SAID_AFTER: Final = 0.7
"""Seconds without an answer after which it is said that one is awaited."""


class SinkActions:
    def __init__(self, app: "NomadTui", folders: "Folders | None", *, is_cluster: bool) -> None:
        """`is_cluster` is whether a live server is one that the operator has named, and not the demo's own."""
        self._app = app
        self._folders = folders
        self._is_cluster = is_cluster

    @property
    def place(self) -> Place:
        session = self._app.session
        return place_of(session.source, self._folders, session.status.region, is_cluster=self._is_cluster)

    def show(self) -> None:
        self._app.push_screen(SinksPage(self.place))

    # Sending an event

    def send(self) -> None:
        """Asks to which sink the event that is looked at is to be sent."""
        app = self._app
        app.inspecting.look()
        sequence, history = app.inspecting.sequence, app.session.history
        if sequence is None:
            app.notify("No event is selected: select one, then S sends it to a sink.", markup=False)
        elif sequence < history.first:
            app.notify(NO_LONGER_HELD, markup=False)
        elif history.gap(sequence) is not None:
            app.notify("A gap is no event: select one, then S sends it to a sink.", markup=False)
        else:
            self._ask(history.event(sequence))

    def _ask(self, event: HeldEvent) -> None:
        app = self._app

        def send(chosen: Definition | None) -> None:
            if chosen is not None:
                app.run_worker(partial(self._send, chosen, event), group="send")  # type: ignore[arg-type]

        app.push_screen(SendTo(self._load, object_title(event)), send)

    async def _load(self) -> Loaded:
        if self._folders is None:
            return Loaded()
        return await asyncio.to_thread(Definitions(self._folders.config).read)

    async def _send(self, definition: Definition, event: HeldEvent) -> None:
        app, place = self._app, self.place
        what = f"{printable(object_title(event), 60)} to {definition.id}"
        delivery = delivery_of(definition, event.frame, event.position, event.received, place.region)
        sending = asyncio.ensure_future(send_by_hand(definition, delivery, place.journal))
        try:
            if not (await asyncio.wait((sending,), timeout=SAID_AFTER))[0]:
                app.notify(f"Sending {what}: no answer yet.", markup=False, timeout=3)
            answer = await sending
        finally:
            sending.cancel()
        if answer.acknowledged:
            said = printable(answer.said, 300).rstrip(".") or "acknowledged"
            app.notify(f"Sent {what}: {said}.", markup=False, timeout=8)
        else:
            app.notify(f"Not sent: {what}. {printable(answer.said, 500)}", severity="warning", markup=False, timeout=15)
