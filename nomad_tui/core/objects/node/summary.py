"""Summaries of nodes: status, drain, the health of drivers and plugins, and what the machine is."""

from typing import Final

from nomad_tui.core.objects.fact import Context, Facts, by_name, listed, masked, moment
from nomad_tui.core.objects.node.fields import Drain, Driver, Node, Plugin
from nomad_tui.core.objects.parts import DOT, VALUE_LIMIT, Part, bad, dim, good, plain, reason, status, warn
from nomad_tui.core.objects.reading import EMPTY, Reader
from nomad_tui.core.readable import SECOND, byte_count, duration

_UNHEALTHY_LISTED: Final = 3
_LONGEST_NUMBER: Final = 18
_ATTRIBUTES: Final = Reader[dict[str, str]](dict[str, str] | None)


def summary(now: Node, facts: Facts, context: Context) -> None:
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
        message = [plain(reason(last.message)), dim(f" {ago}" if (ago := context.ago(moment(last.timestamp))) else "")]
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
    """Drivers and CSI plugins that are unhealthy and why; drivers that are well or not there, by name."""
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
