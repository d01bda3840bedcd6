"""The command line: options take effect at the server, mistakes are reported in a sentence, the dashboard opens."""

import asyncio
import base64
import os
import pty
import signal
import ssl
import subprocess
import sys
import termios
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click
import pytest
import trustme
from click.testing import CliRunner

from nomad_tui import __version__
from nomad_tui.cli.main import main
from nomad_tui.cli.options import ByteSize
from nomad_tui.config.folders import NO_HOME, Folders
from nomad_tui.config.setting import HELP
from nomad_tui.standin import ALL_FRAMES, MANAGEMENT, Options, Request, StandIn
from tests import fork_server, recordings

SECONDS = 60
"""Seconds after which a test counts as hung."""

PROGRAM = str(Path(sys.executable).with_name("nomad-tui"))

SECRET = "00000000-0000-4000-8000-00000000000a"
OTHER = "00000000-0000-4000-8000-00000000000b"

VARIABLES = [setting.variable for setting in HELP if setting.variable is not None]
COMMANDS = ["demo", "open", "tail", "doctor"]


def frame(index: int, text: str = "") -> bytes:
    return b'{"Index":%d,"Events":[{"Topic":"Job","Key":"job-%d","Payload":{"Text":"%s"}}]}' % (
        index,
        index,
        text.encode(),
    )


# Settings reach the server


@dataclass(frozen=True)
class Way:
    """A way to pass settings: variables, flags, or flags that override variables."""

    name: str
    command_line: Callable[[list[str]], list[str]]
    """Returns the complete command line for given flags."""
    by_variable: bool = False

    def __str__(self) -> str:
        return self.name


TAIL = ["tail", "--limit", "1"]
WAYS = [
    Way("variables", lambda flags: TAIL, by_variable=True),
    Way("flags", lambda flags: [*TAIL, *flags]),
    Way("flags before the command", lambda flags: [*flags, *TAIL]),
    Way("flags on both sides", lambda flags: [*flags[:2], *TAIL, *flags[2:]]),
]


async def request(way: Way, settings: dict[str, str], server: StandIn) -> Request:
    """Run `tail` with `settings` by name and contrary variables, and return its request for the stream."""
    given = {setting: settings[setting.name] for setting in HELP if setting.name in settings}
    if way.by_variable:
        flags: list[str] = []
        environ = {setting.variable: value for setting, value in given.items() if setting.variable is not None}
    else:
        flags = [
            part for setting, value in given.items() for part in ([setting.flag, value] if value else [setting.flag])
        ]
        environ = {setting.variable: "wrong" for setting in given if setting.variable is not None}
    process = await asyncio.create_subprocess_exec(
        *fork_server.command(), *way.command_line(flags), stdout=PIPE, stderr=PIPE, env={**os.environ, **environ}
    )
    out, err = await process.communicate()
    assert (process.returncode, out.count(b"\n"), err) == (0, 1, b"")
    return next(each for each in server.requests if each.path == "/v1/event/stream")


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_settings_reach_the_server(way: Way) -> None:
    options = Options(
        tokens={SECRET: MANAGEMENT, OTHER: MANAGEMENT},
        other_regions=("europe",),
        basic_auth=("ann", "pass"),
        lead=ALL_FRAMES,
    )
    async with asyncio.timeout(SECONDS), StandIn([frame(1)], options) as server:
        settings = {"address": server.address, "region": "europe", "namespace": "payments", "token": SECRET}
        asked = await request(way, {**settings, "http_auth": "ann:pass"}, server)
    assert (asked.first("region"), asked.first("namespace"), asked.secret) == ("europe", "payments", SECRET)
    assert asked.headers["authorization"] == f"Basic {base64.b64encode(b'ann:pass').decode()}"


@pytest.mark.parametrize("way", WAYS[1:3], ids=str)
async def test_a_token_file_takes_precedence_over_the_variable(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOMAD_TOKEN", OTHER)
    (tmp_path / "token").write_text(f"{SECRET}\n")
    options = Options(tokens={SECRET: MANAGEMENT}, lead=ALL_FRAMES)
    async with asyncio.timeout(SECONDS), StandIn([frame(1)], options) as server:
        asked = await request(way, {"address": server.address, "token_file": str(tmp_path / "token")}, server)
    assert asked.secret == SECRET


@pytest.mark.parametrize("way", WAYS[:2], ids=str)
@pytest.mark.parametrize(
    "settings", ["ca_cert client_cert client_key tls_server_name", "ca_path tls_server_name", "tls_skip_verify"]
)
async def test_tls_settings_reach_the_server(way: Way, settings: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    (tmp_path / "authorities").mkdir()
    for file in ("ca.pem", "authorities/any.pem"):
        authority.cert_pem.write_to_path(tmp_path / file)
    client = authority.issue_cert("client.global.nomad")
    client.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    client.private_key_pem.write_to_path(tmp_path / "client-key.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("server.global.nomad").configure_cert(context)
    if "client_cert" in settings:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    values = {
        "ca_cert": str(tmp_path / "ca.pem"),
        "ca_path": str(tmp_path / "authorities"),
        "client_cert": str(tmp_path / "client.pem"),
        "client_key": str(tmp_path / "client-key.pem"),
        "tls_server_name": "server.global.nomad",
        "tls_skip_verify": "1" if way.by_variable else "",
    }
    async with asyncio.timeout(SECONDS), StandIn([frame(1)], Options(tls=context, lead=ALL_FRAMES)) as server:
        await request(way, {"address": server.address, **{name: values[name] for name in settings.split()}}, server)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config", "{folder}", "--profile", "prod", *TAIL],
        [*TAIL, "--config", "{folder}", "--profile", "prod"],
        [*TAIL, "--profile", "prod"],
    ],
    ids=["before the command", "behind it", "by the variable"],
)
async def test_a_profile_reaches_the_server_and_no_other_clusters_token_does(
    arguments: list[str], tmp_path: Path
) -> None:
    options = Options(tokens={SECRET: MANAGEMENT}, other_regions=("europe",), lead=ALL_FRAMES)
    (tmp_path / "token").write_text(SECRET)
    async with asyncio.timeout(SECONDS), StandIn([frame(1)], options) as server:
        (tmp_path / "config.toml").write_text(
            f'[profile.prod]\naddress = "{server.address}"\nregion = "europe"\ntoken_file = "token"\n'
        )
        process = await asyncio.create_subprocess_exec(
            *fork_server.command(),
            *(argument.replace("{folder}", str(tmp_path)) for argument in arguments),
            stdout=PIPE,
            stderr=PIPE,
            env={
                **os.environ,
                "NOMAD_TOKEN": OTHER,
                "NOMAD_REGION": "asia",
                "NOMAD_TUI_PROFILE": "beaten",
                "NOMAD_TUI_CONFIG": "/nowhere" if "--config" in arguments else str(tmp_path),
            },
        )
        out, err = await process.communicate()
    assert (process.returncode, out.count(b"\n"), err) == (0, 1, b"")
    assert {(each.secret, each.first("region")) for each in server.requests if "stream" in each.path} == {
        (SECRET, "europe")
    }


async def test_stream_options_can_precede_the_command() -> None:
    options = Options(lead=ALL_FRAMES)
    lines = [frame(1), frame(2), frame(3, "x" * 3000), frame(4)]
    async with asyncio.timeout(SECONDS), StandIn(lines, options) as server:
        arguments = (
            "--address",
            server.address,
            "--topic",
            "job",
            "--index",
            "2",
            "--filter",
            "job",
            "--max-line",
            "2K",
        )
        process = await asyncio.create_subprocess_exec(
            *fork_server.command(), *arguments, "tail", "--limit", "2", stdout=PIPE, stderr=PIPE
        )
        out, err = await process.communicate()
    assert [line.split()[2] for line in out.splitlines()] == [b"2", b"4"]
    assert b"--max-line" in err and err.count(b"\n") == 1
    asked = server.requests[-1]
    assert (asked.first("index"), asked.all("topic")) == ("2", ["Job:*"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--live", "tail"],
        ["tail", "--live"],
        ["--since", "1h30m", "tail"],
        ["tail", "--since", "1h30m"],
    ],
    ids=" ".join,
)
async def test_start_options_can_precede_the_command(arguments: list[str]) -> None:
    async with asyncio.timeout(SECONDS), StandIn([frame(1), frame(2)], Options(lead=ALL_FRAMES)) as server:
        process = await asyncio.create_subprocess_exec(
            *(*fork_server.command(), "--address", server.address, *arguments, "--limit", "1"), stdout=PIPE, stderr=PIPE
        )
        await server.subscribed()
        server.publish(frame(3))
        out, err = await process.communicate()
    [asked] = [request.first("index") for request in server.requests if request.path == "/v1/event/stream"]
    if "--live" in arguments:
        assert (asked, out.split()[2], err) == ("3", b"3", b"")
    else:
        assert asked == "0"
        assert b"the last 1 h 30 m were requested" in err


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tail", "--limit", "0"], "--limit"),
        (["tail", "--limit", "x"], "--limit"),
        (["tail", "--idle-exit", "0"], "--idle-exit"),
        (["tail", "--retries", "-1"], "--retries"),
        (["tail", "--index", "-1"], "--index"),
        (["tail", "--index", "5", "--live"], "--index, --live and --since exclude each other. Give one of them"),
        (["tail", "--live", "--since", "5m"], "Give one of them"),
        (["--index", "5", "--since", "5m"], "Give one of them"),
        (["--live", "tail", "--index", "5"], "Give one of them"),
        (["tail", "--since", "soon"], "--since"),
        (["tail", "--since", "-5m"], "--since"),
        (["tail", "--since", "14:30"], "write --filter 'time:>=14:30'"),
        (["--since", "2026-11-23 14:30..14:45"], "write --filter 'time:2026-11-23T14:30..14:45'"),
        (["completion"], "Choose from: bash, zsh, fish"),
        (["confg"], "Did you mean 'config'?"),
        (["pause", "all"], "Did you mean 'sink pause'?"),
        ([__file__], "To open that file, write 'open' before it."),
        (["sink", "stauts"], "Did you mean 'status'?"),
        (["tail", "--output", "yaml"], "'yaml' is not one of 'line', 'csv', 'markdown', 'report', 'ndjson', 'frames'"),
        (["tail", "--topic", "Job:a:b"], "colon"),
        (["tail", "--topic", ""], "incomplete"),
        (["tail", "--max-line", "12"], "such as 512MiB"),
        (["tail", "--max-line", "many"], "such as 512MiB"),
        (["--max-memory", "1KiB"], "such as 512MiB"),
        (["--max-events", "1"], "--max-events"),
        (["tail", "--frob"], "--frob"),
        (["tail", "what"], "what"),
        (["frob"], "frob"),
        (["open"], "FILE"),
        (["open", "-", "-"], "name it once"),
        (["open", "missing.ndjson"], "no such file or directory"),
        (["open", "."], "is a directory"),
        (["--topic", "Job", "demo"], "--topic"),
        (["--max-events", "99", "tail"], "--max-events"),
        (["tail", "--address", "ftp://nomad"], "--address is 'ftp://nomad'"),
        (["--address", "ftp://nomad", "tail"], "--address is 'ftp://nomad'"),
        (["--address", "a", "--address", "b,ftp://nomad", "tail"], "--address, address 3 of 3, is 'ftp://nomad'"),
        (["--profile", "prod"], "--profile is 'prod', but there is no file "),
        (["tail", "--profile", "prod"], "--profile is 'prod', but there is no file "),
        (["--profile", "prod", "tail"], "--profile is 'prod', but there is no file "),
        (["--profile", "prod", "demo"], "The command demo has no option --profile"),
        (["tail", "--token-file", "missing"], "--token-file"),
        (["tail", "--token", "a", "--token-file", "b"], "--token and --token-file"),
        (["--token", "a", "tail", "--token-file", "b"], "--token and --token-file"),
        (["tail", "--ca-cert", "missing.pem"], "--ca-cert"),
        (["tail", "--client-cert", "missing.pem"], "--client-key"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_value_is_reported_in_one_sentence(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    [sentence] = result.stderr.splitlines()
    assert sentence.startswith("nomad-tui: ") and words in sentence
    assert "Usage" not in sentence and "Traceback" not in sentence


@pytest.mark.parametrize(
    "arguments", [["help", "filter"], ["keys"], ["config", "show"], ["completion", "bash"], ["-h"]]
)
def test_printing_to_a_full_disk_or_a_closed_output_ends_without_a_traceback(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [*fork_server.command(), *arguments]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=SECONDS)
    [sentence] = ended.stderr.decode().splitlines()
    assert ended.returncode == 1 and "Cannot write to standard output: no space left on device." in sentence
    shell = ["sh", "-c", '"$@" >&-', "sh", sys.executable, "-m", "nomad_tui", *arguments]
    assert subprocess.run(shell, capture_output=True, timeout=SECONDS).stderr == b""


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
@pytest.mark.parametrize("arguments", [["demo"], [], ["open", "-"]], ids=str)
def test_a_dashboard_without_a_standard_stream_says_what_it_needs(arguments: list[str], closed: str) -> None:
    shell = ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-m", "nomad_tui", *arguments]
    ended = subprocess.run(shell, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    [sentence] = ended.stderr.decode().splitlines()
    assert ended.returncode == 2 and ("needs a terminal" in sentence or "or closed. Pipe a recording" in sentence)


@pytest.mark.parametrize("command", [[], ["tail"], ["demo"], ["open", str(recordings.path("tour"))]], ids=str)
@pytest.mark.parametrize(
    ("text", "words", "pointer"),
    [
        ("web satus:failed", "did you mean status:?", "      ^^^^^"),
        ("日本 (web", "Unclosed", "           ^"),
        ("x" * 200 + " /(/", "Invalid regular expression", None),
    ],
)
def test_a_mistake_in_a_filter_is_marked(command: list[str], text: str, words: str, pointer: str | None) -> None:
    result = CliRunner().invoke(main, [*command, "--filter", text])
    assert (result.exit_code, result.stdout) == (2, "")
    sentence, repeated, pointed_at = result.stderr.splitlines()
    assert sentence.startswith("nomad-tui: ") and words in sentence
    assert len(repeated) <= 80
    assert pointed_at == pointer if pointer is not None else repeated[pointed_at.index("^") :].startswith("(")


@pytest.mark.parametrize("command", [[], ["tail"]], ids=str)
def test_a_wrong_variable_is_reported_in_one_sentence(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOMAD_SKIP_VERIFY", "perhaps")
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "NOMAD_SKIP_VERIFY is 'perhaps'" in result.stderr


@pytest.mark.parametrize("command", [[], ["demo"], ["open", str(recordings.path("tour"))]], ids=str)
def test_the_dashboard_without_a_terminal_points_to_tail(command: list[str]) -> None:
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "needs a terminal. To print events, use `nomad-tui tail`" in result.stderr


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256MiB", 256 * 1024**2),
        ("256M", 256 * 1024**2),
        ("256 mb", 256_000_000),
        ("1.5GiB", 3 * 1024**3 // 2),
        ("2T", 2 * 1024**4),
        ("64000000", 64_000_000),
        ("64000000B", 64_000_000),
        ("3KB", 3000),
    ],
)
def test_sizes_are_numbers_with_a_unit(text: str, size: int) -> None:
    assert ByteSize(1024).convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "MiB", "-1MiB", "1e6", "1,5GiB", "1 PB", "0", "1023", "nan", "٣MiB MiB"])
def test_an_invalid_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="such as 512MiB"):
        ByteSize(1024).convert(text, None, None)


# Help


def test_version() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert __version__ in result.stdout and "nomad-tui" in result.stdout


@pytest.mark.parametrize("command", [[], ["tail"]], ids=str)
def test_help_names_every_flag_and_variable(command: list[str]) -> None:
    result = CliRunner().invoke(main, [*command, "--help-connection"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert [flag for setting in HELP if (flag := setting.flag) not in result.stdout] == []
    assert [variable for variable in VARIABLES if f"[{variable}]" not in result.stdout] == []


def test_help_lists_every_command_and_every_command_has_help() -> None:
    listed = CliRunner().invoke(main, ["-h"]).stdout
    for command in COMMANDS:
        result = CliRunner().invoke(main, [command, "--help"])
        assert result.exit_code == 0 and command in listed
        assert f"nomad-tui {command}" in result.stdout.replace("main", "nomad-tui")
    assert "Exit codes: 0" in CliRunner().invoke(main, ["tail", "--help"]).stdout


# The dashboard in a terminal

IN_ITS_OWN_TERMINAL = """if True:
    import fcntl, os, sys, termios
    os.setsid()
    fcntl.ioctl(1, termios.TIOCSCTTY, 0)
    os.execv(sys.argv[1], sys.argv[1:])
"""
"""Runs a program whose standard output is its controlling terminal."""


class Terminal:
    """A program in a terminal of 200 by 50, with its output and keys for it."""

    def __init__(
        self, process: Process, master: int, drawn: asyncio.StreamReader, transport: asyncio.ReadTransport
    ) -> None:
        self.process = process
        self._master = master
        self._drawn = drawn
        self._transport = transport
        self.text = ""
        self.gone = False

    async def until(self, *texts: str) -> None:
        """Wait until one of several texts has been drawn."""
        while not any(text in self.text for text in texts):
            piece = await self._drawn.read(2**16)
            assert piece, f"it ended without drawing {texts}: {self.text[-2000:]!r}"
            self.text += piece.decode("utf-8", "replace")

    async def read_for(self, seconds: float) -> None:
        """Read the program's output for a while; a program whose output is not read blocks."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.until("\0 is never drawn")

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def hang_up(self) -> None:
        """Close the terminal, as when an SSH connection is lost."""
        self._transport.close()
        os.close(self._master)
        self.gone = True

    async def ended(self) -> int:
        """Return the exit code; reads the output meanwhile, so that the program can end."""
        reading = asyncio.create_task(self._drawn.read())
        code = await self.process.wait()
        reading.cancel()
        return code


@asynccontextmanager
async def terminal(*arguments: str, stdin: int | None = None) -> AsyncIterator[Terminal]:
    """Run `nomad-tui` in a terminal; `stdin` replaces the terminal's keyboard."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (50, 200))
    before = termios.tcgetattr(slave)
    environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", IN_ITS_OWN_TERMINAL, PROGRAM, *arguments),
        stdin=slave if stdin is None else stdin,
        stdout=slave,
        stderr=slave,
        env=environ,
    )
    drawn = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(drawn), os.fdopen(os.dup(master), "rb", buffering=0)
    )
    screen = Terminal(process, master, drawn, transport)
    try:
        yield screen
        assert screen.gone or termios.tcgetattr(slave) == before, "the terminal is left as it was found"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if not screen.gone:
            transport.close()
            os.close(master)
        os.close(slave)


async def test_the_dashboard_opens_on_a_server_and_disconnects() -> None:
    options = Options(lead=ALL_FRAMES, buffer_size=1000, version="1.9.4")
    async with asyncio.timeout(SECONDS), StandIn(recordings.lines("tour"), options) as server:
        async with terminal("--address", server.address, "--topic", "Job") as screen:
            await screen.until("1.9.4")
            await screen.until("logship")
            assert server.subscribers == 1
            screen.press("q")
            assert await screen.ended() == 0
        await server.until(lambda: server.subscribers == 0)


async def test_the_dashboard_switches_clusters(tmp_path: Path) -> None:
    options = Options(lead=ALL_FRAMES, namespaces=("default", "payments"))
    (tmp_path / "token").write_text(SECRET)
    prod = Options(lead=ALL_FRAMES, tokens={SECRET: MANAGEMENT}, version="1.9.4")
    async with (
        asyncio.timeout(SECONDS),
        StandIn([frame(1)], options) as here,
        StandIn([frame(2)], prod) as there,
    ):
        (tmp_path / "config.toml").write_text(
            f'[profile.prod]\naddress = "{there.address}"\ntoken_file = "token"\ncolor = "red"\n'
        )
        arguments = ("--config", str(tmp_path), "--address", here.address, "--topic", "Job", "--filter", "topic:job")
        async with terminal(*arguments) as screen:
            await screen.until("job-1")
            screen.press("@prod\r")
            await screen.until("job-2")
            await screen.until("1.9.4")
            await here.until(lambda: here.subscribers == 0)
            screen.press("@env\t\tpay\r")
            while not any(each.first("namespace") == "payments" for each in here.requests):
                await screen.read_for(0.1)
            screen.press("q")
            assert await screen.ended() == 0
        asked = [each for each in there.requests if each.path == "/v1/event/stream"]
        assert {(each.secret, *each.all("topic")) for each in asked} == {(SECRET, "Job:*")}


@pytest.mark.parametrize("command", ["open", "demo"])
async def test_the_settings_folder_can_precede_the_command(command: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[list")
    files = [str(recordings.path("tour"))] if command == "open" else []
    async with asyncio.timeout(SECONDS), terminal("--config", str(tmp_path), command, *files) as screen:
        await screen.until("is invalid")
        screen.press("q")
        assert await screen.ended() == 0


async def test_the_demo_opens_with_any_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOMAD_ADDR", "http://nomad.invalid:4646")
    monkeypatch.setenv("NOMAD_TOKEN", SECRET)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with asyncio.timeout(SECONDS), terminal("demo") as screen:
        await screen.until("edge-1")
        screen.press("q")
        assert await screen.ended() == 0


async def test_a_recording_opens_within_the_limits(tmp_path: Path) -> None:
    file = tmp_path / "load.ndjson"
    file.write_bytes(b"\n".join(recordings.lines("load")[:1300]))
    arguments = ("open", str(file), "--max-events", "4096", "--max-memory", "2MiB")
    async with asyncio.timeout(SECONDS), terminal(*arguments) as screen:
        await screen.until("finished")
        await screen.until("evicted")
        screen.press("q")
        assert await screen.ended() == 0


async def test_a_closed_terminal_ends_the_program() -> None:
    async with asyncio.timeout(SECONDS), terminal("open", str(recordings.path("tour"))) as screen:
        await screen.until("edge-1")
        screen.press("/" + "x" * 3_000)  # still processing these when the terminal is gone
        screen.hang_up()
        assert await screen.process.wait() == 128 + signal.SIGHUP


async def test_a_silent_pipe_opens_and_can_be_quit() -> None:
    reading, writing = os.pipe()
    try:
        async with asyncio.timeout(SECONDS), terminal("open", "-", stdin=reading) as screen:
            os.write(writing, frame(1) + b"\n")
            await screen.until("job-1")
            screen.press("q")
            assert await screen.ended() == 0
    finally:
        os.close(reading)
        os.close(writing)


async def test_a_pipe_needs_a_terminal_for_keys_and_a_terminal_is_not_a_recording() -> None:
    async with asyncio.timeout(SECONDS):
        async with terminal("open", "-") as screen:
            await screen.until("Standard input is a terminal")
            assert await screen.ended() == 2
        process = await asyncio.create_subprocess_exec(
            PROGRAM, "open", "-", stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True
        )
        out, err = await process.communicate()
        assert (process.returncode, out, err.count(b"\n")) == (2, b"", 1)
        assert b"needs a terminal for its keys" in err


# Locales that are not UTF-8


@pytest.mark.parametrize("command", [["doctor", "--no-wait", "--address", "http://127.0.0.1:9"], ["--help"]], ids=str)
def test_a_locale_that_is_not_utf_8_gets_escapes_instead_of_a_traceback(command: list[str]) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = subprocess.run(
        [str(Path(sys.executable).with_name("nomad-tui")), *command], env=os.environ | plain, capture_output=True
    )
    assert result.returncode in (0, 1) and result.stdout.isascii()
    assert b"Traceback" not in result.stderr


def test_tail_writes_escapes_for_characters_outside_the_locale() -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    file = Path(__file__).parents[1] / "cases" / "captures" / "frames.ndjson"
    command = [str(Path(sys.executable).with_name("nomad-tui")), "tail", str(file)]
    result = subprocess.run(command, env=os.environ | plain, capture_output=True)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.isascii() and rb"created \xb7 GPU nodes" in result.stdout


XDG = ("XDG_CONFIG_HOME", "XDG_STATE_HOME")
NO_ACCOUNT = """
import pwd, sys
def nobody(uid): raise KeyError(uid)
pwd.getpwuid = nobody
from nomad_tui.cli.main import main
for command in sys.argv[2:]:
    try:
        main([each.replace("FILE", sys.argv[1]) for each in command.split()], prog_name="nomad-tui")
    except SystemExit as end:
        print(f"[{command}: {end.code}]", flush=True)
"""
"""Runs the program for a user without an entry in passwd."""


@pytest.mark.parametrize("home", [None, "", "some/where"])
def test_without_a_home_folder_no_folder_is_used(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> NoReturn:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", nobody)
    for name in ("HOME", *XDG):
        monkeypatch.delenv(name, raising=False)
    if home is not None:
        monkeypatch.setenv("HOME", home)
    assert Folders.of_user() == Folders(NO_HOME, NO_HOME)


def test_without_a_home_folder_commands_work_or_report_that_they_need_one(tmp_path: Path) -> None:
    commands = {
        "--version": 0,
        "tail FILE --limit 1": 0,
        "doctor --no-wait --address http://127.0.0.1:1": 1,
        "sink list": 2,
        "sink register FILE.toml": 2,
        "sink run --address http://127.0.0.1:1": 1,
        "record --address http://127.0.0.1:1": 1,
    }
    file = tmp_path / "tour.ndjson"
    file.write_bytes(recordings.content("tour"))
    (tmp_path / "tour.ndjson.toml").write_text('id = "a"\ntype = "file"\naddress = "/no/a"\n[topics]\nJob = ["*"]\n')
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", *XDG)}
    script = [sys.executable, "-c", NO_ACCOUNT, str(file), *commands]
    result = subprocess.run(script, env=environment, cwd=tmp_path, capture_output=True, text=True, stdin=DEVNULL)
    message = result.stdout + result.stderr
    assert "Traceback" not in message
    assert {line.strip("[]") for line in result.stdout.splitlines() if line.startswith("[")} == {
        f"{command}: {code}" for command, code in commands.items()
    }, message
    assert result.stderr.count("no home folder is known") + result.stderr.count("No home folder is known") == 4
    assert len(list(tmp_path.iterdir())) == 2
