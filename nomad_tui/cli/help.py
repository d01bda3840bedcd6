"""The command `help`: the manual's pages, in the pager or as plain text."""

from __future__ import annotations

import os
import sys
from difflib import get_close_matches

import click

from nomad_tui.cli import is_terminal
from nomad_tui.cli.command import Command


@click.command("help", cls=Command, epilog="nomad-tui help why\nnomad-tui help slack\nnomad-tui help sink run")
@click.argument("words", nargs=-1, metavar="[TOPIC]")
@click.pass_context
def help_(context: click.Context, words: tuple[str, ...]) -> None:
    """Show the manual: a page, or the list of pages.

    TOPIC is a page or a command, such as tokens, sink webhook or sink run. In a terminal the page opens in $PAGER.

    Exit codes: 0 shown, 2 no such topic.
    """
    from nomad_tui.manual import INDEX, find_page, pages, pages_about
    from nomad_tui.manual.rendering import WIDTH, rendered

    topic = " ".join(words) or INDEX
    page = find_page(topic)
    if page is None:
        if (text := _help_of_command(context.find_root(), words)) is not None:
            click.echo(text)
            return
        close = get_close_matches("-".join(words).lower(), [each.topic for each in pages()], 3, 0.5)
        if not close:
            close = [each.topic for each in pages_about(topic)]
        hint = f"Try {', '.join(close[:6])}." if close else "`nomad-tui help` lists all topics."
        raise click.UsageError(f"No topic {topic[:40]!r}. {hint}")
    if not is_terminal(sys.stdout):
        click.echo(rendered(page), nl=False)
        return
    os.environ.setdefault("LESS", "FRXi")  # as git does, plus case-insensitive search
    color = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    click.echo_via_pager(rendered(page, min(WIDTH, os.get_terminal_size().columns), color=color), color=color)


def _help_of_command(root: click.Context, words: tuple[str, ...]) -> str | None:
    """The `--help` text of a command such as `sink run`; None if there is no such command."""
    context = root
    for word in words:
        group = context.command
        command = group.get_command(context, word) if isinstance(group, click.Group) else None
        if command is None:
            return None
        context = click.Context(command, parent=context, info_name=word)
    return context.get_help()
