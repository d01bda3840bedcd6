"""What a token may read, and what a request subscribes to, with the quirks of the real server's filter.

The rules are those of Nomad's `command/agent/event_endpoint.go` (parsing) and `nomad/stream/subscription.go`
(matching).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from nomad_tui.core.objects.registry import kind
from nomad_tui.core.topics import ALL
from nomad_tui.standin.http import Request
from nomad_tui.standin.recording import Envelope, Frame, events

EVERY_NAMESPACE: Final = "*"

_NAMESPACE_CAPABILITY: Final = "namespace "
_SECRET: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    name: str = ""
    management: bool = False
    namespaces: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Capabilities such as `read-job` by namespace; `*` for every namespace."""
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Path globs of the variables it may list, by namespace; `*` for every namespace."""
    node_read: bool = False
    agent_read: bool = False
    operator_read: bool = False
    policies: tuple[str, ...] = ()
    """Only shown by `/v1/acl/token/self`; they grant nothing here."""
    expires: datetime | None = None
    """With a time zone."""
    is_identity: bool = False
    """A workload identity (its secret is a JWT): it may read streams, but is unknown to `/v1/acl/token/self`."""

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
        """Whether it may read every topic in every namespace; an unknown topic needs management."""
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
    """Why a secret is not a valid token."""

    UNKNOWN = auto()
    EXPIRED = auto()
    MALFORMED = auto()
    """Neither a UUID nor a JWT: a server answers 500 instead of the 403 for an unknown one."""


class Access:
    """The cluster's tokens, by secret."""

    def __init__(self, tokens: Mapping[str, Token] | None, anonymous: Token) -> None:
        self._tokens = None if tokens is None else dict(tokens)
        self._anonymous = anonymous

    @property
    def enabled(self) -> bool:
        """Whether the cluster has ACLs."""
        return self._tokens is not None

    def token(self, secret: str) -> Token | Doubt:
        """What a request with this secret may do; an empty one is anonymous."""
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


_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_HIGHEST: Final = 2**63 - 1


class BadRequestError(Exception):
    """An invalid request; the text is the body of the server's 400 response."""


def parse_index(text: str) -> int:
    if not text:
        return 0
    if not _INTEGER.fullmatch(text):
        raise BadRequestError(f'Unable to parse index: strconv.Atoi: parsing "{text}": invalid syntax')
    if abs(int(text)) > _HIGHEST:
        raise BadRequestError(f'Unable to parse index: strconv.Atoi: parsing "{text}": value out of range')
    if not text.isdigit():
        raise BadRequestError("Invalid index")
    return int(text)


def parse_topics(names: list[str]) -> dict[str, tuple[str, ...]]:
    """The requested keys by topic; unknown topics are accepted too."""
    if not names:
        return {ALL: (ALL,)}
    topics: dict[str, tuple[str, ...]] = {}
    for name in names:
        topic, *keys = name.split(":")
        if len(keys) > 1:
            raise BadRequestError(
                f"Invalid topic query: error parsing topics: Invalid key value pair for topic, topic: {name}"
            )
        topics[topic] = (*topics.get(topic, ()), *(keys or [ALL]))
    return topics


class StreamQuery(msgspec.Struct, frozen=True):
    """The query of a request for the stream."""

    index: int
    topics: Mapping[str, tuple[str, ...]]
    namespace: str

    @classmethod
    def of(cls, request: Request) -> "StreamQuery":
        """Raises BadRequestError."""
        return cls(
            index=parse_index(request.first("index")),
            topics=parse_topics(request.all("topic")),
            namespace=request.first("namespace") or "default",
        )

    def namespaces(self, existing: frozenset[str]) -> frozenset[str]:
        """The namespaces it covers now; one created later is not included, and none need exist."""
        return existing if self.namespace == EVERY_NAMESPACE else frozenset({self.namespace})


class Subscription(msgspec.Struct, frozen=True):
    topics: Mapping[str, tuple[str, ...]]
    namespaces: frozenset[str]
    token: Token

    def select(self, frame: Frame, sent: bytes) -> bytes | None:
        """What is sent of a frame: its unchanged line, a frame with some of its events, or nothing.

        `sent` is the frame's line, possibly with a higher index.
        """
        if frame.index is None:
            return sent
        if self._everything and frame.namespaces <= self.namespaces:
            return sent
        index, held = events(sent)
        chosen = [text for event, text in held for _ in range(self.times(event))]
        if not chosen:
            return None
        if len(chosen) == len(held) and all(a is b for a, (_, b) in zip(chosen, held, strict=True)):
            return sent
        return b'{"Index":%d,"Events":[%b]}\n' % (index, b",".join(chosen))

    def times(self, event: Envelope) -> int:
        """How often an event is sent: once for each key that matches it.

        `*` is a wildcard only if it is the single key: beside another, it is compared literally. The keys of topic `*`
        apply to every topic, before the topic's own.
        """
        if event.namespace and event.namespace not in self.namespaces:
            return 0
        if event.topic == "Variable" and not self.token.may_list_variable(event.namespace, event.key):
            return 0
        everywhere = self.topics.get(ALL, ())
        if everywhere == (ALL,):
            return 1
        keys = everywhere + self.topics.get(event.topic, ())
        if keys == (ALL,):
            return 1
        names = {event.key, *(event.filter_keys or ())}
        return sum(key in names for key in keys)

    @property
    def _everything(self) -> bool:
        return self.topics.get(ALL) == (ALL,) and self.token.management
