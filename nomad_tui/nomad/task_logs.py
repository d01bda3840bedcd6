"""Reads the end of a task's log through the server: `/v1/client/fs/logs`."""

import base64
import binascii
import codecs
import json
import re
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

from nomad_tui.config.connection import Connection
from nomad_tui.core.text import printable, truncated
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.diagnose import NomadError

MAX_LINES: Final = 10_000
MAX_CHARACTERS: Final = 1_000_000
LONGEST_LINE: Final = 8_000
TAB: Final = 4

_SEQUENCES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colors and cursor movements
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, links and similar sequences, including their content
    r"|\x1b[ -/]*[0-~]"
)


class LogText:
    """The last lines of a log."""

    def __init__(self, most_lines: int = MAX_LINES, most_characters: int = MAX_CHARACTERS) -> None:
        self._most_lines = most_lines
        self._most_characters = most_characters
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lines: deque[str] = deque()
        self._characters = 0
        self._rest = ""
        """An incomplete line."""
        self.dropped = 0
        """Number of oldest lines dropped because of the limits."""

    def feed(self, content: bytes) -> None:
        text = self._rest + self._decoder.decode(content)
        *lines, self._rest = text.split("\n")
        for line in lines:
            self._add(line)
        if len(self._rest) > 4 * LONGEST_LINE:  # do not keep what would be cut at the end of the line
            self._rest = self._rest[: 2 * LONGEST_LINE]

    def _add(self, line: str) -> None:
        line = cleaned(line)
        self._lines.append(line)
        self._characters += len(line) + 1
        while len(self._lines) > self._most_lines or self._characters > self._most_characters:
            self._characters -= len(self._lines.popleft()) + 1
            self.dropped += 1

    @property
    def text(self) -> str:
        """All lines, including an incomplete one; safe to display except for line feeds."""
        rest = [cleaned(self._rest)] if self._rest else []
        return "\n".join([*self._lines, *rest])

    def __len__(self) -> int:
        return len(self._lines) + bool(self._rest)


def cleaned(line: str) -> str:
    """A line without anything a terminal would interpret, cut to `LONGEST_LINE`."""
    line = line[: 4 * LONGEST_LINE]
    if not (line.isascii() and line.isprintable()):
        line = printable(_SEQUENCES.sub("", line.rstrip("\r")).expandtabs(TAB))
    return truncated(line, LONGEST_LINE)


LOGS: Final = "/v1/client/fs/logs/"
LONGEST_FRAME: Final = 4 * 1024 * 1024
"""Bytes; Nomad's frames contain up to 64 KiB of log each."""
_QUOTED: Final = 200


class LogsUnavailableError(Exception):
    """`str()` says what happened, why, and what to do; safe to display."""


@dataclass(frozen=True, slots=True)
class TaskLog:
    allocation: str
    namespace: str
    task: str
    type: str
    """`stdout` or `stderr`."""


class FrameSplitter:
    """Splits a stream of consecutive JSON objects, received in any pieces."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._decode = json.JSONDecoder().raw_decode

    def feed(self, content: bytes) -> list[dict[str, Any]]:
        """The objects completed by `content`. Raises `ValueError` for anything that cannot become one."""
        self._rest += content
        if b"}" not in content and len(self._rest) < LONGEST_FRAME:
            return []
        text, behind = self._complete_characters()
        frames: list[dict[str, Any]] = []
        at = 0
        while at < len(text):
            if text[at].isspace():
                at += 1
                continue
            try:
                frame, at = self._decode(text, at)
            except RecursionError:
                raise ValueError("nested too deep") from None
            except ValueError:
                if len(text) - at >= LONGEST_FRAME or text[at] != "{":
                    raise
                break  # incomplete
            if not isinstance(frame, dict):
                raise ValueError("a frame is an object")
            frames.append(frame)
        self._rest = bytearray(text[at:].encode() + behind)
        return frames

    def _complete_characters(self) -> tuple[str, bytes]:
        """The decoded text so far, and the bytes of an incomplete character."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = decoder.decode(bytes(self._rest))
        return text, decoder.getstate()[0]


async def read_log(connection: Connection, log: TaskLog, most: int, *, follow: bool) -> AsyncGenerator[bytes, None]:
    """The last `most` bytes of a log and, with `follow`, everything appended later; empty bytes as a heartbeat.

    Raises `LogsUnavailableError`.
    """
    parameters = [
        ("task", log.task),
        ("type", log.type),
        ("origin", "end"),
        ("offset", str(most)),
        ("follow", "true" if follow else "false"),
        ("plain", "false"),
        ("namespace", log.namespace or "default"),
    ]
    if connection.region:
        parameters.append(("region", connection.region))
    splitter = FrameSplitter()
    try:
        async with Client(connection) as client, client.open_stream(parameters, path=LOGS + log.allocation) as response:
            async for chunk in response.content.iter_any():
                for frame in splitter.feed(chunk):
                    yield _data(frame)
    except NomadError as error:
        raise LogsUnavailableError(_error_text(error, log)) from None
    except ValueError:
        raise LogsUnavailableError(
            "The response is not a log in Nomad's format. Check the address and any proxy."
        ) from None


def _data(frame: dict[str, Any]) -> bytes:
    data = frame.get("Data")
    if not isinstance(data, str):
        return b"\n(the log was rotated or truncated here)\n" if frame.get("FileEvent") == "file truncated" else b""
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise ValueError("no base64") from None


def _error_text(error: NomadError, log: TaskLog) -> str:
    answer = printable(error.body.decode("utf-8", "replace").strip(), _QUOTED)
    if error.status == 403:
        return (
            f"The token may not read logs in the namespace {printable(log.namespace or 'default', 80)}. "
            'Grant it capabilities = ["read-logs"] there, or policy = "write".'
        )
    if error.status == 404:
        return f"The log was not found: {answer or 'not found'}. The allocation may be gone, or the task not started."
    if "No path to node" in answer or "Unknown node" in answer:
        return f"The node with the log cannot be reached: {answer}. It may be down, or not connected to the servers."
    return printable(error.trouble.sentence, 600)
