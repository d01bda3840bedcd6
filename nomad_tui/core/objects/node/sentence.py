"""Sentences about nodes: registered, down and back, draining, eligible or not; drivers, volumes, plugins, metadata."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from nomad_tui.core.objects.kind import ObjectEvent
from nomad_tui.core.objects.node.fields import Node, NodeEvent
from nomad_tui.core.objects.parts import (
    COMMA,
    DOT,
    MESSAGE_LIMIT,
    VALUE_LIMIT,
    Beside,
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
from nomad_tui.core.objects.reading import EMPTY, anything
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.readable import count, duration, number_of
from nomad_tui.core.secrets import masked_text, names_secret

_CHANGES_NAMED: Final = 2
_HARMLESS: Final = lazy_pattern(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,31}")
"""Form of a metadata or attribute value that may be shown: a version, a number, a word."""

_AWAY: Final = ("down", "disconnected")

_ROUTINE_REMARKS: Final = {
    "AllocationUpdated": "allocations updated",
    "NodeRegistration": "registered again",
    "NodeStreamEvent": "still",
}


def describe(event: ObjectEvent[Node]) -> Sentence:
    now = event.now
    happened = _happened(event.key, now, event.before, event.type_, event.beside)
    return sentence(named(now.name, event.key), happened, status=now.status)


def _happened(key: str, now: Node, before: Node | None, type_: str, beside: Beside) -> list[Part]:
    if type_ == "NodeDeregistration":
        return [warn("deregistered"), DOT, dim(f"was {now.status or 'without status'}", VALUE_LIMIT)]
    if now.create_index == now.modify_index and (now.create_index or type_ == "NodeRegistration"):
        return [plain("registered"), DOT, status(now.status), *_kind(now)]
    if before is None:
        return _state(key, now, type_, beside)
    message = _new_event(now, before)
    happened: list[Part] = []
    if now.status != before.status:
        happened = became(before.status, now.status)
        if message:
            happened += [DOT, plain(message)]
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
    if message:
        return [status(now.status), DOT, plain(message)]
    if changes := _changes(now, before):
        return [status(now.status), DOT, *changes]
    return _unchanged(key, now, type_, beside)


def _state(key: str, now: Node, type_: str, beside: Beside) -> list[Part]:
    """What the payload alone proves, with the node's newest own event if that is the subject of this event."""
    if (
        type_ == "NodeStreamEvent"
        and not _restriction(now)
        and now.events
        and (message := _node_message(now.events[-1]))
    ):
        return [status(now.status), DOT, plain(message)]
    return _unchanged(key, now, type_, beside)


def _unchanged(key: str, now: Node, type_: str, beside: Beside) -> list[Part]:
    """For an event without changes of the node itself: its state, and what its client reported in the same write."""
    reported = ""
    if type_ == "AllocationUpdated" and beside.write is not None and (number := beside.write.reported[key]):
        reported = f"reported {number_of(number, 'allocation')}"
    if restriction := _restriction(now):
        return [status(now.status), DOT, *restriction, *([dim(f", {reported}")] if reported else [])]
    if reported:
        return [status(now.status) if now.status in _AWAY else dim(now.status, VALUE_LIMIT), DOT, dim(reported)]
    return _routine(now, type_)


def _restriction(now: Node) -> list[Part]:
    """That it drains or is ineligible, which every sentence about such a node repeats."""
    if now.is_draining():
        return _drain(now, "draining")
    return [warn("ineligible")] if now.scheduling_eligibility == "ineligible" else []


def _routine(now: Node, type_: str) -> list[Part]:
    if now.status in _AWAY:
        return [status(now.status), DOT, dim(_ROUTINE_REMARKS.get(type_, "unchanged"))]
    if type_ == "NodeStreamEvent":
        return [status(now.status)]
    return unchanged(now.status, _ROUTINE_REMARKS.get(type_, "unchanged"))


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
    outcome = good("drain complete") if ended == "complete" else plain(f"drain {ended or 'ended'}", VALUE_LIMIT)
    if now.scheduling_eligibility == "ineligible":
        return [outcome, DOT, warn("still ineligible")]
    return [outcome, DOT, *_eligibility(now)] if now.scheduling_eligibility else [outcome]


def _eligibility(now: Node) -> list[Part]:
    role = {"eligible": good, "ineligible": warn}.get(now.scheduling_eligibility, plain)
    return [role(now.scheduling_eligibility or "eligibility unset", VALUE_LIMIT)]


def _driver_change(now: Node, before: Node) -> list[Part]:
    earlier = before.drivers or {}
    for name, driver in (now.drivers or {}).items():
        was = earlier.get(name)
        if was is None or driver.healthy == was.healthy:
            continue
        subject = f"driver {name[:VALUE_LIMIT]} "
        if driver.healthy:
            return [good(subject + "healthy")]
        why = reason(driver.health_description)
        return [bad(subject + "unhealthy"), *([COMMA, plain(why)] if why else [])]
    return []


def _new_event(now: Node, before: Node) -> str:
    """The newest of the node's own events, if it is new."""
    if not now.events:
        return ""
    latest = now.events[-1]
    if before.events and (before.events[-1].timestamp, before.events[-1].message) == (
        latest.timestamp,
        latest.message,
    ):
        return ""
    return _node_message(latest)


def _node_message(event: NodeEvent) -> str:
    message = reason(event.message[: MESSAGE_LIMIT * 2], "Node ")
    plugin = (event.details or {}).get("plugin", "") if event.subsystem == "CSI" else ""
    return f"CSI plugin {plugin[:VALUE_LIMIT]}: {message}" if plugin and message else message


def _changes(now: Node, before: Node) -> list[Part]:
    """What a re-registered node gained or lost: plugins, volumes, its class, pool or datacenter, metadata,
    attributes."""
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
    """Members in which two objects differ, each with its previous and current value; None for a missing one."""
    if before is EMPTY or now is EMPTY or bytes(before) == bytes(now):
        return  # a payload without the field does not mean that it is empty
    old, new = anything(bytes(before)), anything(bytes(now))
    old, new = old if isinstance(old, dict) else {}, new if isinstance(new, dict) else {}
    for name in sorted(old.keys() | new.keys()):
        was, value = old.get(name), new.get(name)
        if was != value:
            yield name, was, value


def _setting(what: str, was: Any, value: Any, *, is_secret: bool) -> Part:
    """`meta rack set to r9`, `meta rack r1 → r9`; values that are long or may be secret are left out."""
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
