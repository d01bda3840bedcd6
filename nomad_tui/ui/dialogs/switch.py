"""What a dashboard ends with when another is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from nomad_tui.config.connection import Connection


class Switch(msgspec.Struct, frozen=True):
    """What the next dashboard starts with."""

    connection: Connection
    filter_text: str
    theme: str


class Demo(msgspec.Struct, frozen=True):
    """What a dashboard ends with when the recorded cluster is wanted instead."""

    filter_text: str


Outcome: TypeAlias = Switch | Demo | None
"""What a dashboard ends with."""
