"""Message bodies in each format, joined from the server's original bytes, never re-encoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final
from urllib.parse import quote

import orjson

from nomad_tui.core.topics import released_topic
from nomad_tui.sinks.definition.definition import Format
from nomad_tui.sinks.delivery.sink import Delivery, Item

JSON: Final = "application/json"
CLOUDEVENT: Final = "application/cloudevents+json"
CLOUDEVENTS: Final = "application/cloudevents-batch+json"

TYPE: Final = "io.nomadproject"
"""Prefix of all CloudEvent types; a gap's type is this plus `.Gap`."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_FORBIDDEN: Final = dict.fromkeys(
    (
        *range(0x20),
        *range(0x7F, 0xA0),
        *range(0xD800, 0xE000),
        *range(0xFDD0, 0xFDF0),
        *(plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF)),
    ),
    "\N{REPLACEMENT CHARACTER}",
)
"""Characters that CloudEvents 1.0 forbids in strings: control characters, surrogates and noncharacters."""


@dataclass(frozen=True, slots=True)
class Body:
    content: bytes
    """JSON in UTF-8."""
    content_type: str


def encode(delivery: Delivery, form: Format, *, array: bool) -> Body:
    """A whole delivery as one body: an array if `array` or if there are several messages, else the message itself."""
    texts = messages(delivery.items, form, region=delivery.region, test=delivery.test)
    several = array or len(texts) != 1
    content = b"[%s]" % b",".join(texts) if several else texts[0]
    if form is Format.CLOUDEVENTS:
        return Body(content, CLOUDEVENTS if several else CLOUDEVENT)
    return Body(content, JSON)


def encode_one(item: Item, form: Format, *, region: str = "", test: bool = False) -> Body:
    """One event or gap as a single message; in `Format.NOMAD`, a frame with just this event."""
    (content,) = messages((item,), form, region=region, test=test)
    return Body(content, CLOUDEVENT if form is Format.CLOUDEVENTS else JSON)


def messages(items: Sequence[Item], form: Format, *, region: str = "", test: bool = False) -> list[bytes]:
    """The messages for items in stream order, each one line of JSON: in `Format.NOMAD` one per frame, otherwise one per
    item. `test` marks them as sent by hand."""
    match form:
        case Format.NOMAD:
            texts = [_frame(list(frame), test) for _, frame in groupby(items, _place)]
        case Format.EVENT:
            texts = [_event(item, test) for item in items]
        case Format.CLOUDEVENTS:
            source = f"/nomad/{quote(region, safe='', errors='replace')}" if region else "/nomad"
            texts = [_cloudevent(item, source, test) for item in items]
        case Format.TASKS:
            texts = [text for item in items for text in _tasks(item, test)]
        case _:
            raise ValueError("a template makes bodies, not messages")
    return [_utf8(text) for text in texts]


def _tasks(item: Item, test: bool) -> list[bytes]:
    from nomad_tui.sinks.delivery.task_events import TOPIC, task_records

    if test or item.event is None or released_topic(item.event.topic) != TOPIC:
        return [_event(item, test)]  # a gap, or an alert about another sink
    return task_records(item)


def _place(item: Item) -> tuple[int, bool]:
    return item.position, item.gap is not None


def _frame(items: list[Item], test: bool) -> bytes:
    first = items[0]
    marked = b',"Test":true' if test else b""
    if first.gap is not None:
        return b'{"Index":%d,"Events":[],"Gap":%s%s}' % (first.index, _gap(first), marked)
    return b'{"Index":%d,"Events":[%s]%s}' % (first.index, b",".join(item.text for item in items), marked)


def _event(item: Item, test: bool) -> bytes:
    if item.gap is not None:
        return b'{"Index":%d,"Gap":%s%s}' % (item.index, _gap(item), b',"Test":true' if test else b"")
    if not test:
        return item.text
    members = item.text.strip().removeprefix(b"{").lstrip()
    return b'{"Test":true%s%s' % (b"" if members.startswith(b"}") else b",", members)


def _cloudevent(item: Item, source: str, test: bool) -> bytes:
    attributes = {"specversion": "1.0", "id": item.id, "source": source, "type": f"{TYPE}.Gap"}
    event = item.event
    if event is not None:
        attributes["type"] = _string(".".join(filter(None, (TYPE, event.topic, event.type))))
        if subject := _string("/".join(filter(None, (event.namespace, event.key)))):
            attributes["subject"] = subject
    if item.received > 0:
        attributes["time"] = _time(item.received)
    attributes |= {"datacontenttype": "application/json", "nomadindex": str(item.index)}
    if event is not None and event.namespace:
        attributes["nomadnamespace"] = _string(event.namespace)
    if item.about is not None and item.about.before is not None:
        attributes["nomadlevel"] = item.about.level.word
    if test:
        attributes["test"] = "true"
    data = item.text if item.gap is None else b'{"Index":%d,"Gap":%s}' % (item.index, _gap(item))
    return b'%s,"data":%s}' % (orjson.dumps(attributes)[:-1], data)


def _time(received: int) -> str:
    """A time in ns since 1970, as RFC 3339 in UTC with microseconds; most parsers do not support more digits."""
    return f"{_EPOCH + timedelta(microseconds=received // 1000):%Y-%m-%dT%H:%M:%S.%fZ}"


def _gap(item: Item) -> bytes:
    record = item.gap.record() if item.gap is not None else {}
    return orjson.dumps({name: _encodable(value) for name, value in record.items()})


def _encodable(value: object) -> object:
    """Replaces characters that cannot be encoded in names from outside."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return [_encodable(each) for each in value] if isinstance(value, list) else value


def _string(text: str) -> str:
    return text if text.isascii() and text.isprintable() else text.translate(_FORBIDDEN)


def _utf8(text: bytes) -> bytes:
    """Replaces invalid bytes from the server: a body with them could not be signed or parsed as JSON."""
    if text.isascii():
        return text
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("utf-8", "replace").encode()
    return text
