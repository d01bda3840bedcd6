"""Connectivity: settings, name, connection, TLS."""

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from time import monotonic, time
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from nomad_tui.config.connection import Connection
from nomad_tui.core.readable import SECOND, duration, enumerated
from nomad_tui.core.text import printable
from nomad_tui.core.topics import ALL
from nomad_tui.doctor.findings import Begun, Finding, Item, Verdict
from nomad_tui.doctor.subject import ERRORS, Subject, failed
from nomad_tui.nomad.certificate import shown_certificate
from nomad_tui.nomad.client import CONNECT_TIMEOUT, Client

MAX_LISTED: Final = 3
"""Names or addresses listed before the rest is only counted."""
CERTIFICATE_SOON: Final = 14 * 86_400
"""Seconds before a certificate's expiry at which it is noted."""


def settings(subject: Subject) -> Finding:
    """The settings and their origins; never a secret."""
    connection, origins = subject.connection, subject.origins

    def with_origin(setting: str, text: str) -> str:
        return f"{text} ({origins[setting]})" if setting in origins else text

    everywhere = connection.namespace == ALL
    parts = [
        with_origin("address", str(connection.address)),
        with_origin("region", f"region {connection.region}" if connection.region else "the server's own region"),
        with_origin("namespace", "all namespaces" if everywhere else f"namespace {connection.namespace}"),
        str(subject.subscription),
    ]
    if connection.token_file is not None:
        parts.append(with_origin("token_file", f"the token in {connection.token_file}"))
    else:
        parts.append(with_origin("token", "a token") if connection.sends_token else "no token")
    if connection.proxy is not None:
        parts.append(f"through the proxy {connection.proxy.url} ({connection.proxy.variable})")
    if connection.headers:
        names = ", ".join(name for name, _ in connection.headers)
        parts.append(with_origin("headers", f"with the header{'s' if len(connection.headers) > 1 else ''} {names}"))
    if connection.profile is not None:
        parts.insert(0, f"profile {connection.profile.name}")
    measured: dict[str, Any] = {
        "address": str(connection.address),
        "region": connection.region,
        "namespace": connection.namespace,
        "topics": str(subject.subscription),
        "token": connection.sends_token,
        "proxy": connection.proxy.url if connection.proxy is not None else None,
        "headers": [name for name, _ in connection.headers],
        "from": dict(origins),
    }
    sentence = printable(", ".join(parts), 600) + "."
    return Finding("address", Verdict.OK, sentence, measured=measured)


async def answers(connection: Connection) -> Finding:
    """Whether one of several addresses answers."""
    begun = monotonic()
    address = str(connection.address)
    try:
        async with Client(connection) as client:
            answer = await client.ask("/v1/regions")
    except ERRORS as error:
        broken = await failed("address", error, connection, address=address)
        return Finding("address", Verdict.NOTE, broken.sentence, broken.remedy, measured=broken.measured)
    seconds = monotonic() - begun
    return Finding(
        "address",
        Verdict.OK,
        f"{printable(address)} answered in {_seconds(seconds)}.",
        measured={"address": address, "seconds": round(seconds, 6), "index": answer.index},
    )


async def name(subject: Subject) -> AsyncGenerator[Item, None]:
    connection = subject.connection
    if connection.address.socket is not None:
        yield Finding("name", Verdict.SKIPPED, "Unix socket: no DNS lookup needed.")
        return
    host, port = _endpoint(connection)
    with suppress(ValueError):
        ipaddress.ip_address(host)
        subject.ips = (host,)
        yield Finding(
            "name", Verdict.OK, f"{host} is an IP address; no DNS lookup needed.", measured={"addresses": [host]}
        )
        return
    yield Begun("name", f"looking up {printable(host, 100)}")
    begun = monotonic()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            found = await _resolve(host, port)
    except (OSError, UnicodeError) as error:
        reason = "timeout" if isinstance(error, TimeoutError) else _error_text(error)
        proxy = connection.proxy
        subject.blocked = "The server's name does not resolve."
        yield Finding(
            "name",
            Verdict.BROKEN,
            f"{printable(host, 100)} does not resolve: {reason}.",
            f"Correct it in {proxy.variable if proxy is not None else 'NOMAD_ADDR (--address)'}, or check DNS and VPN.",
            measured={"name": host, "seconds": round(monotonic() - begun, 6)},
        )
        return
    subject.ips = found
    seconds = monotonic() - begun
    yield Finding(
        "name",
        Verdict.OK,
        f"{printable(host, 100)} is {_listed(subject.ips)}.",
        measured={"name": host, "addresses": list(subject.ips), "seconds": round(seconds, 6)},
    )


async def _resolve(host: str, port: int) -> tuple[str, ...]:
    """Resolves in a daemon thread: a name server that does not answer must not delay the exit."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def finish(addresses: tuple[str, ...], error: Exception | None) -> None:
        if not answer.done():
            answer.set_result(addresses) if error is None else answer.set_exception(error)

    def look_up() -> None:
        addresses: tuple[str, ...] = ()
        trouble: Exception | None = None
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = tuple(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as error:
            trouble = error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(finish, addresses, trouble)

    threading.Thread(target=look_up, name="look up", daemon=True).start()
    return await answer


async def connect(subject: Subject) -> AsyncGenerator[Item, None]:
    connection = subject.connection
    path = connection.address.socket
    targets = [str(path)] if path is not None else list(subject.ips)
    _, port = _endpoint(connection)
    yield Begun("connect", f"connecting, for up to {CONNECT_TIMEOUT:.0f} s")
    errors: dict[str, OSError] = {}
    for target in targets:
        begun = monotonic()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT / len(targets)):
                if path is not None:
                    _, writer = await asyncio.open_unix_connection(str(path))
                else:
                    _, writer = await asyncio.open_connection(target, port)
        except TimeoutError:
            errors[target] = aiohttp.ConnectionTimeoutError()
            continue
        except OSError as error:
            errors[target] = error
            continue
        seconds = monotonic() - begun
        await _close(writer)
        via = f"the proxy {connection.proxy.url}" if connection.proxy is not None else str(connection.address)
        failures = f" No connection to {_listed(tuple(errors))}." if errors else ""
        yield Finding(
            "connect",
            Verdict.NOTE if errors else Verdict.OK,
            f"Connected to {printable(via, 200)} in {_seconds(seconds)}.{failures}",
            "Remove the unreachable addresses from the name's DNS records." if errors else "",
            measured={"seconds": round(seconds, 6), "to": target, "unreachable": list(errors)},
        )
        return
    first = next(iter(errors.values()), OSError("no address"))
    subject.blocked = "Cannot reach the server."
    yield (
        _proxy_failed(connection, first) if connection.proxy is not None else await failed("connect", first, connection)
    )


def _proxy_failed(connection: Connection, error: OSError) -> Finding:
    proxy = connection.proxy
    assert proxy is not None, "only called with a proxy"
    return Finding(
        "connect",
        Verdict.BROKEN,
        f"Cannot reach the proxy {printable(proxy.url, 200)}: {_error_text(error)}.",
        f"Correct {proxy.variable}, or bypass it: export NO_PROXY={printable(connection.address.host, 100)}",
        measured={"proxy": proxy.url},
    )


async def tls(subject: Subject) -> AsyncGenerator[Item, None]:
    connection = subject.connection
    address = connection.address
    if address.scheme != "https":
        if address.loopback or not (connection.sends_token or connection.http_auth):
            yield Finding("tls", Verdict.SKIPPED, f"{address.scheme}:// address: no TLS.")
            return
        yield Finding(
            "tls",
            Verdict.NOTE,
            "http:// address: the token is sent in clear text.",
            "Enable TLS on the servers, and use https:// in NOMAD_ADDR (--address).",
            measured={"version": None},
        )
        return
    if connection.proxy is not None:
        yield Finding("tls", Verdict.SKIPPED, "Not shown through a proxy; the certificate is verified anyway.")
        return
    yield Begun("tls", "TLS handshake")
    begun = monotonic()
    try:
        context = await asyncio.to_thread(connection.tls_context)
        async with asyncio.timeout(CONNECT_TIMEOUT):
            _, writer = await asyncio.open_connection(
                subject.ips[0],
                address.port,
                ssl=context,
                server_hostname=connection.tls_server_name or address.host,
            )
    except ERRORS as error:
        subject.blocked = "No TLS connection to the server."
        yield await failed("tls", error, connection)
        return
    seconds = monotonic() - begun
    tls_object: ssl.SSLObject = writer.get_extra_info("ssl_object")
    version, certificate = tls_object.version(), tls_object.getpeercert() or {}
    await _close(writer)
    yield await _certificate(connection, version or "TLS", certificate, seconds)


async def _certificate(connection: Connection, version: str, certificate: Mapping[str, Any], seconds: float) -> Finding:
    measured: dict[str, Any] = {
        "version": version,
        "seconds": round(seconds, 6),
        "verified": not connection.skip_verify,
    }
    if connection.skip_verify:
        shown = await shown_certificate(connection)
        measured |= {"names": list(shown.names), "issuer": shown.issuer} if shown is not None else {}
        return Finding(
            "tls",
            Verdict.NOTE,
            f"{version}, but the certificate is not verified: anyone in the path can read the token.",
            "Run `unset NOMAD_SKIP_VERIFY` and `export NOMAD_CACERT=FILE` with the cluster's CA.",
            measured=measured,
        )
    names = tuple(printable(str(value), 100) for _, value in certificate.get("subjectAltName", ()))
    issuer = printable(_common_name(certificate.get("issuer", ())), 100)
    expires = ssl.cert_time_to_seconds(certificate["notAfter"]) if "notAfter" in certificate else None
    measured |= {"names": list(names), "issuer": issuer, "expires": expires}
    sentence = f"{version}, certificate for {_listed(names)}, issued by {issuer}"
    if expires is None:
        return Finding("tls", Verdict.OK, f"{sentence}.", measured=measured)
    left = expires - time()
    measured["seconds_left"] = round(left)
    sentence = f"{sentence}, expires in {duration(int(left) * SECOND)}."
    if left < CERTIFICATE_SOON:
        return Finding(
            "tls",
            Verdict.NOTE,
            sentence,
            "Renew it on the server, such as with `nomad tls cert create -server`.",
            measured=measured,
        )
    return Finding("tls", Verdict.OK, sentence, measured=measured)


def _common_name(issuer: Any) -> str:
    """The issuer's name. `issuer` is as returned by `getpeercert`: pairs within tuples within a tuple."""
    pairs = {key: value for relative in issuer for key, value in relative}
    return str(pairs.get("commonName") or pairs.get("organizationName") or "an unnamed issuer")


def _endpoint(connection: Connection) -> tuple[str, int]:
    """Host and port to connect to: the proxy's, if there is one."""
    if connection.proxy is not None:
        parts = urlsplit(connection.proxy.url)
        return parts.hostname or "", parts.port or 80
    return connection.address.host, connection.address.port


def _listed(texts: tuple[str, ...]) -> str:
    if len(texts) <= MAX_LISTED:
        return enumerated(texts) or "no name"
    return f"{', '.join(texts[:MAX_LISTED])} and {len(texts) - MAX_LISTED} more"


def _error_text(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
    return printable(text, 160).rstrip(".").lower()


def _seconds(seconds: float) -> str:
    return duration(int(seconds * SECOND)) if seconds >= 1 else f"{seconds * 1000:,.1f} ms"


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            await writer.wait_closed()
