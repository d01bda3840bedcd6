"""The page of `A`: the watch rules, their state, and the events they fired for."""

from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from typing import ClassVar, Final

from rich.cells import set_cell_size
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from nomad_tui.config.folders import FileError
from nomad_tui.config.watch_rules import LONGEST_NAME, WatchRules
from nomad_tui.core.filter import Filter
from nomad_tui.core.history.event_row import sentence
from nomad_tui.core.history.history import History
from nomad_tui.core.level import Level
from nomad_tui.core.readable import SECOND, age, count, duration
from nomad_tui.core.text import printable
from nomad_tui.core.watch import Action, Firing, Origin, Rule, RuleState, Watcher
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.dialog import Dialog
from nomad_tui.ui.dialogs.line_input import LineInput
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.keymap import keymap_of

COUNTS: Final = (1, 3, 5, 10)
WINDOWS: Final = (60.0, 300.0, 900.0, 3_600.0)
ACTIONS: Final = (Action.HIGHLIGHT, Action.BELL, Action.NOTIFY, Action.PAUSE)
"""Chosen with F1 to F4. A command is set in config.toml."""


class AddRule(Dialog[Rule | None]):
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)

    def __init__(self, filter_text: str) -> None:
        """`filter_text` must be a valid filter."""
        super().__init__()
        self._text = filter_text
        self._actions = {Action.HIGHLIGHT, Action.BELL, Action.NOTIFY}
        self._level = Level.ROUTINE if filter_text else Level.FAILURE
        self._count, self._window = COUNTS[0], WINDOWS[1]
        self._settings = Static(id="add-rule-settings")

    def compose(self) -> ComposeResult:
        with Vertical(id="add-rule") as box:
            box.border_title = Content("Add a watch rule")
            box.border_subtitle = Content("Enter add · Esc cancel")
            yield Static(Content.styled(printable(self._text, 200) or "every event", "$quiet"))
            yield LineInput(placeholder="name", max_length=LONGEST_NAME, compact=True)
            yield self._settings

    def on_mount(self) -> None:
        self.query_one(LineInput).focus()
        self._show()

    def _show(self) -> None:
        lines = [
            f"{'▣' if action in self._actions else '□'} F{number} {action}" for number, action in enumerate(ACTIONS, 1)
        ]
        level = "any level" if self._level is Level.ROUTINE else f"level {self._level.word} or worse"
        lines.append(f"  F5 {level}".replace("failure or worse", "failure"))
        lines.append(
            f"  F6 at {self._count} of them"
            + (f", F7 within {duration(int(self._window * SECOND))}" if self._count > 1 else "")
        )
        self._settings.update(Content("\n").join(map(Content, lines)))

    def on_key(self, event: events.Key) -> None:
        keys = {f"f{number}": action for number, action in enumerate(ACTIONS, 1)}
        match event.key:
            case key if key in keys:
                self._actions ^= {keys[key]}
            case "f5":
                self._level = Level((self._level + 1) % len(Level))
            case "f6":
                self._count = COUNTS[(COUNTS.index(self._count) + 1) % len(COUNTS)]
            case "f7":
                self._window = WINDOWS[(WINDOWS.index(self._window) + 1) % len(WINDOWS)]
            case _:
                return
        event.stop()
        self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        name = printable(event.value.strip())
        if not name:
            return
        if not self._text and self._level is Level.ROUTINE:
            self.notify("A rule for every event fires all the time. Choose a level with F5.", markup=False)
        elif not self._actions:
            self.notify("Choose an action with F1 to F4.", markup=False)
        else:
            self.dismiss(
                Rule(
                    name,
                    Filter.parse(self._text),
                    self._level,
                    self._count,
                    self._window,
                    frozenset(self._actions),
                    origin=Origin.OWN,
                )
            )


REFRESH_INTERVAL: Final = 1.0
"""Seconds between two refreshes of the page."""
SNOOZE: Final = 15 * 60.0
"""Seconds that a rule is snoozed for."""
_NAME_WIDTH: Final = 20
_STATE_WIDTH: Final = 12
_RULE, _FIRING = "rule:", "firing:"
"""Prefixes of the row IDs."""


class RuleList(OptionList):
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MOVE)

    def action_move(self, rows: int) -> None:
        (self.action_cursor_down if rows > 0 else self.action_cursor_up)()

    def action_move_pages(self, pages: float) -> None:
        if self.size:  # Textual fails before the list is laid out
            (self.action_page_down if pages > 0 else self.action_page_up)()  # type: ignore[no-untyped-call]


class WatchPage(Modal[int | None]):
    """Its result is the sequence number of the event to go to, or None."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.WATCH)

    def __init__(
        self,
        watcher: Watcher,
        rules: WatchRules,
        history: History,
        *,
        live: bool,
        filter_text: str,
        outcomes: Callable[[str], str],
        clock: Callable[[], int],
        timezone: tzinfo | None,
    ) -> None:
        """`filter_text` is the current filter, from which `a` makes a rule; `outcomes` returns the result of a rule's
        last command."""
        super().__init__()
        self._watcher = watcher
        self._rules = rules
        self._history = history
        self._live = live
        self._filter_text = filter_text
        self._outcomes = outcomes
        self._clock = clock
        self._timezone = timezone
        self._drawn: list[str] = []
        """The rows on the screen."""
        self._sentences: dict[int, str] = {}
        """Sentences by sequence number of the events that rules fired for."""
        self.list = RuleList(id="watch-list", markup=False)
        self._details = Static(id="watch-details-text")

    def compose(self) -> ComposeResult:
        with Vertical(id="watch") as box:
            box.border_title = Content("Watch rules")
            box.border_subtitle = Content(
                keymap_of(self.app).text(
                    "{watch.go} event · {watch.switch} on/off · {watch.snooze} snooze · {watch.add} add · "
                    "{watch.remove} remove · {page.leave} close"
                )
            )
            yield self.list
            yield VerticalScroll(self._details, id="watch-details", can_focus=False)

    def on_mount(self) -> None:
        self.list.focus()
        self.look()
        self.set_interval(REFRESH_INTERVAL, self.look)

    # Showing

    def look(self) -> None:
        """Redraws the rows if any has changed."""
        rows = list(self._rows())
        drawn = [f"{id_} {line.plain}" for id_, line in rows]
        if drawn != self._drawn:
            self._drawn = drawn
            chosen = self._chosen
            ids = [id_ for id_, _ in rows]
            newest = next((number for number, each in enumerate(ids) if each.startswith(_FIRING)), 0)
            last = newest if self.list.highlighted is None else min(self.list.highlighted, len(rows) - 1)
            at = ids.index(chosen) if chosen in ids else last
            self.list.clear_options()
            self.list.add_options(
                [Option(line, id=id_, disabled=not id_.startswith((_RULE, _FIRING))) for id_, line in rows]
            )
            self.list.highlighted = at
        self._show_details()

    @property
    def _chosen(self) -> str | None:
        row = self.list.highlighted
        return None if row is None else self.list.get_option_at_index(row).id

    def _rows(self) -> Iterator[tuple[str, Content]]:
        for state in self._watcher.states.values():
            yield _RULE + state.rule.name, self._rule_line(state)
        firings = [firing for firing in reversed(self._watcher.firings) if firing.sequence >= self._history.first]
        title = "Fired" if firings else "No rule has fired."
        yield "fired", Content.styled(f"\n{title}", "$quiet")
        for firing in firings:
            yield f"{_FIRING}{firing.sequence}:{firing.rule.name}", self._firing_line(firing)

    def _rule_line(self, state: RuleState) -> Content:
        rule = state.rule
        word, style = "on", "$success"
        if not rule.is_on:
            word, style = "off", "$quiet"
        elif self._watcher.is_snoozed(state):
            left = duration(state.snoozed_until - self._clock())
            word, style = f"zz {left}", "$warning"
        fired = f"fired {count(state.fired)}×" if state.fired else ""
        ago = f", last {age(self._clock() - state.last_at)}" if state.last is not None and self._live else ""
        return Content.assemble(
            (f"{word:<{_STATE_WIDTH}}", style),
            (f"{set_cell_size(printable(rule.name, _NAME_WIDTH), _NAME_WIDTH)}  ", "bold" if rule.is_on else "$quiet"),
            (f"{', '.join(sorted(rule.actions))}  ", "$quiet"),
            f"{fired}{ago}",
        )

    def _firing_line(self, firing: Firing) -> Content:
        at = datetime.fromtimestamp(firing.at // SECOND, self._timezone)
        if firing.sequence not in self._sentences:
            self._sentences[firing.sequence] = sentence(self._history, firing.sequence).text
        held = f"  +{count(firing.held_back)} suppressed before" if firing.held_back else ""
        return Content.assemble(
            (f"{at:%H:%M:%S}    ", "$quiet"),
            (f"{set_cell_size(printable(firing.rule.name, _NAME_WIDTH), _NAME_WIDTH)}  ", "$quiet"),
            self._sentences[firing.sequence],
            (held, "$quiet"),
        )

    @on(OptionList.OptionHighlighted)
    def _show_details(self) -> None:
        state = self._state
        lines: list[Content] = []
        if state is not None:
            lines = list(_described(state.rule))
            if state.held_back:
                lines.append(Content(f"held back  {count(state.held_back)} since it last fired"))
            if outcome := self._outcomes(state.rule.name):
                lines.append(Content(f"command    {printable(outcome, 500)}"))
        if not self._live:
            lines.append(Content.styled("In recordings, rules only highlight events.", "$warning"))
        lines += [Content.styled(printable(trouble, 600), "$error") for trouble in self._rules.troubles]
        self._details.update(Content("\n").join(lines))

    @property
    def _state(self) -> RuleState | None:
        """The state of the rule under the cursor, or of the rule whose firing is."""
        chosen = self._chosen or ""
        name = (
            chosen.removeprefix(_RULE) if chosen.startswith(_RULE) else chosen.removeprefix(_FIRING).partition(":")[2]
        )
        return self._watcher.states.get(name)

    # Doing

    @on(OptionList.OptionSelected)
    def action_go(self) -> None:
        chosen, state = self._chosen or "", self._state
        if chosen.startswith(_FIRING):
            self.dismiss(int(chosen.removeprefix(_FIRING).partition(":")[0]))
        elif state is not None and state.last is not None:
            self.dismiss(state.last.sequence)
        elif state is not None:
            self.notify("This rule has not fired.", markup=False, timeout=3)

    def action_switch(self) -> None:
        if (state := self._state) is not None:
            self._change(lambda: self._rules.switch(state.rule.name, not state.rule.is_on))

    def action_snooze(self) -> None:
        if (state := self._state) is not None:
            self._watcher.snooze(state.rule.name, 0 if self._watcher.is_snoozed(state) else SNOOZE)
            self.look()

    def action_remove(self) -> None:
        if (state := self._state) is not None:
            self._change(lambda: self._rules.remove(state.rule.name))

    def action_add(self) -> None:
        def add(rule: Rule | None) -> None:
            if rule is not None:
                self._change(lambda: self._rules.add(rule))

        if not self._filter_text:
            self.notify("The filter matches every event. Type a filter or choose a level first.", markup=False)
        self.app.push_screen(AddRule(self._filter_text), add)

    def _change(self, change: Callable[[], None]) -> None:
        try:
            change()
        except FileError as error:
            self.notify(str(error), severity="warning", markup=False, timeout=10)
        self._watcher.set_rules(self._rules.rules)
        self.look()


def _described(rule: Rule) -> Iterator[Content]:
    """A line for each part of the rule."""
    yield Content.assemble(("filter     ", "$quiet"), printable(str(rule.filter), 300) or "every event")
    at_least = f"{rule.level.word}{' or worse' if rule.level is not Level.FAILURE else ''}"
    if rule.level > Level.ROUTINE:
        yield Content.assemble(("level      ", "$quiet"), at_least)
    if rule.count > 1:
        within = duration(int(rule.window * SECOND))
        yield Content.assemble(("fires at   ", "$quiet"), f"{count(rule.count)} within {within}")
    yield Content.assemble(
        ("at most    ", "$quiet"), f"once in {duration(int(rule.every * SECOND))}" if rule.every else "each time"
    )
    if Action.COMMAND in rule.actions:
        yield Content.assemble(("runs       ", "$quiet"), printable(" ".join(rule.command), 300))
    if rule.origin is not Origin.PRESET:
        yield Content.assemble(("from       ", "$quiet"), str(rule.origin))
