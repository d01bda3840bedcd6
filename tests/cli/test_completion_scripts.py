"""`nomad-tui completion`: a shell's suggestions for a word, without starting the program."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_tail import PROGRAM

CONFIG = """[profile.prod]
token_file = "t"
[profile."new york"]
id = "dud"
[[sink]]
type = "stdout"
id = "dump"
"""
FILTERS = '[filters."web trouble"]\nfilter = "job:=web status:=failed,lost"\nkey = "F7"\n'


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    for shell in ("bash", "zsh", "fish"):
        printed = subprocess.run([PROGRAM, "completion", shell], capture_output=True, check=True, timeout=60).stdout
        (folder / shell).write_bytes(printed)
    (folder / "config.toml").write_text(CONFIG)
    (folder / "filters.toml").write_text(FILTERS)
    (folder / "sinks").mkdir()
    (folder / "sinks" / "deployments.toml").touch()
    (folder / "recorded.ndjson").touch()
    return folder


def bash(scripts: Path, *words: str) -> list[str]:
    """Return bash's suggestions for the last word, with only sed in its PATH."""
    asked = 'source ./bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _nomad_tui; printf \'%s\\n\' "${COMPREPLY[@]}"'
    environment = {"PATH": "/usr/bin:/bin", "NOMAD_TUI_CONFIG": str(scripts)}
    ran = subprocess.run(
        ["bash", "-c", asked, "bash", "nomad-tui", *words],
        cwd=scripts, env=environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert ran.stderr == ""
    return ran.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("ta",), ["tail"]),
        (("sink", "dereg"), ["deregister"]),
        (("--topic", "Eval"), ["Evaluation"]),
        (("tail", "--topic", "Node"), ["Node", "NodePool"]),
        (("tail", "--output", "c"), ["csv"]),
        (("tail", "--output", "=", "c"), ["csv"]),
        (("tail", "--re"), ["--region", "--redact", "--retries"]),
        (("--profile", "p"), ["prod"]),
        (("tail", "--profile", "new"), ["new\\ york"]),
        (("sink", "run", "d"), ["dump", "deployments"]),
        (("tail", "--filter", "ta"), ["task:"]),
        (("tail", "--filter", "topic", ":", "Node"), ["Node", "NodePool"]),
        (("tail", "--filter", "job"), ["job:", "job:=web\\ status:=failed\\,lost"]),
        (("open", "--filter", "'topic:=Alloc"), ["topic:=Allocation\\ oom-killed"]),
        (("open", "rec"), ["recorded.ndjson"]),
        (("completion", "f"), ["fish"]),
        (("help", "sink-s"), ["sink-stdout", "sink-slack", "sink-settings"]),
    ],
)
def test_bash_completion(scripts: Path, words: tuple[str, ...], offered: list[str]) -> None:
    assert bash(scripts, *words) == offered


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed here")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tail --topic Node", {"Node", "NodePool"}),
        ("sink dereg", {"deregister"}),
        ("tail --profile p", {"prod"}),
        ("sink run d", {"dump", "deployments"}),
        ("tail --filter job:=w", {"job:=web status:=failed,lost"}),
    ],
)
def test_fish_completion(scripts: Path, line: str, offered: set[str]) -> None:
    ran = subprocess.run(
        ["fish", "--no-config", "-c", f"source {scripts}/fish; complete -C 'nomad-tui {line}'"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(scripts), "NOMAD_TUI_CONFIG": str(scripts)},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert (set(ran.stdout.splitlines()), ran.stderr) == (offered, "")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed here")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tail --topic Node", {"Node", "NodePool"}),
        ("tail --profile p", {"prod"}),
        ("sink run d", {"dump", "deployments"}),
    ],
)
def test_zsh_completion(scripts: Path, line: str, offered: set[str]) -> None:
    """The completing builtins are replaced by a function that prints the candidates with the word's prefix."""
    words = ["nomad-tui", *line.split()]
    program = f"""
        compdef() {{ :; }}
        compadd() {{
            if [[ $1 == -a ]]; then reply=(${{(P)2}}); else shift; reply=("$@"); fi
            for each in $reply; do [[ $each == "$words[CURRENT]"* ]] && print -r -- $each; done
        }}
        source {scripts}/zsh; words=({" ".join(words)}); CURRENT={len(words)}; _nomad_tui; exit 0"""
    ran = subprocess.run(
        ["zsh", "-f", "-c", program],
        env={"PATH": "/usr/bin:/bin", "HOME": str(scripts), "NOMAD_TUI_CONFIG": str(scripts)},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert (set(ran.stdout.splitlines()), ran.stderr) == (offered, "")
