"""The palette: the dashboard's commands with their keys, searchable by synonyms too."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Protocol, cast

from textual import actions
from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode

from nomad_tui.ui.actions import ACTIONS, Action, Context
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.key_names import shown_key
from nomad_tui.ui.keymap import keymap_of

TITLE_WIDTH: Final = 20
SYNONYM_SCORE: Final = 3.0
"""For each letter: more than letters scattered over a title score, and less than a word of the title."""


class RunsActions(Protocol):
    """The screen that the palette was opened on."""

    def owner(self, namespace: str, context: Context) -> DOMNode:
        """The node that runs an action: by its namespace, such as `app`, or else by its context."""


def run(action: Action, screen: RunsActions) -> object:
    """Runs an action on the widget of its context, regardless of the focus."""
    namespace, name, arguments = actions.parse(action.run)
    method: Callable[..., object] = getattr(screen.owner(namespace, action.context), f"action_{name}")
    return method(*arguments)


class Commands(Provider):
    async def discover(self) -> Hits:
        for action, command in sorted(self._commands(), key=lambda each: each[0].title):
            yield DiscoveryHit(self._line(action), command, action.title, f"{action.help}.")

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        typed = query.strip().lower()
        for action, command in self._commands():
            is_synonym = any(word.startswith(typed) for word in (action.palette or "").split())
            score = max(matcher.match(action.title), SYNONYM_SCORE * len(typed) if is_synonym else 0.0)
            if score > 0:
                yield Hit(score, self._line(action), command, action.title, f"{action.help}.")

    def _commands(self) -> Iterator[tuple[Action, Callable[[], object]]]:
        screen = cast("RunsActions", self.screen)
        return ((action, partial(run, action, screen)) for action in ACTIONS if action.palette is not None)

    def _line(self, action: Action) -> Content:
        keys = keymap_of(self.app).keys(action.id)
        return Content.assemble(f"{action.title:<{TITLE_WIDTH}}", (shown_key(keys[0]) if keys else "", "$accent"))


class Palette(CommandPalette, Modal[None]):
    """Textual 8.2.8 exits on a second Enter before the palette has closed, and on a page key before its list is laid
    out."""

    @property
    def is_at_work(self) -> bool:
        """Whether commands are being searched for what was typed."""
        group = CommandPalette._GATHER_COMMANDS_GROUP
        return any(worker.group == group and not worker.is_finished for worker in self.workers)

    def awaits(self, key: str) -> bool:
        return key in ("enter", "up", "down") and self.is_at_work

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).size:
            super()._action_command_list(action)
