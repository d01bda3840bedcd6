"""The first `nomad-tui` without a server: one page shows what was tried, and the alternatives."""

import socket
from pathlib import Path

import pytest

from tests.terminal.conftest import Serve
from tests.terminal.program import running

WELL_KNOWN = ("127.0.0.1", 4646)


@pytest.fixture(autouse=True)
def no_server() -> None:
    with socket.socket() as tried:
        if tried.connect_ex(WELL_KNOWN) == 0:
            pytest.skip("something answers at the default address of this machine")


def test_the_page_shows_what_was_tried_and_asks_for_an_address(tour: Path, home: Path, serve: Serve) -> None:
    address = serve(tour, "--lead", "all", "--buffer-size", "1000").address
    with running(size=(100, 30), home=home) as program:
        program.wait_for(
            "No Nomad server yet", "http://127.0.0.1:4646, the default", "neither NOMAD_ADDR", "Cannot reach"
        )
        program.press("c").wait_for("Doctor").press("escape").wait_gone("Doctor  ")
    with running(size=(100, 30), home=home) as program:
        program.wait_for("No Nomad server yet").press("a").wait_for("Enter connect")
        program.press("nowhere:x", "enter").wait_for("nowhere:x").press("ctrl+u", address, "enter").wait_for("held 625")
        assert "No Nomad server yet" not in program.text


def test_the_page_opens_the_demo_and_is_skipped_if_an_address_was_given(home: Path) -> None:
    with running(size=(100, 30), home=home) as program:
        program.wait_for("No Nomad server yet").press("d").wait_for("\u25cf live")
    with running("--address", "http://127.0.0.1:1", size=(100, 30), home=home) as program:
        program.wait_for("Retrying").settle()
        assert "No Nomad server yet" not in program.text
