"""What a command loads before it can answer: the libraries are counted, for they are what a start waits for."""

import subprocess
import sys

import pytest

ANSWER = """
import sys
from nomad_tui.cli.main import main
sys.argv[0] = "nomad-tui"
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
loaded = {name.partition(".")[0] for name in sys.modules}
slow = {"asyncio", "socket", "ssl", "sqlite3", "tempfile", "json"} & loaded
print("LOADED", *sorted(loaded - sys.stdlib_module_names - {"__main__", "_distutils_hack"} | slow))
"""


def loaded(*arguments: str, **environment: str) -> set[str]:
    """Every library outside the standard one, and what is slow of that one."""
    done = subprocess.run(
        [sys.executable, "-c", ANSWER, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"HOME": "/nowhere", **environment},
    )
    return set(done.stdout.rpartition("LOADED ")[2].split())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["tail", "--help"], ["sink", "status", "--help"]])
def test_what_needs_no_cluster_loads_the_command_line_alone(arguments: list[str]) -> None:
    assert loaded(*arguments) == {"click", "nomad_tui"}


def test_a_shell_completes_words_with_the_command_line_alone() -> None:
    asked = {"_NOMAD_TUI_COMPLETE": "bash_complete", "COMP_WORDS": "nomad-tui sink run --log-f", "COMP_CWORD": "3"}
    assert loaded(**asked) == {"click", "nomad_tui"}


NEEDED_LATER = frozenset(
    ("cryptography", "filelock", "jinja2", "lark", "nats", "prometheus_client", "pygments", "structlog")
)
PICTURE = "nomad_tui.cli.source_factory nomad_tui.session nomad_tui.sources.recording nomad_tui.ui.app"


@pytest.mark.parametrize(
    ("modules", "others"),
    [
        (PICTURE, {"aiohttp", "sqlite3", "markdown_it"}),
        ("nomad_tui.cli.tail nomad_tui.sources.live", {"rich", "textual"}),
    ],
    ids=["the first picture of a recording", "tail"],
)
def test_what_is_needed_later_is_loaded_later(modules: str, others: set[str]) -> None:
    code = f"import sys, {modules.replace(' ', ', ')}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert {name.partition(".")[0] for name in done.stdout.split()} & (NEEDED_LATER | others) == set()
