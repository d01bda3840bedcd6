"""Checks definitions completely, including their templates, before they are stored."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from nomad_tui.config.folders import FileError, read_text, shown, write_text
from nomad_tui.core.text import printable
from nomad_tui.sinks.definition.definition import CHATS, Definition, Format
from nomad_tui.sinks.definition.folder import Definitions
from nomad_tui.sinks.definition.reading import DefinitionError, DefinitionErrors, read_definition, read_table

_PLACE: Final = re.compile(r"\[\d+\]|(?<=\.toml):\d+")
"""A table's position or a line number in a mistake; both change when the file is edited."""


def register(definitions: Definitions, text: str, name: str) -> tuple[Definition, Path, bool]:
    """As `Definitions.register`, but also compiles the templates and tries them on a sample of each topic."""
    _check_templates(definitions.parse(text, name), name)
    return definitions.register(text, name)


def revise(definitions: Definitions, file: Path, sink: str, before: str, text: str) -> list[str]:
    """Stores the edited text of a file that defines a sink; `before` is its text before the edit.

    Returns earlier mistakes of other sinks in `config.toml`. Raises `DefinitionErrors` for all other mistakes, and
    `FileError`; the file is then unchanged.
    """
    known: list[str] = []
    if file == definitions.settings:
        errors = _mistakes_of_sinks(file, text)
        try:
            earlier = [str(error) for error in _mistakes_of_sinks(file, before)]
        except DefinitionErrors:
            earlier = []
        new, known = divided([str(error) for error in errors], earlier)
        if new:
            raise DefinitionErrors(error for error in errors if str(error) in new)
    else:
        definition = read_definition(text, shown(file), file)
        if definition.id != sink and sink in definitions.read().definitions:
            what = f"is {definition.id}, and a sink keeps its ID: write {sink}, or make another sink"
            raise DefinitionErrors([DefinitionError(shown(file), what, place="id", sink=sink, origin=file)])
        other = definitions.read().definitions.get(definition.id)
        if other is not None and other.origin != file:
            what = f"is {printable(definition.id)}, which another file defines: write another"
            raise DefinitionErrors([DefinitionError(shown(file), what, place="id", sink=sink, origin=file)])
        _check_templates(definition, shown(file))
    if read_text(file) != before:
        raise FileError(f"{shown(file)} was changed by another program meanwhile. Edit it again.")
    write_text(file, text)
    return known


def divided(mistakes: Iterable[str], earlier: Iterable[str]) -> tuple[list[str], list[str]]:
    """New mistakes, and those that existed before the edit at any position."""
    left = Counter(_PLACE.sub("", mistake) for mistake in earlier)
    new: list[str] = []
    known: list[str] = []
    for mistake in mistakes:
        what = _PLACE.sub("", mistake)
        (known if left[what] > 0 else new).append(mistake)
        left[what] -= 1
    return new, known


def _mistakes_of_sinks(file: Path, text: str) -> list[DefinitionError]:
    """The mistakes in the `[[sink]]` tables of `config.toml`. Raises `DefinitionErrors` if it is not TOML."""
    name = shown(file)
    try:
        tables = tomllib.loads(text).get("sink", [])
    except tomllib.TOMLDecodeError as error:
        raise DefinitionErrors([DefinitionError(name, f"is not TOML: {error}", origin=file)]) from None
    errors: list[DefinitionError] = []
    for number, table in enumerate(tables if isinstance(tables, list) else [tables]):
        try:
            if not isinstance(table, dict):
                raise DefinitionErrors([DefinitionError(name, "is not a table: write [[sink]]", place="sink")])
            read = read_table(table, name, file, within=f"sink[{number}].").definition
            _check_templates(read, name)
        except DefinitionErrors as mistakes:
            errors += mistakes.errors
    return errors


def _check_templates(definition: Definition, name: str) -> None:
    if definition.format is not Format.TEMPLATE and definition.kind not in CHATS:
        return
    from nomad_tui.sinks.types.preview import template_mistakes  # importing Jinja2 takes a while

    if mistakes := template_mistakes(definition):
        raise DefinitionErrors(
            DefinitionError(name, mistake.removesuffix("."), sink=definition.id, origin=definition.origin)
            for mistake in mistakes
        )
