"""The command `completion`."""

import click

from nomad_tui.cli.command import Command


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a completion script for your shell.

    \b
    bash, in ~/.bashrc:    eval "$(nomad-tui completion bash)"
    zsh, in ~/.zshrc:      eval "$(nomad-tui completion zsh)" after compinit
    fish, in config.fish:  nomad-tui completion fish | source
    """
    from nomad_tui.cli.completion_scripts import script

    for line in script(shell, click.get_current_context().find_root().command):
        click.echo(line)
