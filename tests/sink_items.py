"""Recorded events as items for a sink."""

from collections.abc import Iterable
from time import time_ns

from nomad_tui.core.identity import Identities
from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import Frame, decode, event_lines
from nomad_tui.sinks.delivery.sink import Delivery, Item
from tests import recordings


def items(name: str = "tour", most: int = 60, *, received: int | None = None) -> list[Item]:
    """Return items for the first events of a recording, received now by default."""
    at = time_ns() if received is None else received
    identities = Identities("global")
    found: list[Item] = []
    for position, line in enumerate(recordings.lines(name), 1):
        frame = decode(line)
        if not isinstance(frame, Frame) or frame.repaired is not None:
            continue
        texts = event_lines(frame.line)
        for offset, (event, name) in enumerate(zip(frame.events, identities.of(frame), strict=True)):
            found.append(Item(position, offset, frame.index, at + position, texts[offset], event, None, name))
        if len(found) >= most:
            break
    return found[:most]


def gap_item(gap: Gap, position: int = 1) -> Item:
    return Item(position, 0, gap.before, time_ns(), b"{}", None, gap, f"gap-{gap.after}-{gap.before}")


def delivery(of: Iterable[Item], *, test: bool = False) -> Delivery:
    given = tuple(of)
    return Delivery(f"{given[0].id}..{given[-1].id}", given, "global", test=test)


def batches(of: list[Item], size: int) -> list[Delivery]:
    return [delivery(of[start : start + size]) for start in range(0, len(of), size)]
