"""The sentence of an event: what happened to which object, as an operator would say it.

It is derived from the payload and from the payload of the object's previous event. A transition such as
`pending → running` is claimed only where both payloads show it; with one payload a sentence says the state,
or what the payload itself proves (equal indexes prove a creation, `Deleted` a removal). The event's type is
only the name of the write that changed the object, so it decides nothing by itself where a payload does.
"""

from nomad_tui.core.objects.beside import NOTHING, Beside
from nomad_tui.core.objects.parts import Part, Role, Sentence, dim, named, sentence, status_role, words
from nomad_tui.core.objects.registry import kind

__all__ = ["Beside", "Part", "Role", "Sentence", "describe", "status_role"]


def describe(
    topic: str, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside = NOTHING
) -> Sentence:
    """What happened, for released names of `topic` and `type_` and the JSON of the event's `Payload`.

    `previous` is the payload of the event before of the same topic, namespace and key; None where there was none, it
    is no longer held, or a gap lies between. `beside` gives the rest of the event's frame and the names of objects.
    Takes any bytes: what cannot be read gives the type in words and the key.
    """
    try:
        return kind(topic).describe(type_, key, payload, previous, beside)
    except RecursionError:  # Nesting just within what can be read is too deep to be compared.
        return sentence(named("", key), [dim(words(type_))])
