"""Manual operations on one sink: test it, resend dead letters, replay, pause, show its status."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from time import time_ns
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from nomad_tui.cli.main import main
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.status import SinkState
from nomad_tui.journal.store import Store
from nomad_tui.sinks.definition.folder import Definitions
from nomad_tui.sinks.delivery.retrier import DeliveryRetrier
from nomad_tui.sinks.delivery.sink import Delivery, Item
from nomad_tui.sinks.types.webhook import Webhook
from nomad_tui.standin import ALL_FRAMES, Options, StandIn
from tests import recordings
from tests.forked_runners import starter
from tests.journals import written
from tests.receiver import Fault, Receiver, receiver
from tests.runner import Running, at, define, running

PROGRAM = str(Path(sys.executable).with_name("nomad-tui"))
FRAMES = recordings.frames("tour", 40)
SENT = [event for frame in FRAMES for event in orjson.loads(frame.line)["Events"]]
FAST = 'format = "event"\nredact = false\n[retry]\nmin_backoff = 0.01\nmax_backoff = 0.05\nmax_attempts = 2\n'


@pytest.fixture
async def server() -> AsyncIterator[StandIn]:
    async with StandIn([frame.line for frame in FRAMES], Options(lead=ALL_FRAMES, buffer_size=len(FRAMES))) as opened:
        yield opened


async def command(folder: Path, *arguments: str) -> Result:
    """Run `nomad-tui sink …` on the test's own folder, while receivers and runners continue."""
    places = ("--config", str(folder), "--journal", str(folder / "test.journal"))
    return await asyncio.to_thread(CliRunner().invoke, main, ["sink", arguments[0], *places, *arguments[1:]])


def webhook(hook: Receiver, more: str = FAST) -> str:
    return f'type = "webhook"\naddress = "{hook.url}"\n{more}'


def letters(folder: Path) -> list[int]:
    with JournalReader(folder / "test.journal") as reader:
        return [letter.id for letter in reader.letters()]


async def wait_until_delivered(run: Running, name: str = "all") -> None:
    await run.journaled(len(SENT))
    await run.delivered(name)
    await run.until(lambda: run.sink(name).lag_events == 0)


# Testing a sink


@pytest.mark.parametrize("form", ["nomad", "event", "cloudevents"])
async def test_a_test_is_one_marked_event_and_prints_the_response(tmp_path: Path, form: str) -> None:
    async with receiver() as hook:
        hook.answer(202, "thank you\nand more")
        define(tmp_path, "hook", webhook(hook, f'format = "{form}"\n'))
        done = await command(tmp_path, "test", "hook")
        assert done.exit_code == 0
        assert re.match(r"hook: acknowledged after [\d.]+ .*s: 202 Accepted, it said 'thank you'\. ", done.stdout)
        (request,) = hook.requests
    assert request.headers["nomad-tui-test"] == "1"
    assert request.headers["webhook-id"].startswith("test-")
    assert request.headers["webhook-id"] in done.stdout
    (event,) = request.events
    assert (event["Topic"], event["Type"], event["Key"]) == ("Test", "SinkTest", "hook")
    assert request.json.get("Test") is True or request.json.get("test") == "true"


@pytest.mark.parametrize(("status", "message"), [(404, "404 Not Found"), (503, "503 Service Unavailable")])
async def test_a_test_that_is_not_acknowledged_is_tried_once_and_fails(
    tmp_path: Path, status: int, message: str
) -> None:
    async with receiver() as hook:
        hook.answer(status, "no", times=None)
        define(tmp_path, "hook", webhook(hook))
        done = await command(tmp_path, "test", "hook")
        assert done.exit_code == 1
        assert "hook: not acknowledged after " in done.stdout
        assert f"answered {message}, it said 'no'" in done.stdout
        assert len(hook.requests) == 1


async def test_a_receiver_that_is_unreachable_or_hangs_is_reported(tmp_path: Path) -> None:
    async with receiver() as hook:
        define(tmp_path, "hook", webhook(hook, 'timeout = "200ms"\n'))
        hook.answer(fault=Fault.HANG)
        done = await command(tmp_path, "test", "hook")
        assert (done.exit_code, "no complete answer" in done.stdout) == (1, True)
        await hook.down()
        done = await command(tmp_path, "test", "hook")
        assert done.exit_code == 1
        assert "connection refused" in done.stdout


async def test_an_unusable_or_missing_definition_is_reported(tmp_path: Path) -> None:
    define(tmp_path, "wrong", 'type = "webhook"\n')
    done = await command(tmp_path, "test", "wrong")
    assert done.exit_code == 2
    assert "`address` is missing" in done.stderr
    done = await command(tmp_path, "test", "nowhere")
    assert done.exit_code == 1
    assert done.stderr == "nomad-tui: No sink nowhere is defined. `nomad-tui sink list` lists those that are.\n"


async def test_a_file_is_tested_while_a_runner_writes_it(server: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    define(tmp_path, "out", f'type = "file"\naddress = "{file}"\nformat = "event"\nredact = false\n')
    async with running(tmp_path, at(server)) as run:
        await wait_until_delivered(run, "out")
        done = await command(tmp_path, "test", "out")
        assert (done.exit_code, "1 line written" in done.stdout) == (0, True)
        server.publish(b'{"Index":99999,"Events":[{"Topic":"Job","Type":"X","Key":"after","Payload":{}}]}')
        await run.journaled(len(SENT) + 1)
        await run.until(lambda: run.sink("out").lag_events == 0)
    lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert lines[:-2] == SENT
    assert lines[-2]["Test"] is True
    assert lines[-1]["Key"] == "after"


async def test_standard_output_gets_the_event_alone(tmp_path: Path) -> None:
    define(tmp_path, "out", 'type = "stdout"\nformat = "event"\n')
    process = await asyncio.create_subprocess_exec(
        *("nomad-tui", "sink", "test", "out", "--config", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        executable=PROGRAM,
    )
    out, err = await process.communicate()
    assert process.returncode == 0
    assert json.loads(out)["Type"] == "SinkTest"
    assert err.startswith(b"out: acknowledged after ")


# Dead letters


async def refused(folder: Path, server: StandIn, hook: Receiver, keys: int = 2) -> None:
    """Run a runner whose first events are all refused permanently."""
    hook.answer(400, "I do not like it", times=2 * keys)
    define(folder, "all", webhook(hook))
    async with running(folder, at(server)) as run:
        await wait_until_delivered(run)
    assert len(letters(folder)) == keys


async def test_dead_letters_are_listed_with_the_responses(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        await refused(tmp_path, server, hook)
    done = await command(tmp_path, "dead-letters")
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    head, first, why, *_ = done.stdout.splitlines()
    assert head.split() == ["LETTER", "SINK", "WHEN", "EVENT", "KEY"]
    assert first.split()[:2] == [str(letters(tmp_path)[0]), "all"]
    assert f"{SENT[0]['Topic']}/{SENT[0]['Type']}"[:27] in first
    assert f"index {SENT[0]['Index']}, 2 attempts: " in why and "400" in why
    assert done.stdout.count("Why: ") == 1, "both were refused for the same reason, which is given in full"
    assert done.stdout.rstrip().endswith("."), done.stdout
    done = await command(tmp_path, "dead-letters", "all", "--output", "json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [letter["event"] for letter in found] == SENT[:2]
    assert found[0]["attempts"] == 2
    assert "it said 'I do not like it'" in found[0]["why"]
    done = await command(tmp_path, "dead-letters", "nowhere")
    assert (done.exit_code, "No sink nowhere" in done.stderr) == (1, True)


async def test_resent_letters_are_no_longer_dead_letters(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        await refused(tmp_path, server, hook)
        ids = [hook.requests[0].headers["webhook-id"], hook.requests[2].headers["webhook-id"]]
        hook.requests.clear()
        done = await command(tmp_path, "resend", "all")
        assert done.exit_code == 0
        assert done.stdout.splitlines()[-1] == "2 dead letters acknowledged."
        assert [request.json for request in hook.requests] == SENT[:2]
        # Their IDs are those of the first delivery.
        assert [request.headers["webhook-id"] for request in hook.requests] == ids
        assert letters(tmp_path) == []
        done = await command(tmp_path, "resend", "--all")
        assert (done.exit_code, done.stdout) == (0, "No dead letters to resend.\n")


async def test_a_letter_refused_again_stays_and_does_not_block_others(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        await refused(tmp_path, server, hook)
        first, second = letters(tmp_path)
        hook.answer(422, "still not")
        done = await command(tmp_path, "resend", "all")
        assert done.exit_code == 1
        assert "it said 'still not'" in done.stdout
        assert done.stdout.splitlines()[-1] == "1 dead letter acknowledged, 1 of those to be sent not."
        assert letters(tmp_path) == [first]
        done = await command(tmp_path, "resend", str(first))
        assert (done.exit_code, letters(tmp_path)) == (0, [])
        done = await command(tmp_path, "resend", "all", str(second))
        assert (done.exit_code, f"No dead letter {second}" in done.stderr) == (1, True)


async def test_a_receiver_that_is_down_is_tried_once_and_all_letters_stay(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        await refused(tmp_path, server, hook, keys=3)
        hook.requests.clear()
        hook.answer(503, times=None)
        done = await command(tmp_path, "resend", "all")
        assert done.exit_code == 1
        assert len(hook.requests) == 1
        assert "2 more dead letters of all not tried: it is unavailable." in done.stdout
        assert len(letters(tmp_path)) == 3


async def test_letters_are_resent_while_a_runner_runs(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        hook.answer(400, times=2)
        define(tmp_path, "all", webhook(hook))
        async with running(tmp_path, at(server)) as run:
            await wait_until_delivered(run)
            done = await command(tmp_path, "resend", "all")
            assert done.exit_code == 0
        assert hook.requests[-1].json == SENT[0]
        assert letters(tmp_path) == []


async def test_a_gap_that_was_refused_is_resent_as_a_gap(tmp_path: Path) -> None:
    gap = Gap(GapReason.BUFFER, 5, 9, 1.5)
    async with receiver() as hook:
        hook.answer(400, times=2)
        define(tmp_path, "all", webhook(hook))
        definition = Definitions(tmp_path).read().definitions["all"]
        await written(tmp_path / "test.journal", FRAMES[:1])
        sink = Webhook(definition)
        retrier = DeliveryRetrier(definition, sink, lambda *_: None, lambda *_: None)
        item = Item(2, 0, 9, 1, b"{}", gap=gap, id="gap-1")
        (letter,) = await retrier.deliver(Delivery("gap-1", (item,), "global"))
        await sink.close()
        with Store(tmp_path / "test.journal") as control:
            control.advance(control.register("all", 1), [letter])
        listed = await command(tmp_path, "dead-letters", "--output", "json")
        assert json.loads(listed.stdout)["gap"] == gap.record()
        assert (await command(tmp_path, "resend", "all")).exit_code == 0
        assert hook.requests[-1].json == {"Index": 9, "Gap": gap.record()}


async def test_letters_are_deleted_on_request(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        await refused(tmp_path, server, hook, keys=3)
    first, *rest = letters(tmp_path)
    done = await command(tmp_path, "dead-letters", "--delete", str(first))
    assert (done.stdout, letters(tmp_path)) == ("1 dead letter deleted.\n", rest)
    done = await command(tmp_path, "dead-letters", "all", "--delete-all")
    assert (done.stdout, letters(tmp_path)) == ("2 dead letters deleted.\n", [])
    assert (await command(tmp_path, "dead-letters")).stdout == "No dead letters.\n"


async def test_letters_of_a_removed_sink_stay(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        await refused(tmp_path, server, hook)
        (tmp_path / "sinks" / "all.toml").unlink()
        done = await command(tmp_path, "resend", "--all")
        assert (done.exit_code, "The sink all is no longer defined" in done.stderr) == (1, True)
        assert len(letters(tmp_path)) == 2


async def test_resend_requires_a_selection(tmp_path: Path) -> None:
    done = await command(tmp_path, "resend")
    assert done.exit_code == 2
    done = await command(tmp_path, "resend", "--all", "hook")
    assert (done.exit_code, "--all resends the dead letters of all sinks. For those of hook alone" in done.stderr) == (
        2,
        True,
    )
    await written(tmp_path / "test.journal", FRAMES[:1])
    done = await command(tmp_path, "resend", "nowhere")
    assert (done.exit_code, "No sink nowhere" in done.stderr) == (1, True)


# Replaying


async def test_a_running_sink_replays_from_an_index(server: StandIn, tmp_path: Path) -> None:
    middle = FRAMES[25].index
    again = [event for frame in FRAMES if frame.index >= middle for event in orjson.loads(frame.line)["Events"]]
    async with receiver() as hook:
        define(tmp_path, "all", webhook(hook))
        async with running(tmp_path, at(server)) as run:
            await wait_until_delivered(run)
            hook.requests.clear()
            done = await command(tmp_path, "replay", "all", "--from-index", str(middle))
            assert done.exit_code == 0, done.output
            first, who = done.stdout.splitlines()
            assert first.startswith(f"{len(again)} events of the journal go again to all, or what its definition")
            assert f"from index {middle:,} on" in first
            assert who == f"The runner {run.runner.status.pid} on  delivers."
            await hook.arrived(len(again))
            await run.until(lambda: run.sink("all").lag_events == 0)
        assert hook.events == again


async def test_a_sink_without_a_runner_replays_with_the_next_runner(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        define(tmp_path, "all", webhook(hook))
        async with running(tmp_path, at(server)) as run:
            await wait_until_delivered(run)
        hook.requests.clear()
        done = await command(tmp_path, "replay", "all", "--since", "1h")
        assert done.exit_code == 0, done.output
        first, who = done.stdout.splitlines()
        assert first.startswith(f"{len(SENT)} events of the journal go again to all")
        assert first.endswith("the oldest that the journal holds.")
        assert who == "No runner is alive: the next `nomad-tui sink run` delivers."
        async with running(tmp_path, at(server)) as run:
            await hook.arrived(len(SENT))
        assert hook.events == SENT


async def test_a_new_sink_can_start_in_the_past(server: StandIn, tmp_path: Path) -> None:
    start = FRAMES[30].index
    wanted = [event for frame in FRAMES if frame.index >= start for event in orjson.loads(frame.line)["Events"]]
    await written(tmp_path / "test.journal", FRAMES)
    async with receiver() as hook:
        define(tmp_path, "new", webhook(hook))
        done = await command(tmp_path, "replay", "new", "--from-index", str(start))
        assert done.exit_code == 0, done.output
        async with running(tmp_path, at(server)) as run:
            await hook.arrived(len(wanted))
            await run.delivered("new")
        assert hook.events == wanted


async def test_events_not_in_the_journal_cannot_be_replayed(tmp_path: Path) -> None:
    await written(tmp_path / "test.journal", FRAMES[10:], received=1_700_000_000_000_000_000)
    define(tmp_path, "out", f'type = "file"\naddress = "{tmp_path}/out"\n')
    oldest, newest = FRAMES[10].index, FRAMES[-1].index
    done = await command(tmp_path, "replay", "out", "--from-index", str(oldest - 1))
    assert done.exit_code == 1
    assert f"any more: the oldest that it has is {oldest:,}. Give --from-index {oldest} for all" in done.stderr
    done = await command(tmp_path, "replay", "out", "--from-index", str(newest + 1))
    assert (done.exit_code, f"the newest that it has is {newest:,}" in done.stderr) == (1, True)
    done = await command(tmp_path, "replay", "out", "--since", "10m")
    assert (done.exit_code, "The journal holds nothing of that time" in done.stderr) == (1, True)
    with JournalReader(tmp_path / "test.journal") as reader:
        assert reader.cursors() == {}
    done = await command(tmp_path, "replay", "out")
    assert (done.exit_code, "--from-index INDEX or --since DURATION" in done.stderr) == (2, True)


async def test_a_replay_never_moves_a_sink_forward(tmp_path: Path) -> None:
    await written(tmp_path / "test.journal", FRAMES)
    define(tmp_path, "out", f'type = "file"\naddress = "{tmp_path}/out"\n')
    assert (await command(tmp_path, "replay", "out", "--from-index", str(FRAMES[5].index))).exit_code == 0
    done = await command(tmp_path, "replay", "out", "--from-index", str(FRAMES[20].index))
    assert done.exit_code == 1
    assert f"has not had that yet and gets it anyway: it has come to index {FRAMES[4].index:,}." in done.stderr


# Pausing and status


async def wait_for_state(folder: Path, name: str, state: SinkState) -> None:
    """Wait until a runner has stored that a sink is in that state."""
    while True:
        with JournalReader(folder / "test.journal") as reader:
            known = {each.cursor.sink: each.status for each in reader.overview().sinks}
        if name in known and known[name].state is state:
            return
        await asyncio.sleep(0.05)


async def test_a_paused_sink_gets_nothing_until_it_is_resumed(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        define(tmp_path, "all", webhook(hook))
        async with running(tmp_path, at(server)) as run:
            await wait_until_delivered(run)
            done = await command(tmp_path, "pause", "all")
            assert (done.exit_code, done.stdout.startswith("all is paused.")) == (0, True)
            await run.until(lambda: run.sink("all").status.state is SinkState.PAUSED)
            server.publish(b'{"Index":99999,"Events":[{"Topic":"Job","Type":"X","Key":"after","Payload":{}}]}')
            await run.journaled(len(SENT) + 1)
            assert len(hook.events) == len(SENT)
            assert '"state": "paused"' in (await command(tmp_path, "status", "--output", "json")).stdout
            done = await command(tmp_path, "resume", "all")
            assert (done.exit_code, "all is resumed. The runner" in done.stdout) == (0, True)
            await hook.arrived(len(SENT) + 1)
        assert hook.events[-1]["Key"] == "after"


async def test_a_runner_in_another_process_obeys(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook, starter(tmp_path / "log") as processes:
        define(tmp_path, "all", webhook(hook))
        journal = str(tmp_path / "test.journal")
        places = ("--address", server.address, "--config", str(tmp_path), "--journal", journal)
        pid = await processes.start("sink", "run", *places)
        await hook.arrived(len(SENT))
        await wait_for_state(tmp_path, "all", SinkState.IDLE)
        assert (await command(tmp_path, "pause", "all")).exit_code == 0
        await wait_for_state(tmp_path, "all", SinkState.PAUSED)
        done = await command(tmp_path, "replay", "all", "--since", "1h")
        assert f"The runner {pid} on " in done.stdout
        assert "It is paused: `nomad-tui sink resume all` resumes it." in done.stdout
        assert len(hook.events) == len(SENT)
        assert (await command(tmp_path, "resume", "all")).exit_code == 0
        await hook.arrived(2 * len(SENT))
        await processes.end(pid, signal.SIGTERM)
        assert hook.events == 2 * SENT


async def test_a_sink_that_never_ran_cannot_be_paused(tmp_path: Path) -> None:
    await written(tmp_path / "test.journal", FRAMES[:1])
    define(tmp_path, "out", f'type = "file"\naddress = "{tmp_path}/out"\n')
    done = await command(tmp_path, "pause", "out")
    assert (done.exit_code, "no runner has run it yet" in done.stderr) == (1, True)


def table(text: str) -> dict[str, list[str]]:
    """Rows of a status table, by sink."""
    lines = text.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("ID"))
    rows = [re.split(r"\s{2,}", line) for line in lines[head:]]
    return {cells[0]: cells for cells in rows if len(cells) == len(rows[0])}


async def test_a_sink_with_only_dead_letters_is_not_reported_as_idle(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        hook.answer(400, "no such channel", times=None)
        define(tmp_path, "chat", webhook(hook, 'begin = "oldest"\ntopics = ["Deployment"]\n' + FAST))
        async with running(tmp_path, at(server)) as run:
            await run.journaled(len(SENT))
            await run.until(lambda: run.sink("chat").status.state is SinkState.IDLE and run.sink("chat").status.dead)
            await wait_for_state(tmp_path, "chat", SinkState.IDLE)
            done = await command(tmp_path, "status")
            assert (done.exit_code, table(done.stdout)["chat"][1]) == (1, "refused")
            assert done.stdout.startswith("1 sink: 1 failing (chat), ")
            hook.answer(204, times=None)
            await command(tmp_path, "resend", "chat")
            await wait_for_state(tmp_path, "chat", SinkState.IDLE)  # a report of the delivery may come later
            assert table((await command(tmp_path, "status")).stdout)["chat"][1] == "idle", "no dead letter is left"


async def test_the_status_shows_every_sink_and_the_runner(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook, receiver() as broken:
        broken.answer(503, "overloaded", times=None)
        define(tmp_path, "good", webhook(hook))
        async with running(tmp_path, at(server)) as run:
            await wait_until_delivered(run, "good")
            await run.until(lambda: run.sink("good").status.state is SinkState.IDLE)
            await wait_for_state(tmp_path, "good", SinkState.IDLE)
            done = await command(tmp_path, "status", "good")
            assert done.exit_code == 0, done.output
            assert done.stdout.startswith("1 sink: none failing.\nRunner 1 on ")
            row = table(done.stdout)["good"]
            assert row[1:3] == ["idle", "0"]
            assert row[4:7] == [f"{len(SENT):,}", "0", "0"]
            define(tmp_path, "bad", webhook(broken, 'begin = "oldest"\n' + FAST))
            await run.until(lambda: "bad" in run.runner.sinks and run.sink("bad").status.retried > 2)
            await wait_for_state(tmp_path, "bad", SinkState.RETRYING)
            done = await command(tmp_path, "status")
            assert done.exit_code == 1
            row = table(done.stdout)["bad"]
            assert (row[1], row[2]) == ("retrying", f"{len(SENT):,}")
            assert done.stdout.startswith("2 sinks: 1 failing (bad).\n")
            assert re.search(r"^bad: .* 503 ", done.stdout, re.MULTILINE)
            assert re.search(r"Attempt\s\d+\s(in|is\sunder\sway)", done.stdout)
            journal = str(tmp_path / "test.journal")
            assert all(len(line) <= 80 for line in done.stdout.splitlines() if journal not in line)
            record: dict[str, Any] = json.loads((await command(tmp_path, "status", "--output", "json")).stdout)
            assert record["runner"]["alive"] is True
            by_id = {each["id"]: each for each in record["sinks"]}
            assert by_id["good"]["delivered_events"] == len(SENT)
            assert by_id["bad"]["failing"] is True
            assert by_id["bad"]["lag_events"] == len(SENT)
        define(tmp_path, "next", webhook(hook))
        define(tmp_path, "wrong", webhook(hook, "retries = 3\n"))
        (tmp_path / "sinks" / "bad.toml").unlink()
        done = await command(tmp_path, "status")
        assert done.exit_code == 1
        assert done.stdout.startswith(
            "4 sinks: 1 with a mistake, 1 stopped, 1 not run yet, 1 no longer defined.\nNo runner"
        )
        assert {name: row[1] for name, row in table(done.stdout).items() if name != "ID"} == {
            "bad": "removed",
            "good": "stopped",
            "next": "new",
            "wrong": "mistake",
        }
        assert "503" not in done.stdout, "an error of a sink that is no longer defined"


async def test_a_missing_journal_is_reported(tmp_path: Path) -> None:
    define(tmp_path, "out", f'type = "file"\naddress = "{tmp_path}/out"\n')
    for name, *more in (["status"], ["pause", "out"], ["replay", "out", "--since", "1h"], ["dead-letters"]):
        done = await command(tmp_path, name, *more)
        assert done.exit_code == 1
        assert "test.journal" in done.stderr


async def test_a_killed_test_pauses_its_sink_only_briefly(server: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    define(tmp_path, "out", f'type = "file"\naddress = "{file}"\nformat = "event"\nredact = false\n')
    journal = tmp_path / "test.journal"
    stuck = (
        "import asyncio, sys; from pathlib import Path; from nomad_tui.sinks.runner.by_hand import opened\n"
        "from nomad_tui.sinks.definition.folder import Definitions\n"
        "async def main():\n"
        "    definition = Definitions(Path(sys.argv[1])).read().definitions['out']\n"
        "    async with opened(definition, Path(sys.argv[2])):\n"
        "        print('open', flush=True); await asyncio.sleep(3600)\n"
        "asyncio.run(main())"
    )
    async with running(tmp_path, at(server)) as run:
        await wait_until_delivered(run, "out")
        await wait_for_state(tmp_path, "out", SinkState.IDLE)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", stuck, str(tmp_path), str(journal)), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None and await process.stdout.readline() == b"open\n"
        process.kill()
        await process.wait()
        with JournalReader(journal) as reader:
            assert reader.cursors()["out"].paused
        with Store(journal) as control:  # rather than wait until it expires
            control.hold("out", time_ns())
        server.publish(b'{"Index":99999,"Events":[{"Topic":"Job","Type":"X","Key":"after","Payload":{}}]}')
        await run.journaled(len(SENT) + 1)
        await run.until(lambda: run.sink("out").lag_events == 0)
    assert json.loads(file.read_bytes().splitlines()[-1])["Key"] == "after"


async def test_a_pause_outlives_a_test(tmp_path: Path) -> None:
    journal = tmp_path / "test.journal"
    await written(journal, FRAMES[:1])
    with Store(journal) as control, JournalReader(journal) as reader:
        control.register("out", 0)
        control.hold("out", time_ns() + 10**12)
        control.pause("out", True)
        control.hold("out", 0)
        assert reader.cursors()["out"].paused
