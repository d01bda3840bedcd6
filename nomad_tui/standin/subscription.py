"""What one request subscribes to, with the traps of the real server's filter.

The rules are those of Nomad's `command/agent/event_endpoint.go` (parsing) and `nomad/stream/subscription.go`
(matching).
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from nomad_tui.core.topics import ALL
from nomad_tui.standin.access import EVERY_NAMESPACE, Token
from nomad_tui.standin.http import Request
from nomad_tui.standin.recording import Envelope, Frame, events

_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_HIGHEST: Final = 2**63 - 1


class BadRequestError(Exception):
    """The request cannot be understood; the text is what the server answers with its 400."""


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
    """The keys asked for by topic; unknown topics are accepted too."""
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
        """Those it covers now. A namespace made later is not among them, nor need one exist."""
        return existing if self.namespace == EVERY_NAMESPACE else frozenset({self.namespace})


class Subscription(msgspec.Struct, frozen=True):
    topics: Mapping[str, tuple[str, ...]]
    namespaces: frozenset[str]
    token: Token

    def select(self, frame: Frame, sent: bytes) -> bytes | None:
        """What of a frame is sent: all of its line as it is stored, a frame of some events, or nothing.

        `sent` is the frame's line, perhaps under a higher index.
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
        """How often an event is sent: once for each key that names it.

        `*` is a wildcard only where it is the one key: beside another it is compared as a name. The keys of
        topic `*` count for every topic, before the topic's own.
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
