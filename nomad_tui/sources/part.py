"""Which part of a journal or a recording is wanted."""

from typing import TYPE_CHECKING

import msgspec

from nomad_tui.core.subscription import Subscription
from nomad_tui.core.topics import ALL
from nomad_tui.core.updates import Gap
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
