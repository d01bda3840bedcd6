"""Events posted to a real receiver: the requests it gets, and how its responses are handled."""

import asyncio
import base64
import json
import os
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import standardwebhooks
import trustme
from aiohttp import web

from nomad_tui import __version__
from nomad_tui.core.wire import Event
from nomad_tui.manual import find_page
from nomad_tui.sinks.definition.definition import Batch, Definition, Format, Kind, Tls
from nomad_tui.sinks.delivery.sink import Delivery, Item, RejectedError, UnavailableError, UndeliveredError
from nomad_tui.sinks.types.webhook import ANSWER_LIMIT, Webhook
from tests import recordings
from tests.receiver import Fault, receiver

SECRET = f"whsec_{base64.b64encode(b'of the receiver!' * 2).decode()}"
OLDER = f"whsec_{base64.b64encode(b'an older secret.' * 2).decode()}"


def items(count: int = 1) -> tuple[Item, ...]:
    return tuple(
        Item(
            number,
            0,
            100 + number,
            1_790_000_000_000_000_000,
            b'{"Topic":"Job","Type":"JobRegistered","Key":"web-%d","Payload":{"Name":"na\xc3\xafve"}}' % number,
            Event(topic="Job", type="JobRegistered", key=f"web-{number}"),
            id=f"{100 + number}-abc",
        )
        for number in range(1, count + 1)
    )


def delivery(count: int = 1, **changes: Any) -> Delivery:
    return replace(Delivery("d-1", items(count), "global"), **changes)


@asynccontextmanager
async def webhook(
    address: str, environ: dict[str, str] | None = None, seconds: float = 15, **changes: Any
) -> AsyncIterator[Webhook]:
    """Open a sink for an address; the test must end within `seconds`."""
    sink = Webhook(
        msgspec.structs.replace(Definition("hook", Kind.WEBHOOK, address), **changes),
        {} if environ is None else environ,
    )
    try:
        async with asyncio.timeout(seconds):
            yield sink
    finally:
        await sink.close()


def assert_readable(error: UndeliveredError) -> None:
    """Assert that an error is one printable sentence about this receiver, without control characters."""
    assert error.what.isprintable() and len(error.what) < 700
    assert error.what.endswith(".") and ".." not in error.what and "None" not in error.what
    assert "Nomad" not in error.what and "NOMAD" not in error.what, "the receiver is no Nomad server"
    assert error.done == 0


async def refused(sink: Webhook, sent: Delivery | None = None) -> RejectedError:
    with pytest.raises(RejectedError) as raised:
        await sink.deliver(sent or delivery())
    assert_readable(raised.value)
    return raised.value


async def unavailable(sink: Webhook, sent: Delivery | None = None) -> UnavailableError:
    with pytest.raises(UnavailableError) as raised:
        await sink.deliver(sent or delivery())
    assert_readable(raised.value)
    return raised.value


async def test_an_event_arrives_as_the_beta_posted_it() -> None:
    async with receiver() as hook, webhook(hook.url + "?to=me&x=%20") as sink:
        assert await sink.deliver(delivery()) == "204 No Content"
    (request,) = hook.requests
    assert (request.method, request.target) == ("POST", "/hook?to=me&x=%20")
    assert request.body == b'{"Index":101,"Events":[%s]}' % items()[0].text
    headers = {name: request.headers.get(name) for name in request.headers if name != "host"}
    assert headers == {
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-length": str(len(request.body)),
        "content-type": "application/json",
        "nomad-index": "101",
        "nomad-region": "global",
        "user-agent": f"nomad-tui/{__version__}",
        "webhook-id": "d-1",
    }
    assert request.headers["host"] == f"127.0.0.1:{hook.port}"


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        (Format.NOMAD, "application/json"),
        (Format.EVENT, "application/json"),
        (Format.CLOUDEVENTS, "application/cloudevents-batch+json"),
    ],
)
async def test_a_batch_is_one_request(form: Format, content_type: str) -> None:
    async with receiver() as hook, webhook(hook.url, format=form, batch=Batch(max_events=10)) as sink:
        await sink.deliver(delivery(3))
        await sink.deliver(delivery(1))
    batch, one = hook.requests
    assert batch.headers["content-type"] == content_type and batch.headers["nomad-index"] == "103"
    assert [event["Key"] for event in batch.events] == ["web-1", "web-2", "web-3"]
    assert isinstance(one.json, list), "a receiver of batches is always sent an array"


async def test_all_of_a_recording_arrives_in_order_on_one_connection() -> None:
    frames = recordings.frames("tour")
    async with receiver() as hook, webhook(hook.url, batch=Batch(max_events=50)) as sink:
        for position, frame in enumerate(frames):
            texts = frame.event_texts()
            parts = [Item(position, each, frame.index, 0, text) for each, text in enumerate(texts)]
            if parts:
                await sink.deliver(Delivery(f"d-{position}", tuple(parts), "global"))
    assert [json.dumps(event) for event in hook.events] == [
        json.dumps(json.loads(text)) for frame in frames for text in frame.event_texts()
    ]
    assert hook.connections == 1


async def test_several_megabytes_arrive() -> None:
    large = tuple(msgspec.structs.replace(item, source=b'{"Key":"%s"}' % (b"x" * 3_000_000)) for item in items(2))
    async with receiver() as hook, webhook(hook.url, secret=SECRET) as sink:
        await sink.deliver(delivery(items=large))
    assert [len(event["Key"]) for event in hook.requests[0].events] == [3_000_000] * 2


async def test_a_body_that_is_too_large_is_reported_before_all_of_it_is_read() -> None:
    large = tuple(msgspec.structs.replace(item, source=b'{"Key":"%s"}' % (b"x" * 8_000_000)) for item in items(2))
    async with receiver() as hook, webhook(hook.url) as sink:
        hook.answer(413, "at most 1 MB", fault=Fault.UNREAD)
        assert (await refused(sink, delivery(items=large))).too_large
        hook.answer(fault=Fault.RESET_UNREAD)
        assert "was cut" in (await unavailable(sink, delivery(items=large))).what
        await sink.deliver(delivery(items=large))
    assert [len(request.body) > 0 for request in hook.requests] == [False, False, True]


async def test_a_test_is_marked_and_reports_the_response() -> None:
    async with receiver() as hook, webhook(hook.url) as sink:
        hook.answer(200, "thanks\nfor\nnothing", reason="Fine")
        assert await sink.deliver(delivery(test=True)) == "200 Fine, it said 'thanks'"
    assert hook.requests[0].headers["nomad-tui-test"] == "1" and hook.requests[0].json["Test"] is True


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 226, 299])
async def test_any_2xx_acknowledges(status: int) -> None:
    async with receiver() as hook, webhook(hook.url) as sink:
        hook.answer(status, "" if status == 204 else "ok")
        assert (await sink.deliver(delivery())).startswith(str(status))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 507, 599])
async def test_temporary_failures_are_retried(status: int) -> None:
    async with receiver() as hook, webhook(hook.url) as sink:
        hook.answer(status, "too busy\nreally")
        failure = await unavailable(sink)
        assert failure.retry_after is None
        assert f" answered {status}" in failure.what and "it said 'too busy'" in failure.what
        assert await sink.deliver(delivery()) == "204 No Content"
    assert hook.connections == 1, "an answer that was read whole leaves its connection good"


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        ("99999", 3600, 3600),
        ("9" * 400, 3600, 3600),
        ("-5", None, None),
        ("soon", None, None),
        ("", None, None),
        ("٣", None, None),
        (timedelta(seconds=120), 60, 120),
        (timedelta(days=-1), 0, 0),
        (timedelta(days=9), 3600, 3600),
        ("Wed, 99 Foo 20000 00:00:00 GMT", None, None),
    ],
)
async def test_retry_after_is_respected(text: str | timedelta, least: float | None, most: float | None) -> None:
    if isinstance(text, timedelta):
        text = format_datetime(datetime.now(UTC) + text, usegmt=True)
    async with receiver() as hook, webhook(hook.url) as sink:
        hook.answer(503, headers={"Retry-After": text.encode().decode("latin-1")})
        failure = await unavailable(sink)
    if least is None or most is None:
        assert failure.retry_after is None
    else:
        assert failure.retry_after is not None and least <= failure.retry_after <= most


async def test_a_pause_until_a_date_counts_from_the_receivers_own_clock() -> None:
    """It can differ from the local clock by hours."""
    date = {"Date": "Wed, 21 Oct 2026 07:28:00 GMT", "Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}
    async with receiver() as hook, webhook(hook.url) as sink:
        hook.answer(429, headers=date)
        assert (await unavailable(sink)).retry_after == 30


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "Correct what the receiver rejects"),
        (401, "Correct the credentials"),
        (403, "Correct the credentials"),
        (404, "Correct the path in address"),
        (405, "POST is not accepted"),
        (409, "Correct what the receiver rejects"),
        (410, "Correct the path"),
        (413, "Lower batch.max_events"),
        (415, "Choose another format"),
        (422, "Correct what the receiver rejects"),
        (499, "Correct what the receiver rejects"),
    ],
)
async def test_refusals_are_reported(status: int, words: str) -> None:
    async with receiver() as hook, webhook(hook.url) as sink:
        hook.answer(status, "no such\x1b[2Jthing")
        failure = await refused(sink)
    assert words in failure.what and f"answered {status}" in failure.what and "no such␛[2Jthing" in failure.what
    assert failure.too_large == (status == 413)


async def test_a_refusal_quotes_no_page_and_no_secret() -> None:
    async with (
        receiver() as hook,
        webhook(hook.url, {"TOKEN": "t0psecretvalue"}, headers=(("Authorization", "Bearer ${TOKEN}"),)) as sink,
    ):
        hook.answer(403, "<html><body>Login</body></html>")
        assert "it said 'a web page'" in (await refused(sink)).what
        hook.answer(401, "unknown t0psecretvalue")
        assert "it said 'unknown ••••••'" in (await refused(sink)).what
        hook.answer(400, "password=hunter2 is wrong")
        failure = (await refused(sink)).what
        assert "hunter2" not in failure and "is wrong" in failure
        hook.answer(400, "y" * 5000)
        assert len((await refused(sink)).what) < 400
        hook.answer(400, "\x1f\x8b\x08\x00", headers={"Content-Encoding": "gzip"})
        assert "it said" not in (await refused(sink)).what
        hook.answer(400, b"\xff\xfe\x00")
        await refused(sink)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
async def test_a_redirect_is_reported_and_not_followed(status: int) -> None:
    async with receiver() as other, receiver() as hook, webhook(hook.url) as sink:
        hook.answer(status, headers={"Location": f"http://me:pw@127.0.0.1:{other.port}/new?token=secret#x"})
        failure = await refused(sink)
        assert not other.requests
        assert f"points to http://…@127.0.0.1:{other.port}/new: redirects are not followed" in failure.what
        assert "secret" not in failure.what and "pw" not in failure.what
        hook.answer(status, headers={"Location": "/\x85new" + "x" * 900})
        await refused(sink)
        hook.answer(status)
        assert "points" not in (await refused(sink)).what


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.HANG, "no complete answer within 0.4 s"),
        (Fault.RESET, "was cut"),
        (Fault.RESET_UNREAD, "was cut"),
        (Fault.CLOSE, "was cut"),
    ],
)
async def test_a_missing_response_is_reported_in_time(fault: Fault, words: str) -> None:
    async with receiver() as hook, webhook(hook.url, timeout=0.4) as sink:
        hook.answer(fault=fault)
        begun = time.monotonic()
        assert words in (await unavailable(sink)).what
        assert time.monotonic() - begun < 20
        assert await sink.deliver(delivery()) == "204 No Content", "and it goes on on a new connection"
    assert [request.connection for request in hook.requests] == [0, 1]


@pytest.mark.parametrize(
    ("garbage", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it said 'SSH-2.0-OpenSSH_9.2'"),
        (b"\x00\xff\x1b[2J\r\n\r\n", "is not valid HTTP"),
        (b"HTTP/1.1 2", "was cut"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "was cut"),
        (b"HTTP/1.1 abc\r\n\r\n", "is not valid HTTP"),
        (b"HTTP/0.0 200 OK\r\n\r\n", "is not valid HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x50", "Write https:// in address"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "101"),
    ],
)
async def test_a_response_that_is_not_http_is_reported(garbage: bytes, words: str) -> None:
    async with receiver() as hook, webhook(hook.url, timeout=3) as sink:
        hook.answer(body=garbage, fault=Fault.GARBAGE)
        assert words in (await unavailable(sink)).what


SLOPPY = {
    "its length counts characters": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nnaïve".encode(),
    "its length counts characters, and the body comes later": (
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\0naïve naïveté".encode()
    ),
    "its length is twice in it": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "a length that is no number": b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
    "a length below zero": b"HTTP/1.1 202 Accepted\r\nContent-Length: -1\r\n\r\n",
    "a body with 204": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
    "a body with 204 that comes later": b"HTTP/1.1 204 No Content\r\n\r\n\0ok, it is stored\r\n",
    "both lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    "both lengths, and no chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nok",
    "a chunk without a size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\0xyz\r\nok\r\n",
    "a space in a header's name": b"HTTP/1.1 200 OK\r\nX Powered By: hand\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "a header without a colon": b"HTTP/1.1 200 OK\r\nall is well\r\nContent-Length: 0\r\n\r\n",
    "a header with a control character": b"HTTP/1.1 200 OK\r\nX-Bell: \x07\r\nContent-Length: 0\r\n\r\n",
    "a header of 9 kB": b"HTTP/1.1 200 OK\r\nX-Large: " + b"x" * 9_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "a header of 90 kB": b"HTTP/1.1 200 OK\r\nX-Large: " + b"x" * 90_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "500 headers": b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 500 + b"Content-Length: 0\r\n\r\n",
    "line feeds alone": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    "a reason that is no ASCII": "HTTP/1.1 200 très bien\r\nContent-Length: 0\r\n\r\n".encode("latin-1"),
    "another version": b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
    "an empty line before it": b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "in many pieces": b"HT\0TP/1.1 2\x0000 OK\r\0\nX Y\0: 1\r\n\r\n",
    "after 100 Continue": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n",
    "after hints": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\0HTTP/1.1 201 Created\r\nX Y: 1\r\n\r\n",
}


@pytest.mark.parametrize("kind", SLOPPY)
async def test_a_malformed_response_with_a_good_status_is_an_acknowledgement(kind: str) -> None:
    """Regression: these responses were "not valid HTTP", and the same events were resent forever."""
    async with receiver() as hook, webhook(hook.url, timeout=10) as sink:
        hook.answer(body=SLOPPY[kind], fault=Fault.RAW, times=3)
        for _ in range(3):
            assert (await sink.deliver(delivery())).startswith("20")
        assert await sink.deliver(delivery()) == "204 No Content"
    assert len(hook.requests) == 4, "each was sent once"


@pytest.mark.parametrize(("status", "outcome"), [(302, RejectedError), (400, RejectedError), (503, UnavailableError)])
async def test_a_malformed_response_with_a_refusing_status_is_a_refusal(
    status: int, outcome: type[UndeliveredError]
) -> None:
    """Regression: a refusal that could not be parsed was retried forever instead of becoming a dead letter."""
    async with receiver() as hook, webhook(hook.url) as sink:
        hook.answer(body=b"HTTP/1.1 %d So\r\nX Y: 1\r\n\r\n" % status, fault=Fault.RAW)
        with pytest.raises(outcome) as raised:
            await sink.deliver(delivery())
        assert_readable(raised.value)
        assert f"answered {status}" in raised.value.what


@pytest.mark.parametrize(
    ("fault", "patience"),
    [(Fault.DRIP, 30.0), *((fault, 0.4) for fault in (Fault.DRIP, Fault.DRIP_BODY, Fault.CUT_HEAD, Fault.CUT_BODY))],
)
async def test_a_good_status_whose_body_hangs_is_an_acknowledgement(fault: Fault, patience: float) -> None:
    async with receiver() as hook, webhook(hook.url, timeout=patience) as sink:
        hook.answer(200, fault=fault)
        assert (await sink.deliver(delivery())).startswith("200")
        assert await sink.deliver(delivery()) == "204 No Content"
    assert len(hook.requests) == 2, "each was sent once"


async def test_bodies_that_hang_delay_only_one_delivery() -> None:
    """Regression: a receiver whose `Content-Length` is always too large accepted one event per second."""
    async with receiver() as hook, webhook(hook.url, seconds=10) as sink:
        hook.answer(body=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok", fault=Fault.RAW, times=40)
        for _ in range(40):
            assert await sink.deliver(delivery()) == "200 OK, it said 'ok'"


@asynccontextmanager
async def tunnel(port: int) -> AsyncIterator[str]:
    """Serve a proxy that connects to a local port for any request, and yield its address."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    served: list[asyncio.Task[None] | None] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*filter(None, served))


async def test_the_response_of_a_connecting_proxy_acknowledges_nothing(authority: trustme.CA) -> None:
    """The proxy's 200 means it is connected; the receiver, whose certificate is untrusted, got nothing."""
    async with receiver(authority=authority) as hook, tunnel(hook.port) as proxy:
        sink = Webhook(Definition("hook", Kind.WEBHOOK, hook.url, proxy=proxy), {})
        assert "certificate" in (await unavailable(sink)).what.lower()
        await sink.close()
        assert not hook.requests


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (200, Fault.DRIP_BODY),
        *((status, fault) for status in (200, 400, 503) for fault in (Fault.ENDLESS, Fault.CUT_BODY)),
    ],
)
async def test_reading_an_endless_response_stops(status: int, fault: Fault) -> None:
    """The status is the response: its body is read for a second or up to 64 KiB, and then the connection is dropped."""
    async with receiver() as hook, webhook(hook.url, timeout=60) as sink:
        hook.answer(status, fault=fault)
        begun = time.monotonic()
        if status == 200:
            assert (await sink.deliver(delivery())).startswith("200")
        elif status == 400:
            await refused(sink)
        else:
            await unavailable(sink)
        assert time.monotonic() - begun < 30
        await sink.deliver(delivery())
    assert [request.connection for request in hook.requests] == [0, 1]


async def test_a_response_of_the_maximum_size_keeps_its_connection() -> None:
    async with receiver() as hook, webhook(hook.url) as sink:
        hook.answer(200, "x" * ANSWER_LIMIT)
        await sink.deliver(delivery())
        await sink.deliver(delivery())
    assert hook.connections == 1


async def test_a_receiver_that_was_down_is_reconnected() -> None:
    async with receiver() as hook, webhook(hook.url) as sink:
        await sink.deliver(delivery())
        await hook.down()
        for _ in range(2):
            assert "connection refused. Start the receiver" in (await unavailable(sink)).what
        await hook.up()
        await sink.deliver(delivery())
    assert len(hook.requests) == 2


async def test_a_connection_closed_while_idle_is_reopened() -> None:
    async with receiver() as hook, webhook(hook.url) as sink:
        hook.answer(200, "ok", headers={"Connection": "close"})
        await sink.deliver(delivery())
        await sink.deliver(delivery())
    assert [request.connection for request in hook.requests] == [0, 1]


async def test_no_cookie_is_kept_and_no_netrc_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password from-netrc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with receiver() as hook, webhook(hook.url, dict(os.environ)) as sink:
        hook.answer(200, headers={"Set-Cookie": "a=b; Path=/"})
        await sink.deliver(delivery())
        await sink.deliver(delivery())
    assert not {"cookie", "authorization"} & set(hook.requests[1].headers)


async def test_secrets_in_headers_are_read_for_each_request(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first\n")
    environ = {"TOKEN": "one"}
    headers = (("Authorization", "Bearer ${TOKEN}"), ("X-API-Key", f"file:{file}"), ("user-agent", "ours"))
    async with receiver() as hook, webhook(hook.url, environ, headers=headers) as sink:
        await sink.deliver(delivery())
        file.write_text("second\n")
        environ["TOKEN"] = "two"
        await sink.deliver(delivery())
        file.unlink()
        failure = (await unavailable(sink)).what
        assert str(file) in failure and "second" not in failure
    sent = [(each.headers["authorization"], each.headers["x-api-key"]) for each in hook.requests]
    assert sent == [("Bearer one", "first"), ("Bearer two", "second")]
    assert hook.requests[0].headers["user-agent"] == "ours"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"headers": (("X-Key", "${MISSING}"),)}, "environment variable MISSING is not set"),
        ({"headers": (("X-Key", "${LINES}"),)}, "the header X-Key holds a control character"),
        ({"headers": (("X Key", "x"),)}, "'X Key' cannot be the name of a header"),
        ({"headers": (("Content-Length", "5"),)}, "Content-Length is nomad-tui's own"),
        ({"headers": (("Webhook-Id", "5"),)}, "Webhook-Id is nomad-tui's own"),
        ({"secret": "whsec_"}, "secret is not base64"),
        ({"secret": "whsec_€"}, "secret is not base64"),
        ({"secret": "${EMPTY}"}, "EMPTY is empty"),
        ({"address": "ftp://x/"}, "address cannot be used: it must begin with http:// or https://"),
        ({"address": "http://"}, "address cannot be used: it has no host"),
        ({"address": "http://x:99999/"}, "address cannot be used: its port"),
        ({"address": "http://[::1"}, "address cannot be used"),
        ({"address": "http://a b/"}, "address cannot be used"),
        ({"address": "${MISSING}"}, "MISSING is not set"),
        ({"proxy": "socks5://x"}, "proxy cannot be used: it must begin with http:// or https://"),
        ({"address": "https://x.invalid", "tls": Tls(ca_cert=Path("/nowhere/ca.pem"))}, "tls.ca_cert names '/nowhere"),
    ],
)
async def test_an_unusable_definition_sends_nothing_and_shows_no_secret(changes: dict[str, Any], words: str) -> None:
    environ = {"LINES": "s3cret\r\nX-Forged: 1", "EMPTY": ""}
    async with receiver() as hook, webhook(**{"address": hook.url, "environ": environ, **changes}) as sink:
        failure = (await unavailable(sink)).what
        assert words in failure and "s3cret" not in failure
        assert failure.startswith("Nothing can be sent. ")
        definition = Definition("hook", Kind.WEBHOOK, **{"address": hook.url, **changes})
        with pytest.raises(ValueError) as raised:
            await Webhook.open(definition, environ)
        assert str(raised.value) in failure
    assert not hook.requests


async def test_credentials_in_the_address_become_basic_authentication() -> None:
    async with receiver() as hook:
        address = hook.url.replace("http://", "http://me:p%40${WORD}@")
        async with webhook(address, {"WORD": "ss"}) as sink:
            await sink.deliver(delivery())
            hook.answer(401, "who is me with p@ss?")
            assert "p@ss" not in (await refused(sink)).what
    sent = hook.requests[0].headers
    assert base64.b64decode(sent["authorization"].removeprefix("Basic ")) == b"me:p@ss"
    assert sent["host"] == f"127.0.0.1:{hook.port}"


async def test_a_signature_is_accepted_by_the_schemes_own_verifier() -> None:
    async with receiver() as hook:
        async with webhook(hook.url, {"OLDER": OLDER}, secret=f"{SECRET} ${{OLDER}}") as sink:
            await sink.deliver(delivery(2))
        async with webhook(hook.url) as unsigned:
            await unsigned.deliver(delivery())
    signed, plain = hook.requests
    for secret in (SECRET, OLDER):
        assert standardwebhooks.Webhook(secret).verify(signed.body, dict(signed.headers)) == signed.json
    forged = signed.body.replace(b"web-1", b"web-9")
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(forged, dict(signed.headers))
    assert signed.headers["webhook-id"] == plain.headers["webhook-id"] == "d-1"
    assert not {"webhook-signature", "webhook-timestamp"} & set(plain.headers)


async def test_every_hostile_event_can_be_signed_and_verified(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    frames = recordings.frames("hostile")
    async with receiver() as hook, webhook(hook.url, secret=f"file:{file}", format=Format.CLOUDEVENTS) as sink:
        for frame in frames:
            for event, text in zip(frame.events, frame.event_texts(), strict=True):
                await sink.deliver(delivery(items=(Item(1, 0, frame.index, 1, text, event, id="x"),)))
    assert len(hook.requests) == sum(len(frame.events) for frame in frames)
    for request in hook.requests:
        standardwebhooks.Webhook(SECRET).verify(request.body, dict(request.headers), json_parse=False)


async def test_the_receiver_in_the_manual_accepts_only_signed_requests() -> None:
    page = find_page("sink-webhook")
    assert page is not None
    found = re.search(r"```python\n(from aiohttp import web\n.*?)```", page.text, re.DOTALL)
    assert found is not None
    module: dict[str, Any] = {}
    exec(found[1].replace("whsec_…", SECRET), module)
    runner = web.AppRunner(module["app"])
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/nomad"
        async with webhook(address, secret=SECRET) as sink:
            assert await sink.deliver(delivery(3)) == "204 No Content"
        async with webhook(address, secret=OLDER) as forger:
            assert "answered 401" in (await refused(forger)).what
    finally:
        await runner.cleanup()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_cert(authority: trustme.CA, tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


async def test_tls_with_a_private_ca(authority: trustme.CA, ca_cert: Path) -> None:
    async with receiver(authority=authority) as hook:
        assert hook.url.startswith("https://")
        async with webhook(hook.url, tls=Tls(ca_cert=ca_cert)) as sink:
            await sink.deliver(delivery())
        async with webhook(hook.url, tls=Tls(skip_verify=True)) as careless:
            await careless.deliver(delivery())
        async with webhook(hook.url) as strict:
            failure = (await unavailable(strict)).what
            assert "of an untrusted CA" in failure and "tls.ca_cert" in failure
    assert len(hook.requests) == 2


async def test_tls_with_another_server_name(authority: trustme.CA, ca_cert: Path) -> None:
    async with receiver(authority=authority, names=("hooks.example",)) as hook:
        async with webhook(hook.url, tls=Tls(ca_cert=ca_cert, server_name="hooks.example")) as sink:
            await sink.deliver(delivery())
        async with webhook(hook.url, tls=Tls(ca_cert=ca_cert)) as strict:
            failure = (await unavailable(strict)).what
            assert "certificate that is not valid for 127.0.0.1" in failure and "tls.server_name" in failure


async def test_a_client_certificate_is_presented_and_reloaded_after_renewal(
    authority: trustme.CA, ca_cert: Path, tmp_path: Path
) -> None:
    cert, key = tmp_path / "client.pem", tmp_path / "client-key.pem"

    def issue(name: str) -> None:
        issued = authority.issue_cert(name)
        issued.cert_chain_pems[0].write_to_path(str(cert))
        issued.private_key_pem.write_to_path(str(key))

    async with receiver(authority=authority, clients=authority) as hook:
        issue("first.example")
        async with webhook(hook.url, tls=Tls(ca_cert, cert, key)) as sink:
            await sink.deliver(delivery())
            await sink.deliver(delivery())
            issue("second.example")
            await sink.deliver(delivery())
            key.write_text("broken")
            assert "tls.client_key" in (await unavailable(sink)).what
        async with webhook(hook.url, tls=Tls(ca_cert)) as nobody:
            failure = (await unavailable(nobody)).what
            assert str(hook.port) in failure
    shown = [request.certificate["subjectAltName"][0][1] for request in hook.requests]
    assert shown == ["first.example", "first.example", "second.example"]
    assert [request.connection for request in hook.requests] == [0, 0, 1]


async def test_http_and_https_mixed_up_are_reported(authority: trustme.CA, ca_cert: Path) -> None:
    async with receiver() as plain, webhook(plain.url.replace("http:", "https:"), tls=Tls(ca_cert)) as sink:
        assert "Write http:// in address" in (await unavailable(sink)).what
    async with receiver(authority=authority) as secure, webhook(secure.url.replace("https:", "http:")) as sink:
        await unavailable(sink)


async def test_over_ipv6(authority: trustme.CA, ca_cert: Path) -> None:
    async with receiver("::1", authority=authority) as hook, webhook(hook.url, tls=Tls(ca_cert)) as sink:
        await sink.deliver(delivery())
        assert hook.requests[0].headers["host"] == f"[::1]:{hook.port}"


async def test_an_unknown_host_name_is_reported() -> None:
    async with webhook("http://nobody.invalid/hook?token=secret") as sink:
        failure = (await unavailable(sink)).what
    assert "Cannot find http://nobody.invalid:80: the name nobody.invalid does not resolve" in failure
    assert "token" not in failure and "hook" not in failure


async def test_a_path_is_requested_unchanged_and_never_shown() -> None:
    """The path of a chat's webhook is its secret."""
    async with receiver() as hook, webhook(hook.url.replace("/hook", "/services/T0/../ui/s3cret/?a=b")) as sink:
        await sink.deliver(delivery())
        assert "/ui/s3cret/?a=b" in hook.requests[0].target
        hook.answer(500)
        assert "s3cret" not in (await unavailable(sink)).what
        hook.answer(404, "Cannot POST /services/T0/../ui/s3cret/?a=b")
        assert "it said 'Cannot POST ••••••/" in (await refused(sink)).what
        hook.answer(308, headers={"Location": "/services/T0/../ui/s3cret"})
        assert "points to ••••••: redirects" in (await refused(sink)).what


async def test_no_part_of_a_secret_path_is_repeated() -> None:
    async with receiver() as hook, webhook(hook.url.replace("/hook", "/in/x7Fq02LmZ?key=a%20b%20c")) as sink:
        for message in ("unknown hook x7Fq02LmZ", "no route for POST /in/x7Fq02LmZ", "bad key: a b c", "bad a%20b%20c"):
            hook.answer(404, message)
            failure = (await refused(sink)).what
            assert (
                "it said" in failure
                and "x7Fq02LmZ" not in failure
                and "a b c" not in failure
                and "a%20b" not in failure
            )
        hook.answer(302, headers={"Location": "https://hooks.slack.com/services/T00/B00/abcdefghijklmnopqrst"})
        failure = (await refused(sink)).what
        assert "points to https://hooks.slack.com/" in failure and "abcdefghij" not in failure


async def test_a_host_that_accepts_no_connection_is_reported_in_time() -> None:
    """Its accept queue is full, which looks like a host that is down: no response."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first, socket.socket() as second:
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        async with webhook(f"http://127.0.0.1:{full.getsockname()[1]}/", timeout=0.4) as sink:
            assert "no connection within 0.4 s" in (await unavailable(sink)).what


@pytest.mark.parametrize("by_environment", [True, False])
async def test_through_a_proxy(by_environment: bool) -> None:
    """The receiver acts as a proxy, which gets absolute URLs."""
    async with receiver() as proxy:
        url = f"http://me:pw@127.0.0.1:{proxy.port}"
        environ = {"HTTP_PROXY": url, "NO_PROXY": "other.example"} if by_environment else {"WORD": "pw"}
        changes: dict[str, Any] = {} if by_environment else {"proxy": url.replace("pw", "${WORD}")}
        async with webhook("http://hooks.example/x", environ, **changes) as sink:
            await sink.deliver(delivery())
        async with webhook("https://hooks.example/x", {**environ, "HTTPS_PROXY": url}, **changes) as sink:
            proxy.answer(502, reason="No Way")
            failure = (await unavailable(sink)).what
            assert "through the proxy http://127.0.0.1" in failure and "pw" not in failure
            assert "NO_PROXY" in failure
    plain, tunnel = proxy.requests
    assert plain.target == "http://hooks.example/x" and plain.headers["host"] == "hooks.example"
    assert (tunnel.method, tunnel.target) == ("CONNECT", "hooks.example:443")
    for request in proxy.requests:
        assert base64.b64decode(request.headers["proxy-authorization"].removeprefix("Basic ")) == b"me:pw"


async def test_no_proxy_is_honoured_and_a_proxy_that_is_down_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {"HTTP_PROXY": f"http://127.0.0.1:{port}", "NO_PROXY": "127.0.0.1,.invalid"}
    async with receiver() as hook, webhook(hook.url, environ) as sink:
        await sink.deliver(delivery())
    async with webhook("http://hooks.invalid/", environ) as sink:
        assert "does not resolve" in (await unavailable(sink)).what
    async with webhook("http://hooks.example/", environ) as sink:
        assert "the proxy cannot be reached (connection refused)" in (await unavailable(sink)).what
    async with webhook("http://hooks.example/", {"HTTP_PROXY": "http://proxy.invalid:3128"}) as sink:
        what = (await unavailable(sink)).what
        assert (
            what.startswith("Cannot find the proxy http://proxy.invalid:3128: ") and "name the host in NO_PROXY" in what
        )


async def test_batches_of_an_unordered_sink_are_in_flight_at_once() -> None:
    async with receiver() as hook, webhook(hook.url, ordered=False, concurrency=3) as sink:
        hook.answer(fault=Fault.HANG, times=3)
        under_way = [asyncio.create_task(sink.deliver(delivery(id=f"d-{number}"))) for number in range(5)]
        await hook.received(3)
        assert hook.connections == 3 and not any(each.done() for each in under_way)
        hook.release()
        assert await asyncio.gather(*under_way) == ["204 No Content"] * 5
    assert hook.connections == 3


async def test_a_delivery_can_be_abandoned_and_the_sink_closed_twice() -> None:
    async with receiver() as hook, webhook(hook.url) as sink:
        hook.answer(fault=Fault.HANG)
        under_way = asyncio.create_task(sink.deliver(delivery()))
        await hook.received(1)
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        await sink.close()
        await sink.close()
