"""The pager and editor, files and pictures: with real programs in a real terminal, and real files."""

import asyncio
import errno
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from fcntl import ioctl
from pathlib import Path
from struct import pack
from typing import Any, ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from nomad_tui.config.folders import styles_folder
from nomad_tui.ui.dialogs.write_file import NotWrittenError, ThereAlreadyError, WriteFile, file_name, write
from nomad_tui.ui.terminal.outcome import Outcome
from nomad_tui.ui.terminal.outside import save_picture, show_outside
from tests.keyboard import Themed, at_rest, post_key, until

# The pager

APPLICATION = """
import asyncio, os, sys
from textual.app import App
from textual.widgets import Static
from nomad_tui.ui.terminal.outside import show_outside
from nomad_tui.ui.terminal.terminal import EndingSignals
from nomad_tui.ui.terminal.terminal import Terminal

folder = sys.argv[1]

class Shown(App[None]):
    BINDINGS = [("e", "show(False)", "Pager"), ("E", "show(True)", "Editor"), ("q", "quit", "Quit")]
    read = 0

    def get_driver_class(self):
        return Terminal

    def compose(self):
        yield Static("DASHBOARD", id="count")

    async def on_mount(self):
        EndingSignals().listen(self.exit)
        self.run_worker(self.stream)

    async def stream(self):
        while True:
            await asyncio.sleep(0.01)
            self.read += 1
            self.bell()  # as a watch rule rings it
            self.query_one(Static).update(f"DASHBOARD {self.read} {self.size.width} wide")
            with open(f"{folder}/read.new", "w") as file:
                file.write(str(self.read))
            os.replace(f"{folder}/read.new", f"{folder}/read")

    def action_show(self, editor):
        self.run_worker(self.shown(editor))

    async def shown(self, editor):
        outcome = await show_outside(self, '{"ID": "web"}', "job-web-1204.json", editor=editor)
        with open(f"{folder}/messages", "a") as file:
            file.write(f"{outcome.done}: {outcome.sentence}\\n")

Shown().run()
"""

TAKE_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
"""Gives the program the terminal, so that Ctrl+C and Ctrl+Z reach its foreground group."""

PAGER = """
import json, os, signal, sys
folder, file = sys.argv[1:3]
def interrupted(number, frame):
    open(f"{folder}/interrupted", "w").close()
signal.signal(signal.SIGINT, interrupted)
facts = {
    "pid": os.getpid(), "file": file, "text": open(file).read(), "mode": os.stat(file).st_mode,
    "terminal": [os.isatty(n) for n in range(3)], "size": os.get_terminal_size().columns,
}
open(f"{folder}/facts.new", "w").write(json.dumps(facts))
os.replace(f"{folder}/facts.new", f"{folder}/facts")
print("PAGER BEGINS", flush=True)
line = input()
print("PAGER ENDS", flush=True)
if line == "change":
    open(file, "a").write(" ")
sys.exit(3 if line == "fail" else 0)
"""


class Terminal:
    """A real application in its own terminal."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        (folder / "pager.py").write_text(PAGER)
        pager = f"{sys.executable} {folder}/pager.py {folder}"
        base = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "HOME": str(folder), "TMPDIR": str(folder)}
        self._master, terminal = pty.openpty()
        self.resize(90)
        self.before = termios.tcgetattr(terminal)
        self.got = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL + APPLICATION, str(folder)],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**base, "PAGER": pager, "VISUAL": pager, **environ},
            start_new_session=True,
        )
        self._terminal = terminal

    def resize(self, width: int) -> None:
        ioctl(self._master, termios.TIOCSWINSZ, pack("HHHH", 24, width, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, fact: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not fact():
            assert time.monotonic() < deadline, self.got[-2000:]
            if select.select([self._master], [], [], 0.02)[0]:
                self.got += os.read(self._master, 65536)

    def shows(self, text: str) -> None:
        """Wait until the text is drawn after this call."""
        self.got = b""
        self.until(lambda: text.encode() in self.got)

    @property
    def read(self) -> int:
        """Return how much of its stream the application has read."""
        file = self.folder / "read"
        return int(file.read_text()) if file.exists() else 0

    def keeps_reading(self) -> None:
        """Wait until more of the stream was read than within `TOO_SHORT_TO_READ`."""
        read = self.read
        self.until(lambda: self.read > read + 50)

    @property
    def messages(self) -> list[str]:
        file = self.folder / "messages"
        return file.read_text().splitlines() if file.exists() else []

    def pager(self) -> dict[str, Any]:
        """Wait for a pager, and return what it recorded."""
        facts = self.folder / "facts"
        self.until(facts.exists)
        found: dict[str, Any] = json.loads(facts.read_text())
        facts.unlink()
        self.until(lambda: b"PAGER BEGINS" in self.got)
        return found

    @property
    def settings(self) -> list[Any]:
        return termios.tcgetattr(self._terminal)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._master)
        os.close(self._terminal)


@contextmanager
def terminal(folder: Path, **environ: str) -> Iterator[Terminal]:
    opened = Terminal(folder, environ)
    try:
        opened.until(lambda: b"DASHBOARD" in opened.got)
        yield opened
    finally:
        opened.close()


def test_a_pager_has_the_terminal_while_the_stream_is_read(tmp_path: Path) -> None:
    with terminal(tmp_path) as opened:
        opened.press("e")
        found = opened.pager()
        assert found["text"] == '{"ID": "web"}'
        assert Path(found["file"]).name == "job-web-1204.json"
        assert stat.S_IMODE(found["mode"]) == 0o600
        assert found["terminal"] == [True, True, True]
        assert opened.settings[3] == opened.before[3], "the terminal is as the shell left it"
        opened.got = b""
        opened.keeps_reading()
        assert opened.got == b"", "nothing is drawn over the pager"
        opened.press("\x03")
        opened.until((tmp_path / "interrupted").exists)
        opened.resize(70)
        opened.press("done\n")
        opened.until(lambda: opened.messages)
        opened.shows("70 wide")
        assert opened.messages == ["True: "]
        assert not Path(found["file"]).parent.exists()
        opened.press("q")
        opened.until(lambda: opened.process.poll() is not None)
        assert opened.process.returncode == 0
        assert opened.settings[3] == opened.before[3]


def test_changes_in_an_editor_are_discarded_and_a_failure_is_reported(tmp_path: Path) -> None:
    with terminal(tmp_path) as opened:
        opened.press("E")
        opened.pager()
        opened.keeps_reading()
        opened.press("change\n")
        opened.until(lambda: len(opened.messages) == 1)
        assert opened.messages[0] == "True: You changed a temporary copy, now deleted. Save the event with {app.save}."
        opened.shows("DASHBOARD")
        opened.got = b""
        opened.press("e")
        opened.pager()
        opened.keeps_reading()
        opened.press("fail\n")
        opened.until(lambda: len(opened.messages) == 2)
        assert "ended with exit code 3. Set PAGER to another program" in opened.messages[1]
        opened.shows("DASHBOARD")


def test_the_output_of_a_program_that_ends_at_once_stays_until_enter(tmp_path: Path) -> None:
    with terminal(tmp_path, PAGER="cat") as opened:
        opened.press("e")
        opened.until(lambda: b"cat ended. Press Enter to return" in opened.got)
        assert b'{"ID": "web"}' in opened.got
        assert opened.messages == []
        opened.keeps_reading()
        opened.press("\n")
        opened.until(lambda: opened.messages)
        opened.shows("DASHBOARD")


def test_a_pager_that_is_killed_gives_the_screen_back(tmp_path: Path) -> None:
    with terminal(tmp_path) as opened:
        opened.press("e")
        found = opened.pager()
        opened.keeps_reading()
        os.kill(found["pid"], signal.SIGKILL)
        opened.until(lambda: opened.messages)
        assert "was killed by signal 9" in opened.messages[0]
        opened.shows("DASHBOARD")


def test_ctrl_z_is_ignored_where_nothing_could_resume_the_program(tmp_path: Path) -> None:
    with terminal(tmp_path) as opened:
        opened.press("e")
        opened.pager()
        opened.press("\x1a")
        opened.keeps_reading()
        opened.press("done\n")
        opened.until(lambda: opened.messages)
        opened.shows("DASHBOARD")


def test_a_terminated_dashboard_terminates_the_pager_too(tmp_path: Path) -> None:
    with terminal(tmp_path) as opened:
        opened.press("e")
        found = opened.pager()
        opened.process.terminate()
        opened.until(lambda: opened.process.poll() is not None)
        with pytest.raises(ProcessLookupError):
            os.kill(found["pid"], 0)
        assert not Path(found["file"]).exists()
        assert opened.settings[3] == opened.before[3]


async def outcome_of(environ: dict[str, str], editor: bool = False) -> Outcome:
    app: App[None] = App()
    async with asyncio.timeout(60), app.run_test():
        return await show_outside(app, "{}", "job-1.json", editor=editor, environ=environ)


@pytest.mark.parametrize(
    ("environ", "editor", "messages"),
    [
        ({"PAGER": "nonesuch -R"}, False, "PAGER is 'nonesuch -R', which is not a program on this machine. Correct"),
        ({"EDITOR": "vi 'x"}, True, "EDITOR is 'vi 'x', which has an unclosed quote. Correct or unset it."),
        ({"PAGER": "", "PATH": "/nowhere"}, False, "Neither less nor more is installed. Set PAGER to a program"),
        ({"PATH": "/nowhere"}, True, "Neither vi nor nano is installed. Set VISUAL to a program that is."),
        (
            {"PAGER": "cat", "PATH": "/usr/bin:/bin"},
            False,
            "This terminal cannot run another program. Save the event",
        ),
    ],
)
async def test_why_a_pager_or_editor_cannot_run_is_reported(
    environ: dict[str, str], editor: bool, messages: str
) -> None:
    outcome = await outcome_of(environ, editor)
    assert not outcome.done
    assert messages in outcome.sentence


# Files


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize(
    ("topic", "key", "name"),
    [
        ("Allocation", "3f2a91c4-0000-4000-8000-000000000001", "allocation-3f2a91c4-1204.json"),
        ("Job", "web", "job-web-1204.json"),
        ("Job", "batch/dispatch-1", "job-batch-dispatch-1-1204.json"),
        ("Variable", "../../etc/passwd", "variable-etc-passwd-1204.json"),
        ("Job", "\x1b[2J\n é", "job-2J-1204.json"),
        ("Job", "..", "job-1204.json"),
        ("", "x" * 500, f"{'x' * 60}-1204.json"),
    ],
)
def test_file_names_for_any_object_name(topic: str, key: str, name: str) -> None:
    assert file_name(topic, key, 1204) == name


def test_a_file_is_private_and_replaced_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    assert write(path, "wörld", replace=False) == 6
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ThereAlreadyError, match=r"exists\. Press Enter again to replace it"):
        write(path, "other", replace=False)
    assert path.read_text() == "wörld"
    write(path, "other", replace=True)
    assert path.read_text() == "other"
    assert names_in(tmp_path) == ["event.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("before")
    (tmp_path / "link.json").symlink_to("real.json")
    write(tmp_path / "link.json", "after", replace=True)
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "after"


def test_a_failed_write_is_reported_and_leaves_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    for path, messages in (
        (tmp_path, "is a folder. Add a file name."),
        (tmp_path / "missing" / "x.json", "There is no folder"),
        (tmp_path / "file" / "x.json", "There is no folder"),
        (tmp_path / "pipe", "is not a regular file. Type another name."),
        (tmp_path / "loop", "cannot be written (too many levels of symbolic links)"),
        (tmp_path / ("x" * 300), "cannot be written (file name too long)"),
        (tmp_path / "a\0b", "is not a file name"),
    ):
        with pytest.raises(NotWrittenError) as raised:
            write(path, "text", replace=False)
        assert messages in str(raised.value)
        assert str(raised.value).isprintable()
    assert names_in(tmp_path) == ["file", "loop", "pipe"]


def test_a_full_disk_is_reported_and_the_old_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text("before")
    full = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "event.json")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert os.strerror(errno.EFBIG).lower() in full.stdout
    assert (tmp_path / "event.json").read_text() == "before"
    assert names_in(tmp_path) == ["event.json"]


FULL = """
import resource, signal, sys
from pathlib import Path
from nomad_tui.ui.dialogs.write_file import NotWrittenError, write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write(Path(sys.argv[1]), "x" * 5000, replace=True)
except NotWrittenError as error:
    print(error)
"""


class Writer(Themed):
    CSS_PATH: ClassVar = [styles_folder() / "copy.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [Binding("w", "write", "Write", priority=True)]

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str | None] = []

    def compose(self) -> ComposeResult:
        yield Static("something on the screen")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return len(self.screen_stack) == 1 if action == "write" else super().check_action(action, parameters)

    def action_write(self) -> None:
        self.push_screen(WriteFile(lambda: '{"ID": "web"}', "job-web-1204.json"), self.messages.append)

    @property
    def trouble(self) -> str:
        screen = self.screen
        return str(screen.trouble.content) if isinstance(screen, WriteFile) else ""


async def typed(app: App[None], *keys: str) -> None:
    for key in keys:
        post_key(app, key)
    await at_rest(app)


async def test_the_prompt_writes_to_the_current_folder_and_confirms_replacing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = Writer()
    async with asyncio.timeout(60), app.run_test() as pilot:
        await typed(app, "w", "enter")
        await until(pilot.app, lambda: app.messages)
        path = tmp_path / "job-web-1204.json"
        assert app.messages == [f"Written: 13 B to {path} (mode 0600)."]
        assert path.read_text() == '{"ID": "web"}'
        path.write_text("mine")
        await typed(app, "w", "enter")
        assert "already exists" in app.trouble
        assert path.read_text() == "mine"
        (tmp_path / "job-web-1204.jso").write_text("mine too")
        await typed(app, "backspace", "enter")
        assert "job-web-1204.jso already exists" in app.trouble
        assert (tmp_path / "job-web-1204.jso").read_text() == "mine too"
        await typed(app, "n", "enter")
        assert "job-web-1204.json already exists" in app.trouble
        await typed(app, "enter")
        await until(pilot.app, lambda: len(app.messages) == 2)
        assert path.read_text() == '{"ID": "web"}'


async def test_text_typed_at_once_goes_to_the_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    app = Writer()
    async with asyncio.timeout(60), app.run_test() as pilot:
        await typed(app, "w", "ctrl+u", *"~/ab", "enter")
        await until(pilot.app, lambda: app.messages)
        assert (tmp_path / "ab").exists()
        await typed(app, "w", "ctrl+u", *"no/ab", "enter")
        assert app.trouble == f"There is no folder {tmp_path}/no: make it, or type another."
        await typed(app, "ctrl+u", *"ab/", "enter")
        assert app.trouble == "ab/ is a folder. Add a file name."
        await typed(app, "ctrl+u", "enter")
        assert app.trouble == "Type a file name."
        await typed(app, "ctrl+u", *"~nobody-here/x", "enter")
        assert app.trouble == "There is no user ~nobody-here: type another path."
        await typed(app, "escape", "escape")
        await until(pilot.app, lambda: len(app.messages) == 2)
        assert app.messages[1] is None
    assert names_in(tmp_path) == ["ab"]


# Pictures


async def test_a_picture_shows_the_screen_and_replaces_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = Writer()
    async with asyncio.timeout(60), app.run_test():
        await at_rest(app)
        moment = datetime(2026, 11, 23, 8, 54, 3)
        first, second = (save_picture(app, clock=lambda: moment) for _ in range(2))
        assert first.done and second.done
        assert re.fullmatch(
            rf"Written: .* to {tmp_path}/nomad-tui-20261123-085403\.svg \(mode 0600\)\.", first.sentence
        )
        files = names_in(tmp_path)
        assert files == ["nomad-tui-20261123-085403-2.svg", "nomad-tui-20261123-085403.svg"]
        text = (tmp_path / files[1]).read_text().replace("&#160;", " ")
        assert text.startswith("<svg")
        assert "something on the screen" in text
        refused = save_picture(app, tmp_path / "missing")
        assert refused == Outcome(
            False,
            f"No picture saved: There is no folder {tmp_path}/missing. Start nomad-tui in a writable folder.",
        )
