"""Labels of alerts and log streams: fixed text and values of the event."""

from collections.abc import Iterable

from nomad_tui.core.text import printable
from nomad_tui.sinks.types.event_view import EventView

LONGEST: int = 1_024
"""Characters of a label's value."""


def labels_of(view: EventView, labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Labels by name, without empty ones."""
    of = view.object
    values = {
        "region": view.region,
        "namespace": of["namespace"],
        "topic": of["topic"],
        "type": of["type"],
        "job": view.job,
        "group": of["group"],
        "node": view.node,
        "level": view.level,
    }
    made = {name: printable(text.format_map(values), LONGEST).strip() for name, text in labels}
    return {name: value for name, value in made.items() if value}
