"""Fixtures for programs in a terminal: recordings as files, and servers as processes."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import recordings


class Server:
    """A stand-in server in its own process."""

    def __init__(self, recording: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nomad_tui.standin", str(recording), *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Stop the server in the context, so that a busy stream pauses without losing its connection."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


Serve = Callable[..., Server]


@pytest.fixture
def tour(tmp_path: Path) -> Path:
    file = tmp_path / "tour.ndjson"
    file.write_bytes(recordings.content("tour"))
    return file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts a stand-in server with a recording and command-line options."""
    servers: list[Server] = []

    def start(recording: Path, *options: str) -> Server:
        servers.append(Server(recording, *options))
        return servers[-1]

    yield start
    for server in servers:
        server.process.kill()
        server.process.communicate()
