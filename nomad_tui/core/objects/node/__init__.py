"""Nodes: their levels, times, and summaries of drain, driver and plugin health, and the machine."""

from datetime import datetime
from typing import Any, Final

from nomad_tui.core.level import Level
from nomad_tui.core.objects.fact import Context, Facts, by_name, listed, masked, moment
from nomad_tui.core.objects.kind import THIS_WRITE, Compared, Known, Links, ObjectEvent, positive
from nomad_tui.core.objects.node import sentence
from nomad_tui.core.objects.node.fields import Drain, Driver, Node, Plugin
from nomad_tui.core.objects.parts import DOT, VALUE_LIMIT, Part, Sentence, bad, dim, good, plain, reason, status, warn
from nomad_tui.core.objects.reading import EMPTY, Object, ObjectReader, Reader
from nomad_tui.core.readable import SECOND, byte_count, duration

_UNHEALTHY_LISTED: Final = 3
_LONGEST_NUMBER: Final = 18
_ATTRIBUTES: Final = Reader[dict[str, str]](dict[str, str] | None)


def _add_drain(facts: Facts, now: Node, context: Context) -> None:
    asked = now.drain_strategy
    if asked is not None or now.drain:
        facts.line("", warn("draining"), *((DOT, *_deadline(asked, context)) if asked is not None else ()))
        facts.add("", dim("system jobs stay" if asked is not None and asked.ignore_system_jobs else ""))
    elif (last := now.last_drain) is not None and last.status:
        ago = context.ago(moment(last.updated_at))
        facts.add("last drain", plain(last.status, VALUE_LIMIT), dim(f" {ago}" if ago else ""))


def _deadline(asked: Drain, context: Context) -> tuple[Part, ...]:
    if asked.deadline < 0:
        return (warn("forced"),)
    if asked.deadline == 0:
        return (plain("no deadline"),)
    total = f"deadline {duration(asked.deadline)}"
    left = context.deadline(moment(asked.force_deadline))
    return (plain(total), *((dim(", "), *left) if left else ()))


def _add_health(facts: Facts, now: Node) -> None:
    """Unhealthy drivers and CSI plugins with the reason; names of healthy and undetected drivers."""
    drivers = by_name(now.drivers)
    unwell: list[tuple[str, Driver | Plugin]] = [
        (f"driver {name[:VALUE_LIMIT]}", one) for name, one in drivers.items() if one.detected and not one.healthy
    ]
    plugins = by_name(now.plugins)
    unwell += [(f"plugin {name[:VALUE_LIMIT]}", one) for name, one in plugins.items() if not one.healthy]
    for position, (what, health) in enumerate(unwell):
        if position == _UNHEALTHY_LISTED:
            facts.add("", bad(f"{len(unwell) - position} more unhealthy"))
            break
        why = reason(health.health_description)
        facts.line("", bad(f"{what} unhealthy"), *((DOT, plain(why)) if why else ()))
    if not unwell:
        facts.new_line()
    facts.add("drivers", good(listed(name for name, one in drivers.items() if one.healthy)))
    facts.add("undetected", dim(listed(name for name, one in drivers.items() if not one.detected)))


_LEVELS: Final = {"down": Level.FAILURE, "disconnected": Level.WARNING, "initializing": Level.ROUTINE}
"""By status that the event changed to."""
_OWN_WRITES: Final = frozenset(("NodeRegistration", "NodeStreamEvent", "NodeDrain", "NodeEligibility"))
"""Event types after which the newest of a node's own events belongs to this write."""


class _EventTime(Object):
    timestamp: Any = None


class _Times(Object):
    events: list[_EventTime] | None = None
    status_updated_at: Any = None


class NodeKind(Known[Node]):
    name = "Node"
    payload_key = "Node"
    capability = "node:read"
    glyph = "◈"
    endpoint = "/v1/node/"
    command = "node status"
    page = "clients/{name}"
    fields = Node
    status = "status"
    node = ("id", "name")
    routine_type = "AllocationUpdated"
    write_times = ("StatusUpdatedAt",)

    def __init__(self) -> None:
        super().__init__()
        self._own_times = ObjectReader(self.payload_keys, _Times)

    def called(self, links: Links) -> str:
        return links.name

    def facts(self, type_: str, key: str, payload: bytes) -> tuple[str, str, str]:
        status, id_, name = super().facts(type_, key, payload)
        return status, id_ or key, name

    def sentence(self, event: ObjectEvent[Node]) -> Sentence:
        return sentence.describe(event)

    def level(self, event: ObjectEvent[Node]) -> Level:
        now, before = event.now, event.before
        if event.type_ == "NodeDeregistration" or now.is_new:
            return Level.CHANGE
        if before is None:
            if event.type_ == self.routine_type:
                return Level.ROUTINE
            out_of_use = now.is_draining() or now.scheduling_eligibility == "ineligible"
            return max(_LEVELS.get(now.status, Level.ROUTINE), Level.WARNING if out_of_use else Level.ROUTINE)
        found = [Level.ROUTINE]
        if now.status != before.status:
            found.append(_LEVELS.get(now.status, Level.CHANGE))
        if now.is_draining() != before.is_draining():
            found.append(Level.WARNING if now.is_draining() else Level.CHANGE)
        if now.scheduling_eligibility != before.scheduling_eligibility:
            found.append(Level.WARNING if now.scheduling_eligibility == "ineligible" else Level.CHANGE)
        for name, driver in (now.drivers or {}).items():
            was = (before.drivers or {}).get(name)
            if was is not None and was.healthy != driver.healthy:
                found.append(Level.CHANGE if driver.healthy else Level.WARNING)
        return max(found)

    def summary(self, now: Node, is_deleted: bool, facts: Facts, context: Context) -> None:
        attributes = (_ATTRIBUTES.read(now.attributes) or {}) if now.attributes is not EMPTY else {}
        if now.status:
            why, lasted = reason(now.status_description), context.lasted(now.status_updated_at * SECOND)
            since = dim(f" for {lasted}" if lasted else "")
            facts.add("status", status(now.status), since, *((DOT, plain(why)) if why else ()))
        role = {"eligible": good, "ineligible": warn}.get(now.scheduling_eligibility, plain)
        facts.add("", role(now.scheduling_eligibility, VALUE_LIMIT))
        _add_drain(facts, now, context)
        _add_health(facts, now)
        if now.events:
            last = now.events[-1]
            message = [
                plain(reason(last.message)),
                dim(f" {ago}" if (ago := context.ago(moment(last.timestamp))) else ""),
            ]
            facts.line("last event", *message)
        facts.new_line()
        facts.add("address", plain(masked(now.http_addr), VALUE_LIMIT * 2))
        facts.add("version", plain(attributes.get("nomad.version", ""), VALUE_LIMIT))
        facts.add("class", plain(now.node_class, VALUE_LIMIT))
        facts.add("pool", plain(now.node_pool, VALUE_LIMIT))
        facts.add("datacenter", plain(now.datacenter, VALUE_LIMIT))
        facts.add("os", plain(" ".join(filter(None, map(attributes.get, ("os.name", "os.version")))), VALUE_LIMIT))
        memory = attributes.get("memory.totalbytes", "")
        if memory.isascii() and memory.isdecimal() and len(memory) <= _LONGEST_NUMBER:
            facts.add("memory", plain(byte_count(int(memory))))

    def written_at(self, type_: str, payload: bytes) -> tuple[int | None, object]:
        node, _ = self._own_times.read(payload)
        if node is None:
            return None, None
        newest = _seconds(node.events[-1].timestamp) if node.events else None
        status = positive(node.status_updated_at)
        written_now = THIS_WRITE if type_ in _OWN_WRITES else None
        return max(newest or 0, (status or 0) * SECOND) or None, written_now

    def compared(self, payload: bytes) -> Compared | None:
        now = self.read(payload)
        return None if now is None else Compared((now.status, now.scheduling_eligibility, now.is_draining()))


def _seconds(value: Any) -> int | None:
    if not isinstance(value, str):
        return None
    at = datetime.fromisoformat(value)
    return int(at.timestamp()) * SECOND if at.tzinfo is not None else None


NODE: Final = NodeKind()
