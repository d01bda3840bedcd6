"""A sink reports another sink's receiver that stays down, and its recovery."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from time import time_ns

import pytest
from click.testing import CliRunner

from nomad_tui.cli.main import main
from nomad_tui.core.readable import SECOND
from nomad_tui.sinks.definition.reading import DefinitionErrors, read_definition
from nomad_tui.sinks.delivery import progress
from nomad_tui.standin import Options, StandIn
from tests import recordings
from tests.receiver import Receiver, receiver
from tests.runner import at, define, running
from tests.sinks.test_by_hand import command

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


async def test_another_sink_reports_a_receiver_that_is_down_and_its_recovery(server: StandIn, tmp_path: Path) -> None:
    async with asyncio.timeout(60), receiver() as pager, receiver() as chat:
        pager.answer(503, "out of order", times=None)
        define(tmp_path, "pager", webhook(pager, f'alert_to = "chat"\nalert_after = "1s"\n{FAST}'))
        define(tmp_path, "chat", webhook(chat))
        async with running(tmp_path, at(server)) as run:
            (failing,) = await alerts(chat, 1)
            assert (failing["Type"], failing["Key"]) == ("SinkFailing", "pager")
            assert "out of order" in str(failing["Payload"])
            # After reopening it has not failed yet, which is not a recovery.
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


async def test_a_sink_whose_failures_could_not_be_reported_has_a_warning(server: StandIn, tmp_path: Path) -> None:
    async def warning() -> str:
        status = re.sub(r"\s+", " ", (await command(tmp_path, "status")).stdout)
        return status.partition("Warning: Failures of pager are not reported")[2]

    async with asyncio.timeout(60), receiver() as pager, receiver() as chat:
        file = define(tmp_path, "pager", webhook(pager, f'alert_to = "chat"\n{FAST}'))
        registered = CliRunner().invoke(main, ["sink", "register", "--config", str(tmp_path), str(file)])
        assert "its `alert_to` names chat, which is not defined: define it, or name another" in registered.stderr
        async with running(tmp_path, at(server)) as run:
            await run.delivered("pager")
            assert "chat, which is not defined" in await warning()
            define(tmp_path, "chat", webhook(chat, "wrong = 1\n"))
            assert "chat, whose definition has a mistake" in await warning()
            define(tmp_path, "chat", webhook(chat, FAST))
            await run.delivered("chat")
            while await warning():  # noqa: ASYNC110  # written by another process
                await asyncio.sleep(0.05)
            paused = await command(tmp_path, "pause", "chat")
            assert "failures of pager are not reported meanwhile" in paused.stderr
            assert "is paused. `nomad-tui sink resume chat` resumes it." in await warning()
            await command(tmp_path, "resume", "chat")
            chat.answer(503, times=None)
            await command(tmp_path, "replay", "chat", "--since", "1h")
            while "is failing. Repair chat first." not in await warning():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        removed = CliRunner().invoke(main, ["sink", "deregister", "--config", str(tmp_path), "chat"])
        assert "which is not defined" in removed.stderr


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


async def test_a_refusal_that_was_resent_in_time_is_not_reported(server: StandIn, tmp_path: Path) -> None:
    async with asyncio.timeout(60), receiver() as pager, receiver() as chat:
        pager.answer(404, times=None)
        more = 'begin = "oldest"\nalert_to = "chat"\nalert_after = "1m"\n'
        define(tmp_path, "pager", webhook(pager, f"{more}{FAST}max_attempts = 1\n"))
        define(tmp_path, "chat", webhook(chat))
        async with running(tmp_path, at(server)) as run:
            await run.until(lambda: "pager" in run.runner.sinks)
            await run.until(lambda: run.sink("pager").status.dead and run.sink("pager").lag_events == 0)
            assert run.sink("pager").failing_since
            pager.answer(204, times=None)
            assert (await command(tmp_path, "resend", "pager")).exit_code == 0
            await run.until(lambda: not run.sink("pager").failing_since)


async def test_a_recovery_is_reported_although_the_clock_was_set_back(
    server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asyncio.timeout(60), receiver() as pager, receiver() as chat:
        pager.answer(503, times=None)
        define(tmp_path, "pager", webhook(pager, f'begin = "oldest"\nalert_to = "chat"\nalert_after = "1s"\n{FAST}'))
        define(tmp_path, "chat", webhook(chat))
        async with running(tmp_path, at(server)):
            await alerts(chat, 1)
            monkeypatch.setattr(progress, "time_ns", lambda: time_ns() - 3 * 3600 * SECOND)
            pager.answer(204, times=None)
            assert [each["Type"] for each in await alerts(chat, 2)] == ["SinkFailing", "SinkRecovered"]
