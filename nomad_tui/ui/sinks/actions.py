"""The sinks page, and sending the selected event to a sink."""

import asyncio
from functools import partial
from typing import Final

from nomad_tui.core.history.segment import HeldEvent
from nomad_tui.core.text import printable
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.definition.folder import Definitions, Loaded
from nomad_tui.sinks.delivery.by_hand import delivery_of
from nomad_tui.ui.dashboard import Dashboard
from nomad_tui.ui.event.inspected import object_title
from nomad_tui.ui.sinks.page import SinksPage
from nomad_tui.ui.sinks.place import Place, place_of, send_by_hand
from nomad_tui.ui.sinks.send_to import SendTo

SAID_AFTER: Final = 0.7
"""Seconds without an answer before a note says so."""


class SinkActions:
    def __init__(self, dashboard: Dashboard) -> None:
        self._panes = dashboard.panes
        self._session = dashboard.session
        self._inspecting = dashboard.inspecting
        self._folders = dashboard.options.folders
        self._is_cluster = dashboard.options.connections is not None
        """Whether a live server is one that the operator has named, and not the demo's own."""

    @property
    def place(self) -> Place:
        session = self._session
        return place_of(session.source, self._folders, session.status.region, is_cluster=self._is_cluster)

    def show(self) -> None:
        self._panes.app.push_screen(SinksPage(self.place))

    # Sending an event

    def send(self) -> None:
        """Asks which sink to send the shown event to."""
        event = self._inspecting.held_event("app.send_to")
        if event is not None:
            self._ask(event)

    def _ask(self, event: HeldEvent) -> None:
        def send(chosen: Definition | None) -> None:
            if chosen is not None:
                self._panes.run_worker(partial(self._send, chosen, event), group="send")  # type: ignore[arg-type]

        self._panes.app.push_screen(SendTo(self._load, object_title(event)), send)

    async def _load(self) -> Loaded:
        if self._folders is None:
            return Loaded()
        return await asyncio.to_thread(Definitions(self._folders.config).read)

    async def _send(self, definition: Definition, event: HeldEvent) -> None:
        panes, place = self._panes, self.place
        what = f"{printable(object_title(event), 60)} to {definition.id}"
        delivery = delivery_of(definition, event.frame, event.position, event.received, place.region)
        sending = asyncio.ensure_future(send_by_hand(definition, delivery, place.journal))
        try:
            if not (await asyncio.wait((sending,), timeout=SAID_AFTER))[0]:
                panes.notify(f"Sending {what}: no answer yet.", markup=False, timeout=3)
            answer = await sending
        finally:
            sending.cancel()
        if answer.acknowledged:
            text = printable(answer.text, 300).rstrip(".") or "acknowledged"
            panes.notify(f"Sent {what}: {text}.", markup=False, timeout=8)
        else:
            panes.notify(
                f"Not sent: {what}. {printable(answer.text, 500)}", severity="warning", markup=False, timeout=15
            )
