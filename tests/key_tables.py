"""Generates the manual's table of keys from the declared actions; `python -m tests.manual --write` writes it."""

from typing import Final

from nomad_tui.ui.actions import TITLES, Context, actions
from nomad_tui.ui.keymap import STANDARD

CONTEXTS: Final = (
    Context.APP,
    Context.MOVE,
    Context.EVENTS,
    Context.FACETS,
    Context.EVENT,
    Context.ROWS,
    Context.TREE,
    Context.CHANGES,
    Context.TIMELINE,
    Context.SCROLL,
    Context.FILTER,
)
"""Contexts of the dashboard; pages and dialogs show their own keys."""


def table() -> str:
    rows = ["| in | keys | do |", "|---|---|---|"]
    for context in CONTEXTS:
        title = TITLES[context]
        for keys, sentence in STANDARD.described(actions(context)):
            shown = " ".join(key if "…" in key else f"`{key}`" for key in keys)
            rows.append(f"| {title} | {shown} | {sentence} |")
            title = ""
    return "\n".join(rows) + "\n"
