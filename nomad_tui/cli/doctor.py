"""`nomad-tui doctor`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from nomad_tui.cli.command import Command
from nomad_tui.cli.options import connection_options, subscription_to, text_or_json, topic_option
from nomad_tui.config.setting import HELP

if TYPE_CHECKING:
    from nomad_tui.config.connection import Connection


@click.command(
    cls=Command,
    epilog="""\
nomad-tui doctor
nomad-tui doctor --profile prod --topic Job --topic Node
nomad-tui doctor --no-wait --output json""",
)
@connection_options
@topic_option
@text_or_json("text, each check as it runs, or json, one object")
@click.option("--no-wait", is_flag=True, help="Do not wait up to 35 s for a heartbeat.")
def doctor(connection: Connection, topics: Sequence[str], output: str, no_wait: bool) -> int:
    """Diagnose the connection, token and event stream.

    Exit codes: 0 well, 1 unreachable or broken, 2 wrong usage, 3 refused by the server, 130 interrupted.
    """
    from nomad_tui.cli import interrupts
    from nomad_tui.doctor.checks import examine
    from nomad_tui.doctor.subject import Patience
    from nomad_tui.doctor.terminal import print_json, print_text

    if sys.stdout is None:
        raise click.UsageError("Standard output is closed. Leave it open: results are printed there.")
    patience = Patience(heartbeat=None) if no_wait else Patience()
    items = examine(connection, subscription_to(topics), patience=patience, origins=_origins(connection))
    printing = print_json if output == "json" else print_text
    try:
        return interrupts.run(printing(items, sys.stdout))
    except BrokenPipeError:
        # Otherwise the interpreter reports an error when it flushes the stream on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _origins(connection: Connection) -> dict[str, str]:
    """The flag or variable that set each setting, as far as that is certain with a profile."""
    context = click.get_current_context()
    origins = {} if connection.profile is not None else {"address": "default"}
    for setting in HELP:
        source = context.get_parameter_source(setting.name)
        if source in (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP):
            origins[setting.name] = setting.flag
        elif connection.profile is None and setting.variable is not None and os.environ.get(setting.variable):
            origins[setting.name] = setting.variable
    return origins
