"""Ends and resumes following when the operator scrolls with the mouse or the scrollbar."""

from abc import abstractmethod

from textual import on
from textual.scrollbar import ScrollDown, ScrollTo, ScrollUp

from nomad_tui.ui.events.viewport import Viewport
from nomad_tui.ui.line_view import LineView


class FollowingView(LineView):
    """Shows the rows of a viewport."""

    def __init__(self, viewport: Viewport, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.viewport = viewport

    @abstractmethod
    def sync(self) -> None:
        """Shows new rows, keeping the place that is being read."""

    @abstractmethod
    def show_place(self) -> None:
        """Shows the state of the list in the border."""

    def user_scrolled(self) -> None:
        """Ends following after scrolling up, and resumes it at the end of the list."""
        viewport = self.viewport
        viewport.following = self.scroll_offset.y >= viewport.last_top and viewport.paused_at is None
        viewport.remember(self.scroll_offset.y)
        self.show_place()

    def on_mouse_scroll_up(self) -> None:
        self._before_scrolling()
        self.viewport.following = False

    def on_mouse_scroll_down(self) -> None:
        self._before_scrolling()

    @on(ScrollTo)
    @on(ScrollUp)
    @on(ScrollDown)
    def _use_scrollbar(self, message: ScrollTo | ScrollUp | ScrollDown) -> None:
        """Scrolls without Textual's animation, during which the list would resume following."""
        message.stop()
        message.prevent_default()
        self._before_scrolling()
        self.viewport.following = False
        if isinstance(message, ScrollTo):
            self.scroll_to(y=message.y, animate=False)
        elif isinstance(message, ScrollUp):
            self.scroll_page_up(animate=False)
        else:
            self.scroll_page_down(animate=False)

    def _before_scrolling(self) -> None:
        if self.viewport.first_row != self.scroll_offset.y:
            self.sync()
        self.viewport.stop_seeking()
        self.call_after_refresh(self.user_scrolled)
