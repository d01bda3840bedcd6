"""What the dashboard and `tail` need of a source of events."""

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
    """What belongs to no namespace comes with each of them, as from a server."""
    newest_events: int | None = None
    """About so many events at most; None for all."""

    def of(self, content: "Content") -> "Content | None":
        """What of a record is wanted."""
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
        """What is being watched, for the header: a cluster's address, a file's name. Untrusted text."""
        ...

    @property
    def live(self) -> bool:
        """False for a recording, whose events did not happen when they are read."""
        ...

    def scope(self, region: str | None) -> str:
        """Which part of it is watched, given the region the server is in: `global · all namespaces`."""
        ...

    def updates(self) -> AsyncGenerator[Update, None]:
        """Everything that happens, until there is nothing more to come.

        Expected trouble is an update, never an exception. Closing the generator closes what it holds open.
        """
        ...


@runtime_checkable
class Watchable(Protocol):
    """A source that can leave topics out while it is read, to spare the server and the network."""

    def watch(self, topics: frozenset[str] | None) -> None:
        """The topics whose events are wanted, by released names; None for all."""
        ...


@runtime_checkable
class Stored(Protocol):
    """A source that is read from files, wholly or in part."""

    @property
    def files(self) -> Sequence[Path]:
        """Those that the next run can read again; none for a pipe."""
        ...
