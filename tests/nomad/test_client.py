"""The client's requests, to which servers, and what it refuses to do."""

import asyncio
import json
import ssl
import time
from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trustme

from nomad_tui import __version__
from nomad_tui.config.connection import Connection
from nomad_tui.nomad import client as client_module
from nomad_tui.nomad.client import BODY_KEPT, Client, ServerInfo
from nomad_tui.nomad.diagnose import Kind, NomadError
from nomad_tui.standin import Options, StandIn
from tests.faulty_servers import HEARTBEAT, FaultyServer, answer, faulty_server

TOKEN = "8d6ae3f7-secret"


async def first_bytes(*parameters: tuple[str, str], **environ: str) -> bytes:
    """Return the stream's bytes until it ends."""
    async with asyncio.timeout(60):
        connection = Connection.from_environment({}, environ)
        async with Client(connection) as client, client.open_stream(parameters) as stream:
            return await stream.content.read()


def head(server: FaultyServer) -> str:
    """Return the only request that `server` received."""
    (request,) = server.requests
    return request


async def test_the_stream_is_requested_unchanged_with_the_token_and_uncompressed() -> None:
    with faulty_server(HEARTBEAT) as server:
        received = await first_bytes(
            ("topic", "*:*"),
            ("namespace", "*"),
            ("region", "a&b"),
            NOMAD_ADDR=f"http://127.0.0.1:{server.port}/ui/",
            NOMAD_TOKEN=TOKEN,
            NOMAD_HTTP_AUTH="ann:päss",
        )
    assert received == b"{}\n"
    assert head(server).startswith("GET /v1/event/stream?topic=*:*&namespace=*&region=a%26b HTTP/1.1\r\n")
    assert f"X-Nomad-Token: {TOKEN}\r\n" in head(server)
    assert f"Authorization: Basic {b64encode('ann:päss'.encode()).decode()}\r\n" in head(server)
    assert "Accept-Encoding: identity\r\n" in head(server)
    assert f"User-Agent: nomad-tui/{__version__}\r\n" in head(server)


async def test_only_given_settings_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with faulty_server(HEARTBEAT) as server:
        await first_bytes(NOMAD_ADDR=f"http://127.0.0.1:{server.port}", HTTP_PROXY="http://127.0.0.1:1")
    assert "X-Nomad-Token" not in head(server)
    assert "Authorization" not in head(server)


async def test_a_renewed_token_is_sent_at_the_next_connect(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    with faulty_server(HEARTBEAT) as server:
        connection = Connection.from_environment(
            {"token_file": str(file)}, {"NOMAD_ADDR": f"http://127.0.0.1:{server.port}"}
        )
        async with asyncio.timeout(60), Client(connection) as client:
            for token in ("first", "second"):
                file.write_text(token)
                async with client.open_stream([]) as stream:
                    await stream.content.read()
    first, second = server.requests
    assert "X-Nomad-Token: first\r\n" in first
    assert "X-Nomad-Token: second\r\n" in second


async def test_a_redirect_is_reported_and_not_followed() -> None:
    with faulty_server(HEARTBEAT) as elsewhere:
        moved = answer("307 Temporary Redirect", "", f"Location: http://127.0.0.1:{elsewhere.port}/v1/event/stream")
        with faulty_server(moved) as server, pytest.raises(NomadError) as raised:
            await first_bytes(NOMAD_ADDR=f"http://127.0.0.1:{server.port}", NOMAD_TOKEN=TOKEN)
    assert raised.value.status == 307
    assert raised.value.headers["location"].endswith("/v1/event/stream")
    assert elsewhere.requests == []


async def test_an_error_contains_the_beginning_of_the_servers_response() -> None:
    says = answer("403 Forbidden", "Permission denied" + "." * 5000)
    with faulty_server(says) as server, pytest.raises(NomadError) as raised:
        await first_bytes(NOMAD_ADDR=f"http://127.0.0.1:{server.port}")
    assert raised.value.status == 403
    assert raised.value.body == b"Permission denied" + b"." * (BODY_KEPT - 17)


async def test_a_web_page_is_not_a_stream() -> None:
    says = answer("200 OK", "<!doctype html>", "Content-Type: text/html; charset=utf-8")
    with faulty_server(says) as server, pytest.raises(NomadError) as raised:
        await first_bytes(NOMAD_ADDR=f"http://127.0.0.1:{server.port}")
    assert raised.value.status == 200


@pytest.mark.parametrize("says", [None, HEARTBEAT])
async def test_silence_ends_the_stream_before_and_after_its_first_line(says: bytes | None) -> None:
    with faulty_server(says, holds=True) as server:
        connection = Connection.from_environment({}, {"NOMAD_ADDR": f"http://127.0.0.1:{server.port}"})
        async with asyncio.timeout(60), Client(connection) as client:
            with pytest.raises(NomadError) as raised:
                async with client.open_stream([], silence=0.1) as stream:
                    async for _ in stream.content.iter_any():
                        pass
    assert raised.value.trouble.kind is Kind.SILENT


async def test_a_handshake_that_never_ends_times_out() -> None:
    with faulty_server(None, holds=True, listens=False) as server, pytest.raises(NomadError) as raised:
        connection = Connection.from_environment({}, {"NOMAD_ADDR": f"https://127.0.0.1:{server.port}"})
        async with asyncio.timeout(60), Client(connection, connect_timeout=0.2) as client:
            await client.get_json("/v1/regions")
    assert raised.value.trouble.kind is Kind.TIMED_OUT


async def test_closing_the_stream_closes_its_connection_at_once() -> None:
    with faulty_server(HEARTBEAT, holds=True) as server:
        connection = Connection.from_environment({}, {"NOMAD_ADDR": f"http://127.0.0.1:{server.port}"})
        async with asyncio.timeout(60), Client(connection) as client:
            async with client.open_stream([]) as stream:
                assert await stream.content.readany() == b"{}\n"
            started = time.monotonic()
        assert time.monotonic() - started < 15


async def test_a_unix_socket_is_used() -> None:
    # A socket's path can have at most 103 characters, which pytest's own folders can exceed.
    with TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "nomad api.sock"
        with faulty_server(HEARTBEAT, socket_path=path) as server:
            assert await first_bytes(NOMAD_ADDR=f"unix://{path}", HTTP_PROXY="http://127.0.0.1:1") == b"{}\n"
    assert "Host: 127.0.0.1\r\n" in head(server)


async def test_a_proxy_is_used_for_a_remote_address() -> None:
    with faulty_server(HEARTBEAT) as proxy:
        received = await first_bytes(
            NOMAD_ADDR="http://nomad.invalid:4646", HTTP_PROXY=f"http://ann:secret@127.0.0.1:{proxy.port}"
        )
    assert received == b"{}\n"
    assert head(proxy).startswith("GET http://nomad.invalid:4646/v1/event/stream HTTP/1.1\r\n")
    assert f"Proxy-Authorization: Basic {b64encode(b'ann:secret').decode()}\r\n" in head(proxy)


async def test_a_proxy_never_sees_the_token_of_an_https_address() -> None:
    with faulty_server(answer("403 Forbidden")) as proxy, pytest.raises(NomadError, match="proxy"):
        await first_bytes(
            NOMAD_ADDR="https://nomad.invalid:4646",
            NOMAD_TOKEN=TOKEN,
            HTTPS_PROXY=f"http://ann:secret@127.0.0.1:{proxy.port}",
        )
    assert head(proxy).startswith("CONNECT nomad.invalid:4646 HTTP/1.1\r\n")
    assert f"Proxy-Authorization: Basic {b64encode(b'ann:secret').decode()}\r\n" in head(proxy)
    assert TOKEN not in head(proxy)


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """Write a cluster's CA to files: `ca.pem` and, for its clients, `client.pem` and `client-key.pem`."""
    authority = trustme.CA()
    client = authority.issue_cert("client.global.nomad")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    client.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    client.private_key_pem.write_to_path(tmp_path / "client-key.pem")
    (tmp_path / "authorities").mkdir()
    authority.cert_pem.write_to_path(tmp_path / "authorities" / "not-a-hash.crt")
    return authority


def server_context(authority: trustme.CA, *names: str, wants_certificate: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    if wants_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    return context


@pytest.mark.parametrize(
    ("names", "wants_certificate", "settings"),
    [
        (["127.0.0.1"], False, {"NOMAD_CACERT": "{files}/ca.pem"}),
        (["127.0.0.1"], False, {"NOMAD_CAPATH": "{files}/authorities"}),
        (["127.0.0.1"], False, {"NOMAD_SKIP_VERIFY": "1"}),
        (["server.global.nomad"], False, {"NOMAD_SKIP_VERIFY": "1"}),
        (
            ["server.global.nomad"],
            False,
            {"NOMAD_CACERT": "{files}/ca.pem", "NOMAD_TLS_SERVER_NAME": "server.global.nomad"},
        ),
        (
            ["127.0.0.1"],
            True,
            {
                "NOMAD_CACERT": "{files}/ca.pem",
                "NOMAD_CLIENT_CERT": "{files}/client.pem",
                "NOMAD_CLIENT_KEY": "{files}/client-key.pem",
            },
        ),
    ],
)
async def test_tls_follows_the_settings(
    names: list[str], wants_certificate: bool, settings: dict[str, str], authority: trustme.CA, tmp_path: Path
) -> None:
    environ = {name: value.replace("{files}", str(tmp_path)) for name, value in settings.items()}
    with faulty_server(HEARTBEAT, server_context(authority, *names, wants_certificate=wants_certificate)) as server:
        assert await first_bytes(NOMAD_ADDR=f"https://127.0.0.1:{server.port}", **environ) == b"{}\n"


@pytest.mark.parametrize("settings", [{}, {"NOMAD_CAPATH": "{files}/others"}, {"NOMAD_CACERT": "{files}/other.pem"}])
async def test_a_server_signed_by_another_authority_gets_no_request(
    settings: dict[str, str], authority: trustme.CA, tmp_path: Path
) -> None:
    (tmp_path / "others").mkdir()
    for place in ("other.pem", "others/other.pem"):
        trustme.CA().cert_pem.write_to_path(tmp_path / place)
    environ = {name: value.replace("{files}", str(tmp_path)) for name, value in settings.items()}
    with faulty_server(HEARTBEAT, server_context(authority, "127.0.0.1")) as server:
        environ |= {"NOMAD_ADDR": f"https://127.0.0.1:{server.port}", "NOMAD_TOKEN": TOKEN}
        with pytest.raises(NomadError) as raised:
            await first_bytes(**environ)
    assert raised.value.trouble.kind is Kind.CERTIFICATE_CA
    assert server.requests == []


AGENT = {
    "config": {"Region": "europe", "Version": {"Version": "2.0.6", "VersionPrerelease": "dev"}},
    "member": {"Name": "one.europe"},
    "stats": {"raft": {"last_log_index": "812"}},
}


@pytest.mark.parametrize(
    ("says", "learned"),
    [
        (json.dumps(AGENT), ServerInfo("2.0.6-dev", "europe", "one.europe", 812)),
        ('{"config":{"Version":{"Version":"1.10.8","VersionPrerelease":""}}}', ServerInfo("1.10.8")),
        ('{"config":[],"member":{"Name":7},"stats":{"raft":{"last_log_index":"x"}}}', ServerInfo()),
        ("[1]", ServerInfo()),
        ("not JSON", None),
    ],
)
async def test_available_parts_of_the_servers_description_are_used(says: str, learned: ServerInfo | None) -> None:
    with faulty_server(answer("200 OK", says, "Content-Type: application/json")) as server:
        async with asyncio.timeout(60):
            async with Client(Connection.from_environment({}, {"NOMAD_ADDR": f"127.0.0.1:{server.port}"})) as client:
                assert await client.server() == learned


@pytest.mark.parametrize("says", [answer("403 Forbidden", "Permission denied"), b"+PONG\r\n", None])
async def test_a_server_without_a_description_is_not_an_error(says: bytes | None) -> None:
    with faulty_server(says) as server:
        async with asyncio.timeout(60):
            async with Client(Connection.from_environment({}, {"NOMAD_ADDR": f"127.0.0.1:{server.port}"})) as client:
                assert await client.server() is None


async def test_json_is_requested_with_its_parameters_and_read_up_to_a_limit() -> None:
    with (
        faulty_server(answer("200 OK", '["europe"]')) as server,
        faulty_server(answer("200 OK", "1" * 2000)) as endless,
    ):
        async with asyncio.timeout(60):
            async with Client(Connection.from_environment({}, {"NOMAD_ADDR": f"127.0.0.1:{server.port}"})) as client:
                assert await client.get_json("/v1/regions", [("stale", "")]) == ["europe"]
            connection = Connection.from_environment({}, {"NOMAD_ADDR": f"127.0.0.1:{endless.port}"})
            async with Client(connection, answer_limit=1000) as client:
                with pytest.raises(NomadError):
                    await client.get_json("/v1/regions")
    assert head(server).startswith("GET /v1/regions?stale= HTTP/1.1\r\n")


INVALID = b"HTTP/0.0 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{}\n"


@pytest.mark.parametrize("over", ["http", "https", "unix"])
async def test_a_status_line_of_http_0_0_is_read_as_1_0(over: str, authority: trustme.CA, tmp_path: Path) -> None:
    with TemporaryDirectory(dir="/tmp") as folder:
        tls = server_context(authority, "127.0.0.1") if over == "https" else None
        path = Path(folder) / "nomad.sock" if over == "unix" else None
        options = Options(protocol="HTTP/0.0", heartbeat=0.02, tls=tls, unix_path=path)
        async with asyncio.timeout(60), StandIn(options=options) as server:
            environ = {"NOMAD_ADDR": server.address, "NOMAD_CACERT": str(tmp_path / "ca.pem")}
            async with Client(Connection.from_environment({}, environ)) as client:
                assert await client.server() is not None
                assert not client.mended_status_line
                async with client.open_stream([]) as stream:
                    assert await stream.content.readline() == b"{}\n"
                    assert await stream.content.readline() == b"{}\n"
                assert client.mended_status_line


@pytest.mark.parametrize("pieces", [1, 5, 8])
async def test_a_status_line_that_arrives_in_pieces_is_repaired_too(pieces: int) -> None:
    with faulty_server(INVALID[:pieces], then=INVALID[pieces:]) as server:
        assert await first_bytes(NOMAD_ADDR=f"http://127.0.0.1:{server.port}") == b"{}\n"


async def test_a_body_that_contains_http_0_0_is_unchanged() -> None:
    with faulty_server(HEARTBEAT + b"HTTP/0.0 200 OK\n") as server:
        assert await first_bytes(NOMAD_ADDR=f"http://127.0.0.1:{server.port}") == b"{}\nHTTP/0.0 200 OK\n"


async def test_a_body_whose_chunks_are_garbled_ends_at_once() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n"
    with faulty_server(chunked, then=b"zzz\r\n", holds=True) as server:
        with pytest.raises(NomadError, match="no longer HTTP"):
            await first_bytes(NOMAD_ADDR=f"http://127.0.0.1:{server.port}")
        server.released.set()


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Content-Length: 999", "the response is incomplete"),
        ("Content-Encoding: gzip", "the response is not the gzip that its header says"),
    ],
)
async def test_a_body_that_contradicts_its_header_is_described(header: str, words: str) -> None:
    says = f"HTTP/1.1 200 OK\r\n{header}\r\n\r\n{{}}\n".encode()
    with faulty_server(says) as server, pytest.raises(NomadError, match=rf"\({words}\)"):
        await first_bytes(NOMAD_ADDR=f"http://127.0.0.1:{server.port}")


@pytest.mark.parametrize("encoding", ["br", "zstd", "X-Gzip", "gzip, gzip"])
async def test_an_unsupported_compression_is_named(encoding: str) -> None:
    says = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n\x1f\x8b\n".encode()
    with faulty_server(says) as server, pytest.raises(NomadError, match=rf"compressed as {encoding.lower()}: a proxy"):
        await first_bytes(NOMAD_ADDR=f"http://127.0.0.1:{server.port}")


async def test_the_original_error_is_raised_if_aiohttps_internals_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "mend_status_lines", lambda connector, mended: None)
    with faulty_server(INVALID) as server, pytest.raises(NomadError, match=r"HTTP/0\.0"):
        await first_bytes(NOMAD_ADDR=f"http://127.0.0.1:{server.port}")
