"""Repaints less than Textual does by itself: keys would wait for that, some 20 ms for each event looked at."""

from textual.content import Content
from textual.geometry import Region, Size
from textual.reactive import Reactive
from textual.widget import Widget
from textual.widgets import Static


class LaidOutOnce(Widget):
    """A widget that is not scrolled, as the last of the bases: Textual takes the styles of the first alone.

    A layout gives each widget its virtual size, and Textual lays the screen out again when that has changed: only a
    container that may get scrollbars needs the second layout.
    """

    virtual_size: Reactive[Size] = Reactive(Size(0, 0), repaint=False)


def set_border_title(widget: Widget, title: Content) -> None:
    """Sets the border's title and repaints its line; assigning `border_title` repaints the whole widget."""
    if widget._border_title != title:
        widget._border_title = title
        _refresh_line(widget, 0)


def set_border_subtitle(widget: Widget, subtitle: Content) -> None:
    """As `set_border_title`, at the bottom."""
    if widget._border_subtitle != subtitle:
        widget._border_subtitle = subtitle
        _refresh_line(widget, widget.outer_size.height - 1)


def _refresh_line(widget: Widget, y: int) -> None:
    left, top = widget.gutter.left, widget.gutter.top
    widget.refresh(Region(-left, y - top, widget.outer_size.width, 1))


def show_content(static: Static, content: Content) -> None:
    """Shows other lines, none of which wraps; lays the screen out anew only if their number changes."""
    before = static.content
    if before == content:
        return
    same_height = isinstance(before, Content) and before.plain.count("\n") == content.plain.count("\n")
    static.update(content, layout=not same_height or not before)
