"""What an object of an earlier event is now: the newest state held, where it differs, and how much later it came."""

from typing import Final

import msgspec

from nomad_tui.core.history.event_row import happened
from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import HeldEvent
from nomad_tui.core.objects.reading import Object, Reader
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.readable import duration
from nomad_tui.core.topics import released_topic


class _State(Object):
    """The fields of any object that say its state; empty where it has none."""

    client_status: str = ""
    desired_status: str = ""
    status: str = ""
    state: str = ""
    scheduling_eligibility: str = ""
    drain: bool = False
    drain_strategy: msgspec.Raw | None = None


_WHOLE: Final = Reader[dict[str, msgspec.Raw]](dict[str, msgspec.Raw])
_STATE: Final = Reader[_State](_State)
_REMOVED: Final = ("Deleted", "Deregistered", "Deregistration")
_DELETED: Final = msgspec.Raw(b"true")


def newest_state(history: History, sequence: int) -> str:
    """`now: ready, 25 s later`; empty where nothing newer is held or its state is the same."""
    if sequence < history.first or history.gap(sequence) is not None:
        return ""
    event = history.event(sequence)
    newest = history.newest(released_topic(event.topic), event.namespace, event.key)
    if newest is None or newest <= sequence:
        return ""
    latest = history.event(newest)
    state = _state(latest)
    if latest.index < event.index or not state or state == _state(event):
        return ""
    then, since = happened(history, sequence), happened(history, newest)
    later = f", {duration(since - then)} later" if then is not None and since is not None and since > then else ""
    return f"now: {state}{later}"


def _state(event: HeldEvent) -> str:
    topic = released_topic(event.topic)
    whole = _WHOLE.read(event.payload) or {}
    if whole.get("Deleted") == _DELETED or (event.type.endswith(_REMOVED) and event.type.startswith(topic)):
        return kind(topic).removed
    found = next((whole[key] for key in kind(topic).payload_keys if key in whole), None)
    read = None if found is None else _STATE.read(found)
    if read is None:
        return ""
    words = [read.client_status or read.status or read.state]
    if read.desired_status in ("stop", "evict") and read.client_status in ("pending", "running"):
        words.append(f"to {read.desired_status}")
    if read.drain or read.drain_strategy not in (None, msgspec.Raw(b"null")):
        words.append("draining")
    elif read.scheduling_eligibility == "ineligible":
        words.append("ineligible")
    return ", ".join(word for word in words if word) or "there"
