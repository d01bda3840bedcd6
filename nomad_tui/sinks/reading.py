"""A definition of a sink from what was written: TOML, or JSON that begins with the beta's object.

id = "deployments"
type = "webhook"
address = "https://example.com/hook"
topics = ["Deployment", "Job:web"]

{"ID": "deployments", "Type": "webhook", "Topics": {"Deployment": ["*"]}, "Address": "https://example.com/hook"}
"""

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nomad_tui.core.text import printable
from nomad_tui.core.topics import TOPICS
from nomad_tui.sinks.checking import check_kind, checked, joined
from nomad_tui.sinks.definition import Batch, Definition, JetStream, Kind, Retry, Rotation, Tls
from nomad_tui.sinks.keys import BY_ATTRIBUTE, BY_NAME, TABLES, Dialect, folded
from nomad_tui.sinks.naming import Naming
from nomad_tui.sinks.written import ID, Misplaced, Place, shown

LONGEST_MESSAGE: Final = 600
IGNORED: Final = {
    "latestindex": "the journal knows how far a sink has got",
    "createindex": "it belongs to Nomad's own records",
    "modifyindex": "it belongs to Nomad's own records",
}
"""What the beta's object holds beside settings, and why it is not one here."""
_PARTS: Final[dict[str, Any]] = {
    "batch": Batch,
    "retry": Retry,
    "tls": Tls,
    "rotation": Rotation,
    "jetstream": JetStream,
}


class DefinitionError(ValueError):
    """A text that defines no sink. `str()` of it says which file, the place in it, what is wrong and what to write."""

    def __init__(
        self, name: str, what: str, *, place: str = "", sink: str | None = None, origin: Path | None = None
    ) -> None:
        located = f"{name}: " * bool(name) + f"`{place}` " * bool(place) + what
        super().__init__(printable(f"{located}.", LONGEST_MESSAGE))
        self.place = place
        """Such as `batch.max_events`; "" where it is of the text as a whole."""
        self.sink = sink
        """The ID of what would have been defined, as far as that can be told."""
        self.origin = origin


@dataclass(frozen=True, slots=True)
class Reading:
    definition: Definition
    notes: tuple[str, ...] = ()
    """What is no mistake and yet not as one may think, as sentences."""


def read_definition(text: str, name: str, origin: Path | None) -> Definition:
    """From a whole file; `name` is what it is called in a mistake. Relative paths begin at the folder of `origin`.

    Raises `DefinitionError`.
    """
    return read_with_notes(text, name, origin).definition


def read_with_notes(text: str, name: str, origin: Path | None) -> Reading:
    text = text.removeprefix("\ufeff")
    try:
        if text.lstrip().startswith("{"):
            return read_table(_json(text), name, origin, Dialect.JSON)
        if text.replace(" ", "").lstrip().startswith("[{"):
            raise DefinitionError(name, "is a list: write one object, for a file defines one sink", origin=origin)
        return read_table(tomllib.loads(text), name, origin, Dialect.TOML)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(name, f"is not TOML: {_decapitalised(str(error))}", origin=origin) from error
    except json.JSONDecodeError as error:
        where = f"at line {error.lineno}, column {error.colno}"
        raise DefinitionError(name, f"is not JSON: {_decapitalised(error.msg)} ({where})", origin=origin) from error
    except RecursionError as error:
        raise DefinitionError(
            name, "is nested too deeply: a sink needs no more than two levels", origin=origin
        ) from error
    except DefinitionError:
        raise
    except ValueError as error:  # a number of more digits than Python converts
        raise DefinitionError(name, "holds a number that is too long: write a shorter one", origin=origin) from error


def read_table(
    table: Mapping[str, Any], name: str, origin: Path | None, dialect: Dialect = Dialect.TOML, within: str = ""
) -> Reading:
    """From what a parser made; `within` is what stands before each place, such as `sink[1].`.

    Raises `DefinitionError`.
    """
    try:
        return _Reader(Naming(dialect, None if origin is None else origin.parent, within), origin).read(table)
    except Misplaced as mistake:
        identity = next((raw for key, raw in table.items() if folded(key, dialect) == "id"), None)
        try:
            known: str | None = ID.read(identity, Place("", None))
        except Misplaced:
            known = None
        raise DefinitionError(name, mistake.what, place=mistake.place, sink=known, origin=origin) from None


class _Reader:
    def __init__(self, naming: Naming, origin: Path | None) -> None:
        self.naming = naming
        self.origin = origin
        self.notes: list[str] = []

    def read(self, table: Mapping[str, Any]) -> Reading:
        given = self.given(table)
        values: dict[str, Any] = {}
        for attribute in ("id", "kind"):
            if attribute not in given:
                raise self.naming.missing(attribute)
            values[attribute] = self.value(attribute, given[attribute])
        kind: Kind = values["kind"]
        if kind is Kind.STDOUT and given.get("address") == "":
            del given["address"]
        elif kind is Kind.NATS and isinstance(given.get("address"), list):
            given["address"] = joined(given["address"], self.naming)
        parts: dict[str, dict[str, Any]] = {}
        for attribute, raw in given.items():
            check_kind(attribute, kind, self.naming)
            value = self.value(attribute, raw)
            part, dot, member = attribute.partition(".")
            if dot:
                parts.setdefault(part, {})[member] = value
            else:
                values[attribute] = value
        values |= {part: _PARTS[part](**members) for part, members in parts.items()}
        definition = checked(Definition(**values, origin=self.origin), given, self.naming)
        self.note_topics(definition)
        return Reading(definition, tuple(self.notes))

    def given(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """What is written, by the attributes that it is for."""
        given: dict[str, Any] = {}
        for name, raw in table.items():
            inner = TABLES[self.naming.dialect].get(folded(name, self.naming.dialect))
            if inner is None:
                self.give(given, name, raw)
            elif raw is None:
                continue
            elif isinstance(raw, dict):
                for member, value in raw.items():
                    self.give(given, f"{inner}.{member}", value)
            else:
                raise self.naming.place(inner).mistake(
                    f"is {shown(raw)}, and a table belongs there: {self.naming.members(inner)}"
                )
        return given

    def give(self, given: dict[str, Any], name: str, raw: object) -> None:
        if self.naming.dialect is Dialect.JSON and (why := IGNORED.get(name.lower())) is not None:
            self.notes.append(f"{name} has no effect: {why}.")
            return
        key = BY_NAME[self.naming.dialect].get(folded(name, self.naming.dialect))
        if raw is None and key is not None:
            return  # null: as if it were not there
        if key is None:
            raise self.naming.place(printable(name, 80)).mistake(f"is no setting of a sink: {self.naming.meant(name)}")
        if key.attribute in given:
            raise self.naming.place(name).mistake("stands here twice: leave one out")
        given[key.attribute] = raw

    def value(self, attribute: str, raw: object) -> Any:
        return BY_ATTRIBUTE[attribute].written.read(raw, self.naming.place_of(attribute))

    def note_topics(self, definition: Definition) -> None:
        for topic in definition.subscription.unknown_topics:
            close = difflib.get_close_matches(topic, [known.name for known in TOPICS], 1)
            meant = f" Did you mean {close[0]}?" if close else ""
            self.notes.append(f"No release of Nomad is known to publish the topic {printable(topic)}.{meant}")


def _decapitalised(text: str) -> str:
    return text[:1].lower() + text[1:]


def _json(text: str) -> dict[str, Any]:
    """Raises `json.JSONDecodeError`; what follows the object is a mistake too."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for name, value in pairs:
            if name in table:
                raise json.JSONDecodeError(f"the key {shown(name)} stands twice in one object", text, text.find(name))
            table[name] = value
        return table

    def no_constant(name: str) -> float:
        raise json.JSONDecodeError(f"there is no number {name} in JSON", text, text.find(name))

    found: dict[str, Any] = json.loads(text, object_pairs_hook=once, parse_constant=no_constant)
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise json.JSONDecodeError("half of a surrogate pair is no character", text, 0) from error
    return found
