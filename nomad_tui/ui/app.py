"""The dashboard: three panes on one session, and who does what when a key is pressed.

What is not on the first picture is imported when it is asked for: the picture does not wait for it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import tzinfo
from functools import cached_property, partial
from time import perf_counter
from traceback import format_exc
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen
from textual.widgets import Input

from nomad_tui.config.connection import styles_folder
from nomad_tui.config.filter_history import FilterHistory
from nomad_tui.config.folders import Folders
from nomad_tui.config.saved_filters import SavedFilters
from nomad_tui.config.ui_settings import StartPane
from nomad_tui.core.filter import FilterError
from nomad_tui.core.glyphs import is_utf8
from nomad_tui.core.history.event_row import latest_moment
from nomad_tui.core.history.names import Names
from nomad_tui.core.readable import count
from nomad_tui.core.search.view import View
from nomad_tui.core.search.vocabulary import Seen
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Concern
from nomad_tui.session import Session, State
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.commands import Commands, Palette
from nomad_tui.ui.dialogs.switch import Outcome, Switch
from nomad_tui.ui.event.inspecting import Inspecting
from nomad_tui.ui.event.inspector import EventView, Inspector
from nomad_tui.ui.event.payload_tree import PayloadTree
from nomad_tui.ui.event.text_viewer import TextView, TextViewer
from nomad_tui.ui.event.timeline import Timeline
from nomad_tui.ui.events.columns import Column, ColumnChooser
from nomad_tui.ui.events.event_list import EventList
from nomad_tui.ui.facets.picker import TopicPicker
from nomad_tui.ui.filter.completion import CandidateList
from nomad_tui.ui.filter.filter_bar import FilterBar
from nomad_tui.ui.filter.filter_line import FilterLine
from nomad_tui.ui.filter.filter_updates import FilterUpdates
from nomad_tui.ui.filter.filtering import FORWARD_SLICE, PREPARATION_SLICE, Filtering, learn_language
from nomad_tui.ui.filter.saved import SavedFilterActions, SavedFilterCommands, hints
from nomad_tui.ui.kept_marks import MarkKeeper
from nomad_tui.ui.key_hints import KeyHints
from nomad_tui.ui.panes import Pane, Panes
from nomad_tui.ui.preferences import Preferences
from nomad_tui.ui.status import Header, Trouble
from nomad_tui.ui.terminal.garbage import Collector
from nomad_tui.ui.terminal.signals import EndingSignals
from nomad_tui.ui.terminal.terminal import CLEAR, AsciiTerminal, Terminal, encoding
from nomad_tui.ui.themes import THEMES, VARIABLES, legible_variables

if TYPE_CHECKING:
    from nomad_tui.config.connection import Connection
    from nomad_tui.config.profiles import Connections
    from nomad_tui.ui.dialogs.copy_menu import Choice
    from nomad_tui.ui.dialogs.doctor_page import DoctorPage
    from nomad_tui.ui.dialogs.first_run import FirstRun
    from nomad_tui.ui.dialogs.record import Recording
    from nomad_tui.ui.export_actions import HandOver
    from nomad_tui.ui.sinks.actions import SinkActions
    from nomad_tui.ui.sinks.dead_letters import DeadLetters
    from nomad_tui.ui.sinks.page import SinksPage

SYNC_EVERY: Final = 0.05
"""Seconds between two looks at what has come: 20 times a second, however fast it comes."""
BURST: Final = 500
"""Events between two looks from which on three of four looks leave the list as it is: nobody can read it then."""
LANGUAGE_AFTER: Final = 1.0
"""Seconds after the start until the parser of filters is made: the first picture comes before it."""
HEADER_EVERY: Final = 5
"""Looks between two updates of the header and the counts."""
NEWEST_EVERY: Final = 20
"""Looks between two updates of the inspector while it shows the newest event: faster cannot be read."""
NOTES_AT_ONCE: Final = 3
"""Notifications for what has to be told in one look; the last of them holds the rest."""
AGES_EVERY: Final = 200
"""Looks between two updates of the ages in the payload."""
LEARN_EVERY: Final = 40
"""Looks between two at the newest payloads, for completion, while the filter line has the focus."""


def _end_of_recording(session: Session, clock: Callable[[], int]) -> int:
    """What ages in a recording are relative to: the time of its newest event, where one is known."""
    end = latest_moment(session.history)
    return clock() if end is None else end


class Dashboard(Screen[None]):
    AUTO_FOCUS = "#events"


class NomadTui(App[Outcome]):
    """The application; everything it shows it asks of its session."""

    TITLE = "nomad-tui"
    CSS_PATH: ClassVar = sorted(styles_folder().glob("*.tcss"))
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (96, "-medium"), (150, "-wide")]  # noqa: RUF012
    PAUSE_GC_ON_SCROLL = True
    COMMANDS: ClassVar = {Commands, SavedFilterCommands}

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.APP)

    def __init__(
        self,
        session: Session,
        *,
        clock: Callable[[], int] = time.time_ns,
        timezone: tzinfo | None = None,
        filter_text: str = "",
        folders: Folders | None = None,
        namespace: str = "",
        reveal: bool = False,
        connections: Connections | None = None,
    ) -> None:
        """`clock` gives ns since 1970; `timezone` None is this machine's.

        Without `folders` nothing is read of the operator's settings and nothing is kept. `namespace` is the one the
        operator works in, for the preset of that name. `reveal` shows the secrets in payloads. `connections` are those
        that the operator may turn to, which ends the application with a `Switch`; None for a recording.
        """
        self.preferences = Preferences(folders)  # which the driver depends on
        super().__init__()
        self.session = session
        self.now = clock
        """ns since 1970."""
        saved = SavedFilters(None if folders is None else folders.config, namespace)
        self.filter_history = FilterHistory(None if folders is None else folders.state)
        self._folders = folders
        self.keymap = self.preferences.keymap
        self.set_keymap(self.keymap.of_textual())
        timezone = timezone or self.preferences.timezone
        self.connections = connections
        ages_from = clock if session.source.live else partial(_end_of_recording, session, clock)
        self.filtering = Filtering(session, filter_text, timezone, ages_from)
        self.header = Header(id="header")
        self.trouble = Trouble(id="trouble")
        self.topics = TopicPicker(id="topics")
        live = session.source.live
        self.event_list = EventList(
            self.view, timezone, clock, id="events", columns=self.preferences.columns, live=live, ages_from=ages_from
        )
        self.mark_keeper = MarkKeeper(None if folders is None else folders.state, session, self.event_list)
        than = "" if live else "the end"
        self.inspector = Inspector(clock=ages_from, timezone=timezone, reveal=reveal, than=than, id="inspector")
        self.panes = Panes(
            self.topics, self.event_list, self.inspector, id="panes",
            facets_width=self.preferences.facets_width, event_width=self.preferences.event_width,
        )  # fmt: skip
        self.candidates = CandidateList(id="candidates")
        self.seen = Seen(self.view)
        self.filter_line = FilterLine(self.filter_history, self.seen, self.candidates, hints=hints(saved), id="filter")
        self.saved = SavedFilterActions(self, saved, self.filter_line)
        self.filter_bar = FilterBar(self.filter_line, self.candidates, id="filter-bar")
        self.updates = FilterUpdates(
            self, self.filtering, self.filter_bar, self.topics, self.event_list, lambda: self.stands
        )
        self.names = Names(session.history)
        self.inspecting = Inspecting(self)
        self._looks = 0
        self._received = 0
        self._has_ended = False
        """Whether the end that ages in a recording are relative to was taken over."""
        self._told = self.filter_history.trouble
        """The trouble with the history of filters that was last told."""
        self._collector = Collector()
        self._signals = EndingSignals()
        for theme in (*THEMES, *self.preferences.own_themes):
            self.register_theme(theme)
        # Watched, it would have the style sheets read a second time.
        self.set_reactive(NomadTui.theme, self.preferences.theme)
        self.stylesheet.set_variables(self.get_css_variables())

    @cached_property
    def hand_over(self) -> HandOver:
        from nomad_tui.ui.export_actions import HandOver

        return HandOver(self)

    @cached_property
    def recording(self) -> Recording:
        from nomad_tui.ui.dialogs.record import Recording

        return Recording(self)

    @cached_property
    def first_run(self) -> FirstRun:
        from nomad_tui.ui.dialogs.first_run import FirstRun

        return FirstRun(self)

    @cached_property
    def sinks(self) -> SinkActions:
        from nomad_tui.ui.sinks.actions import SinkActions

        return SinkActions(self, self._folders, is_cluster=self.connections is not None)

    @property
    def view(self) -> View:
        """The events that match."""
        return self.filtering.view

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

    def get_default_screen(self) -> Dashboard:
        """With the class for its width from the start: every style is worked out again where a class changes."""
        breakpoints = sorted(self.HORIZONTAL_BREAKPOINTS, reverse=True)
        width_class = next(name for least, name in breakpoints if self.size.width >= least)
        density = " -compact" if self.preferences.is_compact else ""
        return Dashboard(id="_default", classes=width_class + density)

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.trouble
        yield self.panes
        yield self.filter_bar
        yield KeyHints(live=self.session.source.live)

    def on_load(self) -> None:
        # Before there is a screen, so that the first picture has rows. As a function: a coroutine that has not begun
        # when the program ends would be warned of.
        self.run_worker(self._read, name="stream", group="stream", description="reads the source")  # type: ignore[arg-type]

    def on_mount(self) -> None:
        self.topics.border_title = Content("1 Facets")
        self.event_list.border_title = Content("2 Events")
        with self.prevent(FilterLine.Changed):
            self.filter_line.put(self.filtering.text)
        self.updates.show()
        self.screen.set_focus(self.event_list)
        self._read_settings()
        self._signals.listen(self.exit)
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())
        self.set_timer(LANGUAGE_AFTER, self._learn_language)
        self.set_interval(SYNC_EVERY, self._look)
        self.set_interval(1.0, self.session.tick)
        self._look()
        self._collector.start()

    def _learn_language(self) -> None:
        self.run_worker(learn_language, thread=True, group="language", description="makes the parser of filters")

    def _read_settings(self) -> None:
        """Applies the operator's settings, and reports what is wrong with them."""
        preferences = self.preferences
        if preferences.warning is not None:
            self.session.status.warnings[Concern.SETTINGS] = preferences.warning
        kept = (self.saved.filters.trouble, self.filter_history.trouble, preferences.kept.trouble)
        troubles = [preferences.report, *kept]
        self.topics.fold(preferences.folded)
        if not preferences.follows:
            self.event_list.follow(False)
        if preferences.start_pane is not StartPane.EVENTS:
            self.panes.go_to(Pane.TOPICS if preferences.start_pane is StartPane.FACETS else Pane.INSPECTOR)
        if not is_utf8(sys.__stderr__):
            troubles.append(
                f"The dashboard needs UTF-8, and this locale is {printable(encoding(), 40)}: signs are drawn "
                "in ASCII, other letters as ?. Set LC_ALL to a UTF-8 locale, such as C.UTF-8."
            )
        for trouble in filter(None, troubles):
            self.warn(trouble)

    def warn(self, text: str) -> None:
        self.notify(text, severity="warning", markup=False)

    async def _read(self) -> None:
        """Reads the source. Whatever it does not expect is a bug of ours: the program ends and says so.

        Textual's own report would print the values of local variables, a token among them.
        """
        try:
            await self.session.run()
        except Exception:
            self.exit(return_code=1, message=Text("".join(map(_printable_line, format_exc().splitlines()))))

    def on_unmount(self) -> None:
        if "recording" in vars(self):
            self.recording.stop()
        self._collector.stop()
        self._signals.ignore()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            if not self.stands:
                return  # keys typed ahead of a quit have nowhere to go, and Textual falls over them
            self.session.last_key = perf_counter()
        await super().on_event(event)

    # Taking over what has come

    def _look(self) -> None:
        if not self.stands:
            return
        received = self.session.history.received_events
        come = received - self._received
        if come < BURST or not self.filtering.shown.everything:
            if self.filtering.advance(FORWARD_SLICE):
                self.updates.begin_search()
            elif not come:
                self.filtering.prepare(PREPARATION_SLICE)
        if self.filter_line.has_focus and not self.view.counts_facets:
            self.seen.read_facts(PREPARATION_SLICE)
        if come < BURST or self._looks % 4 == 0:
            self.event_list.sync()
            self.inspecting.advance()
        self._received = received
        if self._looks % HEADER_EVERY == 0:
            self.sync()
        self._looks += 1

    @property
    def stands(self) -> bool:
        """False while the screen is being taken down, when timers still go off and messages still come."""
        return bool(self.screen_stack) and self.event_list.is_attached and bool(self.inspector.children)

    def sync(self) -> None:
        """Brings everything but the event list up to date; that is asked more often."""
        session = self.session
        if "recording" in vars(self):  # nothing was recorded before that was asked for
            self.recording.sync()
        self.header.sync(session, session.source.scope(session.status.region), self.event_list.mode)
        self.trouble.sync(session)
        self.mark_keeper.restore()
        is_lost = session.status.state in (State.RETRYING, State.REFUSED) and not session.status.been_connected
        if is_lost or "first_run" in vars(self):
            self.first_run.consider()
        is_typing = self.filter_line.has_focus
        self.view.counts_facets = self.topics.is_on_screen
        self.filtering.know_region(session.status.region or "")
        self._tell_notes()
        self.topics.sync(
            session.history.topic_counts,
            self.view.counts,
            not self.view.facets_complete,
            session.status.permissions,
            frozenset(session.status.harmful_topics),
        )
        if is_typing and self._looks % LEARN_EVERY == 0:
            self.seen.look()
        self.updates.show_matches()
        self.event_list.server_region = session.status.region or ""
        self.event_list.hint = self._hint()
        if self.event_list.cursor is None and self._looks % NEWEST_EVERY == 0:
            self.inspecting.look()
        self.inspector.tell_newest()
        self.inspecting.release_hidden()
        self.inspecting.tell_place()
        has_just_ended = self._is_finished and not self._has_ended
        self._has_ended = self._is_finished
        if self._looks % AGES_EVERY == 0 or has_just_ended:
            self.inspector.tell_ages()
            if self.filtering.filter.has_ages:
                self.updates.apply()
        self._collector.consider(session.history.received_events, session.last_key)

    def _tell_notes(self) -> None:
        notes = [printable(note, 300) for note in self.session.status.notes]
        self.session.status.notes.clear()
        if len(notes) > NOTES_AT_ONCE:
            notes[NOTES_AT_ONCE - 1 :] = ["\n".join(notes[NOTES_AT_ONCE - 1 :])]
        for note in notes:
            self.notify(note, markup=False, timeout=10)

    def _hint(self) -> str:
        """Why an empty list is empty, where it cannot know that itself."""
        status, history = self.session.status, self.session.history
        if not len(history):
            if status.state is not State.ENDED:
                return ""
            return "no events in it" + (", but lines that could not be read: u shows them" if status.unreadable else "")
        if self.view.complete and self.filtering.hidden >= history.topic_counts.keys():
            return "every topic is hidden: 1 goes to the facets, a shows them all"
        return ""

    # Filtering

    @on(FilterLine.Changed, "#filter")
    def _take_over_filter(self) -> None:
        self.inspecting.look_at_selected()
        self.updates.take_over()

    @on(TopicPicker.Changed)
    def _hide_topics(self, message: TopicPicker.Changed) -> None:
        self.filtering.hidden = message.hidden
        self.updates.apply()
        known = frozenset((*self.topics.topic_section.topics, *self.session.history.topic_counts))
        self.session.watch(known - message.hidden if message.hidden else None)

    @on(TopicPicker.Folded)
    def _keep_folded(self, message: TopicPicker.Folded) -> None:
        self.preferences.keep("folded", sorted(message.sections))

    @on(EventList.Marked)
    def _keep_marks(self) -> None:
        if trouble := self.mark_keeper.write():
            self.warn(trouble)

    @on(TopicPicker.Explain)
    def _explain_refusal(self, message: TopicPicker.Explain) -> None:
        permissions = self.session.status.permissions
        harm = self.session.status.warnings.get(Concern.HARM)
        if harm is not None and not frozenset(message.topics).isdisjoint(self.session.status.harmful_topics):
            self.notify(f"{harm.what} {harm.remedy}", title="Not subscribed to", markup=False, timeout=20)
        elif permissions is not None:
            from nomad_tui.ui.facets.refusals import explanation

            self.notify(explanation(message.topics, permissions), title="Not allowed", markup=False, timeout=20)

    @on(TopicPicker.Ticked)
    def _tick(self, message: TopicPicker.Ticked) -> None:
        self.updates.put(self.filtering.with_ticked(message.dimension, message.values))

    @on(TopicPicker.Narrow)
    def _narrow_to_facet(self, message: TopicPicker.Narrow) -> None:
        self.updates.put(self.filtering.narrowed(message.dimension, message.value, message.only))

    @on(PayloadTree.Narrow)
    def _narrow_to_value(self, message: PayloadTree.Narrow) -> None:
        history, inspected = self.session.history, self.inspecting.sequence
        if inspected is not None and inspected >= history.first and history.gap(inspected) is not None:
            self.notify("A gap is no event: every filter shows it.", markup=False)
            return
        try:
            self.updates.put(self.filtering.added(message.term))
        except FilterError as error:
            self.warn(f"This cannot be added to the filter. {error}")
        else:
            self.notify(f"Added to the filter: {printable(message.term, 200)}", markup=False, timeout=3)

    @on(EventList.Condition)
    def _add_condition(self, message: EventList.Condition) -> None:
        self.updates.put(self.filtering.added(message.term))

    def action_narrow(self, only: bool) -> None:
        """Offers to filter by the selected event; at once, as the letter is often typed before the menu is drawn."""
        self.inspecting.look()
        sequence, history = self.inspecting.sequence, self.session.history
        if sequence is None or sequence < history.first or history.gap(sequence) is not None:
            self.notify("No event is selected: select one, then + and - filter by it.", markup=False)
            return

        from nomad_tui.ui.dialogs.copy_menu import CopyMenu
        from nomad_tui.ui.events.narrow_to import FIELDS, narrowing

        event = history.event(sequence)

        def narrow(chosen: Choice | None) -> None:
            if chosen is None:
                return
            if chosen.letter in FIELDS:
                text = self.filtering.narrowed(FIELDS[chosen.letter], chosen.made(), only)
            else:
                text = self.filtering.narrowed_to_object(event.topic, event.key, event.namespace, only)
            self.updates.put(text)

        title, keys = ("Only this", "a letter or Enter shows only this · Esc")
        if not only:
            title, keys = ("Not this", "a letter or Enter leaves this out · Esc")
        self.push_screen(CopyMenu(narrowing(history, sequence), title, keys), narrow)

    @on(EventList.Quit)
    def _quit(self) -> None:
        self.exit()

    @on(EventList.ToggleHighlight)
    def action_highlight(self) -> None:
        self.updates.highlight()

    @on(EventList.FoldRepeats)
    def action_fold(self) -> None:
        self.updates.fold()

    @on(EventList.NextLevel)
    def _show_next_level(self) -> None:
        self.updates.put(self.filtering.with_next_least_level())

    @on(FilterLine.Entered)
    def _learn_words(self) -> None:
        self.seen.look()

    @on(CandidateList.Chosen)
    def _take_candidate(self, message: CandidateList.Chosen) -> None:
        self.filter_line.take(message.number)

    @on(FilterLine.Left)
    def _remember_filter(self) -> None:
        if self.stands:
            self.updates.read()
        if self.filtering.error is None and self.filter_line.value.strip():
            self.filter_history.remember(self.filter_line.value)
            self._tell_trouble()

    def _tell_trouble(self) -> None:
        if self.filter_history.trouble not in ("", self._told):
            self._told = self.filter_history.trouble
            self.warn(self._told)

    @on(FilterLine.Leave)
    def _leave_filter(self) -> None:
        if self.stands and self.focused is None:  # unless a key typed ahead has gone to a pane already
            self.action_pane("events")

    def action_saved(self, key: str) -> None:
        self.saved.toggle(key)

    @on(FilterLine.Save)
    def _save_filter(self) -> None:
        self.updates.read()
        self.saved.save(self.filtering.error is None)

    # Inspecting

    @on(EventList.Selected)
    def _inspect_soon(self) -> None:
        self.inspecting.look_soon()

    @on(EventList.Newest)
    def _inspect_newest(self) -> None:
        self.inspecting.look_at_selected()

    @on(EventList.Inspect)
    def _go_to_payload(self) -> None:
        self.inspecting.look_at_selected()
        self.action_pane("inspector")

    @on(Inspector.Step)
    def _inspect_next(self, message: Inspector.Step) -> None:
        if self.event_list.cursor is None and self.inspecting.sequence is not None:
            self.event_list.go_to_sequence(self.inspecting.sequence)  # it may be the newest no more
        self.event_list.action_move(message.rows)

    @on(Inspector.ViewChanged)
    def _follow_view(self) -> None:
        self.inspecting.trace()

    @on(Timeline.Jump)
    def _jump(self, message: Timeline.Jump) -> None:
        self.inspecting.jump(message.sequence)

    @on(PayloadTree.OpenText)
    def _open_text(self, message: PayloadTree.OpenText) -> None:
        self.push_screen(TextViewer(message.title, message.text, message.path))

    @on(TextViewer.Copy)
    def _copy_text(self, message: TextViewer.Copy) -> None:
        self.hand_over.copy_text(message.text)

    def action_changes(self) -> None:
        self.inspecting.go_to_view(EventView.CHANGES)

    def action_raw(self) -> None:
        self.inspecting.go_to_view(EventView.RAW)

    def action_timeline(self) -> None:
        self.inspecting.go_to_view(EventView.TIMELINE)

    def action_compare(self) -> None:
        self.inspecting.compare()

    def action_copy(self) -> None:
        self.hand_over.copy()

    def action_copy_web_link(self) -> None:
        self.hand_over.copy_one("u")

    def action_open_outside(self, editor: bool = False) -> None:
        self.hand_over.open_outside(editor=editor)

    def action_browse(self) -> None:
        self.hand_over.browse()

    def action_record(self) -> None:
        self.recording.toggle()

    def action_save(self) -> None:
        self.hand_over.save()

    def action_picture(self) -> None:
        self.hand_over.save_picture()

    @on(EventList.Leave)
    def _go_to_topics(self) -> None:
        self.action_pane("topics")

    @on(TopicPicker.Leave)
    def _go_to_events(self) -> None:
        self.action_pane("events")

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "saved":
            return len(self.screen_stack) == 1
        if action == "filter" and isinstance(self.focused, PayloadTree | TextView):
            # There `/` looks for something in what is shown.
            return set(self.keymap.keys("app.filter")).isdisjoint(self.keymap.keys("tree.find"))
        if action in (
            "filter",
            "pane",
            "copy",
            "save",
            "record",
            "browse",
            "compare",
            "where",
            "doctor",
            "sinks",
            "send_to",
        ):
            return not isinstance(self.focused, Input) and len(self.screen_stack) == 1
        if action in self.keymap.typed_early:
            return not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        self.filter_line.edit()

    @property
    def _is_finished(self) -> bool:
        """Whether no more events can come, as in a recording that has been read."""
        return self.session.status.state is State.ENDED

    def action_follow(self) -> None:
        if self._is_finished:
            self.event_list.follow(True)
            return
        self.event_list.follow(not self.event_list.following or self.event_list.paused_at is not None)

    def action_pause(self) -> None:
        if self._is_finished and self.event_list.paused_at is None:
            self.notify("Nothing to pause: all events have been read.", markup=False, timeout=3)
            return
        self.event_list.pause(self.event_list.paused_at is None)

    def action_pane(self, pane: str) -> None:
        if self.stands:
            if pane == Pane.INSPECTOR:
                self.inspecting.look()  # keys typed ahead are meant for what is selected, not for what was
            self.panes.go_to(Pane(pane))
            self.inspecting.look()

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_zoom(self) -> None:
        self.panes.zoom(self.panes.focused if self.panes.zoomed is None else None)

    def action_move_edge(self, direction: int) -> None:
        if why_not := self.panes.move_edge(direction):
            self.notify(why_not, markup=False, timeout=4)
        elif self.panes.focused is Pane.TOPICS:
            self.preferences.keep("facets_width", self.panes.facets_width)
        else:
            self.preferences.keep("event_width", self.panes.event_width)

    def action_escape(self) -> None:
        if self.inspecting.back():
            pass
        elif self.panes.zoomed is not None:
            self.panes.zoom(None)
        elif self.focused is not self.event_list:
            self.action_pane("events")
        elif self.filter_line.value:
            self.updates.put("")
        else:
            self.event_list.clear_selection()

    def action_help(self) -> None:
        """Shows all keys, those of what has the focus first."""
        from nomad_tui.ui.dialogs.help import HelpScreen

        node = self.screen.focused or self.screen
        self.push_screen(HelpScreen(node.ancestors_with_self, self.keymap))

    def action_tree(self) -> None:
        self.inspecting.go_to_view(EventView.TREE)

    def action_redraw(self) -> None:
        """Draws the whole screen again, after all that is still to be drawn, from nothing that was kept."""
        self.call_after_refresh(self._redraw)

    def _redraw(self) -> None:
        for screen in self.screen_stack:
            for widget in screen.walk_children(with_self=True):
                widget.notify_style_update()
                widget.refresh()
        if self._driver is not None and not self.is_headless:
            self._driver.write(CLEAR)
        self.refresh(layout=True)

    def action_retry(self) -> None:
        from nomad_tui.sources.live import LiveServer

        source, history = self.session.source, self.session.history
        if isinstance(source, LiveServer):
            source.retry_now()
            newest = history.segment_of(history.end - 1).index[-1] if len(history) else 0
            self.notify(
                f"Connecting again{f' from index {count(newest)}' if newest > 0 else ''}.", markup=False, timeout=3
            )

    def action_where(self) -> None:
        from nomad_tui.sources.live import LiveServer
        from nomad_tui.ui.dialogs.where import Where

        source = self.session.source
        if self.connections is None or not isinstance(source, LiveServer):
            self.notify(
                "There is nothing to switch: a recording, a journal, a stream of NATS and the demo are one place. "
                "Start nomad-tui on a cluster.",
                markup=False,
            )
            return

        def switch(connection: Connection | None) -> None:
            if connection is not None:
                self.exit(Switch(connection, self.filtering.text, self.theme))

        self.push_screen(Where(self.connections, source.connection, self.session.status.region), switch)

    def action_doctor(self) -> None:
        from nomad_tui.doctor.checks import examine
        from nomad_tui.sources.live import LiveServer
        from nomad_tui.ui.dialogs.doctor_page import DoctorPage

        source = self.session.source
        if not isinstance(source, LiveServer):
            self.notify("There is no connection to examine: this is not a live server.", markup=False)
            return
        self.push_screen(DoctorPage(source.name, lambda: examine(source.connection, source.subscription)))

    def on_doctor_page_copy(self, message: DoctorPage.Copy) -> None:
        self.hand_over.copy_text(message.text)

    def action_sinks(self) -> None:
        self.sinks.show()

    def action_send_to(self) -> None:
        self.sinks.send()

    def on_sinks_page_copy(self, message: SinksPage.Copy) -> None:
        self.hand_over.copy_text(message.text)

    def on_dead_letters_copy(self, message: DeadLetters.Copy) -> None:
        self.hand_over.copy_text(message.text)

    def action_columns(self) -> None:
        def choose(columns: tuple[Column, ...] | None) -> None:
            if columns is not None:
                self.event_list.set_columns(columns)
                self.preferences.keep("columns", columns)

        self.push_screen(ColumnChooser(self.event_list.columns), choose)

    def action_change_theme(self) -> None:
        from nomad_tui.ui.dialogs.theme_menu import ThemeMenu

        def keep(theme: str | None) -> None:
            if theme is not None:
                self.preferences.keep("theme", theme)

        self.push_screen(ThemeMenu(self.preferences.themes), keep)

    def action_warnings(self) -> None:
        from nomad_tui.ui.dialogs.warning_list import WarningList

        self.trouble.put_away(self.session.status)
        self.trouble.sync(self.session)
        self.push_screen(WarningList(self.session.status))

    def action_unreadable(self) -> None:
        from nomad_tui.ui.dialogs.unreadable import UnreadableLines

        self.push_screen(UnreadableLines(self.session.status))


def _printable_line(text: str) -> str:
    return printable(text) + "\n"
