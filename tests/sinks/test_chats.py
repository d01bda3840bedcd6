"""Chats: messages comply with the vendor's rules, contain what matters, and mention nobody."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from nomad_tui.core.wire import Event, Frame, decode
from nomad_tui.journal.cursor import DeadLetter
from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.record import Record
from nomad_tui.sinks.definition.definition import Definition, Format, GroupBy, Kind
from nomad_tui.sinks.delivery.batching import REPLAYED_FOR_FILTER
from nomad_tui.sinks.delivery.grouping import KEPT, Folding, counted_with, letters_of
from nomad_tui.sinks.delivery.selection import Selection
from nomad_tui.sinks.delivery.sink import Delivery, Item, RejectedError, UnavailableError, UndeliveredError
from nomad_tui.sinks.types.opening import open_sink
from nomad_tui.standin import Options, StandIn
from tests import recordings
from tests.chats import LIMITS, RULES, chat, text_of
from tests.journals import writing
from tests.receiver import Answer, Fault, Receiver, receiver
from tests.runner import at, define, running
from tests.sinks.test_templates import MENTIONS

CHATS = sorted(RULES)


@asynccontextmanager
async def posting(name: str, **changes: Any) -> AsyncIterator[tuple[Any, Receiver]]:
    async with chat(name) as hook:
        definition = Definition("c", Kind(name), hook.url, web_ui="https://nomad.example.com")
        sink = await open_sink(msgspec.structs.replace(definition, **changes))
        try:
            yield sink, hook
        finally:
            await sink.close()


def one(item: Item) -> Delivery:
    return Delivery(item.id, (item,), "global")


def failures(name: str = "tour", **changes: Any) -> list[Item]:
    """The events of a recording that a chat is sent."""
    definition = msgspec.structs.replace(Definition("c", Kind.SLACK, "https://x"), **changes)
    selection = Selection(definition, "global", "j")
    found: list[Item] = []
    for number, frame in enumerate(recordings.frames(name, 100_000), 1):
        found += selection.items(Record(number, 1_790_000_000_000_000_000, 0, frame))
    return found


def allocation(name: str, description: str = "") -> Item:
    state = {"ID": "a", "Name": name, "ClientStatus": "failed", "JobID": name, "NodeName": name}
    payload = {"Allocation": {**state, "ClientDescription": description or name}}
    event = {"Topic": "Allocation", "Type": "AllocationUpdated", "Key": "a", "Namespace": name, "Payload": payload}
    text = orjson.dumps(event)
    return Item(1, 0, 5, time.time_ns(), text, msgspec.json.decode(text, type=Event), id="5-a")


@pytest.mark.parametrize("name", CHATS)
async def test_only_important_events_are_posted_with_their_sentence(name: str) -> None:
    items = failures()
    assert 5 < len(items) < 100, "warnings and failures by default"
    async with posting(name) as (sink, hook):
        for item in items:
            await sink.deliver(one(item))
    assert len(hook.requests) == len(items)
    (failed,) = [each for each in hook.requests if "failed" in text_of(each) and "restarts 2 of 2" in text_of(each)][:1]
    for part in ("◆", "exit 137", "https://nomad.example.com/ui/allocations/"):
        assert part in text_of(failed), part


@pytest.mark.parametrize("name", CHATS)
@pytest.mark.parametrize("text", ["x" * 50_000, "é🙂" * 20_000, "<&>" * 9_000, '"\\\n' * 9_000, " "], ids=len)
async def test_any_event_stays_within_the_vendors_limits(name: str, text: str) -> None:
    async with posting(name) as (sink, hook):
        await sink.deliver(one(allocation(text)))
    assert len(hook.requests) == 1


@pytest.mark.parametrize("name", CHATS)
async def test_nobody_is_mentioned(name: str) -> None:
    async with posting(name) as (sink, hook):
        for mention in MENTIONS:
            await sink.deliver(one(allocation(mention, f"because {mention}")))
            assert mention not in text_of(hook.requests[-1])
            if name == "discord":
                assert hook.requests[-1].json["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize("name", CHATS)
async def test_text_and_blocks_override_the_message(name: str) -> None:
    blocks = '[{"type": "section", "text": {"type": "mrkdwn", "text": {{ sentence|json }}}}]'
    async with posting(name, text="Look: {{ object.name }}") as (sink, hook):
        await sink.deliver(one(allocation("web")))
        assert "Look: web" in text_of(hook.requests[0]) and "◆" not in text_of(hook.requests[0])
    if name != "discord":  # Discord forbids mentions by a separate field
        async with posting(name, text="<!here> {{ object.name }}") as (sink, hook):
            await sink.deliver(one(allocation("<!channel>")))
            assert "<!here>" in text_of(hook.requests[0]) and "<!channel>" not in text_of(hook.requests[0])
    if name == "slack":
        async with posting(name, blocks=blocks) as (sink, hook):
            await sink.deliver(one(allocation("web")))
            assert hook.requests[0].json["blocks"][0]["text"]["text"].startswith("web: failed")


# Responses


async def error(name: str, status: int, body: str | bytes = b"", **headers: str) -> UndeliveredError:
    async with posting(name) as (sink, hook):
        hook.answer(status, body, headers={each.replace("_", "-"): value for each, value in headers.items()})
        with pytest.raises(UndeliveredError) as raised:
            await sink.deliver(one(allocation("web")))
        assert raised.value.what.isprintable() and hook.url not in raised.value.what
        return raised.value


@pytest.mark.parametrize(
    ("name", "status", "body", "kind", "for_all", "says"),
    [
        ("slack", 404, "no_service", RejectedError, True, "removed or disabled"),
        ("slack", 410, "channel_is_archived", RejectedError, True, "another channel"),
        ("slack", 403, "action_prohibited", RejectedError, True, "administrator"),
        ("slack", 400, "invalid_payload", RejectedError, False, "invalid_payload"),
        ("slack", 500, "rollup_error", UnavailableError, None, "rollup_error"),
        ("discord", 404, '{"message": "Unknown Webhook", "code": 10015}', RejectedError, True, "Unknown Webhook"),
        ("discord", 400, '{"message": "Invalid Form Body", "code": 50035}', RejectedError, False, "50035"),
        ("slack", 200, '{"ok": false, "error": "invalid_auth"}', RejectedError, True, "refused it: invalid_auth"),
        ("slack", 200, '{"ok": false, "error": "ratelimited"}', UnavailableError, None, "ratelimited"),
        ("slack", 200, "<!DOCTYPE html><title>Sign in</title>", UnavailableError, None, "is not from Slack"),
        ("discord", 200, "<html>", UnavailableError, None, "is not from Discord"),
        ("teams", 200, "<html>", UnavailableError, None, "is not from Teams"),
        ("teams", 413, "", RejectedError, False, "413"),
        ("teams", 200, "Webhook message delivery failed: returned HTTP error 429", UnavailableError, None, "429"),
        ("teams", 200, "Webhook message delivery failed: returned HTTP error 413", RejectedError, False, "413"),
    ],
)
async def test_a_response_is_classified(
    name: str, status: int, body: str, kind: type, for_all: bool | None, says: str
) -> None:
    raised = await error(name, status, body)
    assert isinstance(raised, kind) and says in raised.what
    assert getattr(raised, "for_all", None) == for_all


async def test_a_pause_is_read_from_the_vendors_response() -> None:
    for name in CHATS:
        raised = await error(name, 429, "ratelimited", Retry_After="7")
        assert isinstance(raised, UnavailableError) and raised.retry_after == 7
    limited = '{"message": "You are being rate limited.", "retry_after": 0.25, "global": false}'
    raised = await error("discord", 429, limited, Retry_After="1")
    assert isinstance(raised, UnavailableError) and raised.retry_after == 0.25
    old = '{"message": "You are being rate limited.", "retry_after": 6457, "global": false}'
    raised = await error("discord", 429, old, Retry_After="6457")
    assert isinstance(raised, UnavailableError) and raised.retry_after == 6.457, "older versions count milliseconds"


async def test_discord_gets_no_request_before_its_headers_allow_it() -> None:
    async with posting("discord") as (sink, hook):
        hook.answer(204, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "0.3"})
        started = time.monotonic()
        await sink.deliver(one(allocation("web")))
        await sink.deliver(one(allocation("web")))
        assert time.monotonic() - started >= 0.3
        hook.answer(204, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "60"})
        await sink.deliver(one(allocation("web")))
        with pytest.raises(UnavailableError) as raised:
            await sink.deliver(one(allocation("web")))
        assert raised.value.retry_after and 50 < raised.value.retry_after <= 60
        assert len(hook.requests) == 3


def test_the_limits_are_documented() -> None:
    for rules in LIMITS.values():
        assert rules["pages"] and rules["read"]
        limits = rules.keys() - {"pages", "read", "quoted", "unverified"}
        assert sorted([*rules["quoted"], *rules["unverified"]]) == sorted(limits), "each is one of the two"


# Groups


async def grouped(tmp_path: Path, name: str, lines: list[bytes], settings: str) -> list[Any]:
    """Return a runner's messages for a stream, with its counts of delivered, dead and sent."""
    async with chat(name) as hook, StandIn(lines, Options(lead=len(lines), buffer_size=len(lines))) as server:
        define(tmp_path, "chat", f'type = "{name}"\naddress = "{hook.url}"\nbegin = "oldest"\n{settings}')
        async with running(tmp_path, at(server)) as run:
            events = sum(len(orjson.loads(line)["Events"]) for line in lines)
            await run.journaled(events)
            await run.delivered("chat")
            status = run.sink("chat").status
        return [*hook.requests, status]


def storm(number: int, jobs: int = 1) -> list[bytes]:
    lines = []
    for each in range(number):
        job = f"web-{each % jobs}"
        state = {
            "Name": f"{job}.g[0]",
            "JobID": job,
            "ClientStatus": "failed",
            "NodeName": "edge-2",
        }
        event = {"Topic": "Allocation", "Type": "AllocationUpdated", "Key": f"a{each}", "Namespace": "default",
                 "FilterKeys": [job, ""], "Payload": {"Allocation": {"ID": f"a{each}", **state}}}  # fmt: skip
        lines.append(orjson.dumps({"Index": each + 1, "Events": [event]}))
    return lines


async def test_a_storm_is_one_message_per_job_with_a_count(tmp_path: Path) -> None:
    *requests, status = await grouped(tmp_path, "slack", storm(300, 2), 'group_by = "job"\nwindow = "1s"\n')
    assert len(requests) == 2 and status.delivered == 300
    assert all("150 events" in text_of(request) for request in requests)
    assert "150 allocations: failed on edge-2" in text_of(requests[0])


@pytest.mark.parametrize("recovers", [True, False])
async def test_a_group_shows_whether_all_failures_have_recovered(tmp_path: Path, recovers: bool) -> None:
    first, second = storm(2)
    lines = [first, state(2, "web-0", "running"), *([] if recovers else [second])]
    settings = 'resolve = true\ngroup_by = "job"\nwindow = "1s"\n'
    *requests, status = await grouped(tmp_path, "slack", [_numbered(*each) for each in enumerate(lines, 1)], settings)
    assert len(requests) == 1 and status.delivered == len(lines)
    posted = text_of(requests[0])
    assert ("✓ ● web-0" in posted and "2 events, recovered" in posted) is recovers


def _numbered(index: int, line: bytes) -> bytes:
    return orjson.dumps(orjson.loads(line) | {"Index": index})


async def test_each_event_of_a_refused_group_is_a_dead_letter(tmp_path: Path) -> None:
    lines = storm(KEPT + 30)
    async with chat("slack") as hook, StandIn(lines, Options(lead=len(lines), buffer_size=len(lines))) as server:
        hook.decide = lambda _: 404
        settings = 'group_by = "job"\nwindow = "1s"\n[retry]\nmax_attempts = 1\n'
        define(tmp_path, "chat", f'type = "slack"\naddress = "{hook.url}"\nbegin = "oldest"\n{settings}')
        async with running(tmp_path, at(server)) as run:
            await run.journaled(len(lines))
            await run.delivered("chat")
            assert (run.sink("chat").status.delivered, run.sink("chat").status.dead) == (0, len(lines))
            with JournalReader(run.journal.path) as reader:
                letters = reader.letters("chat")
    assert sorted(letter.key for letter in letters) == sorted(f"a{number}" for number in range(len(lines)))
    assert all(letter.key.encode() in letter.text for letter in letters)


async def test_a_refused_event_dropped_by_the_journal_is_a_dead_letter_of_a_gap(tmp_path: Path) -> None:
    folding = Folding(Definition("c", Kind.SLACK, "https://x", group_by=GroupBy.JOB))
    folding.add([msgspec.structs.replace(allocation("web"), position=position) for position in range(1, KEPT + 3)])
    items = folding.take()
    letter = DeadLetter("c", 1, items[-1].position, 0, 5, "Allocation", "X", "a", "", 1, b"{}", "", 1, "no")
    async with writing(tmp_path / "journal") as journal:
        with JournalReader(journal.path) as reader:
            found = list(letters_of(counted_with([letter], items), True, reader))
    assert [(each.position, each.gap, each.why) for each in found] == [(KEPT + 1, True, "no"), (KEPT + 2, True, "no")]


async def test_messages_accepted_before_a_chat_hangs_are_not_resent() -> None:
    async with posting("slack", timeout=0.3) as (sink, hook):
        taken, hanging = allocation("first"), allocation("second")
        answer = hook.decide
        hook.decide = lambda request: answer(request) if "first" in text_of(request) else Answer(fault=Fault.HANG)
        with pytest.raises(UnavailableError) as raised:
            await sink.deliver(replace(one(taken), items=(taken, hanging)))
    assert raised.value.done == 1


async def test_a_webhook_gets_one_request_per_group() -> None:
    definition = Definition("c", Kind.WEBHOOK, "", format=Format.TEMPLATE, group_by=GroupBy.JOB)
    definition = msgspec.structs.replace(definition, template="{{ count }} {{ job }}", content_type="text/plain")
    folding = Folding(definition)
    selection = Selection(definition, "global", "j")
    for number, line in enumerate(storm(7, 2), 1):
        frame = decode(line)
        assert isinstance(frame, Frame)
        folding.add(selection.items(Record(number, time.time_ns(), 0, frame)))
    taken = tuple(folding.take())
    async with receiver() as hook:
        sink = await open_sink(msgspec.structs.replace(definition, address=hook.url))
        await sink.deliver(replace(one(taken[0]), items=taken))
        await sink.close()
    assert [each.body for each in hook.requests] == [b"4 web-0", b"3 web-1"]
    assert len({each.headers["webhook-id"] for each in hook.requests}) == 2


async def test_old_events_are_one_summary(tmp_path: Path) -> None:
    items = [received_long_ago(item) for item in failures(group_by=GroupBy.JOB)]
    definition = msgspec.structs.replace(Definition("c", Kind.SLACK, "https://x"), max_age=3600.0)
    folding = Folding(definition)
    folding.add([*items, allocation("fresh")])
    async with posting("slack", max_age=3600.0) as (sink, hook):
        taken = tuple(folding.take())
        await sink.deliver(replace(one(taken[0]), items=taken))
    old, fresh = hook.requests
    assert f"{len(items)} events older than 1 h" in text_of(old) and "fresh" in text_of(fresh)


async def test_events_that_expire_while_a_receiver_is_down_are_one_summary(tmp_path: Path) -> None:
    events = 60
    options = Options(lead=1, pace=200, buffer_size=events)
    async with asyncio.timeout(60), chat("slack") as hook, StandIn(storm(events), options) as server:
        accepts, hook.decide = hook.decide, lambda _: Answer(503)
        define(
            tmp_path,
            "chat",
            f'type = "slack"\naddress = "{hook.url}"\nbegin = "oldest"\nmax_age = "1s"\n'
            "[batch]\nmax_wait = 0.02\n[retry]\nmin_backoff = 0.02\nmax_backoff = 0.1\n",
        )
        summary = f"{events} events older than 1 s"
        async with running(tmp_path, at(server)) as run:
            while not hook.requests or summary not in text_of(hook.requests[-1]):
                await hook.received(len(hook.requests) + 1)
            hook.requests.clear()
            hook.decide = accepts
            await run.until(lambda: run.sink("chat").status.delivered >= events)
            status = run.sink("chat").status
    assert hook.requests and all(summary in text_of(request) for request in hook.requests)
    assert (status.delivered, status.dead) == (events, 0)


def received_long_ago(item: Item) -> Item:
    return msgspec.structs.replace(item, received=time.time_ns() - 2 * 3600 * 10**9)


async def test_a_recovery_is_reported_once_even_long_after_the_failure(tmp_path: Path) -> None:
    async with chat("slack") as hook:
        define(tmp_path, "chat", f'type = "slack"\naddress = "{hook.url}"\nbegin = "oldest"\nresolve = true\n')
        failed = storm(1)
        others = [state(index, "other", "running") for index in range(2, REPLAYED_FOR_FILTER + 100)]
        recovers = [state(5_000, "web-0", "running"), state(5_001, "web-0", "running")]
        for lines in ([*failed, *others], [*failed, *others, *recovers], [*failed, *others, *recovers]):
            server = StandIn(lines, Options(lead=len(lines), buffer_size=len(lines)))
            async with server, running(tmp_path, at(server)) as run:
                await run.journaled(len(lines))
                await run.delivered("chat")
    texts = [text_of(request) for request in hook.requests]
    assert ["✓" in text for text in texts] == [False, True]
    assert all("web-0" in text for text in texts)


def state(index: int, job: str, status: str) -> bytes:
    payload = {"ID": f"b{index}", "Name": f"{job}.g[0]", "JobID": job, "ClientStatus": status, "NodeName": "edge-2"}
    event = {"Topic": "Allocation", "Type": "AllocationUpdated", "Key": f"b{index}", "Namespace": "default",
             "FilterKeys": [job, ""], "Payload": {"Allocation": payload}}  # fmt: skip
    return orjson.dumps({"Index": index, "Events": [event]})
