"""The names that templates may use for an event, computed on use."""

import json
import os
from collections.abc import Mapping
from typing import Any, Final

import orjson

from nomad_tui.core.changes import Change, difference
from nomad_tui.core.export.reproduce import Envelope, Server, object_name, web_link
from nomad_tui.core.lazy import lazy
from nomad_tui.core.level import Level
from nomad_tui.core.objects.registry import frame_moment, kind, summary
from nomad_tui.core.payload.parsing import parse
from nomad_tui.core.secrets import masked_text, redact
from nomad_tui.core.text import printable
from nomad_tui.core.topics import released_topic
from nomad_tui.core.wire import Frame
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.delivery.about import About, Derived
from nomad_tui.sinks.delivery.sink import Item

NAMES: Final = (
    "event",
    "payload",
    "sentence",
    "level",
    "object",
    "job",
    "node",
    "summary",
    "changes",
    "url",
    "index",
    "region",
    "time",
    "received",
    "id",
    "gap",
    "test",
    "resolved",
    "cause",
)
"""The names of one event in a template."""
MAX_CHANGES: Final = 200
LONGEST_VALUE: Final = 1_000
"""Characters of a changed value."""
_GAP: Final = {"topic": "Gap", "name": "gap", "glyph": "⋯"}
"""Values of `object` for a gap."""
_CAUSES: Final = ("ClientDescription", "StatusDescription", "DesiredDescription", "TriggeredBy")
"""Fields of an object that explain its state in words."""


class EventReader:
    """Decodes the events of a delivery. Only the last one is kept, so that a batch of large jobs is never decoded all
    at once, and memory is reused for the next event, which halves the time."""

    def __init__(self) -> None:
        self._item: Item | None = None
        self._value: Any = None

    def read(self, item: Item) -> Any:
        """The event of an item; {} if it cannot be decoded."""
        if item is not self._item:
            self._item, self._value = item, None  # frees the previous one
            try:
                self._value = orjson.loads(item.text)
            except ValueError:  # nested too deeply, or not UTF-8
                self._value = {}
        return self._value


class EventView:
    """A sandboxed template may read every public name."""

    def __init__(
        self, item: Item, definition: Definition, region: str, *, test: bool = False, reader: EventReader | None = None
    ) -> None:
        """`reader` is shared by the events of a delivery."""
        self._item = item
        self._about: About | None = item.about or (Derived(item.event) if item.event is not None else None)
        self._definition = definition
        self._reader = reader
        self.region = region
        self.test = test

    @property
    def index(self) -> int:
        return self._item.index

    @property
    def received(self) -> int:
        """In ns since 1970; 0 if unknown."""
        return self._item.received

    @property
    def id(self) -> str:
        return self._item.id

    @property
    def resolved(self) -> bool:
        """Whether it resolves an earlier report."""
        return self._item.resolves

    @property
    def event(self) -> Any:
        """As the server sent it, with secrets masked if the definition says so."""
        if self.gap is not None:
            return {"Index": self.index, "Gap": self.gap}
        if self._reader is None:
            self._reader = EventReader()
        return self._reader.read(self._item)

    @property
    def payload(self) -> Any:
        found = self.event.get("Payload") if isinstance(self.event, dict) else None
        return found if isinstance(found, dict) else {}

    @lazy
    def gap(self) -> dict[str, object] | None:
        return self._item.gap.record() if self._item.gap is not None else None

    @property
    def sentence(self) -> str:
        if self._item.gap is not None:
            return self._item.gap.sentence
        assert self._about is not None
        of = self._about.sentence
        return f"{of.name}: {of.what}"

    @property
    def level(self) -> str:
        return (self._about.level if self._about is not None else Level.WARNING).word

    @property
    def node(self) -> str:
        return printable(self._about.node, 80) if self._about is not None else ""

    @property
    def job(self) -> str:
        return printable(self._about.job, 160) if self._about is not None else ""

    @lazy
    def object(self) -> dict[str, str]:
        event = self._item.event
        if event is None or self._about is None:
            return {**dict.fromkeys(("type", "key", "namespace", "group"), ""), **_GAP}
        return {
            "topic": printable(self._about.topic, 80),
            "type": printable(event.type, 80),
            "key": event.key,
            "name": "".join(part.text for part in self._about.sentence.subject),
            "namespace": event.namespace,
            "group": self._about.group,
            "glyph": kind(self._about.topic).glyph,
        }

    @lazy
    def cause(self) -> str:
        """Nomad's own description of why the object is in its state; "" if the payload has none."""
        for holder in self.payload.values():
            if isinstance(holder, dict):
                for name in _CAUSES:
                    if isinstance(text := holder.get(name), str) and text:
                        return printable(masked_text(text[:LONGEST_VALUE]), 300)
        return ""

    @lazy
    def summary(self) -> list[dict[str, str]]:
        event = self._item.event
        if event is None:
            return []
        topic = released_topic(event.topic)
        found = summary(topic, event.key, bytes(event.payload), name=lambda *_: "", now=self.time)
        return [
            {"label": fact.label, "value": "".join(part.text for part in fact.parts), "text": fact.text}
            for fact in found.facts
        ]

    @lazy
    def changes(self) -> list[dict[str, Any]]:
        """Differences from the object's previous event; [] if that is unknown. Secrets are masked."""
        event = self._item.event
        if event is None or self._about is None or self._about.before is None:
            return []
        try:
            return self._changes_between(self._about.topic, self._about.before, bytes(event.payload))
        except RecursionError:  # nested too deeply to be compared
            return []

    def _changes_between(self, topic: str, before: bytes, now: bytes) -> list[dict[str, Any]]:
        masks = redact if self._definition.redact else bytes
        found = difference(parse(masks(before)).value, parse(masks(now)).value, kind(topic).changes)
        shown: list[dict[str, Any]] = []
        for place in found.places:
            for change in place.entries:
                if not isinstance(change, Change) or change.is_noise:
                    continue
                shown.append(
                    {
                        "path": ".".join(change.labels),
                        "kind": change.kind.value,
                        "before": _shown(change.before),
                        "after": _shown(change.after),
                    }
                )
                if len(shown) == MAX_CHANGES:
                    return shown
        return shown

    @lazy
    def moment(self) -> int | None:
        """When the event happened according to its payload, in ns since 1970."""
        event = self._item.event
        return frame_moment(Frame(self.index, [event], b"")) if event is not None else None

    @property
    def time(self) -> int:
        """When the event happened, or else was received; 0 if both are unknown."""
        return self.moment or self.received

    @lazy
    def url(self) -> str:
        """The object's page in Nomad's web UI; "" if there is none, or the UI's address is unknown."""
        address = web_ui(self._definition)
        event = self._item.event
        if not address or event is None:
            return ""
        envelope = Envelope(
            self.index,
            released_topic(event.topic),
            event.type,
            event.key,
            event.namespace,
            tuple(event.filter_keys or ()),
        )
        server = Server(address, region=self.region or None)
        return web_link(envelope, object_name(envelope, self.payload), server) or ""


def web_ui(definition: Definition, environ: Mapping[str, str] = os.environ) -> str:
    address = (definition.web_ui or environ.get("NOMAD_ADDR", "")).rstrip("/")
    return address if address.startswith(("http://", "https://")) else ""


def _shown(value: object) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return printable(value if isinstance(value, str) else as_json(value), LONGEST_VALUE)


def as_json(value: Any) -> str:
    """Also supports values nested deeper than orjson allows."""
    try:
        return orjson.dumps(value, default=str).decode()
    except orjson.JSONEncodeError:
        return json.dumps(value, default=str)
