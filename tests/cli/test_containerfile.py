"""The Containerfile's steps, run directly, because few test machines have a builder."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.cli.test_packaging import DEPENDENCIES, ROOT
from tests.mounting import MAY_MOUNT, in_own_mounts

PATIENCE = 60.0
INSTRUCTIONS = [
    (line.split(maxsplit=1)[0], line.split(maxsplit=1)[1])
    for line in re.sub(r"\s*\\\n\s*", " ", (ROOT / "Containerfile").read_text()).splitlines()
    if line and not line.startswith("#")
]
LAST_STAGE = max(place for place, (name, _) in enumerate(INSTRUCTIONS) if name == "FROM")
ENVIRONMENT = dict(each.split("=", 1) for name, text in INSTRUCTIONS if name == "ENV" for each in shlex.split(text))


def only(instruction: str) -> str:
    [text] = [text for name, text in INSTRUCTIONS[LAST_STAGE:] if name == instruction]
    return text


def test_the_image_is_slim_unprivileged_and_compiles_nothing() -> None:
    assert all(text.split()[0].endswith("-slim") for name, text in INSTRUCTIONS if name == "FROM")
    assert int(only("USER").partition(":")[0]) > 0
    assert only("ENTRYPOINT") == '["nomad-tui"]'
    steps = [text for name, text in INSTRUCTIONS if name == "RUN"]
    assert not [each for each in steps if re.search(r"\b(apt|apt-get|gcc|make|build-essential)\b", each)]
    assert ["--only-binary=:all:" in each for each in steps if "pip install" in each] == [True]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the file system of the first stage, installed from this environment instead of from an index."""
    root = tmp_path_factory.mktemp("image")
    (root / "opt").mkdir()
    folder = root
    environment = {
        **os.environ, "PYTHONPATH": DEPENDENCIES,
        "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0",
    }  # fmt: skip
    for name, text in INSTRUCTIONS[1:LAST_STAGE]:
        match name:
            case "WORKDIR":
                folder = root / text.removeprefix("/")
                folder.mkdir(parents=True)
            case "COPY":
                *sources, target = text.split()
                for source in sources:
                    into = folder / target / (source if target == "./" else "")
                    if (ROOT / source).is_dir():
                        shutil.copytree(ROOT / source, into, ignore=shutil.ignore_patterns("__pycache__"))
                    else:
                        shutil.copy(ROOT / source, into)
            case "RUN":
                command = text.replace("/opt/", f"{root}/opt/").replace("python ", f"{sys.executable} ")
                ran = subprocess.run(
                    ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
                )
                assert ran.returncode == 0, ran.stdout + ran.stderr
            case _:
                raise AssertionError(name)
    return root


@pytest.mark.skipif(not MAY_MOUNT, reason="this machine lets nobody mount a file system read-only")
def test_a_runner_is_healthy_on_a_read_only_file_system(root: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    state = tmp_path / "state"
    state.mkdir()
    environment = {
        name: value.replace("/opt/", f"{root}/opt/").replace("/var/lib/nomad-tui", str(state))
        for name, value in ENVIRONMENT.items()
    }
    program = in_own_mounts('mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"')
    runner = [f"{root}/opt/nomad-tui/bin/nomad-tui", "--address", "http://127.0.0.1:1", "sink", "run", "--http"]
    process = subprocess.Popen(
        [*program, "sh", root, *runner, f"127.0.0.1:{port}"],
        cwd=state,
        env={**environment, "PYTHONPATH": DEPENDENCIES},
        stderr=subprocess.PIPE,
        text=True,
    )
    check = json.loads(only("HEALTHCHECK").partition("CMD ")[2])
    check[2] = check[2].replace("/proc/1/", f"/proc/{process.pid}/")
    try:
        deadline = monotonic() + PATIENCE
        healthy = False
        while not healthy and process.poll() is None and monotonic() < deadline:
            healthy = subprocess.run([sys.executable, *check[1:]], capture_output=True, timeout=60).returncode == 0
            sleep(0.1)
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert healthy, errors
    assert list((state / "nomad-tui" / "journals").iterdir())
    assert subprocess.run([sys.executable, *check[1:]], capture_output=True, timeout=60).returncode != 0
