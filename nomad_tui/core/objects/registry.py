"""All kinds of objects in known releases, descriptions of their events, and the times of these.

`describe`, `level` and `summary` accept any bytes as a payload, and released names of topic and type. A sentence says
what has just happened, derived from the payload and that of the object's previous event. A transition such as `pending
→ running` is stated only if both payloads show it; with one payload, a sentence gives the state, or what the payload
itself proves (equal indexes prove a creation, `Deleted` a removal). The event's type only names the write that changed
the object, so it is not used where a payload decides.

Events have no time of their own: `frame_moment` derives it from the objects of the write.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from nomad_tui.core.level import Level
from nomad_tui.core.objects import unknown
from nomad_tui.core.objects.acl_auth_method import ACL_AUTH_METHOD
from nomad_tui.core.objects.acl_binding_rule import ACL_BINDING_RULE
from nomad_tui.core.objects.acl_policy import ACL_POLICY
from nomad_tui.core.objects.acl_role import ACL_ROLE
from nomad_tui.core.objects.acl_token import ACL_TOKEN
from nomad_tui.core.objects.allocation import ALLOCATION
from nomad_tui.core.objects.csi_plugin import CSI_PLUGIN
from nomad_tui.core.objects.csi_volume import CSI_VOLUME
from nomad_tui.core.objects.deployment import DEPLOYMENT
from nomad_tui.core.objects.evaluation import EVALUATION
from nomad_tui.core.objects.fact import MAX_FACTS, Context, Fact, Facts
from nomad_tui.core.objects.host_volume import HOST_VOLUME
from nomad_tui.core.objects.job import JOB
from nomad_tui.core.objects.kind import THIS_WRITE, Kind
from nomad_tui.core.objects.node import NODE
from nomad_tui.core.objects.node_pool import NODE_POOL
from nomad_tui.core.objects.operator import OPERATOR
from nomad_tui.core.objects.parts import NOTHING, Beside, Sentence, dim, named, words
from nomad_tui.core.objects.parts import sentence as sentence_of
from nomad_tui.core.objects.service import SERVICE
from nomad_tui.core.objects.variable import VARIABLE
from nomad_tui.core.topics import BETA_TOPICS, NODE_DRAIN, released_topic, released_type
from nomad_tui.core.wire import Frame

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        ALLOCATION,
        EVALUATION,
        JOB,
        DEPLOYMENT,
        NODE,
        SERVICE,
        NODE_POOL,
        VARIABLE,
        HOST_VOLUME,
        CSI_VOLUME,
        CSI_PLUGIN,
        OPERATOR,
        ACL_TOKEN,
        ACL_POLICY,
        ACL_ROLE,
        ACL_AUTH_METHOD,
        ACL_BINDING_RULE,
    )
}
"""The 17 topics that servers up to 2.0 publish.

Capabilities: the table in `nomad/stream/event_broker.go`'s ACL check, confirmed on a live 2.0.6 server.
"""


def kind(topic: str) -> Kind:
    """The kind for a topic, by its released name; a generic one for an unknown topic."""
    known = KINDS.get(topic)
    return known if known is not None else Kind(topic)


def typed_topic(name: str) -> str:
    """A typed topic in the case that the server expects.

    Servers compare topics case-sensitively and send nothing for unknown ones, so the case of `allocation` is corrected.
    `NodeDrain` and unknown names are returned unchanged.
    """
    known = {each.casefold(): each for each in (*KINDS, *BETA_TOPICS, NODE_DRAIN)}.get(name.casefold(), name)
    return known if known == NODE_DRAIN else released_topic(known)


def describe(
    topic: str, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside = NOTHING
) -> Sentence:
    """What happened, according to the JSON of the event's `Payload`.

    `previous` is the payload of the previous event with the same topic, namespace and key; None if there is none, it is
    no longer held, or a gap lies between. `beside` provides the rest of the event's frame and the names of objects. An
    unreadable payload is described by the type in words and the key.
    """
    try:
        return kind(topic).describe(type_, key, payload, previous, beside)
    except RecursionError:  # Nesting just within the decoder's limit can be too deep to compare.
        return sentence_of(named("", key), [dim(words(type_))])


def level(topic: str, type_: str, key: str, payload: bytes, previous: bytes | None, beside: Beside = NOTHING) -> Level:
    """The level of the event; takes the parameters of `describe`."""
    try:
        return kind(topic).level_of(type_, key, payload, previous, beside)
    except RecursionError:
        return Level.ROUTINE


@dataclass(frozen=True, slots=True)
class Summary:
    """The state of an object in one payload, as a few facts."""

    facts: tuple[Fact, ...]
    """The most important first, at most `MAX_FACTS`; empty for a payload without facts."""


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
    """A summary of the object in the JSON of an event's `Payload`; `topic` is the released name.

    `name` returns the known name of a node, job or deployment for its topic and ID, "" for an unknown one; `now` is in
    ns since 1970, and times are shown in `timezone`, None being that of this machine. Unreadable members are omitted.
    With `of_event`, `now` is when the event happened; `newest` describes the object's state since then. An object
    without known fields is summarized by its scalars.
    """
    facts = Facts()
    context = Context(name, now, timezone, of_event)
    of = kind(topic)
    try:
        of.summarize(facts, key, payload, context)
        if not facts.collected():
            unknown.summarize(of.payload_keys, facts, key, payload)
    except RecursionError:
        pass  # Nesting just within the decoder's limit; facts found before it are kept.
    later = (Fact("", (dim(newest),), own_line=True),) if newest else ()
    return Summary((*facts.collected()[: MAX_FACTS - len(later)], *later))


_MAX_EVENTS_EXAMINED: Final = 64
"""Events examined in one frame: a frame of thousands without a time must not block the screen."""


def frame_moment(frame: Frame) -> int | None:
    """When the write of a frame happened, in ns since 1970 on the server's clock; None if unknown.

    The newest time of all objects that the write changed: some writes leave an object's own time unchanged (an
    evaluation in a plan's result, an allocation whose desired status changes).
    """
    return _moments(frame)[0]


def no_earlier_than(frame: Frame) -> int | None:
    """The newest time of any object in a frame, of this or an earlier write; None if there is none."""
    return _moments(frame)[1]


def _moments(frame: Frame) -> tuple[int | None, int | None]:
    if frame.moments is not None:
        return frame.moments
    of_this_write: list[int] = []
    of_nodes: list[int] = []
    times: list[int] = []
    for event in frame.events[:_MAX_EVENTS_EXAMINED]:
        try:
            of = kind(released_topic(event.topic))
            time, index = of.written_at(released_type(event.type), bytes(event.payload))
        except (ValueError, OverflowError, RecursionError):
            continue
        if time is None or not 0 < time < 1 << 63:
            continue
        times.append(time)
        if index == frame.index:
            of_this_write.append(time)
        elif index is THIS_WRITE:
            of_nodes.append(time)
    frame.moments = (max(of_this_write or of_nodes, default=None), max(times, default=None))
    return frame.moments
