"""Generates parts of the manual from the code, between marks in its pages.

`python -m tests.manual --write` writes them.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import click

import nomad_tui.manual
from nomad_tui.cli.main import main
from nomad_tui.config.fields import keys
from nomad_tui.config.setting import CONFIG_VARIABLE, HELP
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.permissions import needed
from nomad_tui.core.readable import write_duration, write_size
from nomad_tui.core.topics import TYPES
from nomad_tui.sinks.definition.definition import ADDRESSED, Definition, Kind
from nomad_tui.sinks.runner.metrics import RunnerMetrics
from nomad_tui.sinks.runner.runner import Runner
from tests import key_tables, troubleshooting

FOLDER: Final = Path(nomad_tui.manual.__file__).parent
SETTING: Final = ("setting", "default", "meaning")
_PART: Final = re.compile(r"(<!-- generated: ([a-z-]+) -->\n)(.*?)(<!-- end of generated -->\n)", re.DOTALL)


def written(page: str) -> str:
    """Return a page with its generated parts up to date."""
    return _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n{part[4]}", page)


def parts(page: str) -> list[str]:
    return [part[2] for part in _PART.finditer(page)]


def table(*rows: tuple[str, ...]) -> str:
    """Return a Markdown table; the first row is the head."""
    head, *rest = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    lines = [head, ["---"] * len(head), *rest]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def connection() -> str:
    rows = [
        (f"`{setting.variable}`" if setting.variable else "", f"`{setting.flag}`", text)
        for setting, (_, text) in HELP.items()
    ]
    rows.append((f"`{CONFIG_VARIABLE}`", "`--config`", "The folder of your settings, profiles and sinks."))
    return table(("variable", "flag", "value"), *rows)


def topics() -> str:
    rows = ((name, needed(name)) for name in KINDS)
    return table(
        ("topic", "a token needs"), *((f"`{name}`", need if " " in need else f"`{need}`") for name, need in rows)
    )


def types() -> str:
    return ", ".join(f"`{name}`" for name in TYPES) + "\n"


def sink_settings() -> str:
    """Return a table for each set of types that share settings."""
    groups: dict[frozenset[str], list[tuple[str, str, str]]] = {}
    for key in keys(Definition):
        row = (f"`{key.name}`", _default(key.name, key.default), key.field.meaning)
        groups.setdefault(frozenset(key.field.kinds or Kind), []).append(row)
    order = sorted(groups, key=len, reverse=True)
    return "\n".join(f"### {_of_kinds(kinds)}\n\n{table(SETTING, *groups[kinds])}" for kinds in order)


def _of_kinds(kinds: frozenset[str]) -> str:
    if kinds == frozenset(Kind):
        return "Every type"
    if kinds == ADDRESSED:
        return f"Every type except {' and '.join(sorted(frozenset(Kind) - kinds))}"
    return ", ".join(sorted(kinds))


def _default(name: str, value: Any) -> str:
    if name in ("id", "type"):
        return "required"
    if name == "topics":
        return "all"
    if value is None or (not value and not isinstance(value, bool)) or name == "filter":
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f'`"{write_duration(value)}"`'
    if isinstance(value, int) and value >= 1024:
        return f'`"{write_size(value)}"`'
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def metrics() -> str:
    runner = SimpleNamespace(
        status=SimpleNamespace(state="live", events=0, gaps=0, reconnects=0, unreadable=0),
        journal=SimpleNamespace(bytes=0, events=0, end=0, first=1, trouble=""),
        sinks={},
        dead_letters={},
        mistakes=(),
    )
    suffixes = {"counter": "_total", "info": "_info"}
    rows = [
        (f"`{family.name}{suffixes.get(family.type, '')}`", f"{family.documentation} ({family.type})")
        for family in RunnerMetrics(cast(Runner, runner)).collect()
    ]
    return table(("metric", "meaning"), *rows)


def commands() -> str:
    rows = []
    for name, command in _commands(click.Context(main, info_name="nomad-tui"), main):
        text = re.sub(r"\s+", " ", (command.help or "").replace("\b", "")).strip()
        codes = re.search(r"Exit codes: (.+?)\.(?: |$)", text)
        rows.append((f"`{name}`", command.get_short_help_str(200), codes[1] if codes else ""))
    return table(("command", "does", "exit codes"), *rows)


def _commands(context: click.Context, group: click.Group) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, parent=context, info_name=name)
        if isinstance(command, click.Group):
            yield from _commands(inner, command)
        elif not command.hidden:
            yield inner.command_path, command


PARTS: Final[dict[str, Callable[[], str]]] = {
    "commands": commands,
    "connection": connection,
    "keys": key_tables.table,
    "metrics": metrics,
    "sink-settings": sink_settings,
    "topics": topics,
    "troubles": troubleshooting.table,
    "types": types,
}
