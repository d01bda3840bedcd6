"""Builds subscription requests that avoid the pitfalls of the server's topic filter.

Three properties of `topic` parameters decide how a request is built (`nomad/stream/subscription.go`, confirmed on a
live 2.0.6 server): a `*` among a topic's keys makes its other keys match nothing, a `*:key` suppresses other topics,
and an event that matches two requested keys is sent twice in one frame. A request therefore names each topic once, with
one key, and `admits` applies any narrower selection here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from nomad_tui.core.objects.registry import KINDS, typed_topic
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.topics import ALL, NODE_DRAIN, beta_topic, released_topic
from nomad_tui.core.wire import Event


class SubscriptionError(ValueError):
    """A topic that cannot be requested from any server; the message says what to write instead."""


_EVERY_KEY: Final = frozenset((ALL,))
_NO_KEY: Final[frozenset[str]] = frozenset()
_NAME: Final = lazy_pattern(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
"""Topics that can be requested: Nomad's are single words, and a colon results in status 400."""
_LONGEST_WITNESS: Final = 200
"""Characters of an object's name in a request: servers and proxies limit the length of the request line."""


class Subscription(msgspec.Struct, frozen=True):
    """Topics, each with the wanted keys. An empty mapping selects everything.

    A key matches an event's own key or any of its filter keys (a job's ID, a deployment's ID).
    """

    topics: Mapping[str, frozenset[str]] = msgspec.field(default_factory=dict)
    """Keys by released topic. `NodeDrain`, a topic on the beta page, selects the events of that type of topic
    `Node`."""

    @classmethod
    def parse(cls, wanted: Iterable[str]) -> "Subscription":
        """Parse `Topic`, `Topic:*` and `Topic:key`, in either dialect and ignoring the case of known names.

        Raises `SubscriptionError` for a key with a colon, which a server answers with 400, and for an empty topic or
        key.
        """
        keys: dict[str, set[str]] = {}
        for text in wanted:
            name, colon, key = text.partition(":")
            if not name.strip() or (colon and not key.strip()):
                raise SubscriptionError(
                    f"The topic {text!r} is incomplete: write Topic, Topic:* or Topic:key, such as Job:web."
                )
            if ":" in key:
                raise SubscriptionError(
                    f"The topic {text!r} has a key with a colon, which Nomad refuses. "
                    f"Subscribe to {name} and use --filter for the key."
                )
            keys.setdefault(typed_topic(name.strip()), set()).add(key.strip() or ALL)
        return cls({topic: _narrowest(wanted_keys) for topic, wanted_keys in keys.items()})

    @property
    def everything(self) -> bool:
        """Whether no event is left out, so that `admits` need not be called."""
        return not self.topics or (self.topics.get(ALL) == _EVERY_KEY)

    @property
    def unknown_topics(self) -> list[str]:
        """The selected topics that no known release sends."""
        return [name for name in sorted(self.topics) if name not in (ALL, NODE_DRAIN) and name not in KINDS]

    @property
    def released_topics(self) -> frozenset[str] | None:
        """The selected topics, by the names under which their events are shown; None if unknown topics are selected
        too."""
        if ALL in self.topics or self.everything:
            return None
        return frozenset(map(released_topic, self.topics))

    def only(self, topics: frozenset[str]) -> "Subscription | None":
        """The part of it with these topics, with the keys wanted of each; None if nothing is left.

        `topics` are released names. If all topics are selected and one of these cannot be named in a request, the
        subscription is returned unchanged.
        """
        open_ended = self.released_topics is None
        if open_ended and not all(map(_NAME.fullmatch, topics)):
            return self
        if self.everything:
            wanted = dict.fromkeys(topics, _EVERY_KEY)
        else:
            wanted = dict.fromkeys(topics, self.topics[ALL]) if open_ended else {}
            for topic, keys in self.topics.items():
                if released_topic(topic) in topics:
                    wanted[topic] = wanted.get(topic, _NO_KEY) | keys
        return type(self)(wanted) if wanted else None

    def without(self, topics: frozenset[str]) -> "Subscription | None":
        """The part of it without these topics, by released name; None if nothing is left.

        If all topics are selected, every other one is requested by name, so that topics unknown to this program are
        missing.
        """
        asked = self.released_topics
        if asked is None:
            asked = frozenset((*KINDS, *self.unknown_topics))
        return self if asked.isdisjoint(topics) else self.only(asked - topics)

    def parameters(self, beta: bool = False, witnesses: Iterable[Sequence[Event]] = ()) -> list[tuple[str, str]]:
        """The `topic` parameters of a request, each topic once; `beta` for a server of the 1.0-beta dialect.

        Each of `witnesses` holds the events of one frame as the server sent them. The parameters make the server send
        these frames again if it still holds them: if a frame has no requested event, the object of one of its events is
        added. Later events of that object are sent too and rejected by `admits`.
        """
        if self.everything or (ALL in self.topics and len(self.topics) > 1):
            return [("topic", "*:*")]
        asked: dict[str, frozenset[str]] = {}
        for topic, keys in self.topics.items():
            for name in _names(topic, beta):
                asked[name] = asked.get(name, frozenset()) | keys
        single = {name: _single(keys) for name, keys in asked.items()}
        parameters = {("topic", f"{name}:{key}") for name, key in single.items()}
        parameters |= {("topic", witness) for events in witnesses if (witness := _witness(events, single))}
        return sorted(parameters)

    def admits(self, event: Event) -> bool:
        """Whether an event sent by a server is selected."""
        if self.everything:
            return True
        topic = released_topic(event.topic)
        keys = self.topics.get(topic, _NO_KEY) | self.topics.get(ALL, _NO_KEY)
        if topic == "Node" and event.type == NODE_DRAIN:
            keys |= self.topics.get(NODE_DRAIN, _NO_KEY)
        if ALL in keys or event.key in keys:
            return True
        return event.filter_keys is not None and not keys.isdisjoint(event.filter_keys)

    def __str__(self) -> str:
        if self.everything:
            return "all topics"
        return ", ".join(
            topic if keys == _EVERY_KEY else f"{topic}:{'|'.join(sorted(keys))}"
            for topic, keys in sorted(self.topics.items())
        )


def _names(topic: str, beta: bool) -> tuple[str, ...]:
    """The names to request for all events of a topic."""
    if not beta:
        return ("Node",) if topic == NODE_DRAIN else (topic,)
    # A beta server may send a drain under either topic.
    return ("Node", NODE_DRAIN) if topic in ("Node", NODE_DRAIN) else (beta_topic(topic),)


def _narrowest(keys: set[str]) -> frozenset[str]:
    return _EVERY_KEY if ALL in keys else frozenset(keys)


def _single(keys: frozenset[str]) -> str:
    return next(iter(keys)) if len(keys) == 1 else ALL


def _witness(events: Sequence[Event], asked: Mapping[str, str]) -> str | None:
    """A parameter to add to `asked`, the requested keys by topic, so that a frame of these events is sent.

    Never adds a second key to a requested topic: an event with both would be sent twice, and next to `*` no other key
    matches.
    """
    for event in events:
        key = asked.get(event.topic, asked.get(ALL))
        if key is not None and (key in (ALL, event.key) or key in (event.filter_keys or ())):
            return None
    for event in events:
        if event.topic not in asked and _NAME.fullmatch(event.topic):
            for key in (event.key, *(event.filter_keys or ())):
                if key and key != ALL and ":" not in key and len(key) <= _LONGEST_WITNESS:
                    return f"{event.topic}:{key}"
    return None
