"""The command-line flags that reach a server, under the names of Nomad's own command line."""

import functools
from collections.abc import Callable, Mapping
from typing import IO, Any, Final, TypeVar

import click

from nomad_tui import config
from nomad_tui.config import ConfigurationError, Connection, Setting

R = TypeVar("R")

HELP: Final[Mapping[Setting, tuple[str, str]]] = {
    config.ADDRESS: ("URL", "The Nomad server: http://, https:// or unix://. Default: http://127.0.0.1:4646."),
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
    config.TLS_SKIP_VERIFY: ("", "Do not verify the server's certificate. Anyone may then read the token."),
}
"""What stands for the value, and the help text without the variable."""


class ConfigurationFailure(click.ClickException):
    """A mistake in the settings, printed as one line without click's usage block."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"nomad-tui: {self.message}", file=file, err=file is None)


def connection_options(command: Callable[..., R]) -> Callable[..., R | None]:
    """Adds the flags to `command` and hands it the resulting `Connection` as its first argument.

    Of a group that is given a subcommand the function is not called.
    """

    @functools.wraps(command)
    def connected(*arguments: Any, **options: Any) -> R | None:
        flags = {setting.name: options.pop(setting.name) for setting in HELP}
        if click.get_current_context().invoked_subcommand is not None:
            return None
        try:
            connection = Connection.from_environment(flags)
        except ConfigurationError as error:
            raise ConfigurationFailure(str(error)) from error
        return command(connection, *arguments, **options)

    for setting, (metavar, text) in reversed(list(HELP.items())):
        if setting.variable is not None:
            text = f"{text}  [{setting.variable}]"
        option = (
            click.option(setting.flag, setting.name, metavar=metavar, help=text)
            if metavar
            else click.option(setting.flag, setting.name, is_flag=True, help=text)
        )
        connected = option(connected)
    return connected
