"""Objects in trouble according to the server's lists, until newer events report on them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from nomad_tui.core.history.dictionaries import ObjectKey
from nomad_tui.core.history.history import History
from nomad_tui.core.overview.fold import ClusterFold, Happened
from nomad_tui.core.overview.state import Cluster, Trouble

LISTED: Final = -1
"""Stands for the sequence number of an event."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object from a list of the server."""

    topic: str
    namespace: str
    key: str
    index: int
    """Its `ModifyIndex`."""
    payload: bytes
    """In the form of an event's payload."""


class Seed:
    """Objects from lists, each kept until an event with a higher index reports it."""

    def __init__(self, objects: Iterable[Listed] = ()) -> None:
        self._fold = ClusterFold()
        self._indexes: dict[ObjectKey, int] = {}
        for one in sorted(objects, key=lambda each: each.index):
            self._indexes[one.topic, one.namespace, one.key] = one.index
            self._fold.apply(Happened(LISTED, one.topic, "", one.key, one.namespace, one.payload, _unknown_time))

    def forget_known(self, history: History) -> Iterator[None]:
        """Remove objects whose held events are at least as new; yields after reading each such event."""
        for key, index in list(self._indexes.items()):
            newest = history.newest(*key)
            if newest is None:
                continue
            segment = history.segment_of(newest)
            if segment.index[newest - segment.first] < index:
                continue
            event = history.event(newest)
            self.replace(
                Happened(newest, event.topic, event.type, event.key, event.namespace, event.payload, _unknown_time),
                event.index,
            )
            yield

    def replace(self, event: Happened, index: int) -> None:
        """Apply an event of a listed object, which is known from events from then on."""
        listed = self._indexes.get((event.topic, event.namespace, event.key))
        if listed is not None and index >= listed:
            self._fold.apply(event)
            del self._indexes[event.topic, event.namespace, event.key]

    def troubles(self, known: Cluster) -> list[Trouble]:
        """Troubles that only the lists report."""
        return [
            one
            for key, one in self._fold.cluster.troubles.items()
            if one.is_listed
            and key not in known.troubles
            and not (one.kind == "deployment" and _is_replaced(one, known))
        ]


def _is_replaced(one: Trouble, known: Cluster) -> bool:
    """Whether events report another deployment of the job."""
    deployment = known.deployments.get((one.namespace, one.of))
    return deployment is not None and deployment.id != one.key


def _unknown_time() -> None:
    return None
