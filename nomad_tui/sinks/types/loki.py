"""Loki's push API, with configurable labels, and other values as structured metadata.

Loki accepts the lines of a stream in order, and rejects those too far behind its newest one or too old. So a line of a
stream that is older than the one before it gets that one's time.
"""

import os
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from nomad_tui.core.text import printable
from nomad_tui.sinks.definition.definition import Definition, Format
from nomad_tui.sinks.delivery.sink import Delivery, RejectedError
from nomad_tui.sinks.types.answers import Answer, Settings, judged
from nomad_tui.sinks.types.event_view import EventView
from nomad_tui.sinks.types.formats import JSON, Body, encode_one
from nomad_tui.sinks.types.labels import labels_of
from nomad_tui.sinks.types.webhook import Webhook

LABELS: Final = (("source", "nomad"), ("region", "{region}"), ("topic", "{topic}"), ("level", "{level}"))
"""Labels if the definition has none; each has few values, as Loki recommends."""
METADATA: Final = tuple((name, f"{{{name}}}") for name in ("namespace", "type", "job", "group", "node"))
PATH: Final = "/loki/api/v1/push"

MAX_STREAMS: Final = 10_000
"""Streams whose newest time is remembered."""

_TOO_OLD: Final = re.compile(r"too far behind|out of order|out-of-order|too old|greater_than_max_sample_age|behind")


class Loki(Webhook):
    def __init__(self, definition: Definition, environ: Mapping[str, str] = os.environ) -> None:
        super().__init__(definition, environ)
        self._newest: dict[str, int] = {}
        """Newest accepted times in ns since 1970, by stream."""
        self._in_flight: dict[str, dict[str, int]] = {}
        """The same for deliveries in flight, by delivery ID."""

    async def deliver(self, delivery: Delivery) -> str:
        """A retried line keeps its time, so that Loki recognizes the duplicate."""
        try:
            answer = await super().deliver(delivery)
        finally:
            newest = self._in_flight.pop(delivery.id, {})
        for name, at in newest.items():
            self._newest[name] = max(at, self._newest.pop(name, 0))
        while len(self._newest) > MAX_STREAMS:
            del self._newest[next(iter(self._newest))]
        return answer

    def target(self, url: str) -> str:
        return url if url.rstrip("/").endswith(PATH) else f"{url.rstrip('/')}{PATH}"

    def _body(self, delivery: Delivery) -> Body:
        return Body(orjson.dumps({"streams": self.streams(delivery)}), JSON)

    def streams(self, delivery: Delivery) -> list[dict[str, Any]]:
        streams: dict[str, dict[str, Any]] = {}
        reached: dict[str, int] = {}
        self._in_flight[delivery.id] = reached
        for item in delivery.items:
            view = EventView(item, self._definition, delivery.region, test=delivery.test)
            labels = labels_of(view, self._definition.labels or LABELS) or {"source": "nomad"}
            name = orjson.dumps(labels, option=orjson.OPT_SORT_KEYS).decode()
            stream = streams.setdefault(name, {"stream": labels, "values": []})
            newest = reached.get(name, self._newest.get(name, 0))
            moment = view.moment or newest or view.received
            if view.received:  # a clock that is ahead would also move all later lines
                moment = min(moment, view.received)
            at = reached[name] = max(moment, newest)
            line = encode_one(item, Format.EVENT, region=delivery.region, test=delivery.test).content.decode()
            metadata = labels_of(view, METADATA) | {"id": item.id, "index": str(item.index)}
            stream["values"].append([str(at), line, metadata])
        return list(streams.values())

    def judge(self, answer: Answer, settings: Settings) -> str:
        reply = printable(answer.body[:2_000].decode("utf-8", "replace").strip(), 400)
        if answer.status == 400 and _TOO_OLD.search(reply) is not None:
            # Lines that Loki has stored stay; retried, they are not duplicated, because time and text are equal.
            raise RejectedError(
                f"Loki rejects events that old: {reply}. To store them, raise its max_chunk_age.", final=True
            )
        return judged(answer, settings, "Loki")
