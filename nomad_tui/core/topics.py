"""The topics and types of the event stream, in the dialect of releases and that of the 1.0-beta page.

Everything is named as in released servers; the beta page's names are accepted wherever a name is typed, and translated
when a beta server sends them. Names in neither table pass unchanged: newer servers may have more.
"""

from typing import Final

ALL: Final = "*"
"""Every topic in a request, or every key of one topic."""


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
"""Every type that servers up to 2.0 send. A type names the write that changed the object, not the object: an evaluation
arrives as `JobRegistered`, and one allocation update sends `Node` events of its type."""

BETA_TYPES: Final[dict[str, str]] = {
    "AllocCreated": "AllocationCreated",
    "AllocUpdated": "AllocationUpdated",
    "AllocUpdateDesiredStatus": "AllocationUpdateDesiredStatus",
    "EvalUpdated": "EvaluationUpdated",
    "NodeEvent": "NodeStreamEvent",
}
"""Type names of the 1.0-beta page to released ones; types not listed are the same in both."""

NODE_DRAIN: Final = "NodeDrain"
"""A topic on the beta page, a type of topic `Node` on released servers."""

BETA_TOPICS: Final[dict[str, str]] = {"Alloc": "Allocation", "Eval": "Evaluation"}
"""Topics of the 1.0-beta page to released ones; topics not listed are the same in both."""

_TO_RELEASED: Final = {**BETA_TOPICS, NODE_DRAIN: "Node"}
_RELEASED_TO_BETA: Final[dict[str, str]] = {released: beta for beta, released in BETA_TOPICS.items()}


def released_topic(name: str) -> str:
    """The released name of a topic received from a server of either dialect."""
    return _TO_RELEASED.get(name, name)


def released_type(name: str) -> str:
    """The released name of a type received from a server of either dialect."""
    return BETA_TYPES.get(name, name)


def beta_topic(name: str) -> str:
    """The name of a released topic on a 1.0-beta server."""
    return _RELEASED_TO_BETA.get(name, name)


_RELEASED_WORDS: Final[dict[str, str]] = {beta.casefold(): released.casefold() for beta, released in BETA_TYPES.items()}


def released_word(word: str) -> str:
    """A search word in lower case. Types of the 1.0-beta page are translated to the released ones, which are shown.

    Topics are not translated: `alloc` also matches `Allocation`, and a job of that name.
    """
    return _RELEASED_WORDS.get(word.casefold(), word.lower())
