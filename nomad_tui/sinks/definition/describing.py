"""Each type of sink with its settings, from the structs that definitions are read into."""

import textwrap
from collections.abc import Iterator
from typing import Any, Final

from nomad_tui.config.fields import Key, keys
from nomad_tui.sinks.definition.checking import EXAMPLES
from nomad_tui.sinks.definition.definition import ADDRESSED, Definition, Kind

MEANINGS: Final = {
    Kind.WEBHOOK: "HTTP requests to a URL",
    Kind.FILE: "lines in a file that rotates",
    Kind.STDOUT: "lines on standard output",
    Kind.NATS: "messages in a NATS JetStream",
    Kind.EXEC: "a command for each event or batch",
    Kind.SLACK: "messages in a Slack channel",
    Kind.DISCORD: "messages in a Discord channel",
    Kind.TEAMS: "cards in a Microsoft Teams channel",
    Kind.PAGERDUTY: "incidents in PagerDuty, closed by recoveries",
    Kind.ALERTMANAGER: "alerts in Prometheus's Alertmanager, ended by recoveries",
    Kind.LOKI: "log lines in Grafana Loki",
}
WIDTH: Final = 78
"""Cells of a line."""


def settings_of(kind: Kind) -> Iterator[Key]:
    """Those that a type has, its own first."""
    every = [key for key in keys(Definition) if key.attribute not in ("id", "kind")]
    yield from (key for key in every if kind in key.field.kinds)
    yield from (key for key in every if not key.field.kinds)


def type_records() -> list[dict[str, Any]]:
    return [
        {
            "type": kind.value,
            "meaning": MEANINGS[kind],
            "settings": [
                {"name": key.name, "meaning": key.field.meaning, "default": _default(key)} for key in settings_of(kind)
            ],
        }
        for kind in Kind
    ]


def describe_types() -> str:
    lines: list[str] = []
    for kind in Kind:
        lines.append(f"{kind.value}: {MEANINGS[kind]}")
        lines += (_line(key) for key in settings_of(kind) if kind in key.field.kinds)
        if kind in ADDRESSED:
            lines.append(f'  Example: address = "{EXAMPLES[kind]}"')
        lines.append("")
    lines.append("Every type:")
    lines += (_line(key) for key in settings_of(Kind.STDOUT) if not key.field.kinds)
    return "\n".join(lines)


def _line(key: Key) -> str:
    default = _default(key)
    text = key.field.meaning + (f" (default {default})" if default not in (None, "", [], {}) else "")
    return textwrap.fill(text, WIDTH, initial_indent=f"  {key.name:<22} ", subsequent_indent=" " * 25)


def _default(key: Key) -> Any:
    if key.default is None or not isinstance(key.default, str | int | float | bool):
        return None
    return key.field.codec.write(key.default)
