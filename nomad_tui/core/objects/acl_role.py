"""ACL roles."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

import msgspec

from nomad_tui.core.objects.acl_token import LINKS
from nomad_tui.core.objects.edited import Edited, listed_names, names
from nomad_tui.core.objects.fact import Context, Facts, listed, masked
from nomad_tui.core.objects.kind import Links, ObjectEvent
from nomad_tui.core.objects.parts import Part, dim, plain, warn
from nomad_tui.core.objects.reading import EMPTY, Written


class Role(Written):
    name: str = ""
    description: str = ""
    policies: msgspec.Raw = EMPTY


class RoleKind(Edited[Role]):
    name = "ACLRole"
    since = (1, 4, 0)
    payload_key = "ACLRole"
    glyph = "▷"
    endpoint = "/v1/acl/role/"
    command = "acl role info"
    page = "administration/roles/{name}"
    fields = Role
    labels: ClassVar[Mapping[str, str]] = {"policies": "policies", "description": "description"}

    def called(self, links: Links) -> str:
        return links.name

    def described(self, event: ObjectEvent[Role]) -> Iterable[Part]:
        return (listed_names("policy", "policies", names(event.now.policies, event.beside)),)

    def summary(self, now: Role, is_deleted: bool, facts: Facts, context: Context) -> None:
        if (links := LINKS.read(now.policies)) is not None:
            policies = [link.name for link in links if link.name]
            facts.add("policies", plain(listed(policies)) if policies else warn("none"))
        facts.line("", dim(masked(now.description)))


ACL_ROLE: Final = RoleKind()
