"""How a runner and its sinks are doing: written to the journal, where everybody may look, and served over HTTP."""

from enum import StrEnum

import msgspec


class SinkState(StrEnum):
    IDLE = "idle"
    """Everything has been acknowledged."""
    DELIVERING = "delivering"
    RETRYING = "retrying"
    """The receiver did not take the last attempt."""
    PAUSED = "paused"
    BROKEN = "broken"
    """The definition cannot be used, or the sink cannot be opened; the last error says why."""
    STOPPED = "stopped"
    """No runner runs it."""


class SinkStatus(msgspec.Struct):
    """Counts are of events since the sink was first run; times in ns since 1970, 0 for never."""

    state: SinkState = SinkState.STOPPED
    kind: str = ""
    address: str = ""
    """Fit to be shown: without passwords."""
    delivered: int = 0
    retried: int = 0
    """Attempts beyond the first, of deliveries."""
    dead: int = 0
    """Events that went to the dead letters."""
    lost: int = 0
    """Events that the journal dropped before this sink had them."""
    rate: float = 0.0
    """Events acknowledged per second, of late."""
    last_acknowledged: int = 0
    last_answer: str = ""
    last_error: str = ""
    """Empty once something was acknowledged after it."""
    last_error_at: int = 0
    next_attempt: int = 0
    attempt: int = 0
    """Failed attempts in a row."""


class RunnerStatus(msgspec.Struct):
    """Times in ns since 1970."""

    pid: int = 0
    host: str = ""
    started: int = 0
    heard: int = 0
    """When this was written last: a living runner writes at least every five seconds."""
    version: str = ""
    address: str = ""
    region: str = ""
    state: str = ""
    """Of the stream, by the names of `stream.status.State`."""
    what: str = ""
    """While the stream is not live: what happened and what to do."""
    events: int = 0
    """Events that came since the runner started."""
    rate: float = 0.0
    gaps: int = 0
    reconnects: int = 0
    unreadable: int = 0
    journal_bytes: int = 0
    journal_trouble: str = ""
    """Why nothing can be written to the journal now; the stream is held back meanwhile."""
    http: str = ""
    """Where /metrics are served; "" for nowhere."""
