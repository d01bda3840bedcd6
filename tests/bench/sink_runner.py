"""A measured runner in its own process: the stream of a server, a journal, and one sink.

Prints one line of JSON once the sink has acknowledged all expected events, or the journal has them if the sink is down.
"""

import asyncio
import json
import resource
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import msgspec

from nomad_tui.config.connection import Connection
from nomad_tui.core.subscription import Subscription
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.retention import Retention
from nomad_tui.journal.status import RunnerStatus
from nomad_tui.sinks.definition.definition import Batch, Definition, Format, Kind
from nomad_tui.sinks.definition.folder import Loaded
from nomad_tui.sinks.delivery.sink import Delivery, Sink, UnavailableError
from nomad_tui.sinks.runner.runner import Runner, Wanted
from nomad_tui.sinks.runner.service import continued, rare_collections
from nomad_tui.sinks.types.opening import open_sink
from nomad_tui.stream.settings import Settings

BATCH_SIZE = 100
"""Events in one batch."""


class Null:
    """Acknowledges every delivery at once."""

    async def deliver(self, delivery: Delivery) -> str:
        return ""

    async def close(self) -> None:
        pass


class Unreachable:
    """Is never reachable."""

    async def deliver(self, delivery: Delivery) -> str:
        raise UnavailableError("it is down")

    async def close(self) -> None:
        pass


class FixedDefinitions:
    """Definitions that do not change."""

    def __init__(self, *definitions: Definition) -> None:
        self._loaded = Loaded({each.id: each for each in definitions})

    def read(self) -> Loaded:
        return self._loaded

    def signature(self) -> object:
        return 1


async def null(definition: Definition) -> Sink:
    return Null()


async def down(definition: Definition) -> Sink:
    return Unreachable()


OPENERS: dict[str, Callable[[Definition], Awaitable[Sink]]] = {
    "null": null,
    "down": down,
    "file": open_sink,
    "webhook": open_sink,
}


@dataclass(frozen=True, slots=True)
class Work:
    """What to measure; the only argument of the process, as JSON."""

    server: str
    expected: int = 0
    """Events to wait for; 0 to measure for `seconds` instead."""
    sinks: tuple[tuple[str, str], ...] = (("null", ""),)
    """How each sink is opened, and its address."""
    together: int = BATCH_SIZE
    """Events in one batch."""
    redact: bool = False
    settle: float = 0.0
    """Seconds to wait before the measurement."""
    seconds: float = 0.0


async def run(work: Work, folder: Path) -> dict[str, float]:
    connection = Connection.from_environment({"address": work.server}, environ={})
    definitions = [
        Definition(
            f"{how}-{number}",
            Kind.FILE if how == "file" else Kind.WEBHOOK,
            str(folder / "events.ndjson") if how == "file" else address,
            format=Format.EVENT,
            batch=Batch(work.together, 0.5),
            redact=work.redact,
        )
        for number, (how, address) in enumerate(work.sinks)
    ]
    openers = {each.id: OPENERS[how] for each, (how, _) in zip(definitions, work.sinks, strict=True)}

    async def opener(definition: Definition) -> Sink:
        return await openers[definition.id](definition)

    journal = await Journal.open(folder / "bench.journal", Retention(max_size=1 << 40))
    source = await continued(journal, connection, Subscription(), Settings())
    runner = Runner(journal, source, Wanted(FixedDefinitions(*definitions)), RunnerStatus(), drain=0.1, opener=opener)
    running = asyncio.create_task(runner.run())
    is_down = work.sinks[0][0] == "down"

    def done() -> int:
        sink = runner.sinks.get(definitions[0].id)
        return journal.events if is_down else sink.status.delivered if sink is not None else 0

    while not done():  # do not measure imports that the first event causes
        await asyncio.sleep(0.001)
    await asyncio.sleep(work.settle)
    started, cpu, before = perf_counter(), process_time(), done()
    middle = 0

    def is_done() -> bool:
        return done() >= work.expected if work.expected else perf_counter() - started >= work.seconds

    while not is_done():
        await asyncio.sleep(0.01)
        if not middle and journal.events > work.expected / 4:
            middle = resident()
    result = {
        "events": done() - before,
        "seconds": perf_counter() - started,
        "cpu": process_time() - cpu,
        "middle": middle,
        "lag": max(sink.lag_events for sink in runner.sinks.values()),
        "rss": resident(),
        "journal": journal.bytes,
    }
    runner.end()
    await running
    await journal.close()
    return result


def resident() -> int:
    """Return the peak resident memory in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    work = msgspec.json.decode(sys.argv[1], type=Work)
    with tempfile.TemporaryDirectory() as folder, rare_collections():
        result = asyncio.run(run(work, Path(folder)))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
