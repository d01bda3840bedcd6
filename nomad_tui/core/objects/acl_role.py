"""ACL roles."""

from typing import Final

import msgspec

from nomad_tui.core.level import Level
from nomad_tui.core.objects.acl_token import LINKS
from nomad_tui.core.objects.edited import edited, edited_level, listed_names, names
from nomad_tui.core.objects.fact import Context, Facts, listed, masked
from nomad_tui.core.objects.kind import Known, Links, ObjectEvent
from nomad_tui.core.objects.parts import Sentence, dim, named, plain, sentence, warn
from nomad_tui.core.objects.reading import EMPTY, Written

_LABELS: Final = {"policies": "policies", "description": "description"}


class Role(Written):
    name: str = ""
    description: str = ""
    policies: msgspec.Raw = EMPTY


class RoleKind(Known[Role]):
    name = "ACLRole"
    since = (1, 4, 0)
    payload_key = "ACLRole"
    glyph = "▷"
    endpoint = "/v1/acl/role/"
    command = "acl role info"
    page = "administration/roles/{name}"
    fields = Role

    def called(self, links: Links) -> str:
        return links.name

    def sentence(self, event: ObjectEvent[Role]) -> Sentence:
        policies = listed_names("policy", "policies", names(event.now.policies, event.beside))
        return sentence(named(event.now.name, event.key), edited(event, _LABELS, frozenset(), policies))

    def level(self, event: ObjectEvent[Role]) -> Level:
        return edited_level(event)

    def summary(self, now: Role, is_deleted: bool, facts: Facts, context: Context) -> None:
        if (links := LINKS.read(now.policies)) is not None:
            policies = [link.name for link in links if link.name]
            facts.add("policies", plain(listed(policies)) if policies else warn("none"))
        facts.line("", dim(masked(now.description)))


ACL_ROLE: Final = RoleKind()
