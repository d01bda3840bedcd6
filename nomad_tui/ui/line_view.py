"""Widgets that repaint less than Textual's own: repaints delay keys by some 20 ms per event shown."""

from typing import ClassVar, Final, Self

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Region, Size
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static


class LaidOutOnce(Widget):
    """A mixin for widgets that do not scroll. Must be the last base: Textual uses only the first one's styles.

    Textual lays the screen out again if a layout changes a widget's virtual size, which only containers that may get
    scrollbars need.
    """

    virtual_size: Reactive[Size] = Reactive(Size(0, 0), repaint=False)


def component_classes(prefix: str, names: str) -> set[str]:
    """`prefix--name` for each name; `names` are separated by spaces."""
    return {f"{prefix}--{name}" for name in names.split()}


def set_border_title(widget: Widget, title: Content) -> None:
    """Sets the border's title and repaints its line; assigning `border_title` repaints the whole widget."""
    if widget._border_title != title:
        widget._border_title = title
        _refresh_line(widget, 0)


def set_border_subtitle(widget: Widget, subtitle: Content) -> None:
    """As `set_border_title`, for the subtitle."""
    if widget._border_subtitle != subtitle:
        widget._border_subtitle = subtitle
        _refresh_line(widget, widget.outer_size.height - 1)


def _refresh_line(widget: Widget, y: int) -> None:
    left, top = widget.gutter.left, widget.gutter.top
    widget.refresh(Region(-left, y - top, widget.outer_size.width, 1))


def show_content(static: Static, content: Content) -> None:
    """Shows other lines, none of which may wrap; causes a layout only if their number changes."""
    before = static.content
    if before == content:
        return
    same_height = isinstance(before, Content) and before.plain.count("\n") == content.plain.count("\n")
    static.update(content, layout=not same_height or not before)


class LineScrollBar(ScrollBar, LaidOutOnce):
    """Repaints only the cells that have changed: usually none in a long list that grows.

    Has the view's background color if there is nothing to scroll.
    """

    def __init__(self, thickness: int) -> None:
        super().__init__(vertical=True, name="vertical", thickness=thickness)
        self._cells: list[Segment] = []

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        size = self.size
        if regions or layout or recompose or not repaint or not size or not self.is_mounted:
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        before, self._cells = self._cells, self._draw(size.height)
        if len(before) != len(self._cells):
            return super().refresh()
        changed = [y for y, (old, new) in enumerate(zip(before, self._cells, strict=True)) if old != new]
        if changed:
            super().refresh(*(Region(0, y, size.width, 1) for y in changed))
        return self

    def render_line(self, y: int) -> Strip:
        size = self.size
        if len(self._cells) != size.height:
            self._cells = self._draw(size.height)
        return Strip([self._cells[y]], size.width) if y < len(self._cells) else Strip.blank(size.width)

    def _draw(self, height: int) -> list[Segment]:
        assert self.parent is not None
        if self.window_virtual_size <= self.window_size:
            style = Style(bgcolor=self.parent.background_colors[1].rich_color)
            return [Segment(" " * self.thickness, style)] * height
        bar = self.render()
        assert isinstance(bar, ScrollBarRender) and isinstance(bar.style, Style)
        assert bar.style.color is not None and bar.style.bgcolor is not None
        ground = Style(bgcolor=bar.style.bgcolor)
        drawn = bar.render_bar(
            size=height,
            window_size=bar.window_size,
            virtual_size=bar.virtual_size,
            position=bar.position,
            thickness=bar.thickness,
            back_color=bar.style.bgcolor,
            bar_color=bar.style.color,
        )
        return [Segment(text, ground + style if style else ground) for text, style, _ in drawn.segments]


class LineView(ScrollView):
    """A base for views drawn by `render_line`, one line per row. Space for the scrollbar is always reserved."""

    DEFAULT_CSS = """
    LineView {
        overflow-x: hidden;
        overflow-y: scroll;
    }
    """

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """Created when first used, as Textual's is."""
        if self._vertical_scrollbar is None:
            self._vertical_scrollbar = bar = LineScrollBar(self.scrollbar_size_vertical)
            self.app._start_widget(self, bar)
        return self._vertical_scrollbar

    def set_row_count(self, rows: int) -> None:
        """Sets the number of rows for the scrollbar.

        Assigning `virtual_size` would lay out and repaint the screen, and write some 20 KB to the terminal each time.
        """
        size = Size(self.scrollable_content_region.width, rows)
        self.set_reactive(LineView.virtual_size, size)
        self._scroll_update(size)

    def show_at_top(self, row: int) -> None:
        """Scrolls, without animation, so that `row` is the first on the screen.

        Textual's `set_scroll` neither repaints the rows nor moves the scrollbar's thumb.
        """
        self.scroll_y = self.scroll_target_y = float(row)


MAX_CACHED_STRIPS: Final = 2_000
"""Maximum number of cached lines; the cache is cleared when it is full."""


class CachedLines(LineView):
    """Renders a line when it is first shown, and caches it until something that it shows changes."""

    PREFIX: ClassVar[str]
    """Prefix of the component classes, such as `payload-tree`. Views with a cursor have `PREFIX--cursor`."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._strips: dict[tuple[int, bool], Strip] = {}
        """Cached lines, by line number and whether the line has the cursor."""
        self._rich_styles: dict[tuple[str, bool], Style] = {}

    def _cache_strip(self, line: int, has_cursor: bool, strip: Strip) -> Strip:
        if len(self._strips) >= MAX_CACHED_STRIPS:
            self._strips.clear()
        self._strips[line, has_cursor] = strip
        return strip

    def _clear_strips(self) -> None:
        self._strips.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._rich_styles.clear()
        self._strips.clear()

    def _rich_style(self, components: str, has_cursor: bool = False) -> Style:
        """The style of one or several components, separated by spaces."""
        style = self._rich_styles.get((components, has_cursor))
        if style is None:
            classes = [f"{self.PREFIX}--{component}" for component in components.split()]
            if has_cursor:
                classes.append(f"{self.PREFIX}--cursor")
            style = self._rich_styles[components, has_cursor] = self.get_visual_style(*classes).rich_style
        return style
