"""The README's tables of keys, made from the declarations of the actions.

`python -m tests.key_tables --write` puts them into README.md.
"""

import sys
from pathlib import Path
from typing import Final

from nomad_tui.ui.actions import TITLES, Context, actions, described

README: Final = Path(__file__).parent.parent / "README.md"
BEGINNING: Final = "<!-- keys: written by python -m tests.key_tables --write -->\n"
END: Final = "<!-- end of keys -->\n"
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
"""Those of the dashboard; pages and dialogs name their keys themselves."""


def table() -> str:
    rows = ["| in | keys | do |", "|---|---|---|"]
    for context in CONTEXTS:
        title = TITLES[context]
        for keys, sentence in described(actions(context)):
            shown = " ".join(key if "…" in key else f"`{key}`" for key in keys)
            rows.append(f"| {title} | {shown} | {sentence} |")
            title = ""
    return "\n".join(rows) + "\n"


def written(readme: str) -> str:
    """The README with the tables as they should be."""
    before, _, rest = readme.partition(BEGINNING)
    _, _, after = rest.partition(END)
    return before + BEGINNING + "\n" + table() + "\n" + END + after


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.key_tables --write")
    README.write_text(written(README.read_text()))
