"""ACL authentication methods."""

from typing import Final

import msgspec

from nomad_tui.core.level import Level
from nomad_tui.core.objects.edited import edited, edited_level
from nomad_tui.core.objects.fact import Context, Facts, listed, masked, moment
from nomad_tui.core.objects.kind import Known, ObjectEvent
from nomad_tui.core.objects.parts import VALUE_LIMIT, Sentence, named, plain, sentence
from nomad_tui.core.objects.reading import EMPTY, Object, Reader, Written
from nomad_tui.core.readable import duration

_LABELS: Final = {
    "max_token_ttl": "max TTL",
    "type": "type",
    "default": "default",
    "token_locality": "token locality",
    "token_name_format": "token name format",
    "config": "configuration",
}
_SHOWN: Final = frozenset(("max_token_ttl", "type", "default", "token_locality"))


class Config(Object):
    oidc_discovery_url: str = msgspec.field(default="", name="OIDCDiscoveryURL")
    jwks_url: str = msgspec.field(default="", name="JWKSURL")
    bound_audiences: list[str] | None = None


class AuthMethod(Written):
    name: str = ""
    type: str = ""
    default: bool = False
    token_locality: str = ""
    token_name_format: str = ""
    max_token_ttl: int | str = msgspec.field(default=0, name="MaxTokenTTL")
    config: msgspec.Raw = EMPTY
    create_time: str = ""
    modify_time: str = ""


_CONFIG: Final = Reader[Config](Config | None)


class AuthMethodKind(Known[AuthMethod]):
    name = "ACLAuthMethod"
    since = (1, 5, 0)
    payload_key = "AuthMethod"
    glyph = "▷"
    endpoint = "/v1/acl/auth-method/"
    command = "acl auth-method info"
    fields = AuthMethod
    written = ("modify_time", "modify_index")

    def sentence(self, event: ObjectEvent[AuthMethod]) -> Sentence:
        now = event.now
        around = [plain(now.type, VALUE_LIMIT), plain("default" if now.default else "")]
        return sentence(named(now.name, event.key), edited(event, _LABELS, _SHOWN, *around))

    def level(self, event: ObjectEvent[AuthMethod]) -> Level:
        return edited_level(event)

    def summary(self, now: AuthMethod, is_deleted: bool, facts: Facts, context: Context) -> None:
        facts.add("type", plain(now.type, VALUE_LIMIT))
        facts.add("", plain("default" if now.default else ""))
        facts.add("tokens", plain(now.token_locality, VALUE_LIMIT))
        lifetime = now.max_token_ttl
        facts.add("for at most", plain(lifetime if isinstance(lifetime, str) else duration(lifetime), VALUE_LIMIT))
        if (config := _CONFIG.read(now.config)) is not None:
            facts.line("issuer", plain(masked(config.oidc_discovery_url or config.jwks_url)))
            facts.line("audiences", plain(listed(config.bound_audiences or ())))
        facts.line("created", plain(context.ago(moment(now.create_time))))


ACL_AUTH_METHOD: Final = AuthMethodKind()
