"""The fields of an allocation, and of its tasks."""

from typing import Final

import msgspec

from nomad_tui.core.objects.reading import EMPTY, Object, Reader, Written

ENDINGS: Final = frozenset(
    {
        "Disk Resources Exceeded",
        "Driver Failure",
        "Failed Artifact Download",
        "Failed Restoring Task",
        "Failed Validation",
        "Setup Failure",
        "Sibling Task Failed",
        "Task hook failed",
        "Terminated",
    }
)
"""Task events that say why a task is not running (`TaskEvent` in `nomad/structs`)."""


class TaskEvent(Object):
    type: str = ""
    time: int = 0
    exit_code: int = 0
    signal: int = 0
    start_delay: int = 0
    message: str = ""
    display_message: str = ""
    restart_reason: str = ""
    task_signal: str = ""
    task_signal_reason: str = ""
    details: dict[str, str] | None = None

    @property
    def fails_task(self) -> bool:
        """Whether the client kills the task because it cannot go on, as for a template or a Vault token."""
        return self.type == "Killing" and (self.details or {}).get("fails_task") == "true"

    @property
    def is_ending(self) -> bool:
        """Whether it says why the task is not running."""
        return self.type in ENDINGS or self.fails_task


class TaskState(Object):
    state: str = ""
    failed: bool = False
    restarts: int = 0
    events: list[TaskEvent] | None = None

    def ending(self) -> TaskEvent | None:
        """The newest event that says why the task is not running, or what it was killed for before it terminated."""
        found: TaskEvent | None = None
        for event in reversed(self.events or ()):
            if event.fails_task:
                return event
            if found is not None and event.type == "Started":
                break
            found = found or (event if event.type in ENDINGS else None)
        return found


class Transition(Object):
    migrate: bool | None = None
    migrate_disable_placement: bool | None = None
    reschedule: bool | None = None
    force_reschedule: bool | None = None


class Health(Object):
    healthy: bool | None = None
    canary: bool = False
    timestamp: str | None = None


class Reschedule(Object):
    reschedule_time: int = 0
    prev_alloc_id: str = ""


class RescheduleTracker(Object):
    events: list[Reschedule] | None = None
    last_reschedule: str = ""


class Port(Object):
    label: str = ""
    value: int = 0
    host_ip: str = msgspec.field(default="", name="HostIP")


class Shared(Object):
    ports: list[Port] | None = None


class Resources(Object):
    shared: Shared | None = None


class Allocation(Written):
    name: str = ""
    job_id: str = ""
    task_group: str = ""
    eval_id: str = ""
    node_id: str = ""
    node_name: str = ""
    client_status: str = ""
    client_description: str = ""
    desired_status: str = ""
    desired_description: str = ""
    desired_transition: Transition | None = None
    deployment_id: str = ""
    deployment_status: Health | None = None
    reschedule_tracker: RescheduleTracker | None = None
    followup_eval_id: str = ""
    previous_allocation: str = ""
    next_allocation: str = ""
    preempted_by_allocation: str = ""
    create_time: int = 0
    modify_time: int = 0
    task_states: dict[str, TaskState] | None = None
    allocated_resources: msgspec.Raw = EMPTY

    @property
    def tasks(self) -> dict[str, TaskState]:
        """Tasks by name, in the order of the payload."""
        return self.task_states or {}

    @property
    def ports(self) -> list[Port]:
        resources = _RESOURCES.read(self.allocated_resources) if self.allocated_resources is not EMPTY else None
        return (resources.shared.ports if resources is not None and resources.shared is not None else None) or []

    @property
    def is_to_stop(self) -> bool:
        return self.desired_status in ("stop", "evict")

    @property
    def has_been_rescheduled(self) -> bool:
        return self.reschedule_tracker is not None and bool(self.reschedule_tracker.events)

    @property
    def is_reschedule(self) -> bool:
        """Whether it replaces a failed allocation, rather than resulting from an update or a drain."""
        events = self.reschedule_tracker.events if self.reschedule_tracker is not None else None
        return events is not None and len(events) > 0 and events[-1].prev_alloc_id == self.previous_allocation

    def without_payload(self) -> "Allocation":
        """This allocation stripped of its tasks and of members that keep the payload's bytes alive, for caching."""
        self.task_states = None
        self.allocated_resources = EMPTY
        return self


_RESOURCES = Reader[Resources](Resources | None)
