"""Runs the measurements and prints them as a table; see the package's docstring."""

import argparse
import json
import os
import pty
import random
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

from nomad_tui.core.wire import Frame, decode
from tests import recordings

ROWS, COLUMNS = 50, 180
KEY_EVERY = 0.12
IDLE_KEYS = 60
MOVES = (b"k", b"j")
"""Alternating, so that each key moves the selection even if there are few rows above it."""
FILTERS = ("pending", "status:complete", "~clientstatus", 'ClientStatus == "running"')
"""A word of the sentence, not indexed before; a status; bytes and an expression that match many payloads."""
SECONDS_TO_LOOK = 2.0


@contextmanager
def server(repeat: int) -> Iterator[str]:
    """Run the stand-in server in its own process, and yield its address."""
    command = [sys.executable, "-m", "nomad_tui.standin", str(recordings.path("load"))]
    command += ["--from-start", "--repeat", str(repeat)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def events_in(repeat: int) -> int:
    """Return the number of events when the recording is sent `repeat` times."""
    decoded = (decode(line) for line in recordings.lines("load"))
    return repeat * sum(len(frame.events) for frame in decoded if isinstance(frame, Frame))


def bare(repeat: int, expected: int) -> dict[str, float]:
    with server(repeat) as address:
        command = [sys.executable, "-m", "tests.bench.bare", address, str(expected)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        result: dict[str, float] = json.loads(done.stdout)
        return result


def dashboard(
    repeat: int, expected: int, keys: bool, filters: Sequence[str] = (), *, idle_keys: int = IDLE_KEYS
) -> dict[str, Any]:
    """Run the dashboard once; press `keys` while it reads, and `idle_keys` more afterwards.

    Then type the filters, each replacing the previous one; `typed` has the time of each one's last key.
    """
    with tempfile.TemporaryDirectory() as folder, server(repeat) as address:
        report = Path(folder) / "report.json"
        process, terminal = pty.fork()
        if process == 0:
            os.environ |= {
                "TERM": "xterm-256color",
                "COLUMNS": str(COLUMNS),
                "LINES": str(ROWS),
                "COLORTERM": "truecolor",
            }
            arguments = [address, str(expected), "open" if keys or filters else "-", str(report)]
            os.execv(sys.executable, [sys.executable, "-m", "tests.bench.dashboard", *arguments])
        stop = Event()
        emptier = Thread(target=_empty, args=(terminal, stop), daemon=True)
        emptier.start()
        pressed: list[float] = []
        if keys:
            time.sleep(1.0)
            while not report.exists():
                pressed.append(_press(terminal, MOVES[len(pressed) % 2]))
            ends = time.perf_counter() + 4 * KEY_EVERY
            while time.perf_counter() < ends:
                time.sleep(0.05)
            pressed += [_press(terminal, MOVES[number % 2]) for number in range(idle_keys)]
            time.sleep(0.5)
        while filters and not report.exists():
            time.sleep(0.05)
        typed = {text: _type(terminal, text) for text in filters}
        if keys or filters:
            os.write(terminal, b"q")
        os.waitpid(process, 0)
        stop.set()
        emptier.join()
        os.close(terminal)
        result: dict[str, Any] = json.loads(report.read_text())
        result |= {"pressed": pressed, "typed": typed}
        return result


def _type(terminal: int, text: str) -> float:
    """Type a filter, wait until its first rows must be visible, and return when its last key was pressed."""
    os.write(terminal, b"/\x15")  # focus the filter line and delete up to the cursor
    for character in text:
        time.sleep(random.uniform(0.05, 0.1))
        os.write(terminal, character.encode())
    at = time.perf_counter()
    time.sleep(SECONDS_TO_LOOK)
    os.write(terminal, b"\r")
    time.sleep(0.1)
    return at


def _press(terminal: int, key: bytes) -> float:
    time.sleep(KEY_EVERY * random.uniform(0.75, 1.25))
    at = time.perf_counter()
    os.write(terminal, key)
    return at


def _empty(terminal: int, stop: Event) -> None:
    while not stop.is_set():
        ready, _, _ = select.select([terminal], [], [], 0.1)
        try:
            if ready and not os.read(terminal, 1 << 16):
                return
        except OSError:
            return


def answers(pressed: list[float], frames: list[float]) -> list[float]:
    """Return the seconds from each key to the first frame that shows another selection."""
    found: list[float] = []
    frames = sorted(frames)
    for at, following in zip(pressed, [*pressed[1:], float("inf")], strict=True):
        shown = next((frame for frame in frames if at < frame), None)
        if shown is not None and shown < following + 1.0:
            found.append(shown - at)
    return found


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the dashboard against a bare loop over the same stream.")
    parser.add_argument("--repeat", type=int, default=20, help="how often the recording is sent (10,764 events each)")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median counts")
    parser.add_argument("--large", action="store_true", help="once more with five times as many events, for memory")
    options = parser.parse_args()
    expected = events_in(options.repeat)

    print(f"load x{options.repeat}: {expected:,} events\n")
    print(
        f"{'':34}{'events/s':>10}{'ratio':>8}{'µs of processor':>17}{'ratio':>8}"
        f"{'stall p50':>12}{'p99':>8}{'max':>8}{'RSS MB':>8}"
    )
    floors, ratios, processors = [], [], []
    for _ in range(options.runs):
        floor = bare(options.repeat, expected)
        floors.append(floor["events"] / floor["seconds"])
        processors.append(floor["processor"] / floor["events"])
        megabytes = f"{floor['bytes'] / floor['seconds'] / 1e6:,.0f} MB/s"
        print(f"{'bare loop':34}{floors[-1]:10,.0f}{1:8.2f}{processors[-1] * 1e6:17.1f}{1:8.2f}   {megabytes}")
        run = dashboard(options.repeat, expected, keys=False)
        ratios.append(_row("dashboard", run, floors[-1], processors[-1]))
    print(f"{'median ratio':44}{median(ratios):8.2f}   (at least 0.50, aim 0.60; stall at most 30 and 80 ms)\n")

    run = dashboard(options.repeat, expected, keys=True)
    _row("dashboard, keys pressed", run, median(floors), median(processors))
    busy = answers([at for at in run["pressed"] if at < run["until"]], run["frames"])
    idle = answers([at for at in run["pressed"] if at >= run["until"]], run["frames"])
    for name, times, bound in (("key to frame, while reading", busy, 50), ("key to frame, idle", idle, 20)):
        line = f"median {median(times) * 1e3:5.1f} ms   p99 {percentile(times, 0.99) * 1e3:6.1f} ms"
        print(f"{name:34}{line}   {len(times)} keys (median at most {bound} ms)")
    run = dashboard(options.repeat, expected, keys=False, filters=FILTERS)
    stalls = [stall * 1e3 for stall in run["searching_stalls"]]
    first = [
        f"{text}  {(run['searched'][text] - at) * 1e3:.0f} ms"
        if text in run["searched"]
        else f"{text}  not within {SECONDS_TO_LOOK:g} s"
        for text, at in run["typed"].items()
    ]
    print(f"{'last key to first screenful':34}{'   '.join(first)}   (100 ms)")
    print(f"{'while searching':34}stall p99 {percentile(stalls, 0.99):.1f} ms, max {max(stalls):.1f} ms (50 ms)")
    if options.large:
        print()
        large = dashboard(options.repeat * 5, expected * 5, keys=False)
        _row(f"dashboard, {expected * 5:,} events", large, median(floors), median(processors))
        print(f"{'':34}retained {large['retained'] / 1e6:,.0f} MB, resident at most {large['rss'] / 1e6:,.0f} MB (300)")


def _row(name: str, run: dict[str, Any], floor: float, processor: float) -> float:
    """Print a row; `floor` is in events per second, `processor` in seconds per event."""
    rate, each = float(run["events"] / run["seconds"]), run["processor"] / run["events"]
    stalls = [stall * 1e3 for stall in run["stalls"]]
    print(
        f"{name:34}{rate:10,.0f}{rate / floor:8.2f}{each * 1e6:17.1f}{processor / each:8.2f}"
        f"{median(stalls):9.1f} ms{percentile(stalls, 0.99):8.1f}{max(stalls):8.1f}{run['rss'] / 1e6:8,.0f}"
    )
    return rate / floor


if __name__ == "__main__":
    main()
