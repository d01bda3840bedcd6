"""What changes without an operator ever looking for it."""

from typing import Final

from nomad_tui.core.changes.model import Change, ChangeKind, Place
from nomad_tui.core.payload.parsing import Value

NOISE: Final = frozenset(
    {
        "AllocModifyIndex", "AllocationTime", "ComputedClass", "CreateIndex", "HeartbeatExpires", "JobModifyIndex",
        "JobSpecModifyIndex", "LastAllocUpdateIndex", "LastHeartbeat", "LastHeartbeatTTL", "LastMissedHeartbeatIndex",
        "ModifyIndex", "ModifyTime", "NodeSnapshotIndex", "QuotaLimitReachedIndex", "SnapshotIndex",
        "StatusUpdatedAt", "SubmitTime", "UpdateTime",
    }
)  # fmt: skip
"""Keys that change with every write, or with every heartbeat and fingerprint, and that nobody looks for: from the
consecutive payloads of 2.0.6."""

FREE_FORM: Final = frozenset({"Config", "Env", "GetterHeaders", "GetterOptions", "Meta"})
"""Maps whose keys their author chose: a key in them means what its author meant."""

JOB: Final = "Job"
"""The key of a Job event's object. What servers leave unset in it, they write in several ways."""

LIMITED: Final = "Events"
"""Lists, of tasks and nodes, of which servers keep the latest ten: that the oldest goes is noise."""


def is_noise(place: Place, change: Change, key: str | None) -> bool:
    if key is not None and key in NOISE and not place.is_free_form:
        return True
    if change.kind is ChangeKind.REMOVED and key is None and place.key == LIMITED:
        return True
    return place.is_of_job and is_unset(change.before) and is_unset(change.after)


def is_unset(value: Value) -> bool:
    """Whether a value is what servers may as well leave out: null, or an empty text, list or map."""
    return value is None or (type(value) in (str, list, dict) and not value)
