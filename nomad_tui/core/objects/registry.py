"""Every kind of object that a release is known to send, in the order the topic picker lists them."""

from typing import Final

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
from nomad_tui.core.objects.host_volume import HOST_VOLUME
from nomad_tui.core.objects.job import JOB
from nomad_tui.core.objects.kind import Kind
from nomad_tui.core.objects.node import NODE
from nomad_tui.core.objects.node_pool import NODE_POOL
from nomad_tui.core.objects.operator import OPERATOR
from nomad_tui.core.objects.service import SERVICE
from nomad_tui.core.objects.variable import VARIABLE
from nomad_tui.core.topics import BETA_TOPICS, NODE_DRAIN, released_topic

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
"""By topic: the 17 that servers up to 2.0 publish.

Capabilities: the table in `nomad/stream/event_broker.go`'s ACL check, confirmed on a live 2.0.6 server.
"""


def kind(topic: str) -> Kind:
    """The kind of a topic's objects, by its released name; one that knows nothing for an unknown topic."""
    known = KINDS.get(topic)
    return known if known is not None else Kind(topic)


def typed_topic(name: str) -> str:
    """A topic as a person typed it, in the case the server expects.

    Servers compare topics case-sensitively and answer an unknown one with silence, so `allocation` is mended here.
    `NodeDrain` and unknown names are returned as they are.
    """
    known = {each.casefold(): each for each in (*KINDS, *BETA_TOPICS, NODE_DRAIN)}.get(name.casefold(), name)
    return known if known == NODE_DRAIN else released_topic(known)
