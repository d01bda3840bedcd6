"""The command-line flags that reach a server, under the names of Nomad's own command line."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from nomad_tui.cli.parameters import ByteSize, FilePath, Index
from nomad_tui.config.setting import ADDRESS, CONFIG_VARIABLE, HEADERS, HELP, PROFILE, Setting
from nomad_tui.core.limits import DEFAULT_MAX_LINE

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from nomad_tui.config.folders import Folders
    from nomad_tui.config.profiles import Connections
    from nomad_tui.core.subscription import Subscription

R = TypeVar("R")


class ConfigurationFailure(click.ClickException):
    """A mistake in the settings, printed as one line without click's usage block."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"nomad-tui: {self.message}", file=file, err=file is None)


class CommandGroup(click.Group):
    """Options before a command count as if they stood behind it, also where it is a command of a command.

    `lazy` maps the names of commands to the modules they are in, as `module:attribute`: each is imported when it is
    asked for, so that no command waits for what another needs.
    """

    def __init__(self, *arguments: Any, lazy: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.commands, *self._lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._lazy and cmd_name not in self.commands:
            module, _, attribute = self._lazy[cmd_name].partition(":")
            self.add_command(getattr(import_module(module), attribute), cmd_name)
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None:
            given = _given_before(ctx)
            taken = {parameter.name for parameter in command.params}
            if not isinstance(command, CommandGroup):
                for option, (flag, _) in given.items():
                    if option not in taken:
                        raise click.UsageError(f"The command {name} has no option {flag}: leave it out.")
            ctx.default_map = {name: {option: value for option, (_, value) in given.items()}}
        return name, command, rest


def _given_before(context: click.Context) -> dict[str, tuple[str, Any]]:
    """The options on the command line so far, by their names, as flags and values."""
    given = {} if context.parent is None else _given_before(context.parent)
    for option in context.command.params:
        if option.name and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            given[option.name] = (option.opts[0], context.params[option.name])
    return given


class ConfigFolder(click.ParamType["Folders"]):
    """A folder for the settings, and the usual one for what the program keeps."""

    name = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Folders:
        from pathlib import Path

        from nomad_tui.config.folders import Folders

        if isinstance(value, Folders):
            return value
        folder: Path = click.Path(path_type=Path, file_okay=False).convert(value, param, ctx)
        return replace(Folders.of_user(), config=folder)


def folders_of(context: click.Context) -> Folders:
    """What `--config` says so far, for what completes a word."""
    return context.params.get("folders") or _folders_of_user()


def _folders_of_user() -> Folders:
    from nomad_tui.config.folders import Folders

    return Folders.of_user()


config_of_group: Final = click.option(
    "--config",
    "folders",
    type=ConfigFolder(),
    metavar="FOLDER",
    help=f"Where your settings, profiles and saved filters are.  [{CONFIG_VARIABLE}]",
)
"""Gives a group None where nothing is said: its commands find the usual folders themselves."""


def config_option(command: Callable[..., R]) -> Callable[..., R]:
    """Adds `--config` to `command`, which is called with `folders=Folders`."""

    @functools.wraps(command)
    def configured(*arguments: Any, folders: Folders | None, **options: Any) -> R:
        return command(*arguments, folders=folders or _folders_of_user(), **options)

    return config_of_group(configured)


max_line_option: Final = click.option(
    "--max-line",
    type=ByteSize(1024),
    default=DEFAULT_MAX_LINE,
    metavar="SIZE",
    help="The longest line accepted; a longer one is skipped and reported. Default: 64MiB.",
)
topic_option: Final = click.option(
    "--topic",
    "topics",
    multiple=True,
    metavar="TOPIC",
    help="Topic, Topic:* or Topic:key, such as Job:web; may be repeated. Default: all topics.",
)
index_option: Final = click.option(
    "--index",
    type=Index(),
    default=0,
    metavar="INDEX",
    help="Where to start. Default: 0, everything the server's buffer holds.",
)
live_option: Final = click.option(
    "--live", is_flag=True, help="Start at now: nothing that the server's buffer holds already."
)


def subscription_to(topics: Sequence[str]) -> Subscription:
    """Raises `ConfigurationFailure`."""
    from nomad_tui.core.subscription import Subscription, SubscriptionError

    try:
        return Subscription.parse(topics)
    except SubscriptionError as error:
        raise ConfigurationFailure(str(error)) from None


FROM: Final = "--from"
NATS_CREDENTIALS: Final = "--nats-credentials"
NATS_NKEY: Final = "--nats-nkey"
JOURNAL: Final = "--journal"
DEFAULT_JOURNAL: Final = ""
"""What `--journal` without a file says: the connection's own."""

journal_option: Final = click.option(
    JOURNAL,
    is_flag=False,
    flag_value=DEFAULT_JOURNAL,
    metavar="[=FILE]",
    help="What a journal holds, as sink run and record write it. Default: the connection's own in the state folder.",
)
follow_option: Final = click.option(
    "--follow", is_flag=True, help="At the end of a journal or file, go on with what is being written to it."
)


def nats_options(command: Callable[..., R]) -> Callable[..., R]:
    """Adds what reads a stream of JetStream in place of a server: `origin`, `nats_credentials` and `nats_nkey`."""
    for option in (
        click.option(
            NATS_NKEY,
            "nats_nkey",
            type=FilePath(),
            metavar="FILE",
            help="A file with the seed of an nkey, for --from.",
        ),
        click.option(
            NATS_CREDENTIALS,
            "nats_credentials",
            type=FilePath(),
            metavar="FILE",
            help="A .creds file, for --from.",
        ),
        click.option(
            FROM,
            "origin",
            metavar="URL",
            help="Read what sink run publishes to NATS instead: nats:// or tls://HOST:PORT/STREAM; STREAM is NOMAD by "
            "default. --ca-cert, --client-cert and --client-key count there too.",
        ),
    ):
        command = option(command)
    return command


def connections_options(command: Callable[..., R]) -> Callable[..., R | None]:
    """Adds the flags and `--config` to `command`, which is called with `Connections` and `folders=Folders`.

    Of a group that is given a subcommand the function is not called.
    """

    @functools.wraps(command)
    def connected(*arguments: Any, folders: Folders | None, **options: Any) -> R | None:
        flags = {setting.name: options.pop(setting.name) for setting in HELP}
        if click.get_current_context().invoked_subcommand is not None:
            return None
        from nomad_tui.config.connection import ConfigurationError
        from nomad_tui.config.profiles import Connections

        folders = folders or _folders_of_user()
        try:
            connections = Connections(folders.config, flags)
        except ConfigurationError as error:
            raise ConfigurationFailure(str(error)) from error
        return command(connections, *arguments, folders=folders, **options)

    connected = config_of_group(connected)
    for setting, (metavar, text) in reversed(list(HELP.items())):
        if setting.variable is not None:
            text = f"{text}  [{setting.variable}]"
        connected = click.option(setting.flag, setting.name, help=text, **_manner(setting, metavar))(connected)
    return connected


def connection_options(command: Callable[..., R]) -> Callable[..., R | None]:
    """As `connections_options`, for a command that only wants the resulting `Connection`."""

    @functools.wraps(command)
    def connected(connections: Connections, *arguments: Any, folders: Folders, **options: Any) -> R:
        return command(connections.start, *arguments, **options)

    return connections_options(connected)


def _manner(setting: Setting, metavar: str) -> dict[str, Any]:
    if setting in (ADDRESS, HEADERS):
        return {"metavar": metavar, "multiple": True}
    if setting is PROFILE:
        return {"metavar": metavar, "shell_complete": _complete_profile}
    return {"metavar": metavar} if metavar else {"is_flag": True}


def _complete_profile(context: click.Context, _option: click.Parameter, begun: str) -> list[CompletionItem]:
    """The names that go on from what is typed; none where the file has a mistake, for a shell shows no sentence."""
    from click.shell_completion import CompletionItem

    from nomad_tui.config.folders import FileError
    from nomad_tui.config.settings import read_profiles

    try:
        profiles = read_profiles(folders_of(context).config)
    except FileError:
        return []
    return [CompletionItem(name) for name in profiles if name.startswith(begun)]
