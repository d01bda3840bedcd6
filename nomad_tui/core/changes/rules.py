"""What is particular about the members of an object: which change without an operator ever looking for it, and what
distinguishes the items of a list."""

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
"""Keys that change with every write, or with every heartbeat and fingerprint, and that nobody looks for: from the
consecutive payloads of 2.0.6."""

FREE_FORM: Final = frozenset({"Config", "Env", "GetterHeaders", "GetterOptions", "Meta"})
"""Maps whose keys their author chose: a key in them means what its author meant."""

_LOOSE: Final = frozenset({"Job"})
"""The key of a Job event's object. What servers leave unset in it, they write in several ways."""

LIMITED: Final = "Events"
"""Lists, of tasks and nodes, of which servers keep the latest ten: that the oldest goes is noise."""


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
"""What distinguishes the items of a list, the best first; the first that every item has, each another, is used."""


class ChangeRules(msgspec.Struct, frozen=True):
    """How two payloads of an object are compared."""

    bookkeeping: frozenset[str]
    item_keys: tuple[tuple[str, ...], ...]
    """The keys by which the items of lists are matched, the best first."""
    loose: frozenset[str]
    """Members of the payload in which unset and left out are the same."""

    def also(self, bookkeeping: Iterable[str] = (), item_keys: Iterable[tuple[str, ...]] = ()) -> "ChangeRules":
        """With more that an object has of its own; its item keys come first."""
        return ChangeRules(self.bookkeeping | frozenset(bookkeeping), (*item_keys, *self.item_keys), self.loose)

    def is_noise(self, place: Place, change: Change, key: str | None) -> bool:
        if key is not None and key in self.bookkeeping and not place.is_free_form:
            return True
        if change.kind is ChangeKind.REMOVED and key is None and place.key == LIMITED:
            return True
        return place.is_loose and is_unset(change.before) and is_unset(change.after)


COMMON: Final = ChangeRules(_BOOKKEEPING, _ITEM_KEYS, _LOOSE)
"""What the objects of Nomad have in common: most of them hold parts of others."""


def is_unset(value: Value) -> bool:
    """Whether a value is what servers may as well leave out: null, or an empty text, list or map."""
    return value is None or (type(value) in (str, list, dict) and not value)
