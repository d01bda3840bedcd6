"""The sentence of an event: what happened to which object, as an operator would say it.

It is derived from the payload and from the payload of the object's previous event. A transition such as
`pending → running` is claimed only where both payloads show it; with one payload a sentence says the state,
or what the payload itself proves (equal indexes prove a creation, `Deleted` a removal). The event's type is
only the name of the write that changed the object, so it decides nothing by itself where a payload tells.
"""

from nomad_tui.core.sentence import allocation, deployment, evaluation, job, node, others
from nomad_tui.core.sentence.beside import NOTHING, Beside, object_name
from nomad_tui.core.sentence.parts import Part, Role, Sentence, dim, named, sentence, status_role, words

__all__ = ["Beside", "Part", "Role", "Sentence", "describe", "object_name", "status_role"]


def describe(
    topic: str, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside = NOTHING
) -> Sentence:
    """What happened, for released names of `topic` and `type_` and the JSON of the event's `Payload`.

    `previous` is the payload of the event before of the same topic, namespace and key; None where there was none, it
    is no longer held, or a gap lies between. `beside` gives the rest of the event's frame and the names of objects.
    Takes any bytes: what cannot be read gives the type in words and the key.
    """
    try:
        return _describe(topic, type_, key, payload, previous, beside)
    except RecursionError:  # Nesting just within what can be read is too deep to be compared.
        return sentence(named("", key), [dim(words(type_))])


def _describe(topic: str, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside) -> Sentence:
    said: Sentence | None = None
    match topic:
        case "Allocation":
            said = allocation.describe(key, payload, previous, beside)
        case "Evaluation":
            said = evaluation.describe(key, type_, payload, previous, beside)
        case "Job":
            said = job.describe(key, type_, payload, previous)
        case "Deployment":
            said = deployment.describe(key, payload, previous)
        case "Node":
            said = node.describe(key, type_, payload, previous, beside)
    return said if said is not None else others.describe(topic, type_, key, payload, previous, beside)
