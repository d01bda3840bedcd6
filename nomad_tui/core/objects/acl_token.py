"""ACL tokens. Secret IDs are never decoded here: a token's key is its accessor."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

import msgspec

from nomad_tui.core.objects.edited import Edited, listed_names, names, span
from nomad_tui.core.objects.fact import Context, Facts, listed, moment
from nomad_tui.core.objects.kind import Mention, ObjectEvent
from nomad_tui.core.objects.parts import VALUE_LIMIT, Part, dim, plain, short, warn
from nomad_tui.core.objects.reading import EMPTY, Object, Reader, Written


class Link(Object):
    name: str = ""


class Token(Written):
    accessor_id: str = ""
    name: str = ""
    type: str = ""
    policies: list[str] | None = None
    roles: msgspec.Raw = EMPTY
    global_: bool | None = msgspec.field(default=None, name="Global")
    create_time: str = ""
    expiration_time: str | None = None
    expiration_ttl: str = msgspec.field(default="", name="ExpirationTTL")


LINKS: Final = Reader[list[Link]](list[Link] | None)


class TokenKind(Edited[Token]):
    name = "ACLToken"
    payload_key = "ACLToken"
    glyph = "▷"
    endpoint = "/v1/acl/token/"
    command = "acl token info"
    page = "administration/tokens/{name}"
    fields = Token
    written = ("create_time", "create_index")
    labels: ClassVar[Mapping[str, str]] = {
        "expiration_time": "expiry",
        "type": "type",
        "policies": "policies",
        "roles": "roles",
        "global_": "global",
    }
    shown = ("type", "global_")
    mentions: ClassVar[Mapping[str, Mention]] = {"user": Mention(("name", "accessor_id"))}

    def name_of(self, now: Token) -> str:
        return now.name or short(now.accessor_id)

    def described(self, event: ObjectEvent[Token]) -> Iterable[Part]:
        now = event.now
        policies, roles = names(now.policies, event.beside), names(now.roles, event.beside)
        described = [listed_names("policy", "policies", policies), listed_names("role", "roles", roles)]
        if now.type == "management" or not (policies or roles):
            described.insert(0, (warn if now.type == "management" else plain)(now.type, VALUE_LIMIT))
        if now.is_new and (lifetime := span(now.expiration_ttl)):
            described.append(plain(f"expires in {lifetime}"))
        return described

    def summary(self, now: Token, is_deleted: bool, facts: Facts, context: Context) -> None:
        if now.type:
            facts.add("type", (warn if now.type == "management" else plain)(now.type, VALUE_LIMIT))
        if now.global_ is not None:
            facts.add("", plain("global" if now.global_ else "local to its region"))
        expires = moment(now.expiration_time or "")
        if expires is not None and (left := context.deadline(expires)):
            facts.add("expires", *left)
        elif now.type:
            facts.add("expires", dim("never"))
        facts.line("policies", plain(listed(now.policies or ())))
        facts.add("roles", plain(listed(link.name for link in LINKS.read(now.roles) or ())))
        facts.line("created", plain(context.ago(moment(now.create_time))))


ACL_TOKEN: Final = TokenKind()
