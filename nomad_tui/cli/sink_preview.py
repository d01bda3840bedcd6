"""`nomad-tui sink preview`: prints the bodies that a sink would send for recorded events."""

import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from time import time_ns

import click

from nomad_tui.cli import interrupts, is_terminal
from nomad_tui.cli.sink import defined
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import Frame
from nomad_tui.journal.record import Record
from nomad_tui.sinks.definition.folder import Loaded
from nomad_tui.sinks.types.preview import newest_records, previews
from nomad_tui.sources.finding import RecordingError
from nomad_tui.sources.recording import Recording


def preview(loaded: Loaded, journal: Path, id: str, files: Sequence[str], last: int) -> int:  # noqa: A002
    definition = defined(loaded, id)
    records, region = (_read_recordings(files), "") if files else newest_records(journal, last)
    sent = failed = 0
    for each in previews(definition, records, region):
        sent += len(each.bodies)
        for body in each.bodies:
            click.echo(_shown(body))
        if each.error:
            failed += 1
            click.echo(f"nomad-tui: index {each.index:,}: {each.error}", err=True)
    if not sent and not failed:
        remedy = "" if files else f" `--last {min(10_000, last * 50)}` looks at more of the journal."
        click.echo(f"nomad-tui: The sink selects none of these events.{remedy}", err=True)
    return 1 if failed else 0


def _shown(text: str) -> str:
    """The text as it is sent; on a terminal, control characters are replaced."""
    return "\n".join(map(printable, text.split("\n"))) if is_terminal(sys.stdout) else text


def _read_recordings(files: Sequence[str]) -> list[Record]:
    """The frames and gaps of recordings. Raises `click.ClickException`."""

    async def read() -> AsyncIterator[Record]:
        recording = Recording(files)
        recording.check()
        position = 0
        async for update in recording.updates():
            if isinstance(update, Frame | Gap):
                position += 1
                yield Record(position, time_ns(), 0, update)

    async def collected() -> list[Record]:
        return [record async for record in read()]

    try:
        return interrupts.run(collected())
    except RecordingError as error:
        raise click.ClickException(str(error)) from None
