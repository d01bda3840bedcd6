"""Keys as operators write them, such as `Ctrl+U`, and as Textual names them, such as `ctrl+u`."""

import re
from difflib import get_close_matches
from typing import Final

from textual.keys import Keys, key_to_character

_SHOWN: Final = {
    "up": "↑", "down": "↓", "left": "←", "right": "→", "escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn",
    "enter": "Enter", "space": "Space", "home": "Home", "end": "End", "tab": "Tab",
    "delete": "Del", "insert": "Ins", "backspace": "Backspace",
    "slash": "/", "backslash": "\\", "at": "@", "plus": "+", "minus": "-", "underscore": "_",
}  # fmt: skip
_MODIFIERS: Final = ("alt", "ctrl", "shift", "super")
"""Modifiers in Textual's order."""
_ALIASES: Final = {
    "esc": "escape", "pgup": "pageup", "pgdn": "pagedown", "pgdown": "pagedown", "return": "enter", "del": "delete",
    "ins": "insert", "↑": "up", "↓": "down", "←": "left", "→": "right", "comma": ",", "minus": "-", "plus": "+",
}  # fmt: skip
_NAMED: Final = frozenset(
    key.value for key in Keys if re.fullmatch(r"[a-z]{2,}|f\d{1,2}", key.value) and not key.value.startswith("scroll")
)
_SENT_AS: Final = {"ctrl+i": "tab", "ctrl+m": "enter", "return": "enter"}
"""Keys that terminals send as another key."""


def shown_key(key: str) -> str:
    """A key as operators write it, such as `Ctrl+U`."""
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    name = _SHOWN.get(last) or key_to_character(last) or last
    if (len(name) == 1 and modifiers) or (name[0] == "f" and name[1:].isdigit()):
        name = name.upper()
    return "+".join([*(modifier.capitalize() for modifier in modifiers), name])


def parse_key(written: str) -> str | None:
    """Textual's name of a key that an operator has written, such as `Ctrl+U`, `PgUp` or `/`; None if it is no key."""
    if len(written) == 1:
        return _ALIASES.get(written) or (written if written.isprintable() and not written.isspace() else None)
    parts = [*written[:-2].split("+"), "+"] if written.endswith("+") else written.split("+")
    *modifiers, last = parts
    modifiers = [each.lower() for each in modifiers if each]
    name = _ALIASES.get(last.lower(), last.lower() if len(last) > 1 else last)
    if len(set(modifiers)) != len(modifiers) or not set(modifiers) <= set(_MODIFIERS):
        return None
    if len(name) == 1:
        if not name.isprintable() or name.isspace():
            return None
        if modifiers == ["shift"]:
            return name.upper() if name.isalpha() else None
        if not modifiers:
            return name
        name = name.lower()
    elif name not in _NAMED:
        return None
    key = "+".join([*(each for each in _MODIFIERS if each in modifiers), name])
    return _SENT_AS.get(key, key)


def closest_key(written: str) -> str | None:
    """The name of the key with the most similar spelling."""
    close = get_close_matches(written.lower().rpartition("+")[2], sorted(_NAMED | _ALIASES.keys()), 1)
    return close[0] if close else None
