"""What Event shows: an event as it is handed to the inspector, and the views of it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from textual.content import Content

if TYPE_CHECKING:
    from nomad_tui.core.diagnosis import Diagnosis


class EventView(StrEnum):
    """One of the four views of an event."""

    TREE = "tree"
    CHANGES = "changes"
    TIMELINE = "timeline"
    RAW = "raw"

    @property
    def is_searched(self) -> bool:
        """Whether it has a search line."""
        return self in (EventView.TREE, EventView.RAW)


class Before(msgspec.Struct, frozen=True):
    """What an event is compared with."""

    payload: bytes
    label: str
    """Which event that is, as a sentence; untrusted."""


def _no_name(_topic: str, _id: str) -> str:
    return ""


class InspectedEvent(msgspec.Struct, frozen=True):
    sequence: int
    """The event's number in the history."""
    title: str
    """Which object, such as `Allocation 3f2a91c4`; untrusted."""
    heading: tuple[Content, ...]
    """One to three lines that say what happened, made of text that is fit to be drawn."""
    facts: tuple[tuple[str, str], ...]
    """Label and value of what the envelope says, such as `("Type", "PlanResult")`; the values are untrusted,
    and a fact without one is left out."""
    payload: bytes
    """As the server sent it."""
    trouble: str | None = None
    """What was wrong with the event itself, or what a gap means, in a sentence or two; untrusted."""
    topic: str = ""
    """The released name; empty for a gap in the stream, which is no object."""
    key: str = ""
    before: Before | None = None
    """What it is compared with; None where the object's event before is not held."""
    happened: int | None = None
    """When it happened, in ns since 1970; ages in the summary are relative to it. None if it is unknown."""
    newest: Callable[[], str] = str
    """What the object has become since, as far as it is held; empty where its state is the same."""
    name: Callable[[str, str], str] = _no_name
    """The name of the object of a topic that has an ID, or ""."""
    diagnose: Callable[[], Diagnosis] | None = None
    """Begins to read what the events held prove of a failure."""
