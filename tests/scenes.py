"""Draws the README's pictures from the demo's recording.

`python -m tests.scenes` writes them to `screenshots/`; `--check` names those that differ and exits with 1, as does
`test_screenshots.py`, so that pictures always show the current program.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any, Final

import textual
from msgspec.structs import replace
from textual.pilot import Pilot
from textual.widgets import Static

from nomad_tui.cli.demo import LEAD
from nomad_tui.core.history.event_row import sentence
from nomad_tui.core.history.history import History
from nomad_tui.core.objects.registry import KINDS, frame_moment
from nomad_tui.core.permissions import Permissions
from nomad_tui.core.updates import Concern, Connected, Gap, GapReason, Permitted, Refused, Update, Warned
from nomad_tui.core.wire import Frame
from nomad_tui.journal.cursor import Cursor
from nomad_tui.journal.reader import Overview, SinkOverview
from nomad_tui.journal.status import RunnerStatus, SinkState, SinkStatus
from nomad_tui.nomad.inquiry import missing_permissions
from nomad_tui.nomad.questions import TokenInfo, TokenKind
from nomad_tui.session import Session
from nomad_tui.sinks.definition.reading import DefinitionError, read_definition
from nomad_tui.sinks.delivery.report import SinkReport
from nomad_tui.ui.app import NomadTui
from nomad_tui.ui.dashboard import DashboardOptions
from nomad_tui.ui.dialogs.logs import LogsPage
from nomad_tui.ui.event.inspected import EventView
from nomad_tui.ui.overview.page import OverviewPage
from nomad_tui.ui.sinks.page import SinksPage
from nomad_tui.ui.sinks.place import Place
from nomad_tui.ui.sinks.watch import Seen, SinkWatch
from tests import recordings
from tests.keyboard import at_rest

FOLDER: Final = Path(__file__).parents[1] / "screenshots"
VERSION_FILE: Final = FOLDER / "textual-version"
"""Release of Textual that drew the pictures; another release may write different bytes for the same screen."""

NOW: Final = 1_795_423_940_000_000_000
"""A few seconds after the recording's last event, in ns since 1970."""
PATIENCE: Final = 120.0


@dataclass(frozen=True)
class Script:
    """A source that yields its updates at once and stays connected."""

    updates_to_give: tuple[Update, ...]
    name: str = "nomad.example.com:4646"
    live: bool = True

    def scope(self, region: str | None) -> str:
        return f"{region} · all namespaces" if region else "all namespaces"

    async def updates(self) -> AsyncGenerator[Update, None]:
        for update in self.updates_to_give:
            yield update
        await asyncio.Event().wait()


def tour(frames: int | None = None) -> list[Frame]:
    """Return the first frames of the demo's recording."""
    decoded = recordings.frames("tour")
    for frame in decoded[LEAD:]:
        frame.fresh = True  # the earlier ones are the backlog, as in the demo
    return decoded[:frames]


def connected(reconnects: int = 0) -> Connected:
    return Connected("nomad.example.com:4646", "2.0.6", "global", reconnects)


def whole_tour() -> tuple[Update, ...]:
    return (connected(), *tour())


def tour_with_gap() -> tuple[Update, ...]:
    frames = tour()
    before, after = frames[150], frames[156]
    gap = Gap(GapReason.BUFFER, before.index, after.index, 41.0)
    return (connected(), *frames[:151], connected(1), gap, *frames[156:])


def fresh_tour() -> tuple[Update, ...]:
    """Like `whole_tour`, but all frames are live: none comes from the server's buffer."""
    return (connected(), *(replace(frame, fresh=True, received=frame_moment(frame) or NOW) for frame in tour()))


def refused() -> tuple[Update, ...]:
    return (
        connected(),
        *tour(40),
        Refused(
            "http://nomad.example.com:4646 refused the subscription: no token was sent, and ACLs require one.",
            "Set NOMAD_TOKEN (--token, --token-file) to one that may read the topics.",
            12.0,
            1,
        ),
    )


def jobs_only() -> tuple[Update, ...]:
    """Updates for a token that may only read jobs in one namespace."""
    readable = {each.name for each in KINDS.values() if each.capability == "namespace read-job"}
    allowed = {each.name: frozenset({"default"} if each.name in readable else ()) for each in KINDS.values()}
    permissions = Permissions(("default",), allowed)
    trouble = missing_permissions(permissions, TokenInfo(TokenKind.CLIENT, name="web team", policies=("read-jobs",)))
    frames = [
        frame.with_events([each for each in frame.events if each.topic in readable and each.namespace == "default"])
        for frame in tour()
    ]
    return (
        Warned(Concern.PERMISSION, trouble.summary, f"{trouble.remedy}."),
        Permitted(permissions),
        connected(),
        *(frame for frame in frames if frame.events),
    )


def four_sinks() -> Seen:
    """A runner with four sinks: idle, delivering, with a receiver that is down, and with an invalid definition."""
    texts = {
        "archive": 'type = "file"\naddress = "/var/log/nomad-events.ndjson"\n',
        "audit": 'type = "nats"\naddress = "nats://nats.example.com:4222"\nnats.create = true\n',
        "pager": 'type = "webhook"\naddress = "https://pager.example.com/v2/enqueue"\nformat = "cloudevents"\n'
        'filter = "status:failed,lost"\nnamespaces = ["default", "payments"]\nbatch.max_events = 20\n',
    }
    folder = Path("/home/ops/.config/nomad-tui/sinks")
    definitions = {
        name: read_definition(f'id = "{name}"\n{text}', f"{name}.toml", folder / f"{name}.toml")
        for name, text in texts.items()
    }
    second, minute = 1_000_000_000, 60_000_000_000
    down = SinkStatus(
        SinkState.RETRYING,
        delivered=1_204,
        retried=17,
        rate=0.0,
        last_acknowledged=NOW - 3 * minute,
        last_answer="202 Accepted",
        last_error="https://pager.example.com answered 503 Service Unavailable, it said 'upstream connect error or "
        "disconnect/reset before headers': temporarily unavailable. If this continues, check the receiver.",
        last_error_at=NOW - 9 * second,
        next_attempt=NOW + 14 * second,
        attempt=8,
    )
    well = SinkStatus(SinkState.DELIVERING, delivered=215_280, rate=412.0, last_acknowledged=NOW, last_answer="written")
    idle = SinkStatus(
        SinkState.IDLE, delivered=215_277, rate=409.0, last_acknowledged=NOW - second, last_answer="stored"
    )
    runs = {
        "archive": SinkOverview(Cursor("archive", 90_000, status=well), well, 3, 1.0, 0, ()),
        "audit": SinkOverview(Cursor("audit", 90_000, status=idle), idle, 0, 0.0, 0, ()),
        "pager": SinkOverview(Cursor("pager", 61_000, status=down), down, 9_318, 184.0, 2, ()),
    }
    runner = RunnerStatus(
        pid=4242,
        host="ops-1",
        started=NOW - 26 * 60 * minute,
        heard=NOW,
        address="http://nomad.example.com:4646",
        region="global",
        state="live",
        rate=412.0,
        gaps=1,
        reconnects=1,
        http="127.0.0.1:9646",
    )
    mistake = DefinitionError(
        "chat.toml", "is not a setting of a sink: write `format`, or leave it out", place="fromat"
    )
    sinks = [SinkReport(name, True, definitions[name], run=runs[name]) for name in texts]
    sinks.insert(2, SinkReport("chat", True, mistakes=(mistake,)))
    overview = Overview(runner, True, tuple(runs.values()), 88_000_000, 1, 90_003, 215_280, NOW - 7 * 24 * 60 * minute)
    return Seen(tuple(sinks), overview, NOW)


@dataclass(frozen=True)
class Scene:
    """One picture: updates, size of the terminal, and keys pressed."""

    size: tuple[int, int]
    updates: Callable[[], tuple[Update, ...]] = whole_tour
    select: str | None = None
    """Select the last row that contains these words."""
    keys: tuple[str, ...] = ()
    filter: str = ""
    theme: str = "nomad-dark"
    sinks: Callable[[], Seen] | None = None
    """State of the sinks; opens the sinks page."""
    has_rules: bool = False
    """Whether two watch rules are enabled from the start."""
    has_logs: bool = False
    """Whether the page with a task's logs is open."""
    rates: tuple[int, ...] = field(default=(0, 2, 1, 9, 31, 12, 4, 3, 18, 55, 38, 20, 12, 6, 3, 5))
    """Events in each of the last seconds, for the header's sparkline."""


FAILED: Final = "flaky failed"

SCENES: Final[dict[str, Scene]] = {
    "dashboard": Scene((180, 50), select=FAILED),
    "dashboard-100x30": Scene((100, 30), select=FAILED),
    "dashboard-80x24": Scene((80, 24), select=FAILED),
    "gap": Scene((140, 36), updates=tour_with_gap, select="gap"),
    "filter": Scene((140, 36), filter="web canary"),
    "payload": Scene((140, 40), select=FAILED, keys=("3", "z")),
    "blocked": Scene((140, 40), select="greedy blocked"),
    "lost-node": Scene((160, 44), select="edge-2 heartbeat missed", keys=("t",)),
    "trace": Scene((160, 44), select="web running canary healthy", keys=("t",)),
    "changes": Scene((140, 36), select="web v0 v1", keys=("d",)),
    "help": Scene((140, 44), keys=("question_mark",)),
    "refused": Scene((120, 24), updates=refused),
    "permissions": Scene((140, 36), updates=jobs_only, keys=("1", *"jjjjjjj", "space")),
    "overview": Scene((180, 50), keys=("0",)),
    "as-of": Scene((120, 36), select="edge-2 heartbeat missed", keys=("O",)),
    "sinks": Scene((136, 24), sinks=four_sinks, keys=("end",)),
    "watch": Scene((136, 30), updates=fresh_tour, has_rules=True, keys=("A", "j", "j")),
    "logs": Scene((136, 30), has_logs=True, keys=("up", "up")),
    "light": Scene((160, 44), select=FAILED, theme="nomad-light"),
}


class StillSession(Session):
    """A session whose clock stands still."""

    def __init__(self, updates: tuple[Update, ...], rates: tuple[int, ...]) -> None:
        super().__init__(Script(updates), History(), clock=lambda: 0.0, wall_clock=lambda: NOW)
        self.status.per_second.extend(rates)
        self.history.compress_in(lambda compress: compress())  # synchronously, as the header shows the size

    def tick(self) -> None:
        pass


class StillWatch(SinkWatch):
    """A watch that reports a fixed state of the sinks."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(None, None)
        self._seen = seen

    def look(self) -> Seen:
        return self._seen


async def draw(scene: Scene) -> str:
    """Draw a scene as SVG, deterministically."""
    updates = scene.updates()
    rows = sum(len(update.events) if isinstance(update, Frame) else isinstance(update, Gap) for update in updates)
    session = StillSession(updates, scene.rates)
    app = NomadTui(session, DashboardOptions(clock=lambda: NOW, timezone=UTC, filter_text=scene.filter))
    app.theme = scene.theme
    async with asyncio.timeout(PATIENCE), app.run_test(size=scene.size, notifications=True) as pilot:
        await until(
            pilot,
            lambda: session.history.end == rows and app.dashboard.view.complete and has_counted(app),
        )
        if scene.select is not None:
            select(app, scene.select)
        if scene.sinks is not None:
            await show_sinks(app, pilot, scene.sinks())
        if scene.has_rules:
            await switch_rules_on(app, pilot)
        if scene.has_logs:
            await show_logs(app, pilot)
        await pilot.press(*scene.keys)
        await until(pilot, lambda: not any(each.group == "manual" and each.is_running for each in app.workers))
        await until(pilot, lambda: settled(app))
        if isinstance(app.screen, OverviewPage):
            app.screen.on_resize()  # the widths of the columns are known only after the first frame
            await at_rest(app)
        app.dashboard.sync()
        await pilot.pause()
        return app.export_screenshot(title="nomad-tui")


async def show_sinks(app: NomadTui, pilot: Pilot[Any], seen: Seen) -> None:
    page = SinksPage(Place(where="http://nomad.example.com:4646", command="nomad-tui sink run"), StillWatch(seen))
    await app.push_screen(page)
    await until(pilot, lambda: page.list.row_count == len(seen.sinks))


async def switch_rules_on(app: NomadTui, pilot: Pilot[Any]) -> None:
    """Apply the rules to all events, as if they had been enabled from the start."""
    watching = app.dashboard.controllers.watching
    for name in ("out of memory", "node down"):
        watching.rules.switch(name, True)
    watching.watcher.set_rules(watching.rules.rules, from_now=False)
    await until(pilot, lambda: len(watching.watcher.firings) == 2)
    await at_rest(app)  # wait until the notifications of the rules are shown
    app.clear_notifications()


async def show_logs(app: NomadTui, pilot: Pilot[Any]) -> None:
    async def read(task: str, _: str) -> AsyncGenerator[bytes, None]:
        for number in range(40):
            level = b"\x1b[31merror\x1b[0m" if number % 13 == 12 else b"\x1b[32minfo \x1b[0m"
            what = b"cannot allocate 12 MB" if number % 13 == 12 else b"handled request %d" % number
            yield b"2026-11-23T08:49:%02d.120Z %s %s: %s\n" % (number, level, task.encode(), what)
        await asyncio.Event().wait()

    page = LogsPage("flaky.g[0] (9d48d801)", ("crash", "sidecar"), read)
    await app.push_screen(page)
    await until(pilot, lambda: "handled request 39" in page.view.text)
    await until(pilot, lambda: 0 < page.view.max_scroll_y == page.view.scroll_offset.y)
    await pilot.pause()


def select(app: NomadTui, words: str) -> None:
    """Select the last row that contains all words, or the gap."""
    events = app.dashboard.event_list
    for row in reversed(range(len(app.dashboard.view))):
        sequence = app.dashboard.view.sequence_at(row)
        text = (
            "gap" if app.dashboard.view.history.gap(sequence) else sentence(app.dashboard.view.history, sequence).text
        )
        if all(word in text for word in words.split()):
            events.select(row)
            return
    raise LookupError(words)


def settled(app: NomadTui) -> bool:
    """Whether the inspector shows the selected event, and Facets has counted all events."""
    if isinstance(app.screen, OverviewPage):
        title = str(app.screen.query_one("#overview").border_title)
        is_counted = not any("Counting" in str(each.content) for each in app.screen.query(Static))
        return title.startswith("Overview") and "reading" not in title and is_counted
    event = app.dashboard.inspector.event
    timeline = app.dashboard.inspector.timeline
    if app.dashboard.inspector.view is EventView.TIMELINE and timeline.step_count is None:
        return False
    if not app.dashboard.inspector.description.is_diagnosed:
        return False
    return has_counted(app) and app.dashboard.event_list.shown == (None if event is None else event.sequence)


def has_counted(app: NomadTui) -> bool:
    """Whether Facets, if shown, has counted all events."""
    topics = app.dashboard.topics
    return not (topics.is_on_screen and topics.is_counting)


async def until(pilot: Pilot[Any], fact: Callable[[], bool]) -> None:
    """Wait for a fact; the caller limits the time."""
    while not fact():
        await pilot.pause(0.01)


async def draw_all(folder: Path) -> None:
    """Draw all scenes into `folder`."""
    for name, scene in SCENES.items():
        (folder / f"{name}.svg").write_text(await draw(scene), encoding="utf-8")
    (folder / VERSION_FILE.name).write_text(f"{textual.__version__}\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the pictures in screenshots/ from the demo's recording.")
    parser.add_argument("--check", action="store_true", help="write nothing; say which differ")
    arguments = parser.parse_args()
    os.environ["COLORTERM"] = "truecolor"
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(draw_all(Path(made)))
        differing = [
            name
            for name in SCENES
            if not (kept := FOLDER / f"{name}.svg").exists()
            or kept.read_text("utf-8") != (Path(made) / kept.name).read_text("utf-8")
        ]
        if arguments.check:
            print("\n".join(f"differs: {name}" for name in differing) or "all as they are kept")
            return 1 if differing else 0
        for file in Path(made).iterdir():
            (FOLDER / file.name).write_bytes(file.read_bytes())
        print("\n".join(f"made: {name}" for name in differing) or "nothing has changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
