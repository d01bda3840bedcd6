"""Forms of an event for use outside the dashboard: JSON, jq paths, and shell commands that query Nomad.

Names are untrusted. Everything in a command line is quoted for the shell and, in an address, for a URL; a name with
control characters or other text that is not displayed verbatim results in no command.
"""

import shlex
from collections.abc import Iterator
from json.encoder import encode_basestring, encode_basestring_ascii
from operator import itemgetter
from typing import Final, Self

import msgspec

from nomad_tui.core.history.segment import HeldEvent
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.payload.parsing import RAW_ROW, Members, Number, RawText, Value
from nomad_tui.core.payload.rows import Path
from nomad_tui.core.text import printable

# JSON

INDENT: Final = "  "

_UNSAFE: Final = lazy_pattern("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""Characters that JSON allows in a string, but that a terminal or an editor interprets or cannot encode."""
_UNSAFE_VERBATIM: Final = lazy_pattern(f"[\x00-\x08\x0b\x0c\x0e-\x1f]|{_UNSAFE.pattern}")


def json_pieces(value: Value) -> Iterator[str]:
    """The pieces of `json_text`, for callers that need only the beginning."""
    closings: list[str] = []
    open_members: list[Iterator[tuple[str | None, Value]]] = [iter(((None, value),))]
    is_first = True
    while open_members:
        found = next(open_members[-1], None)
        if found is None:
            open_members.pop()
            if closings:
                closing = closings.pop()
                yield f"\n{INDENT * len(closings)}{closing}"
            is_first = False
            continue
        key, member = found
        if closings:
            yield f"{'' if is_first else ','}\n{INDENT * len(closings)}"
        if key is not None:
            yield f"{_quoted(key)}: "
        is_first = True
        if isinstance(member, dict) and member:
            yield "{"
            closings.append("}")
            open_members.append(iter(sorted(member.items(), key=itemgetter(0))))
        elif isinstance(member, Members) and member:
            yield "{"
            closings.append("}")
            open_members.append(iter(member))
        elif isinstance(member, list) and member:
            yield "["
            closings.append("]")
            open_members.append((None, item) for item in member)
        else:
            yield _scalar(member)
            is_first = False


def json_text(value: Value) -> str:
    """Indented JSON with sorted keys; numbers and repeated keys are preserved exactly, at any depth.

    Characters that a terminal would interpret are escaped, so it is safe for a pager. Payloads that are not JSON are
    returned as text.
    """
    return "".join(json_pieces(value))


def _scalar(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Number():
            return str(value)
        case str():
            return _quoted(value)
        case RawText():
            return raw_text(value)
        case dict() | Members():
            return "{}"
        case list():
            return "[]"
        case _:
            return repr(value)


def _quoted(text: str) -> str:
    quoted = encode_basestring(text)
    return quoted if quoted.isascii() else _UNSAFE.sub(lambda found: encode_basestring_ascii(found[0])[1:-1], quoted)


def raw_text(raw: RawText) -> str:
    """Text that is not valid JSON, with its original line breaks."""
    return "".join(row if len(row) == RAW_ROW else f"{row}\n" for row in raw).rstrip("\n")


def as_it_is(text: str) -> str | None:
    """Text that is safe to paste anywhere; None if it contains anything that a terminal would interpret."""
    return None if _UNSAFE_VERBATIM.search(text) else text


# Paths

_IDENTIFIER: Final = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*")


def jq_path(path: Path, payload: Value) -> str | None:
    """The path of a value in `payload` in jq's syntax, such as `.Job.TaskGroups[0].Env["odd key"]`.

    None if jq cannot express it: it sees only the last value of a repeated key, and cannot read invalid JSON.
    """
    written: list[str] = []
    value = payload
    for step in path:
        if isinstance(value, Members):
            if [key for key, _ in value].count(str(step)) != 1:
                return None
            value = dict(value)
        if isinstance(value, dict) and isinstance(step, str) and step in value:
            plain = _IDENTIFIER.fullmatch(step) is not None
            written.append(f".{step}" if plain else f"{'' if written else '.'}[{encode_basestring_ascii(step)}]")
            value = value[step]
        elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
            written.append(f"{'' if written else '.'}[{step}]")
            value = value[step]
        else:
            return None
    return None if isinstance(payload, RawText) else "".join(written) or "."


# Requests and servers


class Envelope(msgspec.Struct, frozen=True):
    """An event without its payload, in the released dialect."""

    index: int
    topic: str
    type: str
    key: str
    namespace: str = ""
    filter_keys: tuple[str, ...] = ()

    @classmethod
    def of(cls, event: HeldEvent) -> Self:
        return cls(event.index, event.topic, event.type, event.key, event.namespace, event.filter_keys or ())

    def with_payload(self, payload: Value) -> Value:
        """The complete event as a server sends it, with its frame's index."""
        filter_keys: list[Value] = list(self.filter_keys)
        return Members(
            (
                ("Topic", self.topic),
                ("Type", self.type),
                ("Key", self.key),
                ("Namespace", self.namespace),
                ("FilterKeys", filter_keys),
                ("Index", self.index),
                ("Payload", payload),
            )
        )


class Server(msgspec.Struct, frozen=True):
    """How to reach a server. Contains no secrets."""

    address: str
    """Scheme, host and port."""
    path: str = ""
    """Path prefix of Nomad's API on the server."""
    headers: tuple[tuple[str, str], ...] = ()
    """Names of additional headers, each with a shell placeholder for its value."""
    socket: str | None = None
    """The path of a Unix socket; `address` is then used for the Host header."""
    region: str | None = None
    sends_token: bool = False
    user: str | None = None
    """User of HTTP basic authentication; the password is never part of a command, and curl asks for it."""
    ca_cert: str | None = None
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    tls_server_name: str | None = None
    skip_verify: bool = False
    proxy_variable: str | None = None
    """The environment variable that contains the proxy."""
    known: frozenset[str] = frozenset()
    """Fields that Nomad's command line already takes from the operator's shell."""


def object_name(envelope: Envelope, payload: Value) -> str:
    """The name by which an event's object is requested: its key, except for a service, whose key is that of a
    registration."""
    if envelope.topic == "Service" and isinstance(payload, dict) and isinstance(payload.get("Service"), dict):
        service = payload["Service"]
        name = service.get("ServiceName") if isinstance(service, dict) else None
        return name if type(name) is str else ""
    return "" if envelope.topic == "Service" else envelope.key


def curl(envelope: Envelope, name: str, server: Server) -> str | None:
    """A command that reads the event's object in its current state or, for a topic without an endpoint, the event
    again.

    `name` is its `object_name`. None if a name is not safe in a command.
    """
    read = kind(envelope.topic)
    if not read.endpoint:
        return event_curl(envelope, server)
    segments = name.split("/") if envelope.topic == "Variable" else [name]
    if not is_fit(name, envelope.namespace) or any(segment in ("", ".", "..") for segment in segments):
        return None
    # A request without a namespace uses `default`.
    namespace = envelope.namespace if read.is_namespaced and envelope.namespace != "default" else ""
    query = _query(("namespace", namespace), ("region", server.region))
    return _curl(server, read.endpoint + "/".join(map(_percent, segments)) + query)


def web_link(envelope: Envelope, name: str, server: Server) -> str | None:
    """The address of the object's page in Nomad's web UI; None if there is none.

    `name` is its `object_name`.
    """
    page = kind(envelope.topic).page
    job = _job(envelope)
    if not page or server.socket is not None or not name or not is_fit(name, job, envelope.namespace):
        return None
    if "{job}" in page and not job:
        return None
    named = page.format(name=_percent(name), job=_percent(job), namespace=_percent(envelope.namespace or "default"))
    region = f"{'&' if '?' in page else '?'}region={_percent(server.region)}" if server.region else ""
    return f"{server.address}{server.path}/ui/{named}{region}"


def event_curl(envelope: Envelope, server: Server) -> str | None:
    """A command that reads the stream from the event's index; None if a name is not safe in a command.

    Selects by topic and not by key: the server's key filter loses events and repeats others.
    """
    if not envelope.topic or not is_fit(envelope.topic, envelope.namespace):
        return None
    query = _query(
        ("index", str(envelope.index)),
        ("topic", envelope.topic),
        ("namespace", envelope.namespace),
        ("region", server.region),
    )
    return _curl(server, f"/v1/event/stream{query}", "-N")


def command(envelope: Envelope, name: str, server: Server | None = None) -> str | None:
    """A Nomad command that shows the event's object; without `server`, for the server configured in the shell.

    `name` is its `object_name`. None if there is no such command, a name is not safe in a command, or the server
    requires a path or headers, which Nomad's commands do not support.
    """
    if server is not None and (server.path or server.headers):
        return None
    read = kind(envelope.topic)
    if not read.command or not name or not is_fit(name, envelope.namespace):
        return None
    arguments = ["nomad", *read.command.split(), *(_options(server) if server is not None else ())]
    if read.is_namespaced and envelope.namespace:
        arguments += ["-namespace", envelope.namespace]
    if name.startswith("-"):
        arguments.append("--")
    return _line([*arguments, name])


def _job(envelope: Envelope) -> str:
    """The ID of the job that an object is or belongs to; "" for none."""
    return kind(envelope.topic).job_of(envelope.key, envelope.filter_keys)


class AllocationCommands(msgspec.Struct, frozen=True):
    """Nomad commands for the allocation of an event, or for the allocations of its job or node."""

    logs: str | None = None
    shell: str | None = None
    status: str | None = None


def allocation_commands(envelope: Envelope, payload: Value, path: Path, server: Server | None) -> AllocationCommands:
    """Commands for allocations, each None if not applicable. `path` may select the task; by default a failed one."""
    if server is not None and (server.path or server.headers):
        return AllocationCommands()
    options = tuple(_options(server)) if server is not None else ()
    namespace = ("-namespace", envelope.namespace) if envelope.namespace else ()
    allocation = envelope.key if envelope.topic == "Allocation" else ""
    if envelope.topic == "Service":
        named = _member(_member(payload, "Service"), "AllocID")
        allocation = named if isinstance(named, str) else ""
    if envelope.topic == "Node":
        if not envelope.key or envelope.key.startswith("-"):
            return AllocationCommands()
        return AllocationCommands(status=_line(["nomad", "node", "status", *options, "-allocs", envelope.key]))
    job = _job(envelope)
    if not allocation and not job:
        return AllocationCommands()
    task = _task(payload, path) if envelope.topic == "Allocation" else ""
    which = ("-task", task) if task else ()
    target = (allocation,) if allocation else ("-job", job)
    if any(each.startswith("-") for each in (task, allocation, job)):
        return AllocationCommands()  # Nomad would parse the name as an option
    status = ("alloc", "status") if allocation else ("job", "allocs")
    return AllocationCommands(
        logs=_line(["nomad", "alloc", "logs", *options, *namespace, "-f", *which, *target]),
        shell=_line(["nomad", "alloc", "exec", *options, *namespace, *which, *target, "/bin/sh"]),
        status=_line(["nomad", *status, *options, *namespace, allocation or job]),
    )


def _member(value: Value, key: str) -> Value:
    return value.get(key) if isinstance(value, dict) else None


def _task(payload: Value, path: Path) -> str:
    """The task selected by a path, or the first failed one, or the first; "" if Nomad needs no task name."""
    states = _member(_member(payload, "Allocation"), "TaskStates")
    if not isinstance(states, dict) or len(states) < 2:
        return ""
    if len(path) > 2 and path[1] == "TaskStates" and path[2] in states:
        return str(path[2])
    failed = (task for task in sorted(states) if _member(states[task], "Failed") is True)
    return next(failed, min(states))


def _options(server: Server) -> Iterator[str]:
    """Options of Nomad's command line that the operator's shell does not provide."""
    given = (
        ("address", f"unix://{server.socket}" if server.socket is not None else server.address),
        ("region", server.region),
        ("ca_cert", server.ca_cert),
        ("ca_path", server.ca_path),
        ("client_cert", server.client_cert),
        ("client_key", server.client_key),
        ("tls_server_name", server.tls_server_name),
    )
    for field, value in given:
        if value and field not in server.known:
            yield from (f"-{field.replace('_', '-')}", value)
    if server.skip_verify and "skip_verify" not in server.known:
        yield "-tls-skip-verify"


def _curl(server: Server, target: str, *options: str) -> str | None:
    arguments = ["curl", *options]
    address = server.address
    if server.socket is not None:
        arguments += ["--unix-socket", server.socket]
    elif address.startswith("https:"):
        for option, value in (
            ("--cacert", server.ca_cert),
            ("--capath", None if server.ca_cert else server.ca_path),
            ("--cert", server.client_cert),
            ("--key", server.client_key),
        ):
            if value is not None:
                arguments += [option, value]
        if server.skip_verify:
            arguments.append("--insecure")
        if server.tls_server_name is not None:
            scheme, _, place = address.partition("://")
            arguments += ["--connect-to", f"::{place}"]
            address = f"{scheme}://{server.tls_server_name}:{place.rpartition(':')[2]}"
    if server.user is not None:
        arguments += ["--user", server.user]
    line = _line(arguments)
    url = _line([address + server.path + target])
    if line is None or url is None:
        return None
    proxy = f' --proxy "${server.proxy_variable}"' if server.proxy_variable is not None else ""
    token = ' -H "X-Nomad-Token: $NOMAD_TOKEN"' if server.sends_token else ""
    headers = "".join(f' -H "{name}: {value}"' for name, value in server.headers)
    return f"{line}{proxy}{token}{headers} {url}"


def _line(arguments: list[str]) -> str | None:
    """The quoted command; None if an argument is not displayed verbatim."""
    return shlex.join(arguments) if is_fit(*arguments) else None


def is_fit(*names: str) -> bool:
    """Whether names are displayed verbatim, so that they are safe in a command."""
    return all(printable(name) == name for name in names)


def _query(*parameters: tuple[str, str | None]) -> str:
    written = "&".join(f"{name}={_percent(value)}" for name, value in parameters if value)
    return f"?{written}" if written else ""


_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _percent(text: str) -> str:
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text.encode())
