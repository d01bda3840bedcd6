"""The summary of an object: what an operator looks for in it, in a few facts, the most important first.

It describes the state in one payload; the sentence describes what has just happened.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo

from nomad_tui.core.objects import unknown
from nomad_tui.core.objects.fact import LONGEST_VALUE, MOST_FACTS, Context, Fact, Facts
from nomad_tui.core.objects.parts import dim
from nomad_tui.core.objects.registry import kind

__all__ = ["LONGEST_VALUE", "MOST_FACTS", "Fact", "Summary", "summary"]


@dataclass(frozen=True, slots=True)
class Summary:
    facts: tuple[Fact, ...]
    """The most important first, at most `MOST_FACTS`; empty for a payload without facts."""


def summary(
    topic: str,
    key: str,
    payload: bytes,
    *,
    name: Callable[[str, str], str],
    now: int,
    timezone: tzinfo | None = None,
    of_event: bool = False,
    newest: str = "",
) -> Summary:
    """The object in the JSON of an event's `Payload`, for the released name of its topic.

    `name` gives the known name of a node, job or deployment for its topic and ID, "" for an unknown one; `now` is
    in ns since 1970, and times are in `timezone`, None being the machine's own. Takes any bytes: what cannot
    be read is left out. `of_event` says that `now` is when the event happened, and `newest` what the object has become
    since; and an object without known fields is shown by its scalars.
    """
    facts = Facts()
    context = Context(name, now, timezone, of_event)
    of = kind(topic)
    try:
        of.summarize(facts, key, payload, context)
        if not facts.collected():
            unknown.summarize(of.payload_keys, facts, key, payload)
    except RecursionError:
        pass  # Nesting just within what can be read; the facts found before are kept.
    later = (Fact("", (dim(newest),), own_line=True),) if newest else ()
    return Summary((*facts.collected()[: MOST_FACTS - len(later)], *later))
