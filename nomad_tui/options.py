"""The command-line flags that reach a server, under the names of Nomad's own command line."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from nomad_tui import config
from nomad_tui.config import ConfigurationError, Setting
from nomad_tui.core.subscription import Subscription, SubscriptionError
from nomad_tui.core.wire import DEFAULT_MAX_LINE
from nomad_tui.parameters import ByteSize, Index
from nomad_tui.personal.connections import Connections
from nomad_tui.personal.folders import FileError, Folders
from nomad_tui.personal.settings import read_profiles

R = TypeVar("R")

HELP: Final[Mapping[Setting, tuple[str, str]]] = {
    config.PROFILE: ("NAME", "A profile of config.toml. If it names an address, no NOMAD_* variable counts with it."),
    config.ADDRESS: (
        "URL",
        "The Nomad server: http://, https:// or unix://; several of one cluster with commas between, or repeated. "
        "Default: http://127.0.0.1:4646.",
    ),
    config.REGION: ("REGION", "The region to watch. Default: the server's own."),
    config.NAMESPACE: ("NAMESPACE", "The namespace to watch. Default: *, every one the token may read."),
    config.TOKEN: ("TOKEN", "The Secret ID of an ACL token. Others on this machine can see a flag's value."),
    config.TOKEN_FILE: ("FILE", "A file whose first line is the token, read again at each connect."),
    config.HTTP_AUTH: ("USER:PASSWORD", "Basic authentication, for a proxy in front of Nomad."),
    config.CA_CERT: ("FILE", "The CA certificate that signed the server's, PEM."),
    config.CA_PATH: ("DIRECTORY", "A directory of CA certificates, PEM. Without effect next to --ca-cert."),
    config.CLIENT_CERT: ("FILE", "The certificate to show to the server, PEM. Needs --client-key."),
    config.CLIENT_KEY: ("FILE", "The unencrypted key of --client-cert, PEM."),
    config.TLS_SERVER_NAME: ("NAME", "The name in the server's certificate, such as server.global.nomad."),
    config.HEADERS: (
        "'NAME: VALUE'",
        "Another header of each request, for a proxy in front of Nomad; may be repeated. "
        "The value may be ${VARIABLE} or file:PATH.",
    ),
    config.TLS_SKIP_VERIFY: ("", "Do not verify the server's certificate. Anyone may then read the token."),
    config.ALLOW_HARMFUL_TOPICS: (
        "",
        "Subscribe to topics even where reading them harms the servers: CSIVolume can erase volumes' secrets on Nomad "
        "1.10.0 to 1.10.6 and 1.11.0.",
    ),
}
"""What stands for the value, and the help text without the variable."""


class ConfigurationFailure(click.ClickException):
    """A mistake in the settings, printed as one line without click's usage block."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"nomad-tui: {self.message}", file=file, err=file is None)


class CommandGroup(click.Group):
    """Options before a command count as if they stood behind it, also where it is a command of a command."""

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


class ConfigFolder(click.ParamType[Folders]):
    """A folder for the settings, and the usual one for what the program keeps."""

    name = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Folders:
        if isinstance(value, Folders):
            return value
        folder: Path = click.Path(path_type=Path, file_okay=False).convert(value, param, ctx)
        return replace(Folders.of_user(), config=folder)


config_option: Final = click.option(
    "--config",
    "folders",
    type=ConfigFolder(),
    default=Folders.of_user,
    metavar="FOLDER",
    help="Where your settings, profiles and saved filters are.",
)


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
    try:
        return Subscription.parse(topics)
    except SubscriptionError as error:
        raise ConfigurationFailure(str(error)) from None


FROM: Final = "--from"
NATS_CREDENTIALS: Final = "--nats-credentials"
NATS_NKEY: Final = "--nats-nkey"
JOURNAL: Final = "--journal"

journal_option: Final = click.option(
    JOURNAL,
    is_flag=False,
    flag_value="",
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
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="A file with the seed of an nkey, for --from.",
        ),
        click.option(
            NATS_CREDENTIALS,
            "nats_credentials",
            type=click.Path(path_type=Path),
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
    def connected(*arguments: Any, folders: Folders, **options: Any) -> R | None:
        flags = {setting.name: options.pop(setting.name) for setting in HELP}
        if click.get_current_context().invoked_subcommand is not None:
            return None
        try:
            connections = Connections(folders.config, flags)
        except ConfigurationError as error:
            raise ConfigurationFailure(str(error)) from error
        return command(connections, *arguments, folders=folders, **options)

    connected = config_option(connected)
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
    if setting in (config.ADDRESS, config.HEADERS):
        return {"metavar": metavar, "multiple": True}
    if setting is config.PROFILE:
        return {"metavar": metavar, "shell_complete": _complete_profile}
    return {"metavar": metavar} if metavar else {"is_flag": True}


def _complete_profile(context: click.Context, _option: click.Parameter, begun: str) -> list[CompletionItem]:
    """The names that go on from what is typed; none where the file has a mistake, for a shell shows no sentence."""
    folders = context.params.get("folders") or Folders.of_user()
    try:
        profiles = read_profiles(folders.config)
    except FileError:
        return []
    return [CompletionItem(name) for name in profiles if name.startswith(begun)]
