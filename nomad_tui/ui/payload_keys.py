"""The keys of the payload tree, and what its help says about them."""

from typing import Final

from textual.binding import Binding, BindingType

from nomad_tui.ui.row_view import row_keys

PAYLOAD_HELP: Final = """\
### Payload

The object as the server sent it: every value as it came, and beside it what it means. What you open here stays open in
the next event that has it, and the cursor stays on the same field.

- **h** and **l** fold and unfold, or go to the parent and the first child
- **Enter** folds and unfolds; it also unfolds JSON and base64 in a string, and opens a long text in a window:
  **v** opens any text there
- **(** and **)** fold and unfold this row and all beside it, **{** and **}** one level less and more everywhere
- **\\*** unfolds all under the cursor, **E** everything, **C** folds everything but the object itself
- **o** sorts the keys, or lists them as Nomad's documentation does; **U** tells times in UTC or local time
- **x** shows the secret under the cursor, or all beneath it, until the cursor moves
- **/** looks for a key or a value, also in what is folded: a text, or a `/regular expression/`; **n** and **N** go on
- **.** and **,** go to the next and the previous change since the event before: `+` added, `±` changed, `−2` removed
- **<** and **>** move the view sideways along a long value
- **+** and **-** add to the filter that an event must have this value, or must not
- a click on a triangle folds or unfolds
"""

PAYLOAD_KEYS: Final[list[BindingType]] = [
    *row_keys("payload"),
    Binding(
        "enter,space",
        "open",
        "Open",
        id="payload.toggle",
        tooltip="Fold, unfold or decode this row, or read its text",
    ),
    Binding(
        "v",
        "view_text",
        "Read",
        id="payload.view_text",
        tooltip="Read the text of this row in a window of its own",
        show=False,
    ),
    Binding(
        "left_parenthesis",
        "fold_siblings(False)",
        "Fold siblings",
        id="payload.fold_siblings",
        tooltip="Fold this row and all beside it",
        key_display="(",
        show=False,
    ),
    Binding(
        "right_parenthesis",
        "fold_siblings(True)",
        "Unfold siblings",
        id="payload.unfold_siblings",
        tooltip="Unfold this row and all beside it",
        key_display=")",
        show=False,
    ),
    Binding(
        "left_curly_bracket",
        "fold_level",
        "Level less",
        id="payload.fold_level",
        tooltip="Fold the deepest level everywhere",
        key_display="{",
        show=False,
    ),
    Binding(
        "right_curly_bracket",
        "unfold_level",
        "Level more",
        id="payload.unfold_level",
        tooltip="Unfold one level more everywhere",
        key_display="}",
        show=False,
    ),
    Binding(
        "asterisk",
        "unfold_beneath",
        "Unfold beneath",
        id="payload.unfold_beneath",
        tooltip="Unfold this row and everything under it",
        key_display="*",
        show=False,
    ),
    Binding("E", "unfold_all", "Unfold all", id="payload.unfold_all", tooltip="Unfold everything"),
    Binding("C", "fold_all", "Fold all", id="payload.fold_all", tooltip="Fold everything but the object"),
    Binding("o", "order", "Order", id="payload.order", tooltip="Sort the keys, or list them as the documentation does"),
    Binding("U", "utc", "UTC", id="payload.utc", tooltip="Tell times in UTC, or in local time again", show=False),
    Binding(
        "x",
        "reveal",
        "Reveal",
        id="payload.reveal",
        tooltip="Show the secret under the cursor until the cursor moves",
    ),
    Binding(
        "full_stop",
        "change(1)",
        "Next change",
        id="payload.next_change",
        tooltip="Go to the next thing that has changed",
        key_display=".",
        show=False,
    ),
    Binding(
        "comma",
        "change(-1)",
        "Previous change",
        id="payload.previous_change",
        tooltip="Go to the previous thing that has changed",
        key_display=",",
        show=False,
    ),
    Binding(
        "slash",
        "find",
        "Find",
        id="payload.find",
        tooltip="Look for a key or a value in the payload",
        key_display="/",
        show=False,
    ),
    Binding("n", "find_next(1)", "Next", id="payload.find_next", tooltip="Go to the next place found", show=False),
    Binding(
        "N",
        "find_next(-1)",
        "Previous",
        id="payload.find_previous",
        tooltip="Go to the previous place found",
        show=False,
    ),
    Binding(
        "plus",
        "narrow(True)",
        "Only",
        id="payload.add_only",
        tooltip="Add to the filter: only this",
        key_display="+",
    ),
    Binding(
        "minus",
        "narrow(False)",
        "Not",
        id="payload.add_not",
        tooltip="Add to the filter: not this",
        key_display="-",
    ),
]
