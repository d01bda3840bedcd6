"""Watch rules: the `[[watch]]` tables of `config.toml`, those created in the dashboard, and presets.

    [[watch]]
    name = "web fails"
    filter = "job:=web"
    level = "failure"
    count = 3
    window = "5m"
    actions = ["highlight", "notify", "command"]
    command = ["~/bin/page", "web"]

`watch.toml` contains the rules created in the dashboard, in the same form, and the names of rules that were switched
`on` and `off` there. A mistake disables only the rule that it is in.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import tomli_w

from nomad_tui.config.commands import COMMAND, INHERITED
from nomad_tui.config.fields import (
    FILTER,
    FLAG,
    Dialect,
    Field,
    FieldCodec,
    FieldError,
    FieldPath,
    FieldReader,
    choice,
    duration,
    integer,
    keys,
    line,
    list_errors,
    quoted,
)
from nomad_tui.config.folders import FileError, read_text, shown, write_text
from nomad_tui.config.settings import FILE as SETTINGS
from nomad_tui.core.filter import Filter
from nomad_tui.core.level import Level
from nomad_tui.core.text import printable
from nomad_tui.core.watch import Action, Origin, Rule

FILE: Final = "watch.toml"
LONGEST_NAME: Final = 40
_ALERT: Final = frozenset((Action.HIGHLIGHT, Action.BELL, Action.NOTIFY))

PRESETS: Final = tuple(
    Rule(name, Filter.parse(text), level, actions=_ALERT, origin=Origin.PRESET, is_on=False)
    for name, text, level in (
        ("out of memory", "topic:=Allocation oom-killed", Level.FAILURE),
        ("failed deployment", "topic:=Deployment status:=failed", Level.FAILURE),
        ("node down", "topic:=Node status:=down,disconnected", Level.WARNING),
        ("unplaced", "topic:=Evaluation Evaluation.FailedTGAllocs is not empty", Level.WARNING),
    )
)
"""Off until switched on in the dashboard."""


def _read_level(raw: object, path: FieldPath) -> Level:
    for level in Level:
        if raw == level.word:
            return level
    known = ", ".join(f'"{level.word}"' for level in reversed(Level))
    raise path.error(f"is {quoted(raw)}: write one of {known}")


def _read_actions(raw: object, path: FieldPath) -> frozenset[Action]:
    if not isinstance(raw, list) or not raw:
        raise path.error(f'is {quoted(raw)}: write a list, such as ["highlight", "notify"]')
    action = choice(Action)
    return frozenset(action.read(each, path.item(number)) for number, each in enumerate(raw))


class _Entry(msgspec.Struct, frozen=True):
    """The keys of a table, named like the fields of `Rule`."""

    name: Annotated[str, Field(line("a name"))]
    filter: Annotated[Filter, Field(FILTER)] = Filter()
    level: Annotated[Level, Field(FieldCodec(_read_level, lambda level: level.word))] = Level.ROUTINE
    count: Annotated[int, Field(integer(1, 100_000))] = 1
    window: Annotated[float, Field(duration(1, 86_400.0))] = 60.0
    actions: Annotated[
        frozenset[Action], Field(FieldCodec(_read_actions, lambda actions: sorted(map(str, actions))))
    ] = frozenset((Action.HIGHLIGHT,))
    every: Annotated[float, Field(duration(0, 86_400.0))] = 30.0
    command: Annotated[tuple[str, ...], Field(COMMAND)] = ()
    timeout: Annotated[float, Field(duration(largest=3_600.0))] = 10.0
    inherit: Annotated[frozenset[str], Field(INHERITED)] = frozenset()
    enabled: Annotated[bool, Field(FLAG)] = True


def read_rules(
    tables: object, folder: Path | None, origin: Origin = Origin.SETTINGS
) -> tuple[list[Rule], list[FieldError]]:
    """The valid rules of `[[watch]]` tables, and every mistake."""
    if not isinstance(tables, list):
        return [], [FieldError("watch", "is not a list of tables: write [[watch]] above each")]
    rules: dict[str, Rule] = {}
    errors: list[FieldError] = []
    for number, table in enumerate(tables):
        reader = FieldReader(_Entry, "a watch rule", within=f"watch[{number}].", folder=folder)
        if isinstance(table, dict):
            reader.take(table)
            for attribute in reader.given:
                reader.read(attribute)
            reader.errors += _cross_field_errors(reader, rules)
        else:
            reader.errors.append(FieldError(f"watch[{number}]", f"is {quoted(table)}: write a table"))
        errors += reader.errors
        if not reader.errors:
            given = msgspec.structs.asdict(reader.struct())
            is_on = given.pop("enabled")
            rules[given["name"]] = Rule(**given, origin=origin, is_on=is_on)
    return list(rules.values()), errors


def _cross_field_errors(reader: FieldReader[_Entry], rules: Iterable[str]) -> Iterable[FieldError]:
    """Mistakes that involve several fields."""
    values = reader.values
    if "name" not in reader.given and "name" not in reader.hinted:
        yield reader.path("name").error('is missing: write name = "web fails"')
    elif (name := values.get("name")) is not None:
        if len(name) > LONGEST_NAME:
            yield reader.path("name").error(f"has more than {LONGEST_NAME} characters: write a shorter one")
        if name in rules:
            yield reader.path("name").error(f"is {quoted(name)}, the name of another rule: choose another")
    if "filter" not in reader.given and "level" not in reader.given and not reader.hinted & {"filter", "level"}:
        yield reader.path("filter").error('is missing, as is `level`: write one of them, such as level = "failure"')
    runs = Action.COMMAND in values.get("actions", ())
    if runs and "command" not in reader.given:
        yield reader.path("command").error('is missing: write command = ["/usr/local/bin/page"]')
    if "command" in values and not runs:
        yield reader.path("actions").error('does not include "command", so the command would never run: add it')


class WatchRules:
    """All rules of a folder, and the storage of those created in the dashboard."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` None keeps them in memory only."""
        self._folder = folder
        self._own: dict[str, Any] = {}
        """The content of `watch.toml`."""
        self.rules: tuple[Rule, ...] = ()
        """Rules of `config.toml`, then `watch.toml`, then presets; the first of each name wins."""
        self.troubles: list[str] = []
        """Problems with either file, as sentences."""
        self._is_readable = True
        """Whether `watch.toml` is readable or missing."""
        self.read()

    def read(self) -> None:
        """Reads both files."""
        self.troubles = []
        self._is_readable = True
        rules: list[Rule] = []
        if self._folder is not None:
            self._own = self._content(self._folder / FILE)
            configured = self._content(self._folder / SETTINGS, is_own=False).get("watch", [])
            rules += self._checked(configured, SETTINGS, Origin.SETTINGS)
        rules += self._checked(self._own.get("watch", []), FILE, Origin.OWN)
        on, off = (self._names(key) for key in ("on", "off"))
        found: dict[str, Rule] = {}
        for rule in (*rules, *PRESETS):
            is_on = (rule.is_on or rule.name in on) and rule.name not in off
            found.setdefault(rule.name, replace(rule, is_on=is_on))
        self.rules = tuple(found.values())

    def _checked(self, tables: object, file: str, origin: Origin) -> list[Rule]:
        rules, errors = read_rules(tables, self._folder, origin)
        if errors and self._folder is not None:
            self.troubles.append(printable(f"{shown(self._folder / file)}: {list_errors(errors)}.", 2_000))
        return rules

    def _content(self, file: Path, *, is_own: bool = True) -> dict[str, Any]:
        try:
            return tomllib.loads(read_text(file) or "")
        except (ValueError, RecursionError) as error:
            trouble = f"{shown(file)} is invalid and ignored: {printable(str(error), 400)}."
        except FileError as error:
            trouble = str(error)
        if is_own:  # other readers of config.toml report its errors
            self._is_readable = False
            self.troubles.append(trouble)
        return {}

    def _names(self, key: str) -> list[str]:
        names = self._own.get(key, [])
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def switch(self, name: str, is_on: bool) -> None:
        """Switches a rule on or off. Raises `FileError` if that cannot be saved."""
        self.read()
        switched = {"on": is_on, "off": not is_on}
        names = {key: [*(each for each in self._names(key) if each != name)] for key in switched}
        names["on" if is_on else "off"].append(name)
        self._write({**self._own, **names})

    def add(self, rule: Rule) -> None:
        """Saves a rule created in the dashboard. Raises `FileError` if its name is taken or invalid."""
        self.read()
        if not rule.name or len(rule.name) > LONGEST_NAME or rule.name != printable(rule.name):
            raise FileError(f"A name has 1 to {LONGEST_NAME} visible characters.")
        if any(each.name == rule.name for each in self.rules):
            raise FileError(f"Another rule is named {rule.name}; choose another name.")
        tables = self._own.get("watch", [])
        self._write({**self._own, "watch": [*(tables if isinstance(tables, list) else []), _to_table(rule)]})

    def remove(self, name: str) -> None:
        """Removes a rule created in the dashboard. Raises `FileError`, also for any other rule."""
        self.read()
        if not any(rule.name == name and rule.origin is Origin.OWN for rule in self.rules):
            raise FileError("Only rules made in the dashboard can be removed here; Space switches others off.")
        kept = [table for table in self._own["watch"] if not (isinstance(table, dict) and table.get("name") == name)]
        names = {key: [each for each in self._names(key) if each != name] for key in ("on", "off")}
        self._write({**self._own, "watch": kept, **names})

    def _write(self, content: dict[str, Any]) -> None:
        """Replaces the file, which was read just before because another dashboard or an editor may have changed it."""
        if self._folder is not None and not self._is_readable:
            raise FileError(f"{shown(self._folder / FILE)} cannot be read, so it is not changed. Correct it first.")
        content = {name: value for name, value in content.items() if value}
        if self._folder is not None:
            write_text(self._folder / FILE, tomli_w.dumps(content))
        self._own = content
        self.read()


def _to_table(rule: Rule) -> dict[str, Any]:
    """A rule as a table; the inverse of `read_rules`."""
    table: dict[str, Any] = {}
    for key in keys(_Entry):
        value = rule.is_on if key.attribute == "enabled" else getattr(rule, key.attribute)
        if value != key.default:
            table[Dialect.TOML.spelled(key.name)] = key.field.codec.write(value)
    return table
