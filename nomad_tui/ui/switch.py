"""What a dashboard ends with when another is wanted."""

from dataclasses import dataclass

from nomad_tui.config import Connection


@dataclass(frozen=True, slots=True)
class Switch:
    """What the next dashboard takes over."""

    connection: Connection
    filter_text: str
    theme: str
