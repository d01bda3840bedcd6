"""Nodes: registered, down and back, draining, eligible or not; drivers, volumes, plugins, metadata; what one is."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from nomad_tui.core.objects.beside import Beside
from nomad_tui.core.objects.fact import Context, Facts, by_name, listed, masked, moment
from nomad_tui.core.objects.kind import THIS_WRITE, Compared, Known, ObjectEvent, positive
from nomad_tui.core.objects.level import Level
from nomad_tui.core.objects.links import Links
from nomad_tui.core.objects.parts import (
    COMMA,
    DOT,
    MESSAGE_LIMIT,
    VALUE_LIMIT,
    Part,
    Sentence,
    bad,
    became,
    dim,
    good,
    named,
    plain,
    reason,
    sentence,
    status,
    unchanged,
    warn,
)
from nomad_tui.core.objects.reading import EMPTY, Object, ObjectReader, Reader, Written, anything
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.readable import SECOND, byte_count, count, duration
from nomad_tui.core.secrets import masked_text, names_secret

_CHANGES_NAMED: Final = 2
_HARMLESS: Final = lazy_pattern(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,31}")
"""What a value of metadata or an attribute may look like to be shown: a version, a number, a word."""

_AWAY: Final = ("down", "disconnected")

_QUIET: Final = {
    "AllocationUpdated": "allocations updated",
    "NodeRegistration": "registered again",
    "NodeStreamEvent": "still",
}

_UNHEALTHY_TOLD: Final = 3
_LEVELS: Final = {"down": Level.FAILURE, "disconnected": Level.WARNING, "initializing": Level.ROUTINE}
"""By status, where that is news."""
_LONGEST_NUMBER: Final = 18
_OWN_WRITES: Final = frozenset(("NodeRegistration", "NodeStreamEvent", "NodeDrain", "NodeEligibility"))
"""Types after which a node's newest own event is of this write."""


class NodeEvent(Object):
    message: str = ""
    timestamp: str = ""
    subsystem: str = ""
    details: dict[str, str] | None = None


class Drain(Object):
    deadline: int = 0
    force_deadline: str = ""
    ignore_system_jobs: bool = False


class LastDrain(Object):
    status: str = ""
    meta: dict[str, str] | None = None
    updated_at: str = ""


class Driver(Object):
    detected: bool = False
    healthy: bool = False
    health_description: str = ""


class Plugin(Object):
    healthy: bool = True
    health_description: str = ""


class Node(Written):
    id: str = ""
    name: str = ""
    status: str = ""
    status_description: str = ""
    status_updated_at: int = 0
    scheduling_eligibility: str = ""
    drain: bool = False
    drain_strategy: Drain | None = None
    last_drain: LastDrain | None = None
    node_class: str = ""
    node_pool: str = ""
    datacenter: str = ""
    http_addr: str = msgspec.field(default="", name="HTTPAddr")
    events: list[NodeEvent] | None = None
    drivers: dict[str, Driver] | None = None
    attributes: msgspec.Raw = EMPTY
    csi_controller_plugins: msgspec.Raw = EMPTY
    csi_node_plugins: msgspec.Raw = EMPTY
    host_volumes: msgspec.Raw = EMPTY
    meta: msgspec.Raw = EMPTY

    def is_draining(self) -> bool:
        """Draining by either dialect: a beta server may set only the flag."""
        return self.drain or self.drain_strategy is not None

    @property
    def plugins(self) -> dict[str, Plugin]:
        """CSI plugins by name; of one that is a controller and a node too, the latter."""
        return {
            name: plugin
            for members in (self.csi_controller_plugins, self.csi_node_plugins)
            for name, plugin in (_PLUGINS.read(members) or {}).items()
        }


_ATTRIBUTES: Final = Reader[dict[str, str]](dict[str, str] | None)
_PLUGINS: Final = Reader[dict[str, Plugin]](dict[str, Plugin] | None)


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

    def __init__(self) -> None:
        super().__init__()
        self._own_times = ObjectReader(self.payload_keys, _Times)

    def called(self, links: Links) -> str:
        return links.name

    def facts(self, type_: str, key: str, payload: bytes) -> tuple[str, str, str]:
        status, id_, name = super().facts(type_, key, payload)
        return status, id_ or key, name

    def sentence(self, event: ObjectEvent[Node]) -> Sentence:
        now = event.now
        happened = _happened(event.key, now, event.before, event.type_, event.beside)
        return sentence(named(now.name, event.key), happened, status=now.status)

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
        _tell(now, facts, context)

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


NODE: Final = NodeKind()


def _seconds(value: Any) -> int | None:
    if not isinstance(value, str):
        return None
    at = datetime.fromisoformat(value)
    return int(at.timestamp()) * SECOND if at.tzinfo is not None else None


def _happened(key: str, now: Node, before: Node | None, type_: str, beside: Beside) -> list[Part]:
    if type_ == "NodeDeregistration":
        return [warn("deregistered"), DOT, dim(f"was {now.status or 'without status'}", VALUE_LIMIT)]
    if now.create_index == now.modify_index and (now.create_index or type_ == "NodeRegistration"):
        return [plain("registered"), DOT, status(now.status), *_kind(now)]
    if before is None:
        return _state(key, now, type_, beside)
    told = _new_event(now, before)
    happened: list[Part] = []
    if now.status != before.status:
        happened = became(before.status, now.status)
        if told:
            happened += [DOT, plain(told)]
    if now.is_draining() and not before.is_draining():
        happened += [*([DOT] if happened else []), *_drain(now)]
    elif before.is_draining() and not now.is_draining():
        happened += [*([DOT] if happened else []), *_drain_ended(now)]
    elif now.scheduling_eligibility != before.scheduling_eligibility:
        happened += [*([DOT] if happened else []), *_eligibility(now)]
    if happened:
        return happened
    if driver := _driver_change(now, before):
        return [status(now.status), DOT, *driver]
    if told:
        return [status(now.status), DOT, plain(told)]
    if changes := _changes(now, before):
        return [status(now.status), DOT, *changes]
    return _unchanged(key, now, type_, beside)


def _state(key: str, now: Node, type_: str, beside: Beside) -> list[Part]:
    """What the payload alone proves, with the newest of the node's own events where that is what came."""
    if type_ == "NodeStreamEvent" and not _standing(now) and now.events and (told := _told(now.events[-1])):
        return [status(now.status), DOT, plain(told)]
    return _unchanged(key, now, type_, beside)


def _unchanged(key: str, now: Node, type_: str, beside: Beside) -> list[Part]:
    """Nothing of the node itself: what it is, and what its client reported in the same write."""
    reported = ""
    if type_ == "AllocationUpdated" and beside.write is not None and (number := beside.write.reported[key]):
        reported = f"reported {count(number)} allocation{'' if number == 1 else 's'}"
    if standing := _standing(now):
        return [status(now.status), DOT, *standing, *([dim(f", {reported}")] if reported else [])]
    if reported:
        return [status(now.status) if now.status in _AWAY else dim(now.status, VALUE_LIMIT), DOT, dim(reported)]
    return _quiet(now, type_)


def _standing(now: Node) -> list[Part]:
    """What an operator must not forget about a node, whatever else is said of it."""
    if now.is_draining():
        return _drain(now, "draining")
    return [warn("ineligible")] if now.scheduling_eligibility == "ineligible" else []


def _quiet(now: Node, type_: str) -> list[Part]:
    if now.status in _AWAY:
        return [status(now.status), DOT, dim(_QUIET.get(type_, "unchanged"))]
    if type_ == "NodeStreamEvent":
        return [status(now.status)]
    return unchanged(now.status, _QUIET.get(type_, "unchanged"))


def _drain(now: Node, verb: str = "drain started") -> list[Part]:
    deadline = now.drain_strategy.deadline if now.drain_strategy is not None else None
    if deadline is None:
        return [warn(verb)]
    limit = "forced" if deadline < 0 else f"deadline {duration(deadline)}" if deadline else "no deadline"
    asked = now.last_drain.meta if now.last_drain is not None and now.last_drain.status == "draining" else None
    message = reason((asked or {}).get("message", ""))
    return [warn(verb), DOT, plain(limit), *([DOT, plain(message)] if message else [])]


def _drain_ended(now: Node) -> list[Part]:
    ended = now.last_drain.status if now.last_drain is not None else ""
    said = good("drain complete") if ended == "complete" else plain(f"drain {ended or 'ended'}", VALUE_LIMIT)
    if now.scheduling_eligibility == "ineligible":
        return [said, DOT, warn("still ineligible")]
    return [said, DOT, *_eligibility(now)] if now.scheduling_eligibility else [said]


def _eligibility(now: Node) -> list[Part]:
    say = {"eligible": good, "ineligible": warn}.get(now.scheduling_eligibility, plain)
    return [say(now.scheduling_eligibility or "eligibility unset", VALUE_LIMIT)]


def _driver_change(now: Node, before: Node) -> list[Part]:
    earlier = before.drivers or {}
    for name, driver in (now.drivers or {}).items():
        was = earlier.get(name)
        if was is None or driver.healthy == was.healthy:
            continue
        said = f"driver {name[:VALUE_LIMIT]} "
        if driver.healthy:
            return [good(said + "healthy")]
        why = reason(driver.health_description)
        return [bad(said + "unhealthy"), *([COMMA, plain(why)] if why else [])]
    return []


def _new_event(now: Node, before: Node) -> str:
    """The newest of the node's own events, where it was not there before."""
    if not now.events:
        return ""
    latest = now.events[-1]
    if before.events and (before.events[-1].timestamp, before.events[-1].message) == (
        latest.timestamp,
        latest.message,
    ):
        return ""
    return _told(latest)


def _told(event: NodeEvent) -> str:
    said = reason(event.message[: MESSAGE_LIMIT * 2], "Node ")
    plugin = (event.details or {}).get("plugin", "") if event.subsystem == "CSI" else ""
    return f"CSI plugin {plugin[:VALUE_LIMIT]}: {said}" if plugin and said else said


def _changes(now: Node, before: Node) -> list[Part]:
    """What a node that registered again has or lacks now: plugins, volumes, its place, metadata, attributes."""
    found = list(_differences(now, before))
    parts: list[Part] = []
    for part in found[:_CHANGES_NAMED]:
        parts += [COMMA, part] if parts else [part]
    if len(found) > _CHANGES_NAMED:
        parts.append(dim(f" +{count(len(found) - _CHANGES_NAMED)} more"))
    return parts


def _differences(now: Node, before: Node) -> Iterator[Part]:
    for field in ("csi_controller_plugins", "csi_node_plugins"):
        for name, was, plugin in _members(getattr(before, field), getattr(now, field)):
            what = f"CSI plugin {name[:VALUE_LIMIT]}"
            if not isinstance(plugin, dict):
                yield warn(f"{what} removed")
            elif not isinstance(was, dict) or plugin.get("Healthy") != was.get("Healthy"):
                if plugin.get("Healthy") is True:
                    yield good(f"{what} healthy")
                else:
                    why = plugin.get("HealthDescription")
                    why = reason(why) if isinstance(why, str) else ""
                    yield bad(f"{what} unhealthy" + (f", {why}" if why else ""))
    for name, was, volume in _members(before.host_volumes, now.host_volumes):
        verb = "added" if was is None else "removed" if volume is None else "changed"
        yield plain(f"host volume {name[:VALUE_LIMIT]} {verb}")
    for what, was, value in (
        ("class", before.node_class, now.node_class),
        ("pool", before.node_pool, now.node_pool),
        ("datacenter", before.datacenter, now.datacenter),
        ("name", before.name, now.name),
    ):
        if was != value:
            yield plain(f"{what} {was[:VALUE_LIMIT] or 'none'} → {value[:VALUE_LIMIT] or 'none'}")
    drivers, earlier = now.drivers or {}, before.drivers or {}
    for name in sorted(drivers.keys() ^ earlier.keys()):
        yield plain(f"driver {name[:VALUE_LIMIT]} {'added' if name in drivers else 'removed'}")
    for what, old, new in (("meta", before.meta, now.meta), ("attribute", before.attributes, now.attributes)):
        for name, was, value in _members(old, new):
            yield _setting(f"{what} {name[: 2 * VALUE_LIMIT]}", was, value, is_secret=names_secret(name))


def _members(before: msgspec.Raw, now: msgspec.Raw) -> Iterator[tuple[str, Any, Any]]:
    """The members of two objects that differ, each with its value before and now; None for one that is not there."""
    if before is EMPTY or now is EMPTY or bytes(before) == bytes(now):
        return  # a payload that leaves the field out does not say that it is empty
    old, new = anything(bytes(before)), anything(bytes(now))
    old, new = old if isinstance(old, dict) else {}, new if isinstance(new, dict) else {}
    for name in sorted(old.keys() | new.keys()):
        was, value = old.get(name), new.get(name)
        if was != value:
            yield name, was, value


def _setting(what: str, was: Any, value: Any, *, is_secret: bool) -> Part:
    """`meta rack set to r9`, `meta rack r1 → r9`; without values that are long or could be secret."""
    what = masked_text(what)
    if value is None:
        return plain(f"{what} removed")
    shown = [None if text is None or is_secret or not _is_harmless(text) else str(text) for text in (was, value)]
    if was is None:
        return plain(f"{what} set to {shown[1]}" if shown[1] else f"{what} set")
    return plain(f"{what} {shown[0]} → {shown[1]}" if shown[0] and shown[1] else f"{what} changed")


def _is_harmless(value: Any) -> bool:
    return isinstance(value, str) and bool(_HARMLESS.fullmatch(value)) and masked_text(value) == value


def _kind(now: Node) -> list[Part]:
    known = [
        f"{label} {value[:VALUE_LIMIT]}"
        for label, value in (("class", now.node_class), ("pool", now.node_pool), ("in", now.datacenter))
        if value
    ]
    return [dim(" · " + ", ".join(known))] if known else []


def _tell(now: Node, facts: Facts, context: Context) -> None:
    attributes = (_ATTRIBUTES.read(now.attributes) or {}) if now.attributes is not EMPTY else {}
    if now.status:
        why, lasted = reason(now.status_description), context.lasted(now.status_updated_at * SECOND)
        since = dim(f" for {lasted}" if lasted else "")
        facts.add("status", status(now.status), since, *((DOT, plain(why)) if why else ()))
    say = {"eligible": good, "ineligible": warn}.get(now.scheduling_eligibility, plain)
    facts.add("", say(now.scheduling_eligibility, VALUE_LIMIT))
    _tell_drain(facts, now, context)
    _tell_health(facts, now)
    if now.events:
        last = now.events[-1]
        said = [plain(reason(last.message)), dim(f" {ago}" if (ago := context.ago(moment(last.timestamp))) else "")]
        facts.line("last event", *said)
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


def _tell_drain(facts: Facts, now: Node, context: Context) -> None:
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
    whole = f"deadline {duration(asked.deadline)}"
    left = context.deadline(moment(asked.force_deadline))
    return (plain(whole), *((dim(", "), *left) if left else ()))


def _tell_health(facts: Facts, now: Node) -> None:
    """Drivers and CSI plugins that are unhealthy and why; drivers that are well or not there, by name."""
    drivers = by_name(now.drivers)
    unwell: list[tuple[str, Driver | Plugin]] = [
        (f"driver {name[:VALUE_LIMIT]}", one) for name, one in drivers.items() if one.detected and not one.healthy
    ]
    plugins = by_name(now.plugins)
    unwell += [(f"plugin {name[:VALUE_LIMIT]}", one) for name, one in plugins.items() if not one.healthy]
    for position, (what, health) in enumerate(unwell):
        if position == _UNHEALTHY_TOLD:
            facts.add("", bad(f"{len(unwell) - position} more unhealthy"))
            break
        why = reason(health.health_description)
        facts.line("", bad(f"{what} unhealthy"), *((DOT, plain(why)) if why else ()))
    if not unwell:
        facts.new_line()
    facts.add("drivers", good(listed(name for name, one in drivers.items() if one.healthy)))
    facts.add("undetected", dim(listed(name for name, one in drivers.items() if not one.detected)))
