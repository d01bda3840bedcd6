"""A NATS JetStream stream: one message per event, without duplicates."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, time_ns
from typing import Final

from nats.js.api import DiscardPolicy, PubAck, RetentionPolicy, StorageType, StreamConfig, StreamInfo
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from nomad_tui.config.references import ValueUnavailableError, resolve
from nomad_tui.core.text import printable
from nomad_tui.journal.log import Log
from nomad_tui.nats.address import JetStreamAddress, JetStreamAddressError
from nomad_tui.nats.errors import LONGEST_REASON, NatsError
from nomad_tui.nats.link import API_TIMEOUT, Keys, NatsLink, leader
from nomad_tui.nats.publishing import (
    ANOTHER_STREAM,
    FULL,
    TOO_LARGE,
    WRONG_LAST_ID,
    Publisher,
    subject,
    subjects,
)
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.delivery.sink import Delivery, Item, LocalError, RejectedError, UnavailableError, UndeliveredError
from nomad_tui.sinks.types.already_stored import MAX_FAILURES, RECHECK_DELAY, AlreadyStored
from nomad_tui.sinks.types.formats import encode_one

log = Log("nomad_tui.sinks.nats")

MAX_IN_FLIGHT: Final = 256
"""Messages in flight."""
MAX_IN_FLIGHT_BYTES: Final = 4 * 1024 * 1024
LEADER_CHECK_AFTER: Final = 2.0
"""Seconds without an acknowledgement after which the stream's leader is checked for a change."""
LONGEST_HEADER: Final = 512
MAX_SINGLE_BATCHES: Final = 64
"""Most batches that are sent one message at a time before several in flight are tried again."""


@dataclass(frozen=True, slots=True)
class _Message:
    item: Item
    subject: str
    content: bytes
    headers: dict[str, str]

    @property
    def size(self) -> int:
        """Size including headers, as the server counts it."""
        return len(self.content) + sum(len(name) + len(value.encode()) + 4 for name, value in self.headers.items()) + 14


@dataclass(slots=True)
class _Progress:
    done: int = 0
    duplicates: int = 0
    last: int = 0


class JetStreamSink:
    def __init__(self, definition: Definition, *, patience: float = API_TIMEOUT) -> None:
        """`patience` is the timeout of JetStream API requests, in seconds."""
        self._definition = definition
        self._patience = patience
        self._stream = definition.jetstream.stream
        self._publisher: Publisher | None = None
        self._opening = asyncio.Lock()
        self._others: frozenset[str] = frozenset()
        self._stored = AlreadyStored(self._stream)
        self._window: float | None = None
        """Duplicate window in seconds; None if the stream cannot be inspected: see `_inspection_error`."""
        self._leader = ""
        """The stream's leader when it was last inspected."""
        self._inspection_error = ""
        self._inspect_again_at = 0.0
        """`monotonic()` time from which inspecting it is retried."""
        self._failures = 0
        """Failed inspections of the stream in a row."""
        self._logged: set[str] = set()
        """Messages that are logged only once."""
        self._single_batches = 0
        """Batches still to be sent one message at a time."""
        self._broken_batches = 0

    async def deliver(self, delivery: Delivery) -> str:
        progress = _Progress()
        publisher: Publisher | None = None
        try:
            async with asyncio.timeout(self._definition.timeout):
                publisher = await self._connected()
                await self._deliver(publisher, delivery, progress)
        except TimeoutError:
            if self._stored.is_reading:  # the read continues, and needs the connection
                raise UnavailableError(
                    f"reading which events {self._stream} holds already, {self._stored.read:,} so far: it goes on",
                    done=progress.done,
                ) from None
            await self._disconnect(publisher)
            seconds = f"{self._definition.timeout:g} s"
            raise UnavailableError(
                f"{self._where(publisher)} has not acknowledged within {seconds}: check the server, or raise timeout",
                done=progress.done,
            ) from None
        except NatsError as error:
            if publisher is None or publisher.link.broken or error.refused:
                await self._disconnect(publisher)
            raise UnavailableError(str(error), done=progress.done) from None
        except UndeliveredError as error:
            error.done = progress.done
            raise
        known = f", {progress.duplicates} of them known already" if progress.duplicates else ""
        upto = f" up to {progress.last:,}" if progress.last else ""
        return f"stored in {self._stream}{upto}{known}{self._unchecked()}"

    def _unchecked(self) -> str:
        """For the answer and the log: why duplicates are not checked, and the consequence."""
        why = self._inspection_error or self._stored.unchecked
        if not why:
            return ""
        self._log_once(
            "duplicates_not_checked",
            reason=why,
            consequence="what another runner published before the stream's duplicate window is published again",
        )
        return f"; not checked for what is older than its duplicate window: {why}"

    async def close(self) -> None:
        self._stored.close()
        await self._disconnect(self._publisher)

    # The connection and the stream

    def _where(self, publisher: Publisher | None) -> str:
        return "NATS" if publisher is None else publisher.link.server

    async def _disconnect(self, publisher: Publisher | None) -> None:
        """Closes the connection, so that nothing pending on it is sent later."""
        if publisher is not None:
            if self._publisher is publisher:
                self._publisher = None
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await publisher.link.close()

    async def _connected(self) -> Publisher:
        async with self._opening:
            if self._publisher is not None and not self._publisher.link.broken:
                if self._inspection_error and monotonic() > self._inspect_again_at:
                    await self._inspect_stream(self._publisher.link)
                return self._publisher
            self._publisher = None
            definition = self._definition
            try:
                address = JetStreamAddress.parse(await asyncio.to_thread(resolve, definition.address))
            except (ValueUnavailableError, JetStreamAddressError) as error:
                raise LocalError(printable(str(error))) from None
            tls, jetstream = definition.tls, definition.jetstream
            keys = Keys(
                jetstream.credentials,
                jetstream.nkey,
                tls.ca_cert,
                tls.client_cert,
                tls.client_key,
                tls.server_name,
                tls.skip_verify,
            )
            link = await NatsLink.open(address, keys, self._others, patience=self._patience)
            try:
                await self._inspect_stream(link)
                publisher = Publisher(link)
                await publisher.open()
            except BaseException:
                await link.close()
                raise
            self._others = link.others
            self._publisher = publisher
            return publisher

    async def _inspect_stream(self, link: NatsLink) -> None:
        try:
            stream = await link.stream_info(self._stream)
            if stream is None and self._definition.jetstream.create:
                stream = await self._create(link)
        except NatsError as error:
            self._failures += 1
            if link.broken or (self._failures < MAX_FAILURES and not error.refused):
                raise
            self._window = None
            self._inspection_error = error.why
            self._inspect_again_at = monotonic() + RECHECK_DELAY
            return
        self._inspection_error = ""
        self._failures = 0
        if stream is None:
            raise UnavailableError(self._no_stream(link))
        self._window = stream.config.duplicate_window
        self._leader = leader(stream)
        if differences := self._differences(stream.config):
            self._log_once("stream_differs_from_definition", **differences)

    async def _create(self, link: NatsLink) -> StreamInfo:
        wanted = self._stream_config()
        try:
            stream = await link.call(link.manager.add_stream(wanted))
        except NotFoundError as error:
            raise UnavailableError(
                f"{link.server} cannot make the stream {self._stream}: {error.description}"
            ) from None
        log.info("stream_created", sink=self._definition.id, stream=self._stream, subjects=wanted.subjects)
        return stream

    def _stream_config(self) -> StreamConfig:
        jetstream = self._definition.jetstream
        window = min(jetstream.duplicate_window, jetstream.max_age or jetstream.duplicate_window)
        return StreamConfig(
            name=self._stream,
            subjects=[subjects(jetstream.subject)],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_age=jetstream.max_age or 0.0,
            max_bytes=jetstream.max_bytes or -1,
            num_replicas=jetstream.replicas,
            duplicate_window=window,
        )

    def _differences(self, config: StreamConfig) -> dict[str, str]:
        """Differences in the limits that the definition sets."""
        wanted = self._stream_config()
        return {
            name: f"{actual} where the definition says {value}"
            for name in ("max_age", "max_bytes", "num_replicas", "duplicate_window")
            if (actual := getattr(config, name)) != (value := getattr(wanted, name))
        }

    def _log_once(self, event: str, **fields: str) -> None:
        if event not in self._logged:
            self._logged.add(event)
            log.warning(event, sink=self._definition.id, stream=self._stream, **fields)

    def _no_stream(self, link: NatsLink) -> str:
        wanted = subjects(self._definition.jetstream.subject)
        return (
            f"{link.server} has no stream {self._stream}: set create = true in the sink's [nats], or run "
            f"nats stream add {self._stream} --subjects '{wanted}' --defaults"
        )

    # Publishing

    async def _deliver(self, publisher: Publisher, delivery: Delivery, progress: _Progress) -> None:
        for messages in self._chunks(delivery):
            if self._window is not None and not delivery.test:
                oldest = min(message.item.received for message in messages)
                await self._stored.update(publisher.link, self._window, oldest)
            await self._publish(publisher, messages, progress)

    def _chunks(self, delivery: Delivery) -> Iterator[list[_Message]]:
        portion: list[_Message] = []
        size = 0
        for item in delivery.items:
            message = self._message(item, delivery)
            if portion and (len(portion) >= MAX_IN_FLIGHT or size + len(message.content) > MAX_IN_FLIGHT_BYTES):
                yield portion
                portion, size = [], 0
            portion.append(message)
            size += len(message.content)
        yield portion

    def _message(self, item: Item, delivery: Delivery) -> _Message:
        event = item.event
        topic = event.topic if event is not None else "Gap"
        type_ = event.type if event is not None else (item.gap.reason.value if item.gap is not None else "")
        values = {
            "region": delivery.region,
            "topic": topic,
            "type": type_,
            "namespace": event.namespace if event is not None else "",
            "key": event.key if event is not None else "",
            "index": str(item.index),
        }
        body = encode_one(item, self._definition.format, region=delivery.region, test=delivery.test)
        headers = {
            "Nats-Msg-Id": f"{item.id}-test-{time_ns()}" if delivery.test else item.id,
            "Nats-Expected-Stream": self._stream,
            "Nomad-Index": str(item.index),
            "Nomad-Region": delivery.region,
            "Nomad-Topic": topic,
            "Nomad-Type": type_,
            "Nomad-Received": str(item.received),
            "Content-Type": body.content_type,
        }
        if delivery.test:
            headers["Nomad-Test"] = "true"
        shown = {name: printable(value, LONGEST_HEADER) for name, value in headers.items() if value}
        return _Message(item, subject(self._definition.jetstream.subject, values), body.content, shown)

    async def _publish(self, publisher: Publisher, messages: Sequence[_Message], progress: _Progress) -> None:
        limit = publisher.link.client.max_payload
        fitting = next((number for number, message in enumerate(messages) if message.size > limit), len(messages))
        together = not self._definition.ordered or not self._single_batches
        if self._single_batches:
            self._single_batches -= 1
        if together:
            settled = await self._publish_together(publisher, messages[:fitting], progress)
        else:
            settled = 0
        for message in messages[settled:fitting]:
            if not self._is_known(message, progress):
                sent = monotonic()
                acknowledgement = await self._acknowledged(publisher, await self._send(publisher, message, ""))
                self._record(message, acknowledgement, sent, progress)
        if fitting < len(messages):
            size = messages[fitting].size
            raise RejectedError(
                f"a message of {size:,} bytes is larger than {publisher.link.server} takes ({limit:,}): raise "
                "max_payload there",
                too_large=True,
            )

    async def _publish_together(self, publisher: Publisher, messages: Sequence[_Message], progress: _Progress) -> int:
        """Publishes messages concurrently. Returns how many were acknowledged. For an ordered sink, each message is
        accepted only after the one before it: if one is lost, the following ones are rejected, and the order is
        kept."""
        in_flight: list[tuple[_Message, asyncio.Future[PubAck] | None, float]] = []
        before = ""
        settled = 0
        try:
            for message in messages:
                if message.item.id in self._stored and "Nomad-Test" not in message.headers:
                    in_flight.append((message, None, 0.0))
                    continue
                sent = monotonic()
                future = await self._send(publisher, message, before if self._definition.ordered else "")
                in_flight.append((message, future, sent))
                before = message.headers["Nats-Msg-Id"]
            for message, waited, sent in in_flight:
                if waited is None:
                    progress.done += 1
                    progress.duplicates += 1
                else:
                    try:
                        acknowledgement = await self._acknowledged(publisher, waited)
                    except APIError:
                        break
                    self._record(message, acknowledgement, sent, progress)
                settled += 1
            else:
                self._broken_batches = 0
                return settled
            # Another client publishes to the stream too, or the server compares before it has stored the previous
            # message.
            await asyncio.wait([future for _, future, _ in in_flight if future is not None])
            self._single_batches = min(2**self._broken_batches - 1, MAX_SINGLE_BATCHES)
            self._broken_batches += 1
            return settled
        finally:
            for _, waited, _ in in_flight:
                if waited is not None:
                    waited.cancel()

    def _is_known(self, message: _Message, progress: _Progress) -> bool:
        if message.item.id not in self._stored or "Nomad-Test" in message.headers:
            return False
        progress.done += 1
        progress.duplicates += 1
        return True

    async def _send(self, publisher: Publisher, message: _Message, after: str) -> "asyncio.Future[PubAck]":
        headers = message.headers
        if after:
            headers = headers | {"Nats-Expected-Last-Msg-Id": after}
        return await publisher.publish(message.subject, message.content, headers)

    def _record(self, message: _Message, acknowledgement: PubAck, sent: float, progress: _Progress) -> None:
        progress.done += 1
        progress.duplicates += bool(acknowledgement.duplicate)
        progress.last = max(progress.last, acknowledgement.seq)
        self._stored.acknowledged(
            message.headers["Nats-Msg-Id"], acknowledgement.seq, sent, duplicate=bool(acknowledgement.duplicate)
        )

    async def _acknowledged(self, publisher: Publisher, future: "asyncio.Future[PubAck]") -> PubAck:
        """Waits for an acknowledgement. Raises `APIError` only if the previous message was not stored."""
        server = publisher.link.server
        try:
            while not (await asyncio.wait({future}, timeout=LEADER_CHECK_AFTER))[0]:
                await self._check_leader(publisher)
            return future.result()
        except NoStreamResponseError:
            raise UnavailableError(await self._explain_no_responder(publisher.link)) from None
        except APIError as error:
            reason = printable(error.description or "", LONGEST_REASON) or f"error {error.err_code}"
            match error.err_code:
                case code if code == WRONG_LAST_ID:
                    raise
                case code if code == TOO_LARGE:
                    raise RejectedError(
                        f"{self._stream} takes no message that large ({reason}): raise its max_msg_size",
                        too_large=True,
                    ) from None
                case code if code == ANOTHER_STREAM:
                    why = "another stream takes the subjects of this sink"
                    what = f"{why}, not {self._stream}: correct stream or subject in the sink's [nats]"
                case code if code in FULL:
                    full = f"{self._stream} of {server} is full ({reason})"
                    what = f"{full}: raise its limits, or let it discard old"
                case _:
                    what = f"{self._stream} of {server} refused it ({reason}): see nats stream info {self._stream}"
            raise UnavailableError(what) from None

    async def _check_leader(self, publisher: Publisher) -> None:
        """Raises `UnavailableError` if messages in flight are lost because the stream's leader has changed."""
        if self._inspection_error:
            return
        try:
            stream = await publisher.link.stream_info(self._stream)
        except NatsError as error:
            what = str(error)
        else:
            if stream is None or (now := leader(stream)) == self._leader:
                return
            what = f"{self._stream} has another leader, {now or 'none at the moment'}: what was on its way is lost"
        await self._disconnect(publisher)
        raise UnavailableError(what)

    async def _explain_no_responder(self, link: NatsLink) -> str:
        try:
            stream = await link.stream_info(self._stream)
        except NatsError as error:
            return str(error)
        if stream is None:
            await self._disconnect(self._publisher)  # the next connection creates it again, if so configured
            return self._no_stream(link)
        taken = printable(", ".join(map(str, stream.config.subjects or ())), 100)
        return (
            f"no stream of {link.server} took it, {self._stream} takes {taken}: if the subject "
            "of this sink is not among that, correct it; else it has no leader at the moment"
        )
