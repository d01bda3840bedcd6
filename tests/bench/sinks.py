"""Measures what a runner brings to a sink, against the same work without anything kept or proven.

python -m tests.bench.sinks
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from tests.bench.__main__ import bare, events_in, server


@contextmanager
def receiver() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.posting", "receive"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def runner(
    repeat: int, expected: int, how: str, address: str = "http://127.0.0.1:1/", *, redact: bool
) -> dict[str, Any]:
    with server(repeat) as stream:
        masks = "redact" if redact else "plain"
        command = [sys.executable, "-m", "tests.bench.sink_runner", stream, str(expected), how, address, masks]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result


def posted(how: str, times: int) -> float:
    """Events a second; `how` is `post` for the bare loop or `sink` for the sink by itself."""
    with receiver() as address:
        command = [sys.executable, "-m", "tests.bench.posting", how, address, str(times)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    result = json.loads(done.stdout)
    return float(result["events"] / result["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=10, help="how often the recording is sent (10,764 events each)")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median counts")
    parser.add_argument("--down", type=int, default=0, metavar="REPEAT", help="also a sink that is down all the while")
    options = parser.parse_args()
    expected = events_in(options.repeat)
    print(f"load x{options.repeat}: {expected:,} events, batches of 100\n")
    print(f"{'':40}{'events/s':>10}{'ratio':>8}{'RSS MB':>8}")
    for redact in (False, True):
        masked = ", masked" if redact else ""
        ratios, rates = [], []
        for _ in range(options.runs):
            floor = bare(options.repeat, expected)
            rates.append(
                _row(f"stream, journal, null sink{masked}", runner(options.repeat, expected, "null", redact=redact))
            )
            ratios.append(rates[-1] / (floor["events"] / floor["seconds"]))
        print(f"{'median':40}{median(rates):10,.0f}{median(ratios):8.2f}   of a bare loop (at least 20,000 events/s)\n")
        ratios, alone = [], []
        for _ in range(options.runs):
            floor_rate = posted("post", options.repeat)
            print(f"{'bare loop that posts':40}{floor_rate:10,.0f}{1:8.2f}")
            if not redact:
                rate = posted("sink", options.repeat)
                alone.append(rate / floor_rate)
                print(f"{'webhook sink by itself':40}{rate:10,.0f}{alone[-1]:8.2f}")
            with receiver() as address:
                run = runner(options.repeat, expected, "webhook", address, redact=redact)
            ratios.append(_row(f"stream, journal, webhook{masked}", run) / floor_rate)
        if alone:
            print(f"{'median, webhook sink by itself':50}{median(alone):8.2f}   (at least 0.33)")
        print(f"{'median, from stream to webhook':50}{median(ratios):8.2f}\n")
    if options.down:
        events = events_in(options.down)
        run = runner(options.down, events, "down", redact=True)
        _row(f"sink down for {events:,} events", run)
        print(f"{'':40}{run['middle'] / 1e6:,.0f} MB after a quarter of them, journal {run['journal'] / 1e6:,.0f} MB")


def _row(name: str, run: dict[str, Any]) -> float:
    rate = float(run["events"] / run["seconds"])
    print(f"{name:40}{rate:10,.0f}{'':8}{run['rss'] / 1e6:8,.0f}")
    return rate


if __name__ == "__main__":
    main()
