"""The dialog of `@`: shows the current profile, region and namespace, and switches to others.

Switching ends the dashboard with a `Switch`, and its caller opens another one, so that events of different clusters are
never mixed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.color import Color, ColorParseError
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.style import Style
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from nomad_tui.config.connection import Connection
from nomad_tui.config.precedence import Profile
from nomad_tui.config.profiles import Connections
from nomad_tui.config.setting import ConfigurationError
from nomad_tui.core.text import printable
from nomad_tui.core.topics import ALL
from nomad_tui.nomad import questions
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.questions import UnansweredError, first_answer
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.dialog import Dialog
from nomad_tui.ui.keymap import keymap_of

LONGEST_NAME: Final = 128
"""Nomad's limit for the characters of a namespace's name; a region's is lower."""
LONGEST_NOTE: Final = 500
ASK_AFTER: Final = 0.2
"""Seconds before a chosen cluster is queried, so that none is while the cursor only passes it."""


@dataclass(frozen=True, slots=True)
class Choice:
    value: str | None
    label: str
    """Untrusted text from the cluster or the configuration."""
    note: str = ""
    color: str = ""
    """Color of a profile."""


ENVIRONMENT: Final = Choice(None, "environment", "NOMAD_*")
ALL_NAMESPACES: Final = Choice(ALL, "all namespaces")


class Choices(OptionList, can_focus=False):
    """One column. The dialog passes it keys, which move its cursor or edit its typed text."""

    def __init__(self, title: str, *, takes_any: bool, id: str) -> None:  # noqa: A002
        """`takes_any` allows choosing a typed name that is not listed."""
        super().__init__(id=id, markup=False)
        self._title = title
        self._takes_any = takes_any
        self._all: tuple[Choice, ...] = ()
        self._shown: tuple[Choice, ...] = ()
        self._current: Choice | None = None
        self._chosen: str | None = None
        """The last chosen value, kept when the list changes."""
        self.typed = ""
        self.active = False

    @property
    def chosen(self) -> Choice | None:
        """The highlighted choice; None if nothing matches what is typed."""
        row = self.highlighted
        return self._shown[row] if row is not None and row < len(self._shown) else None

    def offer(self, choices: Sequence[Choice], current: Choice | None) -> None:
        """Lists other choices, keeping what was chosen and typed. `current` is the choice in use, if it is listed."""
        self._all = tuple(choices)
        self._current = current
        self._draw()

    def choose(self, value: str | None) -> None:
        """Highlights a value, unless something is typed."""
        self._chosen = value
        self._draw()

    def say(self, text: str, style: str = "$quiet") -> None:
        """Shows the state of the list, in a word or two."""
        self.border_subtitle = Content.styled(text, style) if text else ""

    def type(self, text: str) -> None:
        self.typed = text[:LONGEST_NAME]
        self._draw()

    def move(self, key: str) -> None:
        if self.size or key not in ("pageup", "pagedown"):  # Textual fails on those before the list is laid out
            _MOVES[key](self)
        self.remember()

    def activate(self, active: bool) -> None:
        self.active = active
        self.set_class(active, "-active")
        self._draw_title()

    def remember(self) -> None:
        """Stores the highlighted value as chosen."""
        chosen = self.chosen
        if chosen is not None:
            self._chosen = chosen.value

    def _draw(self) -> None:
        typed = self.typed.casefold()
        shown = [each for each in self._all if typed in each.label.casefold()]
        if self._takes_any and typed and all(self.typed not in (each.label, each.value) for each in shown):
            shown.append(Choice(self.typed, self.typed, "not listed"))
        self._shown = tuple(shown)
        self.clear_options()
        self.add_options([Option(self._line(each)) for each in shown])
        self.highlighted = self._row()
        if typed:
            self.remember()
        self._draw_title()

    def _row(self) -> int | None:
        """The row that matches what is typed, listed ones first; otherwise that of the chosen value."""
        if not self._shown:
            return None
        typed = self.typed.casefold()
        if typed:
            labels = [each.label.casefold() for each in self._shown if each in self._all]
            begun = (row for row, label in enumerate(labels) if label.startswith(typed))
            return labels.index(typed) if typed in labels else next(begun, 0)
        return next((row for row, each in enumerate(self._shown) if each.value == self._chosen), 0)

    def _line(self, choice: Choice) -> Content:
        is_here = self._current is not None and choice.value == self._current.value
        line = Content.styled("● " if is_here else "  ", "$accent")
        if choice.color:
            line += Content.styled("■ ", Style(foreground=_color(choice.color, self.app.theme_variables)))
        line += Content(printable(choice.label, LONGEST_NAME))
        return line + Content.styled(f" {printable(choice.note, LONGEST_NAME)}", "$quiet") if choice.note else line

    def _draw_title(self) -> None:
        cursor = "▏" if self.active else ""
        self.border_title = Content.assemble(self._title, (f" {printable(self.typed)}{cursor}", "$accent"))


_MOVES: Final[dict[str, Callable[[Choices], None]]] = {
    "up": Choices.action_cursor_up,
    "down": Choices.action_cursor_down,
    "home": Choices.action_first,
    "end": Choices.action_last,
    "pageup": Choices.action_page_up,
    "pagedown": Choices.action_page_down,
}
_TURNS: Final = {"tab": 1, "right": 1, "shift+tab": -1, "left": -1}


def _color(name: str, theme: dict[str, str]) -> Color | None:
    try:
        return Color.parse(theme.get(name, name))
    except ColorParseError:
        return None


class Where(Dialog[Connection | None]):
    """Its result is the connection to switch to; None to keep the current one."""

    AUTO_FOCUS = None

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)

    def __init__(self, connections: Connections, here: Connection, region: str | None) -> None:
        """`here` is the current connection, and `region` its server's region, if known."""
        super().__init__()
        self._connections = connections
        self._here = here
        self._own_region = region
        self._connection: Connection | None = here
        """The connection of the chosen profile, once its files are read."""
        self._profile: str | None = None
        self._region: str | None = None
        """The profile and region of the last queries."""
        self._troubles: dict[str, str] = {}
        """A sentence about each query or file that failed, by its name."""
        self._asking: set[str] = set()
        """Names of the queries in progress."""
        self._wanted = False
        """Whether Enter was pressed before the chosen connection was known."""
        self.profiles = Choices("Profile", takes_any=False, id="where-profiles")
        self.regions = Choices("Region", takes_any=True, id="where-regions")
        self.namespaces = Choices("Namespace", takes_any=True, id="where-namespaces")
        self.columns = (self.profiles, self.regions, self.namespaces)
        self._asked = {"regions": self.regions, "namespaces": self.namespaces}
        self.servers = Static(id="where-servers")
        self.trouble = Static(id="where-trouble")

    def compose(self) -> ComposeResult:
        with Vertical(id="where") as box:
            box.border_title = Content("Switch cluster")
            box.border_subtitle = Content("type a name · Tab complete · Enter switch · Esc cancel")
            with Horizontal(id="where-columns"):
                yield from self.columns
            yield self.servers
            yield self.trouble

    def on_mount(self) -> None:
        known: tuple[Profile, ...] = ()
        try:
            known = self._connections.profiles()
        except ConfigurationError as error:
            self._troubles["profiles"] = str(error)
        here = ENVIRONMENT if self._here.profile is None else _of_profile(self._here.profile)
        listed = [ENVIRONMENT, *map(_of_profile, known)]
        if here.value not in [each.value for each in listed]:
            listed.append(here)  # its table was removed from the file meanwhile
        self.profiles.offer(listed, here)
        self.profiles.choose(here.value)
        self._activate(self.profiles if known else self.namespaces)
        self._begin(self._here)
        self._ask_both(self._here)

    # What is chosen

    def _activate(self, column: Choices) -> None:
        for each in self.columns:
            each.activate(each is column)

    @property
    def _active(self) -> Choices:
        return next(each for each in self.columns if each.active)

    @property
    def _is_here(self) -> bool:
        """Whether the chosen profile is the current one."""
        name = self._here.profile.name if self._here.profile is not None else None
        chosen = self.profiles.chosen
        return chosen is not None and chosen.value == name

    def _chosen(self) -> None:
        """Call after the choice may have changed: repeats the queries that depend on it."""
        profile, region = self.profiles.chosen, self.regions.chosen
        if profile is not None and profile.value != self._profile:
            self._profile = profile.value
            self._connection = None
            self._asking.clear()
            self._troubles.clear()
            self.servers.update(Content(""))
            self._describe_choice()
            for column in self._asked.values():
                column.offer([], None)
                column.say("…")
            for group in self._asked:
                self.workers.cancel_group(self, group)
            self.run_worker(partial(self._look, profile.value), group="profile", exclusive=True)  # type: ignore[arg-type]
        elif self._connection is not None and region is not None and region.value != self._region:
            self._region = region.value
            connection = self._connection.within(region.value, self._connection.namespace)
            self._ask("namespaces", self._ask_namespaces, connection, after=ASK_AFTER)

    async def _look(self, profile: str | None) -> None:
        """Reads the profile's connection, and queries its cluster."""
        await asyncio.sleep(0 if self._wanted else ASK_AFTER)
        try:
            # In a thread: a token file may be a pipe, or on a disk that does not respond.
            connection = self._here if self._is_here else await asyncio.to_thread(self._connections.of, profile)
        except ConfigurationError as error:
            self._troubles["profile"] = str(error)
            for column in self._asked.values():
                column.say("")
            self._describe_choice()
            return
        self._begin(connection)
        self._ask_both(connection)
        if self._wanted:
            self._enter()

    def _begin(self, connection: Connection) -> None:
        """Shows what is known of a cluster before it is queried."""
        self._connection = connection
        profile = self.profiles.chosen
        self._profile = profile.value if profile is not None else None
        self._region = connection.region
        self._offer_regions(connection, ())
        self._offer_namespaces(connection, ())
        self.regions.choose(connection.region)
        self.namespaces.choose(connection.namespace)
        servers = ", ".join(str(each.address) for each in connection.servers)
        self.servers.update(Content.styled(printable(servers, LONGEST_NOTE), "$quiet"))
        self._describe_choice()

    def _offer_regions(self, connection: Connection, names: Sequence[str]) -> None:
        own = Choice(None, "server's region", self._own_region or "" if self._is_here else "")
        choices = [own, *(Choice(name, name) for name in _with(names, connection.region))]
        here = own if self._here.region is None else Choice(self._here.region, self._here.region)
        self.regions.offer(choices, here if self._is_here else None)

    def _offer_namespaces(self, connection: Connection, names: Sequence[str]) -> None:
        own = connection.namespace
        choices = [ALL_NAMESPACES, *(Choice(name, name) for name in _with(names, None if own == ALL else own))]
        there = self._here.namespace
        here = ALL_NAMESPACES if there == ALL else Choice(there, there)
        self.namespaces.offer(choices, here if self._is_here else None)

    # Queries

    def _ask_both(self, connection: Connection) -> None:
        self._ask("regions", self._ask_regions, connection)
        self._ask("namespaces", self._ask_namespaces, connection)

    def _ask(
        self, what: str, ask: Callable[[Connection], Awaitable[int]], connection: Connection, after: float = 0.0
    ) -> None:
        column = self._asked[what]
        column.say("asking…")
        self._asking.add(what)

        async def asked() -> None:
            await asyncio.sleep(after)
            self._troubles.pop(what, None)
            try:
                found = await ask(connection)
            except UnansweredError as error:
                column.say("unknown", "$warning")
                self._troubles[what] = str(error)
            else:
                column.say(f"{found} listed" if found else "none listed")
            self._asking.discard(what)
            self._describe_choice()
            if self._wanted:
                self._enter()

        self.run_worker(asked, group=what, exclusive=True)  # type: ignore[arg-type]

    async def _ask_regions(self, connection: Connection) -> int:
        names = await first_answer(connection, questions.regions)
        self._offer_regions(connection, names)
        return len(names)

    async def _ask_namespaces(self, connection: Connection) -> int:
        async def ask(client: Client) -> Sequence[str]:
            return (await questions.namespaces(client)).names

        names = await first_answer(connection, ask)
        self._offer_namespaces(connection, names)
        return len(names)

    def _describe_choice(self) -> None:
        troubles = dict.fromkeys(self._troubles.values())  # both queries usually fail for the same reason
        self.trouble.update(Content("\n").join(Content(printable(each, LONGEST_NOTE)) for each in troubles))
        self.trouble.display = bool(troubles)

    # Keys

    def on_key(self, event: events.Key) -> None:
        """Handles the keys of all columns."""
        column, key = self._active, event.key
        if keymap_of(self.app).has("dialog.leave", key):
            return
        if key == "enter":
            self._enter()
        elif key in _MOVES:
            self._wanted = False
            column.move(key)
            self._chosen()
        elif key in _TURNS:
            self._wanted = False
            self._activate(self.columns[(self.columns.index(column) + _TURNS[key]) % len(self.columns)])
        elif key in ("backspace", "ctrl+h"):
            self._type(column.typed[:-1])
        elif key == "ctrl+u":
            self._type("")
        elif event.is_printable and event.character is not None:
            self._type(column.typed + event.character)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self._type(self._active.typed + printable(" ".join(event.text.split()), LONGEST_NAME))

    def _type(self, text: str) -> None:
        self._wanted = False
        self._active.type(text)
        self._chosen()

    @on(OptionList.OptionSelected)
    def _click(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        if isinstance(message.option_list, Choices):
            message.option_list.remember()
            self._activate(message.option_list)
            self._chosen()

    def on_click(self, event: events.Click) -> None:
        if event.chain == 2 and isinstance(event.widget, Choices):
            self._enter()

    def _enter(self) -> None:
        profile, region, namespace = (column.chosen for column in self.columns)
        if profile is None:
            self._say("No such profile. Choose one from the list.")
        elif self._connection is None:
            self._wanted = "profile" not in self._troubles
        elif any(column.typed and what in self._asking for what, column in self._asked.items()):
            self._wanted = True  # a listed name takes precedence over a typed one
        elif region is not None and namespace is not None and namespace.value is not None:
            wanted = self._connection.within(region.value, namespace.value)
            stays = self._is_here and wanted == self._here
            self.dismiss(None if stays else wanted)

    def _say(self, text: str) -> None:
        self._troubles["enter"] = text
        self._describe_choice()
        del self._troubles["enter"]


def _of_profile(profile: Profile) -> Choice:
    return Choice(profile.name, profile.name, color=profile.color)


def _with(names: Sequence[str], name: str | None) -> list[str]:
    """The names, with `name` first if the server does not list it."""
    return [*names] if name is None or name in names else [name, *names]
