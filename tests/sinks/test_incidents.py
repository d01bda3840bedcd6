"""Incidents and logs: recoveries resolve what failures opened, and log lines are accepted in order."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from click.testing import CliRunner

from nomad_tui.cli.main import main
from nomad_tui.core.wire import Frame, decode
from nomad_tui.journal.record import Record
from nomad_tui.sinks.definition.definition import Definition, Kind
from nomad_tui.sinks.delivery.selection import Selection
from nomad_tui.sinks.delivery.sink import Delivery, RejectedError, UnavailableError
from nomad_tui.sinks.runner.by_hand import delivery_of
from nomad_tui.sinks.types.opening import open_sink
from nomad_tui.standin import Options, StandIn
from tests import recordings
from tests.chats import AlertmanagerRules, LokiRules, pagerduty
from tests.receiver import Answer, Receiver, receiver
from tests.runner import at, define, running
from tests.sink_items import delivery, items


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(main, arguments)


KEY = "0123456789abcdef0123456789abcdef"
_TIME = 1_790_000_000_000_000_000


def frame(index: int, status: str, allocation: str = "a1") -> bytes:
    state = {"ID": allocation, "Name": "web.g[0]", "JobID": "web", "TaskGroup": "g", "ClientStatus": status}
    times = {"CreateIndex": index - 1, "ModifyIndex": index, "NodeName": "edge-2"}
    times["ModifyTime"] = _TIME + index * 10**9
    event = {"Topic": "Allocation", "Type": "AllocationUpdated", "Key": allocation, "Namespace": "default",
             "FilterKeys": ["web", ""], "Payload": {"Allocation": {**state, **times}}}  # fmt: skip
    return orjson.dumps({"Index": index, "Events": [event]})


FAILS_AND_RECOVERS = [frame(10, "running"), frame(20, "failed"), frame(30, "running", "a2"), frame(40, "running", "a2")]


async def status_after(tmp_path: Path, hook: Receiver, lines: list[bytes], settings: str) -> Any:
    """Return the sink's status after a runner has read a stream."""
    async with StandIn(lines, Options(lead=len(lines))) as server:
        define(tmp_path, "it", f'begin = "oldest"\n{settings}')
        async with running(tmp_path, at(server)) as run:
            await run.journaled(sum(len(orjson.loads(line)["Events"]) for line in lines))
            await run.delivered("it")
            return run.sink("it").status


async def test_pagerduty_opens_and_closes_one_incident(tmp_path: Path) -> None:
    async with receiver() as hook:
        hook.decide = pagerduty
        address = hook.url.replace("/hook", "/v2/enqueue")
        settings = f'type = "pagerduty"\naddress = "{address}"\nrouting_key = "{KEY}"\n'
        status = await status_after(tmp_path, hook, FAILS_AND_RECOVERS, settings)
    bodies = [request.json for request in hook.requests]
    assert [body["event_action"] for body in bodies[-2:]] == ["trigger", "resolve"] and status.dead == 0
    assert {body["dedup_key"] for body in bodies} == {"nomad/global/allocation/default/web/g"}
    payload = bodies[-2]["payload"]
    assert [payload[name] for name in ("source", "severity", "component", "group")] == [
        "edge-2",
        "critical",
        "g",
        "web",
    ]
    assert "failed" in bodies[-2]["payload"]["summary"]


async def test_pagerduty_gets_the_failures_of_one_frame_one_by_one(tmp_path: Path) -> None:
    events = [event for key in ("a", "b", "c") for event in orjson.loads(frame(10, "failed", key))["Events"]]
    async with receiver() as hook:
        hook.decide = pagerduty
        address = hook.url.replace("/hook", "/v2/enqueue")
        settings = f'type = "pagerduty"\naddress = "{address}"\nrouting_key = "{KEY}"\n'
        status = await status_after(tmp_path, hook, [orjson.dumps({"Index": 10, "Events": events})], settings)
    assert (status.delivered, status.dead, len(hook.requests)) == (3, 0, 3)


async def test_pagerduty_accepts_every_failure_of_a_recording(tmp_path: Path) -> None:
    definition = Definition("it", Kind.PAGERDUTY, "https://x", routing_key=KEY)
    selection = Selection(definition, "global", "j")
    async with receiver() as hook:
        hook.decide = pagerduty
        address = hook.url.replace("/hook", "/v2/enqueue")
        sink = await open_sink(msgspec.structs.replace(definition, address=address))
        for number, each in enumerate(recordings.frames("tour", 10_000), 1):
            for item in selection.items(Record(number, _TIME, 0, each)):
                await sink.deliver(Delivery(item.id, (item,), "global"))
        await sink.close()
    actions = [request.json["event_action"] for request in hook.requests]
    assert actions.count("trigger") > 5


async def test_a_recovery_that_is_sent_by_hand_opens_no_incident() -> None:
    definition = Definition("it", Kind.PAGERDUTY, "", routing_key=KEY)
    async with receiver() as hook:
        hook.decide = pagerduty
        definition = msgspec.structs.replace(definition, address=hook.url.replace("/hook", "/v2/enqueue"))
        sink = await open_sink(definition)
        for line in (frame(20, "failed"), frame(30, "running", "a2")):
            await sink.deliver(delivery_of(definition, decoded(line), 0, _TIME, "global"))
        await sink.close()
    opened, closed = (request.json for request in hook.requests)
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"]


@pytest.mark.parametrize("kind", ["pagerduty", "alertmanager"])
async def test_a_test_leaves_no_incident_open(kind: str, tmp_path: Path) -> None:
    rules = AlertmanagerRules()
    async with receiver() as hook:
        hook.decide = pagerduty if kind == "pagerduty" else rules
        address = hook.url.replace("/hook", "/v2/enqueue" if kind == "pagerduty" else "")
        key = f'routing_key = "{KEY}"\n' if kind == "pagerduty" else ""
        define(tmp_path, "it", f'type = "{kind}"\naddress = "{address}"\n{key}')
        journal = ["--journal", str(tmp_path / "none.journal")]
        done = await asyncio.to_thread(invoke, "sink", "test", "--config", str(tmp_path), *journal, "it")
        assert done.exit_code == 0 and "opened and resolved" in done.stdout, done.output
        if kind == "pagerduty":
            opened, closed = (request.json for request in hook.requests)
            assert [opened["event_action"], closed["event_action"]] == ["trigger", "resolve"]
            assert opened["dedup_key"] == closed["dedup_key"]
            hook.decide = lambda request: Answer(500) if request.json["event_action"] == "resolve" else None
            done = await asyncio.to_thread(invoke, "sink", "test", "--config", str(tmp_path), *journal, "it")
            assert done.exit_code == 1 and "could not be resolved" in done.stdout, done.output
        else:
            assert len(rules.alerts) == 1 and not rules.active()


async def test_a_wrong_key_is_a_fault_of_the_sink_not_of_an_event() -> None:
    async with receiver() as hook:
        hook.decide = pagerduty
        sink = await open_sink(Definition("it", Kind.PAGERDUTY, hook.url, routing_key="short"))
        with pytest.raises(RejectedError, match="Correct routing_key") as raised:
            await sink.deliver(delivery(items(most=1)))
        assert raised.value.for_all and "short" not in raised.value.what
        hook.decide = lambda _: Answer(400, body=b'{"errors": ["routing_key short is none"]}')
        with pytest.raises(RejectedError, match=r"routing_key .* is none") as repeated:
            await sink.deliver(delivery(items(most=1)))
        assert "short" not in repeated.value.what
        await sink.close()


async def test_alertmanager_is_refreshed_while_an_alert_lasts_and_sent_its_end(tmp_path: Path) -> None:
    rules = AlertmanagerRules()
    async with receiver() as hook:
        hook.decide = rules
        settings = f'type = "alertmanager"\naddress = "{hook.url.removesuffix("/hook")}"\nresend = "1s"\n'
        async with StandIn(FAILS_AND_RECOVERS, Options(lead=1, pace=0.0001)) as server:
            define(tmp_path, "it", f'begin = "oldest"\n{settings}')
            for expected in ("sent", "asked for and sent again"):  # the second time by another runner
                async with running(tmp_path, at(server)) as run:
                    await run.until(lambda: len(rules.active()) == 1)
                    hook.requests.clear()
                    await run.until(lambda: [each.method for each in hook.requests].count("POST") >= 2)
                    assert len(rules.active()) == 1, expected
        async with StandIn(FAILS_AND_RECOVERS, Options(lead=4)) as server, running(tmp_path, at(server)) as run:
            await run.until(lambda: not rules.active())
    (alert,) = rules.alerts.values()
    assert alert["labels"]["alertname"] == "NomadAllocation" and alert["labels"]["nomad_job"] == "web"


async def test_alertmanager_resolves_an_alert_opened_by_an_earlier_runner() -> None:
    rules = AlertmanagerRules()
    async with receiver() as hook:
        hook.decide = rules
        definition = Definition("it", Kind.ALERTMANAGER, hook.url.removesuffix("/hook"))
        selection = Selection(definition, "global", "j")
        lines = [frame(20, "failed"), frame(30, "running", "a2")]
        failed, ended = (
            item
            for number, line in enumerate(lines, 1)
            for item in selection.items(Record(number, _TIME, 0, decoded(line)))
        )
        for item, more in ((failed, {"node": "edge-1"}), (ended, {})):
            sink = await open_sink(msgspec.structs.replace(definition, labels=(("alertname", "N"), *more.items())))
            await sink.deliver(Delivery(item.id, (item,), "global"))
            await sink.close()
        assert len(rules.alerts) == 1 and not rules.active()


async def test_a_line_resent_to_loki_keeps_its_time() -> None:
    definition = Definition("it", Kind.LOKI, "", labels=(("a", "b"),))
    selection = Selection(definition, "global", "j")
    lines = [frame(10, "running"), frame(20, "failed")]
    given = [
        item
        for number, line in enumerate(lines, 1)
        for item in selection.items(Record(number, _TIME + 15 * 10**9, 0, decoded(line)))
    ]
    async with receiver() as hook:
        sink = await open_sink(msgspec.structs.replace(definition, address=hook.url.removesuffix("/hook")))
        hook.answer(503)
        with pytest.raises(UnavailableError):
            await sink.deliver(delivery(given))
        await sink.deliver(delivery(given))
        await sink.close()
    first_try, second_try = ([value[0] for value in each.json["streams"][0]["values"]] for each in hook.requests)
    assert first_try == second_try == [str(_TIME + 10 * 10**9), str(_TIME + 15 * 10**9)], "no later than it came"


def decoded(line: bytes) -> Frame:
    found = decode(line)
    assert isinstance(found, Frame)
    return found


async def test_loki_stores_every_event_once_and_in_order(tmp_path: Path) -> None:
    frames = recordings.frames("tour", 60)
    rules = LokiRules()
    async with receiver() as hook:
        hook.decide = rules
        settings = f'type = "loki"\naddress = "{hook.url.removesuffix("/hook")}"\nlabels = {{ topic = "{{topic}}" }}\n'
        status = await status_after(tmp_path, hook, [each.line for each in frames], settings)
    expected = sum(len(each.events) for each in frames)
    lines = [line for stream in rules.streams.values() for _, line in stream]
    assert (status.delivered, status.dead, len(lines)) == (expected, 0, expected)
    assert all(list(map(first, stream)) == sorted(map(first, stream)) for stream in rules.streams.values())
    assert hook.requests[0].json["streams"][0]["values"][0][2]["index"]


def first(pair: tuple[int, str]) -> int:
    return pair[0]


async def test_events_too_old_for_loki_become_dead_letters_at_once(tmp_path: Path) -> None:
    lines = [frame(10, "running"), frame(11, "failed")]
    rules = LokiRules()
    async with receiver() as hook:
        hook.decide = rules
        settings = f'type = "loki"\naddress = "{hook.url.removesuffix("/hook")}"\nlabels = {{ a = "b" }}\n'
        rules.streams['{"a": "b"}'] = [(_TIME + 20_000 * 10**9, "newest")]
        status = await status_after(tmp_path, hook, lines, settings)
    assert (status.delivered, status.dead) == (0, 2)
    assert "events that old" in status.last_error and len(rules.streams['{"a": "b"}']) == 1


async def test_a_closed_sink_sends_nothing() -> None:
    async with receiver() as hook:
        sink = await open_sink(Definition("it", Kind.ALERTMANAGER, hook.url, resend=0.01))
        await sink.close()
        seen = len(hook.requests)
        await asyncio.sleep(0.05)
        assert len(hook.requests) == seen
