"""The sinks page, and sending the selected event to a sink."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from textual.screen import Screen

from nomad_tui.core.history.segment import HeldEvent
from nomad_tui.core.text import printable
from nomad_tui.session import Session
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.definition.folder import Definitions, Loaded
from nomad_tui.sinks.delivery.by_hand import delivery_of
from nomad_tui.ui.event.described import object_title
from nomad_tui.ui.event.inspecting import Inspecting
from nomad_tui.ui.sinks.page import SinksPage
from nomad_tui.ui.sinks.place import Place, place_of, send_by_hand
from nomad_tui.ui.sinks.send_to import SendTo

if TYPE_CHECKING:
    from nomad_tui.config.folders import Folders

SAID_AFTER: Final = 0.7
"""Seconds without an answer before a note says so."""


class SinkActions:
    def __init__(
        self,
        screen: Screen[Any],
        session: Session,
        inspecting: Inspecting,
        folders: "Folders | None",
        *,
        is_cluster: bool,
    ) -> None:
        """`is_cluster` is whether a live server is one that the operator has named, and not the demo's own."""
        self._screen = screen
        self._session = session
        self._inspecting = inspecting
        self._folders = folders
        self._is_cluster = is_cluster

    @property
    def place(self) -> Place:
        session = self._session
        return place_of(session.source, self._folders, session.status.region, is_cluster=self._is_cluster)

    def show(self) -> None:
        self._screen.app.push_screen(SinksPage(self.place))

    # Sending an event

    def send(self) -> None:
        """Asks which sink to send the shown event to."""
        event = self._inspecting.held_event("app.send_to")
        if event is not None:
            self._ask(event)

    def _ask(self, event: HeldEvent) -> None:
        def send(chosen: Definition | None) -> None:
            if chosen is not None:
                self._screen.run_worker(partial(self._send, chosen, event), group="send")  # type: ignore[arg-type]

        self._screen.app.push_screen(SendTo(self._load, object_title(event)), send)

    async def _load(self) -> Loaded:
        if self._folders is None:
            return Loaded()
        return await asyncio.to_thread(Definitions(self._folders.config).read)

    async def _send(self, definition: Definition, event: HeldEvent) -> None:
        screen, place = self._screen, self.place
        what = f"{printable(object_title(event), 60)} to {definition.id}"
        delivery = delivery_of(definition, event.frame, event.position, event.received, place.region)
        sending = asyncio.ensure_future(send_by_hand(definition, delivery, place.journal))
        try:
            if not (await asyncio.wait((sending,), timeout=SAID_AFTER))[0]:
                screen.notify(f"Sending {what}: no answer yet.", markup=False, timeout=3)
            answer = await sending
        finally:
            sending.cancel()
        if answer.acknowledged:
            text = printable(answer.text, 300).rstrip(".") or "acknowledged"
            screen.notify(f"Sent {what}: {text}.", markup=False, timeout=8)
        else:
            screen.notify(
                f"Not sent: {what}. {printable(answer.text, 500)}", severity="warning", markup=False, timeout=15
            )
