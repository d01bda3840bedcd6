"""`B`: opens the object's page in a local browser, or copies its address over SSH."""

from base64 import b64encode
from pathlib import Path

import pytest

from tests.terminal.conftest import Serve
from tests.terminal.program import running


@pytest.mark.parametrize("ssh", [False, True])
def test_the_page_is_opened_locally_and_copied_over_ssh(
    ssh: bool, tour: Path, home: Path, serve: Serve, tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "bin" / "xdg-open"
    browser.parent.mkdir()
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    browser.chmod(0o755)
    server = serve(tour, "--lead", "all", "--buffer-size", "1000")
    environment = {"PATH": f"{browser.parent}:/usr/bin:/bin", "DISPLAY": ":0"}
    if ssh:
        environment["SSH_CONNECTION"] = "192.0.2.1 1 192.0.2.2 22"
    url = f"{server.address}/ui/clients/"
    arguments = ("--address", server.address, "--filter", "topic:Node")
    with running(*arguments, size=(120, 30), home=home, environment=environment) as program:
        program.wait_for("following", "ready").wait_until_idle().press("k").settle().press("B")
        if ssh:
            sent = b64encode(url.encode())[:-4]
            program.wait_until(lambda: sent in program.terminal.raw, "the address handed to the terminal")
        else:
            program.wait_until(lambda: opened.exists() and opened.read_text().startswith(url), "opened")
    assert opened.exists() is not ssh
