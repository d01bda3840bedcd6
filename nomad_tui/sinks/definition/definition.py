"""The settings of a sink: each field with its codec and its meaning.

Durations are in seconds and sizes in bytes.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec

from nomad_tui.config.commands import COMMAND
from nomad_tui.config.fields import FILTER, FLAG, PATH, Field, byte_size, choice, duration, integer, keys, line
from nomad_tui.core.filter import Filter
from nomad_tui.core.level import Level
from nomad_tui.core.subscription import Subscription
from nomad_tui.sinks.definition.codecs import (
    CONTENT_TYPE,
    HEADERS,
    ID,
    LABELS,
    LEVEL,
    METHOD,
    NAMESPACES,
    ROUTING_KEY,
    SECRET,
    STREAM,
    SUBJECT,
    TEMPLATE,
    TOPICS,
    VARIABLES,
)
from nomad_tui.sinks.definition.kinds import Kind as Kind  # whoever has a definition needs it


class Format(StrEnum):
    NOMAD = "nomad"
    """The frame as in Nomad's 1.0 beta, with the events that match; several per request are an array."""
    EVENT = "event"
    """One object per event; several per request are an array."""
    CLOUDEVENTS = "cloudevents"
    """Structured JSON of CloudEvents 1.0; batched JSON if `max_events` is above 1."""
    TASKS = "tasks"
    """One object per task event of an allocation, each once; nothing for other events."""
    TEMPLATE = "template"
    """The output of the definition's template for an event or a batch."""


class GroupBy(StrEnum):
    """The property by which events are grouped into one message."""

    JOB = "job"
    """Events without a job are grouped by node, otherwise by object."""
    NODE = "node"
    OBJECT = "object"


class Begin(StrEnum):
    """Where a sink starts when it runs for the first time."""

    NOW = "now"
    """With records journaled after the sink was first seen. An empty journal starts with the server's whole buffer."""
    OLDEST = "oldest"
    """With the oldest record in the journal."""


class Sync(StrEnum):
    """When a file's content is synced to disk."""

    BATCH = "batch"
    """Before each batch is acknowledged."""
    INTERVAL = "interval"
    """Once a second, and when the file is closed."""
    NEVER = "never"
    """Left to the operating system."""


WEBHOOK: Final = frozenset((Kind.WEBHOOK,))
CHATS: Final = frozenset((Kind.SLACK, Kind.DISCORD, Kind.TEAMS))
INCIDENTS: Final = frozenset((Kind.PAGERDUTY, Kind.ALERTMANAGER))
HTTP: Final = frozenset((Kind.WEBHOOK, Kind.LOKI, *CHATS, *INCIDENTS))
NETWORK: Final = HTTP | {Kind.NATS}
MESSAGES: Final = CHATS | {Kind.WEBHOOK}
"""Types that can group events."""
FORMATTED: Final = frozenset((Kind.WEBHOOK, Kind.FILE, Kind.STDOUT, Kind.NATS, Kind.EXEC))
LABELLED: Final = frozenset((Kind.ALERTMANAGER, Kind.LOKI))
PAGERDUTY: Final = frozenset((Kind.PAGERDUTY,))
ALERTMANAGER: Final = frozenset((Kind.ALERTMANAGER,))
FILE: Final = frozenset((Kind.FILE,))
NATS: Final = frozenset((Kind.NATS,))
EXEC: Final = frozenset((Kind.EXEC,))
ADDRESSED: Final = frozenset(Kind) - {Kind.STDOUT, Kind.EXEC}

MAX_EVENTS: Final = 10_000
"""Per batch."""
MAX_GROUPED: Final = 100_000
"""Events per window."""
_HOUR: Final = 3600.0
_DAY: Final = 86_400.0


class Batch(msgspec.Struct, frozen=True):
    max_events: Annotated[
        int, Field(integer(1, MAX_EVENTS), "events per batch; the format `nomad` never divides a frame")
    ] = 1
    """A frame in `Format.NOMAD` is never split, so a request may contain more."""
    max_wait: Annotated[float, Field(duration(0, _HOUR), "how long the first event of a batch waits for others")] = 1.0


class Retry(msgspec.Struct, frozen=True):
    max_attempts: Annotated[
        int, Field(integer(1, 1000), "attempts at a refused delivery before it becomes a dead letter")
    ] = 8
    """Deliveries to an unavailable receiver are retried without a limit."""
    min_backoff: Annotated[
        float,
        Field(
            duration(largest=_DAY),
            "first pause between attempts; it doubles, with jitter, up to `max_backoff`",
        ),
    ] = 0.5
    max_backoff: Annotated[
        float, Field(duration(largest=_DAY), "longest pause, unless the receiver asks for a longer one")
    ] = 60.0


class Tls(msgspec.Struct, frozen=True):
    ca_cert: Annotated[Path | None, Field(PATH, "CA of the receiver's certificate, PEM", NETWORK)] = None
    client_cert: Annotated[Path | None, Field(PATH, "client certificate, PEM", NETWORK)] = None
    client_key: Annotated[Path | None, Field(PATH, "key of the client certificate, PEM", NETWORK)] = None
    server_name: Annotated[str | None, Field(line("a host name"), "name in the receiver's certificate", NETWORK)] = None
    skip_verify: Annotated[
        bool, Field(FLAG, "do not verify the certificate: anyone may then read the events", NETWORK)
    ] = False


class Rotation(msgspec.Struct, frozen=True):
    """Rotation of a file; None for never."""

    size: Annotated[int | None, Field(byte_size(1024), "start a new file at this size", FILE)] = msgspec.field(
        default=None, name="rotate_size"
    )
    age: Annotated[float | None, Field(duration(1), "start a new file at this age", FILE)] = msgspec.field(
        default=None, name="rotate_age"
    )
    keep: Annotated[int | None, Field(integer(1, 1_000_000), "rotated files kept; default: all", FILE)] = None
    compress: Annotated[bool, Field(FLAG, "compress rotated files to `.zst`", FILE)] = True
    sync: Annotated[
        Sync,
        Field(choice(Sync), "when lines are synced to disk: `batch`, `interval` (1 s) or `never`", FILE),
    ] = msgspec.field(default=Sync.BATCH, name="fsync")


class JetStream(msgspec.Struct, frozen=True):
    stream: Annotated[str, Field(STREAM, "stream that stores the events", NATS)] = "NOMAD"
    subject: Annotated[
        str,
        Field(
            SUBJECT,
            "subject of an event; `{namespace}`, `{key}` and `{index}` may be used, too",
            NATS,
        ),
    ] = "nomad.{region}.{topic}.{type}"
    """Characters that NATS does not allow in a token become `_`."""
    create: Annotated[bool, Field(FLAG, "create a missing stream", NATS)] = False
    """Created with the limits below."""
    max_age: Annotated[float | None, Field(duration(1), "how long a created stream keeps events", NATS)] = None
    max_bytes: Annotated[int | None, Field(byte_size(1024), "size limit of a created stream", NATS)] = None
    replicas: Annotated[int, Field(integer(1, 5), "servers that keep a created stream", NATS)] = 1
    duplicate_window: Annotated[
        float, Field(duration(0.1), "how long NATS recognizes an event's ID; at most `max_age`", NATS)
    ] = 3600.0
    credentials: Annotated[Path | None, Field(PATH, "`.creds` file", NATS)] = None
    nkey: Annotated[Path | None, Field(PATH, "file with an nkey seed", NATS)] = None


class Definition(msgspec.Struct, frozen=True, eq=False):
    """These fields define how it is read, written, documented and compared."""

    id: Annotated[str, Field(ID, "name of the sink; its cursor belongs to this name")]
    kind: Annotated[Kind, Field(choice(Kind), "type of receiver; `sink list --types` describes each")] = msgspec.field(
        name="type"
    )
    address: Annotated[
        str,
        Field(
            line("where the events go"),
            "URL, file path, or NATS servers separated by commas",
            ADDRESSED,
        ),
    ] = ""
    """May contain `${VARIABLE}`, which is resolved when the sink is opened."""
    subscription: Annotated[Subscription, Field(TOPICS, "topics, and which keys of each")] = msgspec.field(
        default=Subscription(), name="topics"
    )
    namespaces: Annotated[frozenset[str], Field(NAMESPACES, "only these namespaces, and objects without one")] = (
        frozenset()
    )
    """Empty for all."""
    filter: Annotated[Filter, Field(FILTER, "only events that match, in the filter language")] = Filter()
    format: Annotated[
        Format,
        Field(choice(Format), "`nomad`, `event`, `cloudevents`, `tasks`; webhooks: also `template`", FORMATTED),
    ] = Format.NOMAD
    headers: Annotated[
        tuple[tuple[str, str], ...],
        Field(HEADERS, "sent with each request; values may hold `${VARIABLE}` or be `file:PATH`", HTTP),
    ] = ()
    """Values as written, with unresolved references."""
    secret: Annotated[
        str | None,
        Field(SECRET, "signs each request (Standard Webhooks): `whsec_…`, `${VARIABLE}` or `file:PATH`", WEBHOOK),
    ] = None
    batch: Batch = Batch()
    timeout: Annotated[float, Field(duration(largest=_HOUR), "limit for one delivery and its answer")] = 10.0
    retry: Retry = Retry()
    redact: Annotated[bool, Field(FLAG, "mask secrets in payloads")] = True
    gaps: Annotated[bool, Field(FLAG, "send gaps in the stream, too")] = True
    begin: Annotated[
        Begin,
        Field(choice(Begin), "where a new sink starts: `now`, or at the `oldest` event of the journal"),
    ] = Begin.NOW
    ordered: Annotated[bool, Field(FLAG, "send a batch only after the one before is acknowledged")] = True
    concurrency: Annotated[int, Field(integer(1, 100), "batches in flight; more than 1 needs `ordered = false`")] = 1
    tls: Tls = Tls()
    proxy: Annotated[
        str | None,
        Field(
            line("a URL such as http://proxy:3128"),
            "proxy URL; default: the environment's",
            HTTP,
        ),
    ] = None
    rotation: Rotation = msgspec.field(default=Rotation(), name="file")
    jetstream: JetStream = msgspec.field(default=JetStream(), name="nats")
    command: Annotated[
        tuple[str, ...],
        Field(COMMAND, "program and arguments, run without a shell", EXEC),
    ] = ()
    inherit: Annotated[
        frozenset[str],
        Field(
            VARIABLES,
            "variables that the command inherits, beside `PATH`, `HOME`, `LANG`, `TZ` and `TMPDIR`",
            EXEC,
        ),
    ] = frozenset()
    level: Annotated[
        Level | None,
        Field(
            LEVEL,
            "only events of this level and above: `routine`, `change`, `warning` or `failure`; default: `warning` for "
            "chats and incidents, else all",
        ),
    ] = None
    """None for the type's default."""
    template: Annotated[
        str | None, Field(TEMPLATE, 'Jinja2 template of the body, for `format = "template"`', WEBHOOK)
    ] = None
    template_file: Annotated[Path | None, Field(PATH, "file that holds the template", WEBHOOK)] = None
    content_type: Annotated[
        str, Field(CONTENT_TYPE, "of the template's body; a JSON type requires valid JSON", WEBHOOK)
    ] = "application/json"
    method: Annotated[str, Field(METHOD, "`POST`, `PUT` or `PATCH`", WEBHOOK)] = "POST"
    text: Annotated[str | None, Field(TEMPLATE, "template of the message's text", CHATS)] = None
    blocks: Annotated[
        str | None,
        Field(
            TEMPLATE,
            "template of the message's body, a JSON array: Slack's blocks, Discord's embeds, or a Teams card's body",
            CHATS,
        ),
    ] = None
    group_by: Annotated[
        GroupBy | None, Field(choice(GroupBy), "one message per `job`, `node` or `object` in a window", MESSAGES)
    ] = None
    window: Annotated[float, Field(duration(0.1, _HOUR), "how long a group collects events", MESSAGES)] = 30.0
    resolve: Annotated[bool, Field(FLAG, "send recoveries of reported failures, too", CHATS)] = False
    max_age: Annotated[float | None, Field(duration(1), "send older events as one summary", MESSAGES)] = None
    web_ui: Annotated[
        str | None,
        Field(
            line("a URL such as https://nomad.example.com"),
            "URL of Nomad's web UI, for links; default: `NOMAD_ADDR`",
        ),
    ] = None
    routing_key: Annotated[
        str | None, Field(ROUTING_KEY, "integration key: text, `${VARIABLE}` or `file:PATH`", PAGERDUTY)
    ] = None
    labels: Annotated[
        tuple[tuple[str, str], ...] | None,
        Field(
            LABELS,
            "labels; values may hold `{region}`, `{namespace}`, `{topic}`, `{type}`, `{job}`, `{group}`, `{node}` and "
            "`{level}`",
            LABELLED,
        ),
    ] = None
    """None for the type's default."""
    alert_to: Annotated[str | None, Field(ID, "sink that reports when this one fails and recovers")] = None
    alert_after: Annotated[
        float, Field(duration(1), "time without an acknowledgement before `alert_to` reports it")
    ] = 300.0
    resend: Annotated[float, Field(duration(1, _HOUR), "how often a lasting alert is sent again", ALERTMANAGER)] = 60.0
    origin: Path | None = None
    """The file that defines it; ignored by comparisons."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Definition):
            return NotImplemented
        return all(key.of(self) == key.of(other) for key in keys(Definition))

    def __ne__(self, other: object) -> bool:
        return not self == other  # a struct's own compares by identity

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        """Omits the secrets."""
        shown = (name for name in self.__struct_fields__ if name not in ("secret", "routing_key"))
        return f"Definition({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    @property
    def least_level(self) -> Level:
        """The lowest level that is sent."""
        if self.level is not None:
            return self.level
        return Level.WARNING if self.kind in CHATS | INCIDENTS else Level.ROUTINE

    @property
    def is_grouped(self) -> bool:
        """Whether several events may be combined into one message."""
        return self.group_by is not None or self.max_age is not None

    @property
    def keeps_frames(self) -> bool:
        """Whether the events of a frame are never split."""
        return self.kind in FORMATTED and self.format is Format.NOMAD

    @property
    def is_rendered(self) -> bool:
        """Whether the output is derived from events, such as their sentences and levels."""
        return (
            self.kind in CHATS | INCIDENTS | {Kind.LOKI}
            or self.format in (Format.TEMPLATE, Format.TASKS)
            or self.least_level > Level.ROUTINE
            or self.is_grouped
        )

    @property
    def needs_earlier(self) -> bool:
        """Whether the output depends on earlier events: a sentence describes what has changed."""
        if self.least_level == Level.ROUTINE and not self.is_grouped and self.template is not None:
            return any(name in self.template for name in (*_DERIVED, *_COMPOSING))
        return self.is_rendered

    @property
    def together(self) -> Batch:
        """The size of a batch that is acknowledged as a whole. Types that write single events anyway batch what is
        available, without waiting, unless `batch` asks for more: a file is then synced, and the cursor advanced, once
        per batch."""
        if self.is_grouped:
            return Batch(MAX_GROUPED, self.window if self.group_by is not None else self.batch.max_wait)
        if self.kind is Kind.PAGERDUTY:
            return Batch()
        if self.kind not in BATCH_SIZES or self.batch.max_events > 1:
            return self.batch
        return Batch(BATCH_SIZES[self.kind], 0.0)


_COMPOSING: Final = ("~", "+", "\\", "join", "format", "replace")
"""Operators and filters with which a template could build such a name."""
_DERIVED: Final = ("sentence", "level", "object", "node", "changes")
"""Template names whose value is derived from an event and the previous one."""
BATCH_SIZES: Final = {Kind.FILE: 500, Kind.STDOUT: 500, Kind.NATS: 256, Kind.LOKI: 500, Kind.ALERTMANAGER: 50}
"""Events per batch."""
