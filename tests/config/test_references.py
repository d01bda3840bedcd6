"""`${VARIABLE}` and `file:` in a sink's definition: resolved when used, and never shown."""

import os
from pathlib import Path

import pytest

from nomad_tui.config.references import LONGEST, ValueUnavailableError, reads_file, refers, resolve

SECRET = "s3cr3t-of-the-receiver"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("Bearer ${TOKEN}", f"Bearer {SECRET}"),
        ("${TOKEN}${TOKEN}", SECRET * 2),
        ("$TOKEN, $ and {TOKEN}", "$TOKEN, $ and {TOKEN}"),
        ("$${TOKEN}", "${TOKEN}"),
        ("$$${TOKEN}", "$${TOKEN}"),
        ("${ODD}", "${TOKEN} file:/x"),
        ("not file:/etc/hostname", "not file:/etc/hostname"),
    ],
)
def test_variables_are_expanded_once(text: str, value: str) -> None:
    assert resolve(text, {"TOKEN": SECRET, "ODD": "${TOKEN} file:/x"}) == value


def test_references_are_recognized() -> None:
    assert refers("a ${TOKEN}") and refers("file:/x") and not refers("$${TOKEN}") and not refers("plain")
    assert reads_file("file:/x") and not reads_file("${TOKEN}")


@pytest.mark.parametrize("text", ["a${MISSING}b", "a${EMPTY}b"])
def test_a_missing_variable_is_named_and_nothing_else(text: str) -> None:
    with pytest.raises(ValueUnavailableError, match=r"environment variable (MISSING|EMPTY) is .*: set it") as raised:
        resolve(f"{SECRET}{text}", {"EMPTY": "", "OTHER": SECRET})
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("text", ["${}", "${A B}", "${A", "x ${1}", "${\x1b[2J}"])
def test_an_invalid_name_is_shown_escaped(text: str) -> None:
    with pytest.raises(ValueUnavailableError, match="is not a reference to a variable") as raised:
        resolve(text, {"A": SECRET})
    assert str(raised.value).isprintable()


def test_a_rotated_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    for content, value in ((f"{SECRET}\n", SECRET), (" with spaces \r\nsecond\n", " with spaces "), ("ä", "ä")):
        file.write_text(content, newline="")
        assert resolve(f"file:{file}") == value


def test_a_path_can_start_with_home_or_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(SECRET)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("file:~/token") == SECRET
    assert resolve("file:${CREDENTIALS_DIRECTORY}/token", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == SECRET


def test_an_unusable_file_is_named_and_its_content_never(tmp_path: Path) -> None:
    contents = {"empty": b"", "blank": b"\nx", "long": SECRET.encode() * LONGEST, "latin": SECRET.encode() + b"\xff"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe")
    for name in (*contents, "pipe", "missing", ".", "zero\0byte", "esc\x1b[2J"):
        with pytest.raises(ValueUnavailableError) as raised:
            resolve(f"file:{tmp_path}/{name}")
        message = str(raised.value)
        assert SECRET not in message and message.isprintable() and str(tmp_path) in message, name


def test_the_longest_allowed_line_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "long").write_text("x" * LONGEST + "\nsecond")
    assert len(resolve(f"file:{tmp_path}/long")) == LONGEST


def test_a_missing_home_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ValueUnavailableError, match="~nobody-of-this-name"):
        resolve("file:~nobody-of-this-name/token")
