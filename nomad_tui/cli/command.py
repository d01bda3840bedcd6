"""The format of `--help`: options in groups, those of the connection folded into one line, examples last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import click

from nomad_tui.config.setting import HELP
from nomad_tui.core.patterns import lazy_pattern

CONNECTION: Final = frozenset((*(setting.name for setting in HELP), "nats_credentials", "nats_nkey"))
"""Names of the parameters that `--help-connection` explains."""
SECTIONS: Final[dict[str, frozenset[str]]] = {
    "What to read": frozenset(
        ("topics", "since", "live", "index", "from_index", "journal", "follow", "origin", "chosen", "level", "all")
    ),
    "Output": frozenset(("output", "redact", "limit", "idle_exit", "retries", "log_format", "log_file", "http")),
}
"""Names of parameters; all others are listed under Options."""
FOLDED: Final = "Connection: --profile, --address, --token-file and more (--help-connection)\n"
_RANGE: Final = lazy_pattern(r"  \[x[^\]]*\]$")

Record = tuple[str, str]


class Command(click.Command):
    """Groups its options. Examples are the `epilog`, one per line."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        _write_options(ctx, self.get_params(ctx), formatter)
        _write_examples(self.epilog, formatter)


def _write_options(ctx: click.Context, parameters: Iterable[click.Parameter], formatter: click.HelpFormatter) -> None:
    options = [each for each in parameters if isinstance(each, click.Option)]
    has_connection = any(each.name in CONNECTION for each in options)
    folded = CONNECTION | {"folders", "help_connection"} if has_connection else frozenset()
    shown = [each for each in options if each.name not in folded]
    sections = [(title, [each for each in shown if each.name in names]) for title, names in SECTIONS.items()]
    grouped = {each.name for _, members in sections for each in members}
    sections.append(("Options", [each for each in shown if each.name not in grouped]))
    if has_connection:
        formatter.write_paragraph()
        formatter.write(FOLDED)
    width = max((len(record[0]) for each in shown if (record := _record(each, ctx))), default=0)
    for title, members in sections:
        if records := [record for each in members if (record := _record(each, ctx))]:
            with formatter.section(title):
                formatter.write_dl([(f"{flag:<{width}}", text) for flag, text in records], col_max=width + 2)


def _record(option: click.Option, ctx: click.Context) -> Record | None:
    record = option.get_help_record(ctx)
    return None if record is None else (record[0], _RANGE.sub("", record[1]))


def _write_examples(examples: str | None, formatter: click.HelpFormatter) -> None:
    if examples:
        with formatter.section("Examples"):
            for line in examples.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def help_connection_option(command: Any) -> Any:
    """Adds `--help-connection`, which explains the options that `--help` folds."""
    return click.option(
        "--help-connection",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_connection,
        help="Show the options of the connection and exit.",
    )(command)


def _print_connection(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    formatter = ctx.make_formatter()
    names = (*CONNECTION, "folders")
    options = [each for each in ctx.command.get_params(ctx) if isinstance(each, click.Option) and each.name in names]
    with formatter.section("Connection"):
        formatter.write_dl([record for each in options if (record := _record(each, ctx))])
    formatter.write_paragraph()
    formatter.write_text("Flags override the profile, and the profile overrides the environment.")
    formatter.write_text("`nomad-tui help connecting` explains them.")
    click.echo(formatter.getvalue().rstrip("\n"))
    ctx.exit()
