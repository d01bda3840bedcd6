"""The menu of `S`: to which sink the event that is looked at is sent, by hand and past the journal."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from nomad_tui.config.folders import FileError
from nomad_tui.core.text import printable
from nomad_tui.sinks.definition.definition import Definition, Kind
from nomad_tui.sinks.definition.folder import Loaded, shown_address
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.dialog import Dialog
from nomad_tui.ui.keymap import declared_key
from nomad_tui.ui.sinks.place import NO_OUTPUT

LONGEST_ID: Final = 64
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
MISTAKEN: Final = "There is a mistake in its definition: s shows it."
NO_SINKS: Final = "There is no sink to send to: s says how to make the first one."

Load = Callable[[], Awaitable[Loaded]]
"""Raises `FileError`."""


@dataclass(frozen=True, slots=True)
class Offer:
    id: str
    note: str
    """Where it sends, or why it cannot."""
    definition: Definition | None
    """None where nothing can be sent to it from here."""


def offers(loaded: Loaded) -> list[Offer]:
    """Every sink that is defined, those with mistakes last."""
    defined = [
        Offer(id, NO_OUTPUT, None) if each.kind is Kind.STDOUT else Offer(id, _note(each), each)
        for id, each in sorted(loaded.definitions.items())  # noqa: A001
    ]
    mistaken = {mistake.sink for mistake in loaded.mistakes if mistake.sink is not None} - loaded.definitions.keys()
    return [*defined, *(Offer(each, MISTAKEN, None) for each in sorted(mistaken))]


def _note(definition: Definition) -> str:
    masked = "" if definition.redact else ", secrets in clear"
    return f"{definition.kind.value} {definition.format.value}{masked}  {shown_address(definition)}"


class OfferList(Widget):
    """A line for each sink."""

    DEFAULT_CSS = """
    OfferList { text-wrap: nowrap; height: 1; }
    """

    cursor: reactive[int] = reactive(0)

    def __init__(self) -> None:
        super().__init__()
        self._offers: Sequence[Offer] = ()
        self._widest = 0

    def show(self, offered: Sequence[Offer]) -> None:
        self._offers = offered
        self._widest = max((len(each.id) for each in offered), default=0)
        self.styles.height = max(1, len(offered))
        self.refresh(layout=True)

    def render(self) -> Content:
        return Content("\n").join([self._line(row) for row in range(len(self._offers))])

    def _line(self, row: int) -> Content:
        offer = self._offers[row]
        is_possible = offer.definition is not None
        letter = LETTERS[row] if row < len(LETTERS) else " "
        line = Content.assemble(
            (f"{letter}  ", "bold $accent" if is_possible else "$faint"),
            (printable(f"{offer.id:<{self._widest}}  ", LONGEST_ID), "$foreground" if is_possible else "$faint"),
            (offer.note, "$quiet" if is_possible else "$faint"),
        )
        line = line.truncate(self.content_size.width, ellipsis=True, pad=True)
        return line.stylize("on $chosen" if row == self.cursor else "")


class SendTo(Dialog[Definition | None]):
    """Its result is the sink to send to; None for none.

    It acts on keys as they come, and not by bindings: the letter is often typed before the menu is drawn, or before
    the definitions are read.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG, Context.MENU)

    def __init__(self, load: Load, what: str) -> None:
        """`what` is the event in a few words, untrusted."""
        super().__init__()
        self._load = load
        self._what = what
        self.offers: Sequence[Offer] | None = None
        """None until they are read."""
        self._early: list[events.Key] = []
        self._left = False
        self.list = OfferList()

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="send-to", can_focus=False) as box:
            box.border_title = Content(f"Send to  {printable(self._what, 60)}")
            box.border_subtitle = Content(_KEYS)
            yield self.list

    def on_mount(self) -> None:
        self.run_worker(self._offer, group="definitions")  # type: ignore[arg-type]

    async def _offer(self) -> None:
        trouble = NO_SINKS
        try:
            self.offers = offers(await self._load())
        except FileError as error:
            self.offers, trouble = (), str(error)
        self.list.show(self.offers)
        if not self.offers:
            self._say(trouble)
        early, self._early = self._early, []
        for key in early:
            self._take(key)

    def on_key(self, event: events.Key) -> None:
        """A key that was already on its way here when the menu was left goes where keys go now."""
        if self._left:
            self.app.post_message(events.Key(event.key, event.character))
        elif self.offers is None and declared_key(self.app, event.key, Context.DIALOG) != "escape":
            self._early.append(event)
        elif not self._take(event):
            return
        event.stop()
        event.prevent_default()

    def _take(self, event: events.Key) -> bool:
        """Whether the key means anything here."""
        key = declared_key(self.app, event.key, Context.DIALOG, Context.MENU)
        row = LETTERS.find(event.character) if event.character else -1
        if 0 <= row < len(self.offers or ()):
            self._choose(row)
        elif key in _MOVES:
            self.action_move(_MOVES[key])
        elif key == "enter":
            self.action_choose()
        elif key == "escape":
            self.action_leave()
        else:
            return False
        return True

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self.list)
        if offset is not None and 0 <= offset.y < len(self.offers or ()):
            self._choose(offset.y)

    def action_move(self, rows: int) -> None:
        self.list.cursor = max(0, min(self.list.cursor + rows, len(self.offers or ()) - 1))
        self.query_one("#send-to").scroll_to(y=self.list.cursor - 2, animate=False)

    def action_choose(self) -> None:
        if self.offers:
            self._choose(self.list.cursor)

    def action_leave(self) -> None:
        self._leave(None)

    def _choose(self, row: int) -> None:
        offer = (self.offers or ())[row]
        self.list.cursor = row
        if offer.definition is None:
            self._say(offer.note)
        else:
            self._leave(offer.definition)

    def _say(self, text: str) -> None:
        self.query_one("#send-to").border_subtitle = Content.styled(text, "$warning")

    def _leave(self, chosen: Definition | None) -> None:
        if not self._left:
            self._left = True
            self.dismiss(chosen)


_MOVES: Final = {"up": -1, "down": 1}
_KEYS: Final = "a letter or Enter sends · Esc"
