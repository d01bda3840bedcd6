"""Reading a stream of JetStream in order, from a place on, without keeping anything there; and which IDs it holds."""

import asyncio
import json
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final, overload

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import api

from nomad_tui.nats.link import NatsLink, trouble

BATCH: Final = 256
"""Messages asked for at once."""
BATCH_BYTES: Final = 8 * 1024 * 1024
"""Of what is asked for at once, where single messages are not larger."""
HEARTBEAT: Final = 5.0
"""Seconds after which a server with nothing to send says that it is there."""
SILENCE: Final = 12.0
"""Seconds without a word after which it is not."""
EXPIRES: Final = 60.0
FORGOTTEN_AFTER: Final = 120.0
"""Seconds after which a server forgets a reader that does not ask for more."""
ENDED: Final = frozenset(("404", "408"))
"""Of a request that was not filled, as nothing more was there or its time was over."""
FILLED: Final = frozenset(("Batch Completed", "Message Size Exceeds MaxBytes"))
"""Of one that was, by number or by size."""


@dataclass(frozen=True, slots=True)
class Message:
    sequence: int
    """Of the stream."""
    time: int
    """When the stream took it, in ns since 1970 by the server's clock."""
    pending: int
    """How many the stream holds after it, when it was sent."""
    headers: dict[str, str]
    data: bytes


class ReadingLostError(Exception):
    """The server no longer knows this reader. Another can go on where it was."""


class Reading:
    """An ephemeral consumer that requests as much as is taken from it.

    The library's own means lose something each: `fetch` drops the statuses that say whether a request is filled, and
    waits for one before it makes the next; neither it nor an ordered consumer reports messages dropped on the way
    before later ones, and the latter holds what is not taken yet without a limit. `Msg.metadata` rounds times to
    microseconds.
    """

    def __init__(self, link: NatsLink, stream: str, *, headers_only: bool = False, held_only: bool = False) -> None:
        """`held_only` is for what the stream holds already: `ended` says when that was read."""
        self._link = link
        self._stream = stream
        self._headers_only = headers_only
        self._held_only = held_only
        self.ended = False
        """The stream holds nothing more; always false without `held_only`."""
        self._consumer = ""
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._asked = 0
        """Requests made."""
        self._due = 0
        """Messages that were asked for and have not come."""
        self._delivered = 0
        self._come: deque[Message] = deque()
        self._word = asyncio.Event()
        self._lost = ""
        self.heard = 0.0
        """When the server last sent something, by the event loop's clock."""

    async def open(self, *, sequence: int | None = None, time: int | None = None) -> int:
        """From a sequence number on, or from what the stream took at a time on, in ns since 1970; how many that are.

        Raises `NatsError`, or the library's `NotFoundError` where there is no such stream.
        """
        config = api.ConsumerConfig(
            ack_policy=api.AckPolicy.NONE,
            inactive_threshold=FORGOTTEN_AFTER,
            mem_storage=True,
            num_replicas=1,
            headers_only=self._headers_only or None,
        )
        if time is not None:
            config.deliver_policy = api.DeliverPolicy.BY_START_TIME
            config.opt_start_time = datetime.fromtimestamp(max(time, 0) / 1e9, UTC)
        else:
            config.deliver_policy = api.DeliverPolicy.BY_START_SEQUENCE
            config.opt_start_seq = max(sequence or 1, 1)
        consumer = await self._link.call(self._link.manager.add_consumer(self._stream, config))
        self._consumer = consumer.name
        self._inbox = self._link.client.new_inbox()
        try:
            self._subscription = await self._link.client.subscribe(
                f"{self._inbox}.*", cb=self._take, pending_msgs_limit=0, pending_bytes_limit=0
            )
        except (nats.errors.Error, OSError) as error:
            raise trouble(error, self._link.server) from None
        self.heard = asyncio.get_running_loop().time()
        return consumer.num_pending or 0

    async def some(self, wait: float) -> list[Message]:
        """What has come, in order; empty where nothing does for so many seconds.

        Raises `NatsError` where the connection is lost, `ReadingLostError` where only this reader is.
        """
        loop = asyncio.get_running_loop()
        if not self._come:
            await self._ask()
            lost: asyncio.Future[Any] = loop.create_future()
            self._link.watch(lost)
            word = asyncio.ensure_future(self._word.wait())
            try:
                await asyncio.wait((word, lost), timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                if lost.done() and not self._come:
                    lost.result()
            finally:
                word.cancel()
                lost.cancel()
                await asyncio.gather(word, lost, return_exceptions=True)
        if not self._come:
            if self._link.broken:
                raise trouble(nats.errors.ConnectionClosedError(), self._link.server)
            if self._lost:
                raise ReadingLostError(self._lost)
            if loop.time() - self.heard > SILENCE:
                raise ReadingLostError("the server sent nothing")
        come = list(self._come)
        self._come.clear()
        self._word.clear()
        return come

    async def close(self) -> None:
        """The server forgets the reader."""
        subscription, self._subscription = self._subscription, None
        if subscription is None or self._link.broken:
            return
        try:
            await subscription.unsubscribe()
            await self._link.client.publish(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._consumer}")
        except (nats.errors.Error, OSError):
            pass  # it forgets by itself

    async def _ask(self) -> None:
        if self._due > BATCH // 4 or self._lost:
            return
        self._asked += 1
        self._due += BATCH
        request: dict[str, int | bool] = {
            "batch": BATCH,
            "max_bytes": max(BATCH_BYTES, self._link.client.max_payload + 64 * 1024),
        }
        if self._held_only:
            request["no_wait"] = True
        else:
            request |= {"expires": int(EXPIRES * 1e9), "idle_heartbeat": int(HEARTBEAT * 1e9)}
        try:
            await self._link.client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}",
                json.dumps(request).encode(),
                reply=f"{self._inbox}.{self._asked}",
            )
        except (nats.errors.Error, OSError) as error:
            raise trouble(error, self._link.server) from None

    async def _take(self, msg: Msg) -> None:
        self.heard = asyncio.get_running_loop().time()
        headers: dict[str, str] = msg.headers or {}
        status = headers.get("Status")
        if status is not None and not msg.reply.startswith("$JS.ACK."):
            self._take_status(status, headers)
            return
        tokens = msg.reply.split(".")
        sequence, delivered, time, pending = map(int, tokens[5:9] if len(tokens) == 9 else tokens[7:11])
        if self._lost:
            return
        if delivered != self._delivered + 1:
            self._lost = "something of it was dropped on the way"
        else:
            self._delivered = delivered
            self._due -= 1
            self._come.append(Message(sequence, time, pending, headers, msg.data))
        self._word.set()

    def _take_status(self, status: str, headers: dict[str, str]) -> None:
        if status == "100":
            self._word.set()
            return
        description = headers.get("Description", "")
        if status in ENDED or description in FILLED:
            self._due -= int(headers.get("Nats-Pending-Messages", BATCH))
            if self._due < 0:
                self._due = 0
            # While another request is not filled, the answer to this one may have overtaken it.
            self.ended = self._held_only and status == "404" and not self._due
        else:
            self._lost = description or f"status {status}"
        self._word.set()


DIGEST: Final = 16
"""Bytes kept of each: enough that two are never taken for the same one."""
GATHERED: Final = 32 * 1024
"""IDs kept in a set before they are packed."""
MOST: Final = 2 * 1024 * 1024
"""IDs, of 16 bytes each, before the oldest are forgotten."""


class KnownIds:
    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._gathered: set[bytes] = set()
        self._packed: deque[_Sorted] = deque()
        self.forgotten = 0

    def __contains__(self, message: str) -> bool:
        digest = _digest(message)
        return digest in self._gathered or any(digest in each for each in self._packed)

    def __len__(self) -> int:
        return len(self._gathered) + sum(map(len, self._packed))

    def add(self, message: str) -> None:
        self._gathered.add(_digest(message))
        if len(self._gathered) >= GATHERED:
            self._packed.append(_Sorted(b"".join(sorted(self._gathered))))
            self._gathered.clear()
            while len(self._packed) > 1 and len(self) > self._most:
                self.forgotten += len(self._packed.popleft())


class _Sorted(Sequence[bytes]):
    """Digests one after another in one piece of memory."""

    def __init__(self, digests: bytes) -> None:
        self._digests = digests

    def __len__(self) -> int:
        return len(self._digests) // DIGEST

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return self._digests[index * DIGEST : (index + 1) * DIGEST]

    def __contains__(self, digest: object) -> bool:
        if not isinstance(digest, bytes):
            return False
        place = bisect_left(self, digest)
        return place < len(self) and self[place] == digest


def _digest(message: str) -> bytes:
    return blake2b(message.encode("utf-8", "replace"), digest_size=DIGEST).digest()
