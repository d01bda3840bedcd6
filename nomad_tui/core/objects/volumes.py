"""Parts shared by host and CSI volumes, and by CSI volumes and plugins."""

from collections.abc import Mapping
from typing import Final, Protocol

from nomad_tui.core.objects.fact import Facts, healthy
from nomad_tui.core.objects.parts import COMMA, VALUE_LIMIT, Part, dim, plain, short
from nomad_tui.core.objects.reading import Object, Written
from nomad_tui.core.readable import byte_count, count, number_of

_HOLDERS_NAMED: Final = 3
_CAPABILITIES_LISTED: Final = 3


class Capability(Object):
    access_mode: str = ""
    attachment_mode: str = ""


class Volume(Protocol):
    """The request for a volume: minimum and maximum size in bytes, and access modes."""

    requested_capacity_min: int
    requested_capacity_max: int
    requested_capabilities: list[Capability | None] | None


class Plugged(Written):
    """A plugin or an object that depends on one, with counts of the plugin's instances."""

    controller_required: bool = False
    controllers_healthy: int = 0
    controllers_expected: int = 0
    nodes_healthy: int = 0
    nodes_expected: int = 0


def add_capacity(facts: Facts, now: Volume, capacity: int) -> None:
    facts.add("capacity", plain(byte_count(capacity) if capacity > 0 else ""))
    least, most = now.requested_capacity_min, now.requested_capacity_max
    if least > 0 or most > 0:
        asked = f"{byte_count(least)} to {byte_count(most)}" if least > 0 and most > 0 and least != most else ""
        facts.add("requested", dim(asked or f"{'at least' if most <= 0 else ''} {byte_count(most or least)}".strip()))


def add_capabilities(facts: Facts, now: Volume) -> None:
    modes = [
        ", ".join(filter(None, (one.access_mode[:VALUE_LIMIT], one.attachment_mode[:VALUE_LIMIT])))
        for one in now.requested_capabilities or ()
        if one is not None
    ]
    facts.add("access", plain(" or ".join(modes[:_CAPABILITIES_LISTED])))


def add_claims(facts: Facts, kind: str, holders: Mapping[str, object]) -> None:
    parts: list[Part] = []
    for identifier in sorted(holders)[:_HOLDERS_NAMED]:
        parts += [*([COMMA] if parts else []), plain(short(identifier))]
    if len(holders) > _HOLDERS_NAMED:
        parts.append(dim(f" and {count(len(holders) - _HOLDERS_NAMED)} more"))
    if parts:
        facts.add("", plain(f"{number_of(len(holders), kind)}: "), *parts)
    else:
        facts.add("", dim(f"no {kind}"))


def add_fitness(facts: Facts, now: Plugged, *, always: bool = False) -> None:
    """How many of the plugin's instances are healthy."""
    if now.controller_required or now.controllers_expected > 0:
        facts.add("controllers healthy", healthy(now.controllers_healthy, now.controllers_expected))
    if now.nodes_expected > 0 or now.nodes_healthy > 0 or always:
        facts.add("nodes healthy", healthy(now.nodes_healthy, now.nodes_expected))
