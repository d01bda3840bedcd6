"""Journals on the command line: printed, opened, and shown before the live stream."""

import asyncio
import json
import signal
import sqlite3
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from time import time_ns

import pytest
from click.testing import CliRunner

from nomad_tui.cli.main import main
from nomad_tui.config.connection import Connection
from nomad_tui.config.folders import Folders
from nomad_tui.config.precedence import Profile
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.journal.place import journal_path
from nomad_tui.journal.record import Content
from nomad_tui.standin import ALL_FRAMES, Options, StandIn
from tests import recordings
from tests.cli.test_cli import terminal
from tests.cli.test_tail import Ended, event, events_of, frame, read_lines, recorded
from tests.fork_server import command
from tests.journals import SECOND, frames_of, report, write, writing, written

SECONDS = 120
"""Seconds after which a test counts as hung."""


HOME = "\x1b[H"

CHOICE = [
    frame(1, event("Node", "n1", ""), event("Job", "web"), event("Allocation", "a1", FilterKeys=["web"])),
    frame(2, event("Job", "db"), event("Job", "web", "payments")),
    frame(3, event("Evaluation", "e1", "payments", FilterKeys=["web"])),
    frame(4, event("Node", "n1", "", Type="NodeDrain")),
]


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *command(), *arguments, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, limit=2**25
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run(*arguments: str) -> Ended:
    async with running(*arguments) as process:
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out, err.decode())


def invoke(*arguments: str) -> Ended:
    """Run a command in this process; it starts its own event loop."""
    result = CliRunner().invoke(main, arguments)
    return Ended(result.exit_code, result.stdout_bytes, result.stderr)


def journal_of(path: Path, contents: Iterable[Content], received: int | None = None) -> Path:
    """Create a closed journal, outside of an event loop."""
    return asyncio.run(written(path, contents, received))


def own_journal(address: str, **given: str) -> Path:
    """Return the path of a connection's journal."""
    return journal_path(Folders.of_user(), Connection.from_environment({"address": address, **given}, environ={}))


# Printing


@pytest.mark.parametrize("output", ["ndjson", "frames"])
def test_tail_prints_a_journal_as_the_server_wrote_it(output: str, tmp_path: Path) -> None:
    lines = [*recorded("beta"), *recorded("tour")]
    path = journal_of(tmp_path / "a.journal", frames_of(lines))
    result = invoke("tail", f"--journal={path}", "--output", output)
    assert result.lines == (events_of(lines) if output == "ndjson" else lines)
    assert (result.code, result.err) == (0, "")


def test_lines_of_a_journal_have_times_and_show_gaps(tmp_path: Path) -> None:
    gap = Gap(GapReason.BUFFER, 2, 7, 41.0)
    contents: list[Content] = [*frames_of(CHOICE[:2]), gap, *frames_of([frame(7)])]
    result = invoke("tail", f"--journal={journal_of(tmp_path / 'a.journal', contents, 10**18)}")
    assert [line[:40].decode() for line in result.lines] == [
        "  2001-09-09 01:46:40.000         1  Nod",
        "  2001-09-09 01:46:40.000         1  Job",
        "  2001-09-09 01:46:40.000         1  All",
        "  2001-09-09 01:46:41.000         2  Job",
        "  2001-09-09 01:46:41.000         2  Job",
        "  2001-09-09 01:46:43.000         7  Job",
    ]
    assert (result.code, result.err) == (
        0,
        "gap: indexes 3–6 may be missing: reconnected after 41 s, when the server no longer held 2, or was rebuilt\n",
    )


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        ([], ["n1", "web", "a1", "db", "web", "e1", "n1"]),
        (["--limit", "2"], ["n1", "web"]),
        (["--index", "3"], ["e1", "n1"]),
        (["--index", "5"], []),
        (["--since", "1h"], ["e1", "n1"]),
        (["--since", "1h", "--topic", "Node"], ["n1"]),
        (["--topic", "Job:web", "--topic", "Job:db"], ["web", "db", "web"]),
        (["--namespace", "payments", "--topic", "Job"], ["web"]),
        (["--filter", "topic:job -ns:payments"], ["web", "db"]),
    ],
    ids=" ".join,
)
def test_options_select_events_of_a_journal(arguments: list[str], keys: list[str], tmp_path: Path) -> None:
    path = journal_of(tmp_path / "a.journal", frames_of(CHOICE[:2]), time_ns() - 7200 * SECOND)
    journal_of(path, frames_of(CHOICE[2:]), time_ns() - 1800 * SECOND)
    result = invoke("tail", "--journal", str(path), "--output", "ndjson", *arguments)
    assert [json.loads(line)["Key"] for line in result.lines] == keys
    assert (result.code, result.err) == (0, "")


def test_a_journal_that_ends_before_the_start_says_how_old_it_is(tmp_path: Path) -> None:
    path = journal_of(tmp_path / "a.journal", frames_of(CHOICE), time_ns() - 7210 * SECOND)
    result = invoke("tail", "--journal", str(path), "--since", "5m")
    assert (result.code, result.lines) == (0, [])
    assert "nothing from the last 5 m: its newest record is 2 h old" in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["tail", "--journal"],
        ["tail", "--journal", "--limit", "9"],
        ["--journal", "tail"],
        ["--journal", "--index", "1", "tail"],
        ["--journal=", "tail"],
        ["tail", "--journal={file}"],
        ["tail", "--journal", "{file}"],
        ["--journal", "{file}", "tail"],
        ["--journal={file}", "tail", "--limit", "9"],
    ],
    ids=" ".join,
)
def test_printing_a_journal_contacts_no_server(arguments: list[str]) -> None:
    nobody = "http://127.0.0.1:1"
    path = own_journal(nobody)
    path.unlink(missing_ok=True)
    journal_of(path, frames_of([frame(1), frame(2)]))
    result = invoke("--address", nobody, *(argument.replace("{file}", str(path)) for argument in arguments))
    assert [line.split()[2] for line in result.lines] == [b"1", b"2"]
    assert (result.code, result.err) == (0, "")


def test_each_profile_and_region_has_its_own_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "config.toml").write_text('[profile.prod]\naddress = "http://127.0.0.1:1"\n')
    journals = Folders.of_user().state / "journals"
    journal_of(journals / "prod.journal", frames_of([frame(1)]))
    journal_of(journals / "prod@europe.journal", frames_of([frame(2)]))
    config = ("--config", str(tmp_path), "--profile", "prod")
    results = [invoke(*config, "tail", "--journal", *more) for more in ((), ("--region", "europe"))]
    missing = invoke(*config, "tail", "--journal", "--region", "asia")
    assert [result.out.split()[2] for result in results] == [b"1", b"2"]
    assert (missing.code, missing.out, missing.err.count("\n")) == (2, b"", 1)
    assert "There is no journal " in missing.err and "prod@asia.journal" in missing.err


async def test_tail_follows_a_running_runner() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server, writing(own_journal(server.address)) as journal:
        await report(journal)
        await write(journal, frames_of([frame(1)]))
        async with running("--address", server.address, "tail", "--journal", "--follow") as process:
            assert (await read_lines(process, 1))[0].split()[2] == b"1"
            for index in (2, 3):
                await write(journal, frames_of([frame(index)]))
                assert (await read_lines(process, 1))[0].split()[2] == b"%d" % index
            await report(journal, state="retrying", what="The server went away.")
            assert process.stderr is not None
            message = (await process.stderr.readline()).decode()
            process.send_signal(signal.SIGTERM)
            out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")
    assert message.startswith(
        "nomad-tui: The runner on build-7 (process 4711) is disconnected: The server went away. "
        "New events appear here. Retrying in "
    )


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tail", "--journal=missing.journal"], "There is no journal missing.journal"),
        (["tail", "--journal", "missing.journal"], "There is no journal missing.journal"),
        (["tail", "--journal"], "There is no journal "),
        (["tail", "--journal=text"], "not a journal of nomad-tui"),
        (["tail", "--journal=."], "is a directory"),
        (["tail", "--follow"], "give --journal too"),
        (["tail", "--journal", "--live"], "give --follow too"),
        (["tail", "--journal", "--live", "--since", "1h"], "Give one of them"),
        (["--journal=missing.journal"], "There is no journal missing.journal"),
        (["--journal", "missing.journal"], "There is no journal missing.journal"),
        (["--journal"], "There is no journal "),
        (["--journal", "--live"], "--live leaves out all that --journal would show: give one of them"),
        (["--journal", "doctor"], "The command doctor has no option --journal: leave it out"),
        (["--journal", "open", "text"], "The command open has no option --journal: leave it out"),
        (["open", "text", "text", "--follow"], "--follow reads one file on as it grows, and several are named"),
        (["open", "text", "a.journal"], "A journal is opened alone, and 'a.journal' is one: name one file"),
        (["open", "a.journal", "-"], "A journal is opened alone"),
        (["open", "a.journal", "a.journal"], "A journal is opened alone"),
        (["open", "cut.journal"], "cannot be read"),
        (["--journal", "record"], "record needs the name of the journal: write --journal=FILE"),
        (["tail", "--from", "http://nats"], "the scheme http is not supported"),
        (["--from", "nats://:1"], "it has no host"),
        (["tail", "--from", "nats://a", "--journal"], "--from and --journal each name something else to read"),
        (["tail", "--from", "nats://a", "--follow"], "--from and --follow each name something else to read"),
        (["--from", "nats://a", "--journal"], "--from and --journal each name something else to read"),
        (["--from", "nats://a", "--address", "b"], "--from asks no Nomad server, and --address is for one"),
        (["--address", "b", "tail", "--from", "nats://a"], "--from asks no Nomad server, and --address is for one"),
        (["--from", "nats://a", "tail", "--token", "b"], "--from asks no Nomad server, and --token is for one"),
        (["tail", "--from", "nats://a", "--topic", "Job"], "use --filter topic:NAME"),
        (["tail", "--from", "nats://a", "--live", "--since", "1h"], "Give one of them"),
        (["tail", "--nats-nkey", "seed"], "--nats-nkey says who reads a stream of NATS: give --from too"),
        (["--nats-credentials", "a.creds"], "--nats-credentials says who reads a stream of NATS: give --from too"),
        (["--from", "nats://a", "--nats-nkey", "a", "--nats-credentials", "b"], "give one of them"),
        (["--from", "nats://a", "doctor"], "The command doctor has no option --from: leave it out"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
async def test_an_invalid_journal_is_reported_in_one_line(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = await written(tmp_path / "a.journal", [])
    (tmp_path / "cut.journal").write_bytes(path.read_bytes()[:5000])
    (tmp_path / "text").write_text('{"Index":1,"Events":[]}\n')
    result = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    [sentence] = result.stderr.splitlines()
    assert sentence.startswith("nomad-tui: ") and words in sentence
    assert "Usage" not in sentence and "Traceback" not in sentence


async def test_tail_prints_nothing_but_events_whatever_happens_to_the_journal(tmp_path: Path) -> None:
    async with asyncio.timeout(SECONDS):
        path = await written(tmp_path / "a.journal", frames_of([frame(1), frame(2)]))
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE content SET content = x'00'")
        result = await run("tail", f"--journal={path}")
    assert (result.code, result.out) == (0, b"")
    assert {each.partition(",")[0] for each in result.sentences} == {"nomad-tui: unreadable"}


# Opening


async def test_a_journal_is_opened_like_a_recording(tmp_path: Path) -> None:
    async with asyncio.timeout(SECONDS):
        async with writing(tmp_path / "whatever.name") as journal:
            await write(journal, frames_of(recordings.lines("tour")), time_ns() - 7200 * SECOND)
            await write(journal, frames_of([frame(99_998), frame(99_999)]), time_ns() - 60 * SECOND)
        async with terminal("open", str(journal.path)) as screen:
            await screen.until("edge-1")
            await screen.until("finished")
            await screen.until("627")
            screen.press("q")
            assert await screen.ended() == 0
        async with terminal("open", str(journal.path), "--since", "10m") as screen:
            await screen.until("finished")
            await screen.until("job-99999")
            assert "edge-1" not in screen.text
            screen.press("q")
            assert await screen.ended() == 0


async def test_a_journal_is_opened_while_it_is_being_written(tmp_path: Path) -> None:
    async with asyncio.timeout(SECONDS), writing(tmp_path / "a.journal") as journal:
        await report(journal)
        await write(journal, frames_of([frame(41)]))
        async with terminal("open", "--follow", str(journal.path)) as screen:
            await screen.until("job-41")
            await write(journal, frames_of([frame(42)]))
            await screen.until("job-42")
            await screen.until("● live")
            screen.press("q")
            assert await screen.ended() == 0


# Before the live stream


async def test_the_dashboard_shows_the_journal_and_then_the_stream(tmp_path: Path) -> None:
    lines = [frame(index, event("Job", f"job-{index:03}")) for index in range(1, 201)]
    async with asyncio.timeout(SECONDS), StandIn(lines, Options(lead=ALL_FRAMES, buffer_size=100)) as server:
        path = await written(own_journal(server.address), frames_of(lines[:150]))
        await server.published()
        for arguments in (["--journal"], ["--journal", str(path)]):
            async with terminal("--address", server.address, *arguments) as screen:
                await screen.until("job-200")
                await server.subscribed()
                screen.press(HOME)
                await screen.until("job-001")
                assert "may be missing" not in screen.text
                screen.press("q")
                assert await screen.ended() == 0
            await server.until(lambda: server.subscribers == 0)


async def test_the_journal_of_a_killed_runner_and_later_events_are_joined() -> None:
    def line(index: int) -> bytes:
        return frame(index, event("Job", f"job-{index:03}"))

    async with asyncio.timeout(SECONDS), StandIn([line(1)], Options(lead=ALL_FRAMES)) as server:
        address = ("--address", server.address)
        async with running(*address, "record") as runner:
            await server.subscribed()
            server.publish(*map(line, range(2, 51)))
            for _ in range(2):
                # The runner creates its journal before it requests the stream.
                followed = await run(*address, "tail", "--journal", "--follow", "--limit", "50")
                assert [int(each.split()[2]) for each in followed.lines] == list(range(1, 51))
            runner.kill()
            await runner.wait()
        server.publish(*map(line, range(51, 61)))
        alone = await run(*address, "tail", "--journal")
        assert [int(each.split()[2]) for each in alone.lines] == list(range(1, 51))
        async with terminal(*address, "--journal") as screen:
            await screen.until("job-060")
            screen.press(HOME)
            await screen.until("job-001")
            assert "may be missing" not in screen.text
            screen.press("q")
            assert await screen.ended() == 0


async def test_the_dashboard_shows_a_gap_where_neither_has_the_events() -> None:
    lines = [frame(index, event("Job", f"job-{index:03}")) for index in range(1, 201)]
    async with asyncio.timeout(SECONDS), StandIn(lines, Options(lead=ALL_FRAMES, buffer_size=20)) as server:
        await written(own_journal(server.address), frames_of(lines[:50]))
        await server.published()
        async with terminal("--address", server.address, "--journal") as screen:
            await screen.until("job-200")
            await screen.until("indexes 51–180 may be missing")
            await screen.until("job-050")
            screen.press("q")
            assert await screen.ended() == 0


async def test_switching_clusters_uses_the_other_connections_journal(tmp_path: Path) -> None:
    options = Options(lead=ALL_FRAMES)
    async with (
        asyncio.timeout(SECONDS),
        StandIn([frame(12)], options) as here,
        StandIn([frame(22)], options) as there,
        StandIn([frame(32)], options) as third,
    ):
        (tmp_path / "config.toml").write_text(
            f'[profile.prod]\naddress = "{there.address}"\n[profile.other]\naddress = "{third.address}"\n'
        )
        file = await written(tmp_path / "mine", frames_of([frame(11), frame(12)]))
        await written(Folders.of_user().state / "journals" / "prod.journal", frames_of([frame(21), frame(22)]))
        arguments = ("--config", str(tmp_path), "--address", here.address, f"--journal={file}")
        async with terminal(*arguments) as screen:
            for keys, seen in (("", "job-11"), ("@prod\r", "job-21"), ("@other\r", "job-32"), ("@env\r", "job-11")):
                screen.text = ""
                screen.press(keys)
                await screen.until(seen)
            screen.press("q")
            assert await screen.ended() == 0


# Paths


@pytest.mark.parametrize(
    ("given", "profile", "name"),
    [
        ({}, None, "127.0.0.1_4646.journal"),
        ({"address": "https://Nomad.example.com"}, None, "nomad.example.com_443.journal"),
        ({"address": "http://a:1,http://b:2"}, None, "a_1.journal"),
        ({"address": "http://a:1", "region": "europe"}, None, "a_1@europe.journal"),
        ({"address": "http://[::1]:4646"}, None, "__1_4646-4b913786.journal"),
        ({"region": "global"}, "prod", "prod@global.journal"),
        ({}, "prod", "prod.journal"),
        ({}, "a/b", "a_b-c14cddc0.journal"),
        ({}, "..", "-5ec1f7e7.journal"),
        ({}, "ü" * 300, None),
    ],
    ids=str,
)
def test_each_connections_journal_has_its_own_name(
    given: dict[str, str], profile: str | None, name: str | None
) -> None:
    connection = Connection.from_environment(given, environ={})
    if profile is not None:
        connection = Connection(connection.address, connection.region, profile=Profile(profile))
    path = journal_path(Folders(Path("config"), Path("state")), connection)
    assert path.parent == Path("state/journals")
    assert name is None or path.name == name
    assert len(path.name) < 200 and path.name.isascii() and path.name[0] not in "."
