"""The pane that shows one event whole: a heading, the facts of its envelope, and its payload as a tree."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.getters import query_one
from textual.widgets import Static

from nomad_tui.core.payload import parse
from nomad_tui.core.text import printable
from nomad_tui.ui.payload_tree import PayloadTree

LONGEST_TITLE: Final = 120
"""Characters of a title; the border cuts it to the pane's width."""

LONGEST_FACT: Final = 200
"""Characters of one fact. A key can be 10,000 long and must not push the payload off the screen."""

NOTHING_SELECTED: Final = "No event is selected."


@dataclass(frozen=True, slots=True)
class InspectedEvent:
    sequence: int
    """The event's number in the history."""
    title: str
    """Which object, such as `Allocation 3f2a91c4`; untrusted."""
    heading: tuple[Content, ...]
    """One to three lines that say what happened, made of text that is fit to be drawn."""
    facts: tuple[tuple[str, str], ...]
    """Label and value of what the envelope says, such as `("Type", "PlanResult")`; the values are untrusted,
    and a fact without one is left out."""
    payload: bytes
    """As the server sent it."""
    trouble: str | None = None
    """What was wrong with the event itself, as a sentence; untrusted."""


class Inspector(Vertical):
    """Shows the event it is handed. What is open in the payload, and the cursor in it, stay from one event to
    the next."""

    DEFAULT_CSS = """
    Inspector {
        & > Static { height: auto; }
        & > #inspector-heading { text-wrap: nowrap; text-overflow: ellipsis; }
        & > PayloadTree { height: 1fr; }
    }
    """

    heading = query_one("#inspector-heading", Static)
    facts = query_one("#inspector-facts", Static)
    trouble = query_one("#inspector-trouble", Static)
    payload_tree = query_one(PayloadTree)

    def __init__(
        self,
        *,
        clock: Callable[[], int] = time.time_ns,
        timezone: tzinfo | None = None,
        id: str | None = None,  # noqa: A002
    ) -> None:
        """`clock` gives the nanoseconds since the epoch that ages are told relative to; `timezone` None is the
        machine's own."""
        super().__init__(id=id)
        self._clock = clock
        self._timezone = timezone
        self._event: InspectedEvent | None = None

    @property
    def event(self) -> InspectedEvent | None:
        return self._event

    def compose(self) -> ComposeResult:
        yield Static(Content(NOTHING_SELECTED), id="inspector-heading")
        yield Static(id="inspector-facts")
        yield Static(id="inspector-trouble")
        yield PayloadTree(timezone=self._timezone)

    def on_mount(self) -> None:
        self._show(self._event)

    def show(self, event: InspectedEvent | None) -> None:
        """Show an event, or that there is none. Parses the payload: some 2 ms for 1 MB."""
        self._event = event
        if self.is_mounted:
            self._show(event)

    def clear(self) -> None:
        self.show(None)

    def _show(self, event: InspectedEvent | None) -> None:
        with self.app.batch_update():
            if event is None:
                self.border_title = Content("Payload")
                self._describe((Content(NOTHING_SELECTED),), (), None)
                self.payload_tree.clear()
                return
            payload = parse(event.payload)
            self.border_title = Content(printable(event.title, LONGEST_TITLE))
            troubles = [printable(text) for text in (event.trouble, payload.trouble) if text]
            self._describe(event.heading, event.facts, " ".join(troubles) or None)
            self.payload_tree.show(payload, self._clock())

    def tell_ages(self) -> None:
        """Tell ages relative to the clock's present time; for the app to call now and then."""
        self.payload_tree.tell_ages(self._clock())

    def on_resize(self) -> None:
        self._lay_out_facts()

    def _lay_out_facts(self) -> None:
        """As many facts to a line as fit; a label never stands apart from its value."""
        lines: list[list[Content]] = []
        width = self.content_size.width
        left = 0
        for label, value in self._event.facts if self._event is not None else ():
            if not value:
                continue
            fact = Content.assemble((label, "$faint"), " ", printable(value, LONGEST_FACT))
            if lines and fact.cell_length + 2 <= left:
                lines[-1].append(fact)
                left -= fact.cell_length + 2
            else:
                lines.append([fact])
                left = width - fact.cell_length
        _put(self.facts, Content("\n").join([Content("  ").join(line) for line in lines]))

    def _describe(self, heading: tuple[Content, ...], facts: tuple[tuple[str, str], ...], trouble: str | None) -> None:
        _put(self.heading, Content("\n").join(heading))
        self._lay_out_facts()
        described = any(value for _, value in facts)
        self.facts.display = described
        self.trouble.update(Content(f"! {trouble}" if trouble else ""), layout=trouble is not None)
        self.trouble.display = trouble is not None


def _put(static: Static, content: Content) -> None:
    """Shows other content; lays the screen out anew only if it takes another number of lines."""
    before = static.content
    same_height = isinstance(before, Content) and before.plain.count("\n") == content.plain.count("\n")
    static.update(content, layout=not same_height or not before)
