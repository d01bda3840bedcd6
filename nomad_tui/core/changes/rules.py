"""Properties of an object's members for comparison: which of them change without being of interest, and which of them
identify list items."""

from collections.abc import Iterable
from typing import Final

import msgspec

from nomad_tui.core.changes.model import Change, ChangeKind, Place
from nomad_tui.core.payload.parsing import Value

_BOOKKEEPING: Final = frozenset(
    {
        "AllocModifyIndex", "AllocationTime", "ComputedClass", "CreateIndex", "HeartbeatExpires", "JobModifyIndex",
        "JobSpecModifyIndex", "LastAllocUpdateIndex", "LastHeartbeat", "LastHeartbeatTTL", "LastMissedHeartbeatIndex",
        "ModifyIndex", "ModifyTime", "NodeSnapshotIndex", "QuotaLimitReachedIndex", "SnapshotIndex",
        "StatusUpdatedAt", "SubmitTime", "UpdateTime",
    }
)  # fmt: skip
"""Keys that change with every write, heartbeat or fingerprint and are of no interest: from consecutive payloads of
2.0.6."""

FREE_FORM: Final = frozenset({"Config", "Env", "GetterHeaders", "GetterOptions", "Meta"})
"""Maps with user-defined keys, whose meaning is up to their authors."""

_LOOSE: Final = frozenset({"Job"})
"""The key of a Job event's object. Servers represent unset members of it in several ways."""

LIMITED: Final = "Events"
"""Lists, of tasks and nodes, of which servers keep the latest ten: removal of the oldest item is noise."""


_ITEM_KEYS: Final[tuple[tuple[str, ...], ...]] = (
    ("ID",),
    ("Name",),
    ("Label",),  # ports
    ("DestPath",),  # templates
    ("Time",),  # task events
    ("LTarget", "Operand", "RTarget"),  # constraints and affinities
    ("Timestamp", "Message"),  # node events
    ("NodeID",),  # scores of a placement
    ("PrevAllocID",),  # reschedules
    ("Attribute",),  # spreads
    ("Value",),  # spread targets
    ("Volume", "Destination"),  # mounts
    ("Device", "IP"),  # networks
    ("Device",),
    ("Address",),
)
"""Members that identify list items, the best first; the first that all items have with unique values is used."""


class ChangeRules(msgspec.Struct, frozen=True):
    """How two payloads of an object are compared."""

    bookkeeping: frozenset[str]
    item_keys: tuple[tuple[str, ...], ...]
    """The keys by which list items are matched, the best first."""
    loose: frozenset[str]
    """Members of the payload in which unset and missing values are equivalent."""

    def also(self, bookkeeping: Iterable[str] = (), item_keys: Iterable[tuple[str, ...]] = ()) -> "ChangeRules":
        """These rules with additions for one kind of object; its item keys come first."""
        return ChangeRules(self.bookkeeping | frozenset(bookkeeping), (*item_keys, *self.item_keys), self.loose)

    def is_noise(self, place: Place, change: Change, key: str | None) -> bool:
        if key is not None and key in self.bookkeeping and not place.is_free_form:
            return True
        if change.kind is ChangeKind.REMOVED and key is None and place.key == LIMITED:
            return True
        return place.is_loose and is_unset(change.before) and is_unset(change.after)


COMMON: Final = ChangeRules(_BOOKKEEPING, _ITEM_KEYS, _LOOSE)
"""Rules common to all of Nomad's objects: most of them contain parts of others."""


def is_unset(value: Value) -> bool:
    """Whether servers may omit the value: null, or an empty text, list or map."""
    return value is None or (type(value) in (str, list, dict) and not value)
