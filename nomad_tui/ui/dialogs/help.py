"""The help of `?`: the keys of the focused widget, its page of the manual, and then all other pages."""

import asyncio
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import ClassVar, Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.message import Message

from nomad_tui.manual import INDEX, find_page, pages
from nomad_tui.ui.actions import BY_ID, TITLES, Context, actions, bindings
from nomad_tui.ui.dialogs.text_page import TextPage
from nomad_tui.ui.event.text_viewer import Pieces, Span, TextView
from nomad_tui.ui.keymap import KeyMap

WIDEST: Final = 80
"""Maximum line length in cells."""
KEY_WIDTH: Final = 16
KEYS: Final = "keys"
"""Topic of the manual's page about keys, in place of which the help shows the operator's keys."""
COMMON: Final = (Context.APP, Context.MOVE, Context.SCROLL, Context.PAGE)
"""Contexts that do not identify the focused widget."""

PAGES: Final = {
    Context.FACETS: "dashboard",
    Context.EVENTS: "dashboard",
    Context.EVENT: "event",
    Context.TREE: "event",
    Context.CHANGES: "event",
    Context.TIMELINE: "event",
    Context.TEXT: "event",
    Context.FILTER: "filter",
    Context.SINKS: "sink-page",
    Context.LETTERS: "sink-failures",
    Context.DOCTOR: "doctor",
    Context.OVERVIEW: "overview",
    Context.LOGS: "watch",
    Context.WATCH: "watch",
    Context.WARNINGS: "troubleshooting",
    Context.UNREADABLE: "gaps",
}
"""The manual's topic about each context."""


def key_lines(context: Context, keymap: KeyMap, width: int) -> Iterator[Pieces]:
    """The operator's keys in a context and what they do."""
    title = TITLES[context]
    yield (("title", f"── {title} " + "─" * (width - 4 - len(title))),)
    for keys, sentence in keymap.described(actions(context)):
        shown = " ".join(keys)
        head, *rest = textwrap.wrap(sentence, max(20, width - KEY_WIDTH))
        if len(shown) >= KEY_WIDTH:
            yield (("key", shown),)
            shown = ""
        yield ("key", f"{shown:<{KEY_WIDTH}}"), ("", head)
        yield from ((("", " " * KEY_WIDTH + line),) for line in rest)


class Line(NamedTuple):
    pieces: tuple[tuple[str, str], ...]
    """Component classes and texts."""
    links: tuple[str, ...] = ()
    """The link target of each piece: a topic, with `#` and a section if the link has one; empty for no link."""
    section: str = ""
    """Anchor of the section that starts here."""


@lru_cache(maxsize=200)
def page_lines(topic: str, width: int) -> tuple[Line, ...]:
    """A page of the manual, without successive blank lines."""
    from nomad_tui.manual.rendering import segments

    page = find_page(topic)
    if page is None:
        return ()
    found: list[Line] = []
    headings = iter(page.sections.items())
    anchor, heading = next(headings, ("", ""))
    for segmented in segments(page, width):
        line = _line(segmented, topic)
        text = "".join(piece for _, piece in line.pieces)
        # A long heading is wrapped.
        if anchor and text and heading.startswith(text) and all(part in _OF_HEADING for part, _ in line.pieces):
            line = line._replace(section=anchor)
            anchor, heading = next(headings, ("", ""))
        if line.pieces or (found and found[-1].pieces):
            found.append(line)
    return tuple(found)


_OF_HEADING: Final = frozenset(("title", "strong", "code"))
"""Components of a section's heading."""


def _line(segmented: Sequence[Segment], topic: str) -> Line:
    parts = [(part.text, part.style or Style.null()) for part in segmented if not part.control]
    while parts and not parts[-1][0].strip():
        parts.pop()
    if parts:
        parts[-1] = (parts[-1][0].rstrip(), parts[-1][1])
    links = (style.link or "" for _, style in parts)
    return Line(
        tuple((_component(style), text) for text, style in parts),
        tuple(_target(link, topic) for link in links),
    )


def _target(link: str, topic: str) -> str:
    """The target of a link in the manual; empty for an address outside it."""
    page, has_section, section = link.partition("#")
    if "/" in page or not (page.endswith(".md") or (has_section and not page)):
        return ""
    return f"{page.removesuffix('.md') or topic}{has_section}{section}"


def _component(style: Style) -> str:
    if style.link:
        return "link"
    if style.bold and style.underline:
        return "title"
    color = style.color.name if style.color is not None else ""
    return "code" if color == "cyan" else "strong" if style.bold else ""


class Link(NamedTuple):
    start: int
    end: int
    target: str
    """A topic, with `#` and a section if the link has one."""


class Document:
    """Pages as one text, with the offsets of the pages and links."""

    def __init__(self) -> None:
        self.lines: list[Pieces] = []
        self.starts: dict[str, int] = {}
        """Offsets of pages by topic, and of sections by topic, `#` and anchor."""
        self.links: list[Link] = []
        self._end = 0

    def add(self, topic: str, lines: Iterable[Line]) -> None:
        self.starts.setdefault(topic, self._end)
        for line in (*lines, Line(())):
            if line.section:
                self.starts.setdefault(f"{topic}#{line.section}", self._end)
            for number, (_, text) in enumerate(line.pieces):
                if line.links and line.links[number]:
                    self.links.append(Link(self._end, self._end + len(text), line.links[number]))
                self._end += len(text)
            self.lines.append(line.pieces)
            self._end += 1

    @property
    def topics(self) -> list[str]:
        """The topics in order of their pages."""
        return [target for target in self.starts if "#" not in target]

    def topic_at(self, place: int) -> str:
        return max((self.starts[topic], topic) for topic in self.topics if self.starts[topic] <= place)[1]

    def find(self, target: str) -> int | None:
        """Offset of a page or section; for an unknown section, of its page; None for an unknown page."""
        return self.starts.get(target, self.starts.get(target.partition("#")[0]))


class HelpView(TextView):
    """The text of the help, with links that can be selected."""

    class Moved(Message):
        """The view was scrolled."""

    class Followed(Message):
        def __init__(self, target: str) -> None:
            self.target = target
            super().__init__()

    def __init__(self) -> None:
        super().__init__()
        self.links: Sequence[Link] = ()
        self.link: Link | None = None
        """The selected link."""

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.Moved())

    def step_link(self, step: int) -> None:
        """Select the next or the previous link; if the selected one is out of view, start at the rows in view."""
        top, bottom = self.top, self.bottom
        chosen = self.link if self.link in self.links else None
        if chosen is not None and top <= chosen.start < bottom:
            beyond = [each for each in self.links if (each.start - chosen.start) * step > 0]
        else:
            beyond = (
                [each for each in self.links if each.start >= top]
                if step > 0
                else [each for each in self.links if each.start < bottom]
            )
        if beyond:
            self.link = beyond[0] if step > 0 else beyond[-1]
            self._scroll_to_offset(self.link.start)
            self._clear_strips()

    def follow(self) -> None:
        if self.link is not None:
            self.post_message(self.Followed(self.link.target))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        place = -1 if offset is None else self._place(int(self.scroll_offset.y) + offset.y) + offset.x
        found = next((each for each in self.links if each.start <= place < each.end), None)
        if found is not None:
            self.link = found
            self.follow()

    def _parts(self, start: int, end: int) -> Iterator[Span]:
        link = self.link
        for part in super()._parts(start, end):
            is_chosen = link is not None and part[2] == "link" and link.start <= part[0] < link.end
            yield (part[0], part[1], "chosen") if is_chosen else part


class HelpScreen(TextPage):
    """Shows the first page at once; a thread prepares the others."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.HELP)
    FRAME = "help"
    HINTS = (
        "{text.find} search · {help.next_link} {help.follow} link · {help.previous_page} {help.next_page} page · "
        "{help.keys} keys · {help.manual} contents · {help.leave} close"
    )

    def __init__(self, in_use: Sequence[DOMNode], keymap: KeyMap) -> None:
        """`in_use` is the focused widget and its ancestors."""
        self.help_view = HelpView()
        super().__init__("Help", self.help_view)
        used = dict.fromkeys(context for node in in_use for context in _contexts(node))
        self._contexts = [context for context in used if context in TITLES and context not in COMMON]
        self._first = next((PAGES[context] for context in used if context in PAGES), INDEX)
        self._keymap = keymap
        self._document = Document()
        self._width = 0
        self._awaited = ""
        """The page or section to go to once it is prepared."""
        self._back: list[int] = []
        """Offsets of the text at the top when links were followed."""

    def write(self, width: int) -> None:
        if width == self._width:
            return
        self._width = width
        self._set_document(self._document_of(width, ()))
        self.run_worker(partial(self._complete, width), exclusive=True, group="manual")  # type: ignore[arg-type]

    async def _complete(self, width: int) -> None:
        others = [page.topic for page in pages()]
        self._set_document(await asyncio.to_thread(self._document_of, width, others))  # up to a second
        if self._awaited:
            self._go_to(self._awaited)

    def _document_of(self, width: int, others: Sequence[str]) -> Document:
        """The keys and the page of the focused widget, followed by the pages `others`."""
        width = min(width, WIDEST)
        document = Document()
        groups = [(*key_lines(context, self._keymap, width), ()) for context in self._contexts]
        keys = [Line(tuple(pieces)) for group in groups for pieces in group]
        document.add(self._first, (*keys, *page_lines(self._first, width)))
        for topic in others:
            if topic == KEYS:
                everything = [pieces for context in TITLES for pieces in (*key_lines(context, self._keymap, width), ())]
                document.add(topic, (Line((("title", "Keys"),)), Line(()), *(Line(tuple(each)) for each in everything)))
            elif topic != self._first:
                document.add(topic, page_lines(topic, width))
        return document

    def _set_document(self, document: Document) -> None:
        self._document = document
        self.help_view.links = document.links
        self.help_view.show_lines(document.lines)
        self._name_page()

    @on(HelpView.Moved)
    def _name_page(self) -> None:
        topic = self._topic
        page = find_page(topic)
        self.label(f"Help  {page.title if page is not None else topic}", self.HINTS)

    @property
    def _topic(self) -> str:
        """Topic of the page at the top of the view."""
        return self._document.topic_at(self.help_view.top)

    def _go_to(self, target: str) -> None:
        start = self._document.find(target)
        self._awaited = "" if start is not None else target
        if start is not None:
            self._back.append(self.help_view.top)
            self.help_view.show_place(start)

    @on(HelpView.Followed)
    def _follow(self, message: HelpView.Followed) -> None:
        self._go_to(message.target)

    def action_step_link(self, step: int) -> None:
        self.help_view.step_link(step)

    def action_follow(self) -> None:
        self.help_view.follow()

    def action_back(self) -> None:
        self.help_view.show_place(self._back.pop() if self._back else 0)

    def action_step_page(self, step: int) -> None:
        topics = self._document.topics
        if not topics:
            return  # the first page is not laid out yet
        self._go_to(topics[max(0, min(topics.index(self._topic) + step, len(topics) - 1))])

    def action_manual(self) -> None:
        """Shows the manual's table of contents."""
        self._go_to(INDEX)

    def action_keys(self) -> None:
        """Shows all keys."""
        self._go_to(KEYS)


def _contexts(node: DOMNode) -> Iterable[Context]:
    """The contexts of a widget's bindings."""
    for binding in node.BINDINGS:
        if isinstance(binding, Binding) and binding.id in BY_ID:
            yield BY_ID[binding.id].context
