"""The command `completion`."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that completes nomad-tui in a shell, such as with eval "$(nomad-tui completion bash)"."""
    from nomad_tui.cli.completion_scripts import script

    for line in script(shell, click.get_current_context().find_root().command):
        click.echo(line)
