"""The menu of `S`: the sink to send the selected event to, by hand and not through the journal."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from textual import events

from nomad_tui.config.folders import FileError
from nomad_tui.core.text import printable
from nomad_tui.sinks.definition.definition import Definition, Kind
from nomad_tui.sinks.definition.folder import Loaded, shown_address
from nomad_tui.ui.actions import Context
from nomad_tui.ui.dialogs.letter_menu import Choice, LetterMenu
from nomad_tui.ui.keymap import declared_key, keymap_of
from nomad_tui.ui.sinks.place import NO_OUTPUT

LONGEST_ID: Final = 64
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
MISTAKEN: Final = "Its definition has a mistake: {app.sinks} shows it."
NO_SINKS: Final = "No sink is defined: {app.sinks} makes the first one."

Load = Callable[[], Awaitable[Loaded]]
"""Raises `FileError`."""


@dataclass(frozen=True, slots=True)
class Offer:
    id: str
    note: str
    """Where it sends, or why it cannot."""
    definition: Definition | None
    """None where nothing can be sent to it from here."""


def offers(loaded: Loaded, mistaken_note: str) -> list[Offer]:
    """Every sink that is defined, those with mistakes last."""
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
    """Its result is the sink to send to. Letters may be typed before the definitions are read."""

    BOX = "send-to"

    def __init__(self, load: Load, what: str) -> None:
        """`what` is the event in a few words, untrusted."""
        super().__init__((), f"Send to  {printable(what, 60)}", "letter or Enter send · {dialog.leave} cancel")
        self._load = load
        self.offers: Sequence[Offer] | None = None
        """None until they are read."""
        self._early: list[events.Key] = []

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
        early, self._early = self._early, []
        for key in early:
            self.take(key)

    def take(self, event: events.Key) -> bool:
        if self.offers is None and declared_key(self.app, event.key, Context.DIALOG) != "escape":
            self._early.append(event)
            return True
        return super().take(event)

    def result(self, choice: Choice) -> Definition:
        found = next(each.definition for each in self.offers or () if each.id == choice.made())
        assert found is not None
        return found


def _choice(row: int, offer: Offer) -> Choice:
    letter = LETTERS[row] if row < len(LETTERS) else ""
    is_possible = offer.definition is not None
    return Choice(
        letter, printable(offer.id, LONGEST_ID), partial(str, offer.id) if is_possible else None, offer.note, offer.note
    )
