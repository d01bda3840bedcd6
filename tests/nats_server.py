"""A real NATS server with JetStream that a test can kill and restart."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

import nats
import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext

COMMAND = Path(sys.executable).with_name("nats-server")


class NatsServer:
    """A server process on loopback. It keeps its port and its streams across restarts."""

    def __init__(self, folder: Path, settings: str = "", scheme: str = "nats") -> None:
        """`settings` are lines for its configuration file."""
        self.folder = folder
        self.scheme = scheme
        self.port = -1
        self.settings = settings
        self.user = ""
        """Credentials for its address: `name:password@`."""
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def start(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / "nats.conf"
        configuration.write_text(
            f"host: 127.0.0.1\nport: {self.port}\nports_file_dir: {json.dumps(str(self.folder))}\n"
            f"jetstream {{ store_dir: {json.dumps(str(self.folder / 'store'))} }}\n{self.settings}\n"
        )
        for old in self.folder.glob("*.ports"):
            old.unlink()
        with (self.folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(COMMAND), "-c", str(configuration), stdout=log, stderr=log
            )
        async with asyncio.timeout(60):
            while not (found := list(self.folder.glob("*.ports"))) or not found[0].stat().st_size:
                if self._process.returncode is not None:
                    raise RuntimeError((self.folder / "log").read_text())
                await asyncio.sleep(0.01)
        ports: dict[str, Sequence[str]] = json.loads(found[0].read_text())
        self.port = int((ports.get("nats") or ports["tls"])[0].rpartition(":")[2])
        return self

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Kill the process, and wait until nothing listens on the port."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(how)
            await process.wait()

    def freeze(self) -> None:
        """Stop the process: connections stay open and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[Client]:
        client = await nats.connect(self.url.replace("://", f"://{self.user}"), allow_reconnect=False, **options)
        try:
            yield client
        finally:
            await client.close()

    async def stored(self, stream: str = "NOMAD") -> list[tuple[str, dict[str, str], bytes]]:
        """Return subject, headers and data of all messages of a stream, in order."""
        async with self.client() as client:
            jetstream: JetStreamContext = client.jetstream()
            state = (await jetstream.stream_info(stream)).state
            return [
                (message.subject or "", dict(message.headers or {}), message.data or b"")
                for sequence in range(state.first_seq, state.last_seq + 1)
                for message in [await jetstream.get_msg(stream, sequence)]
            ]


@asynccontextmanager
async def nats_server(folder: Path, settings: str = "", scheme: str = "nats") -> AsyncIterator[NatsServer]:
    server = NatsServer(folder, settings, scheme)
    try:
        yield await server.start()
    finally:
        await server.kill()


@asynccontextmanager
async def nats_cluster(folder: Path, size: int = 3) -> AsyncIterator[dict[str, NatsServer]]:
    """Start the servers of one cluster, and yield them by name once streams can have a leader."""
    ports = _free_ports(size)
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    servers = {}
    async with AsyncExitStack() as stack:
        for number, port in enumerate(ports):
            name = f"n{number}"
            settings = f"server_name: {name}\ncluster {{ name: c, listen: '127.0.0.1:{port}', routes: [{routes}] }}"
            servers[name] = await stack.enter_async_context(nats_server(folder / name, settings))
        async with asyncio.timeout(60), servers["n0"].client() as client:
            while True:
                with suppress(nats.errors.Error):
                    answer = await client.request("$JS.API.INFO", timeout=1)
                    if "error" not in json.loads(answer.data):
                        break
                await asyncio.sleep(0.1)
        yield servers


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
