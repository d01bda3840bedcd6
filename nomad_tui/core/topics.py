"""The topics and types of the event stream, in the released dialect and the one of the 1.0-beta page.

Everything is named as released servers name it; the beta page's names are accepted wherever a name is typed
and translated when a beta server sends them. Names that are in neither table pass through unchanged: a newer
server may know more than this table.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

ALL: Final = "*"
"""Every topic in a request, or every key of one topic."""


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    """As released servers send it; case-sensitive."""
    payload_key: str | None
    """Where the object stands in `Payload`; None where no public release says."""
    capability: str
    """What a token needs to subscribe, in the words of an ACL policy."""
    beta_name: str | None = None
    """What the 1.0-beta page calls it, where that differs."""


TOPICS: Final[tuple[Topic, ...]] = (
    Topic("Allocation", "Allocation", "namespace read-job", beta_name="Alloc"),
    Topic("Evaluation", "Evaluation", "namespace read-job", beta_name="Eval"),
    Topic("Job", "Job", "namespace read-job"),
    Topic("Deployment", "Deployment", "namespace read-job"),
    Topic("Node", "Node", "node:read"),
    Topic("Service", "Service", "namespace read-job"),
    Topic("NodePool", "NodePool", "management"),
    Topic("Variable", "Metadata", "any variables capability"),
    Topic("HostVolume", "Volume", "namespace host-volume-read"),
    Topic("CSIVolume", "Volume", "namespace csi-read-volume"),
    Topic("CSIPlugin", "Plugin", "namespace read-job"),
    Topic("Operator", None, "operator:read"),
    Topic("ACLToken", "ACLToken", "management"),
    Topic("ACLPolicy", "ACLPolicy", "management"),
    Topic("ACLRole", "ACLRole", "management"),
    Topic("ACLAuthMethod", "AuthMethod", "management"),
    Topic("ACLBindingRule", "ACLBindingRule", "management"),
)
"""The 17 topics that servers up to 2.0 publish, in the order the topic picker lists them.

Capabilities: the table in `nomad/stream/event_broker.go`'s ACL check, confirmed on a live 2.0.6 server.
"""

TYPES: Final[tuple[str, ...]] = (
    "ACLAuthMethodDeleted",
    "ACLAuthMethodUpserted",
    "ACLBindingRuleDeleted",
    "ACLBindingRuleUpserted",
    "ACLPolicyDeleted",
    "ACLPolicyUpserted",
    "ACLRoleDeleted",
    "ACLRoleUpserted",
    "ACLTokenDeleted",
    "ACLTokenUpserted",
    "AllocationCreated",
    "AllocationUpdateDesiredStatus",
    "AllocationUpdated",
    "CSIVolumeClaim",
    "CSIVolumeDeregistered",
    "CSIVolumeRegistered",
    "DeploymentAllocHealth",
    "DeploymentPromotion",
    "DeploymentStatusUpdate",
    "EvaluationUpdated",
    "HostVolumeDeleted",
    "HostVolumeRegistered",
    "JobBatchDeregistered",
    "JobDeregistered",
    "JobRegistered",
    "NodeDeregistration",
    "NodeDrain",
    "NodeEligibility",
    "NodePoolDeleted",
    "NodePoolUpserted",
    "NodeRegistration",
    "NodeStreamEvent",
    "PlanResult",
    "ServiceDeregistration",
    "ServiceRegistration",
    "VariableUpdated",
)
"""Every type servers up to 2.0 send. A type names the write that changed the object, not the object:
an evaluation arrives as `JobRegistered`, and one allocation update brings `Node` events of its type."""

BETA_TYPES: Final[dict[str, str]] = {
    "AllocCreated": "AllocationCreated",
    "AllocUpdated": "AllocationUpdated",
    "AllocUpdateDesiredStatus": "AllocationUpdateDesiredStatus",
    "EvalUpdated": "EvaluationUpdated",
    "NodeEvent": "NodeStreamEvent",
}
"""Type names of the 1.0-beta page to released ones; the types missing here are the same in both."""

NODE_DRAIN: Final = "NodeDrain"
"""A topic on the beta page, a type of topic `Node` on released servers."""

_BY_NAME: Final[dict[str, Topic]] = {topic.name: topic for topic in TOPICS}
_RELEASED_TOPICS: Final[dict[str, str]] = {
    topic.beta_name: topic.name for topic in TOPICS if topic.beta_name is not None
}
_BETA_TOPICS: Final[dict[str, str]] = {released: beta for beta, released in _RELEASED_TOPICS.items()}
_TYPED_TOPICS: Final[dict[str, str]] = {
    name.casefold(): name for name in (*_BY_NAME, *_RELEASED_TOPICS, NODE_DRAIN, ALL)
}


def topic(name: str) -> Topic | None:
    """The table's entry for a released name; None for a topic no release is known to send."""
    return _BY_NAME.get(name)


def is_known(name: str) -> bool:
    """Whether a release is known to send the topic; `name` as released."""
    return name in _BY_NAME


def released_topic(name: str) -> str:
    """The released name of a topic received from a server of either dialect."""
    if name == NODE_DRAIN:
        return "Node"
    return _RELEASED_TOPICS.get(name, name)


def released_type(name: str) -> str:
    """The released name of a type received from a server of either dialect."""
    return BETA_TYPES.get(name, name)


def beta_topic(name: str) -> str:
    """What a 1.0-beta server calls a released topic."""
    return _BETA_TOPICS.get(name, name)


def typed_topic(name: str) -> str:
    """A topic as a person typed it, in the case the server expects.

    Servers compare topics case-sensitively and answer an unknown one with silence, so `allocation` is
    mended here. `NodeDrain` and unknown names are returned as they are.
    """
    known = _TYPED_TOPICS.get(name.casefold(), name)
    return known if known == NODE_DRAIN else released_topic(known)


_RELEASED_WORDS: Final[dict[str, str]] = {beta.casefold(): released.casefold() for beta, released in BETA_TYPES.items()}


def released_word(word: str) -> str:
    """A word of a search, in lower case; a type of the 1.0-beta page becomes the released one, as it is shown.

    Topics stay: `alloc` is found in `Allocation`, and in a job of that name too.
    """
    return _RELEASED_WORDS.get(word.casefold(), word.lower())


def payload_keys(name: str) -> Iterable[str]:
    """Where to look for the object of a topic in its payload, the documented key first."""
    known = _BY_NAME.get(name)
    if known is not None and known.payload_key is not None:
        yield known.payload_key
    yield name
