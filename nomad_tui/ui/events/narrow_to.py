"""What of one row a filter can ask for or leave out: the menu of `+` and `-` in the list."""

from typing import Final

from nomad_tui.core.history.facts import status_and_node
from nomad_tui.core.history.history import History
from nomad_tui.ui.dialogs.letter_menu import Choice

FIELDS: Final = {"j": "job", "n": "node", "s": "ns"}
"""By the letter of the menu, the fields of the filter language."""


def narrowing(history: History, sequence: int) -> tuple[Choice, ...]:
    """The object, job, node and namespace of a held event; each with its value, or why it has none."""
    event = history.event(sequence)
    segment = history.segment_of(sequence)
    subject = history.subject(segment.subject[sequence - segment.first])
    job = "" if subject is None else subject.job
    _, node_id, node_name = status_and_node(event.topic, event.type, event.key, event.payload)
    found = (
        ("o", "object", event.key),
        ("j", "job", job),
        ("n", "node", node_name or node_id),
        ("s", "namespace", event.namespace),
    )
    return tuple(Choice(letter, label, value or None, f"This event has no {label}.") for letter, label, value in found)
