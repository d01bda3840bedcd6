"""The actions of watch rules: highlight, bell, notify, pause, and run a command."""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, Final

from nomad_tui.config.watch_rules import WatchRules
from nomad_tui.core.history.event_row import event_level, sentence
from nomad_tui.core.secrets import masked_text, redact
from nomad_tui.core.text import printable
from nomad_tui.core.watch import Action, Firing, Watcher
from nomad_tui.process import Command, CommandError, CommandRunner, event_fields
from nomad_tui.sources.recording import Recording
from nomad_tui.ui.dashboard import Dashboard
from nomad_tui.ui.keymap import keymap_of

TITLE: Final = "nomad-tui"
LONGEST: Final = 200
"""Characters of a notification's text."""
TMUX_TIMEOUT: Final = 2.0
"""Seconds that tmux has to answer."""
BELL: Final = "\a"


async def notification(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """The sequence that makes the terminal show an untrusted text: OSC 9 or OSC 777, wrapped for tmux if necessary.

    No terminal confirms that it shows one. Returns a bell where it is known that no sequence passes through.
    """
    text = printable(masked_text(text), LONGEST).replace(";", ",")
    if environ.get("STY"):
        return BELL
    if not environ.get("TMUX"):
        return _sequence(text, environ)
    if not await _tmux_allows_passthrough(environ):
        return BELL
    return "\x1bPtmux;" + _sequence(text, environ).replace("\x1b", "\x1b\x1b") + "\x1b\\"


def _sequence(text: str, environ: Mapping[str, str]) -> str:
    """OSC 777 for terminals that support only that: rxvt and those based on VTE. The title keeps a number at the start
    of the text from being parsed as another OSC 9 command."""
    if environ.get("VTE_VERSION") or environ.get("TERM", "").startswith(("rxvt", "foot")):
        return f"\x1b]777;notify;{TITLE};{text}\x1b\\"
    return f"\x1b]9;{TITLE}: {text}{BELL}"


async def _tmux_allows_passthrough(environ: Mapping[str, str]) -> bool:
    """Returns whether `allow-passthrough` is on for this pane; tmux before 3.3 has no such option."""
    command = ("tmux", "show-options", "-Apv", "allow-passthrough")
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(environ),
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(TMUX_TIMEOUT):
            answer, _ = await process.communicate()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return False
    return answer.strip() in (b"on", b"all")


SLICE: Final = 0.003
"""Seconds per run of matching new events, so that keys and drawing are not delayed."""
MAX_COMMANDS: Final = 32
"""Commands running or queued; no further ones are started, and the rule's outcome says so."""
NOTIFICATION_INTERVAL: Final = 10.0
"""Minimum seconds between two notifications in the dashboard about one rule, or about its command."""
_LOUD: Final = frozenset(Action) - {Action.HIGHLIGHT}


class Watching:
    """Runs the watch rules in time slices, and their actions."""

    def __init__(self, dashboard: Dashboard) -> None:
        view, options, source = dashboard.filtering.view, dashboard.options, dashboard.session.source
        self._panes = dashboard.panes
        self._history = view.history
        self._event_list = dashboard.panes.event_list
        self._inspecting = dashboard.inspecting
        self._runner = CommandRunner()
        self._commands = 0
        self._live = source.live and not isinstance(source, Recording)  # a growing file has no times of receipt
        self._clock = options.clock
        self._timezone = view.timezone
        self.rules = rules = WatchRules(None if options.folders is None else options.folders.config)
        self.watcher = Watcher(view.derived, rules.rules, live=self._live, timezone=view.timezone, clock=options.clock)
        self.outcomes: dict[str, str] = {}
        """The result of each rule's last command, by the rule's name."""
        self._notified_at: dict[str, float] = {}
        self._event_list.highlight_watched(self.watcher.highlighted)
        for trouble in rules.troubles:
            self._panes.notify(trouble, severity="warning", markup=False)

    def advance(self) -> None:
        """Matches new events against the rules for one time slice."""
        for firing in self.watcher.advance(SLICE):
            if not firing.is_quiet:
                self._act(firing)
        self._event_list.highlight_watched(self.watcher.highlighted)

    def show(self, filter_text: str) -> None:
        """Opens the page of the rules; `filter_text` is the current filter."""
        from nomad_tui.ui.watch.page import WatchPage

        def go(sequence: int | None) -> None:
            if sequence is not None:
                self._inspecting.jump(sequence)

        page = WatchPage(
            self.watcher,
            self.rules,
            self._history,
            live=self._live,
            filter_text=filter_text,
            outcomes=lambda name: self.outcomes.get(name, ""),
            clock=self._clock,
            timezone=self._timezone,
        )
        self._panes.app.push_screen(page, go)

    def _act(self, firing: Firing) -> None:
        rule = firing.rule
        if not rule.actions & _LOUD:
            return
        text = sentence(self._history, firing.sequence).text
        if self._may_notify(rule.name):
            self._panes.notify(
                f"{printable(text, 300)}. {keymap_of(self._panes.app).text('Press {app.watch} to go to it.')}",
                title=rule.name,
                severity="warning",
                markup=False,
                timeout=6,
            )
        if Action.BELL in rule.actions:
            self._panes.app.bell()
        if Action.NOTIFY in rule.actions:
            self._worker(partial(self._notify, f"{rule.name}: {text}"))
        if Action.PAUSE in rule.actions:
            self._event_list.sync()
            self._event_list.go_to_sequence(firing.sequence)  # does not focus: the operator may be typing
            self._event_list.pause(True)
        if Action.COMMAND in rule.actions:
            if self._commands >= MAX_COMMANDS:
                self.outcomes[rule.name] = "not started: too many commands are still running"
            else:
                self._commands += 1
                self._worker(partial(self._run, firing, *self._input(firing)))

    def _may_notify(self, about: str) -> bool:
        """Whether the last notification about it is old enough for another: they must not cover the events."""
        now = monotonic()
        if now < self._notified_at.get(about, 0.0) + NOTIFICATION_INTERVAL:
            return False
        self._notified_at[about] = now
        return True

    def _worker(self, work: Callable[[], Any]) -> None:
        self._panes.run_worker(work, group="watch", description="acts for a watch rule")

    async def _notify(self, text: str) -> None:
        sequence = await notification(text)
        driver = self._panes.app._driver
        if driver is not None and not self._panes.app.is_headless:
            driver.write(sequence)

    def _input(self, firing: Firing) -> tuple[bytes, dict[str, str]]:
        """The event as one line of masked JSON, and the command's environment variables."""
        event = self._history.event(firing.sequence)
        happened = sentence(self._history, firing.sequence)
        fields = {
            **event_fields(event.frame.events[event.position], event.frame.index),
            "NOMAD_EVENT_LEVEL": event_level(self._history, event).word,
            "NOMAD_EVENT_NODE": happened.place,
            "NOMAD_EVENT_SENTENCE": happened.text,
            "NOMAD_EVENT_RULE": firing.rule.name,
            "NOMAD_EVENT_HELD_BACK": str(firing.held_back),
        }
        return redact(event.frame.event_texts()[event.position]) + b"\n", fields

    async def _run(self, firing: Firing, content: bytes, fields: dict[str, str]) -> None:
        rule = firing.rule
        try:
            outcome = await self._runner.run(Command(rule.command, rule.timeout, rule.inherit), content, fields)
            text, failed = outcome.describe(rule.timeout), not outcome.succeeded
        except CommandError as error:
            text, failed = str(error), True
        finally:
            self._commands -= 1
        self.outcomes[rule.name] = text
        if failed and self._may_notify(f"{rule.name} failed"):
            self._panes.notify(
                f"Its command failed: {text}", title=rule.name, severity="error", markup=False, timeout=10
            )
