"""What a source tells its reader. A live server and a recording tell it in the same words."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from nomad_tui.core.wire import Frame, Heartbeat, Unreadable


@dataclass(frozen=True, slots=True)
class Connecting:
    """A connection is being made; what was shown stays."""

    to: str


@dataclass(frozen=True, slots=True)
class Connected:
    """The server accepted the subscription and sent its first line."""

    to: str
    version: str | None = None
    """The server's release, where the token may read it."""
    region: str | None = None
    reconnects: int = 0
    """How often this source has been connected before."""


@dataclass(frozen=True, slots=True)
class Retrying:
    """The stream ended or could not be opened; the source tries again by itself."""

    what: str
    """One or two sentences: what happened and why."""
    remedy: str
    delay: float
    """Seconds until the next attempt."""
    attempt: int
    """Attempts that have failed in a row, from 1."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server will not serve this subscription with this token. Tried again, but seldom."""

    what: str
    remedy: str
    delay: float
    attempt: int


class GapReason(StrEnum):
    BUFFER = "buffer"
    """The server no longer held the last event seen."""
    REBUILT = "rebuilt"
    """The server's indexes are lower than those seen: it was rebuilt or restored, or it is another one."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Events may be missing here."""

    reason: GapReason
    after: int
    """The last index seen before it."""
    before: int
    """The first index seen after it; lower than `after` for a rebuilt server."""
    away: float
    """Seconds between the last byte of the old connection and the first line of the new one."""

    @property
    def sentence(self) -> str:
        if self.reason is GapReason.REBUILT:
            return (
                f"the index went back from {self.after:,} to {self.before:,}: "
                "the server was rebuilt or is another one, and what happened between is not known"
            )
        return (
            f"events {self.after + 1:,}–{self.before - 1:,} may be missing: reconnected after {self.away:.0f} s, "
            f"when the server no longer held {self.after:,}"
        )


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more will come: a recording was read to its end."""

    what: str


Update: TypeAlias = Connecting | Connected | Retrying | Refused | Gap | Ended | Frame | Heartbeat | Unreadable
