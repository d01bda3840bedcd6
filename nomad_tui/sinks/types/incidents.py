"""PagerDuty and Alertmanager: a failure opens an incident, which a recovery of the same object resolves."""

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from time import time
from typing import Any, Final, Self

import aiohttp
import orjson

from nomad_tui import __version__
from nomad_tui.config.references import ValueUnavailableError, resolve
from nomad_tui.core.text import printable
from nomad_tui.journal.log import Log
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.delivery.sink import Delivery, Item, LocalError, RejectedError, UndeliveredError
from nomad_tui.sinks.types.answers import Answer, Settings, judged, quoted
from nomad_tui.sinks.types.chat import answer_json, cut
from nomad_tui.sinks.types.event_view import EventView, web_ui
from nomad_tui.sinks.types.formats import JSON, Body
from nomad_tui.sinks.types.labels import labels_of
from nomad_tui.sinks.types.status_line import watcher
from nomad_tui.sinks.types.webhook import Webhook

log = Log("nomad_tui.sinks")

LONGEST_SUMMARY: Final = 1_024
"""Characters of PagerDuty's summary."""
LIFETIME_FACTOR: Final = 4
"""Multiple of `resend` after which Alertmanager resolves an alert that is not sent again."""
MAX_ALERTS: Final = 5_000
"""Newest alerts that are sent again."""
SEVERITIES: Final = {"failure": "critical", "warning": "warning"}
ALERT_LABELS: Final = (
    ("alertname", "Nomad{topic}"),
    ("namespace", "{namespace}"),
    ("nomad_job", "{job}"),
    ("group", "{group}"),
    ("node", "{node}"),
    ("region", "{region}"),
)
"""Labels of an alert if the definition has none."""
IDENTITY: Final = "nomad_incident"
"""The label with the incident's key, which matches a recovery with its failure."""
SINK: Final = "nomad_tui_sink"


def incident_key(item: Item, region: str) -> str:
    """The key shared by the event that opens an incident and the one that resolves it."""
    about, event = item.about, item.event
    if about is not None and about.incident:
        name = about.incident
    elif event is not None:
        name = "/".join((event.topic.lower(), event.namespace, event.key))
    else:
        name = f"gap/{item.id}"
    return printable(f"nomad/{region or 'global'}/{name}")


class PagerDuty(Webhook):
    """Events API v2: one request per event."""

    def __init__(self, definition: Definition, environ: Mapping[str, str] = os.environ) -> None:
        super().__init__(definition, environ)
        self._routing = definition.routing_key or ""
        self._variables = environ

    def encode(self, delivery: Delivery, settings: Settings) -> Body:
        try:
            routing_key = resolve(self._routing, self._variables)
        except ValueUnavailableError as error:
            raise LocalError(f"Nothing can be sent. {str(error).rstrip('.')}.") from None
        return Body(orjson.dumps({"routing_key": routing_key, **self.event(delivery)}), JSON)

    def event(self, delivery: Delivery) -> dict[str, Any]:
        """The request without the routing key."""
        (item,) = delivery.items
        view = EventView(item, self._definition, delivery.region, test=delivery.test)
        key = incident_key(item, delivery.region)
        if len(key) > 255:
            key = f"{key[:180]}…{sha256(key.encode()).hexdigest()[:32]}"
        made: dict[str, Any] = {"event_action": "resolve" if item.resolves else "trigger", "dedup_key": key}
        if item.resolves:
            return made
        details = {"cause": view.cause, "node": view.node, "namespace": view.object["namespace"], "index": item.index}
        made["payload"] = {
            "summary": cut(view.sentence, LONGEST_SUMMARY),
            "source": view.node or view.job or view.object["name"] or "nomad",
            "severity": "info" if delivery.test else SEVERITIES.get(view.level, "info"),
            "timestamp": _time(view.time / 1e9) if view.time else None,
            "component": view.object["group"] or None,
            "group": view.job or None,
            "class": view.object["topic"],
            "custom_details": {name: value for name, value in details.items() if value},
        }
        made["payload"] = {name: value for name, value in made["payload"].items() if value is not None}
        made["client"] = f"nomad-tui {__version__}"
        if view.url:
            made["links"] = [{"href": view.url, "text": "Open in Nomad"}]
        return made

    def messages(self, delivery: Delivery) -> list[Body]:
        """The requests without the routing key."""
        return [Body(orjson.dumps(self.event(_single(delivery, item))), JSON) for item in delivery.items]

    def judge(self, answer: Answer, settings: Settings) -> str:
        if answer.status == 400:
            found = answer_json(answer)
            errors = "; ".join(map(str, found.get("errors") or [])) or str(found.get("message", ""))
            for_all = "routing_key" in errors.lower() or "integration" in errors.lower()
            remedy = " Correct routing_key in the definition." if for_all else ""
            raise RejectedError(f"PagerDuty refused it: {quoted(errors, settings.hidden)}.{remedy}", for_all=for_all)
        return judged(answer, settings, "PagerDuty")


class Alertmanager(Webhook):
    """API v2. Open alerts are sent again until resolved, and queried from Alertmanager after a restart."""

    def __init__(self, definition: Definition, environ: Mapping[str, str] = os.environ) -> None:
        super().__init__(definition, environ)
        self._open: dict[str, dict[str, Any]] = {}
        """Open alerts by incident."""
        self._labels: dict[str, dict[str, str]] = {}
        """Labels with which the newest incidents were opened."""
        self._ended: dict[str, None] = {}
        """Incidents resolved before Alertmanager could be queried."""
        self._queried = asyncio.Event()
        """Set once Alertmanager has been queried for open alerts, successfully or not."""
        self._next: list[dict[str, Any]] = []
        self._resending: asyncio.Task[None] | None = None
        self._posting = asyncio.Lock()

    @classmethod
    async def open(cls, definition: Definition, environ: Mapping[str, str] = os.environ) -> Self:
        sink = await super().open(definition, environ)
        sink._resending = asyncio.create_task(sink._resend())
        return sink

    def target(self, url: str) -> str:
        return url if url.rstrip("/").endswith("/api/v2/alerts") else f"{url.rstrip('/')}/api/v2/alerts"

    async def deliver(self, delivery: Delivery) -> str:
        if self._resending is not None:
            await self._queried.wait()  # an incident can be resolved only with the labels it was opened with
        alerts: list[dict[str, Any]] = []
        for item in delivery.items:
            alerts.append(self.alert(delivery, item))
            if not delivery.test:
                can_end = item.about is not None and bool(item.about.incident)
                self._note(alerts[-1], lasts=can_end and not item.resolves)
        async with self._posting:
            self._next = alerts
            return await super().deliver(delivery)

    def encode(self, delivery: Delivery, settings: Settings) -> Body:
        return Body(orjson.dumps(self._next), JSON)

    def messages(self, delivery: Delivery) -> list[Body]:
        return [Body(orjson.dumps([self.alert(delivery, item) for item in delivery.items]), JSON)]

    def alert(self, delivery: Delivery, item: Item) -> dict[str, Any]:
        definition = self._definition
        view = EventView(item, definition, delivery.region, test=delivery.test)
        labels = {"alertname": "Nomad", **labels_of(view, definition.labels or ALERT_LABELS)}
        labels |= {IDENTITY: incident_key(item, delivery.region), SINK: definition.id}
        lasts = definition.resend * LIFETIME_FACTOR
        ends = time() if item.resolves else time() + lasts
        made: dict[str, Any] = {
            "labels": labels,
            "annotations": {
                name: value
                for name, value in (("summary", view.sentence), ("cause", view.cause), ("level", view.level))
                if value
            },
            "endsAt": _time(ends),
        }
        # Alertmanager identifies alerts by all their labels: an incident keeps those it was opened with.
        known = self._open.get(labels[IDENTITY])
        if item.resolves:
            made["labels"] = self._labels.get(labels[IDENTITY], labels)
        else:
            made["labels"] = known["labels"] if known is not None else labels
            made["startsAt"] = _time(view.time / 1e9 if view.time else time())
        if view.url or web_ui(definition):
            made["generatorURL"] = view.url or web_ui(definition)
        return made

    def judge(self, answer: Answer, settings: Settings) -> str:
        return judged(answer, settings, "Alertmanager")

    async def close(self) -> None:
        if self._resending is not None:
            self._resending.cancel()
            await asyncio.gather(self._resending, return_exceptions=True)
            self._resending = None
        await super().close()

    async def _query_open_alerts(self) -> bool:
        """Queries the open alerts of this sink, sent by an earlier runner. Returns whether that succeeded."""
        try:
            settings = await self._current_settings()
            tls = await self._tls.current() if settings.connection.address.scheme == "https" else True
            asked = {"active": "true", "filter": f'{SINK}="{self._definition.id}"'}
            proxy = settings.connection.proxy
            watcher.set(None)
            async with (
                asyncio.timeout(self._definition.timeout),
                self._opened().get(
                    self.target(settings.url),
                    params=asked,
                    headers=settings.headers,
                    ssl=tls,
                    server_hostname=self._definition.tls.server_name,
                    proxy=proxy.url if proxy is not None else None,
                ) as response,
            ):
                if response.status != 200:
                    return False
                for alert in orjson.loads(await response.read()):
                    name = alert["labels"][IDENTITY]
                    if name not in self._labels and name not in self._ended:
                        self._note(_reopened(alert), lasts=True)
        except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError, UndeliveredError):
            return False
        return True

    def _note(self, alert: dict[str, Any], *, lasts: bool) -> None:
        name = alert["labels"][IDENTITY]
        if not lasts:
            self._open.pop(name, None)
            self._ended[name] = None
            if len(self._ended) > MAX_ALERTS:
                del self._ended[next(iter(self._ended))]
        if lasts:
            self._open[name] = alert
            self._labels[name] = alert["labels"]
            for held in (self._open, self._labels):
                if len(held) > MAX_ALERTS:
                    held.pop(next(iter(held)))

    async def _resend(self) -> None:
        """Sends open alerts again until the sink is closed."""
        recalled = False
        while True:
            try:
                recalled = recalled or await self._query_open_alerts()
            finally:
                self._queried.set()
            await asyncio.sleep(self._definition.resend)
            if not self._open:
                continue
            ends = _time(time() + self._definition.resend * LIFETIME_FACTOR)
            async with self._posting:
                self._next = [alert | {"endsAt": ends} for alert in self._open.values()]
                try:
                    await super().deliver(_NOTHING)
                except UndeliveredError:
                    pass  # the next attempt is soon, and an alert lasts for several
                except Exception:  # an unexpected error must not let alerts expire silently
                    log.exception("alerts_not_sent_again", sink=self._definition.id)


def _reopened(alert: dict[str, Any]) -> dict[str, Any]:
    return {name: alert[name] for name in ("labels", "annotations", "startsAt", "generatorURL") if alert.get(name)}


_NOTHING: Final = Delivery("resend", (Item(0, 0, 0, 0, b"{}"),), "")


def _single(delivery: Delivery, item: Item) -> Delivery:
    return Delivery(item.id, (item,), delivery.region, delivery.attempt, delivery.test)


def _time(seconds: float) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
