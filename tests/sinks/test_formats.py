"""Request bodies in each format: every event of every recording, as the server sent it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import unquote

import msgspec
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from hypothesis import given
from hypothesis import strategies as some

from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Event, Frame, decode, event_text
from nomad_tui.sinks.definition.definition import Format
from nomad_tui.sinks.delivery.sink import Delivery, Item
from nomad_tui.sinks.types.formats import CLOUDEVENT, CLOUDEVENTS, JSON, encode, encode_one, messages
from tests import recordings

RECEIVED = 1_790_000_000_123_456_789
GAP = Gap(GapReason.BUFFER, 100, 140, 41.04, ("Job",), ("tea\x1bm",))
MESSAGES = (Format.NOMAD, Format.EVENT, Format.CLOUDEVENTS)
"""Formats with one message per event."""
RECORDINGS = ("tour", "beta", "hostile", "large-job")


def items_of(frame: Frame, position: int) -> list[Item]:
    texts = frame.event_texts()
    return [
        Item(position, offset, frame.index, RECEIVED, text, event, id=f"{position}-{offset}")
        for offset, (event, text) in enumerate(zip(frame.events, texts, strict=True))
    ]


def recorded(name: str, limit: int = 1_000_000) -> Iterator[Item]:
    for position, line in enumerate(recordings.lines(name), 1):
        frame = decode(line)
        if isinstance(frame, Frame):
            yield from items_of(frame, position)
        if position >= limit:
            return


def gap_item() -> Item:
    return Item(7, 0, 140, RECEIVED, b"{}", gap=GAP, id="gap-7")


def delivery(*items: Item, test: bool = False, region: str = "global") -> Delivery:
    return Delivery("d1", items, region, test=test)


def event(topic: str = "Job", type_: str = "JobRegistered", key: str = "web", namespace: str = "default") -> Item:
    made = Event(topic=topic, type=type_, key=key, namespace=namespace, index=5)
    return Item(3, 0, 5, RECEIVED, event_text(made, 5), made, id="5-ab")


@pytest.mark.parametrize("name", RECORDINGS)
def test_frames_are_the_servers_own(name: str) -> None:
    """A recording in one request contains all frames, their events byte for byte as the server sent them."""
    items = list(recorded(name))
    body = encode(delivery(*items), Format.NOMAD, array=True)
    assert body.content_type == JSON
    frames = [frame for line in recordings.lines(name) if isinstance(frame := decode(line), Frame) and frame.events]
    texts = messages(items, Format.NOMAD)
    assert body.content == b"[%s]" % b",".join(texts)
    for frame, text in zip(frames, texts, strict=True):
        again = decode(text)
        assert isinstance(again, Frame) and again.index == frame.index and b"\n" not in text
        assert [each.key for each in again.events] == [each.key for each in frame.events]
        if frame.repaired is None:
            assert [bytes(each.payload) for each in again.events] == [bytes(each.payload) for each in frame.events]


def test_one_frame_is_posted_as_the_beta_did() -> None:
    """`{"Index":n,"Events":[…]}` without an array around it; frames that share an index stay separate."""
    first, second = [
        items_of(Frame(5, [each], b'{"Index":5,"Events":[%s]}' % text), position)[0]
        for position, (each, text) in enumerate([(Event(key="a"), b'{"Key":"a"}'), (Event(key="b"), b'{"Key":"b"}')], 1)
    ]
    assert encode(delivery(first), Format.NOMAD, array=False).content == b'{"Index":5,"Events":[{"Key":"a"}]}'
    assert encode(delivery(first), Format.NOMAD, array=True).content == b'[{"Index":5,"Events":[{"Key":"a"}]}]'
    both = encode(delivery(first, second), Format.NOMAD, array=False).content
    assert both == b'[{"Index":5,"Events":[{"Key":"a"}]},{"Index":5,"Events":[{"Key":"b"}]}]'
    assert encode_one(second, Format.NOMAD).content == b'{"Index":5,"Events":[{"Key":"b"}]}'


@pytest.mark.parametrize("name", RECORDINGS)
def test_events_are_posted_as_received(name: str) -> None:
    for item in recorded(name):
        body = encode(delivery(item), Format.EVENT, array=False)
        assert body.content_type == JSON
        if item.text.isascii():
            assert body.content == item.text
        assert body.content == encode_one(item, Format.EVENT).content
        assert encode(delivery(item, item), Format.EVENT, array=True).content == b"[%s,%s]" % (
            body.content,
            body.content,
        )
        body.content.decode()


def test_a_gap_is_written_in_every_format() -> None:
    item = gap_item()
    record = GAP.record()
    assert record["Reason"] == "buffer"
    frame = json.loads(encode(delivery(item), Format.NOMAD, array=False).content)
    assert frame == {"Index": 140, "Events": [], "Gap": record}
    assert json.loads(encode_one(item, Format.EVENT).content) == {"Index": 140, "Gap": record}
    encoded = json.loads(encode_one(item, Format.CLOUDEVENTS).content)
    assert encoded["type"] == "io.nomadproject.Gap" and encoded["data"] == {"Index": 140, "Gap": record}
    assert "subject" not in encoded
    between = encode(delivery(event(), item, event()), Format.NOMAD, array=True).content
    assert [list(frame) for frame in json.loads(between)] == [
        ["Index", "Events"], ["Index", "Events", "Gap"], ["Index", "Events"],
    ]  # fmt: skip


def test_a_gap_in_a_namespace_of_any_name_can_be_written() -> None:
    odd = Item(7, 0, 140, 0, b"{}", gap=Gap(GapReason.NAMESPACE, 1, 2, 0.0, (), ("\ud800",)), id="x")
    for form in MESSAGES:
        json.loads(encode_one(odd, form).content.decode())


def test_a_test_is_marked_in_every_format() -> None:
    for item in (event(), gap_item()):
        for form, mark in ((Format.NOMAD, True), (Format.EVENT, True), (Format.CLOUDEVENTS, "true")):
            (encoded,) = json.loads(encode(delivery(item, test=True), form, array=True).content)
            plain = json.loads(encode_one(item, form, region="global").content)
            assert encoded.pop("Test" if mark is True else "test") == mark
            assert encoded == plain
    bare = Item(1, 0, 1, 0, b"{}", Event(), id="1")
    assert encode_one(bare, Format.EVENT, test=True).content == b'{"Test":true}'


def read_by_the_library(content: bytes, content_type: str = CLOUDEVENT) -> dict[str, object]:
    """The attributes of a CloudEvent as parsed and validated by the CloudEvents library, with its `data`."""
    encoded = from_http_event(HTTPMessage({"content-type": content_type}, content))
    return {**encoded.get_attributes(), "data": encoded.get_data()}


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_event_is_a_cloudevent(name: str) -> None:
    if name == "hostile":
        # One payload is nested 5,000 levels deep, too deep for the library's own JSON parser.
        events = [item for item in recorded(name) if item.event is not None and item.event.key != "deep"]
        assert len(events) == len(list(recorded(name))) - 1
    else:
        events = list(recorded(name))
    for item in events:
        sent = item.event
        assert sent is not None
        encoded = read_by_the_library(encode_one(item, Format.CLOUDEVENTS, region="euro/pa ü").content)
        assert encoded["specversion"] == "1.0" and encoded["id"] == item.id
        assert encoded["datacontenttype"] == "application/json"
        assert unquote(str(encoded["source"])) == "/nomad/euro/pa ü" and str(encoded["source"]).count("/") == 2
        assert str(encoded["type"]).startswith("io.nomadproject.")
        assert encoded["time"] == datetime.fromtimestamp(1_790_000_000, UTC).replace(microsecond=123456)
        assert encoded["nomadindex"] == str(item.index)
        assert encoded["data"] == json.loads(item.text.decode("utf-8", "replace"))
        if sent.key.isascii() and sent.key.isprintable() and sent.namespace:
            assert encoded["subject"] == f"{sent.namespace}/{sent.key}"
            assert encoded["nomadnamespace"] == sent.namespace
        assert_valid_cloudevent_characters(encoded)


def test_an_event_too_deep_for_the_library_is_still_a_cloudevent() -> None:
    (deep,) = [item for item in recorded("hostile") if item.event is not None and item.event.key == "deep"]
    content = encode_one(deep, Format.CLOUDEVENTS).content
    assert content.endswith(b',"data":%s}' % deep.text)
    encoded = read_by_the_library(content.removesuffix(b"%s}" % deep.text) + b"{}}")
    assert encoded["subject"] == "deep" and "nomadnamespace" not in encoded


def assert_valid_cloudevent_characters(attributes: dict[str, object]) -> None:
    for name, value in attributes.items():
        if name in ("data", "time"):
            continue
        assert isinstance(value, str) and value, name
        assert name.isascii() and name.isalnum() and name == name.lower()
        for character in value:
            code = ord(character)
            assert code >= 0x20 and not 0x7F <= code < 0xA0 and not 0xD800 <= code < 0xE000
            assert code & 0xFFFF < 0xFFFE and not 0xFDD0 <= code < 0xFDF0


texts = some.text(some.characters(codec=None), max_size=12)


@given(topic=texts, type_=texts, key=texts, namespace=texts, region=texts)
def test_the_library_accepts_events_with_any_names(
    topic: str, type_: str, key: str, namespace: str, region: str
) -> None:
    named = Event(topic=topic, type=type_, key=key, namespace=namespace, index=2**63)
    item = Item(1, 0, 2**63 - 1, RECEIVED, b'{"Key":"x"}', named, id="1-0")
    content = encode(Delivery("d", (item,), region), Format.CLOUDEVENTS, array=False).content
    encoded = read_by_the_library(content)
    assert_valid_cloudevent_characters(encoded)
    assert ("subject" in encoded) == bool(key or namespace)


def test_a_batch_of_cloudevents_is_an_array_of_them() -> None:
    items = list(recorded("tour", 40))
    body = encode(delivery(*items), Format.CLOUDEVENTS, array=True)
    assert body.content_type == CLOUDEVENTS
    encoded = [read_by_the_library(json.dumps(each).encode()) for each in json.loads(body.content)]
    assert [each["id"] for each in encoded] == [item.id for item in items]
    one = encode(delivery(items[0]), Format.CLOUDEVENTS, array=False)
    assert one.content_type == CLOUDEVENT and json.loads(one.content)["id"] == items[0].id
    assert encode(delivery(items[0]), Format.CLOUDEVENTS, array=True).content == b"[%s]" % one.content


def test_an_unknown_time_is_not_invented() -> None:
    item = event()
    unknown = Item(item.position, 0, item.index, 0, item.text, item.event, id=item.id)
    assert "time" not in json.loads(encode_one(unknown, Format.CLOUDEVENTS).content)
    assert json.loads(encode_one(unknown, Format.CLOUDEVENTS).content)["source"] == "/nomad"


def test_the_masked_text_is_sent() -> None:
    """Only the item's text is sent, not that of its event."""
    unmasked = Event(topic="Job", key="web", payload=msgspec.Raw(b'{"Password":"hunter2"}'))
    item = Item(1, 0, 1, RECEIVED, b'{"Payload":{"Password":"<redacted>"}}', unmasked, id="1")
    for form in MESSAGES:
        assert b"hunter2" not in encode_one(item, form).content
