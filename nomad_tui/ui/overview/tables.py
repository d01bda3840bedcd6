"""The tables of the overview: what needs attention, jobs and nodes, rates by topic, and top talkers."""

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Final

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip

from nomad_tui.core.level import Level
from nomad_tui.core.overview.index import Talker
from nomad_tui.core.overview.state import Deployment, Listing, Trouble
from nomad_tui.core.readable import count
from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.line_view import LineView
from nomad_tui.ui.overview.chart import BARS
from nomad_tui.ui.themes import ink

UNKNOWN = "–"
"""Shown for a figure that no event in memory contains."""


def number(figure: int | None) -> str:
    return UNKNOWN if figure is None else count(figure)


def sparkline(values: list[int]) -> str:
    most = max(values, default=0)
    return "".join(BARS[0 if not value else max(1, round(value / most * 8))] for value in values)


def joined(parts: Iterable[tuple[str, str]]) -> Content:
    return Content.assemble(*((text, style) if style else text for text, style in parts))


def _cell(text: str, width: int) -> str:
    """Untrusted text in `width` cells: some letters take two of them, and some none."""
    return set_cell_size(printable(text, width), width)


def jobs(listed: Listing, deployments: Mapping[tuple[str, str], Deployment], width: int) -> Content:
    """One line per group of each listed job: running of desired, restarts, the last deployment."""
    name = max(12, min(30, width // 3))
    parts: list[tuple[str, str]] = [
        (f"{'job.group'.ljust(name)} {'running':>9} {'restarts':>8}  deployment\n", "$quiet")
    ]
    for job in listed.jobs:
        deployment = deployments.get((job.namespace, job.id))
        for group, one in listed.figures[job.namespace, job.id].items():
            parts += _group(f"{job.id}.{group}", (one.running, one.desired, one.restarts), name)
            parts.append((f"  {_deployment(deployment)}\n" if deployment is not None else "\n", "$quiet"))
            deployment = None
    if listed.more_jobs:
        parts.append((f"… {count(listed.more_jobs)} more jobs\n", "$quiet"))
    return joined(parts) if listed.jobs else Content.styled("No event of a running job.\n", "$quiet")


def _group(name: str, figures: tuple[int | None, int | None, int | None], width: int) -> list[tuple[str, str]]:
    running, desired, restarts = figures
    lacks = running is not None and desired is not None and running < desired
    return [
        (_cell(name, width) + " ", ""),
        (f"{number(running)}/{number(desired)}".rjust(9), "$warning" if lacks else ""),
        (f" {number(restarts):>8}", "$warning" if restarts else "$quiet"),
    ]


def _deployment(one: Deployment) -> str:
    return f"v{one.version} {printable(one.status, 16)} {count(one.healthy)}/{count(one.desired)}"


def nodes(listed: Listing, width: int) -> Content:
    """One line per listed node: status, eligibility, drain, allocations."""
    if not listed.nodes:
        return Content.styled("No nodes.", "$quiet")
    name = max(10, min(24, width // 4))
    parts: list[tuple[str, str]] = [(f"{'node'.ljust(name)} {'status':<13} {'allocations':>11}\n", "$quiet")]
    for node in listed.nodes:
        left = listed.allocations[node.id]
        drain = f"draining, {number(left)} left" if node.is_draining else "" if node.is_eligible else "ineligible"
        is_down = node.status in ("down", "disconnected")
        parts += [
            (_cell(node.name or node.id, name) + " ", ""),
            (_cell(node.status, 13), "$error" if is_down else "$success"),
            (f" {number(left):>11}", ""),
            (f"  {drain}\n" if drain else "\n", "$warning"),
        ]
    if listed.more_nodes:
        parts.append((f"… {count(listed.more_nodes)} more nodes\n", "$quiet"))
    return joined(parts)


def rates(by_topic: dict[str, list[int]], width: int) -> Content:
    """A sparkline and the number of events for each topic."""
    parts: list[tuple[str, str]] = []
    totals = {topic: count(sum(values)) for topic, values in by_topic.items()}
    widest = max(map(len, totals.values()), default=0)
    for topic, values in by_topic.items():
        parts += [
            (_cell(topic, 12) + " ", ""),
            (sparkline(values[-max(1, width - 14 - widest) :]), "$topic"),
            (f" {totals[topic]:>{widest}}\n", "$quiet"),
        ]
    return joined(parts)


def talkers(of: dict[Talker, list[tuple[str, int]]], width: int, counted: str = "events held") -> Content:
    """The jobs, nodes and types with the most events; `counted` says which events are counted."""
    parts: list[tuple[str, str]] = []
    for talker, found in of.items():
        if not found:
            continue
        parts.append((f"{counted}, by {talker.value}\n", "$quiet"))
        for name, number_of_events in found:
            total = count(number_of_events)
            room = max(4, width - len(total) - 3)
            parts += [(f"  {_cell(name, room)}", ""), (f" {total}\n", "$quiet")]
    return joined(parts)


PREFIX: Final = "attention-list--"
MARKS: Final = {Level.FAILURE: ("✖", "bad"), Level.WARNING: ("▲", "warn")}
RECOVERED: Final = ("✔", "good")
NAME_SHARE: Final = 0.24
NAME_LEAST, NAME_MOST = 10, 32
KIND_WIDTH: Final = 10
KIND_FROM: Final = 84
"""Minimum width in cells of a list that shows the kind of each object."""
SINCE_WIDTH: Final = 10


class AttentionList(LineView, can_focus=True):
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"{PREFIX}{name}" for name in ("bad", "warn", "good", "name", "plain", "quiet", "cursor", "cursor-blurred")
    }
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MOVE, Context.ATTENTION)

    class Open(Message):
        """The operator asks for the timeline of an object."""

        def __init__(self, trouble: Trouble) -> None:
            self.trouble = trouble
            super().__init__()

    def __init__(self, since: Callable[[Trouble], str], id: str) -> None:  # noqa: A002
        """`since` formats how long an object has needed attention."""
        super().__init__(id=id)
        self._since = since
        self._troubles: list[Trouble] = []
        self._recovered = 0
        """How many of `_troubles`, at the end, have recovered."""
        self._empty = ""
        self._cursor = 0
        self._has_moved = False
        """Whether the operator has moved the cursor; until then it stays on the first row."""

    @property
    def trouble(self) -> Trouble | None:
        """The one under the cursor."""
        return self._troubles[self._cursor] if self._cursor < len(self._troubles) else None

    def show(self, troubles: list[Trouble], recovered: list[Trouble], empty: str) -> None:
        """A cursor that the operator has moved follows its object. `empty` is the text of an empty list."""
        at = self.trouble
        keys = [each.trouble_key for each in troubles]
        if self._has_moved and at is not None and at.trouble_key in keys:
            self._cursor = keys.index(at.trouble_key)
        self._troubles, self._recovered, self._empty = [*troubles, *recovered], len(recovered), empty
        self._cursor = max(0, min(self._cursor, len(self._troubles) - 1))
        self.set_row_count(len(self._troubles))
        self.refresh()

    # Keys

    def action_move(self, rows: int) -> None:
        self._has_moved = True
        self._cursor = max(0, min(self._cursor + rows, len(self._troubles) - 1))
        height = self.scrollable_content_region.height
        if self._cursor < self.scroll_offset.y:
            self.show_at_top(self._cursor)
        elif height and self._cursor >= self.scroll_offset.y + height:
            self.show_at_top(self._cursor - height + 1)
        self.refresh()

    def action_move_pages(self, pages: float) -> None:
        self.action_move(int(pages * max(2, self.scrollable_content_region.height)))

    def action_first(self) -> None:
        self.action_move(-len(self._troubles))

    def action_last(self) -> None:
        self.action_move(len(self._troubles))

    def action_open(self) -> None:
        if self.trouble is not None:
            self.post_message(self.Open(self.trouble))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y + self.scroll_offset.y < len(self._troubles):
            self._cursor = offset.y + self.scroll_offset.y
            self.action_move(0)
            if event.chain > 1:
                self.action_open()

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row = y + self.scroll_offset.y
        ground = self.rich_style
        if row >= len(self._troubles):
            text = self._empty if y == 0 and not self._troubles else ""
            return Strip([Segment(printable(text, width).ljust(width), ground + self._ink("quiet"))], width)
        if row == self._cursor:
            name = f"{PREFIX}cursor" if self.has_focus else f"{PREFIX}cursor-blurred"
            ground += Style(bgcolor=self.get_component_rich_style(name).bgcolor)
        one = self._troubles[row]
        is_over = row >= len(self._troubles) - self._recovered
        mark, color = RECOVERED if is_over else MARKS.get(Level(one.level), (" ", "plain"))
        name_width = max(NAME_LEAST, min(NAME_MOST, int(width * NAME_SHARE)))
        what = f"{one.what} → {one.end}" if is_over else one.what
        times = f" ×{count(one.count)}" if one.count > 1 else ""
        cause = "" if one.what in one.cause else f"{what}: "
        text = what if is_over else f"{cause}{one.cause}"
        pieces = [
            (f"{mark} ", color),
            (_cell(one.name, name_width) + " ", "quiet" if is_over else "name"),
            *([(one.kind.ljust(KIND_WIDTH) + "  ", "quiet")] if width >= KIND_FROM else []),
            (set_cell_size(self._since(one), SINCE_WIDTH) + " ", "quiet"),
        ]
        left = max(0, width - sum(Segment(text).cell_length for text, _ in pieces))
        pieces += [(printable(text, max(0, left - len(times))) + times, "quiet" if is_over else "plain")]
        strip = Strip([Segment(text, ground + self._ink(style)) for text, style in pieces])
        return strip.adjust_cell_length(width, ground)

    def _ink(self, name: str) -> Style:
        return ink(self.get_component_rich_style(f"{PREFIX}{name}"))
