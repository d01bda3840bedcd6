"""Task logs as served by `/v1/client/fs/logs`: framed JSON or plain text, from either end, followed or not."""

import asyncio
import base64
from http import HTTPStatus
from typing import Final

import orjson

from nomad_tui.standin.http import Answer, Request
from nomad_tui.standin.subscription import Token

LOGS: Final = "/v1/client/fs/logs/"
FRAME_BYTES: Final = 64 * 1024
"""As in Nomad's client agents, which also send a heartbeat every second."""
HEARTBEAT: Final = 1.0
SAMPLE_LINES: Final = 120
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
)


class TaskLogs:
    """Logs by allocation, task and type (`stdout`, `stderr`)."""

    def __init__(self, *, samples: bool = False) -> None:
        """With `samples`, every task without a log gets a short one."""
        self._samples = samples
        self._logs: dict[tuple[str, str, str], bytearray] = {}
        self._grown = asyncio.Event()

    def write(self, allocation: str, task: str, type_: str, text: bytes) -> None:
        self._logs.setdefault((allocation, task, type_), bytearray()).extend(text)
        self._grown.set()
        self._grown = asyncio.Event()

    def refusal(self, request: Request, token: Token) -> Answer | None:
        """The error to send instead of a log, if any."""
        if not token.may_in(request.first("namespace") or "default", "read-logs"):
            return Answer.text(HTTPStatus.FORBIDDEN, "Permission denied")
        task, type_ = request.first("task"), request.first("type")
        if not task:
            return Answer.text(HTTPStatus.BAD_REQUEST, "must provide task name")
        if type_ not in ("stdout", "stderr"):
            return Answer.text(HTTPStatus.BAD_REQUEST, 'log type must be "stdout" or "stderr"')
        if not request.first("offset").isdigit() or request.first("origin") not in ("start", "end", ""):
            return Answer.text(HTTPStatus.BAD_REQUEST, "error parsing offset")
        allocation = request.path.removeprefix(LOGS)
        if self._samples:
            known = self._logs.setdefault((allocation, task, type_), bytearray())
            if not known:
                known += _sample(task, type_)
        if not any(held[:2] == (allocation, task) for held in self._logs):
            text = f'task "{task}" not started yet. No logs available'
            return Answer.text(HTTPStatus.NOT_FOUND, text)
        return None

    async def serve(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """Sends a log to its end or, if it is followed, until the reader disconnects."""
        task, type_ = request.first("task"), request.first("type")
        log = self._logs.setdefault((request.path.removeprefix(LOGS), task, type_), bytearray())
        offset = int(request.first("offset"))
        at = max(0, len(log) - offset) if request.first("origin") == "end" else offset
        plain, follow = request.first("plain") == "true", request.first("follow") == "true"
        writer.write(_HEAD)
        while True:
            grown = self._grown
            while at < len(log):
                data = bytes(log[at : at + FRAME_BYTES])
                at += len(data)
                frame = {"Data": base64.b64encode(data).decode(), "File": f"alloc/logs/{task}.{type_}.0", "Offset": at}
                writer.write(data if plain else orjson.dumps(frame))
                await writer.drain()
            if not follow:
                return
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await grown.wait()
            except TimeoutError:
                writer.write(b"" if plain else b"{}")
                await writer.drain()


def _sample(task: str, type_: str) -> bytes:
    if type_ == "stderr":
        return b"the stand-in runs no tasks: this is a sample\n"
    name = task.encode()
    lines = [
        b"\x1b[32minfo\x1b[0m  task=%s request=%d status=%d took=%dms"
        % (name, 1000 + n, 503 if n % 17 == 0 else 200, n)
        for n in range(1, SAMPLE_LINES)
    ]
    return b"\n".join([*lines, b"\x1b[31merror\x1b[0m task=%s the stand-in runs no tasks: this is a sample\n" % name])
