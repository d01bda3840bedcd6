"""Each action is declared once, with keys that are unique in their context and a method that runs it."""

from collections import Counter
from typing import Final

import pytest
from textual.actions import parse
from textual.binding import Binding
from textual.dom import DOMNode

from nomad_tui.ui.actions import ACTIONS, UNBOUND, Action, Context, actions, bindings
from nomad_tui.ui.app import NomadTui
from nomad_tui.ui.dialogs.first_run import FirstRunPage
from nomad_tui.ui.dialogs.help import HelpScreen
from nomad_tui.ui.dialogs.letter_menu import ChoiceList, ChoiceMenu, ColumnMenu, ThemeMenu
from nomad_tui.ui.dialogs.logs import LogsPage
from nomad_tui.ui.dialogs.text_page import DoctorPage, TextViewer, UnreadableLines, WarningList
from nomad_tui.ui.dialogs.where import Where
from nomad_tui.ui.dialogs.write_file import WriteFile
from nomad_tui.ui.event.changes_view import ChangesView
from nomad_tui.ui.event.compare_with import CompareWith
from nomad_tui.ui.event.find_line import FindPane
from nomad_tui.ui.event.inspector import Inspector
from nomad_tui.ui.event.payload_tree import PayloadTree
from nomad_tui.ui.event.text_viewer import TextView
from nomad_tui.ui.event.timeline import Timeline
from nomad_tui.ui.events.event_list import EventList
from nomad_tui.ui.events.go_to import GoTo
from nomad_tui.ui.facets.picker import TopicPicker
from nomad_tui.ui.filter.filter_line import FilterLine
from nomad_tui.ui.filter.saved import NameFilter
from nomad_tui.ui.overview.chart import ActivityChart
from nomad_tui.ui.overview.page import OverviewPage
from nomad_tui.ui.overview.tables import AttentionList
from nomad_tui.ui.screen import DashboardScreen
from nomad_tui.ui.sinks.actions import SendTo
from nomad_tui.ui.sinks.dead_letters import DeadLetters, LetterList
from nomad_tui.ui.sinks.editing import Mistakes
from nomad_tui.ui.sinks.new_sink import NewSink
from nomad_tui.ui.sinks.page import SinkList, SinksPage
from nomad_tui.ui.watch.page import RuleList, WatchPage

TOGETHER: Final = (
    (Context.APP,),
    (Context.MOVE, Context.EVENTS),
    (Context.MOVE, Context.FACETS),
    (Context.MOVE, Context.ROWS, Context.SCROLL, Context.TREE, Context.EVENT),
    (Context.MOVE, Context.ROWS, Context.SCROLL, Context.CHANGES, Context.EVENT),
    (Context.MOVE, Context.ROWS, Context.SCROLL, Context.TIMELINE, Context.EVENT),
    (Context.MOVE, Context.TEXT, Context.EVENT),
    (Context.FILTER,),
    (Context.PAGE, Context.OVERVIEW, Context.CHART),
    (Context.PAGE, Context.OVERVIEW, Context.MOVE, Context.ATTENTION),
    (Context.PAGE, Context.SINKS),
    (Context.PAGE, Context.MOVE, Context.TEXT, Context.DOCTOR),
    (Context.MOVE, Context.TEXT, Context.HELP),
    (Context.MOVE, Context.SCROLL, Context.LETTERS),
    (Context.DIALOG, Context.MENU, Context.OPTIONS, Context.COLUMNS),
)
"""Contexts of a single widget."""


@pytest.mark.parametrize("contexts", TOGETHER, ids="-".join)
def test_every_key_has_one_meaning_per_context(contexts: tuple[Context, ...]) -> None:
    found = [binding for binding in bindings(*contexts) if isinstance(binding, Binding)]
    keys = Counter(key for binding in found for key in binding.key.split(","))
    assert [key for key, times in keys.items() if times > 1 and key != UNBOUND] == []


OWNERS: Final[dict[Context, tuple[type[DOMNode], ...]]] = {
    Context.APP: (DashboardScreen,),
    Context.MOVE: (
        EventList,
        TopicPicker,
        PayloadTree,
        ChangesView,
        Timeline,
        TextView,
        SinkList,
        LetterList,
        RuleList,
    ),
    Context.EVENTS: (EventList,),
    Context.FACETS: (TopicPicker,),
    Context.EVENT: (Inspector,),
    Context.ROWS: (PayloadTree, ChangesView, Timeline),
    Context.SCROLL: (PayloadTree, ChangesView, Timeline, LetterList),
    Context.TREE: (PayloadTree,),
    Context.CHANGES: (ChangesView,),
    Context.TIMELINE: (Timeline,),
    Context.TEXT: (TextView,),
    Context.FIND: (FindPane,),
    Context.FILTER: (FilterLine,),
    Context.DIALOG: (ChoiceMenu, SendTo, GoTo, WriteFile, Where, NameFilter, ColumnMenu, FirstRunPage, NewSink),
    Context.MENU: (ChoiceList,),
    Context.OPTIONS: (CompareWith, ColumnMenu, ThemeMenu),
    Context.COLUMNS: (ColumnMenu,),
    Context.PAGE: (DoctorPage, SinksPage, DeadLetters, UnreadableLines, WarningList, TextViewer, CompareWith),
    Context.NAME_FILTER: (NameFilter,),
    Context.VIEWER: (TextViewer,),
    Context.HELP: (HelpScreen,),
    Context.UNREADABLE: (UnreadableLines,),
    Context.WARNINGS: (WarningList,),
    Context.DOCTOR: (DoctorPage,),
    Context.OVERVIEW: (OverviewPage,),
    Context.CHART: (ActivityChart,),
    Context.ATTENTION: (AttentionList,),
    Context.SINKS: (SinksPage,),
    Context.LETTERS: (LetterList,),
    Context.MISTAKES: (Mistakes,),
    Context.LOGS: (LogsPage,),
    Context.WATCH: (WatchPage,),
}


@pytest.mark.parametrize("context", Context)
def test_every_action_can_be_run_where_it_applies(context: Context) -> None:
    for owner in OWNERS[context]:
        assert {action.id for action in actions(context) if action.keys} <= {
            binding.id
            for each in owner.__mro__
            for binding in vars(each).get("BINDINGS", ())
            if isinstance(binding, Binding)
        }
        for action in actions(context):
            namespace, name, _ = parse(action.run)
            screen = DeadLetters if context is Context.LETTERS else DashboardScreen
            node = {"app": NomadTui, "screen": screen}.get(namespace, owner)
            assert callable(getattr(node, f"action_{name}", None)), (node, action.run)


def test_every_action_has_a_unique_name_and_a_description() -> None:
    def lacks(action: Action) -> bool:
        return not action.title or (not action.help and (action.footer or action.palette is not None))

    assert [name for name, times in Counter(action.id for action in ACTIONS).items() if times > 1] == []
    assert [action.id for action in ACTIONS if lacks(action)] == []
