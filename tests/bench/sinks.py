"""Measures what a runner brings to a sink, against the same work without anything kept or proven.

python -m tests.bench.sinks

Ratios are of CPU time per event as well as of wall time: on a busy machine only the first means anything.
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
from tests.bench.sink_runner import MANY, Work

ALL = sys.maxsize
FEW = 100
"""Frames, of some 500 events, for what takes long for each event."""
STEADY = 2_000
"""Events a second."""
STEADY_SECONDS = 10.0
SETTLE = 3.0
"""Seconds until everything runs at its pace."""


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
    """Sends `STEADY` events a second, to whoever asks."""
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
    """Sends the first frames so often, as fast as they are read."""
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
    """`how` is `post` for the bare loop or `sink` for the sink by itself."""
    with receiver() as address:
        numbers = map(str, (frames, repeat, together))
        command = [sys.executable, "-m", "tests.bench.posting", how, address, *numbers]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def relayed(expected: int, repeat: int) -> dict[str, float]:
    """The stream posted by a bare loop that keeps nothing."""
    with receiver() as address, stream_of(ALL, repeat) as stream:
        numbers = map(str, (expected, MANY))
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
        to_webhook(options.runs, ALL, options.repeat, MANY, redact=redact)
    to_webhook(options.runs, FEW, options.repeat, 1, redact=False)
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
    """From a stream that has it all at once to a webhook, against posts of the same events in a bare loop."""
    each = "one event a request" if together == 1 else f"batches of {together}"
    expected = repeat * sum(len(frame.events) for frame in recordings.frames("load", frames))
    ratios, cpu_ratios = [], []
    for _ in range(runs):
        floor = posted("post", frames, repeat, together)
        _row(f"bare loop that posts, {each}", floor)
        if not redact:
            _row(f"webhook sink by itself, {each}", posted("sink", frames, repeat, together), floor)
            if together == MANY:
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
    """A stream of an even pace into a file and a webhook: how much of a core that takes."""
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
    """Seconds for one event."""
    return float(run["cpu"] / run["events"])


def _row(name: str, run: dict[str, Any], floor: dict[str, float] | None = None) -> None:
    ratios = f"{_rate(run) / _rate(floor):8.2f}{_cpu(floor) / _cpu(run):8.2f}" if floor is not None else " " * 16
    memory = f"{run['rss'] / 1e6:8,.0f}" if "rss" in run else ""
    print(f"{name:50}{_rate(run):10,.0f}{ratios}{memory}")


if __name__ == "__main__":
    main()
