"""How the stream engine is set up; the defaults are what it uses against real servers."""

from collections.abc import Callable
from typing import Final

import msgspec

from nomad_tui.core.backoff import SHORTEST_DELAY
from nomad_tui.core.limits import DEFAULT_MAX_LINE
from nomad_tui.core.repeats import REMEMBERED_FRAMES
from nomad_tui.nomad.client import SILENCE
from nomad_tui.nomad.release_discovery import PATIENCE, REMEMBERED
from nomad_tui.stream.connection import BACKLOG_SECONDS, HEARTBEAT
from nomad_tui.stream.start import Start
from nomad_tui.stream.timing import NOTICED_FROM, SHORTEST_PERIOD, elapsed

LEADER_WATCHED_EVERY: Final = 30.0
"""Seconds between two questions whether the cluster has a leader."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Times are in seconds, sizes in bytes."""

    start: Start = msgspec.field(default_factory=Start)
    max_line: int = DEFAULT_MAX_LINE
    remembered_frames: int = REMEMBERED_FRAMES
    """To compare with what a server sends again."""
    clock: Callable[[], float] = elapsed
    """Seconds from anywhere, the machine's sleep included."""

    # Waiting for a server
    silence: float = SILENCE
    """Without a byte, after which a stream is over."""
    first_line: float | None = None
    """For a stream's first line at least, whose absence is a refusal; None for `nomad.probing.SHORTEST_PATIENCE`."""
    release_patience: float = PATIENCE
    """For the releases of the servers, before the events."""
    identity_patience: float = 2.0
    """For the release in the header, before the events."""
    choice_patience: float = 1.0
    """For the frame asked for, from each of several servers."""
    replay_patience: float = 5.0
    """For a server that seems to have been rebuilt and does not say whether it is still replaying its raft log."""
    backlog: float = BACKLOG_SECONDS
    heartbeat: float = HEARTBEAT

    # Waiting before the next attempt
    shortest_delay: float = SHORTEST_DELAY
    shortest_delay_after_refusal: float = 5.0
    """A token does not get its rights back within a second."""
    longest_delay_while_starting: float = 2.0
    """What a restarted server sends meanwhile is held in its buffer only."""
    settled: float = 10.0
    """After which a connection counts as good though nothing new came on it: the next delay is the shortest again, as
    after every connection that brought something new. A server that accepts and ends each connection at once would
    otherwise be asked twice a second."""
    shortest_cut_period: float = SHORTEST_PERIOD
    unfinished_line: float = 10.0
    """For a line to end, before a warning; the next ones come after twice as long each."""
    unfinished_first_line: float = 2.0
    """For a connection's first one: until it ends, the connection would count as unanswered."""
    longest_line: float = 300.0
    """For a line to end, before the connection is left; twice as long after each time that it was."""
    standstill: float = 10.0
    """Without reading, after which a server may have given this reader up."""
    standstill_over: float = 1.0
    """Of waiting for the server, after which it has not: everything that it had sent before has been read by then."""

    # Changes of the topic selection
    selection_settle: float = 3.0
    """Without another change before the server is asked for other topics: ticking through a list is one change."""
    refused_selection_again: float = 60.0
    """Before a server is asked again for topics that it refused: each attempt costs a good connection."""

    # Checks beside the stream
    sleep_checked_every: float = 2.0
    sleep_noticed_from: float = NOTICED_FROM
    leader_watched_every: float = LEADER_WATCHED_EVERY
    leader_awaited_every: float = 5.0
    """While the cluster has none."""
    permissions_watched_every: float = 45.0
    """A server may keep the connection of a refused stream for two minutes, so one is opened per capability."""
    releases_checked_every: float = REMEMBERED
    """While topics are left out because reading them harms the servers."""
    namespaces_wait: float = 300.0
    """For which a server holds the question whether the list of namespaces has changed."""
    namespaces_again: float = 60.0
    """Until that is asked again where it failed."""

    # Several streams of one cluster
    window: float = 0.25
    """For which a frame waits for those of the other streams: streams of one server are some milliseconds apart."""
    first_window: float = 3.0
    """For which the first frames wait for every stream to have begun, since each begins with its buffer."""
