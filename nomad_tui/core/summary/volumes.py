"""Summaries of host volumes, CSI volumes and CSI plugins: what there is room for, who has it, how it fares."""

from typing import Final

import msgspec

from nomad_tui.core.readable import byte_count, count
from nomad_tui.core.sentence.node import Driver as Health
from nomad_tui.core.sentence.parts import (
    COMMA,
    DOT,
    VALUE_LIMIT,
    Part,
    bad,
    dim,
    good,
    plain,
    reason,
    short,
    status,
    warn,
)
from nomad_tui.core.sentence.reading import Object, Reader
from nomad_tui.core.summary.fact import Context, Facts, by_name, healthy, moment, told

_HOLDERS_NAMED: Final = 3
_CAPABILITIES_TOLD: Final = 3


class Capability(Object):
    access_mode: str = ""
    attachment_mode: str = ""


class Volume(Object):
    """What host and CSI volumes have in common."""

    plugin_id: str = ""
    requested_capacity_min: int = 0
    requested_capacity_max: int = 0
    requested_capabilities: list[Capability | None] | None = None


class HostVolume(Volume):
    state: str = ""
    capacity_bytes: int = 0
    requested_capacity_min: int = msgspec.field(default=0, name="RequestedCapacityMinBytes")
    requested_capacity_max: int = msgspec.field(default=0, name="RequestedCapacityMaxBytes")
    host_path: str = ""
    node_id: str = ""
    node_pool: str = ""
    create_time: int = 0


class Claim(Object):
    state: int = 0


class CSIVolume(Volume):
    external_id: str = ""
    provider: str = ""
    provider_version: str = ""
    access_mode: str = ""
    attachment_mode: str = ""
    capacity: int = 0
    schedulable: bool | None = None
    read_allocs: dict[str, msgspec.Raw] | None = None
    write_allocs: dict[str, msgspec.Raw] | None = None
    read_claims: dict[str, Claim | None] | None = None
    write_claims: dict[str, Claim | None] | None = None
    past_claims: dict[str, Claim | None] | None = None
    controller_required: bool = False
    controllers_healthy: int = 0
    controllers_expected: int = 0
    nodes_healthy: int = 0
    nodes_expected: int = 0
    resource_exhausted: str = ""


class CSIPlugin(Object):
    provider: str = ""
    version: str = ""
    controller_required: bool = False
    controllers: dict[str, Health | None] | None = None
    nodes: dict[str, Health | None] | None = None
    controllers_healthy: int = 0
    controllers_expected: int = 0
    nodes_healthy: int = 0
    nodes_expected: int = 0


_HOST_VOLUME: Final = Reader[HostVolume](HostVolume)
_CSI_VOLUME: Final = Reader[CSIVolume](CSIVolume)
_CSI_PLUGIN: Final = Reader[CSIPlugin](CSIPlugin)


def tell_host_volume(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _HOST_VOLUME.read(found)
    if now is None:
        return
    if now.state:
        facts.add("state", status(now.state))
    _tell_capacity(facts, now, now.capacity_bytes)
    facts.add("plugin", plain(now.plugin_id, VALUE_LIMIT))
    _tell_capabilities(facts, now)
    facts.new_line()
    facts.add("node", *context.object("Node", now.node_id))
    facts.add("pool", plain(now.node_pool, VALUE_LIMIT))
    facts.add("path", plain(told(now.host_path)))
    facts.add("created", plain(context.ago(now.create_time)))


def tell_csi_volume(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _CSI_VOLUME.read(found)
    if now is None:
        return
    if now.schedulable is not None:
        facts.add("", good("schedulable") if now.schedulable else warn("not schedulable"))
    if (exhausted := context.ago(moment(now.resource_exhausted))) != "":
        facts.add("resources exhausted", bad(exhausted))
    _tell_capacity(facts, now, now.capacity)
    facts.add("plugin", plain(now.plugin_id, VALUE_LIMIT))
    facts.add("provider", plain(f"{now.provider[:VALUE_LIMIT]} {now.provider_version[:VALUE_LIMIT]}".strip()))
    facts.new_line()
    _tell_claims(facts, "writer", now.write_allocs or now.write_claims or {})
    _tell_claims(facts, "reader", now.read_allocs or now.read_claims or {})
    facts.add("past claims", warn(count(len(now.past_claims)) if now.past_claims else ""))
    facts.new_line()
    mode = ", ".join(filter(None, (now.access_mode[:VALUE_LIMIT], now.attachment_mode[:VALUE_LIMIT])))
    facts.add("access", plain(mode))
    if not mode:
        _tell_capabilities(facts, now)
    _tell_fitness(facts, now)
    facts.add("external id", plain(told(now.external_id), VALUE_LIMIT * 2))


def tell_csi_plugin(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _CSI_PLUGIN.read(found)
    if now is None:
        return
    _tell_fitness(facts, now)
    facts.add("provider", plain(f"{now.provider[:VALUE_LIMIT]} {now.version[:VALUE_LIMIT]}".strip()))
    for what, instances in (("controller", now.controllers), ("node", now.nodes)):
        for identifier, health in by_name(instances).items():
            if not health.healthy:
                why = reason(health.health_description)
                named = context.object("Node", identifier)
                facts.line(f"{what} on", *named, bad(" unhealthy"), *((DOT, plain(why)) if why else ()))
                break


def _tell_capacity(facts: Facts, now: Volume, capacity: int) -> None:
    facts.add("capacity", plain(byte_count(capacity) if capacity > 0 else ""))
    least, most = now.requested_capacity_min, now.requested_capacity_max
    if least > 0 or most > 0:
        asked = f"{byte_count(least)} to {byte_count(most)}" if least > 0 and most > 0 and least != most else ""
        facts.add("requested", dim(asked or f"{'at least' if most <= 0 else ''} {byte_count(most or least)}".strip()))


def _tell_capabilities(facts: Facts, now: Volume) -> None:
    modes = [
        ", ".join(filter(None, (one.access_mode[:VALUE_LIMIT], one.attachment_mode[:VALUE_LIMIT])))
        for one in now.requested_capabilities or ()
        if one is not None
    ]
    facts.add("access", plain(" or ".join(modes[:_CAPABILITIES_TOLD])))


def _tell_claims(facts: Facts, kind: str, holders: dict[str, msgspec.Raw] | dict[str, Claim | None]) -> None:
    said: list[Part] = []
    for identifier in sorted(holders)[:_HOLDERS_NAMED]:
        said += [*([COMMA] if said else []), plain(short(identifier))]
    if len(holders) > _HOLDERS_NAMED:
        said.append(dim(f" and {count(len(holders) - _HOLDERS_NAMED)} more"))
    if said:
        facts.add("", plain(f"{count(len(holders))} {kind}{'' if len(holders) == 1 else 's'}: "), *said)
    else:
        facts.add("", dim(f"no {kind}"))


def _tell_fitness(facts: Facts, now: CSIVolume | CSIPlugin) -> None:
    """How many of the plugin's instances are healthy."""
    if now.controller_required or now.controllers_expected > 0:
        facts.add("controllers healthy", healthy(now.controllers_healthy, now.controllers_expected))
    if now.nodes_expected > 0 or now.nodes_healthy > 0 or isinstance(now, CSIPlugin):
        facts.add("nodes healthy", healthy(now.nodes_healthy, now.nodes_expected))
