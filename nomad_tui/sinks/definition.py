"""What an operator says of one sink. Durations are in seconds and sizes in bytes, whatever they were written in."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from nomad_tui.core.filter import Filter
from nomad_tui.core.subscription import Subscription

LONGEST_ID: Final = 64
"""Characters; an ID is also the name of a file."""


class Kind(StrEnum):
    """By the names that `type` may have."""

    WEBHOOK = "webhook"
    FILE = "file"
    STDOUT = "stdout"
    NATS = "nats"


class Format(StrEnum):
    NOMAD = "nomad"
    """The frame as Nomad's 1.0 beta posted it, with the events that match; several in one request are an array."""
    EVENT = "event"
    """One object for one event; several in one request are an array."""
    CLOUDEVENTS = "cloudevents"
    """Structured JSON of CloudEvents 1.0, batched JSON where `max_events` is above 1."""


class Begin(StrEnum):
    """Where a sink starts that has never run."""

    NOW = "now"
    """At what is journaled after it was first seen. An empty journal begins with all that the server's buffer holds."""
    OLDEST = "oldest"
    """At the oldest that the journal holds."""


class Sync(StrEnum):
    """When a file's content is made to survive a loss of power."""

    BATCH = "batch"
    """Before each batch is acknowledged."""
    INTERVAL = "interval"
    """Once a second, and when the file is closed."""
    NEVER = "never"
    """Whenever the operating system does."""


@dataclass(frozen=True, slots=True)
class Batch:
    max_events: int = 1
    """A frame in `Format.NOMAD` is never divided, so one request may hold more."""
    max_wait: float = 1.0
    """How long the first event of a batch may wait for others."""


@dataclass(frozen=True, slots=True)
class Retry:
    max_attempts: int = 8
    """How often an event is sent that the receiver refuses, before it goes to the dead letters. What is only
    unavailable is tried for as long as it takes."""
    min_backoff: float = 0.5
    max_backoff: float = 60.0


@dataclass(frozen=True, slots=True)
class Tls:
    ca_cert: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    server_name: str | None = None
    skip_verify: bool = False


@dataclass(frozen=True, slots=True)
class Rotation:
    """Of a file; None for never."""

    size: int | None = None
    age: float | None = None
    keep: int | None = None
    """Rotated files that are kept; None for all."""
    compress: bool = True
    """Whether a rotated file becomes `.zst`."""


@dataclass(frozen=True, slots=True)
class JetStream:
    stream: str = "NOMAD"
    subject: str = "nomad.{region}.{topic}.{type}"
    """May also name `{namespace}`, `{key}` and `{index}`; what NATS does not allow in a token becomes `_`."""
    create: bool = False
    """Whether the stream is made where there is none, with the limits below."""
    max_age: float | None = None
    max_bytes: int | None = None
    replicas: int = 1
    duplicate_window: float = 3600.0
    """For how long the server knows an event again by its ID."""
    credentials: Path | None = None
    """A `.creds` file."""
    nkey: Path | None = None
    """A file with an nkey's seed."""


@dataclass(frozen=True, slots=True)
class Definition:
    id: str
    kind: Kind
    address: str = ""
    """Of a webhook its URL, of a file its path, of NATS its servers with commas between, of stdout nothing. May hold
    `${VARIABLE}`, which is filled in when the sink is opened."""
    subscription: Subscription = field(default_factory=Subscription)
    namespaces: frozenset[str] = frozenset()
    """Empty for all. What has no namespace comes too."""
    filter: Filter = field(default_factory=Filter)
    format: Format = Format.NOMAD
    headers: tuple[tuple[str, str], ...] = ()
    """With values as they were written: `${VARIABLE}` within one, or `file:PATH` as the whole of it."""
    secret: str | None = field(default=None, repr=False)
    """Signs each request by Standard Webhooks: `whsec_…` or base64, `${VARIABLE}`, or `file:PATH`."""
    batch: Batch = field(default_factory=Batch)
    timeout: float = 10.0
    """For one request and its answer."""
    retry: Retry = field(default_factory=Retry)
    redact: bool = True
    gaps: bool = True
    """Whether gaps in the stream are sent too."""
    begin: Begin = Begin.NOW
    ordered: bool = True
    concurrency: int = 1
    """Batches under way at once; above 1 only where `ordered` is false."""
    tls: Tls = field(default_factory=Tls)
    proxy: str | None = None
    """Of a webhook; None for what the environment says."""
    rotation: Rotation = field(default_factory=Rotation)
    sync: Sync = Sync.BATCH
    jetstream: JetStream = field(default_factory=JetStream)
    origin: Path | None = field(default=None, compare=False)
    """The file that it stands in."""

    @property
    def together(self) -> Batch:
        """What is acknowledged as one. Sinks that write event by event anyway take what there is, without waiting,
        unless `batch` asks for more: a file is synced, and the cursor moved, once for all of it."""
        if self.kind is Kind.WEBHOOK or self.batch.max_events > 1:
            return self.batch
        return Batch(TOGETHER[self.kind], 0.0)


TOGETHER: Final = {Kind.FILE: 500, Kind.STDOUT: 500, Kind.NATS: 256}
"""Events."""
