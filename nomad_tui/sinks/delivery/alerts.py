"""Alerts about a failing sink, delivered by another sink, so that a dead pager is noticed."""

import asyncio
from collections.abc import Mapping
from functools import partial
from time import monotonic, time_ns
from typing import Final

import msgspec
import orjson

from nomad_tui.core.level import Level
from nomad_tui.core.objects.parts import bad, good, named, sentence
from nomad_tui.core.readable import SECOND, duration
from nomad_tui.core.text import printable
from nomad_tui.core.wire import Event
from nomad_tui.journal.log import Log
from nomad_tui.sinks.delivery.about import Known
from nomad_tui.sinks.delivery.sink import Delivery, Item, UndeliveredError
from nomad_tui.sinks.delivery.worker import SinkWorker

log = Log("nomad_tui.sinks")

TOPIC: Final = "Sink"
FAILING: Final = "SinkFailing"
RECOVERED: Final = "SinkRecovered"
RETRY_DELAY: Final = 30.0
"""Seconds until an unacknowledged alert is sent again."""


class Alerts:
    """Alerts about the sinks of one runner. They are not persisted: a restarted runner starts counting again."""

    def __init__(self, *, again: float = RETRY_DELAY) -> None:
        self._again = again
        self._reported: dict[str, tuple[int, int]] = {}
        """Start of the failure of each reported sink, and its last acknowledgement then, in ns since 1970."""
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}

    def look(self, sinks: Mapping[str, SinkWorker]) -> None:
        """Report sinks that have failed for `alert_after`, and those that recovered. Call it about once a second."""
        for sink in sinks.values():
            to = sink.definition.alert_to
            if to is None or sink.id in self._sending or monotonic() < self._not_before.get(sink.id, 0.0):
                continue
            since, (reported, acknowledged) = sink.failing_since, self._reported.get(sink.id, (0, 0))
            is_due = bool(since) and time_ns() - since >= sink.definition.alert_after * SECOND
            # A sink that was reopened or has nothing to send does not fail; only an acknowledgement proves recovery.
            # Compared for equality, as the clock may have been set back.
            has_recovered = not since and sink.status.last_acknowledged != acknowledged
            if (is_due and not reported) or (reported and has_recovered):
                task = asyncio.create_task(self._send(sink, sinks.get(to), since or reported, failing=bool(since)))
                self._sending[sink.id] = task
                task.add_done_callback(partial(self._sent, sink.id))

    def _sent(self, sink: str, _: "asyncio.Task[None]") -> None:
        self._sending.pop(sink, None)

    async def close(self) -> None:
        for task in self._sending.values():
            task.cancel()
        await asyncio.gather(*self._sending.values(), return_exceptions=True)

    async def _send(self, sink: SinkWorker, to: SinkWorker | None, since: int, *, failing: bool) -> None:
        name, acknowledged = sink.definition.alert_to, sink.status.last_acknowledged
        try:
            if to is None:
                raise UndeliveredError(f"{name} is not running here: define it, or start the runner with it")
            item = alert(sink, since, failing=failing)
            await to.deliver_now(Delivery(item.id, (item,), to.region))
        except UndeliveredError as error:
            self._not_before[sink.id] = monotonic() + self._again
            log.warning("alert_not_delivered", sink=sink.id, alert_to=name, what=error.what)
            return
        if failing:
            self._reported[sink.id] = since, acknowledged
        else:
            self._reported.pop(sink.id, None)
        log.info("alert_delivered", sink=sink.id, alert_to=name, failing=failing)


def alert(sink: SinkWorker, since: int, *, failing: bool) -> Item:
    """Return a synthetic event: topic `Sink`, type `SinkFailing` or `SinkRecovered`, the sink's ID as its key."""
    status = sink.status
    lasted = duration(max(0, time_ns() - since))
    content = {
        "ID": sink.id,
        "Type": sink.definition.kind.value,
        "Address": status.address,
        "State": "failing" if failing else "recovered",
        "FailingSince": since,
        "LastError": printable(status.last_error, 500),
        "Attempts": status.attempt,
        "LagEvents": sink.lag_events,
    }
    event: dict[str, object] = {
        "Topic": TOPIC,
        "Type": FAILING if failing else RECOVERED,
        "Key": sink.id,
        "Namespace": "",
        "FilterKeys": [],
        "Index": 0,
        "Payload": {TOPIC: content},
    }
    text = orjson.dumps(event)
    what = f"has acknowledged nothing for {lasted}: {status.last_error}" if failing else f"works again after {lasted}"
    about = Known(
        topic=TOPIC,
        sentence=sentence(named(f"sink {sink.id}", sink.id), [bad(what) if failing else good(what)]),
        level=Level.FAILURE if failing else Level.ROUTINE,
        incident=f"sink/{sink.id}",
        is_recovery=not failing,
    )
    return Item(
        0,
        0,
        0,
        time_ns(),
        text,
        msgspec.json.decode(text, type=Event),
        id=f"sink-{sink.id}-{since}-{'failing' if failing else 'recovered'}",
        about=about,
        resolves=not failing,
    )
