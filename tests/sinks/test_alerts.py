"""A receiver that stays down is reported by another sink, and so is its recovery."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nomad_tui.sinks.definition.reading import DefinitionErrors, read_definition
from nomad_tui.standin import Options, StandIn
from tests import recordings
from tests.receiver import Receiver, receiver
from tests.runner import at, define, running

FRAMES = recordings.frames("load", 20)
FAST = "[retry]\nmin_backoff = 0.05\nmax_backoff = 0.1\n"


@pytest.fixture
async def server() -> AsyncIterator[StandIn]:
    async with StandIn([frame.line for frame in FRAMES], Options(lead=len(FRAMES))) as started:
        yield started


def webhook(hook: Receiver, more: str = "") -> str:
    return f'type = "webhook"\naddress = "{hook.url}"\nformat = "event"\n{more}'


async def alerts(hook: Receiver, count: int) -> list[dict[str, object]]:
    while True:
        found = [event for request in hook.requests for event in request.events if event["Topic"] == "Sink"]
        if len(found) >= count:
            return found
        await hook.received(len(hook.requests) + 1)


async def test_another_sink_reports_a_receiver_that_is_down_and_that_it_is_back(
    server: StandIn, tmp_path: Path
) -> None:
    async with asyncio.timeout(60), receiver() as pager, receiver() as chat:
        pager.answer(503, "out of order", times=None)
        define(tmp_path, "pager", webhook(pager, f'alert_to = "chat"\nalert_after = "1s"\n{FAST}'))
        define(tmp_path, "chat", webhook(chat))
        async with running(tmp_path, at(server)) as run:
            (failing,) = await alerts(chat, 1)
            assert (failing["Type"], failing["Key"]) == ("SinkFailing", "pager")
            assert "out of order" in str(failing["Payload"])
            # Opened anew it has not failed yet, which is no recovery.
            define(tmp_path, "pager", webhook(pager, f'alert_to = "chat"\nalert_after = "2s"\n{FAST}'))
            await run.until(lambda: run.sink("pager").definition.alert_after == 2)
            await run.until(lambda: run.sink("pager").failing_since)
            assert len(await alerts(chat, 1)) == 1
            pager.answer(204, times=None)
            assert [each["Type"] for each in await alerts(chat, 2)] == ["SinkFailing", "SinkRecovered"]


def test_a_sink_cannot_report_itself() -> None:
    with pytest.raises(DefinitionErrors, match="`alert_to` is this sink itself"):
        read_definition(
            'id = "web"\ntype = "webhook"\naddress = "http://127.0.0.1"\nalert_to = "web"', "web.toml", None
        )


async def test_a_receiver_that_refuses_everything_is_reported_too(server: StandIn, tmp_path: Path) -> None:
    async with asyncio.timeout(60), receiver() as pager, receiver() as chat:
        pager.answer(404, "no such hook", times=None)
        once = f"{FAST}max_attempts = 1\n"
        define(tmp_path, "pager", webhook(pager, f'begin = "oldest"\nalert_to = "chat"\nalert_after = "1s"\n{once}'))
        define(tmp_path, "chat", webhook(chat))
        async with running(tmp_path, at(server)) as run:
            await run.until(lambda: "pager" in run.runner.sinks)
            await run.until(lambda: run.sink("pager").status.dead and run.sink("pager").lag_events == 0)
            (failing,) = await alerts(chat, 1)
            assert (failing["Type"], "404" in str(failing["Payload"])) == ("SinkFailing", True)
