"""Settings of the stream engine; the defaults are for real servers."""

from collections.abc import Callable
from typing import Final

import msgspec

from nomad_tui.core.backoff import SHORTEST_DELAY
from nomad_tui.core.limits import DEFAULT_MAX_LINE
from nomad_tui.core.repeats import REMEMBERED_FRAMES
from nomad_tui.nomad.client import SILENCE
from nomad_tui.nomad.release_discovery import HARMLESS_TTL, PATIENCE
from nomad_tui.stream.connection import BACKLOG_SECONDS, HEARTBEAT
from nomad_tui.stream.start import Start
from nomad_tui.stream.timing import SHORTEST_PERIOD, SUSPENSION_THRESHOLD, elapsed

LEADER_WATCHED_EVERY: Final = 30.0
"""Seconds between two checks whether the cluster has a leader."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Times are in seconds, sizes in bytes."""

    start: Start = msgspec.field(default_factory=Start)
    max_line: int = DEFAULT_MAX_LINE
    remembered_frames: int = REMEMBERED_FRAMES
    """Frames remembered to recognize what a server sends again."""
    clock: Callable[[], float] = elapsed
    """Seconds from an arbitrary origin, including the machine's sleep."""

    # Waiting for a server
    silence: float = SILENCE
    """Idle time after which a stream is considered dead."""
    first_line: float | None = None
    """Minimum wait for a stream's first line, whose absence means a refusal; None for
    `nomad.probing.SHORTEST_PATIENCE`."""
    release_patience: float = PATIENCE
    """Limit for finding out the servers' releases before subscribing."""
    identity_patience: float = 2.0
    """Limit for finding out the release shown in the header before subscribing."""
    choice_patience: float = 1.0
    """Limit for the first frame from each of several servers."""
    replay_patience: float = 5.0
    """Limit for a server that seems to have been rebuilt and does not report whether it is still replaying its raft
    log."""
    backlog: float = BACKLOG_SECONDS
    heartbeat: float = HEARTBEAT

    # Waiting before the next attempt
    shortest_delay: float = SHORTEST_DELAY
    shortest_delay_after_refusal: float = 5.0
    """A token does not regain its permissions within a second."""
    longest_delay_while_starting: float = 2.0
    """Short, because a restarted server holds the events of this time only in its buffer."""
    settled: float = 10.0
    """Age at which a connection counts as good even if it brought nothing new, and the delay is reset to the shortest,
    as after every connection that made progress. A server that accepts and ends each connection at once would otherwise
    be asked twice a second."""
    shortest_cut_period: float = SHORTEST_PERIOD
    unfinished_line: float = 10.0
    """Limit for a line to end before a warning; each further warning comes after twice the time."""
    unfinished_first_line: float = 2.0
    """The same for a connection's first line: until it ends, the connection counts as unanswered."""
    longest_line: float = 300.0
    """Limit for a line to end before reconnecting; doubled each time it is reached."""
    standstill: float = 10.0
    """Time without reading after which a server may have dropped this reader."""
    standstill_over: float = 1.0
    """A wait for the server of this length proves that it has not: everything sent before has then been read."""

    # Changes of the topic selection
    selection_settle: float = 3.0
    """Delay after the last change before resubscribing: ticking through a list is one change."""
    refused_selection_again: float = 60.0
    """Delay before topics that were refused are requested again: each attempt costs a good connection."""

    # Checks beside the stream
    sleep_checked_every: float = 2.0
    sleep_noticed_from: float = SUSPENSION_THRESHOLD
    leader_watched_every: float = LEADER_WATCHED_EVERY
    leader_awaited_every: float = 5.0
    """Interval while the cluster has no leader."""
    permissions_watched_every: float = 45.0
    """Long, because a server may keep the connection of a refused stream for two minutes, and each check opens one
    stream per capability."""
    releases_checked_every: float = HARMLESS_TTL
    """Interval while topics are left out because reading them harms the servers."""
    namespaces_wait: float = 300.0
    """Duration of a blocking query for changes of the list of namespaces."""
    namespaces_again: float = 60.0
    """Delay before a failed query is retried."""

    # Several streams of one cluster
    window: float = 0.25
    """Time for which a frame waits for those of other streams: streams of one server are some milliseconds apart."""
    first_window: float = 3.0
    """Time for which the first frames wait until every stream has begun, since each one begins with its buffer."""
