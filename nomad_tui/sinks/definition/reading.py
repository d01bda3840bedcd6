"""Parses sink definitions: TOML, or JSON in the form of the beta's object.

id = "deployments"
type = "webhook"
address = "https://example.com/hook"
topics = ["Deployment", "Job:web"]

{"ID": "deployments", "Type": "webhook", "Topics": {"Deployment": ["*"]}, "Address": "https://example.com/hook"}
"""

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nomad_tui.config.fields import Dialect, FieldError, FieldReader, quoted
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.text import decapitalized, printable
from nomad_tui.sinks.definition import checking
from nomad_tui.sinks.definition.definition import ADDRESSED, Definition, JetStream, Kind

MAX_NAMED: Final = 3
"""Types listed in a mistake."""
LONGEST_MESSAGE: Final = 600
IGNORED: Final = {
    "latestindex": "the journal knows how far a sink has got",
    "createindex": "it belongs to Nomad's own records",
    "modifyindex": "it belongs to Nomad's own records",
}
"""Fields of the beta's object that are not settings here, and why."""
ALIASES: Final = {
    "name": "id",
    "kind": "kind",
    "url": "address",
    "path": "address",
    "servers": "address",
    "namespace": "namespaces",
    "env": "inherit",
    "pass_env": "inherit",
}
"""Settings by the names that other tools use."""


class DefinitionError(ValueError):
    """A mistake in a definition. `str()` contains the file, the field, what is wrong and what to write."""

    def __init__(
        self, name: str, what: str, *, place: str = "", sink: str | None = None, origin: Path | None = None
    ) -> None:
        located = f"{name}: " * bool(name) + f"`{place}` " * bool(place) + what
        super().__init__(printable(f"{located}.", LONGEST_MESSAGE))
        self.place = place
        """Such as `batch.max_events`; "" for the whole text."""
        self.sink = sink
        """The sink's ID, if it can be read."""
        self.origin = origin


class DefinitionErrors(ValueError):  # noqa: N818  # all mistakes of one definition
    """`str()` has one line per mistake."""

    def __init__(self, errors: Iterable[DefinitionError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)))


@dataclass(frozen=True, slots=True)
class Reading:
    definition: Definition
    notes: tuple[str, ...] = ()
    """Warnings, as sentences."""


def read_definition(text: str, name: str, origin: Path | None) -> Definition:
    """Parses a file's text; mistakes refer to it as `name`. Relative paths are resolved against the folder of `origin`.

    Raises `DefinitionErrors`.
    """
    return read_with_notes(text, name, origin).definition


def read_with_notes(text: str, name: str, origin: Path | None) -> Reading:
    """Raises `DefinitionErrors`."""
    text = text.removeprefix("\ufeff")
    try:
        if text.lstrip().startswith("{"):
            return read_table(_json(text), name, origin, Dialect.JSON)
        if text.replace(" ", "").lstrip().startswith("[{"):
            what = "is a list: write one object, for a file defines one sink"
        else:
            return read_table(tomllib.loads(text), name, origin)
    except DefinitionErrors:
        raise
    except tomllib.TOMLDecodeError as error:
        what = f"is not TOML: {decapitalized(str(error))}"
    except json.JSONDecodeError as error:
        what = f"is not JSON: {decapitalized(error.msg)} (at line {error.lineno}, column {error.colno})"
    except RecursionError:
        what = "is nested too deeply: a sink needs no more than two levels"
    except ValueError:  # an integer with more digits than Python converts
        what = "holds a number that is too long: write a shorter one"
    raise DefinitionErrors([DefinitionError(name, what, origin=origin)])


def read_table(
    table: Mapping[str, Any], name: str, origin: Path | None, dialect: Dialect = Dialect.TOML, within: str = ""
) -> Reading:
    """Reads a parsed table; `within` is the prefix of each path, such as `sink[1].`.

    Raises `DefinitionErrors`.
    """
    folder = None if origin is None else origin.parent
    reader = FieldReader(Definition, "a sink", dialect, within, folder, ALIASES)
    notes: list[str] = []
    if "sink" in table:
        what = "is not a setting of a sink: [[sink]] is for config.toml only; a file defines one sink"
        reader.errors.append(reader.path_of("sink").error(what))
    else:
        ignored = {key: IGNORED[key.lower()] for key in table if key.lower() in IGNORED and dialect is Dialect.JSON}
        notes += (f"{key} has no effect: {why}." for key, why in ignored.items())
        reader.take({key: raw for key, raw in table.items() if key not in ignored})
        _read_fields(reader, dialect)
    definition = None if reader.errors else reader.struct(origin=origin)
    if definition is not None:
        reader.errors += checking.check_pairs(definition, reader)
    if reader.errors or definition is None:
        sink = reader.values.get("id")
        raise DefinitionErrors(
            DefinitionError(name, error.what, place=error.path, sink=sink, origin=origin) for error in reader.errors
        )
    return Reading(definition, (*notes, *_notes(definition)))


def _read_fields(reader: FieldReader[Definition], dialect: Dialect) -> None:
    for attribute in ("id", "kind"):
        if attribute in reader.given:
            reader.read(attribute)
        elif attribute not in reader.hinted:
            reader.errors.append(_missing(reader, dialect, attribute))
    kind: Kind | None = reader.values.get("kind")
    if kind is Kind.STDOUT and reader.given.get("address") == "":
        del reader.given["address"]
    if kind is Kind.NATS and isinstance(reader.given.get("address"), list):
        _join_servers(reader)
    if kind is Kind.PAGERDUTY:
        reader.given.setdefault("address", kind.example)
    of_others: set[str] = set()
    for attribute in reader.given:
        kinds = reader.kinds(attribute)
        if attribute in ("id", "kind"):
            continue
        if kind is None or not kinds or kind in kinds:
            reader.read(attribute)
            continue
        table = reader.name(attribute).partition(".")[0]
        if table not in of_others:
            what = f"is for sinks of type {' or '.join(sorted(kinds))}, and this one is {kind.value}: remove it"
            if len(kinds) > MAX_NAMED:
                what = f"is not a setting of sinks of type {kind.value}: remove it"
            reader.errors.append(reader.path_of(table).error(what))
            of_others.add(table)
    if kind in ADDRESSED and "address" not in reader.given and "address" not in reader.hinted:
        reader.errors.append(_missing(reader, dialect, "address", kind.example))
    if kind is Kind.EXEC and "command" not in reader.given and "command" not in reader.hinted:
        reader.errors.append(_missing(reader, dialect, "command", ["/usr/local/bin/page"]))
    try:
        if kind is not None and "address" in reader.values:
            reader.values["address"] = checking.address(kind, reader.values["address"], reader.path("address"))
    except FieldError as error:
        reader.errors.append(error)
    try:
        if "proxy" in reader.values:
            reader.values["proxy"] = checking.proxy(reader.values["proxy"], reader.path("proxy"))
    except FieldError as error:
        reader.errors.append(error)
    window = "jetstream.duplicate_window"
    if "jetstream.max_age" in reader.values and window not in reader.given:
        reader.values[window] = min(JetStream().duplicate_window, reader.values["jetstream.max_age"])


def _join_servers(reader: FieldReader[Definition]) -> None:
    servers = reader.given["address"]
    for number, server in enumerate(servers):
        if not isinstance(server, str) or "," in server:
            path = reader.path("address").item(number)
            reader.errors.append(path.error(f"is {quoted(server)}: write one server in quotes"))
    reader.given["address"] = ",".join(map(str, servers))


def _missing(
    reader: FieldReader[Definition], dialect: Dialect, attribute: str, example: str | list[str] = "deployments"
) -> FieldError:
    name, more = reader.name(attribute), ""
    if attribute == "kind":
        example, more = Kind.WEBHOOK.value, f"; there are {', '.join(kind.value for kind in Kind)}"
    value = json.dumps(example)
    written = f"{name} = {value}" if dialect is Dialect.TOML else f'"{name}": {value}'
    return reader.path(attribute).error(f"is missing: write {written}{more}")


def _notes(definition: Definition) -> Iterable[str]:
    for topic in definition.subscription.unknown_topics:
        close = difflib.get_close_matches(topic, list(KINDS), 1)
        meant = f" Did you mean {close[0]}?" if close else ""
        yield f"No release of Nomad is known to publish the topic {printable(topic)}.{meant}"


def _json(text: str) -> dict[str, Any]:
    """Raises `json.JSONDecodeError`, also for data after the object."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for name, value in pairs:
            if name in table:
                raise json.JSONDecodeError(f"{quoted(name)} is defined twice in one object", text, text.find(name))
            table[name] = value
        return table

    def no_constant(name: str) -> float:
        raise json.JSONDecodeError(f"the number {name} is not valid in JSON", text, text.find(name))

    found: dict[str, Any] = json.loads(text, object_pairs_hook=once, parse_constant=no_constant)
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise json.JSONDecodeError("half of a surrogate pair is not a character", text, 0) from error
    return found
