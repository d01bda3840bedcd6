"""Creating a sink by answering questions, and the list of types."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nomad_tui.cli.main import main
from nomad_tui.config.fields import keys
from nomad_tui.sinks.definition.definition import Definition, Kind


def invoke(*arguments: str, text: str | None = None) -> Any:
    return CliRunner().invoke(main, arguments, input=text)


def test_a_sink_is_created_by_answering_and_tested(tmp_path: Path) -> None:
    target = tmp_path / "events.ndjson"
    answers = f"file\n\n{target}\nAllocation, Job:web\ny\n"
    done = invoke("sink", "new", "--config", str(tmp_path), text=answers)
    assert done.exit_code == 0, done.output
    assert "file: acknowledged" in done.stdout
    assert (tmp_path / "sinks" / "file.toml").read_text() == (
        f'id = "file"\ntype = "file"\naddress = "{target}"\ntopics = [\n    "Allocation",\n    "Job:web",\n]\n'
    )
    assert json.loads(target.read_text())["Test"] is True
    warned = invoke("sink", "new", "--config", str(tmp_path), text="file\nother\n/x\nAllocaton\nn\n")
    assert "the topic Allocaton. Did you" in warned.stdout
    again = invoke(
        "sink", "new", "--config", str(tmp_path), "--type", "file", "--id", "file", "--to", "/x", "--no-test"
    )
    assert again.exit_code == 2 and "defined already" in again.stderr


@pytest.mark.parametrize(
    ("kind", "to", "written"),
    [
        ("exec", "sh -c 'cat > out'", {"command": ["sh", "-c", "cat > out"]}),
        ("pagerduty", "KEY", {"routing_key": "KEY"}),
    ],
)
def test_to_sets_the_destination_of_each_type(kind: str, to: str, written: dict[str, Any], tmp_path: Path) -> None:
    done = invoke("sink", "new", "--config", str(tmp_path), "--type", kind, "--id", "a", "--to", to, text="")
    assert (done.exit_code, "no test is sent" in done.stdout) == (0, True), done.output
    assert tomllib.loads((tmp_path / "sinks" / "a.toml").read_text()) == {"id": "a", "type": kind, **written}


@pytest.mark.parametrize(
    ("given", "lacks"), [((), "--type"), (("--type", "exec"), "--id"), (("--type", "exec", "--id", "a"), "--to")]
)
def test_without_answers_the_missing_option_is_named(given: tuple[str, ...], lacks: str, tmp_path: Path) -> None:
    done = invoke("sink", "new", "--config", str(tmp_path), *given, text="")
    assert done.exit_code == 2 and f"Add {lacks}" in done.stderr


@pytest.mark.parametrize(("kind", "wrong"), [("slack", "hooks.slack.com"), ("webhook", "ftp://x")])
def test_a_wrong_answer_writes_nothing(kind: str, wrong: str, tmp_path: Path) -> None:
    done = invoke("sink", "new", "--config", str(tmp_path), "--type", kind, "--id", "a", "--to", wrong, "--no-test")
    assert done.exit_code == 2 and "addresses start with" in done.stderr
    assert not list(tmp_path.rglob("*.toml"))


def test_every_type_is_described_with_its_settings() -> None:
    text = invoke("sink", "list", "--types").stdout
    assert all(f"\n{kind.value}: " in f"\n{text}" for kind in Kind)
    assert all(f"  {key.name} " in text for key in keys(Definition) if key.attribute not in ("id", "kind"))
    assert max(map(len, text.splitlines())) <= 120
    records = json.loads(invoke("sink", "list", "--types", "--output", "json").stdout)
    assert [each["type"] for each in records] == [kind.value for kind in Kind]
