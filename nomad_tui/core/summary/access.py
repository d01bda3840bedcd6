"""Summaries of ACL objects: what they allow, to whom, and until when. No secret of a token is ever read here."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from nomad_tui.core.readable import count, duration
from nomad_tui.core.sentence.parts import COMMA, VALUE_LIMIT, Part, dim, plain, warn
from nomad_tui.core.sentence.reading import Object, Reader
from nomad_tui.core.summary.fact import Context, Facts, listed, moment, told

_RULES_READ: Final = 16_000
"""Characters of a policy that are looked at."""
_RULES_TOLD: Final = 6

_RULE: Final = re.compile(
    r"^\s{0,40}(namespace|node_pool|host_volume|plugin|agent|node|operator|quota|service|sentinel|variables)"
    r'[ \t]{0,8}(?:"([^"\n]{0,100})")?\s{0,8}\{(?:\s{0,40}policy\s{0,8}=\s{0,8}"([^"\n]{0,40})")?',
    re.MULTILINE,
)
"""What a rule is about, of which name, and with which policy, where the policy comes first in it."""


class Link(Object):
    name: str = ""


class Token(Object):
    type: str = ""
    policies: list[str] | None = None
    roles: list[Link | None] | None = None
    global_: bool | None = msgspec.field(default=None, name="Global")
    create_time: str = ""
    expiration_time: str | None = None


class JobACL(Object):
    namespace: str = ""
    job_id: str = ""
    group: str = ""
    task: str = ""


class Policy(Object):
    description: str = ""
    rules: str | None = None
    job_acl: JobACL | None = msgspec.field(default=None, name="JobACL")


class Role(Object):
    description: str = ""
    policies: list[Link | None] | None = None


class AuthMethodConfig(Object):
    oidc_discovery_url: str = msgspec.field(default="", name="OIDCDiscoveryURL")
    jwks_url: str = msgspec.field(default="", name="JWKSURL")
    bound_audiences: list[str] | None = None


class AuthMethod(Object):
    type: str = ""
    default: bool = False
    token_locality: str = ""
    max_token_ttl: int | str = msgspec.field(default=0, name="MaxTokenTTL")
    config: AuthMethodConfig | None = None
    create_time: str = ""


class BindingRule(Object):
    description: str = ""
    auth_method: str = ""
    bind_type: str = ""
    bind_name: str = ""
    selector: str | None = None
    create_time: str = ""


_TOKEN: Final = Reader[Token](Token)
_POLICY: Final = Reader[Policy](Policy)
_ROLE: Final = Reader[Role](Role)
_AUTH_METHOD: Final = Reader[AuthMethod](AuthMethod)
_BINDING_RULE: Final = Reader[BindingRule](BindingRule)


def tell_token(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _TOKEN.read(found)
    if now is None:
        return
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
    facts.add("roles", plain(listed(_names(now.roles))))
    facts.line("created", plain(context.ago(moment(now.create_time))))


def tell_policy(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _POLICY.read(found)
    if now is None:
        return
    if now.rules is not None:
        lines = len(now.rules.strip().splitlines())
        facts.add("rules", plain("1 line" if lines == 1 else f"{count(lines)} lines") if lines else warn("none"))
        facts.line("allows", *_allowed(now.rules[:_RULES_READ]))
    if (job := now.job_acl) is not None and job.job_id:
        steps = filter(None, (job.namespace, job.job_id, job.group, job.task))
        facts.line("for job", plain("/".join(step[:VALUE_LIMIT] for step in steps)))
    facts.line("", dim(told(now.description)))


def _allowed(rules: str) -> Iterator[Part]:
    found = list(_RULE.finditer(rules))
    for position, rule in enumerate(found[:_RULES_TOLD]):
        if position:
            yield COMMA
        about, name, policy = rule.groups(default="")
        yield plain(" ".join(filter(None, (about, told(name, VALUE_LIMIT)))), VALUE_LIMIT * 2)
        if policy:
            yield (warn if policy in ("write", "scale") else dim)(f" {policy}", VALUE_LIMIT)
    if len(found) > _RULES_TOLD:
        yield dim(f" and {count(len(found) - _RULES_TOLD)} more")


def tell_role(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _ROLE.read(found)
    if now is None:
        return
    if now.policies is not None:
        names = _names(now.policies)
        facts.add("policies", plain(listed(names)) if names else warn("none"))
    facts.line("", dim(told(now.description)))


def tell_auth_method(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _AUTH_METHOD.read(found)
    if now is None:
        return
    facts.add("type", plain(now.type, VALUE_LIMIT))
    facts.add("", plain("default" if now.default else ""))
    facts.add("tokens", plain(now.token_locality, VALUE_LIMIT))
    lifetime = now.max_token_ttl
    facts.add("for at most", plain(lifetime if isinstance(lifetime, str) else duration(lifetime), VALUE_LIMIT))
    if (config := now.config) is not None:
        facts.line("issuer", plain(told(config.oidc_discovery_url or config.jwks_url)))
        facts.line("audiences", plain(listed(config.bound_audiences or ())))
    facts.line("created", plain(context.ago(moment(now.create_time))))


def tell_binding_rule(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _BINDING_RULE.read(found)
    if now is None:
        return
    facts.add("auth method", plain(now.auth_method, VALUE_LIMIT))
    management = now.bind_type == "management"
    facts.add("binds", (warn if management else plain)(f"{now.bind_type} {now.bind_name}".strip(), VALUE_LIMIT * 2))
    if now.selector is not None:
        facts.line("where", plain(told(now.selector)) if now.selector else warn("every login"))
    facts.line("", dim(told(now.description)))
    facts.line("created", plain(context.ago(moment(now.create_time))))


def _names(links: list[Link | None] | None) -> list[str]:
    return [link.name for link in links or () if link is not None and link.name]
