"""Measures the throughput of a runner and its sinks, against the same work without a journal or acknowledgements.

python -m tests.bench.sinks

Ratios are given for CPU time per event and for wall time: on a busy machine only CPU time is meaningful.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import msgspec

from tests import recordings
from tests.bench.__main__ import bare, events_in, server
from tests.bench.sink_runner import BATCH_SIZE, Work

ALL = sys.maxsize
FEW_FRAMES = 100
"""Frames, some 500 events, for measurements with a request per event."""
STEADY = 2_000
"""Events per second."""
STEADY_SECONDS = 10.0
SETTLE = 3.0
"""Seconds until the pace is steady."""


@contextmanager
def receiver() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.posting", "receive"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def steady_server() -> Iterator[str]:
    """Serve `STEADY` events per second to every client."""
    frames = sum(1 for _ in recordings.frames("load", sys.maxsize))
    command = [sys.executable, "-m", "nomad_tui.standin", str(recordings.path("load")), "--repeat", "forever"]
    command += ["--pace", str(STEADY * frames / events_in(1)), "--buffer-size", "10000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def measured(work: Work) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.sink_runner", msgspec.json.encode(work).decode()]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@contextmanager
def stream_of(frames: int, repeat: int) -> Iterator[str]:
    """Serve the first frames, repeated, as fast as the client reads them."""
    if frames == ALL:
        with server(repeat) as address:
            yield address
        return
    with tempfile.NamedTemporaryFile(suffix=".ndjson") as few:
        few.writelines(frame.line + b"\n" for frame in recordings.frames("load", frames))
        few.flush()
        command = [sys.executable, "-m", "nomad_tui.standin", few.name, "--from-start", "--repeat", str(repeat)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield process.stdout.readline().strip()
            finally:
                process.terminate()


def posted(how: str, frames: int, repeat: int, together: int) -> dict[str, float]:
    """Post with `how`: `post` for the bare loop, `sink` for the sink by itself."""
    with receiver() as address:
        numbers = map(str, (frames, repeat, together))
        command = [sys.executable, "-m", "tests.bench.posting", how, address, *numbers]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def relayed(expected: int, repeat: int) -> dict[str, float]:
    """Post the stream in a bare loop that stores nothing."""
    with receiver() as address, stream_of(ALL, repeat) as stream:
        numbers = map(str, (expected, BATCH_SIZE))
        command = [sys.executable, "-m", "tests.bench.posting", "relay", address, stream, *numbers]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=10, help="how often the recording is sent (10,764 events each)")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median counts")
    parser.add_argument("--down", type=int, default=0, metavar="REPEAT", help="also a sink that is down all the while")
    parser.add_argument("--brief", action="store_true", help="only stream to webhook, steady, and one event a request")
    options = parser.parse_args()
    expected = events_in(options.repeat)
    print(f"load x{options.repeat}: {expected:,} events\n")
    print(f"{'':50}{'events/s':>10}{'wall':>8}{'CPU':>8}{'RSS MB':>8}")
    if not options.brief:
        journaled(options.repeat, options.runs, expected)
    for redact in (False, True):
        to_webhook(options.runs, ALL, options.repeat, BATCH_SIZE, redact=redact)
    to_webhook(options.runs, FEW_FRAMES, options.repeat, 1, redact=False)
    steady(options.runs)
    if options.down:
        events = events_in(options.down)
        with server(options.down) as stream:
            run = measured(Work(stream, events, (("down", ""),), redact=True))
        _row(f"sink down for {events:,} events", run)
        print(f"{'':50}{run['middle'] / 1e6:,.0f} MB after a quarter of them, journal {run['journal'] / 1e6:,.0f} MB")


def journaled(repeat: int, runs: int, expected: int) -> None:
    for redact in (False, True):
        floors, ratios = [], []
        for _ in range(runs):
            floors.append(bare(repeat, expected))
            with server(repeat) as stream:
                run = measured(Work(stream, expected, redact=redact))
            _row(f"stream, journal, null sink{', masked' if redact else ''}", run)
            ratios.append(_rate(run) / _rate(floors[-1]))
        print(f"{'median, against a bare loop that reads':60}{median(ratios):8.2f}\n")


def to_webhook(runs: int, frames: int, repeat: int, together: int, *, redact: bool) -> None:
    """Measure a stream that is sent at once to a webhook, against a bare loop that posts the same events."""
    each = "one event a request" if together == 1 else f"batches of {together}"
    expected = repeat * sum(len(frame.events) for frame in recordings.frames("load", frames))
    ratios, cpu_ratios = [], []
    for _ in range(runs):
        floor = posted("post", frames, repeat, together)
        _row(f"bare loop that posts, {each}", floor)
        if not redact:
            _row(f"webhook sink by itself, {each}", posted("sink", frames, repeat, together), floor)
            if together == BATCH_SIZE:
                _row("bare loop that reads and posts", relayed(expected, repeat), floor)
        with receiver() as address, stream_of(frames, repeat) as stream:
            run = measured(Work(stream, expected, (("webhook", address),), together=together, redact=redact))
        _row(f"stream, journal, webhook{', masked' if redact else ''}, {each}", run, floor)
        ratios.append(_rate(run) / _rate(floor))
        cpu_ratios.append(_cpu(floor) / _cpu(run))
    least = 0.5 if together == 1 else 0.25
    title = f"median{', masked' if redact else ''}, {each} (at least {least})"
    print(f"{title:60}{median(ratios):8.2f}{median(cpu_ratios):8.2f}\n")


def steady(runs: int) -> None:
    """Measure the share of a core for a stream of a steady pace into a file and a webhook."""
    shares = []
    for _ in range(runs):
        with receiver() as address, steady_server() as stream:
            sinks = (("file", ""), ("webhook", address))
            run = measured(Work(stream, sinks=sinks, settle=SETTLE, seconds=STEADY_SECONDS, redact=True))
        shares.append(run["cpu"] / run["seconds"])
        title = "steady, file and webhook, masked"
        print(f"{title:50}{_rate(run):10,.0f}{'':8}{shares[-1]:7.0%}{run['rss'] / 1e6:8,.0f}   lag {run['lag']:,}")
    print(f"{'median share of a core (at most 35%)':68}{median(shares):7.0%}\n")


def _rate(run: dict[str, Any]) -> float:
    return float(run["events"] / run["seconds"])


def _cpu(run: dict[str, Any]) -> float:
    """Return the CPU seconds per event."""
    return float(run["cpu"] / run["events"])


def _row(name: str, run: dict[str, Any], floor: dict[str, float] | None = None) -> None:
    ratios = f"{_rate(run) / _rate(floor):8.2f}{_cpu(floor) / _cpu(run):8.2f}" if floor is not None else " " * 16
    memory = f"{run['rss'] / 1e6:8,.0f}" if "rss" in run else ""
    print(f"{name:50}{_rate(run):10,.0f}{ratios}{memory}")


if __name__ == "__main__":
    main()
