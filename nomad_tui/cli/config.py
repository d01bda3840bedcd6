"""The commands `config` and `keys`: where the settings are, their mistakes, and the keys in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nomad_tui.cli.command import Command
from nomad_tui.cli.options import CommandGroup, ConfigurationFailure, config_option, connections_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nomad_tui.config.folders import Folders
    from nomad_tui.config.profiles import Connections


@click.group(cls=CommandGroup)
def config() -> None:
    """Find and check the settings."""


@config.command()
@config_option
def path(folders: Folders) -> None:
    """Print the folder of the settings, whether it exists or not."""
    click.echo(_folder(folders))


@config.command()
@config_option
def init(folders: Folders) -> None:
    """Write a config.toml that holds every setting, commented out."""
    from importlib.resources import files

    from nomad_tui.config.folders import reason, shown
    from nomad_tui.config.settings import FILE

    file = _folder(folders) / FILE
    content = files("nomad_tui").joinpath("data", FILE).read_bytes()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file.open("xb") as opened:
            opened.write(content)
    except FileExistsError:
        raise ConfigurationFailure(f"{shown(file)} exists and is left unchanged. Move it away first.") from None
    except OSError as error:
        raise ConfigurationFailure(
            f"{shown(file)} cannot be written: {reason(error)}. Name another folder with --config."
        ) from error
    click.echo(f"Wrote {shown(file)}.")


@config.command()
@connections_options
def show(connections: Connections, folders: Folders) -> None:
    """Show the settings that count, and where each comes from. Secrets are masked.

    Takes the options of a connection as every command does.
    """
    from nomad_tui.cli.sink import echo_table
    from nomad_tui.config.folders import FileError
    from nomad_tui.config.settings import FILE, read_settings
    from nomad_tui.core.readable import write_duration, write_size
    from nomad_tui.journal.retention import Retention
    from nomad_tui.ui.preferences import Preferences

    try:
        settings = read_settings(folders.config)
    except FileError as error:
        raise ConfigurationFailure(str(error)) from None
    usual = Retention()
    keep, max_size = settings.journal.keep, settings.journal.max_size
    preferences = Preferences(folders)
    keymap = preferences.keymap
    rows = [(each.name, each.value, each.origin) for each in connections.effective]
    rows += [
        *((f"ui.{name}", value, origin) for name, value, origin in preferences.effective()),
        *((f"keys.{action}", keymap.shown(action) or "none", FILE) for action in keymap.changed),
        ("journal.keep", str(write_duration(usual.keep if keep is None else keep)), "" if keep is None else FILE),
        ("journal.max_size", str(write_size(max_size or usual.max_size)), FILE if max_size else ""),
    ]
    shown = [(name, value, origin or "default") for name, value, origin in rows]
    echo_table([("SETTING", "VALUE", "FROM"), *shown], whole=True)
    for mistake in preferences.mistakes:
        click.echo(f"nomad-tui: {mistake}", err=True)


@config.command()
@config_option
def check(folders: Folders) -> None:
    """Report mistakes in config.toml, themes, filters, rules and sinks.

    Warnings, such as an unknown topic, are not mistakes.

    Exit codes: 0 no mistakes, 2 mistakes found.
    """
    from nomad_tui.core.text import printable
    from nomad_tui.sinks.definition.folder import Definitions

    for notes in Definitions(folders.config).read().notes.values():
        for note in notes:
            click.echo(f"nomad-tui: Warning: {note}", err=True)
    mistakes = dict.fromkeys(_mistakes(folders))
    if mistakes:
        raise ConfigurationFailure("\nnomad-tui: ".join(mistakes))
    click.echo(f"No mistake in {printable(str(folders.config))}.")


def _mistakes(folders: Folders) -> Iterator[str]:
    from nomad_tui.config.saved_filters import SavedFilters
    from nomad_tui.config.watch_rules import WatchRules
    from nomad_tui.sinks.definition.folder import Definitions
    from nomad_tui.ui.preferences import Preferences

    yield from Preferences(folders).mistakes
    if trouble := SavedFilters(folders.config).trouble:
        yield trouble
    yield from WatchRules(folders.config).troubles
    yield from map(str, Definitions(folders.config).read().mistakes)


def _folder(folders: Folders) -> Path:
    """Raises `ConfigurationFailure` if no home folder is known."""
    from nomad_tui.config.folders import NO_HOME

    if folders.config == NO_HOME:
        raise ConfigurationFailure(
            "No home folder is known, so there are no settings. Set HOME to an absolute path, or name a folder with "
            "--config."
        )
    return folders.config


@click.command(cls=Command)
@config_option
def keys(folders: Folders) -> None:
    """Print the keys of the dashboard, as configured."""
    from nomad_tui.cli.sink import echo_table
    from nomad_tui.ui.actions import ACTIONS
    from nomad_tui.ui.keymap import NONE
    from nomad_tui.ui.preferences import Preferences

    preferences = Preferences(folders)
    rows = [(each.id, preferences.keymap.shown(each.id) or NONE, each.help) for each in ACTIONS if each.help]
    echo_table([("ACTION", "KEYS", "DOES"), *rows], whole=True)
    for mistake in preferences.mistakes:
        click.echo(f"nomad-tui: {mistake}", err=True)
