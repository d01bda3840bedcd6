"""Writes definitions in both dialects, without defaults."""

import re
import textwrap
from collections.abc import Iterator
from typing import Any, Final

import tomli_w
from msgspec.structs import replace

from nomad_tui.config.fields import Dialect, Key, keys
from nomad_tui.config.references import reads_file, refers
from nomad_tui.core.secrets import REDACTED, masked_text
from nomad_tui.core.topics import ALL
from nomad_tui.sinks.definition.definition import ADDRESSED, CHATS, Definition, Kind

WIDTH: Final = 78
"""Cells per line."""


def settings_of(kind: Kind) -> Iterator[Key]:
    """The settings of a type, those specific to it first."""
    every = [key for key in keys(Definition) if key.attribute not in ("id", "kind")]
    yield from (key for key in every if kind in key.field.kinds)
    yield from (key for key in every if not key.field.kinds)


def type_records() -> list[dict[str, Any]]:
    return [
        {
            "type": kind.value,
            "meaning": kind.meaning,
            "settings": [
                {"name": key.name, "meaning": key.field.meaning, "default": _default(key)} for key in settings_of(kind)
            ],
        }
        for kind in Kind
    ]


def describe_types() -> str:
    lines: list[str] = []
    for kind in Kind:
        lines.append(f"{kind.value}: {kind.meaning}")
        lines += (_line(key) for key in settings_of(kind) if kind in key.field.kinds)
        if kind in ADDRESSED:
            lines.append(f'  Example: address = "{kind.example}"')
        lines.append("")
    lines.append("Every type:")
    lines += (_line(key) for key in settings_of(Kind.STDOUT) if not key.field.kinds)
    return "\n".join(lines)


def _line(key: Key) -> str:
    default = _default(key)
    if isinstance(default, bool):
        default = str(default).lower()  # as TOML writes it
    text = key.field.meaning + (f" (default {default})" if default not in (None, "", [], {}) else "")
    return textwrap.fill(text, WIDTH, initial_indent=f"  {key.name:<22} ", subsequent_indent=" " * 25)


def _default(key: Key) -> Any:
    if key.default is None or not isinstance(key.default, str | int | float | bool):
        return None
    return key.field.codec.write(key.default)


_ALWAYS: Final = ("id", "kind")
_BETA: Final = (*_ALWAYS, "address", "subscription")
"""Keys that the beta's object always has."""
_REFERENCE: Final = re.compile(r"\$\{[^}]*\}")
_NO_SECRET: Final = re.compile(r"\s*(?:(?:Basic|Bearer|Digest|Key|Splunk|Token)\s*)?", re.IGNORECASE)
"""What may surround a variable in a header: an authentication scheme."""


def write_definition(definition: Definition) -> str:
    """TOML that is read back as an equal definition, including its secrets."""
    return tomli_w.dumps(_to_table(definition, Dialect.TOML, _ALWAYS))


def as_json(definition: Definition) -> dict[str, Any]:
    """The beta's object, with additional settings in the same style; it is read back as an equal definition."""
    return _to_table(definition, Dialect.JSON, _BETA)


def left_out(definition: Definition) -> Iterator[str]:
    """The defaults that `write_definition` omits, one line each: `timeout = "10s"`."""
    for key in keys(Definition):
        if key.attribute not in _ALWAYS and _has(definition, key) and key.of(definition) == key.default:
            value = None if key.default is None else key.field.codec.write(key.default)
            if isinstance(value, str | int | float) and value != "":
                yield key.name + tomli_w.dumps({"": value}).strip().removeprefix('""')


def without_secrets(definition: Definition) -> Definition:
    """The definition with secrets in headers, keys and URLs masked."""
    headers = tuple((name, value if _is_reference(value) else REDACTED) for name, value in definition.headers)
    secret, routing_key = definition.secret, definition.routing_key
    return replace(
        definition,
        address=_address(definition),
        headers=headers,
        secret=secret if secret is None or _is_reference(secret) else REDACTED,
        routing_key=routing_key if routing_key is None or _is_reference(routing_key) else REDACTED,
        proxy=None if definition.proxy is None else masked_text(definition.proxy, REDACTED),
    )


def _address(definition: Definition) -> str:
    if definition.kind in CHATS and not _is_reference(definition.address):
        return f"{'/'.join(definition.address.split('/', 3)[:3])}/{REDACTED}"
    return masked_text(definition.address, REDACTED)


def _is_reference(text: str) -> bool:
    """Whether a value consists only of references to variables or a file, apart from a scheme such as Bearer."""
    if reads_file(text):
        return True
    return refers(text) and all(_NO_SECRET.fullmatch(piece) for piece in _REFERENCE.split(text))


def _to_table(definition: Definition, dialect: Dialect, always: tuple[str, ...]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key in keys(Definition):
        value = key.of(definition)
        if not _has(definition, key) or (value == key.default and key.attribute not in always):
            continue
        table, dot, member = dialect.spelled(key.name).partition(".")
        written = key.field.codec.write(value)
        if dialect is Dialect.TOML and key.attribute == "subscription":
            written = _topics(written)
        if dot:
            content.setdefault(table, {})[member] = written
        else:
            content[table] = written
    return content


def _has(definition: Definition, key: Key) -> bool:
    return not key.field.kinds or definition.kind in key.field.kinds


def _topics(topics: dict[str, list[str]]) -> list[str]:
    """Topics as they are typed: `Deployment` and `Job:web`."""
    return [topic if key == ALL else f"{topic}:{key}" for topic, keys in topics.items() for key in keys]
