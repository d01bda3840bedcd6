"""Reads handwritten settings into msgspec structs: the value of each field, and every mistake.

A field's annotation `Annotated[…, Field(codec, meaning)]` defines how it is read and written. msgspec itself stops at
the first mistake and reports it in terms of types; here, each field is converted separately, and an error has its
dotted path, the value, and what to write instead.
"""

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum, StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, get_args, get_type_hints

import msgspec
from msgspec.structs import replace

from nomad_tui.config.references import FILE, reads_file
from nomad_tui.core.filter import Filter, FilterError
from nomad_tui.core.readable import count, enumerated, parse_duration, parse_size, write_duration, write_size
from nomad_tui.core.secrets import masked_text
from nomad_tui.core.text import printable

LONGEST_QUOTE: Final = 60
"""Characters of a value that an error message quotes."""
MAX_LISTED: Final = 5
"""Mistakes of one file listed in a message."""
LONGEST_DURATION: Final = 3650 * 86_400.0
LARGEST_SIZE: Final = 1 << 60
_JSON_WORDS: Final = {"id": "ID", "ca": "CA", "tls": "TLS", "nats": "NATS", "nkey": "NKey"}
"""Words of names that are spelled differently in JSON than with an initial capital."""

T = TypeVar("T", bound=msgspec.Struct)


class FieldError(ValueError):
    """A mistake at a path, and what to write there."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"`{path}` {what}")
        self.path = path
        self.what = what


def list_errors(errors: Collection[FieldError]) -> str:
    """The first mistakes of a file and the number of others."""
    listed = [str(error) for error in errors]
    more = [f"and {len(listed) - MAX_LISTED} more"] if len(listed) > MAX_LISTED else []
    return ". ".join((*listed[:MAX_LISTED], *more))


class FieldPath(msgspec.Struct, frozen=True):
    name: str
    """Spelled as in the dialect, such as `batch.max_events` or `Topics.Deployment[0]`."""
    folder: Path | None
    """The base of relative paths; None leaves them unchanged."""

    def member(self, key: str) -> "FieldPath":
        return replace(self, name=f"{self.name}.{printable(key, LONGEST_QUOTE)}")

    def item(self, number: int) -> "FieldPath":
        return replace(self, name=f"{self.name}[{number}]")

    def error(self, what: str) -> FieldError:
        """An error with the text "is …: write …"."""
        return FieldError(self.name, what)


class FieldCodec(msgspec.Struct, frozen=True):
    """Reads and writes one kind of value."""

    read: Callable[[object, FieldPath], Any]
    """Converts a value parsed from TOML or JSON. Raises `FieldError`."""
    write: Callable[[Any], Any] = lambda value: value
    """The inverse of `read`. None is not written."""


class Field(msgspec.Struct, frozen=True):
    """How a field of a struct is read and written, and what it means."""

    codec: FieldCodec
    meaning: str = ""
    kinds: frozenset[str] = frozenset()
    """The types of sink that have it; empty for all."""


class Dialect(Enum):
    TOML = "TOML"
    JSON = "JSON"

    def spelled(self, name: str) -> str:
        """A TOML name in this dialect: `batch.max_events`, or `Batch.MaxEvents`."""
        if self is Dialect.TOML:
            return name
        words = (part.split("_") for part in name.split("."))
        return ".".join("".join(_JSON_WORDS.get(word, word.title()) for word in part) for part in words)

    def folded(self, name: str) -> str:
        """The name in the form in which names are compared; JSON ignores case, as Nomad's own objects do."""
        return name if self is Dialect.TOML else name.lower()


class Key(msgspec.Struct, frozen=True):
    """A field of a struct, or of one of its tables."""

    name: str
    """The TOML name, dotted in a table."""
    attribute: str
    """The attribute, dotted in an inner struct."""
    field: Field
    default: Any

    def of(self, struct: msgspec.Struct) -> Any:
        value: Any = struct
        for name in self.attribute.split("."):
            value = getattr(value, name)
        return value


@cache
def keys(struct: type[msgspec.Struct]) -> tuple[Key, ...]:
    """All settings of a struct in the order of its fields, those of tables last."""
    own: list[Key] = []
    tables: list[Key] = []
    hints = get_type_hints(struct, include_extras=True)
    for each in msgspec.structs.fields(struct):
        field = next((extra for extra in get_args(hints[each.name]) if isinstance(extra, Field)), None)
        if field is not None:
            own.append(Key(each.encode_name, each.name, field, each.default))
        elif (inner := _table(hints[each.name])) is not None:
            tables += (
                replace(key, name=f"{each.encode_name}.{key.name}", attribute=f"{each.name}.{key.attribute}")
                for key in keys(inner)
            )
    return *own, *tables


def _table(hint: object) -> type[msgspec.Struct] | None:
    return hint if isinstance(hint, type) and issubclass(hint, msgspec.Struct) else None


class FieldReader(Generic[T]):
    """Reads a table into a struct. Continues after a mistake; all mistakes are in `errors`."""

    def __init__(
        self,
        struct: type[T],
        what: str = "",
        dialect: Dialect = Dialect.TOML,
        within: str = "",
        folder: Path | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        """`what` is what has these settings, such as "a sink"; `within` is the prefix of each path, such as `sink[1].`;
        `aliases` maps other tools' names to attributes."""
        self._struct = struct
        self._what = f" of {what}" if what else ""
        self._dialect = dialect
        self._within = within
        self._folder = folder
        self._aliases = aliases or {}
        self._keys = {key.attribute: key for key in keys(struct)}
        self._by_name = {dialect.folded(dialect.spelled(key.name)): key for key in self._keys.values()}
        tables = (dialect.spelled(key.name).partition(".") for key in self._keys.values())
        self._tables = {dialect.folded(table): table for table, dot, _ in tables if dot}
        self.errors: list[FieldError] = []
        self.given: dict[str, Any] = {}
        """Raw values by attribute."""
        self.values: dict[str, Any] = {}
        """Values by attribute that could be read."""
        self.hinted: set[str] = set()
        """Attributes that an unknown name probably meant."""

    def name(self, attribute: str) -> str:
        return self._dialect.spelled(self._keys[attribute].name)

    def path(self, attribute: str) -> FieldPath:
        return self.path_of(self.name(attribute))

    def path_of(self, name: str) -> FieldPath:
        return FieldPath(self._within + name, self._folder)

    def kinds(self, attribute: str) -> frozenset[str]:
        return self._keys[attribute].field.kinds

    def take(self, table: Mapping[str, Any]) -> None:
        """Assigns each name to its attribute; null counts as missing."""
        for name, raw in table.items():
            inner = self._tables.get(self._dialect.folded(name))
            if inner is None:
                self._assign(name, raw)
            elif isinstance(raw, Mapping):
                for member, value in raw.items():
                    self._assign(f"{inner}.{member}", value)
            elif raw is not None:
                self.errors.append(
                    self.path_of(inner).error(f"is {quoted(raw)}: write a table; {self._members(inner)}")
                )

    def _assign(self, name: str, raw: object) -> None:
        key = self._by_name.get(self._dialect.folded(name))
        if key is None:
            what = f"is not a setting{self._what}: {self._suggestion(name)}"
            self.errors.append(self.path_of(printable(name, 80)).error(what))
        elif raw is not None and key.attribute in self.given:
            self.errors.append(self.path_of(name).error("is set twice: remove one"))
        elif raw is not None:
            self.given[key.attribute] = raw

    def read(self, attribute: str) -> None:
        """Reads a field that was given."""
        try:
            self.values[attribute] = self._keys[attribute].field.codec.read(self.given[attribute], self.path(attribute))
        except FieldError as error:
            self.errors.append(error)

    def struct(self, **more: Any) -> T:
        """The struct of the values read; requires all fields without a default."""
        own: dict[str, Any] = {}
        inner: dict[str, dict[str, Any]] = {}
        for attribute, value in self.values.items():
            part, dot, member = attribute.partition(".")
            if dot:
                inner.setdefault(part, {})[member] = value
            else:
                own[attribute] = value
        hints = get_type_hints(self._struct)
        return self._struct(**own, **{part: hints[part](**members) for part, members in inner.items()}, **more)

    def _suggestion(self, name: str) -> str:
        """What to write instead of an unknown name."""
        known = [self._dialect.spelled(key.name) for key in self._keys.values()]
        called = self._aliases.get(_plain(name))
        if called is not None:
            return self._write_instead(self.name(called))
        inner = self._tables.get(self._dialect.folded(name.partition(".")[0]))
        members = {_plain(each.partition(".")[2]): each for each in reversed(known) if "." in each}
        if inner is not None:
            plain = {short: each for short, each in members.items() if each.startswith(f"{inner}.")}
        else:
            plain = members | {_plain(each): each for each in (*self._tables.values(), *known)}
        for close in difflib.get_close_matches(_plain(name.rpartition(".")[2]), plain, 1):
            return self._write_instead(plain[close])
        if inner is not None:
            return self._members(inner)
        return f"remove it; the settings are {', '.join(dict.fromkeys(each.partition('.')[0] for each in known))}"

    def _write_instead(self, name: str) -> str:
        key = self._by_name.get(self._dialect.folded(name))
        if key is not None:
            self.hinted.add(key.attribute)
        return f"write `{self._within}{name}`, or leave it out"

    def _members(self, table: str) -> str:
        names = (self._dialect.spelled(key.name).partition(".") for key in self._keys.values())
        return f"its settings are {', '.join(member for inner, _, member in names if inner == table)}"


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def quoted(raw: object) -> str:
    """A value quoted for a message; secrets with a recognizable form are masked."""
    match raw:
        case str():
            return f'"{printable(masked_text(raw), LONGEST_QUOTE)}"'
        case bool():
            return str(raw).lower()
        case int() | float():
            return printable(str(raw), LONGEST_QUOTE) if abs(raw) < 1e300 else "too large a number"
        case dict():
            return "a table"
        case list():
            return "a list"
        case None:
            return "null"
        case _:
            return "a date or time"


# Kinds of values


def read_text(raw: object, path: FieldPath, wanted: str = "a string in quotes") -> str:
    """Text that is not empty."""
    if not isinstance(raw, str):
        raise path.error(f"is {quoted(raw)}: write {wanted}")
    if not raw.strip():
        raise path.error(f"is empty: write {wanted}, or leave it out")
    return raw


def line(wanted: str) -> FieldCodec:
    """A single line of visible characters."""

    def read(raw: object, path: FieldPath) -> str:
        text = read_text(raw, path, wanted).strip()
        if text != printable(text):
            raise path.error(f"contains an invisible character, {quoted(text)}: write {wanted}")
        return text

    return FieldCodec(read)


def _read_flag(raw: object, path: FieldPath) -> bool:
    if not isinstance(raw, bool):
        raise path.error(f"is {quoted(raw)}: write true or false, without quotes")
    return raw


FLAG: Final = FieldCodec(_read_flag)


def integer(smallest: int, largest: int) -> FieldCodec:
    def read(raw: object, path: FieldPath) -> int:
        if not isinstance(raw, int) or isinstance(raw, bool) or not smallest <= raw <= largest:
            wanted = f"a whole number from {count(smallest)} to {count(largest)}"
            raise path.error(f"is {quoted(raw)}: write {wanted}, without quotes")
        return raw

    return FieldCodec(read)


def duration(
    smallest: float = 0.001,
    largest: float = LONGEST_DURATION,
    *,
    example: str = 'such as "500ms", "10s", "1m" or "7d"',
    numbers: bool = True,
) -> FieldCodec:
    """A duration in seconds; a plain number, if allowed, is in seconds too."""

    def read(raw: object, path: FieldPath) -> float:
        seconds: float | None = None
        if isinstance(raw, str):
            seconds = parse_duration(raw.strip(), milliseconds=True)
        elif numbers and isinstance(raw, int | float) and not isinstance(raw, bool) and abs(raw) < 1e300:
            seconds = float(raw)
        if seconds is None:
            raise path.error(f"is {quoted(raw)}: write a duration {example}")
        if not smallest <= seconds <= largest:
            bounds = f'"{write_duration(smallest)}" to "{write_duration(largest)}"'
            raise path.error(f"is {quoted(raw)}: write a duration from {bounds}")
        return seconds

    return FieldCodec(read, write_duration)


def byte_size(smallest: int) -> FieldCodec:
    """A size in bytes."""

    def read(raw: object, path: FieldPath) -> int:
        number = parse_size(raw) if isinstance(raw, str) else raw
        if not isinstance(number, int) or isinstance(number, bool):
            raise path.error(f'is {quoted(raw)}: write a size such as "100MiB"')
        if not smallest <= number <= LARGEST_SIZE:
            bounds = f'"{write_size(smallest)}" to "{write_size(LARGEST_SIZE)}"'
            raise path.error(f'is {quoted(raw)}: write a size with its unit, such as "100MiB", from {bounds}')
        return number

    return FieldCodec(read, write_size)


def choice(names: type[StrEnum]) -> FieldCodec:
    def read(raw: object, path: FieldPath) -> StrEnum:
        known = [name.value for name in names]
        if raw not in known:
            raise path.error(f"is {quoted(raw)}: write {_one_of(known)}")
        return names(raw)

    return FieldCodec(read, str)


def _one_of(names: Sequence[str]) -> str:
    return enumerated([f'"{name}"' for name in names], "or")


def absolute_path(text: str, path: FieldPath) -> str:
    """The path with `~` expanded, and absolute. One that starts with a variable is resolved only when opened."""
    if "\0" in text or text != text.encode(errors="replace").decode():
        raise path.error(f"is {quoted(text)}, which cannot be a file name: write another")
    if text.startswith("${"):
        return text
    try:
        found = Path(text).expanduser()
    except RuntimeError:
        raise path.error(f"is {quoted(text)}, but there is no such user: write the path from /") from None
    return str(found if path.folder is None else path.folder.absolute() / found)


def with_absolute_file(text: str, path: FieldPath) -> str:
    """Makes the path of `file:PATH` absolute, so that the working directory does not matter."""
    if not reads_file(text):
        return text
    name = text.removeprefix(FILE)
    if not name.strip():
        raise path.error("has no path: write file:PATH")
    return FILE + absolute_path(name, path)


def _read_path(raw: object, path: FieldPath) -> Path:
    text = read_text(raw, path, "the path of a file")
    if text.startswith("${"):
        raise path.error(f"is {quoted(text)}, but variables are not expanded here: write the path itself")
    return Path(absolute_path(text, path))


PATH: Final = FieldCodec(_read_path, str)


def _read_filter(raw: object, path: FieldPath) -> Filter:
    if not isinstance(raw, str):
        raise path.error(f'is {quoted(raw)}: write a filter in quotes, such as "status:failed,lost"')
    try:
        return Filter.parse(raw)
    except FilterError as error:
        rest = raw[error.position :]
        at = f"at character {error.position + 1}, {quoted(rest)}" if rest else "at its end"
        raise path.error(f"is not a valid filter {at}: {error.text.rstrip('.')}") from None


FILTER: Final = FieldCodec(_read_filter, str)
