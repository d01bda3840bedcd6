"""The command `completion`."""

import click

from nomad_tui.cli.command import Command


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a completion script for your shell.

    bash, in ~/.bashrc: eval "$(nomad-tui completion bash)"
    """
    from nomad_tui.cli.completion_scripts import script

    for line in script(shell, click.get_current_context().find_root().command):
        click.echo(line)
