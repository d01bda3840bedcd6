"""Summaries of nodes: whether it is up, takes work or drains, what is wrong with it, and what it is."""

from typing import Final

import msgspec

from nomad_tui.core.readable import SECOND, byte_count, duration
from nomad_tui.core.sentence.node import Drain as DrainAsked
from nomad_tui.core.sentence.node import Driver as DriverHealth
from nomad_tui.core.sentence.node import LastDrain as DrainEnded
from nomad_tui.core.sentence.node import NodeEvent
from nomad_tui.core.sentence.parts import DOT, VALUE_LIMIT, Part, bad, dim, good, plain, reason, status, warn
from nomad_tui.core.sentence.reading import EMPTY, Object, Reader
from nomad_tui.core.summary.fact import Context, Facts, by_name, listed, moment, told

_UNHEALTHY_TOLD: Final = 3
_LONGEST_NUMBER: Final = 18


class Drain(DrainAsked):
    force_deadline: str = ""
    ignore_system_jobs: bool = False


class LastDrain(DrainEnded):
    updated_at: str = ""


class Driver(DriverHealth):
    detected: bool = False


class Event(NodeEvent):
    subsystem: str = ""


class Plugin(Object):
    healthy: bool = True
    health_description: str = ""


class Node(Object):
    status: str = ""
    status_description: str = ""
    status_updated_at: int = 0
    scheduling_eligibility: str = ""
    drain: bool = False
    drain_strategy: Drain | None = None
    last_drain: LastDrain | None = None
    drivers: dict[str, Driver | None] | None = None
    csi_controller_plugins: dict[str, Plugin | None] | None = None
    csi_node_plugins: dict[str, Plugin | None] | None = None
    events: list[Event] | None = None
    node_class: str = ""
    node_pool: str = ""
    datacenter: str = ""
    http_addr: str = msgspec.field(default="", name="HTTPAddr")
    attributes: msgspec.Raw = EMPTY


_READER: Final = Reader[Node](Node)
_ATTRIBUTES: Final = Reader[dict[str, str]](dict[str, str] | None)


def tell(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _READER.read(found)
    if now is None:
        return
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
    facts.add("address", plain(told(now.http_addr), VALUE_LIMIT * 2))
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
    plugins = by_name({**(now.csi_controller_plugins or {}), **(now.csi_node_plugins or {})})
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
