"""ACL authentication methods."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

import msgspec

from nomad_tui.core.objects.edited import Edited
from nomad_tui.core.objects.fact import Context, Facts, listed, masked, moment
from nomad_tui.core.objects.kind import ObjectEvent
from nomad_tui.core.objects.parts import VALUE_LIMIT, Part, plain
from nomad_tui.core.objects.reading import EMPTY, Object, Reader, Written
from nomad_tui.core.readable import duration


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


class AuthMethodKind(Edited[AuthMethod]):
    name = "ACLAuthMethod"
    since = (1, 5, 0)
    payload_key = "AuthMethod"
    glyph = "▷"
    endpoint = "/v1/acl/auth-method/"
    command = "acl auth-method info"
    fields = AuthMethod
    written = ("modify_time", "modify_index")
    labels: ClassVar[Mapping[str, str]] = {
        "max_token_ttl": "max TTL",
        "type": "type",
        "default": "default",
        "token_locality": "token locality",
        "token_name_format": "token name format",
        "config": "configuration",
    }
    shown = ("max_token_ttl", "type", "default", "token_locality")

    def described(self, event: ObjectEvent[AuthMethod]) -> Iterable[Part]:
        return plain(event.now.type, VALUE_LIMIT), plain("default" if event.now.default else "")

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
