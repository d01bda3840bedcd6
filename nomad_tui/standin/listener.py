"""Accepts the connections of a server at one address: TCP or a Unix socket, with or without TLS."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final

from nomad_tui.standin.http import Connection

_BACKLOG: Final = 1024


class Listener:
    """Serves each connection in a task of its own.

    It accepts for itself: a connection that an asyncio server has accepted and not yet introduced when it is closed
    stays open, served by nobody, until its garbage is collected.
    """

    def __init__(
        self,
        port: int,
        unix_path: Path | None,
        tls: ssl.SSLContext | None,
        *,
        serve: Callable[[Connection], Coroutine[Any, Any, None]],
        ended: Callable[[asyncio.Task[None]], None],
    ) -> None:
        """`ended` is called with the task of a connection that is over."""
        self._port = port
        self._unix_path = unix_path
        self._tls = tls
        self._serve = serve
        self._ended = ended
        self._socket: socket.socket | None = None
        self._connections: dict[asyncio.Task[None], Connection | None] = {}
        """By the task that serves it, from the moment it is accepted; None until its handshake is over."""

    @property
    def address(self) -> str:
        """As `NOMAD_ADDR` takes it."""
        if self._unix_path is not None:
            return f"unix://{self._unix_path}"
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Listen; port 0 becomes a free one, which is kept from then on."""
        self._listen(self._bound())

    def close(self) -> None:
        """Stop listening; connections stay open."""
        self._stop_listening()
        if self._unix_path is not None:
            self._unix_path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Keep the address, and refuse connections."""
        self._stop_listening()
        bound = self._bound()  # kept, or else a client that tries again may be given the port for its own end
        try:
            yield
        finally:
            self._listen(bound)

    async def end_connections(self) -> None:
        """Abort every connection, and wait until its task is over."""
        for task, connection in self._connections.items():
            if connection is not None:
                connection.writer.transport.abort()
            task.cancel()
        if self._connections:
            await asyncio.wait(set(self._connections))

    def _bound(self) -> socket.socket:
        """A socket that has the server's address and refuses connections."""
        path = self._unix_path
        bound = socket.socket(socket.AF_INET if path is None else socket.AF_UNIX)
        try:
            bound.setblocking(False)
            if path is None:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                bound.bind(("127.0.0.1", self._port))
                self._port = bound.getsockname()[1]
            else:
                path.unlink(missing_ok=True)
                bound.bind(str(path))
        except OSError:
            bound.close()
            raise
        return bound

    def _listen(self, bound: socket.socket) -> None:
        bound.listen(_BACKLOG)
        asyncio.get_running_loop().add_reader(bound, self._accept, bound)
        self._socket = bound

    def _stop_listening(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):  # whoever asked is gone again
            return
        accepted.setblocking(False)
        task = asyncio.create_task(self._serve_accepted(accepted))
        self._connections[task] = None
        task.add_done_callback(self._task_ended)
        task.add_done_callback(lambda _: accepted.close())  # a task that is stopped at once never takes it over

    async def _serve_accepted(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, accepted, ssl=self._tls)
        except OSError:  # no handshake came about
            return
        connection = Connection(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
        task = asyncio.current_task()
        assert task is not None, "this is a coroutine"
        self._connections[task] = connection
        await self._serve(connection)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        del self._connections[task]
        self._ended(task)
