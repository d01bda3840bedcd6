"""Searching in a pane: the search line, and a pane with one at its bottom."""

from functools import cached_property
from typing import ClassVar, Protocol, runtime_checkable

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from nomad_tui.core.payload.find import PatternError, Wanted, read_wanted
from nomad_tui.core.readable import count
from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.line_view import LaidOutOnce


class FindAsked(Message):
    """The operator asks to search in the view that posts it."""


class Found(Message):
    """A view has moved to a match, or found none."""

    def __init__(self, number: int, count: int, is_all: bool = True) -> None:
        self.number = number
        """Number of the match, from 1; 0 if not at a match."""
        self.count = count
        self.is_all = is_all
        """Whether `count` includes all matches."""
        super().__init__()


@runtime_checkable
class Findable(Protocol):
    """A view that can be searched. It posts `FindAsked` and `Found`."""

    def begin_find(self) -> None:
        """Start a search at the current position."""

    def look_for(self, wanted: Wanted) -> None:
        """Go to the first match; back to the start of the search if there is none or the text is empty."""

    def keep_find(self) -> None:
        """Stay at the match."""

    def end_find(self) -> None:
        """End the search; return to its start unless `keep_find` was called."""


class FindInput(Input):
    """A key that closes the search is not one with which the line is edited; what it runs is the pane's."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.FIND)

    def replace(self, text: str, start: int, end: int) -> None:
        """Makes typed or pasted text safe to display before inserting it."""
        super().replace(printable(text), start, end)


class FindLine(Horizontal):
    """The search line, followed by the number of matches."""

    DEFAULT_CSS = """
    FindLine { height: 1; display: none; }
    FindLine.-open { display: block; }
    FindLine > Input { width: 1fr; }
    FindLine > Static { width: auto; }
    """

    class Typed(Message):
        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    class Kept(Message):
        """The operator pressed Enter, to return to the view at the match."""

    def __init__(self) -> None:
        self.line = FindInput(placeholder="text or /regular expression/", compact=True, select_on_focus=True)
        self.line.cursor_blink = False
        self.count = Static(id="find-count")
        super().__init__()

    def mount_line(self) -> None:
        """Mounts its widgets at once, so that it receives keys typed ahead."""
        self.mount(Static(Content("/ "), id="find-mark"), self.line, self.count)

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def open(self) -> None:
        self.add_class("-open")
        self.screen.set_focus(self.line)

    def close(self) -> None:
        self.remove_class("-open")

    def show(self, text: str, is_trouble: bool = False) -> None:
        """Show a text after the input, such as `3 of 17`."""
        self.count.update(Content(printable(text, 60)))
        self.count.set_class(is_trouble, "-trouble")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open:
            self.post_message(self.Typed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Kept())


class FindPane(Vertical, LaidOutOnce):
    """A view with a search line below it."""

    DEFAULT_CSS = """
    FindPane > LineView { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.FIND)
    BLANK = True
    """The view and the line cover it."""

    def __init__(self, view: Widget, *, id: str | None = None) -> None:  # noqa: A002
        """`view` must be `Findable`."""
        super().__init__(id=id)
        assert isinstance(view, Findable)
        self._widget = view
        self.view: Findable = view

    def compose(self) -> ComposeResult:
        if not self._widget.is_attached:
            yield self._widget

    def mount_view(self) -> None:
        """Mounts the view at once, so that it receives keys typed ahead."""
        self.mount(self._widget)

    @cached_property
    def find_line(self) -> FindLine:
        """Created and mounted when first used."""
        line = FindLine()
        self.mount(line)
        line.mount_line()
        return line

    @property
    def is_open(self) -> bool:
        """Whether a search is in progress."""
        return "find_line" in vars(self) and self.find_line.is_open

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "close_find" or self.is_open

    def on_find_asked(self, event: FindAsked) -> None:
        event.stop()
        if self._closing or self._pruning:
            return  # the page was closed before the key arrived, and cannot mount the line
        self.view.begin_find()
        self.find_line.open()
        self._look_for(self.find_line.line.value)

    def on_find_line_typed(self, event: FindLine.Typed) -> None:
        event.stop()
        self._look_for(event.text)

    def _look_for(self, text: str) -> None:
        try:
            wanted = read_wanted(text)
        except PatternError as error:
            self.find_line.show(error.text, is_trouble=True)
            return
        self.view.look_for(wanted)
        if not text:
            self.find_line.show("")

    def on_found(self, event: Found) -> None:
        event.stop()
        if not event.count:
            self.find_line.show("not found", is_trouble=True)
            return
        many = f"{count(event.count)}{'' if event.is_all else '+'}"
        self.find_line.show(f"{count(event.number)} of {many}" if event.number else many)

    def on_find_line_kept(self, event: FindLine.Kept) -> None:
        event.stop()
        self.view.keep_find()
        self.screen.set_focus(self._widget)
        if not self.find_line.line.value:
            self.action_close_find()

    def action_close_find(self) -> None:
        self.view.end_find()
        self.find_line.close()
        self.screen.set_focus(self._widget)
