"""One record of the journal, and many of them as one compressed block."""

from dataclasses import dataclass
from typing import TypeAlias

from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import Frame, Unreadable

Content: TypeAlias = Frame | Gap | Unreadable


@dataclass(frozen=True, slots=True)
class Record:
    position: int
    """From 1, one higher for each record, and never given to another."""
    received: int
    """When it came from the server, in ns since 1970."""
    events_before: int
    """Events in all records ever written before this one, dropped ones too."""
    content: Content
