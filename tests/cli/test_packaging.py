"""Built packages can be installed and run, and the README's commands are those of continuous integration."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from nomad_tui import __version__
from nomad_tui.manual import pages

ROOT = Path(__file__).parents[2]
TRY_IT = "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/nomad-tui demo"
TEST_IT = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest"

DEPENDENCIES = sysconfig.get_path("purelib")
"""This interpreter's installed dependencies. As PYTHONPATH it does not include the project's own checkout."""

SUFFIXES = (".py", ".tcss", ".zst", ".svg", ".md")


def run(*command: str | Path, folder: Path, **environ: str) -> str:
    """Run a command that must succeed, and return its output."""
    process = subprocess.run(
        command, cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True, timeout=120, check=False
    )
    assert process.returncode == 0, f"{command}\n{process.stdout}\n{process.stderr}"
    return process.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a source distribution and, from it, a wheel; return their folder."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, folder=folder)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    [wheel] = built.glob("*.whl")
    return wheel


def test_the_wheel_contains_style_sheets_recording_manual_and_type_marker(wheel: Path) -> None:
    assert wheel.name == f"nomad_tui-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for sheet in (ROOT / "styles").glob("*.tcss"):
            assert archive.read(f"nomad_tui/styles/{sheet.name}") == sheet.read_bytes()
        modules = {file.relative_to(ROOT).as_posix() for file in (ROOT / "nomad_tui").rglob("*.py")}
        assert modules <= names
        assert {"nomad_tui/py.typed", "nomad_tui/data/tour.ndjson.zst"} <= names
        for page in (ROOT / "nomad_tui" / "manual").glob("*.md"):
            assert archive.read(f"nomad_tui/manual/{page.name}") == page.read_bytes()
        beside = f"nomad_tui-{__version__}"
        assert {name.split("/")[0] for name in names} == {"nomad_tui", f"{beside}.dist-info", f"{beside}.data"}
        assert f"nomad_tui-{__version__}.dist-info/licenses/LICENSE" in names


def test_the_wheel_contains_the_manual_as_a_valid_man_page(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = (name for name in archive.namelist() if name.endswith("share/man/man1/nomad-tui.1"))
        archive.extract(name, tmp_path)
    page = tmp_path / name
    sections = re.findall(r'^\.SH "(.*)"$', page.read_text(), re.MULTILINE)
    assert [section.replace("\\-", "-") for section in sections] == [each.title for each in pages()]
    if shutil.which("groff"):
        done = subprocess.run(
            ("groff", "-man", "-Tutf8", "-K", "utf8", "-ww", page), capture_output=True, text=True, check=True
        )
        assert done.stderr == ""


def test_the_source_distribution_contains_what_its_tests_need(built: Path) -> None:
    [source] = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("nomad_tui", "styles", "tests", "screenshots"):
        files = (file for file in (ROOT / folder).rglob("*") if file.suffix in SUFFIXES)
        assert {file.relative_to(ROOT).as_posix() for file in files} - names == set()
    assert {
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "pyproject.toml",
        "man_page.py",
        ".ci/run",
    } <= names


def test_the_wheel_works_in_any_location(wheel: Path, tmp_path: Path) -> None:
    environment, elsewhere = tmp_path / "environment", tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(sys.executable, "-m", "venv", "--without-pip", environment, folder=elsewhere)
    python = environment / "bin" / "python"
    install = ("--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    run(sys.executable, "-m", "pip", *install, folder=elsewhere, PIP_DISABLE_PIP_VERSION_CHECK="1")

    program = "from nomad_tui.config.folders import styles_folder; print(styles_folder())"
    styles = Path(run(python, "-c", program, folder=elsewhere, PYTHONPATH=DEPENDENCIES).strip())
    assert styles.is_relative_to(environment)
    assert sorted(file.name for file in styles.iterdir()) == sorted(file.name for file in (ROOT / "styles").iterdir())

    version = run(environment / "bin" / "nomad-tui", "--version", folder=elsewhere, PYTHONPATH=DEPENDENCIES)
    assert __version__ in version
    demo = "import nomad_tui.cli.demo as demo; print(len(demo.recorded_lines()))"
    assert int(run(python, "-c", demo, folder=elsewhere, PYTHONPATH=DEPENDENCIES)) > 280


def test_the_readme_says_how_to_try_it_and_how_to_test_it() -> None:
    fences = re.findall(r"^```[a-z]*\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    commands = [line for fence in fences for line in fence.splitlines()]
    assert [command for command in (TRY_IT, TEST_IT) if command not in commands] == []


def test_continuous_integration_runs_the_readmes_test_command() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert TEST_IT in script.read_text()
