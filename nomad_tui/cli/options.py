"""Options shared by several commands, and the types of their values.

Connection options have the names of Nomad's own flags. Code that parses a value is imported only when one is given, so
that `--help` is fast.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from nomad_tui.cli.command import Command, help_connection_option
from nomad_tui.config.setting import ADDRESS, CONFIG_VARIABLE, HEADERS, HELP, PROFILE, Setting
from nomad_tui.core.limits import DEFAULT_MAX_LINE

if TYPE_CHECKING:
    from pathlib import Path

    from click.shell_completion import CompletionItem

    from nomad_tui.config.folders import Folders
    from nomad_tui.config.profiles import Connections
    from nomad_tui.core.subscription import Subscription


class ByteSize(click.ParamType[int]):
    """`512MiB`, `2G`, `64000000`; powers of 1024, except for KB, MB, GB and TB."""

    name = "size"

    def __init__(self, smallest: int) -> None:
        self.smallest = smallest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        from nomad_tui.core.readable import parse_size

        size = parse_size(str(value))
        if size is None:
            self.fail(f"{value!r} is not a size: write a number with a unit, such as 512MiB.", param, ctx)
        if size < self.smallest:
            self.fail(f"{value!r} is less than {self.smallest:,} bytes: write a unit, such as 512MiB.", param, ctx)
        return size


class Index(click.ParamType[int]):
    """A Nomad index: unsigned, at most 63 bits."""

    name = "index"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if re.fullmatch(r"[0-9]{1,19}", text) is None or int(text) >= 1 << 63:
            self.fail(f"{text[:40]!r} is not an index. Write a whole number from 0 to {(1 << 63) - 1}.", param, ctx)
        return int(text)


class Since(click.ParamType[int]):
    """A duration in Nomad's format, `10m` or `1h30m`, in ns."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        from nomad_tui.core.readable import SECOND, parse_duration

        seconds = parse_duration(str(value))
        if seconds is None:
            from nomad_tui.core.filter.times import read_time

            instead = "Write one such as 90s, 10m or 1h30m."
            if read_time(time := str(value).strip().replace(" ", "T")) is not None:
                instead = f"For a time, write --filter 'time:{'' if '..' in time else '>='}{time}'."
            self.fail(f"{str(value)[:40]!r} is not a duration. {instead}", param, ctx)
        return int(seconds * SECOND)


class Duration(click.ParamType[float]):
    """A duration such as `500ms`, `10s` or `7d`, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        from nomad_tui.core.readable import parse_duration

        seconds = parse_duration(str(value), milliseconds=True)
        if seconds is None:
            self.fail(f"{str(value)[:40]!r} is not a duration. Write one such as 500ms, 10s or 7d.", param, ctx)
        return seconds


class FilePath(click.ParamType["Path"]):
    """The path of a file, which need not exist, as a `pathlib.Path`."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from pathlib import Path

        return click.Path(dir_okay=False, path_type=Path).convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return click.Path(dir_okay=False).shell_complete(ctx, param, incomplete)


R = TypeVar("R")
Function = TypeVar("Function", bound=Callable[..., Any])


def together(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Combines several options into one decorator; help lists the last one first."""

    def decorate(command: Function) -> Function:
        for option in options:
            command = option(command)
        return command

    return decorate


class ConfigurationFailure(click.ClickException):
    """An error in the settings, printed without click's usage block."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"nomad-tui: {self.message}", file=file, err=file is None)


class CommandGroup(Command, click.Group):
    """Accepts a command's options before its name too, also in nested groups.

    `lazy` maps the names of commands to `module:attribute`; a module is imported on demand, so that no command waits
    for the imports of another.
    """

    command_class = Command

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
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:  # click itself knows only imported commands
            names = self.list_commands(ctx)
            message = self._elsewhere(ctx, error.command_name)
            raise click.NoSuchCommand(error.command_name, message, None if message else names, ctx) from None
        if name is not None and command is not None:
            given = _given_before(ctx)
            taken = {parameter.name for parameter in command.params}
            if not isinstance(command, CommandGroup):
                for option, (flag, _) in given.items():
                    if option not in taken:
                        raise click.UsageError(f"The command {name} has no option {flag}: leave it out.")
            ctx.default_map = {name: {option: value for option, (_, value) in given.items()}}
        return name, command, rest

    def _elsewhere(self, ctx: click.Context, asked: str) -> str | None:
        """Says where a word belongs that is a nested command, or a file for `open`."""
        from pathlib import Path

        for name in self.list_commands(ctx):
            group = self.get_command(ctx, name)
            if isinstance(group, click.Group) and asked in group.list_commands(ctx):
                return f"No such command {asked!r}. Did you mean '{name} {asked}'?"
        if "open" in self.list_commands(ctx) and Path(asked).is_file():
            return f"No such command {asked!r}. To open that file, write 'open' before it."
        return None


def _given_before(context: click.Context) -> dict[str, tuple[str, Any]]:
    """Options given on the command line so far, by name, as flag and value."""
    given = {} if context.parent is None else _given_before(context.parent)
    for option in context.command.params:
        if option.name and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            given[option.name] = (option.opts[0], context.params[option.name])
    return given


class ConfigFolder(click.ParamType["Folders"]):
    """A folder for the settings, together with the usual folder for state."""

    name = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Folders:
        from pathlib import Path

        import msgspec

        from nomad_tui.config.folders import Folders

        if isinstance(value, Folders):
            return value
        folder: Path = click.Path(path_type=Path, file_okay=False).convert(value, param, ctx)
        return msgspec.structs.replace(Folders.of_user(), config=folder)


def folders_of(context: click.Context) -> Folders:
    """The folders given so far, for completion."""
    return context.params.get("folders") or _folders_of_user()


def _folders_of_user() -> Folders:
    from nomad_tui.config.folders import Folders

    return Folders.of_user()


config_of_group: Final = click.option(
    "--config",
    "folders",
    type=ConfigFolder(),
    metavar="FOLDER",
    help=f"The folder of your settings, profiles and saved filters.  [{CONFIG_VARIABLE}]",
)
"""Passes None to a group without `--config`: its commands find the default folders themselves."""


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
    help="Skip and report longer lines. Default: 64MiB.",
)
topic_option: Final = click.option(
    "--topic", "topics", multiple=True, metavar="TOPIC", help="Topic or Topic:key; repeatable. Default: all."
)
index_option: Final = click.option(
    "--index", type=Index(), default=0, metavar="INDEX", help="Start at this index. Default: 0, the whole buffer."
)
live_option: Final = click.option("--live", is_flag=True, help="Start with new events; skip the server's buffer.")


def text_or_json(means: str, flag: str = "--output") -> Callable[[Function], Function]:
    """An option that chooses between text and JSON; `means` describes both."""
    form = click.Choice(["text", "json"])
    return click.option(flag, type=form, default="text", metavar="FORMAT", help=f"{means}. Default: text.")


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
"""The value of `--journal` without a file: the connection's own."""

journal_option: Final = click.option(
    JOURNAL,
    is_flag=False,
    flag_value=DEFAULT_JOURNAL,
    metavar="[=FILE]",
    help="Read a journal. Default: the connection's own.",
)
journal_file_option: Final = click.option(
    JOURNAL, type=FilePath(), metavar="FILE", help="The journal. Default: the connection's own."
)
follow_option: Final = click.option("--follow", is_flag=True, help="At the end of a journal or file, wait for more.")


nats_options = together(
    click.option(
        NATS_NKEY, "nats_nkey", type=FilePath(), metavar="FILE", help="A file with an nkey's seed, for --from."
    ),
    click.option(
        NATS_CREDENTIALS, "nats_credentials", type=FilePath(), metavar="FILE", help="A .creds file, for --from."
    ),
    click.option(FROM, "origin", metavar="URL", help="Read a NATS stream: nats://HOST:PORT/STREAM."),
)
"""The options to read from JetStream instead of a server: `origin`, `nats_credentials` and `nats_nkey`."""


def connections_options(command: Callable[..., R]) -> Callable[..., R | None]:
    """Adds the connection's flags and `--config` to `command`, which is called with `Connections` and
    `folders=Folders`.

    A group's function is not called if a subcommand is given.
    """

    @functools.wraps(command)
    def connected(*arguments: Any, folders: Folders | None, **options: Any) -> R | None:
        flags = {setting.name: options.pop(setting.name) for setting in HELP}
        if click.get_current_context().invoked_subcommand is not None:
            return None
        from nomad_tui.config.profiles import Connections
        from nomad_tui.config.setting import ConfigurationError

        folders = folders or _folders_of_user()
        try:
            connections = Connections(folders.config, flags)
        except ConfigurationError as error:
            raise ConfigurationFailure(str(error)) from error
        return command(connections, *arguments, folders=folders, **options)

    connected = help_connection_option(config_of_group(connected))
    for setting, (metavar, text) in reversed(list(HELP.items())):
        if setting.variable is not None:
            text = f"{text}  [{setting.variable}]"
        connected = click.option(setting.flag, setting.name, help=text, **_attributes(setting, metavar))(connected)
    return connected


def connection_options(command: Callable[..., R]) -> Callable[..., R | None]:
    """As `connections_options`, for a command that needs only the resulting `Connection`."""

    @functools.wraps(command)
    def connected(connections: Connections, *arguments: Any, folders: Folders, **options: Any) -> R:
        return command(connections.start, *arguments, **options)

    return connections_options(connected)


def _attributes(setting: Setting, metavar: str) -> dict[str, Any]:
    if setting in (ADDRESS, HEADERS):
        return {"metavar": metavar, "multiple": True}
    if setting is PROFILE:
        return {"metavar": metavar, "shell_complete": _complete_profile}
    return {"metavar": metavar} if metavar else {"is_flag": True}


def _complete_profile(context: click.Context, _option: click.Parameter, begun: str) -> list[CompletionItem]:
    """The profiles that start with the typed text; none if the file has a mistake, because a shell shows no error."""
    from click.shell_completion import CompletionItem

    from nomad_tui.config.folders import FileError
    from nomad_tui.config.settings import read_profiles

    try:
        profiles = read_profiles(folders_of(context).config)
    except FileError:
        return []
    return [CompletionItem(name) for name in profiles if name.startswith(begun)]
