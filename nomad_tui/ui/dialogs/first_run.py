"""The page shown if a first start reaches no server: what was tried, and what to do next."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final, TypeAlias

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from nomad_tui.config import address as addresses
from nomad_tui.config.connection import Connection
from nomad_tui.config.setting import ADDRESS, TOKEN, ConfigurationError
from nomad_tui.core.text import printable
from nomad_tui.session import Session, State, Status
from nomad_tui.sources.live import LiveServer
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dashboard import Demo, Switch
from nomad_tui.ui.dialogs.letter_menu import Choice, ChoiceList
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.dialogs.write_file import PathInput

KEYS: Final = "letter or Enter choose · Esc dashboard"


Answer: TypeAlias = Connection | Demo | Callable[[], None] | None
"""A connection to switch to, the demo, or a command to run on the dashboard."""


class FirstRunPage(Modal[Answer]):
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)

    def __init__(self, connection: Connection, status: Status, answers: Mapping[str, Answer]) -> None:
        """`answers` are the results for the letters d, c and r."""
        super().__init__()
        self._connection = connection
        self._status = status
        self._answers = answers
        choices = (
            Choice("d", "demo", "a recorded cluster, served on this machine"),
            Choice("a", "address", "type the address of a server"),
            Choice("t", "token", "type a token; it is kept in memory only"),
            Choice("c", "doctor", "check the connection, the token and the stream"),
            Choice("r", "retry", "try again now"),
        )
        self.tried = Static(id="first-run-tried")
        self.menu = ChoiceList(choices, self._choose)
        self.input = PathInput("")
        self.input.display = False
        self.trouble = Static(id="first-run-trouble")
        self.trouble.display = False

    def compose(self) -> ComposeResult:
        with Vertical(id="first-run") as box:
            box.border_title = Content("No Nomad server yet")
            box.border_subtitle = Content(KEYS)
            yield self.tried
            yield self.menu
            yield self.input
            yield self.trouble

    def on_mount(self) -> None:
        self.tried.update(Content("\n").join([Content(line) for line in tried(self._connection, self._status)]))

    def action_leave(self) -> None:
        if self.input.display:
            self._close_input()
        else:
            self.dismiss(None)

    def _choose(self, choice: Choice) -> None:
        letter = choice.letter
        if letter in self._answers:
            self.dismiss(self._answers[letter])
            return
        is_token = letter == "t"
        self.input.password = is_token
        self.input.placeholder = "token" if is_token else f"such as {addresses.DEFAULT}"
        self.input.value = ""
        self.menu.display = False
        self.input.display = True
        self.set_focus(self.input)
        keys = "Enter connect · Esc back"
        self.query_one("#first-run").border_subtitle = Content(keys)

    def _close_input(self) -> None:
        self.input.value = ""
        self.input.display = self.trouble.display = False
        self.menu.display = True
        self.set_focus(self.menu)
        self.query_one("#first-run").border_subtitle = Content(KEYS)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        typed = message.value.strip()
        if not typed:
            return
        try:
            if self.input.password:
                Connection.from_environment({TOKEN.name: typed}, {})
                connection = replace(self._connection, token=typed, token_file=None)
            else:
                found = Connection.from_environment({ADDRESS.name: typed}, {})
                connection = replace(
                    self._connection,
                    address=found.address,
                    http_auth=found.http_auth or self._connection.http_auth,
                    others=found.others,
                )
        except ConfigurationError as error:
            self.trouble.update(Content(printable(str(error), 400)))
            self.trouble.display = True
        else:
            self.dismiss(connection)


def tried(connection: Connection, status: Status) -> list[str]:
    """Lines that say what was tried and why it failed; safe to display."""
    is_default = connection.address == addresses.parse_address(addresses.DEFAULT)[0]
    why = f", the default, because neither {ADDRESS.variable} nor {ADDRESS.flag} is set" if is_default else ""
    token = "with a token" if connection.sends_token else f"without a token ({TOKEN.variable} is not set)"
    return [
        f"Tried: {printable(str(connection.address), 100)}{why}, {token}.",
        "",
        printable(status.what, 400),
        printable(status.remedy, 300),
        "",
    ]


class FirstRun:
    """Shows the page once, after the first attempt of a start without configuration has failed."""

    def __init__(self, screen: Screen[Any], session: Session, commands: Mapping[str, Callable[[], None]]) -> None:
        """`commands` are the functions for the letters c and r."""
        self._screen = screen
        self._session = session
        self._commands = commands
        self._is_over = False
        self._page: FirstRunPage | None = None

    def consider(self, filter_text: str, ended: Callable[[Switch | Demo], None]) -> None:
        """Shows or closes the page if necessary; `ended` is called with the dashboard's result."""
        status, source = self._session.status, self._session.source
        if status.been_connected:
            self._is_over = True
            if self._page is not None and self._page.is_current:
                self._page.dismiss(None)
        is_failed = status.state in (State.RETRYING, State.REFUSED) and bool(status.what)
        if self._is_over or not is_failed or not isinstance(source, LiveServer) or not self._screen.is_current:
            return
        self._is_over = True

        def answered(answer: Answer) -> None:
            self._page = None
            match answer:
                case Connection():
                    ended(Switch(answer, filter_text, self._screen.app.theme))
                case Demo():
                    ended(answer)
                case None:
                    pass
                case _:
                    answer()

        self._page = FirstRunPage(source.connection, status, {"d": Demo(filter_text), **self._commands})
        self._screen.app.push_screen(self._page, answered)
