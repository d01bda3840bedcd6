"""The help: every key in groups, the group in use first, on a screen of its own that can be searched."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.dom import DOMNode

from nomad_tui.ui.changes_view import ChangesView
from nomad_tui.ui.commands import DASHBOARD_KEYS
from nomad_tui.ui.events import EventList
from nomad_tui.ui.filter_line import FilterLine
from nomad_tui.ui.find_line import FindPane
from nomad_tui.ui.inspector import Inspector
from nomad_tui.ui.modal import Modal
from nomad_tui.ui.payload_tree import PayloadTree
from nomad_tui.ui.text_viewer import TextView
from nomad_tui.ui.timeline import Timeline
from nomad_tui.ui.topics import TopicPicker

WIDTH: Final = 76
"""Cells of a line: what an 80-cell terminal leaves."""
KEY_WIDTH: Final = 14
_SAVED: Final = re.compile(r"app\.f\d")

GROUPS: Final[tuple[tuple[str, type[DOMNode]], ...]] = (
    ("Events", EventList),
    ("Facets", TopicPicker),
    ("Event", Inspector),
    ("Event: Tree", PayloadTree),
    ("Event: Changes", ChangesView),
    ("Event: Timeline", Timeline),
    ("Event: Raw", TextView),
    ("Filter", FilterLine),
)


def help_text(in_use: Sequence[DOMNode]) -> str:
    """All keys of the dashboard. What belongs to one of `in_use` comes first: the focused widget and its holders."""
    known = [(title, kind.HELP, kind.BINDINGS) for title, kind in GROUPS if isinstance_of(in_use, kind)]
    others = [(title, kind.HELP, kind.BINDINGS) for title, kind in GROUPS if not isinstance_of(in_use, kind)]
    pages = [
        (str(node.BINDING_GROUP_TITLE or type(node).__name__), node.HELP, node.BINDINGS)
        for node in in_use
        if node.BINDINGS and not any(isinstance(node, kind) for _, kind in GROUPS) and isinstance(node, Modal)
    ]
    dashboard = ("Everywhere on the dashboard", None, DASHBOARD_KEYS)
    return "\n\n".join(_group(*each) for each in (*pages, *known, dashboard, *others)) + "\n"


def isinstance_of(nodes: Sequence[DOMNode], kind: type[DOMNode]) -> bool:
    return any(isinstance(node, kind) for node in nodes)


def _group(title: str, about: str | None, bindings: Iterable[BindingType]) -> str:
    lines = [f"── {title} " + "─" * (WIDTH - 4 - len(title)), *_keys(bindings)]
    if about:
        lines += ["", *_prose(about)]
    return "\n".join(lines)


def _keys(bindings: Iterable[BindingType]) -> Iterable[str]:
    for binding in bindings:
        if not isinstance(binding, Binding) or binding.system:
            continue
        if _SAVED.fullmatch(binding.id or ""):
            if binding.id == "app.f1":
                yield "F1…F8".ljust(KEY_WIDTH) + "Apply the filter saved under that key, or clear it"
            continue
        keys = binding.key_display or " ".join(_shown(key) for key in binding.key.split(","))
        says = binding.tooltip or binding.description
        head, *rest = textwrap.wrap(says, WIDTH - KEY_WIDTH) or [""]
        yield f"{keys:<{KEY_WIDTH - 1}} {head}"
        yield from (" " * KEY_WIDTH + line for line in rest)


_NAMES: Final = {
    "question_mark": "?", "slash": "/", "at": "@", "plus": "+", "minus": "-", "asterisk": "*", "full_stop": ".",
    "comma": ",", "left_square_bracket": "[", "right_square_bracket": "]", "less_than_sign": "<", "up": "↑",
    "greater_than_sign": ">", "number_sign": "#", "left": "←", "right": "→", "down": "↓", "escape": "Esc",
    "pageup": "PgUp", "pagedown": "PgDn", "enter": "Enter", "space": "Space", "home": "Home", "end": "End",
    "tab": "Tab", "left_parenthesis": "(", "right_parenthesis": ")", "left_curly_bracket": "{",
    "right_curly_bracket": "}",
}  # fmt: skip


def _shown(key: str) -> str:
    """A key as operators write it, such as `Ctrl+U`."""
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    name = _NAMES.get(last, last.upper() if modifiers and len(last) == 1 else last)
    return "+".join([*(modifier.capitalize() for modifier in modifiers), name])


def _prose(markdown: str) -> Iterable[str]:
    """The help of a pane without its marks, in lines that fit."""
    plain = re.sub(r"\\(?=[*_])|\*\*|`|(?<![\w\\])\*(?=\w)|(?<=\w)\*(?!\w)", "", markdown.replace("\\*", "∗"))
    for paragraph in plain.replace("∗", "*").strip().split("\n\n"):
        if paragraph.startswith("#"):
            continue
        for item in re.split(r"\n(?=- )", paragraph):
            yield from textwrap.wrap(item, WIDTH, subsequent_indent="  " if item.startswith("- ") else "")
        yield ""


class HelpScreen(Modal[None]):
    """Closed by the key that opened it, too."""

    DEFAULT_CSS = """
    HelpScreen > Vertical { width: 100%; height: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "Close", id="help.close", tooltip="Close the help"),
    ]

    def __init__(self, in_use: Sequence[DOMNode]) -> None:
        """`in_use` is the focused widget and all that hold it."""
        super().__init__()
        self.view = TextView(help_text(in_use))

    def compose(self) -> ComposeResult:
        with Vertical(id="help") as frame:
            frame.border_title = Content("Help")
            frame.border_subtitle = Content("/ search · n N matches · Space page · Esc close")
            yield FindPane(self.view)

    def on_mount(self) -> None:
        self.set_focus(self.view)
