"""A scrolling view of lines whose number changes often, without laying out the screen each time."""

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollDown, ScrollTo, ScrollUp


class LineView(ScrollView):
    """To be drawn by `render_line`, one line a row."""

    def set_row_count(self, rows: int) -> None:
        """Tells the scrollbar how many rows there are.

        Assigning `virtual_size` lays out and repaints the screen, some 20 KB to the terminal each time, so that
        is left for when the scrollbar appears or goes.
        """
        size = Size(self.scrollable_content_region.width, rows)
        height = self.scrollable_content_region.height
        if (rows > height) != (self.virtual_size.height > height):
            self.virtual_size = size
        else:
            self.set_reactive(LineView.virtual_size, size)
            self._scroll_update(size)

    def show_at_top(self, row: int) -> None:
        """Scrolls at once, without animation, so that this row is the first on the screen.

        Textual's `set_scroll` neither repaints the rows nor moves the scrollbar's thumb.
        """
        self.scroll_y = self.scroll_target_y = float(row)

    def scroll_by_bar(self, message: ScrollTo | ScrollUp | ScrollDown) -> None:
        """Does at once what the scrollbar asks for; Textual animates it."""
        if isinstance(message, ScrollTo):
            self.scroll_to(y=message.y, animate=False)
        elif isinstance(message, ScrollUp):
            self.scroll_page_up(animate=False)
        else:
            self.scroll_page_down(animate=False)
