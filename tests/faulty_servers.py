"""Faulty servers: each sends one fixed answer over TCP, TLS or a Unix socket.

They are threads with blocking sockets, because asyncio's servers lose the alert that tells a TLS client the reason.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

HEARTBEAT = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{}\n"
"""The beginning of a stream."""


def answer(status: str, body: str = "", *headers: str) -> bytes:
    """Return an HTTP response, such as `answer("403 Forbidden", "Permission denied")`."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


@dataclass
class FaultyServer:
    port: int
    requests: list[str] = field(default_factory=list)
    """The head of each request, as text."""
    passes_on_at_once: bool = False
    """Whether a buffering proxy has stopped buffering."""

    def __post_init__(self) -> None:
        self.released = threading.Event()
        """Set to let the server continue after its answer."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def faulty_server(
    says: bytes | None,
    tls: ssl.SSLContext | None = None,
    socket_path: Path | None = None,
    *,
    then: bytes = b"",
    listens: bool = True,
    holds: bool = False,
) -> Iterator[FaultyServer]:
    """Serve `says` after a request's head, or at once if it does not listen; then `then`; and close.

    None closes without an answer. With `holds` the connection stays open instead.
    """
    if socket_path is not None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(socket_path))
        listener.listen()
        server = FaultyServer(0)
    else:
        listener = socket.create_server(("127.0.0.1", 0))
        server = FaultyServer(listener.getsockname()[1])
    listener.settimeout(0.01)

    def serve(connection: socket.socket) -> None:
        if listens:
            server.requests.append(_head(connection))
        if says is not None:
            connection.sendall(says)
        if then:
            time.sleep(0.05)  # otherwise the client reads both at once
            connection.sendall(then)
        if holds:
            server.released.wait(20)

    def run() -> None:
        while not server.released.is_set():
            with suppress(TimeoutError):
                accepted, _ = listener.accept()
                accepted.settimeout(5)
                with suppress(OSError), accepted if tls is None else _handshake(accepted, tls) as connection:
                    serve(connection)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        thread.join()
        listener.close()


def _head(connection: socket.socket) -> str:
    received = b""
    while b"\r\n\r\n" not in received and (part := connection.recv(4096)):
        received += part
    return received.decode("latin-1")


def _handshake(accepted: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
    secured = tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
    try:
        secured.do_handshake()
    except OSError:
        with suppress(OSError):
            socket.socket.shutdown(secured, socket.SHUT_WR)
            # Closing with unread data would reset the connection and lose the alert.
            while socket.socket.recv(secured, 4096):
                pass
        secured.close()
        raise
    return secured


@contextmanager
def buffering_proxy(server: str, held: int = 1 << 30) -> Iterator[FaultyServer]:
    """A proxy for the server at address `server` that buffers like nginx with proxy_buffering on.

    It forwards a stream's head at once, but its body only after `held` bytes or at its end. Other responses are not
    buffered.
    """
    host, port = server.removeprefix("http://").split(":")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.01)
    proxy = FaultyServer(listener.getsockname()[1])

    def serve(client: socket.socket) -> None:
        with client, socket.create_connection((host, int(port)), timeout=0.01) as upstream:
            request = _head(client)
            proxy.requests.append(request)
            upstream.sendall(request.replace("\r\n", "\r\nConnection: close\r\n", 1).encode("latin-1"))
            body = b""
            held_back = "/event/stream" in request
            head_sent = False
            while not proxy.released.is_set():
                try:
                    part = upstream.recv(65536)
                except TimeoutError:
                    continue
                body += part
                if held_back and not head_sent and b"\r\n\r\n" in body:
                    head, _, body = body.partition(b"\r\n\r\n")
                    client.sendall(head + b"\r\n\r\n")
                    head_sent = True
                if not part or not held_back or len(body) >= held or proxy.passes_on_at_once:
                    client.sendall(body)
                    body = b""
                if not part:
                    return

    def guarded(client: socket.socket) -> None:
        with suppress(OSError):
            serve(client)

    threads: list[threading.Thread] = []

    def run() -> None:
        while not proxy.released.is_set():
            with suppress(TimeoutError):
                client, _ = listener.accept()
                client.settimeout(5)
                threads.append(threading.Thread(target=guarded, args=(client,)))
                threads[-1].start()

    accepting = threading.Thread(target=run)
    accepting.start()
    try:
        yield proxy
    finally:
        proxy.released.set()
        accepting.join()
        for thread in threads:
            thread.join()
        listener.close()
