"""The base of chat sinks: a message per event or group, one request each, within the rate limit."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Final

import orjson

from nomad_tui.core.level import Level
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.readable import count, duration
from nomad_tui.core.text import ELLIPSIS
from nomad_tui.nomad.diagnose import in_words
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.delivery.grouping import OLD, counts, groups, total
from nomad_tui.sinks.delivery.sink import Delivery, Item, RejectedError, UnavailableError
from nomad_tui.sinks.types.answers import Answer, Settings
from nomad_tui.sinks.types.event_view import EventView
from nomad_tui.sinks.types.formats import JSON, Body
from nomad_tui.sinks.types.templates import Template, check_json, without_mentions
from nomad_tui.sinks.types.webhook import Webhook

MAX_LINES: Final = 10
"""Lines of a message for a group."""
LONGEST_LINE: Final = 300
"""Characters."""
COLORS: Final = {"failure": 0xD32F2F, "warning": 0xF9A825, "resolved": 0x2E7D32}
OTHER_COLOR: Final = 0x607D8B

_MARKDOWN: Final = re.compile(r"([\\`*_~|>\[\]()#<])")


@dataclass(frozen=True, slots=True)
class Message:
    """A message in plain text for any chat; the type of sink escapes and truncates it."""

    title: str
    lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    url: str
    state: str
    """A level, or `resolved`."""

    @property
    def color(self) -> int:
        return COLORS.get(self.state, OTHER_COLOR)

    @property
    def text(self) -> str:
        return f"{self.title}: {self.lines[0]}" if self.lines else self.title


def message_of(items: Sequence[Item], definition: Definition, region: str, *, test: bool = False) -> Message:
    if len(items) == 1 and items[0].more is None and items[0].group != OLD:
        return _of_one(EventView(items[0], definition, region, test=test), items[0])
    return _of_group(items, definition, region)


def _of_one(view: EventView, item: Item) -> Message:
    of = view.object
    what = item.about.sentence.what if item.about is not None else view.sentence
    mark = "✓ " if view.resolved else "Test · " if view.test else ""
    facts = (("Node", view.node), ("Cause", view.cause), ("Job", view.job), ("Namespace", of["namespace"]))
    shown = tuple((name, value) for name, value in facts if value and value != of["name"])
    title = f"{mark}{of['glyph']} {of['name']}"
    return Message(title, (what,), _with_region(shown, view.region), view.url, _state(view.resolved, view.level))


def _of_group(items: Sequence[Item], definition: Definition, region: str) -> Message:
    first = items[-1]
    level = max(
        max(item.about.level if item.about else Level.WARNING, item.more.level if item.more else 0) for item in items
    )
    number = total(items)
    found = counts(items)
    lines = [_counted(what, often) for what, often in found.most_common(MAX_LINES) if what]
    shown = sum(often for what, often in found.most_common(MAX_LINES) if what)
    if shown < number:
        lines.append(f"and {count(number - shown)} more")
    view = EventView(first, definition, region)
    if items[0].group == OLD:
        age = duration(int((definition.max_age or 0) * 1e9))
        title = f"{count(number)} events older than {age}"
        return Message(title, tuple(lines), _with_region((), region), "", Level(level).word)
    about = first.about
    name = view.job or view.node or view.object["name"]
    glyph = kind("Job" if about is not None and about.job else view.object["topic"]).glyph
    ends = _has_recovered(items)
    failed = ", recovered" if ends and level >= Level.WARNING else ""
    return Message(
        f"{'✓ ' if ends else ''}{glyph} {name} · {count(number)} event{'s' if number > 1 else ''}{failed}",
        tuple(lines),
        _with_region((("Namespace", view.object["namespace"]),) if view.object["namespace"] else (), region),
        view.url,
        _state(ends, Level(level).word),
    )


def _has_recovered(items: Iterable[Item]) -> bool:
    """Whether the newest event of each incident in a group is its recovery, and nothing else needs attention."""
    newest: dict[str, bool] = {}
    for item in items:
        level = item.about.level if item.about is not None else Level.WARNING
        incident = item.about.incident if item.about is not None else ""
        if (item.more is not None and item.more.level >= Level.WARNING) or (level >= Level.WARNING and not incident):
            return False
        if item.resolves or level >= Level.WARNING:
            newest[incident] = item.resolves
    return bool(newest) and all(newest.values())


def _with_region(facts: tuple[tuple[str, str], ...], region: str) -> tuple[tuple[str, str], ...]:
    return (*facts, ("Region", region)) if region and region != "global" else facts


def _state(resolved: bool, level: str) -> str:
    return "resolved" if resolved else level


def _counted(what: str, often: int) -> str:
    topic, _, rest = what.rpartition("\t")
    noun = topic.lower() if topic else "event"
    return f"{count(often)} {noun}{'s' if often > 1 else ''}: {rest}" if often > 1 else f"{noun}: {rest}"


def cut(text: str, most: int) -> str:
    """As `shortened`, with mentions in text from the cluster disabled."""
    return shortened(without_mentions(text), most)


def shortened(text: str, most: int) -> str:
    """The text truncated to `most` UTF-16 code units, as some receivers count them."""
    encoded = text.encode("utf-16-le", "replace")
    if len(encoded) // 2 <= most:
        return text
    return encoded[: 2 * (most - 1)].decode("utf-16-le", "ignore") + ELLIPSIS


def escape_markdown(text: str) -> str:
    """Escapes text so that Markdown shows it unchanged."""
    return _MARKDOWN.sub(r"\\\1", without_mentions(text))


class Chat(Webhook, ABC):
    """Subclasses define the body of a message and how responses are interpreted."""

    def __init__(self, definition: Definition, *environment: Any) -> None:
        super().__init__(definition, *environment)
        self._definition = definition
        self._templates = {
            name: Template(source, name)
            for name, source in (("text", definition.text), ("blocks", definition.blocks))
            if source is not None
        }
        self._not_before = 0.0
        """`monotonic()` time before which no message may be sent."""

    @abstractmethod
    def body(self, message: Message, text: str | None, blocks: list[Any] | None) -> dict[str, Any]:
        """The body to post; `text` and `blocks` are the output of the definition's own templates."""

    async def deliver(self, delivery: Delivery) -> str:
        return await self._deliver_groups(delivery)

    async def _wait_for_turn(self, ends: float) -> None:
        await super()._wait_for_turn(ends)
        wait = self._not_before - monotonic()
        if wait <= 0:
            return
        if monotonic() + wait > ends:
            raise UnavailableError(
                f"The chat allows no messages for {in_words(wait)}. They are sent after that.", retry_after=wait
            )
        await asyncio.sleep(wait)

    def encode(self, delivery: Delivery, settings: Settings) -> Body:
        return Body(self.content(delivery), JSON)

    def content(self, delivery: Delivery) -> bytes:
        """The body for one group. Raises `RejectedError` if a template fails."""
        items = list(delivery.items)
        views = [EventView(item, self._definition, delivery.region, test=delivery.test) for item in items]
        rendered = {name: template.render(views, total(items)) for name, template in self._templates.items()}
        blocks = check_json(rendered["blocks"], "blocks") if "blocks" in rendered else None
        if blocks is not None and not isinstance(blocks, list):
            raise RejectedError("blocks: the output is not a JSON array.", final=True)
        message = message_of(items, self._definition, delivery.region, test=delivery.test)
        return orjson.dumps(self.body(message, rendered.get("text"), blocks))

    def messages(self, delivery: Delivery) -> Iterable[Body]:
        """The bodies that would be posted."""
        return (Body(self.content(replace(delivery, items=tuple(group))), JSON) for group in groups(delivery.items))


def answer_json(answer: Answer) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
