"""The stand-in server: publishes its recording, and answers every request."""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import replace
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

from nomad_tui.core.objects.registry import kind
from nomad_tui.nomad import releases
from nomad_tui.standin.answers import (
    NO_LEADER,
    NOT_PUBLISHING,
    PERMISSION_DENIED,
    Answers,
    Lists,
    Namespaces,
    Raft,
    denied,
)
from nomad_tui.standin.http import Answer, Connection, Listener, Request
from nomad_tui.standin.logs import LOGS, TaskLogs
from nomad_tui.standin.options import AtEnd, Fault, Options, Release, Scheduled
from nomad_tui.standin.recording import SLICE_SECONDS, Frame, Recording
from nomad_tui.standin.stream import Buffer, DroppedError, StalledError, Stream, follow, head, reset, send_recording
from nomad_tui.standin.subscription import Access, BadRequestError, Doubt, StreamQuery, Subscription, Token

STREAM_PATH: Final = "/v1/event/stream"

_DROPPED: Final = b"event dropped from buffer"
_SERVER_STOPS: Final = b"subscription closed by server, client should resubscribe"
_TOKEN_EXPIRED: Final = b"ACL token expired"


class StandIn:
    """A Nomad server that publishes a recording.

    `lines` are a recording's lines, with or without line feeds. Use it as an async context manager; on exit it ends
    every connection, and raises any error of its own code that occurred while serving.
    """

    def __init__(self, lines: Iterable[bytes] = (), options: Options | None = None) -> None:
        self.options = options or Options()
        self.requests: list[Request] = []
        """All requests received, in order."""
        self.streams: list[Stream] = []
        """The open streams, in order of opening."""
        self._lines = lines
        self._recording = Recording(())
        self._buffer = Buffer(self.options.buffer_size)
        self._access = Access(self.options.tokens, self.options.anonymous)
        self._namespaces = Namespaces(self.options.namespaces or ())
        self._raft = Raft(self.options.leader)
        self._raft_log: deque[Frame] = deque()
        """Frames that a restarted server has not replayed yet."""
        self.logs = TaskLogs(samples=self.options.sample_logs)
        self.lingering = 0
        """Streams that were refused or ended and are still open, silent."""
        self._lists = Lists()
        self._answers = Answers(
            self.options,
            self._access,
            self._namespaces,
            self._raft,
            lambda: self.newest_index,
            lambda topic: self._lists.objects(self._recording, self.newest_index, topic),
        )
        self._listener = Listener(
            self.options.port,
            self.options.unix_path,
            self.options.tls,
            serve=self._serve_connection,
            ended=self._task_ended,
        )
        self._publisher: asyncio.Task[None] | None = None
        self._failures: list[BaseException] = []
        self._streams_opened = 0
        self._refused = 0
        self._changed = asyncio.Event()

    # Start and stop

    async def __aenter__(self) -> Self:
        self._recording = await Recording.load(self._lines, raw=self.options.raw)
        if self.options.namespaces is None:
            for namespace in sorted(self._recording.namespaces):
                self._namespaces.make(namespace, 1)
        self._listener.open()
        if not self.options.from_start:
            self._publisher = asyncio.create_task(self._publish_recording())
            self._publisher.add_done_callback(self._task_ended)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._publisher is not None:
            self._publisher.cancel()
            await asyncio.wait({self._publisher})
        self._listener.close()
        await self._end_connections()
        if self._failures and error is None:
            raise self._failures[0]

    @property
    def address(self) -> str:
        """In the form of `NOMAD_ADDR`."""
        return self._listener.address

    async def _end_connections(self) -> None:
        for stream in list(self.streams):
            self._end(stream, _SERVER_STOPS)
        await self._listener.end_connections()

    # Controls for tests and the demo

    @property
    def subscribers(self) -> int:
        """The number of open streams; a refused one does not count."""
        return len(self.streams)

    @property
    def newest_index(self) -> int:
        """The index of the newest frame published."""
        if not self.options.from_start or self._buffer.newest_index:
            return self._buffer.newest_index
        passes = self.options.repeat or 1
        return self._recording.highest_index + (passes - 1) * self._recording.span

    async def until(self, fact: Callable[[], bool]) -> None:
        """Waits until a condition of the server is true; checks it after each request, frame and end of a stream."""
        while not fact():
            await self._changed.wait()

    async def subscribed(self, count: int = 1) -> None:
        """Waits until at least `count` streams are open."""
        await self.until(lambda: self.subscribers >= count)

    async def published(self) -> None:
        """Waits until the last frame of the recording is in the buffer."""
        if self._publisher is not None:
            await asyncio.wait({self._publisher})

    def publish(self, *lines: bytes) -> None:
        """Adds lines to the buffer at once, even if readers are too slow and if lines are not frames."""
        for line in lines:
            self._append(Frame.read(line))

    def make_namespace(self, name: str) -> None:
        """Creates a namespace. Streams already open do not receive its events."""
        self._namespaces.make(name, self.newest_index)

    def lose_leader(self) -> None:
        """Streams stay open, and new ones are served; requests that need the leader are answered with 500."""
        self._raft.leader = False

    def elect_leader(self) -> None:
        self._raft.leader = True

    def upgrade(self, version: str) -> None:
        """Changes the release, without ending connections."""
        self.options = self._answers.options = replace(self.options, version=version)

    def put_token(self, secret: str, token: Token) -> None:
        """Creates a token or changes its permissions, which ends streams that it may no longer read."""
        self._access.put(secret, token)
        for stream in list(self.streams):
            if stream.secret == secret and not self._allowed(stream.query, token):
                self._end_early(stream, _SERVER_STOPS)

    def revoke(self, secret: str) -> None:
        """Deletes a token, which ends its streams."""
        self._access.remove(secret)
        for stream in list(self.streams):
            if stream.secret == secret:
                self._end_early(stream, _TOKEN_EXPIRED)

    def inject(self, fault: Fault) -> None:
        """Makes a fault occur in every open stream, now."""
        for stream in list(self.streams):
            stream.perform(fault)

    def refuse(self, connections: int) -> None:
        """Resets the next `connections` connections before reading from them."""
        self._refused = connections

    @contextlib.asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """Stops the server for the duration of the context: ends connections and refuses new ones."""
        with self._listener.refusing():
            await self._end_connections()
            yield

    async def restart(
        self, lines: Iterable[bytes] | None = None, *, keep: int | None = None, replays: bool = False
    ) -> None:
        """Ends all connections and listens again at the same address.

        `lines` replace what the server holds (its whole recording if it serves from the start), as the history of a
        rebuilt server; `keep` is how many of the newest frames it still holds, 0 for an empty buffer. With `replays` it
        answers before it has replayed its raft log: without a leader and with an empty buffer, and old frames are
        published under their old indexes by `replay`. Not with `from_start`.
        """
        async with self.down():
            self._raft_log.clear()
            self._raft.last_log_index = None
            if lines is not None:
                replacement = await Recording.load(lines, raw=True)
                if self.options.from_start:
                    self._recording = replacement
                else:
                    self._buffer.replace(replacement.frames)
            if keep is not None:
                held = self._buffer.frames()
                self._buffer.replace(held[len(held) - min(keep, len(held)) :])
            if replays:
                self._raft.leader = False
                self._raft.last_log_index = self._buffer.newest_index
                self._raft_log.extend(self._buffer.frames())
                self._buffer.replace(())

    def replay(self, frames: int | None = None) -> None:
        """Applies that many more frames of the raft log, or all; after the last one the cluster has a leader again."""
        for _ in range(len(self._raft_log) if frames is None else min(frames, len(self._raft_log))):
            self._append(self._raft_log.popleft())
        if not self._raft_log:
            self._raft.last_log_index = None
            self._raft.leader = True

    # Publishing

    def _append(self, frame: Frame) -> None:
        for namespace in frame.namespaces:
            self._namespaces.make(namespace, frame.index or 0)
        self._buffer.append(frame)
        self._notify()

    async def _publish_recording(self) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        yield_at = started + SLICE_SECONDS
        for number, place in enumerate(self._recording.places(self.options.repeat)):
            behind = number - self.options.lead
            if behind >= 0 and self.options.pace is None:
                await self.until(self._has_room)
            elif behind >= 0 and self.options.pace is not None:
                await asyncio.sleep(max(0.0, started + behind / self.options.pace - clock()))
            self._append(self._recording.frame(place[1], place[0]))
            if clock() >= yield_at:
                await asyncio.sleep(0)
                yield_at = clock() + SLICE_SECONDS

    def _has_room(self) -> bool:
        """Whether another frame would have a reader and overrun none."""
        following = [stream.position for stream in self.streams if not stream.silent]
        return bool(following) and (not self._buffer.full or min(following) > self._buffer.oldest_position)

    # Serving

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failures.append(error)
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _serve_connection(self, connection: Connection) -> None:
        writer = connection.writer
        try:
            if self._refused > 0:
                self._refused -= 1
                reset(writer)
                return
            if self.options.send_buffer is not None:
                underlying = writer.get_extra_info("socket")
                underlying.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.options.send_buffer)
            while (request := await connection.request()) is not None:
                self.requests.append(request)
                self._notify()
                answer = await self._respond(connection, request)
                if answer is None or not await connection.answer(answer, request, self.options.clock_offset):
                    break
        except ConnectionError:
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _respond(self, connection: Connection, request: Request) -> Answer | None:
        """The response to a request; None if it was a stream, which has ended."""
        if self.options.basic_auth is not None and not request.has_basic_auth(*self.options.basic_auth):
            headers = {"WWW-Authenticate": 'Basic realm="nomad"'}
            return Answer(HTTPStatus.UNAUTHORIZED, b"Unauthorized", headers=headers)
        if request.path.startswith(LOGS) and request.method == "GET":
            return await self._respond_log(connection, request)
        if request.path != STREAM_PATH:
            return await self._answers.answer(request)
        if request.method != "GET":
            return Answer.text(HTTPStatus.METHOD_NOT_ALLOWED, "Invalid method")
        try:
            query = StreamQuery.of(request)
        except BadRequestError as error:
            return Answer.text(HTTPStatus.BAD_REQUEST, str(error))
        token = self._access.token(request.secret)
        if (unreachable := self._answers.unreachable_region(request)) is not None:
            refused = unreachable
        elif not self.options.leader:
            refused = Answer.text(HTTPStatus.INTERNAL_SERVER_ERROR, NO_LEADER)
        elif isinstance(token, Doubt) or not self._allowed(query, token):
            refused = denied()
            if self.options.refusals is Release.OLD_500:
                refused = Answer.text(HTTPStatus.INTERNAL_SERVER_ERROR, PERMISSION_DENIED)
        elif not self.options.publishes:
            refused = Answer.text(HTTPStatus.INTERNAL_SERVER_ERROR, NOT_PUBLISHING)
        else:
            await self._serve_stream(connection, query, token, request.secret)
            return None
        if self.options.refusals is not Release.MODERN:
            return refused
        connection.writer.write(head(self.options.status_line))
        if self.options.lingers:
            gone = asyncio.create_task(connection.gone())
            try:
                await self._linger(gone, self.options.lingers)
            finally:
                gone.cancel()
        return None

    async def _respond_log(self, connection: Connection, request: Request) -> Answer | None:
        token = self._access.token(request.secret)
        refused = denied() if isinstance(token, Doubt) else self.logs.refusal(request, token)
        if refused is not None:
            return refused
        async with _serving(connection, self.logs.serve(request, connection.writer)) as tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return None

    async def _linger(self, gone: asyncio.Task[None], seconds: float | None) -> None:
        self.lingering += 1
        self._notify()
        try:
            await asyncio.wait({gone}, timeout=seconds)
        finally:
            self.lingering -= 1
            self._notify()

    def _allowed(self, query: StreamQuery, token: Token) -> bool:
        known = releases.Release.parse(self.options.version)
        if not token.management and known is not None and any(kind(name).since > known.number for name in query.topics):
            return False  # an unknown topic needs management
        return token.may_subscribe(query.topics, query.namespaces(self._namespaces.names()))

    async def _serve_stream(self, connection: Connection, query: StreamQuery, token: Token, secret: str) -> None:
        options = self.options
        stream = Stream(
            connection.writer,
            query=query,
            subscription=Subscription(query.topics, query.namespaces(self._namespaces.names()), token),
            secret=secret,
            heartbeat=options.heartbeat,
            first_heartbeat=options.beats_after,
            write_timeout=options.write_timeout,
            faults=[fault for fault in options.faults if self._applies(fault)],
            changed=self._notify,
        )
        self._streams_opened += 1
        stream.number = self._streams_opened
        stream.position = self._buffer.next_position if options.from_start else self._buffer.start(query.index)
        stream.begin(head(options.status_line))
        async with _serving(connection, self._serve_frames(stream)) as (serving, gone):
            stream.served_by(serving)
            self.streams.append(stream)
            self._notify()
            try:
                await asyncio.wait((serving, gone), return_when=asyncio.FIRST_COMPLETED)
                if stream.silent and not stream.over:
                    if stream.lingers is not None:
                        self.streams.remove(stream)
                    await self._linger(gone, stream.lingers)
            finally:
                if stream in self.streams:
                    self.streams.remove(stream)
                self._notify()

    def _applies(self, fault: Scheduled) -> bool:
        return fault.stream is None or fault.stream == self._streams_opened

    async def _serve_frames(self, stream: Stream) -> None:
        try:
            await stream.start()
            if self.options.from_start:
                await send_recording(stream, self._recording, self.options.pace, self.options.repeat)
                if self.options.at_end is AtEnd.EOF:
                    stream.end()
                    return
            await follow(stream, self._buffer, next_eval_differs=self.options.next_eval_differs, changed=self._notify)
        except DroppedError:
            self._end_early(stream, _DROPPED)
        except StalledError:
            stream.abort()
        except ConnectionError:
            return

    def _end_early(self, stream: Stream, reason: bytes) -> None:
        """Ends a stream the way a running server does."""
        if self.options.lingers and self.options.refusals is Release.MODERN:
            stream.linger(self.options.lingers)
        else:
            self._end(stream, reason)

    def _end(self, stream: Stream, reason: bytes) -> None:
        stream.end(b"" if self.options.refusals is Release.MODERN else reason)


@contextlib.asynccontextmanager
async def _serving(
    connection: Connection, work: Coroutine[Any, Any, None]
) -> AsyncIterator[tuple[asyncio.Task[None], asyncio.Task[None]]]:
    """A task that serves a connection, and one that waits for its end; both are over after the context."""
    serving, gone = asyncio.create_task(work), asyncio.create_task(connection.gone())
    try:
        yield serving, gone
    finally:
        serving.cancel()
        gone.cancel()
        await asyncio.wait((serving, gone))
    if not serving.cancelled():
        serving.result()
