"""Human-readable forms of raw numbers, times and IDs, shown in addition to them, never instead.

Nomad names its fields by meaning, so the name decides: the lists below are the fields of the objects that servers up to
2.0 send. A value that is implausible for its field, zero above all, has no annotation.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, TypeAlias

from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.payload.parsing import Value
from nomad_tui.core.payload.rows import Step
from nomad_tui.core.readable import SECOND, age, byte_count, count, duration

SEPARATOR: Final = " · "
"""Separates the parts of an annotation, the most important first: a narrow line may keep only that."""

Names: TypeAlias = Callable[[str, str], str]
"""Returns the name of an object by its topic and ID, such as `edge-1` for a node; empty if unknown."""

_EARLIEST: Final = 946_684_800
_LATEST: Final = 4_102_444_800
"""Seconds. A number from 2000 to 2100 can be a time; Go's zero time and small numbers cannot."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_TIME: Final = lazy_pattern(r"(?:Time|At|Timestamp)\Z")
"""Nanoseconds: `CreateTime`, `ModifyTime`, `SubmitTime`, `RescheduleTime`, a task event's `Time`."""

_SECONDS: Final = lazy_pattern(r"(?:At|Timestamp)\Z")
"""Seconds: a node's `StatusUpdatedAt`."""

_DURATION: Final = lazy_pattern(
    r"(?:Deadline|Delay|Interval|Timeout|TTL|Stagger|Splay|Grace|Leeway|Wait"
    r"|Duration|\AMinHealthyTime|\AAllocationTime|ClientDisconnect|\ALostAfter|\AStopOnClientAfter)\Z"
)
"""Nanoseconds, in jobs, drains, deployments, checks, templates and node pools."""

_BYTES: Final = lazy_pattern(r"(?:Bytes|bytes|bytestotal|bytesfree)\Z")
_MEGABYTES: Final = lazy_pattern(r"[a-z]MB\Z")

_MEGAHERTZ: Final = frozenset(
    ("CPU", "CpuShares", "BaseSpeed", "MaxSpeed", "GuessSpeed", "OverrideTotalCompute", "OverrideWitholdCompute")
)
_MEGAHERTZ_TEXTS: Final = lazy_pattern(r"\Acpu\.(?:frequency|\w*compute)\Z")
"""Attributes of a node."""
_MEGABITS: Final = frozenset(("MBits", "Speed"))

_IDS: Final = {
    "AllocID": "Allocation",
    "BlockedEval": "Evaluation",
    "CanaryAllocs": "Allocation",
    "DeploymentID": "Deployment",
    "EvalID": "Evaluation",
    "FollowupEvalID": "Evaluation",
    "JobID": "Job",
    "NextAllocation": "Allocation",
    "NextEval": "Evaluation",
    "NodeID": "Node",
    "ParentID": "Job",
    "PlacedCanaries": "Allocation",
    "PreemptedAllocations": "Allocation",
    "PreemptedByAllocation": "Allocation",
    "PrevAllocID": "Allocation",
    "PrevNodeID": "Node",
    "PreviousAllocation": "Allocation",
    "PreviousEval": "Evaluation",
    "RelatedEvals": "Evaluation",
    "VolumeID": "HostVolume",
}
"""The topic of the object that an ID refers to, by the key of the ID or of the list that contains it."""
_LONGEST_ID: Final = 200

_RFC3339: Final = lazy_pattern(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LONGEST_RFC3339: Final = 35
_LONGEST_BYTES: Final = 18
"""Digits of a byte count that a fingerprint stores as a string; longer ones are not sizes."""


def annotation(
    key: Step | None,
    value: Value,
    now_ns: int,
    timezone: tzinfo | None = None,
    *,
    parent_key: Step | None = None,
    names: Names | None = None,
    than: str = "",
) -> str | None:
    """A readable form of `value`, such as `5 m` or `14 s ago · 2026-11-23 08:49:12.222`; None if there is none.

    `now_ns` is in nanoseconds since the epoch; `timezone` None is that of this machine. A name is untrusted text.
    `than` names the time of `now_ns` if it is not the present, as in `age`.
    """
    if type(value) is str and (name := name_of(key, value, parent_key, names)) is not None:
        return name
    if not isinstance(key, str):
        return None
    if type(value) is int:
        return _annotate_integer(key, value, now_ns, timezone, parent_key, than)
    if type(value) is str:
        return _annotate_string(key, value, now_ns, timezone, than)
    return None


def is_time(key: Step | None, value: Value, parent_key: Step | None = None) -> bool:
    """Whether a value is a raw number that stands for a time or a duration."""
    if type(value) is not int or not isinstance(key, str):
        return False
    return bool(_DURATION.search(key) or _TIME.search(key)) or (parent_key == "Wait" and key in ("Min", "Max"))


def name_of(key: Step | None, value: str, parent_key: Step | None, names: Names | None) -> str | None:
    """The name of the object whose ID is `value`, untrusted; None if it is not an ID or the name is unknown."""
    topic = _IDS.get(str(parent_key if isinstance(key, int) else key)) if names is not None else None
    if names is None or topic is None or not 0 < len(value) <= _LONGEST_ID:
        return None
    name = names(topic, value)
    return name if name and name != value else None


def _annotate_integer(
    key: str, value: int, now_ns: int, timezone: tzinfo | None, parent_key: Step | None, than: str
) -> str | None:
    if _DURATION.search(key) or (parent_key == "Wait" and key in ("Min", "Max")):
        return duration(value) if value > 0 else None
    if _TIME.search(key):
        if _EARLIEST * SECOND <= value < _LATEST * SECOND:
            return _moment(value, now_ns, timezone, than)
        if _SECONDS.search(key) and _EARLIEST <= value < _LATEST:
            return _moment(value * SECOND, now_ns, timezone, than)
        return None
    if _MEGABYTES.search(key):
        return byte_count(value * 1_000_000) if value >= 1_000 else None
    if _BYTES.search(key):
        return byte_count(value) if value >= 1_000 else None
    if value <= 0:
        return None
    if key in _MEGAHERTZ:
        return _megahertz(value)
    if key in _MEGABITS:
        return f"{count(value)} Mbit/s"
    return f"{count(value)} %" if key == "Percent" else None


def _megahertz(value: int) -> str:
    return f"{value / 1000:,.1f} GHz" if 1_000 <= value < 10**9 else f"{count(value)} MHz"


def _annotate_string(key: str, value: str, now_ns: int, timezone: tzinfo | None, than: str) -> str | None:
    if len(value) <= _LONGEST_RFC3339 and _RFC3339.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value.upper())
            seconds = (moment - _EPOCH) // timedelta(seconds=1)
            if not _EARLIEST <= seconds < _LATEST:
                return None
            theirs = moment.astimezone(timezone)
        except (ValueError, OverflowError):
            return None
        relative = age(now_ns - seconds * SECOND, than)
        if theirs.utcoffset() == moment.utcoffset():
            return relative
        return f"{relative}{SEPARATOR}{theirs:%Y-%m-%d %H:%M:%S}"
    digits = len(value) <= _LONGEST_BYTES and value.isascii() and value.isdecimal()
    if digits and _BYTES.search(key):
        return byte_count(int(value)) if int(value) >= 1_000 else None
    if digits and _MEGAHERTZ_TEXTS.search(key):
        return _megahertz(int(value)) if int(value) > 0 else None
    return None


def _moment(nanoseconds: int, now_ns: int, timezone: tzinfo | None, than: str) -> str:
    local = datetime.fromtimestamp(nanoseconds // SECOND, timezone)
    milliseconds = nanoseconds % SECOND // 1_000_000
    return f"{age(now_ns - nanoseconds, than)}{SEPARATOR}{local:%Y-%m-%d %H:%M:%S}.{milliseconds:03}"
