"""A runner under measurement, in a process of its own: the stream of a server, a journal, and one sink.

Prints one line of JSON once the sink has acknowledged what was to come, or has seen it all come while it was down.
"""

import asyncio
import json
import resource
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter

from nomad_tui.config.connection import Connection
from nomad_tui.core.subscription import Subscription
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.retention import Retention
from nomad_tui.journal.status import RunnerStatus
from nomad_tui.sinks.definition.definition import Batch, Definition, Format, Kind
from nomad_tui.sinks.definition.folder import Loaded
from nomad_tui.sinks.delivery.opening import open_sink
from nomad_tui.sinks.delivery.sink import Delivery, Sink, UnavailableError
from nomad_tui.sinks.runner.runner import Runner, Wanted
from nomad_tui.sinks.runner.service import continued
from nomad_tui.stream.reader import Settings

MANY = 100
"""Events in one batch."""


class Null:
    """Acknowledges everything at once."""

    async def deliver(self, delivery: Delivery) -> str:
        return ""

    async def close(self) -> None:
        pass


class Down:
    """Has never been reachable."""

    async def deliver(self, delivery: Delivery) -> str:
        raise UnavailableError("it is down")

    async def close(self) -> None:
        pass


class Given:
    """One definition that never changes."""

    def __init__(self, definition: Definition) -> None:
        self._loaded = Loaded({definition.id: definition})

    def read(self) -> Loaded:
        return self._loaded

    def signature(self) -> object:
        return 1


async def null(definition: Definition) -> Sink:
    return Null()


async def down(definition: Definition) -> Sink:
    return Down()


OPENERS: dict[str, Callable[[Definition], Awaitable[Sink]]] = {"null": null, "down": down, "webhook": open_sink}


async def run(server: str, expected: int, how: str, address: str, redact: bool, folder: Path) -> dict[str, float]:
    connection = Connection.from_environment({"address": server}, environ={})
    definition = Definition("bench", Kind.WEBHOOK, address, format=Format.EVENT, batch=Batch(MANY, 0.5), redact=redact)
    journal = await Journal.open(folder / "bench.journal", Retention(max_size=1 << 40))
    source = await continued(journal, connection, Subscription(), Settings())
    runner = Runner(journal, source, Wanted(Given(definition)), RunnerStatus(), drain=0.1, opener=OPENERS[how])
    running = asyncio.create_task(runner.run())
    while not journal.events:
        await asyncio.sleep(0.001)
    started = perf_counter()
    middle = 0
    while (journal.events if how == "down" else runner.sinks["bench"].status.delivered) < expected:
        await asyncio.sleep(0.01)
        if not middle and journal.events > expected / 4:
            middle = resident()
    seconds = perf_counter() - started
    runner.end()
    await running
    size = journal.bytes
    await journal.close()
    return {"events": expected, "seconds": seconds, "middle": middle, "rss": resident(), "journal": size}


def resident() -> int:
    """Bytes, at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    server, expected, how, address, redact = sys.argv[1:6]
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(run(server, int(expected), how, address, redact == "redact", Path(folder)))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
