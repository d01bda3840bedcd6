"""What an operator says of one sink: each field with what may stand in it, and what it is for.

Durations are in seconds and sizes in bytes, whatever they were written in.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec

from nomad_tui.config.commands import COMMAND
from nomad_tui.config.fields import FILTER, FLAG, PATH, Field, byte_size, choice, duration, keys, line, whole
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


class Kind(StrEnum):
    """By the names that `type` may have."""

    WEBHOOK = "webhook"
    FILE = "file"
    STDOUT = "stdout"
    NATS = "nats"
    EXEC = "exec"
    SLACK = "slack"
    DISCORD = "discord"
    TEAMS = "teams"
    PAGERDUTY = "pagerduty"
    ALERTMANAGER = "alertmanager"
    LOKI = "loki"


class Format(StrEnum):
    NOMAD = "nomad"
    """The frame as Nomad's 1.0 beta posted it, with the events that match; several in one request are an array."""
    EVENT = "event"
    """One object for one event; several in one request are an array."""
    CLOUDEVENTS = "cloudevents"
    """Structured JSON of CloudEvents 1.0, batched JSON where `max_events` is above 1."""
    TASKS = "tasks"
    """One object for each task event of an allocation, once; nothing for other events."""
    TEMPLATE = "template"
    """What the definition's template makes of an event or a batch."""


class GroupBy(StrEnum):
    """What the events of one message have in common."""

    JOB = "job"
    """What belongs to no job is grouped by node, else by object."""
    NODE = "node"
    OBJECT = "object"


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

MOST_EVENTS: Final = 10_000
"""In one batch."""
MOST_GROUPED: Final = 100_000
"""Events of one window."""
_HOUR: Final = 3600.0
_DAY: Final = 86_400.0


class Batch(msgspec.Struct, frozen=True):
    max_events: Annotated[
        int, Field(whole(1, MOST_EVENTS), "events sent as one; in the format `nomad` a frame is never divided")
    ] = 1
    """A frame in `Format.NOMAD` is never divided, so one request may hold more."""
    max_wait: Annotated[float, Field(duration(0, _HOUR), "how long the first event of a batch may wait for others")] = (
        1.0
    )


class Retry(msgspec.Struct, frozen=True):
    max_attempts: Annotated[
        int, Field(whole(1, 1000), "how often what is refused is sent, before it goes to the dead letters")
    ] = 8
    """What is only unavailable is tried for as long as it takes."""
    min_backoff: Annotated[
        float,
        Field(
            duration(largest=_DAY),
            "how long it waits before it tries again; twice as much, half of it by chance, before each further "
            "attempt, up to `max_backoff`",
        ),
    ] = 0.5
    max_backoff: Annotated[
        float, Field(duration(largest=_DAY), "but never longer than this, unless the receiver asks for it")
    ] = 60.0


class Tls(msgspec.Struct, frozen=True):
    ca_cert: Annotated[Path | None, Field(PATH, "the CA that signed the receiver's certificate", NETWORK)] = None
    client_cert: Annotated[Path | None, Field(PATH, "the certificate to show", NETWORK)] = None
    client_key: Annotated[Path | None, Field(PATH, "its key", NETWORK)] = None
    server_name: Annotated[
        str | None, Field(line("a host name"), "the name in the receiver's certificate", NETWORK)
    ] = None
    skip_verify: Annotated[bool, Field(FLAG, "do not verify it: anyone may then read the events", NETWORK)] = False


class Rotation(msgspec.Struct, frozen=True):
    """Of a file; None for never."""

    size: Annotated[int | None, Field(byte_size(1024), "begin a new file at this size", FILE)] = msgspec.field(
        default=None, name="rotate_size"
    )
    age: Annotated[float | None, Field(duration(1), "begin a new file at this age", FILE)] = msgspec.field(
        default=None, name="rotate_age"
    )
    keep: Annotated[int | None, Field(whole(1, 1_000_000), "how many rotated files are kept; without it all", FILE)] = (
        None
    )
    compress: Annotated[bool, Field(FLAG, "whether a rotated one becomes `.zst`", FILE)] = True
    sync: Annotated[
        Sync,
        Field(choice(Sync), "`batch`: before each is acknowledged; `interval`: once a second; `never`", FILE),
    ] = msgspec.field(default=Sync.BATCH, name="fsync")


class JetStream(msgspec.Struct, frozen=True):
    stream: Annotated[str, Field(STREAM, "the stream that takes the events", NATS)] = "NOMAD"
    subject: Annotated[
        str,
        Field(
            SUBJECT,
            "where an event is published; `{namespace}`, `{key}` and `{index}` may stand there too",
            NATS,
        ),
    ] = "nomad.{region}.{topic}.{type}"
    """What NATS does not allow in a token becomes `_`."""
    create: Annotated[bool, Field(FLAG, "make the stream where there is none", NATS)] = False
    """With the limits below."""
    max_age: Annotated[float | None, Field(duration(1), "how long a stream it makes holds an event", NATS)] = None
    max_bytes: Annotated[int | None, Field(byte_size(1024), "how large a stream it makes may become", NATS)] = None
    replicas: Annotated[int, Field(whole(1, 5), "on how many servers a stream it makes is kept", NATS)] = 1
    duplicate_window: Annotated[
        float, Field(duration(0.1), "for how long the server knows an event again; at most `max_age`", NATS)
    ] = 3600.0
    credentials: Annotated[Path | None, Field(PATH, "a `.creds` file", NATS)] = None
    nkey: Annotated[Path | None, Field(PATH, "a file with an nkey's seed", NATS)] = None


class Definition(msgspec.Struct, frozen=True, eq=False):
    """By these fields it is read and written, explained in the manual, and compared."""

    id: Annotated[str, Field(ID, "its name, which stays when the rest changes: its place in the stream goes by it")]
    kind: Annotated[Kind, Field(choice(Kind), "what takes the events; `sink list --types` describes each")] = (
        msgspec.field(name="type")
    )
    address: Annotated[
        str,
        Field(
            line("where the events go"),
            "a URL, a file's path, the servers of NATS with commas between; `stdout` and `exec` have none",
            ADDRESSED,
        ),
    ] = ""
    """May hold `${VARIABLE}`, which is filled in when the sink is opened."""
    subscription: Annotated[Subscription, Field(TOPICS, "which topics, and of each all keys or some")] = msgspec.field(
        default=Subscription(), name="topics"
    )
    namespaces: Annotated[frozenset[str], Field(NAMESPACES, "only of these; what has no namespace comes too")] = (
        frozenset()
    )
    """Empty for all."""
    filter: Annotated[Filter, Field(FILTER, "only what matches, in the language of the filter line")] = Filter()
    format: Annotated[
        Format, Field(choice(Format), "`nomad`, `event`, `cloudevents`, `tasks` or `template`", FORMATTED)
    ] = Format.NOMAD
    headers: Annotated[
        tuple[tuple[str, str], ...],
        Field(HEADERS, "sent with each request; a value may hold `${VARIABLE}`, or be `file:PATH`", HTTP),
    ] = ()
    """With values as they were written."""
    secret: Annotated[
        str | None,
        Field(SECRET, "signs each request by Standard Webhooks: `whsec_…`, `${VARIABLE}` or `file:PATH`", WEBHOOK),
    ] = None
    batch: Batch = Batch()
    timeout: Annotated[float, Field(duration(largest=_HOUR), "for one request and its answer")] = 10.0
    retry: Retry = Retry()
    redact: Annotated[bool, Field(FLAG, "whether secrets in payloads are masked")] = True
    gaps: Annotated[bool, Field(FLAG, "whether gaps in the stream are sent too")] = True
    begin: Annotated[
        Begin,
        Field(choice(Begin), "where it starts the first time: `now`, or with the `oldest` that the journal holds"),
    ] = Begin.NOW
    ordered: Annotated[bool, Field(FLAG, "whether one batch waits for the one before")] = True
    concurrency: Annotated[
        int, Field(whole(1, 100), "batches under way at once; more than 1 only with `ordered = false`")
    ] = 1
    tls: Tls = Tls()
    proxy: Annotated[
        str | None,
        Field(
            line("a URL such as http://proxy:3128"),
            "the URL of a proxy; without it the environment says",
            HTTP,
        ),
    ] = None
    rotation: Rotation = msgspec.field(default=Rotation(), name="file")
    jetstream: JetStream = msgspec.field(default=JetStream(), name="nats")
    command: Annotated[
        tuple[str, ...],
        Field(COMMAND, "the program and its arguments; no shell reads them, and events come on standard input", EXEC),
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
            "only events of this level or above: `routine`, `change`, `warning` or `failure`; chats and incidents have "
            "`warning`, other types all",
        ),
    ] = None
    """None for what the type has."""
    template: Annotated[str | None, Field(TEMPLATE, 'what is sent with `format = "template"`, in Jinja2', WEBHOOK)] = (
        None
    )
    template_file: Annotated[Path | None, Field(PATH, "a file that holds the template", WEBHOOK)] = None
    content_type: Annotated[
        str, Field(CONTENT_TYPE, "of what a template makes; a body of a JSON type must be JSON", WEBHOOK)
    ] = "application/json"
    method: Annotated[str, Field(METHOD, "`POST`, `PUT` or `PATCH`", WEBHOOK)] = "POST"
    text: Annotated[
        str | None, Field(TEMPLATE, "a template for the text of a message, instead of the default", CHATS)
    ] = None
    blocks: Annotated[
        str | None,
        Field(
            TEMPLATE,
            "a template for the body of a message, a JSON array: Slack's blocks, Discord's embeds, or the body of a "
            "card in Teams",
            CHATS,
        ),
    ] = None
    group_by: Annotated[
        GroupBy | None, Field(choice(GroupBy), "one message for each `job`, `node` or `object` in a window", MESSAGES)
    ] = None
    window: Annotated[float, Field(duration(0.1, _HOUR), "how long a group collects events", MESSAGES)] = 30.0
    resolve: Annotated[bool, Field(FLAG, "whether recoveries of what was reported are sent too", CHATS)] = False
    max_age: Annotated[
        float | None, Field(duration(1), "one summary for all events that are older than this", MESSAGES)
    ] = None
    web_ui: Annotated[
        str | None,
        Field(
            line("a URL such as https://nomad.example.com"),
            "the address of Nomad's web UI, for links; without it `NOMAD_ADDR`",
        ),
    ] = None
    routing_key: Annotated[
        str | None, Field(ROUTING_KEY, "the integration key: literally, `${VARIABLE}` or `file:PATH`", PAGERDUTY)
    ] = None
    labels: Annotated[
        tuple[tuple[str, str], ...] | None,
        Field(
            LABELS,
            "labels and their values, which may hold `{region}`, `{namespace}`, `{topic}`, `{type}`, `{job}`, "
            "`{group}`, `{node}` and `{level}`",
            LABELLED,
        ),
    ] = None
    """None for those that the type has."""
    alert_to: Annotated[str | None, Field(ID, "another sink, which reports that this one fails, and recovers")] = None
    alert_after: Annotated[
        float, Field(duration(1), "for how long nothing is acknowledged before `alert_to` reports it")
    ] = 300.0
    resend: Annotated[
        float, Field(duration(1, _HOUR), "how often an alert is sent again while it lasts", ALERTMANAGER)
    ] = 60.0
    origin: Path | None = None
    """The file that it stands in; two that differ only by it are equal."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Definition):
            return NotImplemented
        return all(key.of(self) == key.of(other) for key in keys(Definition))

    def __ne__(self, other: object) -> bool:
        return not self == other  # a struct's own would go by identity

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        """All but the secret."""
        shown = (name for name in self.__struct_fields__ if name not in ("secret", "routing_key"))
        return f"Definition({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    @property
    def least_level(self) -> Level:
        """The level from which on events are sent."""
        if self.level is not None:
            return self.level
        return Level.WARNING if self.kind in CHATS | INCIDENTS else Level.ROUTINE

    @property
    def is_grouped(self) -> bool:
        """Whether several events may be one message."""
        return self.group_by is not None or self.max_age is not None

    @property
    def keeps_frames(self) -> bool:
        """Whether the events of a frame are never divided."""
        return self.kind in FORMATTED and self.format is Format.NOMAD

    @property
    def is_rendered(self) -> bool:
        """Whether what is sent is derived from events: sentences, levels and previous states are needed for it."""
        return (
            self.kind in CHATS | INCIDENTS | {Kind.LOKI}
            or self.format in (Format.TEMPLATE, Format.TASKS)
            or self.least_level > Level.ROUTINE
            or self.is_grouped
        )

    @property
    def together(self) -> Batch:
        """What is acknowledged as one. Sinks that write event by event anyway take what there is, without waiting,
        unless `batch` asks for more: a file is synced, and the cursor moved, once for all of it."""
        if self.is_grouped:
            return Batch(MOST_GROUPED, self.window if self.group_by is not None else self.batch.max_wait)
        if self.kind is Kind.PAGERDUTY:
            return Batch()
        if self.kind not in TOGETHER or self.batch.max_events > 1:
            return self.batch
        return Batch(TOGETHER[self.kind], 0.0)


TOGETHER: Final = {Kind.FILE: 500, Kind.STDOUT: 500, Kind.NATS: 256, Kind.LOKI: 500, Kind.ALERTMANAGER: 50}
"""Events."""
