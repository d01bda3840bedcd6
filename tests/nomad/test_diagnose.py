"""The explanation of a failed connection: the correct cause, and a remedy."""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp.client_reqrep import RequestInfo
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from nomad_tui.config.connection import Connection
from nomad_tui.config.setting import ConfigurationError
from nomad_tui.nomad.cases import ERRORS, LAST_LINES, STATUSES, Case, by_inquiry
from nomad_tui.nomad.client import CONNECT_TIMEOUT, Client
from nomad_tui.nomad.diagnose import (
    Kind,
    NomadError,
    Trouble,
    buffered,
    clock_skew,
    ended,
    explain,
    mended_status_line,
    refusal,
    too_slow,
)
from nomad_tui.nomad.inquiry import explain_fully
from tests.faulty_servers import HEARTBEAT, FaultyServer, answer, faulty_server

SETTING = r"NOMAD_[A-Z_]+|(?i:https?_proxy)|NO_PROXY|--[a-z-]+"
"""What a remedy must mention: a setting to change."""


async def trouble(environ: dict[str, str], connect_timeout: float = CONNECT_TIMEOUT) -> Trouble:
    """Return the diagnosis of the stream requested by `environ`, which must fail."""
    connection = Connection.from_environment({}, environ)
    async with asyncio.timeout(60):
        try:
            async with (
                Client(connection, connect_timeout=connect_timeout) as client,
                client.open_stream([("topic", "*")], silence=0.3) as stream,
            ):
                pytest.fail(f"a stream came: {await stream.content.read()!r}")
        except NomadError as error:
            return await explain_fully(error, connection)


def assert_readable(diagnosis: Trouble, address: str) -> None:
    """Assert three parts of one line each: where, why, and which setting to change."""
    assert address in diagnosis.what
    assert re.search(SETTING, diagnosis.remedy)
    assert diagnosis.why[0] == diagnosis.why[0].lower()
    for part in (diagnosis.what, diagnosis.why, diagnosis.remedy):
        assert part.isprintable() and part == part.strip() and not part.endswith((".", ":"))
        assert not re.search(r"\{[a-z_]*\}", part), "a fact is missing"
    assert diagnosis.sentence == f"{diagnosis.what}: {diagnosis.why}. {diagnosis.remedy}."


@pytest.mark.parametrize(
    ("says", "kind", "words", "waiting_helps"),
    [
        # A status with the message of Nomad, or of something in front of it.
        (answer("403 Forbidden", "Permission denied"), Kind.PERMISSION, "no token was sent.*NOMAD_TOKEN", False),
        (answer("500 Internal Server Error", "Permission denied"), Kind.PERMISSION, "no token was sent", False),
        (answer("403 Forbidden", "<html>no</html>"), Kind.IN_FRONT, "it says 'no'", False),
        (answer("401 Unauthorized"), Kind.AUTHENTICATION, "NOMAD_HTTP_AUTH", False),
        (answer("400 Bad Request", "Invalid topic"), Kind.BAD_REQUEST, "it said 'Invalid topic'", False),
        (
            answer("400 Bad Request", "Client sent an HTTP request to an HTTPS server.\n"),
            Kind.TLS_EXPECTED,
            "Use https:// in NOMAD_ADDR",
            False,
        ),
        (answer("500 Internal Server Error", "No path to region"), Kind.REGION_UNKNOWN, "NOMAD_REGION", False),
        (answer("404 Not Found", "404 page not found"), Kind.NOT_NOMAD, "older than 1.0", False),
        (answer("405 Method Not Allowed"), Kind.NOT_NOMAD, "has no event stream", False),
        (answer("418 I'm a teapot", "short\x1b]0;and stout"), Kind.NOT_NOMAD, "short␛]0;and stout", False),
        (answer("200 OK", "<p>", "Content-Type: text/html"), Kind.NOT_NOMAD, "a web page instead of JSON", False),
        (
            answer("301 Moved Permanently", "", "Location: https://nomad.example/"),
            Kind.REDIRECT,
            "points to https://nomad.example/,",
            False,
        ),
        (answer("429 Too Many Requests"), Kind.TOO_MANY, "http_max_conns_per_client", True),
        (answer("500 Internal Server Error", "No cluster leader"), Kind.NO_LEADER, "no leader", True),
        (
            answer("500 Internal Server Error", "EventBroker not configured"),
            Kind.PUBLISHING_DISABLED,
            "Set enable_event_broker = true",
            False,
        ),
        # Other servers by HashiCorp.
        (
            answer("404 Not Found", "Invalid URL path: not a recognized HTTP API endpoint\n"),
            Kind.NOT_NOMAD,
            "is a Consul agent, not a Nomad server",
            False,
        ),
        (answer("403 Forbidden", "", "X-Consul-Index: 1"), Kind.NOT_NOMAD, "is a Consul agent", False),
        (answer("403 Forbidden", '{"errors":["permission denied"]}\n'), Kind.NOT_NOMAD, "is a Vault server", False),
        (answer("503 Service Unavailable", '{"errors":["Vault is sealed"]}'), Kind.NOT_NOMAD, "'.*sealed", False),
        (
            answer("500 Internal Server Error", "dial tcp 127.0.0.1:4647: connect: connection refused"),
            Kind.UNAVAILABLE,
            "cannot reach Nomad's servers: it is a client agent",
            True,
        ),
        (answer("500 Internal Server Error", "rpc error: EOF"), Kind.UNAVAILABLE, "it said 'rpc error: EOF'", True),
        (answer("502 Bad Gateway", "<html>"), Kind.IN_FRONT, "cannot reach Nomad", True),
        (answer("503 Service Unavailable"), Kind.IN_FRONT, "cannot reach Nomad", True),
        (answer("504 Gateway Timeout"), Kind.IN_FRONT, "cannot reach Nomad", True),
        # Not HTTP.
        (b"SSH-2.0-OpenSSH_9.2\r\n", Kind.NOT_NOMAD, "it said 'SSH-2.0-OpenSSH_9.2'", False),
        (b"+PONG " + b"." * 4000 + b"\r\n", Kind.NOT_NOMAD, "the response is not HTTP", False),
        (b"\x15\x03\x01\x00\x02\x02\x50", Kind.TLS_EXPECTED, "https://", False),
        # Ends too early.
        (b"", Kind.CUT, "https://", True),
        (b"HTTP/1.1 200 OK\r\nContent-Ty", Kind.CUT, "again at once", True),
    ],
)
async def test_the_responding_server_is_recognized(says: bytes, kind: Kind, words: str, waiting_helps: bool) -> None:
    with faulty_server(says) as server:
        diagnosis = await trouble({"NOMAD_ADDR": f"http://127.0.0.1:{server.port}"})
    assert (diagnosis.kind, diagnosis.refused) == (kind, not waiting_helps), diagnosis.sentence
    assert re.search(words, diagnosis.sentence)
    assert_readable(diagnosis, f"http://127.0.0.1:{server.port}")


@pytest.mark.parametrize(
    ("says", "kind", "words"),
    [
        (answer("403 Forbidden", "Permission denied"), Kind.PERMISSION, "lacks a capability"),
        (answer("500 Internal Server Error", "Permission denied"), Kind.PERMISSION, "lacks a capability"),
        (answer("403 Forbidden", "ACL token not found"), Kind.AUTHENTICATION, "deleted, or another cluster's"),
        (answer("404 Not Found", "ACL token not found"), Kind.AUTHENTICATION, "deleted, or another cluster's"),
        (answer("403 Forbidden", "ACL token expired"), Kind.AUTHENTICATION, "the token has expired, .* a new one"),
        (
            answer("500 Internal Server Error", "index error: UUID must be 36 characters"),
            Kind.AUTHENTICATION,
            "is malformed",
        ),
    ],
)
async def test_a_bad_token_is_not_mistaken_for_a_weak_one_and_never_shown(says: bytes, kind: Kind, words: str) -> None:
    with faulty_server(says) as server:
        diagnosis = await trouble({"NOMAD_ADDR": f"http://127.0.0.1:{server.port}", "NOMAD_TOKEN": "8d6ae3f7"})
    assert (diagnosis.kind, diagnosis.refused) == (kind, True)
    assert re.search(words, diagnosis.sentence)
    assert "NOMAD_TOKEN" in diagnosis.remedy
    assert "8d6ae3f7" not in diagnosis.sentence


async def test_a_path_in_the_address_is_named_if_nothing_is_below_it() -> None:
    with faulty_server(answer("404 Not Found")) as server:
        diagnosis = await trouble({"NOMAD_ADDR": f"http://127.0.0.1:{server.port}/nomad/"})
    assert "below /nomad, which NOMAD_ADDR names" in diagnosis.why


async def test_a_long_text_is_truncated() -> None:
    with faulty_server(answer("400 Bad Request", "wrong " * 1000)) as server:
        diagnosis = await trouble({"NOMAD_ADDR": f"http://127.0.0.1:{server.port}"})
    assert len(diagnosis.why) < 250


@pytest.mark.parametrize(
    ("address", "environ", "kind", "words"),
    [
        ("http://127.0.0.1:{closed}", {}, Kind.REFUSED_CONNECTION, "connection refused.*4646"),
        ("https://127.0.0.1:{closed}", {}, Kind.REFUSED_CONNECTION, "connection refused"),
        ("http://nomad.invalid:4646", {}, Kind.NAME_UNKNOWN, "nomad.invalid does not resolve.*NOMAD_ADDR"),
        ("unix://{folder}/missing.sock", {}, Kind.UNREACHABLE, "the socket does not exist"),
        ("unix://{folder}/file", {}, Kind.REFUSED_CONNECTION, "connection refused"),
        ("unix:///" + "n" * 200, {}, Kind.UNREACHABLE, "path too long"),
        (
            "http://nomad.invalid:4646",
            {"HTTP_PROXY": "http://ann:secret@127.0.0.1:{closed}"},
            Kind.PROXY,
            "proxy http://127.0.0.1:{closed}.*HTTP_PROXY, or add nomad.invalid to NO_PROXY",
        ),
        (
            "https://10.0.0.1:4646",
            {"https_proxy": "http://proxy.invalid:3128"},
            Kind.NAME_UNKNOWN,
            "proxy.invalid does not resolve.*Correct it in https_proxy",
        ),
    ],
)
async def test_a_server_that_cannot_be_reached(
    address: str, environ: dict[str, str], kind: Kind, words: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with socket.socket() as silent:  # a port in use without a listener
        silent.bind(("127.0.0.1", 0))
        closed = str(silent.getsockname()[1])

        def placed(text: str) -> str:
            return text.replace("{closed}", closed).replace("{folder}", str(tmp_path))

        diagnosis = await trouble(
            {"NOMAD_ADDR": placed(address)} | {name: placed(url) for name, url in environ.items()}
        )
    assert (diagnosis.kind, diagnosis.refused) == (kind, False), diagnosis.sentence
    assert re.search(placed(words), diagnosis.sentence)
    assert_readable(diagnosis, placed(address))


@pytest.mark.parametrize(
    ("status", "words", "waiting_helps"),
    [
        ("407 Proxy Authentication Required", "HTTPS_PROXY to http://user:password@host:port", False),
        ("403 Forbidden", "refused or failed to connect .*HTTPS_PROXY", True),
    ],
)
async def test_a_proxy_that_refuses(status: str, words: str, waiting_helps: bool) -> None:
    with faulty_server(answer(status)) as proxy:
        address = "https://nomad.invalid:4646"
        diagnosis = await trouble({"NOMAD_ADDR": address, "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"})
    assert (diagnosis.kind, diagnosis.refused) == (Kind.PROXY, not waiting_helps), diagnosis.sentence
    assert re.search(words, diagnosis.sentence)
    assert_readable(diagnosis, address)


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """Write the cluster's CA to `ca.pem`; `client.pem` and `client-key.pem` are signed by another CA."""
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger = other.issue_cert("client.global.nomad")
    stranger.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    stranger.private_key_pem.write_to_path(tmp_path / "client-key.pem")
    return authority


Tls = Callable[[trustme.CA], ssl.SSLContext]


def shows(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def trusted(authority: trustme.CA) -> ssl.SSLContext:
    return shows(authority.issue_cert("127.0.0.1"))


def named_for_its_role(authority: trustme.CA) -> ssl.SSLContext:
    return shows(authority.issue_cert("localhost", "server.global.nomad", "10.0.0.1"))


def named_for_nobody(authority: trustme.CA) -> ssl.SSLContext:
    return shows(authority.issue_cert("*.nomad"))


def expired(authority: trustme.CA) -> ssl.SSLContext:
    past = datetime(2020, 1, 1), datetime(2021, 1, 1)
    return shows(authority.issue_cert("127.0.0.1", not_before=past[0], not_after=past[1]))


def not_yet_valid(authority: trustme.CA) -> ssl.SSLContext:
    return shows(authority.issue_cert("127.0.0.1", not_before=datetime(2037, 1, 1)))


def wants_certificate(authority: trustme.CA) -> ssl.SSLContext:
    context = trusted(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    return context


def wants_certificate_over_tls_1_2(authority: trustme.CA) -> ssl.SSLContext:
    context = wants_certificate(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


CA = {"NOMAD_CACERT": "{files}/ca.pem"}
STRANGER = {"NOMAD_CLIENT_CERT": "{files}/client.pem", "NOMAD_CLIENT_KEY": "{files}/client-key.pem"}


@pytest.mark.parametrize(
    ("tls", "settings", "kind", "words"),
    [
        (
            trusted,
            {},
            Kind.CERTIFICATE_CA,
            "an untrusted CA: it was issued by .*trustme.*, not by any CA of this machine.*NOMAD_CACERT",
        ),
        (
            named_for_its_role,
            CA,
            Kind.CERTIFICATE_NAME,
            "not valid for 127.0.0.1: it is for localhost, server.global.nomad and 10.0.0.1. "
            "Set NOMAD_TLS_SERVER_NAME .* to server.global.nomad,",
        ),
        (named_for_nobody, CA, Kind.CERTIFICATE_NAME, "it is for .*NOMAD_TLS_SERVER_NAME .* to a host in it"),
        (
            trusted,
            CA | {"NOMAD_TLS_SERVER_NAME": "server.asia.nomad"},
            Kind.CERTIFICATE_NAME,
            "not valid for server.asia.nomad: it is for 127.0.0.1. Set NOMAD_TLS_SERVER_NAME .* to 127.0.0.1,",
        ),
        (
            expired,
            CA,
            Kind.CERTIFICATE,
            "an expired certificate: it was valid until 2021-01-01 00:00 UTC, .*clock says",
        ),
        (not_yet_valid, CA, Kind.CERTIFICATE, "not valid yet: it is valid from 2037-01-01 00:00 UTC, .*clock"),
        (wants_certificate, CA, Kind.CLIENT_CERTIFICATE, "requires a client certificate.*NOMAD_CLIENT_CERT"),
        (
            wants_certificate_over_tls_1_2,
            CA,
            Kind.CLIENT_CERTIFICATE,
            "requires a client certificate.*NOMAD_CLIENT_CERT",
        ),
        (wants_certificate, CA | STRANGER, Kind.CLIENT_CERTIFICATE, "does not accept .*/client.pem .*unknown ca"),
        (wants_certificate_over_tls_1_2, CA | STRANGER, Kind.CLIENT_CERTIFICATE, "does not accept"),
    ],
)
async def test_tls_that_fails(
    tls: Tls, settings: dict[str, str], kind: Kind, words: str, authority: trustme.CA, tmp_path: Path
) -> None:
    environ = {name: value.replace("{files}", str(tmp_path)) for name, value in settings.items()}
    with faulty_server(HEARTBEAT, tls(authority)) as server:
        diagnosis = await trouble({"NOMAD_ADDR": f"https://127.0.0.1:{server.port}"} | environ)
    assert (diagnosis.kind, diagnosis.refused) == (kind, True), diagnosis.sentence
    assert re.search(words, diagnosis.sentence)
    assert_readable(diagnosis, f"https://127.0.0.1:{server.port}")


async def test_tls_to_a_plain_port() -> None:
    with faulty_server(answer("400 Bad Request"), listens=False) as server:
        diagnosis = await trouble({"NOMAD_ADDR": f"https://127.0.0.1:{server.port}"})
    assert (diagnosis.kind, diagnosis.refused) == (Kind.TLS_NOT_EXPECTED, True)
    assert "Use http:// in NOMAD_ADDR" in diagnosis.remedy


async def test_a_plain_request_to_a_tls_port_that_sends_nothing(authority: trustme.CA) -> None:
    with faulty_server(HEARTBEAT, trusted(authority)) as server:
        diagnosis = await trouble({"NOMAD_ADDR": f"http://127.0.0.1:{server.port}"})
    assert diagnosis.kind in (Kind.CUT, Kind.TLS_EXPECTED)  # whether an alert is sent first depends on OpenSSL
    assert "https:// in NOMAD_ADDR" in diagnosis.remedy


@pytest.mark.parametrize(
    ("server", "scheme", "kind"),
    [
        (faulty_server(None, holds=True), "http", Kind.SILENT),
        (faulty_server(None, holds=True, listens=False), "https", Kind.TIMED_OUT),
    ],
)
async def test_a_server_that_accepts_the_connection_and_sends_nothing(
    server: AbstractContextManager[FaultyServer], scheme: str, kind: Kind
) -> None:
    with server as silent:
        diagnosis = await trouble({"NOMAD_ADDR": f"{scheme}://127.0.0.1:{silent.port}"}, 0.2)
    assert (diagnosis.kind, diagnosis.refused) == (kind, False)
    assert_readable(diagnosis, f"{scheme}://127.0.0.1:{silent.port}")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ConfigurationError("--token-file names 'x', which is empty: fill it."), Kind.SETTINGS, "x', which is empty"),
        (OSError(113, "No route to host"), Kind.UNREACHABLE, "No route to host"),
        (PermissionError(13, "Permission denied"), Kind.UNREACHABLE, "permission denied by this machine"),
        (TimeoutError(), Kind.TIMED_OUT, "timed out"),
        (ConnectionResetError(104, "Connection reset by peer"), Kind.CUT, "Connection reset by peer"),
        (aiohttp.ClientPayloadError("Response payload is not completed"), Kind.CUT, "was cut: "),
        (
            ssl.SSLError(1, "[SSL: NO_CIPHERS] no shared cipher (_ssl.c:1)"),
            Kind.TLS,
            "TLS handshake with .*: no shared cipher",
        ),
        (ssl.SSLError(1, "[SSL: X] unexpected eof while reading (_ssl.c:1)"), Kind.CUT, "unexpected eof while reading"),
        (KeyError("name\x1b[2J"), Kind.UNKNOWN, r"KeyError: 'name\\x1b\[2J'"),
        (ValueError(), Kind.UNKNOWN, "ValueError"),
    ],
)
def test_an_error_by_itself(error: BaseException, kind: Kind, words: str) -> None:
    diagnosis = explain(error, Connection())
    assert diagnosis.kind is kind
    assert re.search(words, diagnosis.sentence)
    assert_readable(diagnosis, "http://127.0.0.1:4646")


def test_no_sentence_contains_credentials_of_address_or_proxy() -> None:
    connection = Connection.from_environment(
        {}, {"NOMAD_ADDR": "http://ann:secret@nomad.invalid", "HTTP_PROXY": "http://bob:secret@proxy.invalid"}
    )
    for error in (OSError("x"), TimeoutError(), ValueError("y")):
        assert "secret" not in explain(error, connection).sentence


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "no token was sent.*NOMAD_TOKEN"),
        ({"NOMAD_TOKEN": "8d6ae3f7"}, "the token is unknown, expired or lacks a capability.*NOMAD_TOKEN"),
        ({"NOMAD_REGION": "asia"}, "or it does not know the region asia.*or correct NOMAD_REGION"),
    ],
)
def test_a_refusal_without_a_message_lists_possible_reasons(environ: dict[str, str], words: str) -> None:
    diagnosis = refusal(Connection.from_environment({}, environ))
    assert (diagnosis.kind, diagnosis.refused) == (Kind.REFUSED, True)
    assert re.search(words, diagnosis.sentence)
    assert_readable(diagnosis, "http://127.0.0.1:4646")


def test_a_refusal_names_the_token_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("8d6ae3f7")
    diagnosis = refusal(Connection.from_environment({"token_file": str(tmp_path / "token")}, {}))
    assert f"the token in {tmp_path / 'token'}" in diagnosis.why


@pytest.mark.parametrize(
    ("last_text", "kind", "words"),
    [
        (None, Kind.ENDED, "without a reason: .*NOMAD_TOKEN"),
        (b"EOF\n", Kind.ENDED, "the client agent that passes it on lost its connection.*it said 'EOF'"),
        (b"event dropped from buffer\n", Kind.ENDED, "fell behind the server's event buffer.*event_buffer_size"),
        (b"subscription closed by server, client should resubscribe", Kind.ENDED, "token or policy changed"),
        (b"ACL token expired\n", Kind.AUTHENTICATION, "has expired.*--token-file"),
        (b"Permission denied", Kind.PERMISSION, "no longer read"),
        (b'{"Index":12,"Eve\xff\x1b[2J', Kind.ENDED, 'it said \'{"Index":12,"Eve\ufffd␛\\[2J\''),
    ],
)
def test_the_last_message_of_a_stream_explains_its_end(last_text: bytes | None, kind: Kind, words: str) -> None:
    diagnosis = ended(last_text)
    assert (diagnosis.kind, diagnosis.refused) == (kind, False)
    assert re.search(words, diagnosis.sentence)
    assert re.search(SETTING, diagnosis.remedy)


async def test_a_certificate_is_not_checked_through_a_proxy_or_without_a_response() -> None:
    connection = Connection.from_environment({}, {"NOMAD_ADDR": "https://127.0.0.1:1"})
    error = ssl.SSLCertVerificationError()
    error.verify_message = "certificate has expired"
    behind = Connection.from_environment({}, {"NOMAD_ADDR": "https://10.0.0.1", "HTTPS_PROXY": "http://127.0.0.1:1"})
    async with asyncio.timeout(60):
        for each in (connection, behind):
            assert (await explain_fully(error, each)).why.startswith("it was not renewed")


def test_an_invalid_status_line_that_cannot_be_repaired_names_the_releases() -> None:
    error = aiohttp.ClientResponseError(
        RequestInfo(URL("http://127.0.0.1:4646"), "GET", CIMultiDictProxy(CIMultiDict())),
        (),
        status=400,
        message="Bad status line 'HTTP/0.0 200 OK'",
    )
    diagnosis = explain(error, Connection())
    assert (diagnosis.kind, diagnosis.refused) == (Kind.OLD_RELEASE, True)
    assert "1.11.2, 1.10.8 and 1.8.20" in diagnosis.why


@pytest.mark.parametrize(
    ("diagnosis", "kind", "sentence"),
    [
        (
            buffered(150, 5),
            Kind.BUFFERED,
            "The stream arrives late and in bursts: 5 heartbeats arrived together after 2 min of silence, "
            "so a proxy buffers it. Turn off its response buffering for /v1/event/stream "
            "(nginx: proxy_buffering off), or set NOMAD_ADDR (--address) to the server itself.",
        ),
        (
            clock_skew(-42.4),
            Kind.CLOCK_SKEW,
            "The server's clock and this machine's differ: the server's is 42 s behind. "
            "Correct the wrong one: `timedatectl` shows whether this machine's is synchronized.",
        ),
        (clock_skew(7300), Kind.CLOCK_SKEW, "the server's is 2 h ahead"),
        (too_slow(61), Kind.TOO_SLOW, "nomad-tui was stopped or the machine slept for 61 s"),
        (mended_status_line(Connection()), Kind.OLD_RELEASE, "it is HTTP/0.0, as of Nomad 1.11.2, 1.10.8 and 1.8.20"),
    ],
)
def test_problems_that_only_show_while_the_stream_is_read(diagnosis: Trouble, kind: Kind, sentence: str) -> None:
    assert (diagnosis.kind, diagnosis.refused) == (kind, False)
    assert sentence in diagnosis.sentence


ASKED = [each for each in vars(by_inquiry).values() if isinstance(each, Case)]
CASES = [row.case for row in ERRORS] + [row.case for row in STATUSES] + [case for _, case in LAST_LINES]
CASES += [row.shown for row in ERRORS if row.shown is not None]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_every_case_names_the_server_and_a_setting_to_change(case: Case) -> None:
    assert "{address}" in case.what or case.what.startswith("The server ")
    named = (
        r"|\{settings\}|\{proxy_variable\}|\{looked_up_in\}|\{name_remedy\}|enable_event_broker|`nomad server members`"
    )
    assert re.search(SETTING + named, case.remedy)


@pytest.mark.parametrize("case", CASES + ASKED, ids=lambda case: case.kind)
def test_no_part_of_a_case_has_a_full_stop(case: Case) -> None:
    assert not any(getattr(case, part.name).endswith(".") for part in fields(case) if part.name != "refused")
