"""The prompt for a saved filter's name and key, and the commands of saved filters in the palette."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final, Protocol, cast

import msgspec
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.containers import Vertical
from textual.content import Content
from textual.fuzzy import Matcher
from textual.screen import Screen
from textual.widgets import Input, Static

from nomad_tui.config.folders import FileError
from nomad_tui.config.saved_filters import KEYS, LONGEST_NAME, SavedFilter, SavedFilters
from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.dialog import Dialog
from nomad_tui.ui.dialogs.line_input import LineInput
from nomad_tui.ui.filter.filter_line import FilterLine
from nomad_tui.ui.keymap import keymap_of

LONGEST_SHOWN: Final = 200
"""Characters of a filter in a prompt or the palette."""


class Naming(msgspec.Struct, frozen=True):
    """The result of the prompt."""

    name: str
    key: str | None


class NameFilter(Dialog[Naming | None]):
    """Asks for the name of a filter to save, and optionally for a key."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG, Context.NAME_FILTER)

    def __init__(self, saved: SavedFilters, text: str, name: str = "", key: str | None = None, title: str = "") -> None:
        """`text` is the filter; `name` and `key` are its current ones."""
        super().__init__()
        self._saved = saved
        self._text = text
        self._name = name
        self._key = key
        self._title = title or "Save filter"

    def compose(self) -> ComposeResult:
        with Vertical(id="name-filter") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("Enter save · Esc cancel")
            yield Static(Content.styled(printable(self._text, LONGEST_SHOWN), "$quiet"), id="name-filter-text")
            yield LineInput(
                self._name, placeholder="name", max_length=LONGEST_NAME, compact=True, id="name-filter-name"
            )
            yield Static(self._keys(), id="name-filter-keys")

    def on_mount(self) -> None:
        self.query_one(LineInput).focus()

    def _keys(self) -> Content:
        """Every key and the filter it is assigned to."""
        lines = [Content.styled("F1 to F8 assign the key, again to remove it:", "$quiet")]
        for key in KEYS:
            has = self._saved.with_key(key)
            if key == self._key:
                lines.append(Content.styled(f"▣ {key}  this filter", "$accent"))
            elif has is None:
                lines.append(Content(f"□ {key}  free"))
            else:
                lines.append(Content.assemble(f"□ {key}  ", (has.name, "$quiet")))
        return Content("\n").join(lines)

    def action_key(self, key: str) -> None:
        self._key = None if key == self._key else key
        self.query_one("#name-filter-keys", Static).update(self._keys())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        name = printable(event.value.strip())
        if name:
            self.dismiss(Naming(name, self._key))


class SavedFilterActions:
    """The actions on saved filters, for keys and the palette."""

    def __init__(self, screen: Screen[Any], filters: SavedFilters, line: FilterLine) -> None:
        self.filters = filters
        self._screen = screen
        self._line = line

    def apply(self, saved: SavedFilter) -> None:
        self._line.put(saved.text)

    def toggle(self, key: str) -> None:
        """Applies the filter with this key, or clears the line if it already contains that filter."""
        saved = self.filters.with_key(key)
        if saved is None:
            hint = f"{key} has no filter. Type one with {{app.filter}} and save it with {{filter.save}}."
            self._screen.notify(keymap_of(self._screen.app).text(hint), markup=False)
        elif self._line.value.rstrip() == saved.text:
            self._line.put("")
        else:
            self.apply(saved)

    def save(self, is_good: bool) -> None:
        """Asks for a name for the filter in the line; `is_good` means that it has no mistake."""
        text = self._line.value.strip()
        if not text or not is_good:
            self._warn("This filter has a mistake. Correct it before you save it." if text else "Type a filter first.")
            return
        same = next((each for each in self.filters.filters if each.text == text), None)
        name, key = (same.name, same.key) if same is not None else ("", None)

        def save(answer: Naming | None) -> None:
            if answer is not None:
                self._change(lambda: self.filters.save(answer.name, text, answer.key))

        self._screen.app.push_screen(NameFilter(self.filters, text, name, key), save)

    def rename(self, saved: SavedFilter) -> None:
        def rename(answer: Naming | None) -> None:
            if answer is not None:
                self._change(lambda: self.filters.rename(saved.name, answer.name, answer.key))

        self._screen.app.push_screen(
            NameFilter(self.filters, saved.text, saved.name, saved.key, "Rename filter"), rename
        )

    def forget(self, saved: SavedFilter) -> None:
        self._change(lambda: self.filters.forget(saved.name))

    def _change(self, change: Callable[[], None]) -> None:
        try:
            change()
        except FileError as error:
            self._warn(str(error))
        self._line.hint(hints(self.filters))

    def _warn(self, text: str) -> None:
        self._screen.notify(text, severity="warning", markup=False)


class HasSavedFilters(Protocol):
    """The screen that the palette was opened on."""

    saved: SavedFilterActions


class SavedFilterCommands(Provider):
    """The palette's commands to apply, rename and delete each saved filter."""

    async def discover(self) -> Hits:
        for title, callback, about in self._commands():
            if title.startswith("Filter: "):
                yield DiscoveryHit(Content(title), callback, title, about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, callback, about in self._commands():
            if (score := matcher.match(title)) > 0:
                yield Hit(score, _highlighted(matcher, title), callback, title, about)

    def _commands(self) -> list[tuple[str, Callable[[], None], str]]:
        actions = cast("HasSavedFilters", self.screen).saved
        commands: list[tuple[str, Callable[[], None], str]] = []
        for each in actions.filters.filters:
            about = printable(f"{each.key}  {each.text}" if each.key else each.text, LONGEST_SHOWN)
            about = about.replace("[", "\\[")  # the palette parses it as markup, and Textual's `escape` misses some
            commands += [
                (f"Filter: {each.name}", partial(actions.apply, each), about),
                (f"Rename filter: {each.name}", partial(actions.rename, each), about),
                (f"Delete filter: {each.name}", partial(actions.forget, each), about),
            ]
        return commands


def _highlighted(matcher: Matcher, title: str) -> Content:
    """Highlights the match without parsing brackets in a name as markup, as Textual's matcher does."""
    content = Content(title)
    _, offsets = matcher.fuzzy_search.match(matcher.query, title)
    for offset in offsets:
        content = content.stylize(matcher.match_style, offset, offset + 1)
    return content


def hints(filters: SavedFilters) -> tuple[str, ...]:
    """Texts for the empty filter line: what to type, and the keys of saved filters."""
    keys = [f"{each.key} {each.name}" for each in sorted(filters.filters, key=_by_key) if each.key]
    return (
        "press {app.filter} to filter, such as web status:failed",
        *(f"{'  ' if number else '   '}{key}" for number, key in enumerate(keys)),
    )


def _by_key(saved: SavedFilter) -> str:
    return saved.key or "~"
