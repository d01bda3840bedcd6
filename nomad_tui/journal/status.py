"""Status of a runner and its sinks: stored in the journal for other processes, and served over HTTP."""

from enum import StrEnum

import msgspec


class SinkState(StrEnum):
    IDLE = "idle"
    """Everything has been acknowledged."""
    DELIVERING = "delivering"
    RETRYING = "retrying"
    """The last attempt failed."""
    PAUSED = "paused"
    BROKEN = "broken"
    """The sink cannot be opened; the last error says why."""
    STOPPED = "stopped"
    """Not run by a runner."""


class SinkStatus(msgspec.Struct):
    """Counts are events since the sink first ran; times are in ns since 1970, 0 for never."""

    state: SinkState = SinkState.STOPPED
    kind: str = ""
    address: str = ""
    """Printable, without passwords."""
    delivered: int = 0
    retried: int = 0
    """Attempts beyond the first of each delivery."""
    dead: int = 0
    """Events that became dead letters."""
    lost: int = 0
    """Events that the journal dropped before they were delivered."""
    rate: float = 0.0
    """Events acknowledged per second, over the last ten seconds."""
    last_acknowledged: int = 0
    last_answer: str = ""
    last_error: str = ""
    """Empty after the next acknowledgement."""
    last_error_at: int = 0
    next_attempt: int = 0
    attempt: int = 0
    """Failed attempts in a row."""


class RunnerStatus(msgspec.Struct):
    """Times are in ns since 1970."""

    pid: int = 0
    host: str = ""
    started: int = 0
    heard: int = 0
    """When this was last written: a running runner writes at least every five seconds."""
    version: str = ""
    address: str = ""
    region: str = ""
    state: str = ""
    """State of the stream, a name of `stream.status.State`."""
    what: str = ""
    """If the stream is not live: what happened and what to do."""
    events: int = 0
    """Events received since the runner started."""
    rate: float = 0.0
    gaps: int = 0
    reconnects: int = 0
    unreadable: int = 0
    journal_bytes: int = 0
    journal_trouble: str = ""
    """Why the journal cannot be written now; reading the stream pauses meanwhile."""
    http: str = ""
    """Address that serves /metrics; "" for none."""
