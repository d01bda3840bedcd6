"""Reads a JetStream stream in order from a position, leaving no durable state on the server; and remembers message
IDs."""

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

from nomad_tui.nats.errors import explain
from nomad_tui.nats.link import NatsLink

BATCH: Final = 256
"""Messages per pull request."""
BATCH_BYTES: Final = 8 * 1024 * 1024
"""Bytes per pull request, unless a single message is larger."""
HEARTBEAT: Final = 5.0
"""Seconds after which an idle server sends a heartbeat."""
SILENCE: Final = 12.0
"""Seconds without any message or heartbeat after which the consumer is considered lost."""
EXPIRES: Final = 60.0
INACTIVE_THRESHOLD: Final = 120.0
"""Seconds after which a server deletes a consumer that makes no requests."""
UNFILLED_STATUSES: Final = frozenset(("404", "408"))
"""Statuses of a request that was not filled: no more messages, or expired."""
FILLED_DESCRIPTIONS: Final = frozenset(("Batch Completed", "Message Size Exceeds MaxBytes"))
"""Descriptions of a request that was filled, by number or by size."""


@dataclass(frozen=True, slots=True)
class Message:
    sequence: int
    """In the stream."""
    time: int
    """When the stream stored it, in ns since 1970 by the server's clock."""
    pending: int
    """Messages in the stream after it, when it was sent."""
    headers: dict[str, str]
    data: bytes


class ReadingLostError(Exception):
    """The server has deleted the consumer. Another one can continue from the same position."""


class Reading:
    """An ephemeral consumer that pulls messages as they are taken.

    The library's own consumers are not sufficient. `fetch` drops the statuses that tell whether a request was filled,
    and waits for each request before it makes the next. Neither it nor an ordered consumer detects messages dropped in
    transit before later ones, and an ordered consumer buffers without a limit. `Msg.metadata` rounds times to
    microseconds.
    """

    def __init__(self, link: NatsLink, stream: str, *, headers_only: bool = False, held_only: bool = False) -> None:
        """`held_only` reads only what the stream already holds; `ended` is then set when all of it has been read."""
        self._link = link
        self._stream = stream
        self._headers_only = headers_only
        self._held_only = held_only
        self.ended = False
        """Whether all messages have been read; always false without `held_only`."""
        self._consumer = ""
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._requests = 0
        """Pull requests made."""
        self._outstanding = 0
        """Messages requested and not received yet."""
        self._delivered = 0
        self._received: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._lost = ""
        self.heard = 0.0
        """When the server last sent anything, by the event loop's clock."""

    async def open(self, *, sequence: int | None = None, time: int | None = None) -> int:
        """Starts at a sequence number, or at a time in ns since 1970. Returns how many messages there are from there.

        Raises `NatsError`, or the library's `NotFoundError` if there is no such stream.
        """
        config = api.ConsumerConfig(
            ack_policy=api.AckPolicy.NONE,
            inactive_threshold=INACTIVE_THRESHOLD,
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
                f"{self._inbox}.*", cb=self._on_message, pending_msgs_limit=0, pending_bytes_limit=0
            )
        except (nats.errors.Error, OSError) as error:
            raise explain(error, self._link.server) from None
        self.heard = asyncio.get_running_loop().time()
        return consumer.num_pending or 0

    async def some(self, wait: float) -> list[Message]:
        """The received messages, in order; empty if none arrives within `wait` seconds.

        Raises `NatsError` if the connection is lost, `ReadingLostError` if only the consumer is.
        """
        loop = asyncio.get_running_loop()
        if not self._received:
            await self._pull()
            lost: asyncio.Future[Any] = loop.create_future()
            self._link.watch(lost)
            word = asyncio.ensure_future(self._arrived.wait())
            try:
                await asyncio.wait((word, lost), timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                if lost.done() and not self._received:
                    lost.result()
            finally:
                word.cancel()
                lost.cancel()
                await asyncio.gather(word, lost, return_exceptions=True)
        if not self._received:
            if self._link.broken:
                raise explain(nats.errors.ConnectionClosedError(), self._link.server)
            if self._lost:
                raise ReadingLostError(self._lost)
            if loop.time() - self.heard > SILENCE:
                raise ReadingLostError("the server sent nothing")
        messages = list(self._received)
        self._received.clear()
        self._arrived.clear()
        return messages

    async def close(self) -> None:
        """Deletes the consumer."""
        subscription, self._subscription = self._subscription, None
        if subscription is None or self._link.broken:
            return
        try:
            await subscription.unsubscribe()
            await self._link.client.publish(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._consumer}")
        except (nats.errors.Error, OSError):
            pass  # the server deletes it after `INACTIVE_THRESHOLD`

    async def _pull(self) -> None:
        if self._outstanding > BATCH // 4 or self._lost:
            return
        self._requests += 1
        self._outstanding += BATCH
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
                reply=f"{self._inbox}.{self._requests}",
            )
        except (nats.errors.Error, OSError) as error:
            raise explain(error, self._link.server) from None

    async def _on_message(self, msg: Msg) -> None:
        self.heard = asyncio.get_running_loop().time()
        headers: dict[str, str] = msg.headers or {}
        status = headers.get("Status")
        if status is not None and not msg.reply.startswith("$JS.ACK."):
            self._on_status(status, headers)
            return
        tokens = msg.reply.split(".")
        sequence, delivered, time, pending = map(int, tokens[5:9] if len(tokens) == 9 else tokens[7:11])
        if self._lost:
            return
        if delivered != self._delivered + 1:
            self._lost = "something of it was dropped on the way"
        else:
            self._delivered = delivered
            self._outstanding -= 1
            self._received.append(Message(sequence, time, pending, headers, msg.data))
        self._arrived.set()

    def _on_status(self, status: str, headers: dict[str, str]) -> None:
        if status == "100":
            self._arrived.set()
            return
        description = headers.get("Description", "")
        if status in UNFILLED_STATUSES or description in FILLED_DESCRIPTIONS:
            self._outstanding -= int(headers.get("Nats-Pending-Messages", BATCH))
            if self._outstanding < 0:
                self._outstanding = 0
            # If another request is outstanding, this response may have overtaken its messages.
            self.ended = self._held_only and status == "404" and not self._outstanding
        else:
            self._lost = description or f"status {status}"
        self._arrived.set()


DIGEST_BYTES: Final = 16
"""Bytes per ID: enough to make collisions practically impossible."""
UNSORTED_IDS: Final = 32 * 1024
"""IDs collected in a set before they are sorted into a compact array."""
MAX_IDS: Final = 2 * 1024 * 1024
"""IDs kept, 16 bytes each, before the oldest are evicted."""


class KnownIds:
    def __init__(self, most: int = MAX_IDS) -> None:
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
        if len(self._gathered) >= UNSORTED_IDS:
            self._packed.append(_Sorted(b"".join(sorted(self._gathered))))
            self._gathered.clear()
            while len(self._packed) > 1 and len(self) > self._most:
                self.forgotten += len(self._packed.popleft())


class _Sorted(Sequence[bytes]):
    """Sorted digests in one block of memory."""

    def __init__(self, digests: bytes) -> None:
        self._digests = digests

    def __len__(self) -> int:
        return len(self._digests) // DIGEST_BYTES

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return self._digests[index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]

    def __contains__(self, digest: object) -> bool:
        if not isinstance(digest, bytes):
            return False
        place = bisect_left(self, digest)
        return place < len(self) and self[place] == digest


def _digest(message: str) -> bytes:
    return blake2b(message.encode("utf-8", "replace"), digest_size=DIGEST_BYTES).digest()
