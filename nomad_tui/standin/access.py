"""What a token may read, checked as a Nomad server checks it: one forbidden topic refuses the request."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from fnmatch import fnmatchcase
from typing import Final

from nomad_tui.core.objects.registry import kind

EVERY_NAMESPACE: Final = "*"

_NAMESPACE_CAPABILITY: Final = "namespace "
_SECRET: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    name: str = ""
    management: bool = False
    namespaces: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Capabilities such as `read-job` by namespace; the namespace `*` is every one."""
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Path globs of the variables it may list, by namespace; the namespace `*` is every one."""
    node_read: bool = False
    agent_read: bool = False
    operator_read: bool = False
    policies: tuple[str, ...] = ()
    """Only shown by `/v1/acl/token/self`: what it may do is set above."""
    expires: datetime | None = None
    """With a time zone."""
    is_identity: bool = False
    """A workload identity (its secret is a JWT): it reads streams, but `/v1/acl/token/self` does not know it."""

    def may_in(self, namespace: str, capability: str) -> bool:
        return self.management or any(
            capability in self.namespaces.get(name, ()) for name in (namespace, EVERY_NAMESPACE)
        )

    def may_see(self, namespace: str) -> bool:
        """Whether `/v1/namespaces` lists it."""
        return self.management or any(
            granted.get(name) for granted in (self.namespaces, self.variables) for name in (namespace, EVERY_NAMESPACE)
        )

    def variable_paths(self, namespace: str) -> tuple[str, ...]:
        if self.management:
            return ("*",)
        return (*self.variables.get(namespace, ()), *self.variables.get(EVERY_NAMESPACE, ()))

    def may_list_variable(self, namespace: str, path: str) -> bool:
        return any(fnmatchcase(path, glob) for glob in self.variable_paths(namespace))

    def may_subscribe(self, topic_names: Iterable[str], namespaces: Iterable[str]) -> bool:
        """Whether every topic may be read in every namespace; an unknown topic needs management."""
        held = tuple(namespaces)
        return all(self._may_read(name, namespace) for name in topic_names for namespace in held)

    def _may_read(self, topic_name: str, namespace: str) -> bool:
        capability = kind(topic_name).capability
        match capability:
            case "node:read":
                return self.management or self.node_read
            case "operator:read":
                return self.management or self.operator_read
            case "any variables capability":
                return bool(self.variable_paths(namespace))
            case _ if capability.startswith(_NAMESPACE_CAPABILITY):
                return self.may_in(namespace, capability.removeprefix(_NAMESPACE_CAPABILITY))
            case _:
                return self.management


MANAGEMENT: Final = Token(name="management", management=True, agent_read=True)


class Doubt(Enum):
    """Why a secret is no valid token."""

    UNKNOWN = auto()
    EXPIRED = auto()
    MALFORMED = auto()
    """Neither a UUID nor a JWT: where a server answers an unknown one with 403, it answers this one with 500."""


class Access:
    """The cluster's tokens, by secret."""

    def __init__(self, tokens: Mapping[str, Token] | None, anonymous: Token) -> None:
        self._tokens = None if tokens is None else dict(tokens)
        self._anonymous = anonymous

    @property
    def enabled(self) -> bool:
        """Whether the cluster has ACLs at all."""
        return self._tokens is not None

    def token(self, secret: str) -> Token | Doubt:
        """What a request with this secret may do; the empty one is anonymous."""
        if self._tokens is None:
            return MANAGEMENT
        if not secret:
            return self._anonymous
        known = self._tokens.get(secret)
        if known is not None:
            return Doubt.EXPIRED if known.expires is not None and known.expires <= datetime.now(UTC) else known
        return Doubt.UNKNOWN if _SECRET.fullmatch(secret) or secret.count(".") == 2 else Doubt.MALFORMED

    def put(self, secret: str, token: Token) -> None:
        if self._tokens is None:
            raise ValueError("this stand-in has no ACLs: give it tokens in its options")
        self._tokens[secret] = token

    def remove(self, secret: str) -> None:
        if self._tokens is not None:
            self._tokens.pop(secret, None)
