"""The objects of payloads as a trace reads them, and their times."""

from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from nomad_tui.core.sentence.allocation import Health, Transition
from nomad_tui.core.sentence.node import Drain
from nomad_tui.core.sentence.reading import EMPTY, Object

_EARLIEST: Final = 946_684_800_000_000_000
_LATEST: Final = 4_102_444_800_000_000_000
"""ns since 1970: from 2000 to 2100 a number can be a time."""

TaskEventKey: TypeAlias = tuple[str, int, str, str]
"""Task, time, type and message: payloads repeat a task's newest events, which have no ID."""


def moment(nanoseconds: int) -> int | None:
    """A time of a payload, or None where it cannot be one."""
    return nanoseconds if _EARLIEST <= nanoseconds < _LATEST else None


def timestamp(text: str | None) -> int | None:
    """An RFC 3339 time in ns since 1970, or None where it cannot be one; microseconds are kept."""
    if not text or len(text) > 40:
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            return None
        return moment(int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1_000)
    except (ValueError, OverflowError, OSError):
        return None


class HealthAt(Health):
    timestamp: str | None = None


class Reschedule(Object):
    prev_alloc_id: str = ""


class RescheduleTracker(Object):
    events: list[Reschedule] | None = None


class AllocationState(Object):
    name: str = ""
    client_status: str = ""
    desired_status: str = ""
    desired_description: str = ""
    desired_transition: Transition | None = None
    deployment_status: HealthAt | None = None
    deployment_id: str = ""
    eval_id: str = ""
    job_id: str = ""
    node_name: str = ""
    previous_allocation: str = ""
    next_allocation: str = ""
    followup_eval_id: str = ""
    create_time: int = 0
    modify_time: int = 0
    create_index: int = 0
    modify_index: int = 0
    reschedule_tracker: RescheduleTracker | None = None
    task_states: msgspec.Raw = EMPTY

    @property
    def is_rescheduled(self) -> bool:
        """Whether it was made because the one before it failed, not by an update or a drain."""
        events = self.reschedule_tracker.events if self.reschedule_tracker is not None else None
        return events is not None and len(events) > 0 and events[-1].prev_alloc_id == self.previous_allocation


class AllocationPayload(Object):
    allocation: AllocationState | None = None


class NodeEvent(Object):
    message: str = ""
    subsystem: str = ""
    timestamp: str = ""


class NodeState(Object):
    status: str = ""
    scheduling_eligibility: str = ""
    drain: bool = False
    drain_strategy: Drain | None = None
    events: list[NodeEvent] | None = None


class NodePayload(Object):
    node: NodeState | None = None


class JobState(Object):
    status: str = ""
    version: int = 0
    stop: bool = False
    stable: bool = False
    submit_time: int = 0
    modify_index: int = 0
    job_modify_index: int = 0


class JobPayload(Object):
    job: JobState | None = None
    deleted: bool = False


class Group(Object):
    promoted: bool = False
    desired_total: int = 0
    placed_allocs: int = 0
    healthy_allocs: int = 0
    unhealthy_allocs: int = 0


class DeploymentState(Object):
    status: str = ""
    status_description: str = ""
    modify_time: int = 0
    task_groups: dict[str, Group] | None = None


class DeploymentPayload(Object):
    deployment: DeploymentState | None = None
