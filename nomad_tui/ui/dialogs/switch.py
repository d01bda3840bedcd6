"""What a dashboard ends with when another is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from nomad_tui.config.connection import Connection


@dataclass(frozen=True, slots=True)
class Switch:
    """What the next dashboard starts with."""

    connection: Connection
    filter_text: str
    theme: str


@dataclass(frozen=True, slots=True)
class Demo:
    """What a dashboard ends with when the recorded cluster is wanted instead."""

    filter_text: str


Outcome: TypeAlias = Switch | Demo | None
"""What a dashboard ends with."""
