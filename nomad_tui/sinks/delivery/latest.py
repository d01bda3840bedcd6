"""The newest payload of each object, used to compare with the object's next event and to look up its name."""

from collections import OrderedDict
from functools import partial
from typing import Final

import msgspec

from nomad_tui.core.objects.parts import Beside
from nomad_tui.core.objects.reading import ObjectsRead
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.topics import released_topic
from nomad_tui.core.wire import Frame

MAX_BYTES: Final = 32 * 1024 * 1024
ENTRY_BYTES: Final = 600
"""Approximate bytes of an entry without its payload."""
RENAMED: Final = ("Node", "ACLRole")
"""Topics of the objects that sentences name and that can be renamed while events wait for a sink."""
MAX_NAMES: Final = 100
"""Names kept for one object: more renames while events wait are not expected."""


class _Latest(msgspec.Struct, gc=False):
    payload: bytes
    number: int
    """Number of the event that carried the payload."""
    first: int
    """Number of the object's first event."""
    names: tuple[tuple[int, str], ...] = ()
    """Display names, each with the number of the event that set it; only for `RENAMED`."""


class LatestEvents:
    """The latest event of each object, for a sink that renders events. Evicts the least recently changed objects."""

    def __init__(self, most_bytes: int = MAX_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._objects: OrderedDict[tuple[str, str, str], _Latest] = OrderedDict()
        self.end = 0
        """Number of events added, which is the number of the next one."""
        self._objects_read = ObjectsRead()
        self._gap = 0
        """Number of the first event after the last gap."""

    def add(self, frame: Frame, payloads: list[bytes]) -> list[tuple[bytes, bytes | None]]:
        """Return each event's payload and that of its object's previous event: None if unknown or before a gap.

        `payloads` are kept, so they must not share memory with the frame.
        """
        objects, number, retained, gap = self._objects, self.end, self._bytes, self._gap
        found: list[tuple[bytes, bytes | None]] = []
        for event, payload in zip(frame.events, payloads, strict=True):
            retained += len(payload)
            identity = (released_topic(event.topic), event.namespace, event.key)
            latest = objects.get(identity)
            if latest is None:
                found.append((payload, None))
                latest = objects[identity] = _Latest(payload, number, number)
                retained += ENTRY_BYTES
            else:
                found.append((payload, latest.payload if latest.number >= gap else None))
                retained -= len(latest.payload)
                latest.payload, latest.number = payload, number
                objects.move_to_end(identity)
            if identity[0] in RENAMED:
                name = _called(identity[0], payload)
                if not latest.names or name != latest.names[-1][1]:
                    latest.names = (*latest.names[1 - MAX_NAMES :], (number, name))
            number += 1
        while retained > self._most_bytes and len(objects) > 1:
            retained -= len(objects.popitem(last=False)[1].payload) + ENTRY_BYTES
        self.end, self._bytes = number, retained
        return found

    def add_gap(self) -> None:
        """Do not compare later events with those before the gap."""
        self._gap = self.end

    def beside(self, frame: Frame, namespace: str, payloads: list[bytes]) -> Beside:
        """Return the context for sentences about the events of one namespace in the frame added last."""
        name, read = partial(self._name, self.end, namespace), partial(self._read, payloads)
        return Beside(frame, namespace, name, self._objects_read, read)

    def _read(self, payloads: list[bytes], topic: str, offset: int) -> object:
        return kind(topic).read_kept(payloads[offset], self._objects_read)

    def _name(self, end: int, namespace: str, topic: str, identifier: str) -> str:
        """Return the display name that an object had before event number `end`; "" if unknown."""
        latest = self._objects.get((topic, namespace if kind(topic).is_namespaced else "", identifier))
        if latest is None or latest.first >= end:
            return ""
        if topic in RENAMED:
            return next((name for number, name in reversed(latest.names) if number < end), "")
        return _called(topic, latest.payload)


def _called(topic: str, payload: bytes) -> str:
    of = kind(topic)
    return of.called(of.links(payload))
