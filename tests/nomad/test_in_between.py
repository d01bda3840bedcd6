"""Intermediaries between nomad-tui and a server: proxies that respond, cut, or need headers, a path or SOCKS."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme

from nomad_tui.config.connection import Connection
from nomad_tui.config.precedence import Flags
from nomad_tui.config.setting import ConfigurationError
from nomad_tui.config.settings import read_profiles
from nomad_tui.core.export.reproduce import Envelope, command, curl
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Connected, Retrying
from nomad_tui.nomad import diagnose, inquiry
from nomad_tui.nomad.cases import Kind, Trouble
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.diagnose import NomadError
from nomad_tui.sources.live import LiveServer
from nomad_tui.standin import ALL_FRAMES, Options, StandIn
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.timing import MIN_CUTS, Cuts, is_regular
from nomad_tui.ui.dialogs.copies import server_of
from tests.stream.test_live import SECONDS, SOON, Reader, frame

CLOUDFLARE = {"Server": "cloudflare", "CF-RAY": "8f1"}
NGINX = {"Server": "nginx/1.27.0"}
PAGE = b"<html>\r\n<head><title>%s</title></head>\r\n<body>\r\n<center><h1>%s</h1></center></body></html>"


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected"),
    [
        (429, PAGE % ((b"429 Too Many Requests",) * 2), NGINX, "nginx says '429 Too Many Requests'"),
        (502, PAGE % ((b"502 Bad Gateway",) * 2), NGINX, "nginx says '502 Bad Gateway'"),
        (403, b"error code: 1020", CLOUDFLARE, "Cloudflare says 'error code: 1020': a firewall rule"),
        (522, b"error code: 522", CLOUDFLARE, "Cloudflare says 'error code: 522': it cannot connect"),
        (524, b"", CLOUDFLARE, "Cloudflare gives no reason: the server behind it timed out"),
        (
            403,
            PAGE % ((b"Attention Required! | Cloudflare",) * 2),
            CLOUDFLARE,
            "says 'Attention Required! | Cloudflare'",
        ),
        (
            503,
            b"upstream connect error or disconnect/reset before headers",
            {"Server": "envoy"},
            "Envoy says 'upstream",
        ),
        (504, b"<html><body><h1>504 Gateway Time-out</h1></body></html>", {}, "it says '504 Gateway Time-out'"),
        (429, b'{"message":"API rate limit exceeded"}', {"Server": "kong"}, "API rate limit exceeded"),
        (500, b"<html>oops</html>", {}, "it says 'oops'"),
    ],
)
def test_a_proxys_response_is_not_mistaken_for_nomads(
    status: int, body: bytes, headers: dict[str, str], expected: str
) -> None:
    trouble = diagnose.unexpected_answer(status, body, headers, Connection()).trouble
    assert trouble.kind is Kind.IN_FRONT
    assert trouble.what.startswith("A proxy in front of")
    assert expected in trouble.why


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, b"Permission denied", Kind.PERMISSION),
        (500, b"Permission denied", Kind.PERMISSION),
        (429, b"Your IP is issuing too many concurrent connections, please rate limit your calls\n", Kind.TOO_MANY),
        (500, b"No cluster leader", Kind.NO_LEADER),
        (500, b"rpc error: EOF", Kind.UNAVAILABLE),
    ],
)
def test_nomads_messages_are_recognized_behind_nginx_too(status: int, body: bytes, kind: Kind) -> None:
    assert diagnose.unexpected_answer(status, body, NGINX, Connection()).trouble.kind is kind


# Cuts


@pytest.mark.parametrize(
    ("times", "regular"),
    [
        ((60.0, 60.2, 59.9), True),
        ((15.0, 15.1, 15.0), True),
        ((600.0, 604.0, 610.0), True),
        ((60.0, 61.0, 75.0), False),
        ((0.1, 0.1, 0.1), False),
        ((60.0, 60.0), False),
    ],
)
def test_times_are_regular_or_not(times: tuple[float, ...], regular: bool) -> None:
    assert is_regular(deque(times, MIN_CUTS)) is regular


def test_cuts_at_a_regular_interval_are_reported() -> None:
    cut = Trouble(Kind.CUT, "The connection was cut", "something broke it off", "Check it", refused=False)
    slow = Trouble(Kind.TOO_SLOW, "The server ended the stream", "too slow", "", refused=False)
    cuts = Cuts()
    assert [cuts.named(cut, seconds, 0.1).what for seconds in (60.1, 59.9)] == [cut.what] * 2
    assert cuts.named(cut, 60.0, 7.0).what == "The connection is cut every 60 s"
    assert cuts.named(cut, 12.0, 3.0) == cut, "the next one came at another time"
    assert cuts.named(slow, 60.0, 1.0) == slow
    assert [cuts.named(cut, seconds, 0.1).what for seconds in (60.0, 60.0)] == [cut.what] * 2, "begun anew"
    idle = Cuts()
    result = [idle.named(cut, lasted, silent) for lasted, silent in ((80.0, 20.0), (21.0, 20.1), (140.0, 19.9))][-1]
    assert result.what == "The connection is cut after 20 s without a byte"
    assert "idle timeout" in result.why


@asynccontextmanager
async def forwarding(
    server: StandIn, *, strip: str = "", header: str = "", cut_after: float | None = None
) -> AsyncIterator[str]:
    """A reverse proxy that serves below a path, requires a header, and cuts each connection."""
    port = int(server.address.rpartition(":")[2])
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, _, rest = head.partition("\r\n")
            method, target, protocol = line.split()
            if not target.startswith(f"{strip}/v1/") or header not in rest:
                writer.write(
                    b"HTTP/1.1 403 Forbidden\r\nServer: nginx\r\nConnection: close\r\n\r\n<h1>403 Forbidden</h1>"
                )
            else:
                from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
                kept = "\r\n".join(each for each in rest.split("\r\n") if not each.lower().startswith("connection:"))
                to_server.write(
                    f"{method} {target.removeprefix(strip)} {protocol}\r\nConnection: close\r\n{kept}".encode()
                )
                try:
                    async with asyncio.timeout(cut_after if "/event/stream" in target else None):
                        while chunk := await from_server.read(65536):
                            writer.write(chunk)
                            await writer.drain()
                except TimeoutError:
                    writer.transport.abort()
                finally:
                    to_server.close()
                    with suppress(OSError):
                        await to_server.wait_closed()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        try:
            yield f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}{strip}"
        finally:
            tasks = [task for task in serving if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def first_index(connection: Connection) -> int:
    source = LiveServer(connection, settings=Settings(shortest_delay=SOON))
    async with aclosing(source.updates()) as updates:
        reader = Reader(source, updates)
        await reader.until_index(7)
        return reader.indexes[0]


async def test_a_proxy_that_cuts_regularly_is_reported_in_a_live_stream() -> None:
    async with (
        asyncio.timeout(SECONDS),
        StandIn([frame(7)], Options(lead=ALL_FRAMES)) as server,
        forwarding(server, cut_after=0.3) as address,
    ):
        source = LiveServer(
            Connection.from_environment({"address": address}, environ={}),
            settings=Settings(shortest_delay=SOON, shortest_cut_period=0.05),
        )
        async with aclosing(source.updates()) as updates:
            reader = Reader(source, updates)
            await reader.until(lambda: len(reader.all(Retrying)) >= MIN_CUTS)
            assert "proxy" in reader.all(Retrying)[-1].what
            assert len(reader.all(Connected)) == MIN_CUTS


async def test_a_server_behind_a_path_and_a_header_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCESS_SECRET", "s3cret-of-access")
    (tmp_path / "id").write_text("an-id\n")
    (tmp_path / "config.toml").write_text(
        "[profile.edge.headers]\nCF-Access-Client-Secret = '${ACCESS_SECRET}'\nCF-Access-Client-Id = 'file:id'\n"
    )
    async with (
        asyncio.timeout(SECONDS),
        StandIn([frame(7)], Options(lead=ALL_FRAMES)) as server,
        forwarding(server, strip="/nomad", header="CF-Access-Client-Secret: s3cret-of-access") as address,
    ):
        flags: Flags = {"address": f"{address}/", "headers": ("CF-Access-Client-Secret: ${ACCESS_SECRET}",)}
        connection = Connection.from_environment(flags, environ={})
        assert await first_index(connection) == 7
        assert str(connection.address) == address
        assert "s3cret" not in repr(connection)
        by_profile = Connection.from_environment(
            {"address": address}, environ={}, profile=read_profiles(tmp_path)["edge"]
        )
        assert by_profile.current_headers() == {
            "CF-Access-Client-Secret": "s3cret-of-access",
            "CF-Access-Client-Id": "an-id",
        }
        assert await first_index(by_profile) == 7
        without = Connection.from_environment({"address": address}, environ={})
        with pytest.raises(NomadError) as refused:
            async with Client(without) as client:
                await client.get_json("/v1/regions")
        assert "--header" in refused.value.trouble.remedy


def test_copied_commands_use_path_and_headers_without_a_secret() -> None:
    connection = Connection(
        address=Connection.from_environment({"address": "https://edge.example.com/nomad"}, environ={}).address,
        headers=(("CF-Id", "abc-secret"), ("CF-Key", "${CF_KEY}"), ("X-Two", "file:/run/it's here")),
    )
    server = server_of(connection, {})
    line = curl(Envelope(1, "Job", "JobRegistered", "web"), "web", server)
    assert line == (
        'curl -H "CF-Id: ${CF_ID}" -H "CF-Key: ${CF_KEY}" -H "X-Two: $(head -n 1 \'/run/it\'"\'"\'s here\')" '
        "https://edge.example.com:443/nomad/v1/job/web"
    )
    assert command(Envelope(1, "Job", "JobRegistered", "web"), "web", server) is None


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("no colon", "is not a header"),
        ("Bad Name: x", "is not a header"),
        ("X-Nomad-Token: x", "--token-file"),
        ("Connection: close", "nomad-tui sets it"),
        ("X-A: ${NOT_SET_ANYWHERE}", "NOT_SET_ANYWHERE is not set"),
        ("X-A: file:/nowhere/at/all", "cannot be read"),
        ("X-A: ä", "printable ASCII"),
    ],
)
def test_a_header_that_cannot_be_sent_is_reported_in_one_sentence(header: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as result:
        Connection.from_environment({"headers": (header,)}, environ={})
    assert says in str(result.value)
    assert str(result.value).endswith(".")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://a:4646/ui/jobs", "http://a:4646"),
        ("http://a:4646/v1/regions", "http://a:4646"),
        ("https://a/nomad/ui", "https://a:443/nomad"),
        ("https://a//x//y/", "https://a:443/x/y"),
        ("https://a/x y", None),
        ("https://a/../x", None),
    ],
)
def test_the_path_of_an_address_is_the_prefix_of_the_api(address: str, shown: str | None) -> None:
    if shown is None:
        with pytest.raises(ConfigurationError):
            Connection.from_environment({"address": address}, environ={})
    else:
        assert str(Connection.from_environment({"address": address}, environ={}).address) == shown


# SOCKS


@asynccontextmanager
async def socks_server(to: StandIn, asked: list[str], password: bytes | None = None) -> AsyncIterator[str]:
    """A SOCKS5 proxy (RFC 1928, 1929) that resolves every name to one server."""
    port = int(to.address.rpartition(":")[2])

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        await reader.readexactly(count)
        writer.write(b"\x05\x02" if password is not None else b"\x05\x00")
        if password is not None:
            _, length = await reader.readexactly(2)
            await reader.readexactly(length)
            given = await reader.readexactly((await reader.readexactly(1))[0])
            writer.write(b"\x01\x00" if given == password else b"\x01\x01")
            if given != password:
                writer.close()
                return
        kind = (await reader.readexactly(4))[3]
        length = (await reader.readexactly(1))[0] if kind == 3 else 4
        name = await reader.readexactly(length)
        await reader.readexactly(2)
        asked.append(name.decode() if kind == 3 else "an address")
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        yield f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_a_server_is_read_through_a_socks_proxy_that_resolves_its_name(scheme: str) -> None:
    asked: list[str] = []
    async with (
        asyncio.timeout(SECONDS),
        StandIn([frame(7)], Options(lead=ALL_FRAMES, version="1.11.2")) as server,
        socks_server(server, asked, b"pass") as place,
    ):
        environ = {"HTTP_PROXY": f"{scheme}://user:pass@{place}"}
        connection = Connection.from_environment({"address": "http://nomad.invalid:4646"}, environ=environ)
        assert await first_index(connection) == 7
        assert set(asked) == {"nomad.invalid"}


async def test_tls_through_a_socks_proxy_is_verified_by_the_servers_name(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("server.global.nomad").configure_cert(context)
    async with (
        asyncio.timeout(SECONDS),
        StandIn([frame(7)], Options(lead=ALL_FRAMES, tls=context)) as server,
        socks_server(server, []) as place,
    ):
        flags: Flags = {"address": "https://nomad.invalid:4646", "ca_cert": str(tmp_path / "ca.pem")}
        environ = {"HTTPS_PROXY": f"socks5://{place}"}
        wrong = Connection.from_environment(flags, environ=environ)
        with pytest.raises(NomadError) as raised:
            async with Client(wrong) as client:
                await client.get_json("/v1/regions")
        assert raised.value.trouble.kind is Kind.CERTIFICATE_NAME
        named = Connection.from_environment({**flags, "tls_server_name": "server.global.nomad"}, environ=environ)
        assert await first_index(named) == 7


async def test_a_socks_proxy_that_fails_is_reported() -> None:
    async with StandIn() as server, server.down():
        environ = {"HTTP_PROXY": server.address.replace("http", "socks5")}
        connection = Connection.from_environment({"address": "http://nomad.invalid:4646"}, environ=environ)
        with pytest.raises(NomadError) as raised:
            async with Client(connection) as client:
                await client.get_json("/v1/regions")
    trouble = raised.value.trouble
    assert trouble.kind is Kind.PROXY
    assert environ["HTTP_PROXY"] in trouble.what and "HTTP_PROXY" in trouble.remedy


# Refusals with a message


async def test_permission_denied_is_not_mistaken_for_disabled_publishing() -> None:
    """A management token, and a proxy or an old release that only denies the stream."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = b"Permission denied"
        status = b"403 Forbidden"
        if b"/v1/acl/token/self" in head:
            body, status = b'{"AccessorID":"x","Type":"management","Name":"boss"}', b"200 OK"
        elif b"/v1/status/leader" in head:
            body, status = b'"127.0.0.1:4647"', b"200 OK"
        writer.write(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        await writer.drain()
        writer.close()

    async with asyncio.timeout(SECONDS), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        connection = Connection.from_environment({"address": address, "token": "t"}, environ={})
        async with Client(connection) as client:
            refusal = diagnose.refusal(connection)
            found = await inquiry.why_refused(client, Subscription.parse(("Job",)), refusal)
    assert found.trouble.kind is Kind.PERMISSION, found.trouble.sentence
    assert "publishes no events" not in found.trouble.sentence
    assert "boss" in found.trouble.why
