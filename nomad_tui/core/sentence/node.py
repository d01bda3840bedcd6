"""Sentences about nodes: registered, down and back, draining, eligible or not, drivers."""

from typing import Final

from nomad_tui.core.readable import duration
from nomad_tui.core.sentence.parts import (
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
from nomad_tui.core.sentence.reading import Object, Reader, Versioned, earlier

_QUIET: Final = {
    "AllocationUpdated": "allocations updated",
    "NodeRegistration": "registered again",
    "NodeStreamEvent": "still",
}


class NodeEvent(Object):
    message: str = ""
    timestamp: str = ""


class Drain(Object):
    deadline: int = 0


class LastDrain(Object):
    status: str = ""


class Driver(Object):
    healthy: bool = False
    health_description: str = ""


class Node(Versioned):
    name: str = ""
    status: str = ""
    status_description: str = ""
    scheduling_eligibility: str = ""
    drain: bool = False
    drain_strategy: Drain | None = None
    last_drain: LastDrain | None = None
    node_class: str = ""
    node_pool: str = ""
    datacenter: str = ""
    computed_class: str = ""
    create_index: int = 0
    events: list[NodeEvent] | None = None
    drivers: dict[str, Driver] | None = None

    def is_draining(self) -> bool:
        """Draining by either dialect: a beta server may set only the flag."""
        return self.drain or self.drain_strategy is not None


class Payload(Object):
    node: Node | None = None


_READER: Final = Reader[Payload](Payload)


def describe(key: str, type_: str, payload: bytes, previous: bytes | None) -> Sentence | None:
    read = _READER.read(payload)
    if read is None or (now := read.node) is None:
        return None
    before = None
    if previous is not None and (read := _READER.read(previous)) is not None:
        before = earlier(read.node, now)
    return sentence(named(now.name, key), _happened(now, before, type_), status=now.status)


def _happened(now: Node, before: Node | None, type_: str) -> list[Part]:
    if type_ == "NodeDeregistration":
        return [warn("deregistered"), DOT, dim(f"was {now.status or 'without status'}", VALUE_LIMIT)]
    if now.create_index == now.modify_index and (now.create_index or type_ == "NodeRegistration"):
        return [plain("registered"), DOT, status(now.status), *_kind(now)]
    if before is None:
        return _state(now, type_)
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
    if now.computed_class != before.computed_class and before.computed_class:
        return [status(now.status), DOT, plain("registered again, attributes changed")]
    return [status(now.status), DOT, *standing] if (standing := _standing(now)) else _quiet(now, type_)


def _state(now: Node, type_: str) -> list[Part]:
    """What the payload alone proves, with the newest of the node's own events where that is what came."""
    if standing := _standing(now):
        return [status(now.status), DOT, *standing]
    if type_ == "NodeStreamEvent" and now.events and (told := _told(now.events[-1])):
        return [status(now.status), DOT, plain(told)]
    return _quiet(now, type_)


def _standing(now: Node) -> list[Part]:
    """What an operator must not forget about a node, whatever else is said of it."""
    if now.is_draining():
        return _drain(now, "draining")
    return [warn("ineligible")] if now.scheduling_eligibility == "ineligible" else []


def _quiet(now: Node, type_: str) -> list[Part]:
    if now.status in ("down", "disconnected"):
        return [status(now.status), DOT, dim(_QUIET.get(type_, "unchanged"))]
    if type_ == "NodeStreamEvent":
        return [status(now.status)]
    return unchanged(now.status, _QUIET.get(type_, "unchanged"))


def _drain(now: Node, verb: str = "drain started") -> list[Part]:
    deadline = now.drain_strategy.deadline if now.drain_strategy is not None else None
    if deadline is None:
        return [warn(verb)]
    if deadline < 0:
        return [warn(verb), DOT, plain("forced")]
    return [warn(verb), DOT, plain(f"deadline {duration(deadline)}" if deadline else "no deadline")]


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
    return reason(event.message[: MESSAGE_LIMIT * 2], "Node ")


def _kind(now: Node) -> list[Part]:
    known = [
        f"{label} {value[:VALUE_LIMIT]}"
        for label, value in (("class", now.node_class), ("pool", now.node_pool), ("in", now.datacenter))
        if value
    ]
    return [dim(" · " + ", ".join(known))] if known else []
