"""The palette: the dashboard's commands with their keys, found by synonyms too."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from textual import actions
from textual.await_complete import AwaitComplete
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode

from nomad_tui.ui.actions import ACTIONS, Action, Context, shown_key
from nomad_tui.ui.keymap import keymap_of

if TYPE_CHECKING:
    from nomad_tui.ui.app import NomadTui

TITLE_WIDTH: Final = 20


def run(action: Action, app: "NomadTui") -> object:
    """Runs it on the widget of its context, whatever has the focus."""
    nodes: Mapping[Context, DOMNode] = {
        Context.APP: app,
        Context.EVENTS: app.event_list,
        Context.FACETS: app.topics,
        Context.FILTER: app.filter_line,
    }
    namespace, name, arguments = actions.parse(action.run)
    node = app if namespace == "app" else nodes[action.context]
    method: Callable[..., object] = getattr(node, f"action_{name}")
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
            score = max(matcher.match(action.title), 0.9 if typed and is_synonym else 0.0)
            if score > 0:
                yield Hit(score, self._line(action), command, action.title, f"{action.help}.")

    def _commands(self) -> Iterator[tuple[Action, Callable[[], object]]]:
        app = cast("NomadTui", self.app)
        return ((action, partial(run, action, app)) for action in ACTIONS if action.palette is not None)

    def _line(self, action: Action) -> Content:
        keys = keymap_of(self.app).keys(action.id)
        return Content.assemble(f"{action.title:<{TITLE_WIDTH}}", (shown_key(keys[0]) if keys else "", "$accent"))


class Palette(CommandPalette):
    """Textual 8.2.8 ends the program over a second Enter that comes before the palette has closed."""

    def dismiss(self, result: None = None) -> AwaitComplete:
        if self.is_current:
            return super().dismiss(result)
        nothing: AwaitComplete = AwaitComplete.nothing()  # type: ignore[no-untyped-call]
        return nothing
