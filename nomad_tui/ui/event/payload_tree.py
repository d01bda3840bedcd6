"""A payload as a tree: what keys do with its rows."""

from typing import ClassVar, Final

from textual.binding import BindingType
from textual.message import Message

from nomad_tui.core.payload import (
    KeyOrder,
    Kind,
    Path,
)
from nomad_tui.core.search.paths import condition
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.event.find_line import FindAsked
from nomad_tui.ui.event.payload_rows import PayloadRows
from nomad_tui.ui.keymap import keymap_of

_LONG_TEXT: Final = 300
"""Characters of a text without line feeds that is still better read in a window of its own."""


class PayloadTree(PayloadRows):
    """Messages say what the operator did; the screen decides what that means."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MOVE, Context.ROWS, Context.SCROLL, Context.TREE)

    class Narrow(Message):
        """The operator wants to see only events that have the value under the cursor, or only others."""

        def __init__(self, term: str) -> None:
            self.term = term
            """A term of the filter language."""
            super().__init__()

    class OpenText(Message):
        """The operator wants to read a text in a window of its own."""

        def __init__(self, title: str, text: str, path: Path) -> None:
            self.title = title
            """Its path; untrusted."""
            self.text = text
            """Untrusted; secrets are masked unless the operator has revealed them."""
            self.path = path
            super().__init__()

    def _toggle(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """Fold or unfold a container, decode a string that says something else, open a long text."""
        if not len(self._rows):
            return
        row = self._cursor
        is_open = self._rows.is_open(row)
        if self._can_set_open(row, not is_open):
            self._set_open(row, not is_open)
        elif self._rows.kind(row) is Kind.STRING and (
            self._showing.line_count(row) > 1 or len(str(self._rows.values[row])) > _LONG_TEXT
        ):
            self.action_view_text()
        elif self._showing.hides(row):
            self._say(keymap_of(self.app).text("This is a secret: press {tree.reveal} to reveal it first."))

    def action_view_text(self) -> None:
        if not len(self._rows):
            return
        row = self._in_payload
        if self._showing.hides(row):
            self._say(keymap_of(self.app).text("This is a secret: press {tree.reveal} to reveal it first."))
        elif self._rows.kind(row) is Kind.STRING:
            path = self._rows.path(row)
            self.post_message(self.OpenText(".".join(map(str, path)), self._showing.text(row), path))
        else:
            self._say("Only texts open in a window; this is not a text.")

    def action_fold_siblings(self, is_open: bool) -> None:
        if len(self._rows):
            self.folding.set_children_open(self._rows.path(self._cursor)[:-1], is_open)
            self._refold()

    def action_unfold_level(self) -> None:
        depth = self._rows.shallowest_closed()
        if depth is not None:
            self.folding.open_levels(depth + 1)
            self._refold()

    def action_fold_level(self) -> None:
        depth = self._rows.deepest_open()
        if depth is not None:
            self.folding.close_levels(depth)
            self._refold()

    def action_unfold_beneath(self) -> None:
        if len(self._rows) and self._rows.is_foldable(self._cursor):
            self.folding.open_all(self._rows.path(self._cursor))
            self._refold()

    def action_unfold_all(self) -> None:
        if len(self._rows):
            self.folding.open_all(())
            self._refold()

    def action_fold_all(self) -> None:
        if len(self._rows):
            self.folding.close_all()
            self._set_shift(0)
            self._refold()
            self._forget_find()

    def action_order(self) -> None:
        self.order = KeyOrder.DOCUMENTED if self._order is KeyOrder.SORTED else KeyOrder.SORTED
        self._say(
            "Keys are in the order of Nomad's documentation."
            if self._order is KeyOrder.DOCUMENTED
            else "Keys are sorted."
        )

    def action_utc(self) -> None:
        self._in_utc = not self._in_utc
        self._forget_strips()

    def action_reveal(self) -> None:
        """Show the secret under the cursor, with all beneath it; mask it again if it is shown."""
        if not len(self._rows):
            return
        if self._masking.reveals_all:
            self._say("Secrets are already shown: nomad-tui runs with --reveal.")
            return
        if self._masking.revealed is not None:
            self._conceal()
            return
        path: Path = ()
        if self._without_secrets is not None and self._payload is not None:
            is_hidden = self._without_secrets != self._payload.value
        else:
            is_hidden, path = self._showing.hides_beneath(self._cursor), self._rows.path(self._cursor)
        if not is_hidden:
            self._say("No secret here.")
            return
        self._masking.revealed = path
        self._report_masking()

    def action_find(self) -> None:
        self.post_message(FindAsked())

    def action_find_next(self, step: int) -> None:
        if self._wanted is None:
            self._say(keymap_of(self.app).text("No search yet: press {tree.find} to search."))
            return
        find = self._finder()
        if find.count:
            self._go_to(find.next(self._rows.path(self._cursor), step))
        self._tell_found()

    def action_change(self, step: int) -> None:
        """Go to the next thing that is marked as changed."""
        if not len(self._rows) or self._marks is None:
            return
        changed = [
            path for path, mark in self._marks.items() if (mark.kind is not None or mark.removed) and not mark.is_noise
        ]
        path = self._finder().next_of(changed, self._rows.path(self._cursor), step)
        if path is None:
            self._say("No changes since the previous event.")
        else:
            self._go_to(path)

    def action_narrow(self, only: bool) -> None:
        if len(self._rows) and self._showing.is_masked(self._in_payload):
            self._say(keymap_of(self.app).text("This is a secret: press {tree.reveal} to reveal it first."))
            return
        term = condition(self.cursor_path, self.cursor_value) if len(self._rows) else None
        if term is None:
            self.notify(
                "This value cannot be a filter: it is too long, too deep or not in a JSON object.", markup=False
            )
        else:
            self.post_message(self.Narrow(term if only else f"not {term}"))
