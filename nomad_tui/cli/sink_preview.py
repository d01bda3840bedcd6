"""What `nomad-tui sink preview` does: the bodies that a sink would send for recorded events, on standard output."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from time import time_ns

import click

from nomad_tui.cli.sink import defined
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import Frame
from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.record import Record
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.definition.folder import Loaded
from nomad_tui.sinks.definition.selection import Selection
from nomad_tui.sinks.delivery.batching import delivery_id
from nomad_tui.sinks.delivery.grouping import Folding
from nomad_tui.sinks.delivery.sink import Delivery, Item, UndeliveredError
from nomad_tui.sinks.types.preview import preview as bodies_of
from nomad_tui.sources.recording import Recording, RecordingError

MOST_BYTES = 64 * 1024 * 1024
"""Of the journal's newest frames."""


def preview(loaded: Loaded, journal: Path, id: str, files: Sequence[str], last: int) -> int:  # noqa: A002
    definition = defined(loaded, id)
    region = ""
    if files:
        records = list(_collected(files))
    else:
        with JournalReader(journal) as reader:
            frames = reader.last_frames(last, MOST_BYTES)
            runner = reader.overview().runner
            region = runner.region if runner is not None else ""
        records = [Record(number, time_ns(), 0, frame) for number, frame in enumerate(frames, 1)]
    sent = failed = 0
    for delivery in _deliveries(definition, records, region):
        try:
            for body in bodies_of(definition, delivery):
                sent += 1
                click.echo(_shown(body.content))
        except UndeliveredError as error:
            failed += 1
            item = delivery.items[0]
            click.echo(f"nomad-tui: index {item.index:,}: {error.what}", err=True)
    if not sent and not failed:
        click.echo("nomad-tui: None of these events is for this sink.", err=True)
    return 1 if failed else 0


def _deliveries(definition: Definition, records: Sequence[Record], region: str) -> Iterator[Delivery]:
    selection = Selection(definition, region, "preview")
    if definition.is_grouped:
        folding = Folding(definition)
        for record in records:
            folding.add(selection.items(record))
        if items := folding.take():
            yield _delivery(items, region)
        return
    most = definition.together.max_events
    waiting: list[Item] = []
    for record in records:
        waiting += selection.items(record)
        while len(waiting) >= most:
            yield _delivery(waiting[:most], region)
            del waiting[:most]
    if waiting:
        yield _delivery(waiting, region)


def _shown(content: bytes) -> str:
    """As it is sent, but where a terminal would act on it."""
    text = content.decode("utf-8", "replace")
    return "\n".join(map(printable, text.split("\n"))) if sys.stdout.isatty() else text


def _delivery(items: Sequence[Item], region: str) -> Delivery:
    return Delivery(delivery_id(items), tuple(items), region)


def _collected(files: Sequence[str]) -> list[Record]:
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
        return asyncio.run(collected())
    except RecordingError as error:
        raise click.ClickException(str(error)) from None
