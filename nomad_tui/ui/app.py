"""The application: reads the source, shows the dashboard, and owns what all screens share."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from contextlib import suppress
from math import inf
from pathlib import Path
from time import perf_counter
from traceback import format_exc
from typing import Any, ClassVar, Final

from rich.console import RenderableType
from rich.text import Text
from textual import events, on
from textual.app import App
from textual.binding import BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.errors import NoWidget
from textual.filter import ANSIToTruecolor, LineFilter
from textual.widgets import Input

from nomad_tui.config.folders import styles_folder
from nomad_tui.core.glyphs import is_utf8
from nomad_tui.core.text import printable
from nomad_tui.session import Session
from nomad_tui.ui.actions import EVERYWHERE, Context, bindings
from nomad_tui.ui.dashboard import DashboardOptions, Outcome
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.events.event_list import EventList
from nomad_tui.ui.key_queue import LONGEST_ACT, KeyQueue, Typed
from nomad_tui.ui.preferences import Preferences
from nomad_tui.ui.screen import DashboardScreen
from nomad_tui.ui.terminal.garbage import Collector
from nomad_tui.ui.terminal.terminal import CLEAR, AsciiTerminal, EndingSignals, Terminal, encoding
from nomad_tui.ui.themes import THEMES, VARIABLES, legible_variables

COLLECT_INTERVAL: Final = 0.25
"""Seconds between two checks whether the dashboard is idle enough to collect garbage."""

STYLES_PAUSE: Final = 0.02
"""Seconds between parsing two style sheets, for keys and drawing."""
OPEN_POLL_INTERVAL: Final = 0.02
"""Seconds between two checks whether the first drawing is done."""
LONGEST_WORK: Final = 3.0
"""Maximum seconds that a key waits for a dialog's work; keys typed later are not meant for what follows it."""
QUITS_WITHIN: Final = 3.0
"""Seconds within which a second Ctrl+C quits. A single one may be meant to copy a selection that no longer exists."""
FIRST_STYLES: Final = ("app", "events", "filter", "inspector", "topics", "tree")
"""Style sheets that the first drawing needs. The others are read afterwards, or when a key or screen needs them."""


class NomadTui(App[Outcome]):
    TITLE = "nomad-tui"
    CSS_PATH: ClassVar = [styles_folder() / f"{name}.tcss" for name in FIRST_STYLES]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (96, "-medium"), (150, "-wide")]  # noqa: RUF012
    PAUSE_GC_ON_SCROLL = True
    COMMANDS: ClassVar = set()
    """Empty: the dashboard's commands include Textual's."""

    ENABLE_COMMAND_PALETTE = False
    """The palette has the dashboard's key, not Textual's."""
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.APP, only=EVERYWHERE)

    def __init__(self, session: Session, options: DashboardOptions | None = None) -> None:
        """The application ends with a `Switch` if the operator chooses another connection."""
        options = options or DashboardOptions()
        self.preferences = Preferences(options.folders)  # first: the driver depends on them
        super().__init__()
        self.session = session
        self.keymap = self.preferences.keymap
        self.set_keymap(self.keymap.of_textual())
        self.dashboard = DashboardScreen(session, self.preferences, options, id="_default")
        first = set(map(Path, self.CSS_PATH))
        self._unread_styles = deque(path for path in sorted(styles_folder().glob("*.tcss")) if path not in first)
        self._keys = KeyQueue(self, self._take, self._patience)
        self._interrupted_at = -QUITS_WITHIN
        """`perf_counter()` of the last Ctrl+C."""
        self._collector = Collector(options.collects_after)
        self._signals = EndingSignals()
        for theme in (*THEMES, *self.preferences.own_themes):
            self.register_theme(theme)
        # Without watchers, which would parse the style sheets a second time.
        self.set_reactive(NomadTui.theme, self.preferences.theme)
        self.stylesheet.set_variables(self.get_css_variables())

    # Overridden methods of Textual

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        if found is not LinuxDriver:
            return found
        return AsciiTerminal if self.preferences.is_ascii else Terminal

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {**super().get_theme_variable_defaults(), **VARIABLES}

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        few_colors = self.console.color_system in ("standard", "windows")
        legible = legible_variables(self.current_theme, variables, no_color=self.no_color, few_colors=few_colors)
        self.theme_variables = {**variables, **legible}
        return self.theme_variables

    def get_line_filters(self) -> list[LineFilter]:
        """Textual's filters without the one for ANSI colors, which checks every segment: no style here uses them."""
        return [each for each in super().get_line_filters() if not isinstance(each, ANSIToTruecolor)]

    def get_default_screen(self) -> DashboardScreen:
        """The dashboard with the class for its width: changing the class later would compute every style again."""
        breakpoints = sorted(self.HORIZONTAL_BREAKPOINTS, reverse=True)
        self.dashboard.add_class(next(name for least, name in breakpoints if self.size.width >= least), update=False)
        if self.preferences.is_compact:
            self.dashboard.add_class("-compact", update=False)
        return self.dashboard

    # Start and end

    def on_load(self) -> None:
        # Before there is a screen, so that the first drawing has rows. A function, because Python would warn of a
        # coroutine that has not started when the program ends.
        self.run_worker(self._read, name="stream", group="stream", description="reads the source")  # type: ignore[arg-type]

    def on_mount(self) -> None:
        if not is_utf8(sys.__stderr__):
            trouble = (
                f"The dashboard needs UTF-8, and this locale is {printable(encoding(), 40)}: signs are drawn "
                "in ASCII, other letters as ?. Set LC_ALL to a UTF-8 locale, such as C.UTF-8."
            )
            self.notify(trouble, severity="warning", markup=False)
        self._signals.listen(self.exit)
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())
        self.set_interval(COLLECT_INTERVAL, self._collect)
        self._collector.start()
        self._keys.start()
        self._opening = self.set_interval(OPEN_POLL_INTERVAL, self._open)
        self.run_worker(self._read_other_styles_soon, group="styles")  # type: ignore[arg-type]

    async def _read_other_styles_soon(self) -> None:
        """Reads the remaining style sheets, one at a time, some 5 ms each."""
        await self.session.quiet()
        while self._unread_styles:
            self._read_other_styles(1)
            await asyncio.sleep(STYLES_PAUSE)

    def _read_other_styles(self, most: int | None = None) -> None:
        """Reads the remaining style sheets, or `most` of them; nothing on the screen changes."""
        if self._unread_styles:
            count = len(self._unread_styles) if most is None else most
            self.stylesheet.read_all([self._unread_styles.popleft() for _ in range(count)])
            self.stylesheet.parse()

    def push_screen(self, *arguments: Any, **options: Any) -> Any:
        self._read_other_styles()
        return super().push_screen(*arguments, **options)

    def _collect(self) -> None:
        pace = self.session.pace
        self._collector.consider(self.session.history.received_events, pace.last_key, pace.is_flooded)

    async def _read(self) -> None:
        """Reads the source. An unexpected exception is a bug: the program exits and prints it.

        Textual's own traceback would print the values of local variables, including tokens.
        """
        try:
            await self.session.run()
        except Exception:
            self.exit(return_code=1, message=Text("".join(map(_printable_line, format_exc().splitlines()))))

    def exit(self, result: Outcome = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """Ends the application and any recording in progress, about which it leaves a line on the terminal."""
        recorded = self.dashboard.end_recording()
        super().exit(result, return_code, message or (None if recorded is None else Text(recorded)))

    def on_unmount(self) -> None:
        self._collector.stop()
        self._signals.ignore()

    # Keys

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            if not self._leaves(event):
                await self._keys.take(event)
            elif self.dashboard.is_ready:
                await self._take(event)
            else:
                self.exit()
        elif self.session.shown.is_set() or self.is_headless or not isinstance(event, events.MouseEvent):
            await self._take(event)

    def _leaves(self, event: events.Key | events.Paste) -> bool:
        """Whether a key must not wait, because it quits before the first drawing."""
        if self._keys.is_open or not isinstance(event, events.Key):
            return False
        return event.key in ("ctrl+c", "ctrl+q") or (not self._keys and self.keymap.has("app.quit", event.key))

    def _patience(self, event: Typed, has_left_line: bool) -> float:
        """Seconds that a key must wait for work in progress, such as a search for rows; 0 if the key ends that work."""
        screen, key = self.screen, event.key if isinstance(event, events.Key) else ""
        if isinstance(screen, Modal):
            return LONGEST_WORK if screen.awaits(key) and not self.keymap.has("dialog.leave", key) else 0.0
        if self.dashboard.awaits_rows and self.keymap.has_any(key, Context.MOVE, Context.EVENTS):
            return inf
        return LONGEST_ACT if has_left_line and self.dashboard.filtering.is_searching else 0.0

    async def _take(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            if not self.dashboard.is_ready:
                return  # keys typed before a quit have no target, and Textual fails on them
            self._read_other_styles()
            self.session.pace.last_key = perf_counter()
            if (
                isinstance(event, events.Key)
                and event.key == "ctrl+c"
                and not event.is_forwarded
                and self.screen.is_modal
            ):
                self.action_help_quit()  # Textual's own bindings do not apply on a modal screen
            if isinstance(event, events.MouseEvent) and self._is_removed(event):
                return
        await super().on_event(event)

    def _is_removed(self, event: events.MouseEvent) -> bool:
        """Whether the widget under the mouse has been removed, such as a notification by the previous click.

        Textual would fail to find its parent in order to start a selection.
        """
        with suppress(NoWidget):
            return self.screen.get_widget_at(event.x, event.y)[0].parent is None
        return False

    async def _open(self) -> None:
        """Lets keys act once the first drawing is done."""
        if self.dashboard.is_open or self.is_headless:
            self._opening.stop()
            self.call_after_refresh(self.session.shown.set)
            await self._keys.open()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if f"app.{action}" in self.keymap.typed_everywhere and isinstance(self.focused, Input):
            return False
        return super().check_action(action, parameters)

    @on(EventList.Quit)
    def _quit(self) -> None:
        self.exit()

    def action_help_quit(self) -> None:
        """Called for Ctrl+C, unless it copies a selection."""
        before, self._interrupted_at = self._interrupted_at, perf_counter()
        if self._interrupted_at < before + QUITS_WITHIN:
            self.exit()
        else:
            self.notify("Press Ctrl+C again to quit.", timeout=QUITS_WITHIN, markup=False)

    def action_command_palette(self) -> None:
        from nomad_tui.ui.dialogs.commands import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_help(self) -> None:
        """Shows the keys and the manual's page of the focused widget."""
        from nomad_tui.ui.dialogs.help import HelpScreen

        node = self.screen.focused or self.screen
        self.push_screen(HelpScreen(node.ancestors_with_self, self.keymap))

    def action_change_theme(self) -> None:
        from nomad_tui.ui.dialogs.letter_menu import ThemeMenu

        def keep(theme: str | None) -> None:
            if theme is not None:
                self.preferences.keep("theme", theme)

        self.push_screen(ThemeMenu(self.preferences.themes), keep)

    def action_redraw(self) -> None:
        """Redraws every cell of the screen without caches, after all pending updates."""
        self.call_after_refresh(self._redraw)

    def _redraw(self) -> None:
        for screen in self.screen_stack:
            for widget in screen.walk_children(with_self=True):
                widget.notify_style_update()
                widget.refresh()
        if self._driver is not None and not self.is_headless:
            self._driver.write(CLEAR)
        self.refresh(layout=True)


def _printable_line(text: str) -> str:
    return printable(text) + "\n"
