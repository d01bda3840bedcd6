"""Every key of a definition: what it is called in TOML and in JSON, what may stand there, and what that is for."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from nomad_tui.sinks import written
from nomad_tui.sinks.definition import Begin, Definition, Format, Kind, Sync
from nomad_tui.sinks.written import Written

EVERY_KIND: Final = frozenset(Kind)
_WEBHOOK: Final = frozenset((Kind.WEBHOOK,))
_NETWORK: Final = frozenset((Kind.WEBHOOK, Kind.NATS))
_FILE: Final = frozenset((Kind.FILE,))
_NATS: Final = frozenset((Kind.NATS,))

MOST_EVENTS: Final = 10_000
"""In one batch."""
_HOUR: Final = 3600.0
_DAY: Final = 86_400.0


class Dialect(IntEnum):
    """How keys are written; the number is the place of a key's name in `Key.names`."""

    TOML = 0
    JSON = 1


@dataclass(frozen=True, slots=True)
class Key:
    names: tuple[str, str]
    """In TOML and in JSON, those of a table with a dot: `batch.max_events`, `Batch.MaxEvents`."""
    attribute: str
    """Of a `Definition`, that of a part with a dot: `rotation.size`."""
    written: Written
    meaning: str
    kinds: frozenset[Kind] = EVERY_KIND

    def of(self, definition: Definition) -> Any:
        value: Any = definition
        for name in self.attribute.split("."):
            value = getattr(value, name)
        return value

    @property
    def default(self) -> Any:
        return self.of(_BLANK)


_BLANK: Final = Definition("", Kind.STDOUT)

KEYS: Final[tuple[Key, ...]] = (
    Key(
        ("id", "ID"),
        "id",
        written.ID,
        "its name, which stays when the rest changes: its place in the stream goes by it",
    ),
    Key(("type", "Type"), "kind", written.choice(Kind), "`webhook`, `file`, `stdout` or `nats`"),
    Key(
        ("address", "Address"),
        "address",
        written.line("where the events go"),
        "a webhook's URL, a file's path, the servers of NATS with commas between; `stdout` has none",
        EVERY_KIND - {Kind.STDOUT},
    ),
    Key(("topics", "Topics"), "subscription", written.TOPICS, "which topics, and of each all keys or some"),
    Key(
        ("namespaces", "Namespaces"), "namespaces", written.NAMESPACES, "only of these; what has no namespace comes too"
    ),
    Key(("filter", "Filter"), "filter", written.FILTER, "only what matches, in the language of the filter line"),
    Key(("format", "Format"), "format", written.choice(Format), "`nomad`, `event` or `cloudevents`"),
    Key(
        ("headers", "Headers"),
        "headers",
        written.HEADERS,
        "sent with each request; a value may hold `${VARIABLE}`, or be `file:PATH`",
        _WEBHOOK,
    ),
    Key(
        ("secret", "Secret"),
        "secret",
        written.SECRET,
        "signs each request by Standard Webhooks: `whsec_…`, `${VARIABLE}` or `file:PATH`",
        _WEBHOOK,
    ),
    Key(("redact", "Redact"), "redact", written.FLAG, "whether secrets in payloads are masked"),
    Key(("gaps", "Gaps"), "gaps", written.FLAG, "whether gaps in the stream are sent too"),
    Key(
        ("begin", "Begin"),
        "begin",
        written.choice(Begin),
        "where it starts the first time: `now`, or with the `oldest` that the journal holds",
    ),
    Key(("timeout", "Timeout"), "timeout", written.duration(largest=_HOUR), "for one request and its answer"),
    Key(("ordered", "Ordered"), "ordered", written.FLAG, "whether one batch waits for the one before"),
    Key(
        ("concurrency", "Concurrency"),
        "concurrency",
        written.whole(1, 100),
        "batches under way at once; more than 1 only with `ordered = false`",
    ),
    Key(
        ("proxy", "Proxy"),
        "proxy",
        written.line("a URL such as http://proxy:3128"),
        "the URL of a proxy; without it the environment says",
        _WEBHOOK,
    ),
    Key(
        ("batch.max_events", "Batch.MaxEvents"),
        "batch.max_events",
        written.whole(1, MOST_EVENTS),
        "events sent as one; in the format `nomad` a frame is never divided",
    ),
    Key(
        ("batch.max_wait", "Batch.MaxWait"),
        "batch.max_wait",
        written.duration(0, _HOUR),
        "how long the first event of a batch may wait for others",
    ),
    Key(
        ("retry.max_attempts", "Retry.MaxAttempts"),
        "retry.max_attempts",
        written.whole(1, 1000),
        "how often what is refused is sent, before it goes to the dead letters",
    ),
    Key(
        ("retry.min_backoff", "Retry.MinBackoff"),
        "retry.min_backoff",
        written.duration(largest=_DAY),
        "how long it waits before it tries again; twice as much, half of it by chance, before each further attempt, "
        "up to `max_backoff`",
    ),
    Key(
        ("retry.max_backoff", "Retry.MaxBackoff"),
        "retry.max_backoff",
        written.duration(largest=_DAY),
        "but never longer than this, unless the receiver asks for it",
    ),
    Key(
        ("tls.ca_cert", "TLS.CACert"),
        "tls.ca_cert",
        written.PATH,
        "the CA that signed the receiver's certificate",
        _NETWORK,
    ),
    Key(("tls.client_cert", "TLS.ClientCert"), "tls.client_cert", written.PATH, "the certificate to show", _NETWORK),
    Key(("tls.client_key", "TLS.ClientKey"), "tls.client_key", written.PATH, "its key", _NETWORK),
    Key(
        ("tls.server_name", "TLS.ServerName"),
        "tls.server_name",
        written.line("a host name"),
        "the name in the receiver's certificate",
        _NETWORK,
    ),
    Key(
        ("tls.skip_verify", "TLS.SkipVerify"),
        "tls.skip_verify",
        written.FLAG,
        "do not verify it: anyone may then read the events",
        _NETWORK,
    ),
    Key(
        ("file.rotate_size", "File.RotateSize"),
        "rotation.size",
        written.size(1024),
        "begin a new file at this size",
        _FILE,
    ),
    Key(
        ("file.rotate_age", "File.RotateAge"),
        "rotation.age",
        written.duration(1),
        "begin a new file at this age",
        _FILE,
    ),
    Key(
        ("file.keep", "File.Keep"),
        "rotation.keep",
        written.whole(1, 1_000_000),
        "how many rotated files are kept; without it all",
        _FILE,
    ),
    Key(
        ("file.compress", "File.Compress"),
        "rotation.compress",
        written.FLAG,
        "whether a rotated one becomes `.zst`",
        _FILE,
    ),
    Key(
        ("file.fsync", "File.Fsync"),
        "sync",
        written.choice(Sync),
        "`batch`: before each is acknowledged; `interval`: once a second; `never`",
        _FILE,
    ),
    Key(("nats.stream", "NATS.Stream"), "jetstream.stream", written.STREAM, "the stream that takes the events", _NATS),
    Key(
        ("nats.subject", "NATS.Subject"),
        "jetstream.subject",
        written.SUBJECT,
        "where an event is published; `{namespace}`, `{key}` and `{index}` may stand there too",
        _NATS,
    ),
    Key(("nats.create", "NATS.Create"), "jetstream.create", written.FLAG, "make the stream where there is none", _NATS),
    Key(
        ("nats.max_age", "NATS.MaxAge"),
        "jetstream.max_age",
        written.duration(1),
        "how long a stream it makes holds an event",
        _NATS,
    ),
    Key(
        ("nats.max_bytes", "NATS.MaxBytes"),
        "jetstream.max_bytes",
        written.size(1024),
        "how large a stream it makes may become",
        _NATS,
    ),
    Key(
        ("nats.replicas", "NATS.Replicas"),
        "jetstream.replicas",
        written.whole(1, 5),
        "on how many servers a stream it makes is kept",
        _NATS,
    ),
    Key(
        ("nats.duplicate_window", "NATS.DuplicateWindow"),
        "jetstream.duplicate_window",
        written.duration(0.1),
        "for how long the server knows an event again; at most `max_age`",
        _NATS,
    ),
    Key(("nats.credentials", "NATS.Credentials"), "jetstream.credentials", written.PATH, "a `.creds` file", _NATS),
    Key(("nats.nkey", "NATS.NKey"), "jetstream.nkey", written.PATH, "a file with an nkey's seed", _NATS),
)
"""In the order in which they are written and explained."""

BY_ATTRIBUTE: Final[dict[str, Key]] = {key.attribute: key for key in KEYS}


def folded(name: str, dialect: Dialect) -> str:
    """By what a name is told: in JSON its case does not matter, as for Nomad's own objects."""
    return name if dialect is Dialect.TOML else name.lower()


BY_NAME: Final[dict[Dialect, dict[str, Key]]] = {
    dialect: {folded(key.names[dialect], dialect): key for key in KEYS} for dialect in Dialect
}
TABLES: Final[dict[Dialect, dict[str, str]]] = {
    dialect: {
        folded(table, dialect): table for key in KEYS for table, dot, _ in (key.names[dialect].partition("."),) if dot
    }
    for dialect in Dialect
}
"""The names of the tables that keys stand in."""
