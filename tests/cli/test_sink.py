"""`nomad-tui sink …` as an operator types it: its output, the files it writes, and the exit code."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from nomad_tui.cli.main import main
from nomad_tui.config.folders import Folders
from nomad_tui.sinks.definition.reading import read_definition

BETA = """{"ID": "beta", "Type": "webhook", "Topics": {"Deployment": ["*"]},
           "Address": "http://127.0.0.1:9999/hook", "LatestIndex": 0}"""
SECRETS = """
id = "web"
type = "webhook"
address = "https://ann:hunter2@example.com/hook"
topics = ["Job:web"]
filter = "status:failed"
format = "event"
headers = { Authorization = "Bearer hunter2", X-Token = "${TOKEN}" }
secret = "whsec_aHVudGVyMg=="
"""


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def nomad_tui(*arguments: str, given: str = "") -> Result:
    """Run a command with the settings of this test."""
    result = CliRunner().invoke(main, arguments, input=given)
    return Result(result.exit_code, result.stdout, result.stderr)


def sinks() -> Path:
    return Folders.of_user().config / "sinks"


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_the_hint_in_an_empty_list_creates_the_first_sink() -> None:
    empty = nomad_tui("sink", "list")
    assert (empty.code, empty.err) == (0, "")
    command, given = empty.out.split("<<'END'\n")
    arguments = shlex.split(command.splitlines()[-1])
    assert arguments[0] == "nomad-tui"
    made = nomad_tui(*arguments[1:], given=given.removesuffix("END\n"))
    assert made == Result(
        0,
        "Registered deployments: Deployment, Job:web to https://example.com/hook, "
        f"in {sinks() / 'deployments.toml'}.\n",
        "",
    )
    assert "deployments  webhook  https://example.com/hook  Deployment, Job:web" in nomad_tui("sink", "list").out


def test_the_betas_object_is_registered_and_shown(tmp_path: Path) -> None:
    file = tmp_path / "sink.json"
    file.write_text(BETA)
    made = nomad_tui("sink", "register", str(file))
    assert made.code == 0
    assert made.err == "nomad-tui: LatestIndex has no effect: the journal knows how far a sink has got.\n"
    assert (sinks() / "beta.json").read_text() == BETA
    shown = nomad_tui("sink", "show", "beta", "--output", "json")
    assert json.loads(shown.out) == {
        "ID": "beta",
        "Type": "webhook",
        "Topics": {"Deployment": ["*"]},
        "Address": "http://127.0.0.1:9999/hook",
    }
    assert "# LatestIndex has no effect" in nomad_tui("sink", "show", "beta").out
    assert json.loads(nomad_tui("sink", "list", "--output", "json").out) == [json.loads(shown.out)]
    gone = nomad_tui("sink", "deregister", "beta")
    assert (gone.code, gone.out) == (0, f"Deregistered beta: {sinks() / 'beta.json'} is removed.\n")
    assert json.loads(nomad_tui("sink", "list", "--output", "json").out) == []


def test_secrets_are_masked_unless_requested() -> None:
    assert "hunter2" not in nomad_tui("sink", "register", "-", given=SECRETS).out
    for arguments in (("list",), ("list", "--output", "json"), ("show", "web"), ("show", "web", "--output", "json")):
        masked = nomad_tui("sink", *arguments)
        assert masked.code == 0
        assert "hunter2" not in masked.out
        assert "aHVudGVyMg" not in masked.out
        if "show" in arguments:
            assert "<redacted>" in masked.out
            assert "${TOKEN}" in masked.out
            assert "hunter2" in nomad_tui("sink", *arguments, "--reveal").out


@pytest.mark.parametrize(
    ("begin", "secret"),
    [
        ("https://hooks.slack.com/", "services/T0AB12CD3/B0AB12CD3/x9Y8z7W6v5U4t3S2r1Q0p9O8"),
        ("https://discord.com/api/", "webhooks/117800000000000000/abcDEF123-ghiJKL456"),
        ("https://contoso.webhook.office.com/", "webhookb2/0f1e@2d3c/IncomingWebhook/4b5a/6978"),
        (
            "https://prod-1.westeurope.logic.azure.com:443/",
            "workflows/0123abcd/triggers/manual/paths/invoke?sig=q1w2e3",
        ),
    ],
)
def test_a_webhooks_secret_path_is_masked(begin: str, secret: str) -> None:
    given = f'id = "chat"\ntype = "webhook"\naddress = "{begin}{secret}"\n'
    results = [nomad_tui("sink", "register", "-", given=given)]
    for arguments in (("list",), ("list", "--output", "json"), ("show", "chat"), ("show", "chat", "--output", "json")):
        results.append(nomad_tui("sink", *arguments))
    assert all(each.code == 0 and begin in each.out and secret not in each.out for each in results)
    assert begin + secret in nomad_tui("sink", "show", "chat", "--reveal").out


def test_the_output_of_show_can_be_registered_again() -> None:
    nomad_tui("sink", "register", "-", given=SECRETS)
    definition = read_definition(SECRETS, "web", None)
    for output in ("text", "json"):
        shown = nomad_tui("sink", "show", "web", "--reveal", "--output", output).out
        assert read_definition(shown, "shown", None) == definition
    assert nomad_tui("sink", "register", "-", given=shown).out.startswith("Replaced web: Job:web to https://ann:")


def test_omitted_settings_are_shown_with_their_defaults() -> None:
    nomad_tui("sink", "register", "-", given=SECRETS)
    lines = nomad_tui("sink", "show", "web").out.splitlines()
    assert lines[0] == f"# {sinks() / 'web.toml'}"
    assert '# timeout = "10s"' in lines
    assert "# redact = true" in lines
    assert '# format = "nomad"' not in lines


def test_the_list_has_columns() -> None:
    nomad_tui("sink", "register", "-", given=SECRETS)
    nomad_tui("sink", "register", "-", given=BETA)
    nomad_tui("sink", "register", "-", given='id = "long"\ntype = "stdout"\nfilter = "' + "界" * 80 + '"')
    head, *rows = nomad_tui("sink", "list").out.splitlines()
    assert head.split() == ["ID", "TYPE", "ADDRESS", "TOPICS", "FILTER", "FORMAT"]
    assert [row.split()[:2] for row in rows] == [["beta", "webhook"], ["long", "stdout"], ["web", "webhook"]]
    assert rows[2].index("Job:web") == head.index("TOPICS")
    assert rows[2].index("event") == head.index("FORMAT")
    assert "…" in rows[1]


def test_a_mistake_is_one_line_with_its_position_and_exit_code_2(tmp_path: Path) -> None:
    refused = nomad_tui("sink", "register", "-", given='id = "a"\ntype = "stdout"\nbatch.max_event = 3\n')
    assert refused == Result(
        2,
        "",
        "nomad-tui: Standard input: `batch.max_event` is not a setting of a sink: "
        "write `batch.max_events`, or leave it out.\n",
    )
    file = tmp_path / "a.toml"
    file.write_text("id =")
    assert nomad_tui("sink", "register", str(file)).err.startswith(f"nomad-tui: {file}: is not TOML: ")
    missing = nomad_tui("sink", "register", str(tmp_path / "none"))
    assert missing == Result(
        2, "", f"nomad-tui: {tmp_path / 'none'} does not exist. Name a file, or - for standard input.\n"
    )
    assert not sinks().exists()


def test_mistakes_are_listed_together_with_valid_sinks() -> None:
    nomad_tui("sink", "register", "-", given=BETA)
    (sinks() / "x.toml").write_text('id = "x"\ntype = "webhok"\n')
    (sinks() / "y.toml").write_text("[")
    listed = nomad_tui("sink", "list")
    assert listed.code == 2
    assert "beta" in listed.out
    first, second = listed.err.splitlines()
    assert first.startswith(f'nomad-tui: {sinks() / "x.toml"}: `type` is "webhok"')
    assert second.startswith(f"nomad-tui: {sinks() / 'y.toml'}: is not TOML")
    shown = nomad_tui("sink", "show", "x")
    assert (shown.code, shown.err.splitlines()) == (2, [first])
    assert nomad_tui("sink", "show", "beta").code == 0
    assert nomad_tui("sink", "deregister", "y").code == 0


def test_a_missing_sink_is_exit_code_1() -> None:
    error = "nomad-tui: No sink web is defined. `nomad-tui sink list` lists those that are.\n"
    assert nomad_tui("sink", "show", "web") == Result(1, "", error)
    assert nomad_tui("sink", "deregister", "web") == Result(1, "", error)


def test_a_sink_in_the_settings_is_listed_and_not_removed() -> None:
    sinks().parent.mkdir(parents=True)
    (sinks().parent / "config.toml").write_text('[[sink]]\nid = "out"\ntype = "stdout"\n')
    assert "standard output" in nomad_tui("sink", "list").out
    refused = nomad_tui("sink", "deregister", "out")
    assert refused.code == 2
    assert "is a [[sink]] of" in refused.err


def test_the_folder_option_can_be_anywhere_on_the_line(tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    for arguments in (
        ("--config", elsewhere, "sink", "register", "-"),
        ("sink", "--config", elsewhere, "register", "-"),
        ("sink", "register", "--config", elsewhere, "-"),
    ):
        assert f"in {elsewhere}" in nomad_tui(*arguments, given=BETA).out
    assert f"--config {elsewhere}2 -" in nomad_tui("sink", "list", "--config", f"{elsewhere}2").out
    refused = nomad_tui("--address", "http://127.0.0.1:1", "sink", "list")
    assert refused == Result(2, "", "nomad-tui: The command list has no option --address: leave it out.\n")


def test_without_a_command_it_lists_the_commands() -> None:
    result = nomad_tui("sink")
    assert result.code == 0
    for name in ("register", "list", "show", "deregister"):
        assert f"  {name}" in result.out


def test_the_shell_completes_the_ids_of_sinks() -> None:
    nomad_tui("sink", "register", "-", given=BETA)
    nomad_tui("sink", "register", "-", given=SECRETS)
    asked = {"_NOMAD_TUI_COMPLETE": "bash_complete", "COMP_WORDS": "nomad-tui sink show b", "COMP_CWORD": "3"}
    completed = subprocess.run(
        [sys.executable, "-c", "from nomad_tui.cli.main import main; main(prog_name='nomad-tui')"],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.stdout.split() == ["plain,beta"]
