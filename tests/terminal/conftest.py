"""Recordings as files, and servers as processes, for programs in a terminal."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import recordings

Server = Callable[..., str]


@pytest.fixture
def tour(tmp_path: Path) -> Path:
    file = tmp_path / "tour.ndjson"
    file.write_bytes(recordings.content("tour"))
    return file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def serve() -> Iterator[Server]:
    """Starts the stand-in server as a process of its own, with these options, and returns its address."""
    servers: list[subprocess.Popen[str]] = []

    def start(recording: Path, *options: str) -> str:
        server = subprocess.Popen(
            [sys.executable, "-m", "nomad_tui.sources.standin", str(recording), *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        servers.append(server)
        assert server.stdout is not None
        return server.stdout.readline().strip()

    yield start
    for server in servers:
        server.kill()
        server.communicate()
