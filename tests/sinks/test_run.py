"""A runner delivers the stream to every sink, once and in order, with any behavior of the receivers."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

import orjson
import pytest
import trustme
from structlog.testing import capture_logs

from nomad_tui.core.subscription import Subscription
from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.retention import Retention
from nomad_tui.journal.status import RunnerStatus, SinkState
from nomad_tui.journal.store import Store
from nomad_tui.sinks.definition.definition import Batch, Definition, Kind, Retry
from nomad_tui.sinks.delivery.retrier import DeliveryRetrier
from nomad_tui.sinks.delivery.sink import Sink
from nomad_tui.sinks.runner.runner import Runner, Wanted
from nomad_tui.sinks.runner.service import continued
from nomad_tui.sinks.types.opening import open_sink
from nomad_tui.sinks.types.webhook import Webhook
from nomad_tui.standin import ALL_FRAMES, Options, StandIn
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.tasks import end
from tests import recordings
from tests.journals import writing
from tests.receiver import Fault, Receiver, receiver
from tests.runner import SECONDS, Running, at, define, running
from tests.sink_items import delivery, items

FRAMES = recordings.frames("tour")
SENT = [event for frame in FRAMES for event in orjson.loads(frame.line)["Events"]]


@pytest.fixture
async def server() -> AsyncIterator[StandIn]:
    """Serve the tour, all in the buffer."""
    lines = [frame.line for frame in FRAMES]
    async with StandIn(lines, Options(lead=ALL_FRAMES, buffer_size=len(lines))) as opened:
        yield opened


def webhook(hook: Receiver, more: str = "") -> str:
    return f'type = "webhook"\naddress = "{hook.url}"\nredact = false\n{more}'


FAST = "[retry]\nmin_backoff = 0.01\nmax_backoff = 0.05\nmax_attempts = 3\n"


async def test_a_webhook_gets_every_frame_as_it_was_sent(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        define(tmp_path, "all", webhook(hook))
        async with running(tmp_path, at(server)) as run:
            await run.journaled(len(SENT))
            await run.delivered("all")
            assert run.sink("all").lag_events == 0
        assert [request.json for request in hook.requests] == [orjson.loads(frame.line) for frame in FRAMES]


async def test_a_receiver_that_fails_in_every_way_finally_gets_everything_in_order(
    server: StandIn, tmp_path: Path
) -> None:
    async with receiver() as hook:
        for number, fault in enumerate((Fault.RESET, Fault.CLOSE, Fault.GARBAGE, Fault.CUT_HEAD, Fault.RESET_UNREAD)):
            hook.answer(200, times=number)
            hook.answer(fault=fault, times=2)
        for status in (500, 503, 429, 408, 425, 502):
            hook.answer(status, times=2)
            hook.answer(202, times=3)
        define(tmp_path, "all", webhook(hook, 'format = "event"\n[batch]\nmax_events = 7\nmax_wait = 0.05\n' + FAST))
        async with running(tmp_path, at(server)) as run:
            await run.journaled(len(SENT))
            await run.until(lambda: run.sink("all").lag_events == 0)
            assert run.sink("all").status.delivered == len(SENT)
            assert run.sink("all").status.retried >= 20
        seen: dict[str, list[object]] = {}
        for request in hook.requests:
            if "webhook-id" in request.headers and request.body:
                seen[request.headers["webhook-id"]] = request.json
        assert [event for events in seen.values() for event in events] == SENT


async def test_a_permanently_refused_event_is_a_dead_letter_and_affects_no_other(
    server: StandIn, tmp_path: Path
) -> None:
    poison = SENT[40]
    async with receiver() as hook:
        hook.decide = lambda request: 400 if poison in request.events else None
        define(tmp_path, "all", webhook(hook, 'format = "event"\n[batch]\nmax_events = 50\nmax_wait = 0.05\n' + FAST))
        async with running(tmp_path, at(server)) as run:
            await run.journaled(len(SENT))
            await run.delivered("all")
            assert run.sink("all").status.dead == 1
        with JournalReader(tmp_path / "test.journal") as journal:
            (letter,) = journal.letters("all")
        assert orjson.loads(letter.text) == poison
        assert letter.why
        taken = [event for request in hook.requests if poison not in request.events for event in request.events]
        assert taken == [event for event in SENT if event != poison]


async def test_one_sink_that_hangs_delays_no_other(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hanging, receiver() as well:
        hanging.answer(fault=Fault.HANG, times=1_000_000)
        define(tmp_path, "hanging", webhook(hanging, 'timeout = "30s"\n'))
        define(tmp_path, "well", webhook(well))
        async with running(tmp_path, at(server), drain=0.2) as run:
            await run.journaled(len(SENT))
            await run.delivered("well")
            await hanging.received(1)
            assert run.sink("hanging").lag_events > 600
        assert well.events == SENT


async def test_added_changed_and_removed_definitions_take_effect(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as first, receiver() as second:
        file = define(tmp_path, "one", webhook(first, 'begin = "oldest"\n'))
        async with running(tmp_path, at(server)) as run:
            await run.journaled(len(SENT))
            await run.delivered("one")
            define(tmp_path, "two", webhook(second, 'begin = "oldest"\ntopics = ["Deployment"]\n'))
            await run.until(lambda: "two" in run.runner.sinks)
            await run.delivered("two")
            assert second.events == [event for event in SENT if event["Topic"] == "Deployment"]
            define(tmp_path, "two", webhook(first, 'topics = ["Deployment"]\n'))
            await run.until(lambda: run.sink("two").definition.address == first.url)
            define(tmp_path, "two", "this is no definition")
            await run.until(lambda: run.runner.mistakes)
            assert "two" in run.runner.sinks
            file.unlink()
            await run.until(lambda: "one" not in run.runner.sinks)


async def test_a_half_written_definition_file_stops_none_of_its_sinks(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        table = f'[[sink]]\nid = "%s"\n{webhook(hook)}\n'
        settings = tmp_path / "config.toml"
        settings.write_text(table % "first" + table % "second")
        file = define(tmp_path, "third", webhook(hook))
        other_name = file.rename(file.with_name("called-otherwise.toml"))
        async with running(tmp_path, at(server)) as run:
            await run.until(lambda: run.runner.sinks.keys() == {"first", "second", "third"})
            before = dict(run.runner.sinks)
            other_name.write_text('id = "thi')
            settings.write_text(table % "first" + "[[sink]]\nid =")
            await run.until(lambda: len(run.runner.mistakes) == 2)
            assert run.runner.sinks == before
            settings.write_text(table % "first")
            other_name.unlink()
            await run.until(lambda: run.runner.sinks.keys() == {"first"})
            assert run.sink("first") is before["first"]


async def test_an_unexpected_exception_affects_one_sink_and_is_retried(server: StandIn, tmp_path: Path) -> None:
    async def opener(definition: Definition) -> Sink:
        if definition.id == "odd" and not mended.is_set():
            raise RuntimeError("never heard of")
        return await open_sink(definition)

    mended = asyncio.Event()
    async with receiver() as hook:
        define(tmp_path, "odd", webhook(hook, 'topics = ["Job"]\n'))
        define(tmp_path, "well", webhook(hook, 'topics = ["Deployment"]\n'))
        async with running(tmp_path, at(server), opener=opener) as run:
            await run.journaled(len(SENT))
            await run.delivered("well")
            await run.until(lambda: run.sink("odd").status.state is SinkState.BROKEN)
            assert run.sink("odd").status.last_error == "RuntimeError: never heard of"
            mended.set()
            run.sink("odd").reread_cursor()
            await run.until(lambda: run.sink("odd").lag_events == 0)
        assert {event["Topic"] for event in hook.events} == {"Job", "Deployment"}


async def test_a_receiver_that_refuses_everything_does_not_flood_the_log(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        hook.answer(401, times=None)
        define(tmp_path, "all", webhook(hook, 'format = "event"\n[batch]\nmax_events = 500\n' + FAST))
        with capture_logs() as logs:
            async with running(tmp_path, at(server)) as run:
                await run.journaled(len(SENT))
                await run.until(lambda: run.sink("all").status.dead == len(SENT))
        logged = [line for line in logs if line["event"] in ("sink_refused_or_failed", "events_to_dead_letters")]
        assert sum(line.get("events", 0) for line in logged) == len(SENT)
        assert len(logged) < 20


async def test_a_batch_refused_for_its_credentials_is_not_divided(server: StandIn, tmp_path: Path) -> None:
    """Regression: 1,000 events caused 2,006 requests in quick succession."""
    async with receiver() as hook:
        hook.answer(401, times=None)
        define(tmp_path, "all", webhook(hook, 'format = "event"\n[batch]\nmax_events = 1000\nmax_wait = 1\n' + FAST))
        async with running(tmp_path, at(server)) as run:
            await run.journaled(len(SENT))
            await run.until(lambda: run.sink("all").status.dead == len(SENT))
        batches = len({request.headers["webhook-id"] for request in hook.requests})
        assert len(hook.requests) == 3 * batches, "as often as max_attempts says"
        with JournalReader(tmp_path / "test.journal") as journal:
            assert [orjson.loads(letter.text) for letter in journal.letters("all", len(SENT))] == SENT


async def test_parts_of_a_divided_batch_are_sent_with_pauses() -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async with receiver() as hook:
        hook.answer(400, times=None)
        definition = Definition("all", Kind.WEBHOOK, hook.url, batch=Batch(max_events=64), retry=Retry(max_attempts=1))
        sink = Webhook(definition, {})
        refused = DeliveryRetrier(definition, sink, lambda *_: None, lambda *_: None, pause)
        assert len(await refused.deliver(delivery(items(most=64)))) == 64
        await sink.close()
    assert len(hook.requests) == 127
    assert len(pauses) == 126
    assert 20 < sum(pauses) < 126 * 2


async def test_events_dropped_by_a_full_journal_are_counted_at_once_and_are_a_gap(tmp_path: Path) -> None:
    lines = list(islice(recordings.lines("load"), 500))  # far more than a sink has in memory
    sent = [event for line in lines for event in orjson.loads(line).get("Events", ())]
    async with (
        receiver() as hook,
        StandIn(lines, Options(lead=ALL_FRAMES, buffer_size=len(lines))) as server,
    ):
        hook.answer(503, times=None)
        define(tmp_path, "down", webhook(hook, 'format = "event"\n[batch]\nmax_events = 10\nmax_wait = 0.05\n' + FAST))
        async with running(tmp_path, at(server), retention=Retention(max_size=120_000), prune_every=0.1) as run:
            await run.journaled(len(sent))
            await run.until(lambda: run.sink("down").lost_events)
            assert run.sink("down").status.lost == 0
            await hook.received(1)
            refused = len(hook.requests)
            hook.answer(204, times=None)
            await run.until(lambda: run.sink("down").lag_events == 0 and run.sink("down").status.lost)
            await run.until(lambda: run.sink("down").lost_events == run.sink("down").status.lost)
        messages = [message for request in hook.requests[refused:] for message in request.messages]
        assert [message["Gap"]["Reason"] for message in messages if "Gap" in message] == ["journal"]
        place = {orjson.dumps(event): number for number, event in enumerate(sent)}
        places = [place[orjson.dumps(message)] for message in messages if "Gap" not in message]
        assert places == sorted(places)
        assert len(set(places)) + run.sink("down").status.lost >= len(sent)


async def test_sinks_are_reported_as_stopped_after_the_runner(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        for name in ("one", "other"):
            define(tmp_path, name, webhook(hook))
        async with running(tmp_path, at(server)) as run:
            await run.delivered("other")
        async with running(tmp_path, at(server), only=("one",)) as run:
            await run.delivered("one")
        with JournalReader(tmp_path / "test.journal") as journal:
            states = {each.cursor.sink: each.status.state for each in journal.overview().sinks}
        assert states["other"] is SinkState.STOPPED


async def test_a_runner_without_definitions_deletes_no_cursor(server: StandIn, tmp_path: Path) -> None:
    async with writing(tmp_path / "test.journal", Retention(keep=0.0)) as journal:
        await journal.register("away", 0)
        source = await continued(journal, at(server), Subscription(), Settings())
        recording = Runner(journal, source, Wanted(None), RunnerStatus(), drain=0.1, prune_every=0.0, absent=0.0)
        task = asyncio.create_task(recording.run())
        run = Running(recording, journal, task)
        await run.journaled(len(SENT))
        await run.until(lambda: recording.status.heard)
        heard = recording.status.heard
        await run.until(lambda: recording.status.heard > heard)  # after another round of its periodic tasks
        recording.end()
        await task
        assert (await journal.cursors()).keys() == {"away"}


async def test_a_sink_uses_a_region_that_becomes_known_later(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        define(tmp_path, "all", webhook(hook, 'format = "event"\n'))
        async with running(tmp_path, at(server)) as run:
            await run.delivered("all")
            run.runner.status.region = "europe"
            await run.until(lambda: "all" in run.runner.sinks and run.sink("all").region == "europe")
            await run.journaled(len(SENT))
            await run.until(lambda: run.sink("all").lag_events == 0)
        assert {orjson.dumps(event) for event in hook.events} == {orjson.dumps(event) for event in SENT}


async def test_it_resumes_where_it_stopped(tmp_path: Path) -> None:
    lines = [frame.line for frame in FRAMES]
    async with receiver() as hook:
        define(tmp_path, "all", webhook(hook, 'format = "event"\n'))
        for part in (100, 250, len(lines)):
            async with (
                StandIn(lines[:part], Options(lead=ALL_FRAMES, buffer_size=len(lines))) as server,
                running(tmp_path, at(server)) as run,
            ):
                await run.journaled(sum(len(frame.events) for frame in FRAMES[:part]))
                await run.delivered("all")
        assert hook.events == SENT


async def test_a_sink_is_paused_resumed_and_replayed_by_another_process(server: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "test.journal"
    async with receiver() as hook:
        define(tmp_path, "all", webhook(hook, 'format = "event"\n'))
        async with running(tmp_path, at(server)) as run:
            await run.journaled(len(SENT))
            await run.delivered("all")
            with Store(file) as control:
                control.pause("all", True)
            await run.until(lambda: run.sink("all").status.state is SinkState.PAUSED)
            with Store(file) as control:
                control.rewind("all", 0)
                control.pause("all", False)
            await run.until(lambda: run.sink("all").status.delivered == 2 * len(SENT))
        assert hook.events == SENT + SENT


async def test_a_receiver_does_not_wait_for_the_journal_between_two_requests(server: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "test.journal"
    async with receiver() as hook:
        hook.answer(fault=Fault.HANG, times=1)
        define(tmp_path, "all", webhook(hook, 'format = "event"\n'))
        async with running(tmp_path, at(server)) as run:
            await run.journaled(len(SENT))
            await hook.received(1)
            with closing(JournalReader(file)) as journal:
                await run.until(lambda: len(journal.overview().sinks[0].cursor.sending) > 10)
                with closing(sqlite3.connect(file, isolation_level=None)) as another:
                    another.execute("BEGIN IMMEDIATE")
                    hook.release()
                    await hook.received(10)
                    assert journal.overview().sinks[0].cursor.position == 0
                    another.execute("ROLLBACK")
            await run.until(lambda: run.sink("all").lag_events == 0)
        assert hook.events == SENT


async def test_an_unordered_sink_has_several_requests_in_flight(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        hook.answer(fault=Fault.HANG, times=1)
        define(tmp_path, "all", webhook(hook, 'format = "event"\nordered = false\nconcurrency = 4\n'))
        async with running(tmp_path, at(server), drain=0.2) as run:
            await run.journaled(len(SENT))
            await hook.received(4)
            assert run.sink("all").lag_events == len(SENT)  # the cursor waits for the first request
            hook.release()
            await run.until(lambda: run.sink("all").lag_events == 0)
        assert sorted(map(orjson.dumps, hook.events)) == sorted(map(orjson.dumps, SENT))


async def test_a_task_that_loses_a_cancellation_still_ends() -> None:
    """In Python 3.11, `asyncio.wait_for` loses a cancellation that coincides with the awaited result."""
    begun = asyncio.Event()

    async def loses_one() -> None:
        with suppress(asyncio.CancelledError):
            begun.set()
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    task = asyncio.create_task(loses_one())
    await begun.wait()
    async with asyncio.timeout(60):
        await end(task, None, again=0.01)
    assert task.cancelled()


async def test_a_local_obstacle_is_retried_soon(server: StandIn, tmp_path: Path) -> None:
    """Even if the backoff, which spares a remote receiver, has become long."""
    in_the_way, secret, ca = tmp_path / "out.ndjson", tmp_path / "secret", tmp_path / "ca.pem"
    slow = 'begin = "oldest"\n[retry]\nmin_backoff = "1h"\nmax_backoff = "1h"\n'
    async with asyncio.timeout(SECONDS), receiver() as hook:
        in_the_way.mkdir()
        define(tmp_path, "file", f'type = "file"\naddress = "{in_the_way}"\n{slow}')
        define(tmp_path, "signed", webhook(hook, f'secret = "file:{secret}"\n{slow}'))
        define(tmp_path, "trusting", webhook(hook, f'{slow}[tls]\nca_cert = "{ca}"\n').replace("http:", "https:"))
        async with running(tmp_path, at(server)) as run:
            await run.journaled(len(SENT))
            await run.until(lambda: len(run.runner.sinks) == 3)
            await run.until(lambda: all(sink.status.last_error for sink in run.runner.sinks.values()))
            in_the_way.rmdir()
            secret.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
            ca.write_bytes(trustme.CA().cert_pem.bytes())
            await run.until(lambda: run.sink("file").lag_events == run.sink("signed").lag_events == 0)
            await run.until(lambda: str(ca) not in run.sink("trusting").status.last_error)
        assert [orjson.loads(line) for line in in_the_way.read_bytes().splitlines()]
        assert hook.events == SENT
