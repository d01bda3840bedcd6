"""Publishing to a stream of JetStream, with the acknowledgement of each message as it comes."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import nats.errors
from nats.aio.msg import Msg

from nomad_tui.core.text import printable
from nomad_tui.nats.link import LONGEST_REASON, NatsLink, trouble

WRONG_LAST_ID: Final = 10070
"""JetStream's error codes are listed in nats-server's `errors.json`."""
TOO_LARGE: Final = 10054
ANOTHER_STREAM: Final = 10060
FULL: Final = frozenset((10023, 10028, 10047, 10052, 10076, 10077, 10120, 10122))
"""Of an account, a server or a stream, of its memory, its disk or its messages."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    sequence: int
    """Of the stream; of a message that it held already, that one's."""
    duplicate: bool


class RefusedError(Exception):
    """The stream did not take a message."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = printable(reason, LONGEST_REASON) or f"error {code}"


class NobodyError(Exception):
    """No stream takes messages of this subject, or it has no leader at the moment."""


class Publisher:
    def __init__(self, link: NatsLink) -> None:
        self.link = link
        self._inbox = link.client.new_inbox()
        self._number = 0
        self._expected: dict[str, asyncio.Future[Acknowledgement]] = {}

    async def open(self) -> None:
        try:
            await self.link.client.subscribe(f"{self._inbox}.*", cb=self._take)
        except (nats.errors.Error, OSError) as error:
            raise trouble(error, self.link.server) from None

    async def publish(
        self, subject: str, content: bytes, headers: Mapping[str, str]
    ) -> "asyncio.Future[Acknowledgement]":
        """Messages reach the server in the order in which they are given to this. Raises `NatsError`.

        The acknowledgement fails with `RefusedError`, `NobodyError` or `NatsError`.
        """
        self._number += 1
        reply = f"{self._inbox}.{self._number}"
        future: asyncio.Future[Acknowledgement] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: self._forget(reply, done))
        self._expected[reply] = future
        self.link.watch(future)
        try:
            await self.link.client.publish(subject, content, reply=reply, headers=dict(headers))
        except (nats.errors.Error, OSError) as error:
            future.cancel()
            raise trouble(error, self.link.server) from None
        return future

    def _forget(self, reply: str, done: "asyncio.Future[Acknowledgement]") -> None:
        self._expected.pop(reply, None)
        if not done.cancelled():
            done.exception()  # of those after the first that failed, nobody asks

    async def _take(self, msg: Msg) -> None:
        future = self._expected.get(msg.subject)
        if future is None or future.done():
            return
        if msg.headers and msg.headers.get("Status") == "503":
            future.set_exception(NobodyError())
            return
        try:
            answer: Any = json.loads(msg.data)
            if error := answer.get("error"):
                future.set_exception(RefusedError(int(error.get("err_code", 0)), str(error.get("description", ""))))
            else:
                future.set_result(Acknowledgement(int(answer["seq"]), bool(answer.get("duplicate"))))
        except (ValueError, TypeError, KeyError, AttributeError):
            future.set_exception(RefusedError(0, "its acknowledgement cannot be read"))
