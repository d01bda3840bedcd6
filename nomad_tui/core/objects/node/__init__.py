"""Nodes: their fields, their sentences, their summary, their level, and when they were written."""

from datetime import datetime
from typing import Any, Final

from nomad_tui.core.level import Level
from nomad_tui.core.objects.fact import Context, Facts
from nomad_tui.core.objects.kind import THIS_WRITE, Compared, Known, Links, ObjectEvent, positive
from nomad_tui.core.objects.node import sentence, summary
from nomad_tui.core.objects.node.fields import Node
from nomad_tui.core.objects.parts import Sentence
from nomad_tui.core.objects.reading import Object, ObjectReader
from nomad_tui.core.readable import SECOND

_LEVELS: Final = {"down": Level.FAILURE, "disconnected": Level.WARNING, "initializing": Level.ROUTINE}
"""By status, where that is news."""
_OWN_WRITES: Final = frozenset(("NodeRegistration", "NodeStreamEvent", "NodeDrain", "NodeEligibility"))
"""Types after which a node's newest own event is of this write."""


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
        summary.summary(now, facts, context)

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
