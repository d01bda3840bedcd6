"""What no setting of a definition can say alone."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from nomad_tui.nomad.values import reads_file
from nomad_tui.sinks.definition import Definition, Kind
from nomad_tui.sinks.keys import BY_ATTRIBUTE, Key
from nomad_tui.sinks.naming import Naming
from nomad_tui.sinks.written import Place, at_home, shown, with_file, with_variables

SUFFIXES: Final = (".toml", ".json")
"""Of the files that definitions stand in."""
_SERVERS: Final = ("nats", "tls")
_EXAMPLES: Final = {
    Kind.WEBHOOK: "https://example.com/hook",
    Kind.FILE: "/var/log/nomad-events.ndjson",
    Kind.NATS: "nats://127.0.0.1:4222",
}


def check_kind(attribute: str, kind: Kind, naming: Naming) -> None:
    key: Key = BY_ATTRIBUTE[attribute]
    if kind not in key.kinds:
        name = naming.name(attribute)
        table, dot, _ = name.partition(".")
        of = " or ".join(sorted(key.kinds))
        what = f"is for sinks of type {of}, and this one's is {kind.value}: leave it out"
        raise naming.place(table if dot else name).mistake(what)


def joined(servers: list[Any], naming: Naming) -> str:
    place = naming.place_of("address")
    for number, server in enumerate(servers):
        if not isinstance(server, str) or "," in server:
            raise place.item(number).mistake(f"is {shown(server)}: write one server in quotes")
    return ",".join(servers)


def checked(definition: Definition, given: Mapping[str, Any], naming: Naming) -> Definition:
    """What one setting cannot say alone. Returns it with its address as it is used."""
    _check_pairs(definition, given, naming)
    if "jetstream.max_age" in given and "jetstream.duplicate_window" not in given:
        jetstream = definition.jetstream
        shorter = min(jetstream.duplicate_window, jetstream.max_age or jetstream.duplicate_window)
        definition = replace(definition, jetstream=replace(jetstream, duplicate_window=shorter))
    if definition.proxy is not None:
        _check_url(definition.proxy, naming.place_of("proxy"), ("http", "https"), "http://proxy:3128")
        definition = replace(definition, proxy=with_file(definition.proxy, naming.place_of("proxy")))
    place = naming.place_of("address")
    match definition.kind:
        case Kind.STDOUT:
            return definition
        case _ if not definition.address:
            raise naming.missing("address", _EXAMPLES[definition.kind])
        case Kind.WEBHOOK:
            _check_url(definition.address, place, ("http", "https"), _EXAMPLES[Kind.WEBHOOK])
            return replace(definition, address=with_file(definition.address, place))
        case Kind.NATS:
            servers = [server.strip() for server in definition.address.split(",")]
            for server in servers:
                _check_url(server, place, _SERVERS, _EXAMPLES[Kind.NATS])
            return replace(definition, address=with_file(",".join(servers), place))
        case Kind.FILE:
            with_variables(definition.address, place)
            if reads_file(definition.address):
                raise place.mistake(f"is {shown(definition.address)}: write the path alone")
            if definition.address.endswith("/"):
                raise place.mistake(f"is {shown(definition.address)}, a folder: write the file's name behind it")
            file = Path(at_home(definition.address, place))
            if file.parent == naming.folder and file.suffix in SUFFIXES:
                raise place.mistake(
                    f"is {shown(definition.address)}, which would stand among the definitions and be read as one: "
                    "write another folder, or a name that ends in .ndjson"
                )
            return replace(definition, address=str(file))


def _check_pairs(definition: Definition, given: Mapping[str, Any], naming: Naming) -> None:
    if definition.concurrency > 1 and definition.ordered:
        other = naming.name("ordered")
        raise naming.place_of("concurrency").mistake(
            f"is {definition.concurrency}, and batches in order go one by one: set `{other}` to false, or write 1"
        )
    retry = definition.retry
    if retry.max_backoff < retry.min_backoff:
        which = "retry.max_backoff" if "retry.max_backoff" in given else "retry.min_backoff"
        raise naming.place_of(which).mistake(
            f"is {shown(given[which])}, and so `{naming.name('retry.max_backoff')}` is shorter than "
            f"`{naming.name('retry.min_backoff')}`: write the two so that it is not"
        )
    tls = definition.tls
    if tls.client_key is not None and tls.client_cert is None:
        other = naming.name("tls.client_cert")
        raise naming.place_of("tls.client_key").mistake(f"has no use without `{other}`: write both, or leave it out")
    jetstream = definition.jetstream
    if jetstream.credentials is not None and jetstream.nkey is not None:
        raise naming.place_of("jetstream.nkey").mistake(
            f"stands beside `{naming.name('jetstream.credentials')}`, and one of them is used: leave the other out"
        )
    window = "jetstream.duplicate_window"
    if jetstream.max_age is not None and window in given and jetstream.duplicate_window > jetstream.max_age:
        raise naming.place_of(window).mistake(
            f"is {shown(given[window])}, longer than `{naming.name('jetstream.max_age')}`, which NATS refuses: "
            "write a shorter one"
        )


def _check_url(text: str, place: Place, schemes: tuple[str, ...], example: str) -> None:
    """What a variable will fill in is not looked at."""
    wanted = f"write one such as {example}"
    filled = with_variables(text, place)
    if text.startswith("${") or reads_file(text):
        return
    try:
        parts = urlsplit(filled)
        names_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, names_host = urlsplit(""), False
    scheme, separator, _ = filled.partition("://")
    if scheme.lower() not in schemes or not separator:
        known = ", ".join(f"{scheme}://" for scheme in schemes)
        raise place.mistake(f"is {shown(text)}, and an address begins with {known}: {wanted}")
    if any(character.isspace() for character in filled):
        raise place.mistake(f"is {shown(text)}, with a space in it: {wanted}")
    if not names_host:
        raise place.mistake(f"is {shown(text)}, which names no host, or a port that is none: {wanted}")
