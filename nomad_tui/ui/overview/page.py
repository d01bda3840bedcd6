"""The page of `0`, and of `O` as of the selected event: activity, what needs attention, jobs and nodes."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from time import perf_counter
from typing import ClassVar, Final, TypeAlias

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from nomad_tui.core.filter import Filter
from nomad_tui.core.history.event_row import latest_moment
from nomad_tui.core.history.history import History
from nomad_tui.core.overview.activity import time_term
from nomad_tui.core.overview.index import OverviewIndex, Talker
from nomad_tui.core.overview.state import Cluster, Listing, Trouble, listing, most_common
from nomad_tui.core.readable import MINUTE, SECOND, age, count
from nomad_tui.core.search.facets import only
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.overview import tables
from nomad_tui.ui.overview.chart import ActivityChart, figures
from nomad_tui.ui.overview.tables import AttentionList


def filter_of(one: Trouble) -> str:
    """A filter for the events of a job, a group or a node."""
    named = [("node", one.name)] if one.kind == "node" else [("job", one.of)]
    named += [(field, value) for field, value in (("ns", one.namespace), ("group", one.group)) if value]
    chosen = Filter()
    for field, value in named:
        chosen = only(chosen, field, value)
    return str(chosen)


ADVANCE_EVERY: Final = 0.02
ADVANCE_SLICE: Final = 0.004
"""Seconds from one slice of indexing to the next, and per slice; the rest of the time is left for reading."""
REFRESH_INTERVAL: Final = 0.5
"""Seconds between two refreshes of the page."""
REST_FACTOR: Final = 10
"""The page is not refreshed again for this many times as long as the last refresh took, so that keys act at once."""
FIRST_SLICES: Final = 8
"""Slices computed before the lists are first drawn: enough for all lists unless there are thousands of objects."""
RECOVERED_FOR: Final = 10 * MINUTE
"""ns for which an object is listed after it has recovered."""
WIDE: Final = 110
"""Minimum width in cells of a page that shows rates and talkers in a column of their own."""
ZOOMS: Final[tuple[tuple[int | None, str], ...]] = ((None, "all"), (3600, "1 h"), (900, "15 m"))
"""Seconds shown by the histogram, and how the title names them."""
READING: Final = "Reading events …"
"""Shown in place of results until all events are read."""
MAX_TALKERS: Final = 5
MAX_LISTED: Final = 200
"""Maximum number of jobs, and of nodes: all are redrawn twice a second."""
_KEYS: Final = (
    "{attention.open} timeline · {overview.only} filter · {overview.next} {overview.previous} next · "
    "{overview.other} activity · {overview.zoom} zoom · {page.leave} close"
)
_CHART_KEYS: Final = (
    "{chart.left} {chart.right} move · {chart.mark} mark · {chart.take} filter · {overview.zoom} zoom · "
    "{overview.other} list · {page.leave} close"
)


Lists: TypeAlias = tuple[Listing, dict[Talker, list[tuple[str, int]]]]
ComputingLists: TypeAlias = Generator[None, None, Lists]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the operator has chosen: an event or a filter term."""

    sequence: int | None = None
    """The event whose timeline is to be shown."""
    term: str = ""
    """A term for the filter."""


class OverviewPage(Modal[Chosen]):
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.OVERVIEW)

    def __init__(
        self,
        index: OverviewIndex,
        history: History,
        now: Callable[[], int],
        timezone: tzinfo | None,
        as_of: int | None = None,
        lists: Callable[[], str] = str,
        source: Callable[[], str] = str,
    ) -> None:
        """`now` returns the time that ages are relative to, in ns since 1970. `as_of` is an event's sequence number, or
        None for the current state. `lists` describes the result of reading the server's lists, and `source` the
        cluster and the connection's state, which the page covers."""
        super().__init__()
        self._index = index
        self._history = history
        self._now = now
        self._timezone = timezone
        self._as_of = as_of
        self._lists = lists
        self._source = source
        self._as_of_time = None if as_of is None else latest_moment(history, as_of + 1)
        """Time of that event, or of the newest one before it whose time is known."""
        self._cluster: Cluster | None = None
        """The state as of the event, once the event is indexed."""
        self._computing_lists: ComputingLists | None = None
        """The computation of the lists in progress."""
        self._lists_state: object = None
        """The state that it started from."""
        self._lists_cost = 0.0
        """Seconds that it has taken."""
        self._lists_rest_until = 0.0
        """`perf_counter()` before which the lists are not computed again."""
        self._lists_computed: Lists | None = None
        """The last lists computed."""
        self._tables_of: tuple[Listing | None, int] | None = None
        """The lists that the tables show, and the tables' width in cells."""
        self._tables_text = Content("")
        self._zoom = 0
        self._rests_until = 0.0
        """`perf_counter()` before which the timer does not refresh the page again."""
        self.chart = ActivityChart(self._clock, id="overview-activity")
        self.list = AttentionList(self._since, id="overview-attention")
        self._tables = Static(id="overview-tables")
        self._side = Static(id="overview-side")

    def compose(self) -> ComposeResult:
        with Vertical(id="overview"):
            yield self.chart
            with Horizontal(id="overview-body"):
                with Vertical(id="overview-left"):
                    yield self.list
                    yield VerticalScroll(self._tables, id="overview-tables-box", can_focus=False)
                yield VerticalScroll(self._side, id="overview-side-box", can_focus=False)

    def on_mount(self) -> None:
        self.list.border_title = Content("Needs attention")
        self.query_one("#overview-tables-box").border_title = Content("Jobs and nodes")
        self.query_one("#overview-side-box").border_title = Content("Rates and most active")
        self.list.focus()
        self.set_interval(ADVANCE_EVERY, self._advance)
        self.set_interval(REFRESH_INTERVAL, self._refresh_if_due)
        self._index.advance(ADVANCE_SLICE)
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    @on(events.DescendantFocus)
    def _name_keys(self) -> None:
        keys = Content(keymap_of(self.app).text(_CHART_KEYS if self.chart.has_focus else _KEYS))
        box = self.query_one("#overview")
        if box.border_subtitle != keys:
            box.border_subtitle = keys

    # What is shown

    def _advance(self) -> None:
        self._index.advance(ADVANCE_SLICE)
        if self._computing_lists is not None and self._advance_lists(self._computing_lists):
            self._show_lists()

    def _begin_lists(self, cluster: Cluster | None) -> None:
        """Starts computing the lists if the state has changed; for a small cluster, completes them."""
        state = self._index.next if self._as_of is None else cluster is not None
        if self._computing_lists is None and state != self._lists_state and perf_counter() >= self._lists_rest_until:
            self._lists_state, self._lists_cost = state, 0.0
            self._computing_lists = self._lists_of(cluster or Cluster())
            self._advance_lists(self._computing_lists, FIRST_SLICES)

    def _advance_lists(self, lists: ComputingLists, least: int = 1) -> bool:
        """Computes the lists for one time slice, and at least `least` steps; returns whether they are complete."""
        began = perf_counter()
        is_complete = False
        try:
            while least > 0 or perf_counter() < began + ADVANCE_SLICE:
                least -= 1
                next(lists)
        except StopIteration as end:
            self._computing_lists, self._lists_computed, is_complete = None, end.value, True
        self._lists_cost += perf_counter() - began
        self._lists_rest_until = began + REST_FACTOR * self._lists_cost
        return is_complete

    def _lists_of(self, cluster: Cluster) -> ComputingLists:
        listed = yield from listing(cluster, MAX_LISTED)
        talkers: dict[Talker, list[tuple[str, int]]] = {}
        at = self._as_of
        if at is None:
            talkers = yield from most_common(self._index.talkers(), MAX_TALKERS)
        elif self._history.first <= at < self._index.next:
            talkers = yield from most_common(self._index.talkers(at + 1), MAX_TALKERS)
        return listed, talkers

    def _state(self) -> Cluster | None:
        """The state to show; None until the event is indexed, and after it was evicted."""
        at = self._as_of
        if at is None:
            return self._index.cluster
        if self._cluster is None and self._history.first <= at < self._index.next:
            self._cluster = self._index.as_of(at)
        return self._cluster

    @property
    def reference(self) -> int:
        """The time that ages are relative to, in ns since 1970."""
        return self._as_of_time or self._now()

    def _refresh_if_due(self) -> None:
        if perf_counter() >= self._rests_until:
            began = perf_counter()
            self._show()
            self._rests_until = perf_counter() + REST_FACTOR * (perf_counter() - began)

    def _show(self) -> None:
        if not self.is_current or not self.chart.content_size.width:
            return
        index, cluster = self._index, self._state()
        width = self.chart.content_size.width
        span, zoom = ZOOMS[self._zoom]
        until = self._as_of_time
        self.chart.show(index.activity.histogram(width, span, until))
        self._title_chart(zoom)
        self._title()
        known = cluster or Cluster()
        recovered = known.recovered_since(self.reference - RECOVERED_FOR)
        empty = "No event in memory shows a problem." if index.complete else READING
        if not len(self._history):
            empty = "No events yet."
        elif index.complete and cluster is None:
            empty = "The event was evicted."
        # The server's lists describe the time when they were read, not an earlier one.
        troubles = index.attention() if self._as_of is None else known.attention()
        self.list.show(troubles, recovered, empty)
        figure = count(len(troubles)) if troubles or index.complete else "…"
        self.list.border_title = Content(f"Needs attention  {figure}{self._lists() if self._as_of is None else ''}")
        self._begin_lists(cluster)
        self._show_lists()

    def _show_lists(self) -> None:
        """Shows the last lists computed, and the rates."""
        inner = self._tables.content_size.width or self.chart.content_size.width
        is_wide = self.size.width >= WIDE
        self.query_one("#overview-side-box").display = is_wide
        listed, talkers = self._lists_computed or (None, {})
        if listed is not None and not (listed.jobs or listed.nodes or self._index.complete):
            listed = None  # only a complete index proves that there are none
        if (listed, inner) != self._tables_of:
            self._tables_of = listed, inner
            self._tables_text = Content.styled(f"{READING}\n", "$quiet")
            if listed is not None:
                deployments = (self._state() or Cluster()).deployments
                parts = tables.jobs(listed, deployments, inner), tables.nodes(listed, inner)
                self._tables_text = Content("\n").join(parts)
        aside = self._aside(self._side.content_size.width or 40 if is_wide else inner, talkers)
        if is_wide:
            _update(self._side, aside)
        _update(self._tables, self._tables_text if is_wide else Content("\n").join((self._tables_text, aside)))

    def _aside(self, width: int, talkers: dict[Talker, list[tuple[str, int]]]) -> Content:
        span, _ = ZOOMS[self._zoom]
        by_topic = self._index.activity.rates(max(1, width - 20), span, self._as_of_time)
        if not by_topic:
            return Content.styled("No events." if self._index.complete else "", "$quiet")
        rates = tables.rates(by_topic, width)
        counted = "events held" if self._as_of is None else "events until then"
        return Content("\n").join((rates, tables.talkers(talkers, width, counted)))

    def _title(self) -> None:
        title = "Overview"
        at = self._as_of
        if at is None:
            title += f"  {self._source()}"
        elif at < self._history.first:
            title += "  this event was evicted"
        elif self._history.gap(at) is not None:
            title += f"  as of the gap after index {count(self._history.gap(at).after)}"  # type: ignore[union-attr]
        else:
            time = f"{self._clock(self._as_of_time)}, " if self._as_of_time is not None else ""
            title += f"  as of {time}index {self._history.event(at).index}"
        if not self._index.complete:  # also as of an event: its activity may not be indexed yet
            title += f"  reading {int(self._index.progress * 100)} % …"
        box = self.query_one("#overview")
        if str(box.border_title) != title:
            box.border_title = Content(title)

    def _title_chart(self, zoom: str) -> None:
        chart = self.chart
        chosen = chart.chosen
        seconds = (chart.buckets[0].end - chart.buckets[0].start) // SECOND if chart.buckets else 0
        title = f"Activity  {zoom}, {count(seconds)} s a column" if seconds else "Activity"
        text = ""
        if chosen:
            mark = "range " if chart.range_start is not None else ""
            text = f"{mark}{self._clock(chosen[0].start)}–{self._clock(chosen[-1].end)}: {figures(chosen)}"
        if str(chart.border_title) != title:
            chart.border_title = Content(title)
        if str(chart.border_subtitle) != text:
            chart.border_subtitle = Content(text)

    def _clock(self, moment: int) -> str:
        try:
            return f"{datetime.fromtimestamp(moment // SECOND, self._timezone):%H:%M:%S}"
        except (OverflowError, ValueError, OSError):
            return "–"

    def _since(self, one: Trouble) -> str:
        if one.is_listed:
            return "listed"
        is_over = one.trouble_key not in (self._state() or Cluster()).troubles
        at = one.last_at if is_over else one.since_at
        return age(self.reference - at) if at else "–"

    # Keys

    @on(ActivityChart.Moved)
    def _describe_bucket(self) -> None:
        self._title_chart(ZOOMS[self._zoom][1])

    @on(ActivityChart.Take)
    def _take(self, message: ActivityChart.Take) -> None:
        self.dismiss(Chosen(term=time_term(message.start, message.end, self._timezone)))

    @on(AttentionList.Open)
    def _open(self, message: AttentionList.Open) -> None:
        one = message.trouble
        sequence: int | None = one.last
        if one.last < self._history.first:  # known from a server's list, or evicted
            sequence = self._history.newest(one.topic, one.namespace, one.key)
        if sequence is None:
            self.notify(
                "No events of this object in memory: it comes from a server list, or they were evicted.",
                markup=False,
            )
            return
        self.dismiss(Chosen(sequence=sequence))

    def action_zoom_time(self) -> None:
        self._zoom = (self._zoom + 1) % len(ZOOMS)
        self.chart.range_start = self.chart.cursor = None
        self._show()

    def action_step(self, rows: int) -> None:
        self.list.focus()
        self.list.action_move(rows)

    def action_other(self) -> None:
        (self.list if self.chart.has_focus else self.chart).focus()

    def action_scroll_tables(self, pages: int) -> None:
        for name in ("#overview-tables-box", "#overview-side-box"):
            box = self.query_one(name)
            box.scroll_to(y=box.scroll_offset.y + pages * max(2, box.size.height - 2), animate=False)

    def action_only(self) -> None:
        if self.list.trouble is None:
            self.notify("No object is selected.", markup=False)
        else:
            self.dismiss(Chosen(term=filter_of(self.list.trouble)))


def _update(static: Static, content: Content) -> None:
    if static.content != content:
        static.update(content)
