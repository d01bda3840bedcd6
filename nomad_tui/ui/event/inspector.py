"""The pane that shows one event: what happened, its facts, and four views.

The views are the payload as a tree, the changes from the object's previous event, the timeline of related events, and
the raw payload.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import tzinfo
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from nomad_tui.core.changes import Changes, difference
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.payload import Payload, parse
from nomad_tui.core.readable import count
from nomad_tui.core.secrets import Masking, redact
from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.event.description import Description
from nomad_tui.ui.event.find_line import FindPane
from nomad_tui.ui.event.inspected import EventView, InspectedEvent
from nomad_tui.ui.event.payload_tree import PayloadTree
from nomad_tui.ui.event.view_tabs import ViewTabs
from nomad_tui.ui.line_view import set_border_subtitle, set_border_title

if TYPE_CHECKING:
    from nomad_tui.ui.event.changes_view import ChangesView
    from nomad_tui.ui.event.text_viewer import TextView
    from nomad_tui.ui.event.timeline import Timeline

LONGEST_TITLE: Final = 120
"""Characters of a title; the border truncates it to the pane's width."""
_SHORTEST_TITLE: Final = 8
_AROUND_TITLE: Final = 6
"""Cells of the border before and after the title."""

AFTER_SUBTITLE: Final = 3
"""Cells of the border after its subtitle."""

LARGE_PAYLOAD: Final = 128 * 1024
"""Bytes above which a payload is drawn before it is compared with the previous one."""


class Inspector(Vertical):
    """Shows one event. The next one has the same view, folding and cursor; a revealed secret is masked again."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.EVENT)

    DEFAULT_CSS = """
    Inspector {
        & > Static { height: auto; }
        & > #inspector-heading { text-wrap: nowrap; text-overflow: ellipsis; }
        & > LineView, & > FindPane { height: 1fr; }
    }
    """

    class Step(Message):
        """The operator asks for the event above or below in the list."""

        def __init__(self, rows: int) -> None:
            self.rows = rows
            super().__init__()

    class ViewChanged(Message):
        """Another view is shown."""

        def __init__(self, view: EventView) -> None:
            self.view = view
            super().__init__()

    def __init__(
        self,
        *,
        clock: Callable[[], int] = time.time_ns,
        timezone: tzinfo | None = None,
        reveal: bool = False,
        than: str = "",
        id: str | None = None,  # noqa: A002
    ) -> None:
        """`clock` returns the time that ages are relative to, in ns since 1970; `than` is its name, such as `the end`
        of a recording, or empty for the present. `timezone` None is this machine's. `reveal` shows all secrets."""
        super().__init__(id=id)
        self._clock = clock
        self._timezone = timezone
        self._event: InspectedEvent | None = None
        self._payload: Payload | None = None
        self._changes: Changes | None = None
        self._has_raw = False
        """Whether the raw view contains the current event."""
        self._title = "3 Event"
        self.masking = Masking(reveal)
        self.view = EventView.TREE
        self.description = Description(clock, timezone)
        self.tabs = ViewTabs(id="inspector-tabs")
        self._than = than
        self.payload_tree = PayloadTree(timezone=timezone, than=than)
        self._panes: dict[EventView, Widget] = {EventView.TREE: FindPane(self.payload_tree)}
        """The panes of the views that have been shown."""

    # Views that the first drawing does not need are created when first shown.

    @cached_property
    def changes_view(self) -> ChangesView:
        from nomad_tui.ui.event.changes_view import ChangesView

        return ChangesView(timezone=self._timezone, than=self._than)

    @cached_property
    def timeline(self) -> Timeline:
        from nomad_tui.ui.event.timeline import Timeline

        return Timeline(timezone=self._timezone)

    @cached_property
    def raw(self) -> TextView:
        from nomad_tui.ui.event.text_viewer import TextView

        return TextView()

    @property
    def event(self) -> InspectedEvent | None:
        return self._event

    @property
    def payload(self) -> Payload | None:
        """The event's payload, parsed."""
        return self._payload

    @property
    def changes(self) -> Changes | None:
        """The changes from the previous event; None if there is none, or until they are compared."""
        return self._changes

    @property
    def shown_view(self) -> PayloadTree | ChangesView | Timeline | TextView:
        """The widget of the current view, which receives the keys."""
        match self.view:
            case EventView.TREE:
                return self.payload_tree
            case EventView.CHANGES:
                return self.changes_view
            case EventView.TIMELINE:
                return self.timeline
            case EventView.RAW:
                return self.raw

    def compose(self) -> ComposeResult:
        yield from self.description.parts
        yield self.tabs
        yield self._panes[EventView.TREE]

    def on_mount(self) -> None:
        self._show_view()
        self._show(self._event)

    def show(self, event: InspectedEvent | None) -> None:
        """Show an event, or that none is selected. Parses the payload: some 2 ms per MB."""
        self._event = event
        if self.is_mounted:
            self._show(event)

    def _show(self, event: InspectedEvent | None) -> None:
        self.masking.revealed = None
        self._changes = None
        self._has_raw = False
        with self.app.batch_update():
            if event is None:
                self._payload = None
                self._title = "3 Event"
                set_border_title(self, Content(self._title))
                self.description.show(None, "", self.content_size.width)
                self.payload_tree.clear()
                if EventView.CHANGES in self._panes:
                    self.changes_view.clear()
                if EventView.RAW in self._panes:
                    self.raw.show_text("")
                self._label_tabs()
                return
            payload = self._payload = parse(event.payload)
            self._title = printable(event.title, LONGEST_TITLE)
            set_border_title(self, Content(self._title))
            troubles = [printable(text) for text in (event.trouble, payload.trouble) if text]
            self.description.show(event, " ".join(troubles), self.content_size.width)
            is_large = len(event.payload) > LARGE_PAYLOAD and event.before is not None
            if not is_large:
                self._compare(event, payload)
            self._show_tree(event, payload)
            if is_large:
                self.call_after_refresh(self._compare_later, event, payload)
            self._fill_view()
            self._label_tabs()

    def _compare(self, event: InspectedEvent, payload: Payload) -> None:
        if event.before is not None:
            rules = kind(event.topic).changes
            self._changes = difference(parse(event.before.payload).value, payload.value, rules)

    def _compare_later(self, event: InspectedEvent, payload: Payload) -> None:
        if event is self._event and payload is self._payload and self.is_attached:
            self._compare(event, payload)
            self._show_tree(event, payload)
            self._fill_view()
            self._label_tabs()

    def _show_tree(self, event: InspectedEvent, payload: Payload) -> None:
        marks = {} if self._changes is None else self._changes.marks()
        self.payload_tree.show(payload, self._clock(), masking=self.masking, names=event.name, marks=marks)

    # The views

    def go_to_view(self, view: EventView) -> None:
        """Show another view of the event; it gets the focus if the previous one had it."""
        if view is self.view:
            return
        had_focus = self.shown_view.has_focus
        self.view = view
        if self.is_mounted:
            self._mask_revealed()
            self._show_view()
            self._fill_view()
            self._label_tabs()
            if had_focus:
                self.screen.set_focus(self.shown_view)
        self.post_message(self.ViewChanged(view))

    def _mask_revealed(self) -> None:
        """Masks the secret revealed in the previous view, so that a copy matches what the current one shows."""
        if self.masking.revealed is not None and self._event is not None and self._payload is not None:
            self.masking.revealed = None
            self._show_tree(self._event, self._payload)
            self._redraw_changes()

    def _show_view(self) -> None:
        self.set_class(self.view is EventView.TIMELINE, "-timeline")
        if self.view not in self._panes:
            searched = FindPane(self.raw) if self.view is EventView.RAW else None
            self._panes[self.view] = searched or self.shown_view
            self.mount(self._panes[self.view])
            if searched is not None:
                searched.mount_view()
        for view, pane in self._panes.items():
            pane.display = view is self.view

    def _fill_view(self) -> None:
        """Passes the event to the current view, if that is updated only while it is shown."""
        event = self._event
        if event is None:
            return
        if self.view is EventView.CHANGES:
            self._show_changes()
        elif self.view is EventView.RAW and not self._has_raw:
            self._has_raw = True
            shown = event.payload if self.masking.reveals_all else redact(event.payload)
            self.raw.show_text(shown.decode("utf-8", "replace"))

    def _show_changes(self) -> None:
        event = self._event
        if event is not None:
            against = "" if event.before is None else event.before.label
            self.changes_view.show(self._changes, against, self.masking, event.topic, self._clock())

    def _redraw_changes(self) -> None:
        """Call after the revealed secret has changed."""
        if EventView.CHANGES in self._panes:
            self.changes_view.redraw()

    def _label_tabs(self) -> None:
        count = None if self._changes is None else self._changes.count
        rows = self.timeline.step_count if self.view is EventView.TIMELINE else None
        labels = (
            (EventView.TREE, "Tree", None),
            (EventView.CHANGES, "Changes", count),
            (EventView.TIMELINE, "Timeline", rows),
            (EventView.RAW, "Raw", None),
        )
        line = self.tabs.show(labels, self.view)
        subtitle = Content("") if self.tabs.display else line
        set_border_subtitle(self, subtitle)

    def on_click(self, event: events.Click) -> None:
        """Opens a view whose name is clicked in the border."""
        size = self.outer_size
        if not self.tabs.display and event.y == size.height - 1:
            self.tabs.click(event.x - (size.width - AFTER_SUBTITLE - self.tabs.length))

    @on(ViewTabs.Clicked)
    def _go_to_clicked(self, message: ViewTabs.Clicked) -> None:
        message.stop()
        self.go_to_view(message.view)
        self.screen.set_focus(self.shown_view)

    @on(PayloadTree.MaskingChanged)
    def _redraw_masked(self, message: PayloadTree.MaskingChanged) -> None:
        message.stop()
        self._redraw_changes()

    def on_changes_view_reveal(self, message: ChangesView.Reveal) -> None:
        message.stop()
        self.masking.revealed = message.path
        self._redraw_changes()

    def advance_timeline(self, seconds: float) -> None:
        """Continues reading the timeline for about `seconds`; its tab shows the number of rows once it is complete."""
        before = self.timeline.step_count
        self.timeline.advance(seconds)
        if self.timeline.step_count != before:
            self._label_tabs()

    def action_step(self, rows: int) -> None:
        self.post_message(self.Step(rows))

    # The title and the clock

    def show_newer(self, events: int) -> None:
        """Shows in the title how many newer events there are than the one kept here; nothing if 0."""
        self._note(f" · {count(events)} newer · 2 follows" if events else "")

    def show_unlisted(self) -> None:
        """Says in the title that this event is not in the list, because it is filtered out."""
        self._note(" · not in the list")

    def _note(self, note: str) -> None:
        """Adds a note, which is never truncated, to the title."""
        room = max(_SHORTEST_TITLE, self.outer_size.width - _AROUND_TITLE - len(note))
        title = Content(printable(self._title, room) if note else self._title) + Content.styled(note, "$warning")
        set_border_title(self, title)

    def update_ages(self) -> None:
        """Show ages relative to the clock's current time; the app calls this now and then."""
        self.description.update_ages()
        self.payload_tree.show_ages(self._clock())
        if EventView.CHANGES in self._panes:
            self.changes_view.show_ages(self._clock())

    def on_resize(self) -> None:
        self.description.lay_out(self.content_size.width)
        self._label_tabs()
