"""What the dashboard and `tail` need from a source of events."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

from nomad_tui.core.subscription import Subscription
from nomad_tui.core.topics import ALL
from nomad_tui.core.updates import Gap, Update
from nomad_tui.core.wire import Frame
from nomad_tui.stream.start import Start

if TYPE_CHECKING:
    from nomad_tui.journal.record import Content


class Part(msgspec.Struct, frozen=True):
    start: Start = msgspec.field(default_factory=Start)
    subscription: Subscription = msgspec.field(default_factory=Subscription)
    namespace: str = ALL
    """Events without a namespace belong to every namespace, as on a server."""
    newest_events: int | None = None
    """Approximate limit; None for all."""

    def of(self, content: "Content") -> "Content | None":
        """The selected part of a record's content, or None."""
        match content:
            case Frame():
                if self.namespace == ALL and self.subscription.everything:
                    return content
                events = [
                    event
                    for event in content.events
                    if self.namespace in (ALL, event.namespace or self.namespace) and self.subscription.admits(event)
                ]
                if len(events) == len(content.events):
                    return content
                return content.with_events(events) if events else None
            case Gap():
                topics = self.subscription.released_topics
                elsewhere = self.namespace != ALL and content.namespaces and self.namespace not in content.namespaces
                of_others = topics is not None and content.topics and topics.isdisjoint(content.topics)
                return None if elsewhere or of_others else content
            case _:
                return content


class Source(Protocol):
    """A live server or a recording; its reader cannot tell which."""

    @property
    def name(self) -> str:
        """The name for the header, such as a cluster's address or a file's name. Untrusted text."""
        ...

    @property
    def live(self) -> bool:
        """False for a recording, whose events did not happen when they are read."""
        ...

    def scope(self, region: str | None) -> str:
        """Which part is watched, given the server's region: `global · all namespaces`."""
        ...

    def updates(self) -> AsyncGenerator[Update, None]:
        """All updates, until the source ends.

        Expected trouble is an update, never an exception. Closing the generator releases its resources.
        """
        ...


@runtime_checkable
class Watchable(Protocol):
    """A source that can leave out topics while it is read, to save load on the server and the network."""

    def watch(self, topics: frozenset[str] | None) -> None:
        """Selects topics by released names; None for all."""
        ...


@runtime_checkable
class Stored(Protocol):
    """A source that is read from files, at least in part."""

    @property
    def files(self) -> Sequence[Path]:
        """Files that can be read again later; none for a pipe."""
        ...
