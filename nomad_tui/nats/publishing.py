"""Publishes to a JetStream stream, and receives each message's acknowledgement."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import nats.errors
from nats.aio.msg import Msg
from nats.js.api import PubAck
from nats.js.errors import APIError, NoStreamResponseError

from nomad_tui.core.text import printable
from nomad_tui.nats.errors import explain
from nomad_tui.nats.link import INVALID_RESPONSE, NatsLink

LONGEST_TOKEN: Final = 128
"""Characters; a server accepts subjects of about 4 KB."""
_PLACEHOLDER: Final = re.compile(r"\{(region|topic|type|namespace|key|index)\}")
_NOT_IN_A_TOKEN: Final = re.compile(r"[\s.*>\x00-\x20\x7f-\x9f\ufffd]")


def subject(template: str, values: dict[str, str]) -> str:
    """Fills in the placeholders, each as one valid NATS token."""

    def token(found: re.Match[str]) -> str:
        return printable(_NOT_IN_A_TOKEN.sub("_", values[found[1]])[:LONGEST_TOKEN]) or "_"

    return _PLACEHOLDER.sub(token, template)


def subjects(template: str) -> str:
    """The subjects that a stream must include: `nomad.>` for `nomad.{region}.{topic}`."""
    tokens = template.split(".")
    fixed = next((number for number, token in enumerate(tokens) if "{" in token), len(tokens))
    if fixed == len(tokens):
        return template
    if fixed:
        return ".".join([*tokens[:fixed], ">"])
    return ".".join("*" if "{" in token else token for token in tokens)


WRONG_LAST_ID: Final = 10070
"""JetStream's error codes are listed in nats-server's `errors.json`."""
TOO_LARGE: Final = 10054
ANOTHER_STREAM: Final = 10060
FULL: Final = frozenset((10023, 10028, 10047, 10052, 10076, 10077, 10120, 10122))
"""The limits of an account, a server or a stream: memory, disk or number of messages."""


class Publisher:
    """Replaces the library's `publish_async`, whose future never completes if the stream rejects the message (nats-py
    2.16: `APIError.from_error` raises, but its caller expects a return value) or the connection is lost."""

    def __init__(self, link: NatsLink) -> None:
        self.link = link
        self._inbox = link.client.new_inbox()
        self._number = 0
        self._expected: dict[str, asyncio.Future[PubAck]] = {}

    async def open(self) -> None:
        try:
            await self.link.client.subscribe(f"{self._inbox}.*", cb=self._on_reply)
        except (nats.errors.Error, OSError) as error:
            raise explain(error, self.link.server) from None

    async def publish(self, subject: str, content: bytes, headers: Mapping[str, str]) -> "asyncio.Future[PubAck]":
        """Publishes a message; messages reach the server in the order of the calls. Raises `NatsError`.

        The acknowledgement fails with `APIError` if the stream rejects the message, `NoStreamResponseError` if no
        stream includes its subject or the stream has no leader, or `NatsError`.
        """
        self._number += 1
        reply = f"{self._inbox}.{self._number}"
        future: asyncio.Future[PubAck] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: self._forget(reply, done))
        self._expected[reply] = future
        self.link.watch(future)
        try:
            await self.link.client.publish(subject, content, reply=reply, headers=dict(headers))
        except (nats.errors.Error, OSError) as error:
            future.cancel()
            raise explain(error, self.link.server) from None
        return future

    def _forget(self, reply: str, done: "asyncio.Future[PubAck]") -> None:
        self._expected.pop(reply, None)
        if not done.cancelled():
            done.exception()  # errors after the first one are ignored

    async def _on_reply(self, msg: Msg) -> None:
        future = self._expected.get(msg.subject)
        if future is None or future.done():
            return
        if msg.headers and msg.headers.get("Status") == "503":
            future.set_exception(NoStreamResponseError())
            return
        try:
            answer: Any = json.loads(msg.data)
            if error := answer.get("error"):
                raise APIError.from_error(error)
            future.set_result(
                PubAck(str(answer["stream"]), int(answer["seq"]), duplicate=bool(answer.get("duplicate")))
            )
        except APIError as error:
            future.set_exception(error)
        except INVALID_RESPONSE:
            future.set_exception(APIError(description="its acknowledgement cannot be read"))
