"""The summary of an object: what an operator looks for in it, in a few facts, the most telling first.

It is derived from one payload and tells how things stand; what has just happened is the sentence's business.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

import msgspec

from nomad_tui.core.sentence.parts import dim
from nomad_tui.core.sentence.reading import EMPTY, Reader
from nomad_tui.core.summary import access, allocation, deployment, evaluation, job, node, others, volumes
from nomad_tui.core.summary.fact import LONGEST_VALUE, MOST_FACTS, Context, Fact, Facts
from nomad_tui.core.topics import payload_keys

__all__ = ["LONGEST_VALUE", "MOST_FACTS", "Fact", "Summary", "summary"]


@dataclass(frozen=True, slots=True)
class Summary:
    facts: tuple[Fact, ...]
    """The most telling first, at most `MOST_FACTS`; empty for a payload that tells nothing."""


_WHOLE: Final = Reader[dict[str, msgspec.Raw]](dict[str, msgspec.Raw])
_DELETED: Final = Reader[bool](bool)

Teller = Callable[[Facts, msgspec.Raw, bool, Context], None]
"""Adds the facts of an object's JSON; the truth value says that the payload calls the object deleted."""

_TELLERS: Final[dict[str, Teller]] = {
    "Allocation": allocation.tell,
    "Evaluation": evaluation.tell,
    "Deployment": deployment.tell,
    "Node": node.tell,
    "Job": job.tell,
    "Service": others.tell_service,
    "NodePool": others.tell_node_pool,
    "Variable": others.tell_variable,
    "HostVolume": volumes.tell_host_volume,
    "CSIVolume": volumes.tell_csi_volume,
    "CSIPlugin": volumes.tell_csi_plugin,
    "ACLToken": access.tell_token,
    "ACLPolicy": access.tell_policy,
    "ACLRole": access.tell_role,
    "ACLAuthMethod": access.tell_auth_method,
    "ACLBindingRule": access.tell_binding_rule,
}


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
    """What stands in the JSON of an event's `Payload`, for the released name of its topic.

    `name` gives the known name of a node, job or deployment for its topic and ID, "" for an unknown one; `now` is
    in ns since 1970, and times are told in `timezone`, None being the machine's own. Takes any bytes: what cannot
    be read is left out. `of_event` says that `now` is when the event happened, and `newest` what the object has become
    since; and an object that tells nothing known is told by its scalars.
    """
    facts = Facts()
    context = Context(name, now, timezone, of_event)
    try:
        whole = _WHOLE.read(payload) or {}
        found = next((whole[place] for place in payload_keys(topic) if _is_object(whole.get(place, EMPTY))), None)
        teller = _TELLERS.get(topic)
        if found is not None and teller is not None:
            teller(facts, found, "Deleted" in whole and _DELETED.read(whole["Deleted"]) is True, context)
        if not facts.collected() and len(payload) <= others.READ_LIMIT:
            others.tell_scalars(facts, key, payload if found is None else found)
    except RecursionError:
        pass  # Nesting just within what can be read; what was told before stands.
    later = (Fact("", (dim(newest),), own_line=True),) if newest else ()
    return Summary((*facts.collected()[: MOST_FACTS - len(later)], *later))


def _is_object(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:1]) == b"{"
