"""A connection to NATS, for publishing to a stream or reading one."""

import asyncio
import logging
import ssl
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import sample
from typing import Any, Final, Self, TypeVar

import nats.errors
from nats.aio.client import Client, RawCredentials
from nats.js import JetStreamManager, api
from nats.js.errors import NotFoundError

from nomad_tui.core.text import printable
from nomad_tui.nats.address import JetStreamAddress
from nomad_tui.nats.errors import LONGEST_REASON, NatsError, explain

PING_INTERVAL: Final = 10
"""Seconds; after two unanswered pings the connection is closed."""
API_TIMEOUT: Final = 5.0
"""Seconds to wait for a response of JetStream's API."""
INFO_ATTEMPTS: Final = 5
LARGEST_KEY: Final = 64 * 1024
"""Bytes read from a file with credentials."""

INVALID_RESPONSE: Final = (ValueError, TypeError, KeyError, AttributeError)
"""Exceptions of the library for a response that is not JetStream's."""

Answer = TypeVar("Answer")

_USER_JWT: Final = "BEGIN NATS USER JWT"
_SEED: Final = "BEGIN USER NKEY SEED"

# Callers report errors; the library would log them as well.
logging.getLogger("nats").addHandler(logging.NullHandler())
logging.getLogger("nats").propagate = False
# The library's TLS upgrade makes asyncio print a warning on standard error when the server closes the connection.
logging.getLogger("asyncio").addFilter(lambda record: "eof_received() has no effect" not in str(record.msg))


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials and trusted certificates, in addition to the address."""

    credentials: Path | None = None
    """A `.creds` file."""
    nkey: Path | None = None
    """A file with an nkey's seed."""
    ca_cert: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    server_name: str | None = None
    skip_verify: bool = False

    @property
    def any_tls(self) -> bool:
        return any((self.ca_cert, self.client_cert, self.client_key, self.server_name, self.skip_verify))


class NatsLink:
    """One connection, used until it breaks or is closed; callers then open another.

    (With the library's own reconnection, old messages would be sent whenever the server returns, possibly after its
    window for duplicates has passed, although another runner has published them meanwhile.)
    """

    def __init__(self, client: Client, server: str, patience: float) -> None:
        self.client = client
        self.server = server
        """The connected server, as `nats://host:port`."""
        self._patience = patience
        self._watched: set[asyncio.Future[Any]] = set()

    @classmethod
    async def open(
        cls,
        address: JetStreamAddress,
        keys: Keys,
        others: frozenset[str] = frozenset(),
        *,
        patience: float = API_TIMEOUT,
    ) -> Self:
        """Tries each server once, first those of the address, then `others`, which those servers had announced.
        `patience` is the timeout of JetStream API requests, in seconds.

        Raises `NatsError` for the last server tried. Callers must set a time limit.
        """
        options = await asyncio.to_thread(_options, address, keys)
        scheme = "tls" if address.tls else "nats"
        named = sample(address.servers, len(address.servers))
        candidates = [*named, *sorted(others.difference(named))]
        failure: NatsError | None = None
        for server in candidates:
            shown = f"{scheme}://{server}"
            client = _Client(must_be_encrypted=address.tls or keys.any_tls)
            link = cls(client, shown, patience)
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT if len(candidates) > 1 else None):
                    await client.connect(
                        [shown],
                        allow_reconnect=False,
                        max_reconnect_attempts=1,
                        reconnect_time_wait=0,
                        pending_size=0,
                        ping_interval=PING_INTERVAL,
                        name="nomad-tui",
                        error_cb=link._report,
                        disconnected_cb=link._on_disconnected,
                        closed_cb=link._on_disconnected,
                        **options,
                    )
                return link
            except (OSError, nats.errors.Error, TimeoutError, ValueError) as error:
                seen = client.last_error if isinstance(error, nats.errors.NoServersError) else error
                failure = explain(client.first_error or seen or error, shown)
                await link.close()
            except BaseException:
                await link.close()
                raise
        assert failure is not None
        raise failure

    @property
    def broken(self) -> bool:
        return not self.client.is_connected

    @property
    def others(self) -> frozenset[str]:
        """Servers of the same cluster that this one announced, as `host:port`."""
        return frozenset(server.netloc.rpartition("@")[2] for server in self.client.discovered_servers)

    def watch(self, future: "asyncio.Future[Any]") -> None:
        """Makes `future` fail with `NatsError` when the connection is lost or an operation is not permitted."""
        self._watched.add(future)
        future.add_done_callback(self._watched.discard)

    async def stream_info(self, stream: str) -> api.StreamInfo | None:
        """The stream's state; None if there is no such stream. Raises `NatsError`.

        Retries the request: one that reaches a stream without a leader is never answered.
        """
        jetstream = self.client.jsm(timeout=self._patience / INFO_ATTEMPTS)
        try:
            for _ in range(INFO_ATTEMPTS - 1):
                with suppress(TimeoutError):
                    return await self.call(jetstream.stream_info(stream), may_time_out=True)
            return await self.call(jetstream.stream_info(stream))
        except NotFoundError:
            return None

    @property
    def manager(self) -> JetStreamManager:
        """Manages streams and consumers; make its requests through `call`."""
        return self.client.jsm(timeout=self._patience)

    async def call(self, request: Coroutine[Any, Any, Answer], *, may_time_out: bool = False) -> Answer:
        """The response to a library request; fails at once when the connection is lost, instead of at the library's
        timeout.

        Raises `NatsError`, `NotFoundError` if the object does not exist, and TimeoutError if `may_time_out`.
        """
        answer = asyncio.ensure_future(request)
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.watch(lost)
        try:
            await asyncio.wait((answer, lost), return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                lost.result()
            return await answer
        except NotFoundError:
            raise
        except INVALID_RESPONSE as error:
            raise NatsError(
                f"JetStream of {self.server} failed", f"its answer cannot be read: {error}", "Check the server's log"
            ) from None
        except (nats.errors.Error, OSError, TimeoutError) as error:
            if may_time_out and isinstance(error, TimeoutError):
                raise
            raise explain(error, self.server) from None
        finally:
            lost.cancel()
            answer.cancel()
            await asyncio.gather(answer, lost, return_exceptions=True)

    async def close(self) -> None:
        with suppress(Exception):
            async with asyncio.timeout(_CLOSE_TIMEOUT):  # a failed handshake never closes
                await self.client.close()

    async def _report(self, error: Exception) -> None:
        """Handles an asynchronous error from the server: a missing permission, or why it closes the connection."""
        if not self.client.is_connecting and "permissions violation" in str(error).lower():
            self._fail(explain(error, self.server))

    async def _on_disconnected(self) -> None:
        self._fail(explain(self.client.last_error or nats.errors.ConnectionClosedError(), self.server))

    def _fail(self, error: NatsError) -> None:
        for future in list(self._watched):
            if not future.done():
                future.set_exception(error)


_CONNECT_TIMEOUT: Final = 5.0
"""Seconds for each of several servers."""
_CLOSE_TIMEOUT: Final = 0.5


class _Client(Client):
    """Never accepts an unencrypted connection if encryption is required; the library encrypts only if the server
    demands it."""

    def __init__(self, *, must_be_encrypted: bool) -> None:
        super().__init__()
        self.first_error: Exception | None = None
        """Why connecting failed; the library only reports that no server could be reached."""
        self._must_be_encrypted = must_be_encrypted

    async def connect(self, *args: Any, **options: Any) -> None:
        report = options["error_cb"]

        async def keep(error: Exception) -> None:
            self.first_error = self.first_error or error
            await report(error)

        await super().connect(*args, **options | {"error_cb": keep})
        self.first_error = None

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if self._must_be_encrypted and initial_connection and not info.get("tls_required"):
            if not info.get("tls_available"):
                raise nats.errors.SecureConnWantedError
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)


def _options(address: JetStreamAddress, keys: Keys) -> dict[str, Any]:
    """The library's options. Reads the files here, in a thread; the library would read them in the event loop."""
    options: dict[str, Any] = {}
    if address.token is not None:
        options["token"] = address.token
    elif address.user is not None:
        options |= {"user": address.user, "password": address.password or ""}
    if keys.credentials is not None:
        text = _read(keys.credentials, "credentials")
        if _USER_JWT not in text or _SEED not in text:
            raise NatsError(
                f"{printable(str(keys.credentials), LONGEST_REASON)} is not a credentials file",
                "it does not hold a user's JWT and seed",
                "Name a .creds file, as nsc or the operator of NATS makes them",
                refused=True,
            )
        options["user_credentials"] = RawCredentials(text)
    elif keys.nkey is not None:
        options["nkeys_seed_str"] = _seed(keys.nkey)
    options["tls"] = _context(keys)
    if keys.server_name:
        options["tls_hostname"] = keys.server_name
    return options


def _seed(path: Path) -> str:
    lines = [line.strip() for line in _read(path, "the nkey").splitlines()]
    for line in lines:
        if line.startswith("SU") and len(line) > 50:
            return line
    raise NatsError(
        f"{printable(str(path), LONGEST_REASON)} holds no nkey",
        "no line of it is the seed of a user, which begins with SU",
        "Name the file that nk -gen user wrote",
        refused=True,
    )


def _read(path: Path, what: str) -> str:
    try:
        with path.expanduser().open("rb") as file:
            return file.read(LARGEST_KEY).decode("utf-8", "replace")
    except (OSError, RuntimeError) as error:
        raise _unreadable(path, error, what) from None


def _unreadable(path: Path, error: Exception, what: str) -> NatsError:
    reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else printable(str(error), 100)
    return NatsError(
        f"{printable(str(path), LONGEST_REASON)} with {what} cannot be read",
        reason,
        "Name a file that nomad-tui may read",
        refused=True,
    )


def _context(keys: Keys) -> ssl.SSLContext:
    ca_cert = None if keys.ca_cert is None else keys.ca_cert.expanduser()
    try:
        context = ssl.create_default_context(cafile=ca_cert)
    except (OSError, ssl.SSLError) as error:
        raise _unreadable(ca_cert or Path(), error, "the CA's certificates") from None
    if keys.client_cert is not None:
        certificate = keys.client_cert.expanduser()
        try:
            context.load_cert_chain(certificate, None if keys.client_key is None else keys.client_key.expanduser())
        except (OSError, ssl.SSLError) as error:
            raise _unreadable(certificate, error, "the client certificate") from None
    if keys.skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def leader(stream: api.StreamInfo) -> str:
    """Name of the server that stores the stream; "" without a cluster, or if there is no leader."""
    return (stream.cluster.leader if stream.cluster is not None else None) or ""
