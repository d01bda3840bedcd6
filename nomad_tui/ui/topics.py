"""The topic picker: every topic with its count, ticked while its events are shown."""

from collections.abc import Mapping
from typing import ClassVar, Final

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip

from nomad_tui.core.readable import count
from nomad_tui.core.text import printable
from nomad_tui.core.topics import TOPICS
from nomad_tui.ui.themes import TOPIC_STYLES, glyph, ink, topic_style

TICKED: Final = "▣"
UNTICKED: Final = "□"
MOST_UNKNOWN_TOPICS: Final = 64
"""Unknown topics that get a row of their own; a server may send any number of names."""

_HELP: Final = """\
**Topics** of Nomad's event stream, with the number of events held of each. Unticking one hides its events; they go on
being read and counted. Topics that no release is known to send are added as they come.
"""


class TopicPicker(ScrollView, can_focus=True):
    """Says which topics are hidden; what that means for the list is the app's business."""

    BINDING_GROUP_TITLE = "Topics"
    HELP = _HELP

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "topic-picker--name",
        "topic-picker--empty",
        "topic-picker--tick",
        "topic-picker--count",
        "topic-picker--cursor",
        *(f"topic-picker--{style}" for style in (*TOPIC_STYLES.values(), "other")),
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", id="topics.up", show=False),
        Binding("down,j", "cursor(1)", "Down", id="topics.down", show=False),
        Binding("g,home", "cursor(-1000)", "First", id="topics.first", show=False),
        Binding("G,end", "cursor(1000)", "Last", id="topics.last", show=False),
        Binding("ctrl+u,pageup", "cursor(-10)", "Up ten", id="topics.page-up", show=False),
        Binding("ctrl+d,pagedown", "cursor(10)", "Down ten", id="topics.page-down", show=False),
        Binding("space,enter", "tick", "Tick", id="topics.toggle", tooltip="Show or hide this topic's events"),
        Binding("a", "all", "All", id="topics.all", tooltip="Show every topic"),
        Binding("n", "none", "None", id="topics.none", tooltip="Hide every topic"),
        Binding("o", "only", "Only this", id="topics.only", tooltip="Show this topic and no other"),
        Binding("l,right", "leave", "Events", id="topics.events", show=False, tooltip="Go to the events"),
    ]

    hidden: var[frozenset[str]] = var(frozenset())
    """Topics whose events are hidden, by released name."""
    cursor: var[int] = var(0)

    class Changed(Message):
        """Another set of topics is hidden."""

        def __init__(self, hidden: frozenset[str]) -> None:
            self.hidden = hidden
            super().__init__()

    class Leave(Message):
        """The operator wants to go to the pane on the right."""

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.topics: list[str] = [topic.name for topic in TOPICS]
        self._counts: dict[str, int] = {}
        self._hides_unknown = False
        """Whether topics that have not come yet will be hidden, as after `none` and `only`."""
        self._styles: dict[str, Style] = {}

    def on_mount(self) -> None:
        self.virtual_size = Size(1, len(self.topics))

    def sync(self, counts: Mapping[str, int]) -> None:
        """Takes over how many events are held of each topic; repaints only if that has changed."""
        changed = {topic for topic in {**counts, **self._counts} if self._counts.get(topic) != counts.get(topic)}
        if not changed:
            return
        known = {*self.topics, *self._counts}
        self._counts = dict(counts)
        if unknown := [topic for topic in counts if topic not in known]:
            self.topics += unknown[: max(0, len(TOPICS) + MOST_UNKNOWN_TOPICS - len(self.topics))]
            self.virtual_size = Size(1, len(self.topics))
            if self._hides_unknown:
                self._hide(self.hidden | set(unknown))
        width = self.scrollable_content_region.width
        for row, topic in enumerate(self.topics):
            if topic in changed:
                self.refresh(Region(0, row - self.scroll_offset.y, width, 1))

    def action_cursor(self, rows: int) -> None:
        self._move(min(max(self.cursor + rows, 0), len(self.topics) - 1))

    def action_tick(self) -> None:
        self._hide(self.hidden ^ {self.topics[self.cursor]})

    def action_all(self) -> None:
        self._hides_unknown = False
        self._hide(frozenset())

    def action_none(self) -> None:
        self._hides_unknown = True
        self._hide(frozenset((*self.topics, *self._counts)))

    def action_only(self) -> None:
        self._hides_unknown = True
        self._hide(frozenset((*self.topics, *self._counts)) - {self.topics[self.cursor]})

    def action_leave(self) -> None:
        self.post_message(self.Leave())

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or self.scroll_offset.y + offset.y >= len(self.topics):
            return
        self._move(self.scroll_offset.y + offset.y)
        self.action_tick()

    def _move(self, row: int) -> None:
        self.cursor = row
        self.scroll_to_region(Region(0, row, 1, 1), animate=False, force=True)
        self.refresh()

    def _hide(self, hidden: frozenset[str]) -> None:
        if hidden != self.hidden:
            self.hidden = hidden
            self.refresh()
            self.post_message(self.Changed(hidden))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row = self.scroll_offset.y + y
        if row >= len(self.topics):
            return Strip.blank(width, self.rich_style)
        topic = self.topics[row]
        held = self._counts.get(topic, 0)
        shown = topic not in self.hidden
        number = count(held) if held else "·"
        name_width = max(1, width - len(number) - 6)
        name = printable(topic, name_width)
        strip = Strip(
            [
                Segment(f"{TICKED if shown else UNTICKED} ", self._style("tick" if shown else "empty")),
                Segment(f"{glyph(topic)} ", self._style(topic_style(topic) if shown and held else "empty")),
                Segment(set_cell_size(name, name_width), self._style("name" if shown and held else "empty")),
                Segment(f" {number} ", self._style("count" if shown and held else "empty")),
            ]
        ).adjust_cell_length(width)
        if row == self.cursor and self.has_focus:
            strip = strip.apply_style(Style(bgcolor=self.get_component_rich_style("topic-picker--cursor").bgcolor))
        return strip.apply_style(self.rich_style)

    def _style(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = ink(self.get_component_rich_style(f"topic-picker--{name}"))
        return style
