"""The effective keys: those declared with the actions, unless the operator's `[keys]` sets others."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import combinations
from typing import Any, Final

from textual.app import App
from textual.keys import key_to_character

from nomad_tui.config.fields import FieldError, FieldPath, quoted
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.ui.actions import ACTIONS, BY_ID, EVERYWHERE, Action, Context, actions, bound_keys
from nomad_tui.ui.key_names import closest_key, parse_key, shown_key

NONE: Final = "none"
"""Removes all keys from an action."""
MAX_KEYS: Final = 8
"""Maximum number of keys per action."""
MAX_LISTED_KEYS: Final = 4
"""Maximum number of actions on a line of the help that shows all their keys; of more, only the first and the last."""

TYPED_INTO: Final = frozenset((Context.FILTER, Context.FIND, Context.DIALOG, Context.MENU, Context.NAME_FILTER))
"""Contexts in which letters are text or choices, and cannot be keys of actions."""

PANES: Final = (
    frozenset((Context.MOVE, Context.EVENTS)),
    frozenset((Context.MOVE, Context.FACETS)),
    frozenset((Context.MOVE, Context.ROWS, Context.SCROLL, Context.TREE, Context.EVENT)),
    frozenset((Context.MOVE, Context.ROWS, Context.SCROLL, Context.CHANGES, Context.EVENT)),
    frozenset((Context.MOVE, Context.ROWS, Context.SCROLL, Context.TIMELINE, Context.EVENT)),
    frozenset((Context.MOVE, Context.TEXT, Context.EVENT)),
)
OVERLAPPING: Final = (
    *(pane | {Context.APP} for pane in PANES),
    frozenset((Context.APP, Context.FILTER)),
    frozenset((Context.FILTER,)),
    frozenset((Context.FIND, Context.TEXT)),
    frozenset((Context.PAGE, Context.OVERVIEW, Context.CHART)),
    frozenset((Context.PAGE, Context.OVERVIEW, Context.MOVE, Context.ATTENTION)),
    frozenset((Context.PAGE, Context.SINKS, Context.MOVE)),
    frozenset((Context.PAGE, Context.MISTAKES)),
    frozenset((Context.PAGE, Context.MOVE, Context.TEXT, Context.DOCTOR)),
    frozenset((Context.PAGE, Context.MOVE, Context.SCROLL, Context.LETTERS)),
    frozenset((Context.PAGE, Context.MOVE, Context.TEXT, Context.VIEWER)),
    frozenset((Context.PAGE, Context.MOVE, Context.WATCH)),
    frozenset((Context.PAGE, Context.MOVE, Context.TEXT, Context.LOGS)),
    frozenset((Context.PAGE, Context.MOVE, Context.TEXT, Context.UNREADABLE)),
    frozenset((Context.PAGE, Context.MOVE, Context.TEXT, Context.WARNINGS)),
    frozenset((Context.PAGE, Context.DIALOG, Context.MENU, Context.OPTIONS)),
    frozenset((Context.HELP, Context.MOVE, Context.TEXT)),
    frozenset((Context.DIALOG, Context.MENU, Context.OPTIONS, Context.COLUMNS)),
    frozenset((Context.DIALOG, Context.NAME_FILTER)),
)
"""Contexts whose keys apply at the same time."""

_RESERVED: Final = frozenset(("ctrl+c", "ctrl+q"))
"""Keys that always quit, or show how to quit."""
_NEEDED: Final = frozenset(("dialog.leave", "page.leave", "help.leave", "find.close"))
"""Actions that must have a key, because they close something."""
_PLACE: Final = lazy_pattern(r"\{([a-z_]+\.[a-z0-9_]+)\}")


class KeyMap:
    """The keys of each action."""

    def __init__(self, changed: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """`changed` are the keys, by Textual's names, of actions whose keys differ from the declared ones."""
        self.changed: Mapping[str, tuple[str, ...]] = dict(changed or {})

    def keys(self, action: str) -> tuple[str, ...]:
        found = self.changed.get(action)
        return tuple(BY_ID[action].keys.split()) if found is None else found

    def has(self, action: str, key: str) -> bool:
        """Whether a key, by Textual's name, is one of the action's."""
        return key in self.keys(action) or (key_to_character(key) or key) in self.keys(action)

    def has_any(self, key: str, *contexts: Context) -> bool:
        """Whether a key is that of any action of these contexts."""
        return any(self.has(action.id, key) for action in actions(*contexts))

    def shown(self, action: str) -> str:
        """All keys of an action as operators write them; empty if it has none."""
        return " ".join(shown_key(key) for key in self.keys(action))

    def text(self, sentence: str) -> str:
        """The sentence with each action, written as `{app.filter}`, replaced by its first key."""
        return _PLACE.sub(lambda found: self._first(found[1]), sentence)

    def _first(self, action: str) -> str:
        if action not in BY_ID:
            return f"{{{action}}}"  # part of an untrusted text
        keys = self.keys(action)
        return shown_key(keys[0]) if keys else f"{BY_ID[action].title} in the palette"

    def of_textual(self) -> dict[str, str]:
        """The keymap for `App.set_keymap`."""
        return {action: bound_keys(keys) for action, keys in self.changed.items()}

    def described(self, listed: Iterable[Action]) -> Iterator[tuple[list[str], str]]:
        """The keys, as operators write them, and what they do; neighbors with the same help are combined."""
        groups: list[tuple[str, list[Action]]] = []
        for action in listed:
            if not action.help or not self.keys(action.id):
                continue
            if groups and groups[-1][0] == action.help:
                groups[-1][1].append(action)
            else:
                groups.append((action.help, [action]))
        for sentence, alike in groups:
            if len(alike) > MAX_LISTED_KEYS:
                yield [f"{self.shown(alike[0].id)} … {self.shown(alike[-1].id)}"], sentence
            else:
                yield [shown_key(key) for action in alike for key in self.keys(action.id)], sentence

    @property
    def typed_everywhere(self) -> frozenset[str]:
        """Actions of every screen that have a key with which text is typed."""
        return frozenset(BY_ID[action].run for action in EVERYWHERE if any(map(_is_typed, self.keys(action))))


STANDARD: Final = KeyMap()


def keymap_of(app: App[Any]) -> KeyMap:
    """The effective keys of an application; the declared ones if it does not have a key map."""
    found = getattr(app, "keymap", STANDARD)
    return found if isinstance(found, KeyMap) else STANDARD


def read_keys(table: Mapping[str, Any], at: FieldPath) -> tuple[KeyMap, list[FieldError]]:
    """The keys set in a table of the settings, without mistakes, and the mistakes."""
    errors: list[FieldError] = []
    own: dict[str, tuple[str, ...]] = {}
    for action, raw in _flat(table):
        path = at.member(action)
        try:
            if action not in BY_ID:
                raise path.error(f"is not an action: {_suggestion(action)}")
            own[action] = _read(action, raw, path)
        except FieldError as error:
            errors.append(error)
    while clash := _first_clash(KeyMap(own), own):
        wrong, other, key = clash
        del own[wrong]
        errors.append(
            at.member(wrong).error(
                f'is "{shown_key(key)}", which is also a key of {other}: choose another key, or change {other} too'
            )
        )
    return KeyMap(own), errors


def _flat(table: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Flattens nested tables: TOML parses `app.filter = "/"` as a table in a table."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{within}{name}.")
        else:
            yield f"{within}{name}", value


def _suggestion(action: str) -> str:
    close = get_close_matches(action, BY_ID, 1, 0.5)
    last = action.rpartition(".")[2]
    close += [each for each in BY_ID if each.partition(".")[2] == last]
    return f"write `{close[0]}`" if close else "`nomad-tui keys` lists all of them"


def _read(action: str, raw: object, path: FieldPath) -> tuple[str, ...]:
    words = raw.split() if isinstance(raw, str) else raw
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words) or not words:
        raise path.error(f'is {quoted(raw)}: write keys, such as "ctrl+f" or ["/", "f3"], or "{NONE}"')
    if words == [NONE]:
        if action in _NEEDED:
            raise path.error(f'is "{NONE}", but this action needs a key')
        return ()
    if len(words) > MAX_KEYS:
        raise path.error(f"has {len(words)} keys: write at most {MAX_KEYS}")
    found: list[str] = []
    for word in words:
        key = parse_key(word)
        if key is None:
            hint = closest_key(word) or '"/", "ctrl+u", "pageup" or "f3"'
            raise path.error(f"is {quoted(word)}, which is not a key: write one, such as {hint}")
        if key in _RESERVED:
            raise path.error(f"is {quoted(word)}, which is reserved for quitting: write another key")
        if _is_typed(key) and BY_ID[action].context in TYPED_INTO:
            raise path.error(f"is {quoted(word)}, but text is typed there: write a key such as ctrl+x or f9")
        if key not in found:
            found.append(key)
    return tuple(found)


def _is_typed(key: str) -> bool:
    """Whether an input line inserts the key as text."""
    return len(key) == 1 or key == "space"


def _first_clash(keymap: KeyMap, own: Mapping[str, object]) -> tuple[str, str, str] | None:
    """An action whose key was set, another action with the same key at the same time, and the key."""
    for contexts in OVERLAPPING:
        by_key: dict[str, list[Action]] = {}
        for action in ACTIONS:
            if action.context in contexts:
                for key in keymap.keys(action.id):
                    by_key.setdefault(key, []).append(action)
        for key, sharing in by_key.items():
            for one, other in combinations(sharing, 2):
                if (one.id in own or other.id in own) and not _share(one, other):
                    last = max((each.id for each in (one, other) if each.id in own), key=list(own).index)
                    return last, (other if last == one.id else one).id, key
    return None


def _share(one: Action, other: Action) -> bool:
    """Whether two actions share a declared key, in which case that of the focused pane takes precedence."""
    return not set(one.keys.split()).isdisjoint(other.keys.split())
