"""The page of the sinks: their states with and without a running runner, and the operations offered there."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time_ns

import pytest

from nomad_tui.config.folders import Folders
from nomad_tui.config.profiles import Connections
from nomad_tui.journal.cursor import Cursor, DeadLetter
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.place import journal_path
from nomad_tui.journal.reader import JournalReader, SinkOverview
from nomad_tui.journal.status import RunnerStatus, SinkState, SinkStatus
from nomad_tui.sources.journal import JournalSource
from nomad_tui.sources.live import LiveServer
from nomad_tui.sources.recording import Recording
from nomad_tui.sources.source import Source
from nomad_tui.standin import ALL_FRAMES, Options, StandIn
from nomad_tui.ui.dialogs.help import HelpScreen
from nomad_tui.ui.dialogs.text_page import TextViewer
from nomad_tui.ui.sinks.dead_letters import DeadLetters
from nomad_tui.ui.sinks.page import SinksPage
from nomad_tui.ui.sinks.place import place_of
from tests import recordings
from tests.dashboard import MEDIUM, NARROW, SIZES, WIDE, Dashboard, dashboard
from tests.journals import write, writing
from tests.keyboard import at_rest, notes
from tests.receiver import Fault, Receiver, receiver
from tests.runner import at, define, running
from tests.sinks.test_by_hand import command

FRAMES = recordings.frames("tour", 40)
EVENTS = sum(len(frame.events) for frame in FRAMES)
MINUTE = 60_000_000_000
FAST = "[retry]\nmin_backoff = 0.01\nmax_backoff = 0.05\nmax_attempts = 2\n"


@dataclass
class Opened(Dashboard):
    @property
    def page(self) -> SinksPage:
        assert isinstance(self.app.screen, SinksPage)
        return self.app.screen

    @property
    def under_cursor(self) -> str:
        sink = self.page.list.sink
        return "" if sink is None else sink.id

    async def until(self, fact: Callable[[], object]) -> None:
        """Wait for a condition, refreshing the page more often than its usual once a second."""
        while not fact():
            if isinstance(self.app.screen, SinksPage):
                await self.app.screen.look()
            await self.pilot.pause(0.01)

    async def look(self) -> SinksPage:
        await self.press("s")
        await self.until(lambda: isinstance(self.app.screen, SinksPage) and self.page.seen is not None)
        await at_rest(self.app)
        return self.page

    async def go_to(self, sink: str) -> None:
        await self.until(lambda: any(each.id == sink for each in self.page.seen.sinks if self.page.seen))  # type: ignore[union-attr]
        await self.press("home")
        while self.under_cursor != sink:
            await self.press("j")

    def row(self, sink: str) -> str:
        """The sink's line in the list, or ""."""
        lines = (line.strip("│ ") for line in self.screen())
        return next((line for line in lines if line[2:].startswith(f"{sink} ")), "")

    def words(self) -> str:
        """Text on the screen, independent of wrapping."""
        return " ".join(" ".join(line.strip("│ ") for line in self.screen()).split())

    async def says(self, text: str) -> None:
        await self.until(lambda: text in self.words())


@asynccontextmanager
async def opened_on(
    source: Source, folder: Path, size: tuple[int, int] = MEDIUM, connections: Connections | None = None
) -> AsyncIterator[Opened]:
    folders = Folders(config=folder, state=folder / "state")
    async with dashboard(source, size, folders=folders, connections=connections) as board:
        yield Opened(board.app, board.pilot)


@asynccontextmanager
async def server() -> AsyncIterator[StandIn]:
    """Serve a recording that is all in the buffer."""
    async with StandIn([frame.line for frame in FRAMES], Options(lead=ALL_FRAMES, buffer_size=len(FRAMES))) as opened:
        yield opened


def webhook(address: str, more: str = "") -> str:
    return f'type = "webhook"\naddress = "{address}"\n{more}'


def journal_of(folder: Path) -> JournalSource:
    return JournalSource(folder / "test.journal", follow=True)


def overview(folder: Path, sink: str) -> SinkOverview:
    with JournalReader(folder / "test.journal") as reader:
        return next(each for each in reader.overview().sinks if each.cursor.sink == sink)


async def put(journal: Journal, statuses: dict[str, SinkStatus], runner: RunnerStatus | None = None) -> None:
    """Store a status as a live runner does."""
    now = time_ns()
    result = runner or RunnerStatus(pid=4711, host="build-7", started=now - 5 * MINUTE, region="global", state="live")
    result.heard = result.heard or now
    for name, status in statuses.items():
        await journal.register(name, 0)
        await journal.advance(Cursor(name, 0, status=status))
    await journal.report(result, statuses)


# What is shown


@pytest.mark.parametrize("size", SIZES)
async def test_every_sink_is_a_row_and_details_of_one_are_below(tmp_path: Path, size: tuple[int, int]) -> None:
    define(tmp_path, "chat", webhook("https://user:s3cret@chat.example.com/hook", 'topics = ["Job:web"]\n'))
    define(tmp_path, "pager", webhook("https://pager.example.com", 'filter = "status:failed"\n'))
    define(tmp_path, "never", 'type = "alertmanager"\naddress = "http://am:9093"\nalert_to = "nobody"\n')
    now = time_ns()
    error = "503 Service Unavailable, it said 'upstream is gone': it cannot take this now, and is asked again."
    async with writing(tmp_path / "test.journal") as journal:
        await write(journal, FRAMES, now - 3 * MINUTE)
        failing = SinkStatus(
            SinkState.RETRYING, delivered=7, retried=12, last_acknowledged=now - 2 * MINUTE, last_error=error,
            last_error_at=now, next_attempt=now + 30 * MINUTE, attempt=5,
        )  # fmt: skip
        well = SinkStatus(SinkState.IDLE, delivered=1204)
        await put(journal, {"chat": well, "pager": failing})
        await journal.advance(Cursor("chat", journal.end, 0, journal.events, status=well))
        async with opened_on(journal_of(tmp_path), tmp_path, size) as opened:
            await opened.look()
            await opened.says("● runner pid 4711 on build-7")
            assert opened.row("chat").startswith("● chat")
            assert opened.row("pager").startswith("↻ pager")
            assert "retrying" in opened.row("pager")
            assert f" {EVENTS} " in opened.row("pager")
            assert "new" in opened.row("never")
            assert size != WIDE or "alertmanager" in opened.row("never"), "there is room for it"
            assert "s3cret" not in opened.words()
            await opened.go_to("pager")
            await opened.says("failed 5 times in a row")
            assert "next attempt in " in opened.words()
            assert error in opened.words().replace("last error ", "")
            await opened.press("pagedown")
            await opened.says("defined in")
            await opened.press("pageup")
            await opened.says("next attempt in ")
            await opened.go_to("never")
            await opened.says(
                "warning Failures of never are not reported: its `alert_to` names nobody, which is not defined"
            )
            assert max(map(len, opened.screen())) <= size[0]


async def test_without_a_runner_it_shows_how_to_start_one_and_the_last_one(tmp_path: Path) -> None:
    async with server() as standin:
        folders = Folders(config=tmp_path, state=tmp_path / "state")
        connections = Connections(tmp_path, {"address": standin.address}, environ={})
        define(tmp_path, "chat", webhook("https://chat.example.com"))
        async with opened_on(LiveServer(connections.start), tmp_path, MEDIUM, connections) as opened:
            await opened.look()
            await opened.says("No runner is running for")
            assert f" --address {standin.address}" in opened.words()
            assert "new" in opened.row("chat")
            async with writing(journal_path(folders, connections.start)) as journal:
                gone = RunnerStatus(pid=4711, host="build-7", heard=time_ns() - 3 * MINUTE)
                await put(journal, {"chat": SinkStatus(SinkState.DELIVERING)}, gone)
            await opened.says("The last one (pid 4711 on build-7) reported 3 m ago.")
            await opened.until(lambda: "stopped" in opened.row("chat"))
            async with writing(journal_path(folders, connections.start)) as journal:
                await put(journal, {"chat": SinkStatus(SinkState.DELIVERING)})
                await opened.says("● runner pid 4711 on build-7")
                await opened.until(lambda: "delivering" in opened.row("chat"))


@pytest.mark.parametrize("size", SIZES)
async def test_without_a_sink_it_shows_how_to_make_the_first(tmp_path: Path, size: tuple[int, int]) -> None:
    async with server() as standin:
        connections = Connections(tmp_path, {"address": standin.address}, environ={})
        async with opened_on(LiveServer(connections.start), tmp_path, size, connections) as opened:
            await opened.look()
            for line in ("nomad-tui sink register - <<'END'", 'topics = ["Deployment"]', "END", "nomad-tui sink run"):
                assert line in opened, line
            await opened.press("enter", "p", "l", "y")
            await opened.until(lambda: opened.app.clipboard)
            assert opened.app.clipboard.startswith("nomad-tui sink register - <<'END'\nid = ")
            define(tmp_path, "deployments", webhook("https://example.com/hook"))
            await opened.until(lambda: "new" in opened.row("deployments"))
            await opened.press("j")
            assert opened.under_cursor == "deployments"


async def test_a_definition_with_a_mistake_is_a_row_with_the_mistake(tmp_path: Path) -> None:
    async with writing(tmp_path / "test.journal") as journal:
        await put(journal, {})
        define(tmp_path, "chat", webhook("https://chat.example.com", 'fromat = "event"\n'))
        async with opened_on(journal_of(tmp_path), tmp_path) as opened:
            await opened.look()
            await opened.until(lambda: "mistake" in opened.row("chat"))
            await opened.says("`fromat` is not a setting of a sink: write `format`, or leave it out.")
            await opened.press("t")
            await opened.says("Nothing can be sent: the sink has no valid definition.")
            define(tmp_path, "chat", webhook("https://chat.example.com"))
            await opened.until(lambda: "new" in opened.row("chat"))


async def test_trouble_of_the_runner_is_first(tmp_path: Path) -> None:
    async with writing(tmp_path / "test.journal") as journal:
        now = time_ns()
        full = "There is no room left for the journal."
        result = RunnerStatus(
            pid=1, host="h", started=now, state="retrying", what="Cannot reach it.", journal_trouble=full
        )
        await put(journal, {"chat": SinkStatus(SinkState.IDLE)}, result)
        async with opened_on(journal_of(tmp_path), tmp_path, NARROW) as opened:
            await opened.look()
            await opened.says("stream retrying")
            assert "Cannot reach it. There is no room left for the journal." in opened.words()
            assert "removed" in opened.row("chat")


async def test_a_runner_that_hangs_is_not_shown_as_live(tmp_path: Path) -> None:
    """If it is suspended or blocked by a disk, its last report is still healthy."""
    define(tmp_path, "chat", webhook("https://chat.example.com"))
    async with writing(tmp_path / "test.journal") as journal:
        hung = RunnerStatus(pid=4711, host="build-7", started=1, state="live", heard=time_ns() - MINUTE)
        await put(journal, {"chat": SinkStatus(SinkState.IDLE)}, hung)
        async with opened_on(journal_of(tmp_path), tmp_path) as opened:
            await opened.look()
            await opened.says("It has reported nothing for 1 m")
        done = await command(tmp_path, "status")
        assert (done.exit_code, "It has reported nothing for 1 m" in done.stdout) == (1, True)


async def test_external_text_is_shown_literally(tmp_path: Path) -> None:
    async with writing(tmp_path / "test.journal") as journal:
        bad = SinkStatus(
            SinkState.BROKEN,
            "webhook",
            "http://[/x]",
            last_error="[bold]no[/] [$accent] \x1b]0;title\x07 [/",
            last_answer="[/]",
        )
        result = RunnerStatus(pid=1, host="[red]host[/]\x1b[2J", started=time_ns(), state="[/]", what="[/] \x9b")
        await put(journal, {"[/b]\x1b": bad}, result)
        async with opened_on(journal_of(tmp_path), tmp_path) as opened:
            await opened.look()
            await opened.says("[bold]no[/] [$accent] ␛]0;title␇ [/")
            assert "[red]host[/]␛[2J" in opened.words()
            assert not set("\x1b\x07\x9b") & set(opened.words())


async def test_the_cursor_stays_with_its_sink(tmp_path: Path) -> None:
    async with writing(tmp_path / "test.journal") as journal:
        await put(journal, {name: SinkStatus(SinkState.IDLE) for name in ("b", "c", "d")})
        async with opened_on(journal_of(tmp_path), tmp_path) as opened:
            await opened.look()
            await opened.go_to("c")
            await put(journal, {"a": SinkStatus(SinkState.IDLE)})
            await opened.until(lambda: opened.row("a"))
            assert opened.under_cursor == "c"
            await opened.click("#sinks-list", (5, 3))
            assert opened.under_cursor == "d"
            await journal.forget("d")
            await opened.until(lambda: not opened.row("d"))
            assert opened.under_cursor == "c"


async def test_a_file_that_is_not_a_journal_is_reported(tmp_path: Path) -> None:
    (tmp_path / "test.journal").write_text("something else altogether, and long enough to be looked at" * 100)
    define(tmp_path, "chat", webhook("https://chat.example.com"))
    async with opened_on(journal_of(tmp_path), tmp_path) as opened:
        await opened.look()
        await opened.says("test.journal")
        assert "journal" in opened.words()
        assert "new" in opened.row("chat")


async def test_sinks_can_be_tested_with_a_recording_which_has_no_runner(tmp_path: Path) -> None:
    async with receiver() as hook:
        define(tmp_path, "chat", webhook(hook.url))
        async with opened_on(Recording([str(recordings.path("tour"))]), tmp_path) as opened:
            await opened.look()
            await opened.says("A recording has no runner")
            await opened.press("p", "l", "t")
            await hook.received(1)
            await opened.says("test ✔ 204 No Content")


async def test_every_closing_key_returns_to_the_dashboard(tmp_path: Path) -> None:
    async with opened_on(Recording([str(recordings.path("tour"))]), tmp_path) as opened:
        for key in ("escape", "q", "s"):
            await opened.look()
            await opened.press("?")
            await opened.until(lambda: isinstance(opened.app.screen, HelpScreen))
            await opened.press("escape", key)
            await opened.until(lambda: not isinstance(opened.app.screen, SinksPage))
        await opened.press("/", "s")
        await opened.until(lambda: opened.dashboard.filter_line.value == "s")


@pytest.mark.parametrize(
    ("flags", "environ", "command"),
    [
        ({}, {}, "nomad-tui sink run"),
        ({}, {"NOMAD_ADDR": "https://n.example.com:4646", "NOMAD_REGION": "eu"}, "nomad-tui sink run"),
        ({"address": "http://n:1", "region": "a b"}, {}, "nomad-tui sink run --address http://n:1 --region 'a b'"),
        ({"profile": "prod"}, {}, "nomad-tui sink run --profile prod"),
    ],
)
def test_the_command_starts_a_runner_for_what_is_watched(
    tmp_path: Path, flags: dict[str, str], environ: dict[str, str], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "config.toml").write_text('[profile.prod]\naddress = "https://prod.example.com:4646"\n')
    folders = Folders(config=tmp_path, state=tmp_path / "state")
    connections = Connections(tmp_path, flags, environ=environ)
    place = place_of(LiveServer(connections.start), folders, None, is_cluster=True)
    assert place.command == command.replace("sink run", f"sink run --config {tmp_path}")
    monkeypatch.setenv("NOMAD_TUI_CONFIG", str(tmp_path))
    assert place_of(LiveServer(connections.start), folders, None, is_cluster=True).command == command
    assert place.journal == journal_path(folders, connections.start)


# Operations


async def test_with_a_live_runner_it_shows_progress_and_pauses_and_resumes(tmp_path: Path) -> None:
    async with server() as standin, receiver() as hook:
        define(tmp_path, "all", webhook(hook.url, 'begin = "oldest"\n' + FAST))
        async with (
            running(tmp_path, at(standin)) as run,
            opened_on(journal_of(tmp_path), tmp_path) as opened,
        ):
            await run.journaled(EVENTS)
            await run.delivered("all")
            await opened.look()
            await opened.until(lambda: f" {EVENTS} " in opened.row("all"))
            await opened.says("last answer 204 No Content")
            await opened.press("space")
            await opened.until(lambda: "paused" in opened.row("all"))
            assert overview(tmp_path, "all").cursor.paused
            await run.until(lambda: run.sink("all").status.state is SinkState.PAUSED)
            before = len(hook.requests)
            standin.publish(b'{"Index":9000,"Events":[{"Topic":"Job","Key":"later","Payload":{"Job":{"ID":"later"}}}]}')
            await run.journaled(EVENTS + 1)
            await opened.until(lambda: opened.row("all").split()[4] == "1")
            assert len(hook.requests) == before
            await opened.press("p")
            await opened.until(lambda: f" {EVENTS + 1} " in opened.row("all"))
            assert hook.requests[-1].events[0]["Key"] == "later"


async def test_a_sink_that_is_no_longer_defined_is_not_paused_or_edited(tmp_path: Path) -> None:
    async with writing(tmp_path / "test.journal") as journal:
        await put(journal, {"gone": SinkStatus(state=SinkState.IDLE)})
        async with opened_on(journal_of(tmp_path), tmp_path) as opened:
            await opened.look()
            await opened.until(lambda: "removed" in opened.row("gone"))
            for number, key in enumerate(("p", "e"), 1):
                await opened.press(key)
                await opened.until(lambda number=number: len(notes(opened.app)) == number)  # type: ignore[misc]
            assert all("No file defines this sink any more" in note for note in notes(opened.app))
            assert not overview(tmp_path, "gone").cursor.paused


async def test_a_running_sink_is_marked_if_its_definition_has_a_mistake(tmp_path: Path) -> None:
    async with writing(tmp_path / "test.journal") as journal:
        await put(journal, {"chat": SinkStatus(state=SinkState.IDLE)})
        define(tmp_path, "chat", webhook("https://chat.example.com", 'fromat = "event"\n'))
        async with opened_on(journal_of(tmp_path), tmp_path) as opened:
            await opened.look()
            await opened.until(lambda: "idle" in opened.row("chat"))
            assert any("✖ chat" in line for line in opened.screen())
            await opened.says("A running sink keeps its previous definition.")


async def test_a_test_sends_a_marked_event_and_shows_the_response(tmp_path: Path) -> None:
    async with receiver() as hook:
        hook.answer(202, "thank you")
        hook.answer(400, "[b]no[/b] such thing")
        define(tmp_path, "chat", webhook(hook.url))
        async with opened_on(Recording([str(recordings.path("tour"))]), tmp_path) as opened:
            await opened.look()
            await opened.press("enter")
            await opened.says("✔ 202 Accepted, it said 'thank you'")
            assert hook.requests[0].messages[0]["Test"] is True
            await opened.press("t")
            await opened.says("[b]no[/b] such thing")
            assert "✖" in opened


async def test_a_receiver_that_hangs_blocks_no_key(tmp_path: Path) -> None:
    async with receiver() as hook:
        hook.answer(fault=Fault.HANG, times=None)
        define(tmp_path, "a", webhook(hook.url))
        define(tmp_path, "b", webhook("https://example.com"))
        async with opened_on(Recording([str(recordings.path("tour"))]), tmp_path) as opened:
            await opened.look()
            await opened.press("t")
            await opened.says("sending… an answer may take 10 s")
            await opened.press("t", "j")
            assert opened.under_cursor == "b"
            assert len(hook.requests) <= 1
            await opened.press("escape")
            await opened.until(lambda: not isinstance(opened.app.screen, SinksPage))


async def test_y_copies_the_last_error_in_full(tmp_path: Path) -> None:
    error = "503 Service Unavailable: " + "a long story, " * 40
    async with writing(tmp_path / "test.journal") as journal:
        await put(journal, {"chat": SinkStatus(SinkState.RETRYING, last_error=error), "quiet": SinkStatus()})
        async with opened_on(journal_of(tmp_path), tmp_path) as opened:
            await opened.look()
            await opened.press("y")
            await opened.until(lambda: opened.app.clipboard == error)
            await opened.go_to("quiet")
            await opened.press("y")
            await opened.says("No error to copy")


# Dead letters


@asynccontextmanager
async def with_letters(
    folder: Path, hook: Receiver, size: tuple[int, int] = MEDIUM
) -> AsyncIterator[tuple[Opened, Callable[[], list[DeadLetter]]]]:
    """Open the page of three refused events."""
    define(folder, "jobs", webhook(hook.url, 'format = "event"\n' + FAST))
    async with writing(folder / "test.journal") as journal:
        await write(journal, FRAMES)
        await put(journal, {"jobs": SinkStatus(SinkState.IDLE, dead=3)})
        letters = [
            DeadLetter(
                "jobs", time_ns() - MINUTE, 1, 0, 40 + number, "Job", "JobRegistered", f"job-{number}", "default", 1,
                b'{"Topic":"Job","Key":"job-%d","Payload":{"Job":{"ID":"job","SecretID":"s3cret"}}}' % number,
                f"id-{number}", 2, f"422 [b]Unprocessable[/b] number {number}", "global",
            )
            for number in range(3)
        ]  # fmt: skip
        await journal.advance(Cursor("jobs", 0), letters)

        def left() -> list[DeadLetter]:
            with JournalReader(folder / "test.journal") as reader:
                return reader.letters("jobs")

        async with opened_on(journal_of(folder), folder, size) as opened:
            await opened.look()
            await opened.until(lambda: opened.row("jobs").split()[-1] == "3")
            await opened.press("l")
            await opened.until(lambda: isinstance(opened.app.screen, DeadLetters))
            await opened.says("job-2")
            yield opened, left


@pytest.mark.parametrize("size", SIZES)
async def test_dead_letters_are_listed_with_reasons_and_can_be_read(tmp_path: Path, size: tuple[int, int]) -> None:
    async with receiver() as hook, with_letters(tmp_path, hook, size) as (opened, _):
        for number in range(3):
            assert f"{40 + number}  ● Job job-{number}" in opened
        assert "why 422 [b]Unprocessable[/b] number 0" in opened.words()
        await opened.press("j")
        await opened.says("why 422 [b]Unprocessable[/b] number 1")
        assert "1 m ago, after 2 attempts" in opened.words()
        assert max(map(len, opened.screen())) <= size[0]
        await opened.press("enter")
        await opened.until(lambda: isinstance(opened.app.screen, TextViewer))
        await opened.says('"Key": "job-1"')
        assert "s3cret" not in opened.words()
        await opened.press("escape")
        await opened.press("escape")
        await opened.until(lambda: isinstance(opened.app.screen, SinksPage))


async def test_dead_letters_are_sent_again_one_or_all(tmp_path: Path) -> None:
    async with receiver() as hook, with_letters(tmp_path, hook) as (opened, left):
        hook.answer(422, "still not")
        await opened.press("j", "r")
        await opened.says("0 of 1 acknowledged")
        assert "still not" in opened.words()
        assert len(left()) == 3
        await opened.press("r")
        await opened.says("1 of 1 acknowledged")
        assert [letter.key for letter in left()] == ["job-0", "job-2"]
        assert [event["Key"] for event in hook.events] == ["job-1", "job-1"]
        await opened.press("R")
        await opened.says("No dead letters left.")
        assert [event["Key"] for event in hook.events[2:]] == ["job-0", "job-2"]
        assert not left()
        await opened.press("escape")
        await opened.until(lambda: isinstance(opened.app.screen, SinksPage) and opened.row("jobs").split()[-1] == "0")
        await opened.press("l")
        await opened.says("jobs has no dead letters.")


async def test_the_palette_opens_the_sinks(tmp_path: Path) -> None:
    async with opened_on(Recording([str(recordings.path("tour"))]), tmp_path) as opened:
        await opened.press("ctrl+p")
        await opened.type("sinks")
        await opened.appears("List all sinks: make, edit")
        await opened.press("enter", "enter")
        await opened.until(lambda: isinstance(opened.app.screen, SinksPage))
