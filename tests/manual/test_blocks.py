"""Every command and code block of the README and the manual works: it is run, loaded or parsed."""

import gc
import json
import os
import re
import shutil
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path

import click
import hcl2
import pytest
import yaml
from click.testing import CliRunner, Result

from nomad_tui.cli.main import main
from nomad_tui.core.wire import Frame, decode
from nomad_tui.standin.__main__ import main as standin
from tests import recordings
from tests.manual.blocks import ROOT, Block, Command, blocks, commands
from tests.manual.generated import metrics
from tests.terminal.conftest import Server

EXAMPLES = ("https://nomad.example.com:4646", "https://nomad-1:4646,https://nomad-2:4646")
"""Addresses in the manual that the stand-in server replaces."""
HOOK = "https://example.com/hook"
OTHERS = frozenset(("cat", "curl", "docker", "echo", "grep", "jq", "mkdir"))
OTHERS |= frozenset(("openssl", "pip", "pipx", "pytest", "python3", "uv"))
BUILT_IN = frozenset(("export", "set", ".", "eval"))
NEEDS_TERMINAL = "The dashboard needs a terminal"
PROFILES = """
[profile.prod]
address = "{address}"
[profile.payments]
namespace = "payments"
"""


def each(*languages: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", blocks(*languages), ids=lambda block: block.place)


# Shell


class Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def hook() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = Server(recordings.path("tour"), "--lead", "all", "--buffer-size", "1000")
    yield server.address
    server.process.kill()
    server.process.communicate()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, hook: str) -> Path:
    """Create the files that the manual's commands use, in an operator's home, which is also the current folder."""
    for name in [name for name in os.environ if name.startswith(("NOMAD_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NOMAD_ADDR", address)
    monkeypatch.setenv("SECRET", "secret")
    monkeypatch.setenv("SLACK_WEBHOOK", hook)
    monkeypatch.chdir(tmp_path)
    for name in ("incident.ndjson", "debug.tar.gz", "one.ndjson.zst", "two.ndjson.gz"):
        (tmp_path / name).write_bytes(recordings.content("tour"))
    config = tmp_path / ".config" / "nomad-tui"
    (config / "sinks").mkdir(parents=True)
    (config / "sinks" / "follow.toml").write_text('id = "follow"\ntype = "stdout"\n')
    (config / "config.toml").write_text(PROFILES.format(address=address))
    (config / "id").write_text("id")
    (tmp_path / "id").write_text("id")
    (tmp_path / ".nomad").mkdir()
    (tmp_path / ".nomad" / "token").write_text("00000000-0000-4000-8000-00000000000a")
    return tmp_path


@each("sh")
def test_a_command_can_be_typed_literally(block: Block, home: Path, address: str, hook: str) -> None:
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
    text = block.text.replace(HOOK, hook).replace("~/", f"{home}/")
    for example in EXAMPLES:
        text = text.replace(example, address)
    for command in commands(text):
        arguments = command.arguments
        if arguments is not None:
            _run(command, arguments)
        elif command.words[1:2] == ("-m",) and command.words[0].endswith("python"):
            assert find_spec(command.words[2])
            if command.words[2] == "nomad_tui.standin":
                words = [str(ROOT / word) if (ROOT / word).is_file() else word for word in command.words[3:]]
                standin.make_context("standin", words)
        else:
            assert command.words[0].rpartition("/")[2] in OTHERS | BUILT_IN, command.words


def _run(command: Command, arguments: list[str]) -> None:
    """Run a command that ends against the stand-in server, or a dashboard until it needs a terminal."""
    if "/etc/nomad-tui" in arguments or "0.0.0.0:9646" in arguments or any("nats" in word for word in arguments):
        _parse(arguments)
        return
    match arguments:
        case ["demo" | "record", *_] | ["sink", "run", *_]:
            _parse(arguments)
        case ["open", "-"]:
            _parse(arguments)
        case ["--journal", *_] | ["--journal=/srv/nomad/prod.journal"] | ["open", "prod.journal", *_]:
            _parse(arguments)
        case ["tail", "--journal", *_]:
            assert "record" in _invoke(command, arguments).output  # creates a journal
        case ["sink", "status" | "dead-letters" | "resend" | "replay", *_]:
            assert _invoke(command, arguments).exit_code in (0, 1)  # 1 because no runner has run
        case ["sink", "test", *_]:
            assert _invoke(command, arguments).exit_code == 0 or arguments[2] not in _sinks()
        case ["tail", *_]:
            result = _invoke(command, [*arguments, "--idle-exit", "0.2"])
            assert result.exit_code == 0, result.output
        case ["doctor", *_]:
            result = _invoke(command, [*arguments, "--no-wait"])
            assert result.exit_code == 0, result.output
        case ["config", "init"]:
            (Path.home() / ".config" / "nomad-tui" / "config.toml").unlink()
            assert _invoke(command, arguments).exit_code == 0
        case ["sink" | "config" | "help" | "keys" | "completion", *_]:
            result = _invoke(command, arguments)
            assert result.exit_code == 0, result.output
        case _:
            assert NEEDS_TERMINAL in _invoke(command, arguments).output
            gc.enable()  # a dashboard disables it until its first frame


def _sinks() -> list[str]:
    return [file.stem for file in (Path.home() / ".config" / "nomad-tui" / "sinks").iterdir()]


def _invoke(command: Command, arguments: list[str]) -> Result:
    environment = dict(command.environment)
    return CliRunner().invoke(main, arguments, input=command.standard_input or None, env=environment)


def _parse(arguments: list[str]) -> None:
    """Check everything that can be wrong before a command begins."""
    command: click.Command = main
    context, rest = click.Context(main), arguments
    while rest and isinstance(command, click.Group) and (inner := command.get_command(context, rest[0])):
        context, command, rest = click.Context(inner, parent=context), inner, rest[1:]
    command.make_context(command.name, list(rest), parent=context.parent)


# Files


@each("toml")
def test_toml_can_be_loaded(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tomllib.loads(block.text)
    if "sources" in table or "transforms" in table:
        return  # Vector's
    name = "config.toml"
    if "type" in table or "id" in table:
        name = "sinks/example.toml"
    elif "filters" in table:
        name = "filters.toml"
    elif "background" in table:
        name = "themes/example.toml"
    _check(tmp_path, name, block.text)


def _check(folder: Path, name: str, content: str) -> None:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)
    result = CliRunner().invoke(main, ["config", "check", "--config", str(folder)])
    assert result.exit_code == 0, result.output


@each("json")
def test_json_can_be_read(block: Block, tmp_path: Path) -> None:
    content = json.loads(block.text)
    if "Address" in content:
        _check(tmp_path, "sinks/example.json", block.text)
    elif "Index" in content:
        assert isinstance(decode(json.dumps(content).encode()), Frame) or "Payload" in content


@each("python")
def test_python_compiles(block: Block) -> None:
    compile(block.text, block.place, "exec")  # tests/sinks/test_webhook.py sends it events


@each("hcl")
def test_hcl_can_be_parsed(block: Block) -> None:
    assert hcl2.loads(block.text)


@each("yaml")
def test_alerts_name_metrics_that_exist(block: Block) -> None:
    rules = [rule for group in yaml.safe_load(block.text)["groups"] for rule in group["rules"]]
    named = {name for rule in rules for name in re.findall(r"nomad_tui_\w+", rule["expr"])}
    assert named and named <= set(re.findall(r"nomad_tui_\w+", metrics()))


@each("ini")
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_a_unit_file_is_valid(block: Block, tmp_path: Path) -> None:
    unit = tmp_path / "nomad-tui.service"
    unit.write_text(block.text.replace("/opt/nomad-tui/bin/nomad-tui", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert unit.name not in done.stderr, done.stderr


def test_every_language_of_a_block_is_checked() -> None:
    checked = ("sh", "toml", "json", "python", "hcl", "yaml", "ini")
    plain = blocks("")
    assert len(blocks(*checked)) > 60
    assert all(block.text.lstrip()[:1] in '$✔nR"CNat2' for block in plain), [block.place for block in plain]
