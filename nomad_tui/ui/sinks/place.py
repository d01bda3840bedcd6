"""The definitions and the journal of a source's sinks, and the command that starts their runner."""

import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from textual.content import Content

from nomad_tui.config.connection import Connection
from nomad_tui.config.folders import Folders, is_missing
from nomad_tui.config.setting import PROFILE
from nomad_tui.core.history.history import History
from nomad_tui.core.readable import SECOND, byte_count, duration
from nomad_tui.core.text import printable
from nomad_tui.core.wire import Frame
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.place import journal_path
from nomad_tui.sinks.definition.definition import Definition, Kind
from nomad_tui.sinks.delivery.sink import Delivery
from nomad_tui.sinks.runner.by_hand import Answer, Send, opened, send_example
from nomad_tui.sources.journal import JournalSource
from nomad_tui.sources.journaled import JournaledLive
from nomad_tui.sources.live import LiveServer
from nomad_tui.sources.source import Source
from nomad_tui.ui.dialogs.copies import server_of

if TYPE_CHECKING:
    from nomad_tui.sinks.types.preview import Previewed

RUN: Final = "nomad-tui sink run"
RECORDING: Final = "A recording has no runner"
ELSEWHERE: Final = "The runner and its journal are where these events are published"


@dataclass(frozen=True, slots=True)
class Place:
    config: Path | None = None
    """The configuration folder; None if none is read."""
    journal: Path | None = None
    """The file need not exist; None for a recording."""
    where: str = ""
    """Name of the source; untrusted."""
    command: str = ""
    """Starts a runner for the source; "" if it cannot have one."""
    why_none: str = ""
    """Why it cannot have a runner, in a few words."""
    region: str = ""
    """"" if unknown."""


def place_of(source: Source, folders: Folders | None, region: str | None, *, is_cluster: bool) -> Place:
    """`is_cluster` is false if a live server is the demo's own."""
    config = None if folders is None else folders.config
    region = region or ""
    run = RUN
    if folders is not None and folders.config != Folders.of_user().config:
        run += f" --config {shlex.quote(str(folders.config))}"
    if isinstance(source, JournaledLive):
        command = f"{run}{_flags(source.connection)} --journal {shlex.quote(str(source.path))}"
        return Place(config, source.path, source.name, command, region=region)
    if isinstance(source, JournalSource):
        return Place(
            config, source.path, source.name, f"{run} --journal {shlex.quote(str(source.path))}", region=region
        )
    if isinstance(source, LiveServer) and is_cluster and folders is not None:
        connection = source.connection
        profile = f"{connection.profile.name} · " if connection.profile is not None else ""
        command = f"{run}{_flags(connection)}"
        return Place(config, journal_path(folders, connection), f"{profile}{source.name}", command, region=region)
    why_none = ELSEWHERE if source.live and not isinstance(source, LiveServer) else RECORDING
    return Place(config, None, source.name, why_none=why_none, region=region)


def _flags(connection: Connection) -> str:
    """Flags for what the environment does not already set of a connection."""
    if connection.profile is not None:
        return f" {PROFILE.flag} {shlex.quote(connection.profile.name)}"
    server = server_of(connection)
    given = {
        "address": str(connection.address),
        "region": server.region,
        "ca_cert": server.ca_cert,
        "ca_path": server.ca_path,
        "client_cert": server.client_cert,
        "client_key": server.client_key,
        "tls_server_name": server.tls_server_name,
    }
    return "".join(
        f" --{name.replace('_', '-')} {shlex.quote(value)}"
        for name, value in given.items()
        if value and name not in server.known
    )


# Sending by hand


async def send_by_hand(definition: Definition, delivery: Delivery, journal: Path | None) -> Answer:
    """Sends `delivery` once. An error before sending is returned as an answer, too."""
    return await _attempt(definition, journal, lambda send: send(delivery))


async def send_test(definition: Definition, place: Place) -> Answer:
    """Sends a test event, marked as such."""

    async def test(send: Send) -> Answer:
        return (await send_example(send, definition, place.region))[1]

    return await _attempt(definition, place.journal, test)


async def _attempt(definition: Definition, journal: Path | None, how: Callable[[Send], Awaitable[Answer]]) -> Answer:
    if definition.kind is Kind.STDOUT:
        return Answer(False, NO_OUTPUT, 0.0)
    try:
        async with opened(definition, journal) as send:
            return await how(send)
    except (ValueError, JournalError) as error:
        return Answer(False, printable(str(error)), 0.0)


MAX_PREVIEWED_FRAMES: Final = 1_000
"""Frames read for a preview, the newest of the journal; a sink may select few of them."""
MAX_PREVIEWED_BYTES: Final = 8 * 1024 * 1024
"""Approximate size of the frames read for a preview."""
MAX_PREVIEWED_BODIES: Final = 50
"""Bodies shown in a preview, the newest."""


def newest_frames(history: History) -> list[Frame]:
    """The newest frames in memory, oldest first, up to the limits of a preview."""
    frames: list[Frame] = []
    sequence, size = history.end - 1, 0
    while sequence >= history.first and len(frames) < MAX_PREVIEWED_FRAMES and size < MAX_PREVIEWED_BYTES:
        if history.gap(sequence) is None:
            frame, sequence = history.frame(sequence)
            size += len(frame.line)
            frames.append(frame)
        sequence -= 1
    return frames[::-1]


def previewed(definition: Definition, place: Place, shown: Sequence[Frame]) -> tuple[str, str]:
    """A title and what the sink would send for the newest events of the journal; if it selects none of them, for those
    in `shown`, and if none of these either, for samples.

    Blocks. Raises `JournalError`.
    """
    from nomad_tui.sinks.types.preview import newest_records, previews, records_of, sample_previews

    found: list[Previewed] = []
    what = ""
    if place.journal is not None and not is_missing(place.journal):
        records, region = newest_records(place.journal, MAX_PREVIEWED_FRAMES)
        found, what = list(previews(definition, records, region)), "the newest events of the journal"
    if not found:
        found, what = list(previews(definition, records_of(shown), place.region)), "the newest events of this dashboard"
    if not found:
        found, what = list(sample_previews(definition, place.region)), "sample events: it selects none of those here"
    bodies = [(each.index, body) for each in found for body in each.bodies]
    errors = [f"index {each.index:,}: {each.error}" for each in found if each.error]
    lines = [f"✖ {error}" for error in errors[-MAX_PREVIEWED_BODIES:]]
    for index, body in bodies[-MAX_PREVIEWED_BODIES:]:
        lines += [f"── index {index:,} · {byte_count(len(body.encode()))}", body, ""]
    return f"{definition.id} would send, for {what}", "\n".join(lines or ["Nothing: it selects none of these events."])


NO_OUTPUT: Final = "It writes to standard output, which the dashboard uses for its screen."
"""Why a sink of type stdout cannot be used from the dashboard."""


def answered(answer: Answer) -> Content:
    """A receiver's answer, formatted for display."""
    took = f" · {duration(max(1_000_000, int(answer.seconds * SECOND)))}" if answer.seconds else ""
    if answer.acknowledged:
        return Content.assemble(("✔ ", "$success"), printable(answer.text, 500) or "acknowledged", (took, "$quiet"))
    return Content.assemble(("✖ ", "$error"), (printable(answer.text, 2_000), "$error"), (took, "$quiet"))
