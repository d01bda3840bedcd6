"""The first screens after a start show nothing false."""

import socket
import threading
import time
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from rich.cells import cell_len

from nomad_tui.core import glyphs
from tests import recordings
from tests.terminal.conftest import Serve
from tests.terminal.emulator import Cell
from tests.terminal.program import TOAST, running


def test_a_start_raises_no_alarm(tour: Path, home: Path, serve: Serve) -> None:
    address = serve(tour, "--lead", "all", "--buffer-size", "1000").address
    for arguments in (("open", tour), ("--address", address), ("demo",)):
        with running(*arguments, size=(100, 30), home=home) as program:
            program.wait_for("Facets", "held").settle()
            shown = program.terminal.raw.decode(errors="replace")
            for alarm in ("No answer", "no event matches", "reconnecting"):
                assert alarm not in shown, f"{arguments}: {alarm}"


def test_without_a_server_the_first_screen_shows_what_to_do(home: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with running("--address", f"http://{address}", size=(80, 24), home=home) as program:
        program.wait_for(f"{address}   ◌ connecting", "connection refused")
        program.wait_for(" c check the connection · @ switch cluster · or run `nomad-tui demo`")
        assert "following" not in program.lines[0]
        program.press("c").wait_for("Doctor")


def test_the_demo_shows_that_its_server_is_starting(home: Path) -> None:
    starting = "The demo's server is starting"
    with running("demo", size=(120, 30), home=home) as program:
        program.wait_until(lambda: not program.echoes, "no echo").press("r", "c")
        program.wait_for("held").wait_until(lambda: starting in program.text or "Doctor" in program.text, "an answer")
        program.press("escape").wait_for("live").press("c").wait_for("Doctor")
        assert "Only available when connected" not in program.terminal.raw.decode(errors="replace")


class SlowFirstLine(BaseHTTPRequestHandler):
    """A server whose first frame arrives through a very slow network."""

    def do_GET(self) -> None:
        if not self.path.startswith("/v1/event/stream"):
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(b'{"Index":7,"Events":[')
            while True:
                self.wfile.write(b" ")
                time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        pass


def test_a_slow_first_line_is_not_reported_as_no_response(home: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SlowFirstLine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.daemon_threads = True
        with running("--address", f"http://127.0.0.1:{server.server_port}", size=(120, 30), home=home) as program:
            program.wait_for("A line of the stream does not end: ", " B arrived in ")
            assert "No answer" not in program.text
        server.shutdown()


def test_the_header_shows_following_or_paused(tour: Path, home: Path, serve: Serve) -> None:
    address = serve(tour, "--lead", "all", "--buffer-size", "1000").address
    with running("--address", address, size=(80, 24), home=home) as program:
        program.wait_for("625").wait_until(lambda: "following" in program.lines[0], "following")
        program.press("p").wait_until(lambda: "▮▮ paused" in program.lines[0], "paused")
        program.press("p", "k").wait_until(lambda: not {"following", "paused"} & {*program.lines[0].split()}, "neither")


def test_the_scrollbar_is_at_the_end_while_following_and_at_the_top_on_the_oldest_event(tour: Path, home: Path) -> None:
    """With 625 rows in a short list, the thumb is less than a cell high. The first frame shows the end too."""
    oldest, newest = "08:48:06.000", "08:52:02.993"
    with running("open", tour, size=(100, 30), home=home) as program:
        program.wait_until(lambda: oldest in program.text or newest in program.text, "rows")
        assert oldest not in program.text
        program.wait_for("625").settle()
        bottom = _thumb(program.terminal.cells())
        top = _thumb(program.press("g").settle().terminal.cells())
        assert top and bottom and min(bottom) > max(top), (top, bottom)


def _thumb(cells: list[list[Cell]]) -> list[int]:
    """Rows of the list's border with the scrollbar's thumb, drawn as an eighth block or a color."""
    rows = range(2, 14)
    column = [cells[row][-3] for row in rows]
    usual = max(column, key=column.count)
    return [row for row, cell in zip(rows, column, strict=True) if cell != usual]


def test_keys_typed_ahead_of_a_dialog_never_end_the_program(tour: Path, home: Path) -> None:
    """Each dialog is closed twice at once, and others are opened meanwhile."""
    with running("open", tour, size=(100, 30), home=home) as program:
        program.wait_for("625").settle()
        for burst in (
            ":200\r\r\r",
            ":gap\x1b",
            ":8\r:9\r:10\r",
            "y\x1b",
            "ye",
            "w\x1b",
            "D\x1b",
            "u\x1b",
            "s\x1b",
            "?q",
        ):
            for _ in range(3):
                program.press(burst).read_for(0.02)
            program.press("escape", "escape")
            program.settle()
            assert program.exit_code is None, f"after {burst!r}:\n{program.text}"


def test_a_locale_that_is_not_utf_8_is_reported_and_drawn_in_ascii(tmp_path: Path, home: Path) -> None:
    file = tmp_path / "letters.ndjson"
    file.write_text(
        '{"Index":7,"Events":[{"Topic":"Job","Type":"JobRegistered","Key":"caf\\u00e9-\\u65e5","Index":7}]}\n'
    )
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with running("open", file, size=(100, 30), home=home, environment=locale) as program:
        program.wait_for("needs UTF-8", "* Job", "caf?-??", "+- 1 Facets -").press("?").wait_for("+- Help -")
        assert program.terminal.raw.isascii()
        assert program.press("escape", "q").wait_for_exit() == 0


def test_substitutes_for_characters_outside_a_locale_have_the_same_width() -> None:
    for sign, ascii_sign in glyphs.ASCII.items():
        assert ascii_sign.isascii() and (len(ascii_sign), cell_len(sign)) == (1, 1), sign
    assert glyphs.drawn("╭─ café 日 ł ─╮ ✔", "iso-8859-1") == "+- café ?? ? -+ +"
    assert "… ✔ ł".encode("ascii", glyphs.ERRORS) == rb"... + \u0142"


def test_an_affected_release_is_reported_and_its_volumes_are_not_read(home: Path, tmp_path: Path, serve: Serve) -> None:
    file = tmp_path / "volumes.ndjson"
    file.write_bytes(b"".join(line + b"\n" for line in recordings.lines("topics") if b'"CSIVolume"' in line))
    address = serve(file, "--lead", "all", "--buffer-size", "1000", "--version", "1.11.0").address
    with running("--address", address, size=(140, 40), home=home) as program:
        program.wait_for("not read: CSIVolume").press("1", "G").wait_for("✕ ◱ CSIVolume", "harms servers")
        program.press("W").wait_for("nomad#26766", "--allow-harmful-topics").press("escape")
    with running("--address", address, "--allow-harmful-topics", size=(140, 40), home=home) as program:
        program.wait_for("CSIVolume", "held").settle()
        program.press("2", "y").wait_for("curl").press("c").wait_for("erase")


@pytest.mark.parametrize("size", [(20, 5), (1, 1)])
def test_keys_work_in_a_terminal_too_small_for_a_row(tour: Path, home: Path, size: tuple[int, int]) -> None:
    with running("open", tour, size=size, home=home) as program:
        for key in (
            "j",
            "k",
            "g",
            "G",
            "pagedown",
            "pageup",
            "d",
            "t",
            "R",
            "n",
            "m",
            "tab",
            "j",
            "enter",
            "1",
            "j",
            "2",
        ):
            program.press(key).settle()
        program.press("G").resize(100, 30).wait_for("held 625", "at the end")
        program.resize(*size).press("k").resize(100, 30).wait_for("row 624 of 625")
        assert program.press("q").wait_for_exit() == 0


def test_a_double_click_on_a_notification_only_removes_it(tour: Path, home: Path) -> None:
    with running("open", tour, size=(100, 30), home=home) as program:
        program.wait_for("625").press("L").wait_for(TOAST)
        y, line = next((y, line) for y, line in enumerate(program.lines) if TOAST in line)
        x = line.index(TOAST) + 3
        program.click(x, y + 1).click(x, y + 1).click(x, y + 1).wait_gone(TOAST).settle()
        assert program.press("q").wait_for_exit() == 0
