"""Opens the sinks page, and sends the selected event to a sink."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from nomad_tui.config.folders import FileError
from nomad_tui.core.history.segment import HeldEvent
from nomad_tui.core.text import printable
from nomad_tui.sinks.definition.definition import Definition, Kind
from nomad_tui.sinks.definition.folder import Definitions, Loaded, shown_address
from nomad_tui.sinks.runner.by_hand import delivery_of
from nomad_tui.ui.dashboard import Dashboard
from nomad_tui.ui.dialogs.letter_menu import Choice, LetterMenu
from nomad_tui.ui.event.inspected import object_title
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.sinks.page import SinksPage
from nomad_tui.ui.sinks.place import NO_OUTPUT, Place, newest_frames, place_of, send_by_hand

LONGEST_NAME: Final = 36
"""Cells of a sink's name, to leave room for its address."""
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
MISTAKEN: Final = "Its definition has a mistake: {app.sinks} shows it."
NO_SINKS: Final = "No sink is defined. Press {app.sinks} to create one."

Load = Callable[[], Awaitable[Loaded]]
"""Raises `FileError`."""


@dataclass(frozen=True, slots=True)
class Offer:
    id: str
    note: str
    """Where it sends, or why nothing can be sent to it."""
    definition: Definition | None
    """None if nothing can be sent to it from the dashboard."""


def offers(loaded: Loaded, mistaken_note: str) -> list[Offer]:
    """Every defined sink, those with mistakes last."""
    defined = [
        Offer(id, NO_OUTPUT, None) if each.kind is Kind.STDOUT else Offer(id, _note(each), each)
        for id, each in sorted(loaded.definitions.items())  # noqa: A001
    ]
    mistaken = {mistake.sink for mistake in loaded.mistakes if mistake.sink is not None} - loaded.definitions.keys()
    return [*defined, *(Offer(each, mistaken_note, None) for each in sorted(mistaken))]


def _note(definition: Definition) -> str:
    masked = "" if definition.redact else ", secrets in clear"
    return f"{definition.kind.value} {definition.format.value}{masked}  {shown_address(definition)}"


class SendTo(LetterMenu[Definition]):
    """Its result is the sink to send to."""

    BOX = "send-to"

    def __init__(self, load: Load, what: str) -> None:
        """`what` names the event; untrusted."""
        keys = "letter or Enter send · {dialog.leave} cancel"
        super().__init__((), f"Send to  {printable(what, 60)}", keys, self._definition)
        self._load = load
        self.offers: Sequence[Offer] | None = None
        """None until the definitions are read."""

    def on_mount(self) -> None:
        self.run_worker(self._offer, group="definitions")  # type: ignore[arg-type]

    async def _offer(self) -> None:
        trouble = keymap_of(self.app).text(NO_SINKS)
        try:
            self.offers = offers(await self._load(), keymap_of(self.app).text(MISTAKEN))
        except FileError as error:
            self.offers, trouble = (), str(error)
        self.list.put([_choice(row, offer) for row, offer in enumerate(self.offers)])
        if not self.offers:
            self.explain(trouble)

    @property
    def is_at_work(self) -> bool:
        return self.offers is None

    def _definition(self, choice: Choice) -> Definition:
        found = next(each.definition for each in self.offers or () if each.id == choice.made())
        assert found is not None
        return found


def _choice(row: int, offer: Offer) -> Choice:
    letter = LETTERS[row] if row < len(LETTERS) else ""
    is_possible = offer.definition is not None
    return Choice(
        letter,
        printable(offer.id, LONGEST_NAME),
        partial(str, offer.id) if is_possible else None,
        offer.note,
        offer.note,
    )


NOTIFY_AFTER: Final = 0.7
"""Seconds without an answer before a notification says so."""


class SinkActions:
    def __init__(self, dashboard: Dashboard) -> None:
        self._panes = dashboard.panes
        self._session = dashboard.session
        self._inspecting = dashboard.inspecting
        self._folders = dashboard.options.folders
        self._is_cluster = dashboard.options.connections is not None
        """False if a live server is the demo's own."""

    @property
    def place(self) -> Place:
        session = self._session
        return place_of(session.source, self._folders, session.status.region, is_cluster=self._is_cluster)

    def show(self) -> None:
        self._panes.app.push_screen(SinksPage(self.place, events=partial(newest_frames, self._session.history)))

    # Sending an event

    def send(self) -> None:
        """Asks which sink to send the selected event to."""
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
            if not (await asyncio.wait((sending,), timeout=NOTIFY_AFTER))[0]:
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
