"""The values of a definition as they are written: what may stand in a place, and what a value is written as."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from string import Formatter
from typing import Any, Final

from nomad_tui.core.filter import Filter, FilterError
from nomad_tui.core.quantities import parse_duration, parse_size, write_duration, write_size
from nomad_tui.core.readable import count
from nomad_tui.core.secrets import masked_text
from nomad_tui.core.subscription import Subscription, SubscriptionError
from nomad_tui.core.text import printable
from nomad_tui.core.topics import ALL
from nomad_tui.nomad.values import FILE, ValueUnavailableError, current, reads_file, refers
from nomad_tui.sinks.definition import LONGEST_ID

LONGEST_QUOTE: Final = 60
"""Characters of what was written that a mistake repeats."""
LONGEST_DURATION: Final = 3650 * 86_400.0
LARGEST_SIZE: Final = 1 << 60

PLACEHOLDERS: Final = ("region", "topic", "type", "namespace", "key", "index")
"""What the template of a subject may name."""

_ID: Final = re.compile(rf"[A-Za-z0-9_-][A-Za-z0-9._-]{{0,{LONGEST_ID - 1}}}")
_TOPIC: Final = re.compile(r"\*|[A-Za-z][A-Za-z0-9_-]{0,63}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_OWN_HEADERS: Final = frozenset(
    (
        *("connection", "content-length", "content-type", "expect", "host", "te", "trailer", "transfer-encoding"),
        "upgrade",
    )
)
_NO_STREAM_NAME: Final = re.compile(r"[\s.*>/\\]|[^\x21-\x7e]")


class Misplaced(ValueError):  # noqa: N818  # a `DefinitionError` is made of it, which knows the file
    """What is wrong at a place, and what to write there."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(what)
        self.place = place
        self.what = what


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    """In the words of the dialect, such as `batch.max_events` and `Topics.Deployment[0]`."""
    folder: Path | None
    """Where relative paths begin; None leaves them as they are."""

    def member(self, key: str) -> "Place":
        return replace(self, name=f"{self.name}.{printable(key, LONGEST_QUOTE)}")

    def item(self, number: int) -> "Place":
        return replace(self, name=f"{self.name}[{number}]")

    def mistake(self, what: str) -> Misplaced:
        """Of "is …: write …"."""
        return Misplaced(self.name, what)


@dataclass(frozen=True, slots=True)
class Written:
    """One kind of value, both ways."""

    read: Callable[[object, Place], Any]
    """Of what a parser of TOML or JSON made. Raises `Misplaced`."""
    write: Callable[[Any], Any]
    """What `read` makes an equal value of. None is not written."""


def shown(raw: object) -> str:
    """What stands somewhere, as it may stand in a sentence: without the secrets that it shows by their form."""
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


class _AnyVariable(dict[str, str]):
    """An environment in which every variable is `1`: also a host, and a port."""

    def get(self, name: str, default: object = None) -> str:
        return "1"

    def __getitem__(self, name: str) -> str:
        return "1"


_ANY_VARIABLE: Final = _AnyVariable()


def with_variables(text: str, place: Place) -> str:
    """A text with something in the place of each `${VARIABLE}`. Raises `Misplaced` where one is not written so."""
    try:
        return text if reads_file(text) else current(text, _ANY_VARIABLE)
    except ValueUnavailableError as error:
        raise place.mistake(f"has no variable in it where it should: {str(error).rstrip('.')}") from None


def _same(value: Any) -> Any:
    return value


def _text(raw: object, place: Place, wanted: str = "a text in quotes") -> str:
    """Not empty, and nothing that could not be written to a file again."""
    if not isinstance(raw, str):
        raise place.mistake(f"is {shown(raw)}: write {wanted}")
    if not raw.strip():
        raise place.mistake(f"is empty: write {wanted}, or leave it out")
    return raw


def line(wanted: str) -> Written:
    """A text of one line that can be seen whole."""

    def read(raw: object, place: Place) -> str:
        text = _text(raw, place, wanted).strip()
        if text != printable(text):
            raise place.mistake(f"holds a character that cannot be seen, {shown(text)}: write {wanted}")
        return text

    return Written(read, _same)


def _read_flag(raw: object, place: Place) -> bool:
    if not isinstance(raw, bool):
        raise place.mistake(f"is {shown(raw)}: write true or false, without quotes")
    return raw


FLAG: Final = Written(_read_flag, _same)


def whole(smallest: int, largest: int) -> Written:
    def read(raw: object, place: Place) -> int:
        if not isinstance(raw, int) or isinstance(raw, bool) or not smallest <= raw <= largest:
            wanted = f"a whole number from {count(smallest)} to {count(largest)}"
            raise place.mistake(f"is {shown(raw)}: write {wanted}, without quotes")
        return raw

    return Written(read, _same)


def duration(smallest: float = 0.001, largest: float = LONGEST_DURATION) -> Written:
    """In seconds; a number is one of seconds."""

    def read(raw: object, place: Place) -> float:
        seconds = (
            parse_duration(raw.strip(), milliseconds=True)
            if isinstance(raw, str)
            else float(raw)
            if isinstance(raw, int | float) and not isinstance(raw, bool) and abs(raw) < 1e300
            else None
        )
        if seconds is None:
            raise place.mistake(f'is {shown(raw)}: write a duration such as "500ms", "10s", "1m" or "7d"')
        if not smallest <= seconds <= largest:
            bounds = f'"{write_duration(smallest)}" to "{write_duration(largest)}"'
            raise place.mistake(f"is {shown(raw)}: write a duration from {bounds}")
        return seconds

    return Written(read, write_duration)


def size(smallest: int) -> Written:
    """In bytes."""

    def read(raw: object, place: Place) -> int:
        number = parse_size(raw) if isinstance(raw, str) else raw
        if not isinstance(number, int) or isinstance(number, bool):
            raise place.mistake(f'is {shown(raw)}: write a size such as "100MiB"')
        if not smallest <= number <= LARGEST_SIZE:
            bounds = f'"{write_size(smallest)}" to "{write_size(LARGEST_SIZE)}"'
            raise place.mistake(f'is {shown(raw)}: write a size with its unit, such as "100MiB", from {bounds}')
        return number

    return Written(read, write_size)


def choice(names: type[StrEnum]) -> Written:
    def read(raw: object, place: Place) -> StrEnum:
        known = [name.value for name in names]
        if raw not in known:
            raise place.mistake(f"is {shown(raw)}: write {_one_of(known)}")
        return names(raw)

    return Written(read, str)


def _one_of(names: Sequence[str]) -> str:
    quoted = [f'"{name}"' for name in names]
    return " or ".join((", ".join(quoted[:-1]), quoted[-1])) if len(quoted) > 1 else quoted[0]


def _read_id(raw: object, place: Place) -> str:
    if not isinstance(raw, str) or _ID.fullmatch(raw) is None:
        wanted = f"1 to {LONGEST_ID} of A-Z, a-z, 0-9, dot, _ and -, not beginning with a dot"
        raise place.mistake(f"is {shown(raw)}: write {wanted}")
    return raw


ID: Final = Written(_read_id, _same)


def at_home(text: str, place: Place) -> str:
    """A path with `~` and its beginning filled in. What begins with a variable is only known when it is opened."""
    if "\0" in text or text != text.encode(errors="replace").decode():
        raise place.mistake(f"is {shown(text)}, and no file can have such a name: write another")
    if text.startswith("${"):
        return text
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise place.mistake(f"is {shown(text)}, and nobody here has a home folder of that name") from None
    return str(path if place.folder is None else place.folder.absolute() / path)


def with_file(text: str, place: Place) -> str:
    """The same, with the path of `file:PATH` whole: where the program is started does not matter."""
    if not reads_file(text):
        return text
    path = text.removeprefix(FILE)
    if not path.strip():
        raise place.mistake("names no file: write file: and its path behind it")
    return FILE + at_home(path, place)


def _read_path(raw: object, place: Place) -> Path:
    text = _text(raw, place, "the path of a file")
    if text.startswith("${"):
        raise place.mistake(f"is {shown(text)}, and no variable is filled in here: write the path itself")
    return Path(at_home(text, place))


PATH: Final = Written(_read_path, str)


def _read_topics(raw: object, place: Place) -> Subscription:
    wanted: list[tuple[str, Place]] = []
    example = '["Deployment", "Job:web"]'
    match raw:
        case None:
            return Subscription()
        case str():
            raise place.mistake(f"is {shown(raw)}: write a list, such as {example}")
        case list():
            wanted = [(_text(text, place.item(number)), place.item(number)) for number, text in enumerate(raw)]
        case dict():
            for topic, keys in raw.items():
                of_topic = place.member(topic)
                if ":" in topic:
                    raise of_topic.mistake(f'is no topic: write the name alone and the key as its value, ["{ALL}"]')
                for number, key in enumerate(keys if isinstance(keys, list) else [keys]):
                    of_key = of_topic.item(number) if isinstance(keys, list) else of_topic
                    text = _text(key, of_key, 'a key in quotes, or "*" for all')
                    wanted.append((f"{topic}:{text}", of_key))
                if keys == []:
                    raise of_topic.mistake(f'is an empty list: write ["{ALL}"] for all keys, or leave it out')
        case _:
            raise place.mistake(f"is {shown(raw)}: write a list, such as {example}")
    for text, at in wanted:
        topic, _, key = text.partition(":")
        if _TOPIC.fullmatch(topic.strip()) is None:
            raise at.mistake(
                f"names the topic {shown(topic)}, and topics are single words: write one such as Deployment"
            )
        if ":" in key:
            raise at.mistake(
                f"has a key with a colon, {shown(key)}, which Nomad's event stream refuses: "
                f"write {topic} alone, and `filter` for the key"
            )
        try:
            Subscription.parse((text,))
        except SubscriptionError:
            raise at.mistake(f"is {shown(text)}: write Topic, Topic:* or Topic:key, such as Job:web") from None
    subscription = Subscription.parse(text for text, _ in wanted)
    return Subscription() if subscription.everything else subscription


def _write_topics(subscription: Subscription) -> dict[str, list[str]]:
    return {topic: sorted(keys) for topic, keys in sorted(subscription.topics.items())} or {ALL: [ALL]}


TOPICS: Final = Written(_read_topics, _write_topics)


def _read_namespaces(raw: object, place: Place) -> frozenset[str]:
    if isinstance(raw, str):
        raw = [raw]
    if not isinstance(raw, list):
        raise place.mistake(f'is {shown(raw)}: write a list, such as ["default", "web"]')
    name = line("the name of a namespace")
    names = frozenset(name.read(item, place.item(number)) for number, item in enumerate(raw))
    return frozenset() if ALL in names else names


NAMESPACES: Final = Written(_read_namespaces, sorted)


def _read_filter(raw: object, place: Place) -> Filter:
    if not isinstance(raw, str):
        raise place.mistake(f'is {shown(raw)}: write a filter in quotes, such as "status:failed,lost"')
    try:
        return Filter.parse(raw)
    except FilterError as error:
        rest = raw[error.position :]
        at = f"at character {error.position + 1}, {shown(rest)}" if rest else "at its end"
        raise place.mistake(f"is no filter {at}: {error.text.rstrip('.')}") from None


FILTER: Final = Written(_read_filter, str)


def _read_headers(raw: object, place: Place) -> tuple[tuple[str, str], ...]:
    if not isinstance(raw, dict):
        raise place.mistake(f"is {shown(raw)}: write a table of names and values")
    headers: dict[str, str] = {}
    names: set[str] = set()
    for name, value in raw.items():
        at = place.member(name)
        if _HEADER.fullmatch(name) is None:
            raise at.mistake("is no name of a header: write letters, digits and dashes")
        if name.lower() in _OWN_HEADERS or name.lower().startswith("webhook-"):
            raise at.mistake("is a header that nomad-tui sets itself: leave it out")
        if name.lower() in names:
            raise at.mistake("stands here twice, for headers are the same in any case: leave one out")
        if not isinstance(value, str):
            raise at.mistake(f"is {shown(value)}: write a text in quotes")
        if value.strip() != value or value.replace("\t", " ") != printable(value.replace("\t", " ")):
            raise at.mistake("begins or ends with a space, or holds a character that no header may: write it without")
        with_variables(value, at)
        names.add(name.lower())
        headers[name] = with_file(value, at)
    return tuple(headers.items())


HEADERS: Final = Written(_read_headers, dict)


def _read_secret(raw: object, place: Place) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise place.mistake('is no text: write "whsec_…", "${VARIABLE}" or "file:PATH"')
    text = raw.strip()
    with_variables(text, place)
    if not refers(text):
        try:
            are_keys = all(base64.b64decode(each.removeprefix("whsec_"), validate=True) for each in text.split())
        except (binascii.Error, ValueError):
            are_keys = False
        if not are_keys:
            raise place.mistake(
                'is no secret of Standard Webhooks: write "whsec_" and behind it base64, '
                "such as openssl rand -base64 32 makes"
            )
    return with_file(text, place)


SECRET: Final = Written(_read_secret, _same)


def _read_stream(raw: object, place: Place) -> str:
    text = _text(raw, place, "the name of a stream")
    if _NO_STREAM_NAME.search(text) is not None:
        raise place.mistake(f"is {shown(text)}: write a name without spaces, dots, slashes, * and >")
    return text


STREAM: Final = Written(_read_stream, _same)


def _read_subject(raw: object, place: Place) -> str:
    text = _text(raw, place, "a subject such as nomad.{region}.{topic}.{type}")
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        raise place.mistake(f"is {shown(text)}, with a brace that has no other: the placeholders are {known}") from None
    for _, name, form, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or form or conversion):
            raise place.mistake(f"names {shown(f'{{{name}}}')}: the placeholders are {known}")
    fixed = "".join(literal + ("x" if name is not None else "") for literal, name, _, _ in parts)
    if "{{" in text or "}}" in text or not all(fixed.split(".")) or re.search(r"[\s*>{}]|[^\x20-\x7e]", fixed):
        raise place.mistake(f"is {shown(text)}: write words with single dots between, without spaces, * and >")
    return text


SUBJECT: Final = Written(_read_subject, _same)
