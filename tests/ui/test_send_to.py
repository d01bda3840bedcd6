"""Sending the selected event to a sink: only this event, in the sink's own format, and the reported result."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.sources.recording import Recording
from nomad_tui.sources.source import Source
from nomad_tui.ui.sinks.actions import SendTo
from tests import recordings
from tests.dashboard import CONNECTED, SIZES, Dashboard, ScriptedSource, event, jobs
from tests.keyboard import post_key
from tests.receiver import Fault, Receiver, receiver
from tests.recordings import frame
from tests.runner import define
from tests.state_folders import kept

SECRET = "s3cret-value"
TWO = frame(
    7,
    event("Job", "first", Job={"ID": "first"}),
    {
        **event("Variable", "[b]second[/b]", Variable={"Path": "a", "SecretID": SECRET}),
        "FilterKeys": ["x"],
        "New": [1.50],
    },
)
"""A frame of which the second event is selected, as it is the newest."""


@asynccontextmanager
async def opened_on(
    folder: Path, definitions: dict[str, str], source: Source | None = None, size: tuple[int, int] = (100, 30)
) -> AsyncIterator[Dashboard]:
    config = folder / "config"
    config.mkdir()
    for name, text in definitions.items():
        define(config, name, text)
    async with kept(source or ScriptedSource(CONNECTED, TWO), folder, size) as opened:
        yield opened


def webhook(hook: Receiver, more: str = "") -> str:
    return f'type = "webhook"\naddress = "{hook.url}"\n{more}'


def screen_text(opened: Dashboard) -> str:
    return " ".join(" ".join(line.strip("│▌ ") for line in opened.screen()).split())


async def wait_for_note(opened: Dashboard, text: str) -> None:
    await opened.until(lambda: text in " ".join(opened.notes))


async def menu(opened: Dashboard) -> SendTo:
    await opened.press("S")
    await opened.until(lambda: isinstance(opened.app.screen, SendTo) and opened.app.screen.offers is not None)
    assert isinstance(opened.app.screen, SendTo)
    await opened.pilot.pause(0.01)
    return opened.app.screen


def sent(form: str) -> Any:
    """Return the selected event as received, and the body expected at the receiver."""
    second_event = orjson.loads(TWO.event_texts()[1])
    return {"Index": 7, "Events": [second_event]} if form == "nomad" else second_event


@pytest.mark.parametrize("form", ["nomad", "event", "cloudevents"])
async def test_only_this_event_is_sent_in_the_sinks_format(tmp_path: Path, form: str) -> None:
    async with receiver() as hook:
        hook.answer(200, "thank you")
        clear = f'format = "{form}"\nredact = false\n'
        async with opened_on(tmp_path, {"chat": webhook(hook, clear), "other": webhook(hook)}) as opened:
            await opened.shows(2)
            await menu(opened)
            assert "Send to  Variable [b]second[/b]" in opened
            assert f"chat   webhook {form}, secrets in clear" in opened
            await opened.press("a")
            await wait_for_note(opened, "Sent Variable [b]second[/b] to chat: 200 OK, it said 'thank you'.")
            (request,) = hook.requests
            if form == "cloudevents":
                assert request.json["data"] == sent(form)
                assert request.json["type"] == "io.nomadproject.Variable.JobRegistered"
            else:
                assert request.json == sent(form)
            assert b'"New":[1.5]' in request.body.replace(b"1.50", b"1.5").replace(b" ", b"")
            assert request.events == [sent("event")]


async def test_secrets_are_masked_unless_the_definition_says_otherwise(tmp_path: Path) -> None:
    async with receiver() as hook, opened_on(tmp_path, {"chat": webhook(hook)}) as opened:
        await opened.shows(2)
        await opened.press("3", "x")
        await menu(opened)
        await opened.press("enter")
        await wait_for_note(opened, "Sent")
        assert SECRET.encode() not in hook.requests[0].body
        assert hook.events[0]["Payload"]["Variable"]["Path"] == "a"


async def test_the_event_selected_at_first_is_sent_if_others_arrive_meanwhile(tmp_path: Path) -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(1, 20)))
    async with receiver() as hook, opened_on(tmp_path, {"chat": webhook(hook)}, source) as opened:
        await opened.shows(19)
        await opened.press("k", "k")
        await menu(opened)
        source.send(*jobs(range(20, 90)))
        await opened.until(lambda: opened.history.received_events == 89)
        await opened.press("a")
        await wait_for_note(opened, "Sent Job job-18 to chat")
        assert [each["Key"] for each in hook.events] == ["job-18"]


async def test_keys_typed_ahead_go_to_the_menu(tmp_path: Path) -> None:
    async with (
        receiver() as hook,
        opened_on(tmp_path, {"a": webhook(hook), "b": webhook(hook, 'format = "event"\n')}) as opened,
    ):
        await opened.shows(2)
        for key in ("S", "down", "enter"):
            post_key(opened.app, key)
        await wait_for_note(opened, "Sent Variable [b]second[/b] to b")
        assert hook.requests[0].json["Key"] == "[b]second[/b]"


async def test_a_refusal_and_a_sink_that_cannot_be_opened_are_reported(tmp_path: Path) -> None:
    async with receiver() as hook:
        hook.answer(422, "[b]what[/b] is this")
        missing = webhook(hook, 'headers = { Authorization = "Bearer ${NO_SUCH_VARIABLE_HERE}" }\n')
        async with opened_on(tmp_path, {"chat": webhook(hook), "closed": missing}) as opened:
            await opened.shows(2)
            await menu(opened)
            await opened.press("a")
            await wait_for_note(opened, "[b]what[/b] is this")
            await menu(opened)
            await opened.press("b")
            await wait_for_note(opened, "NO_SUCH_VARIABLE_HERE")
            assert len(hook.requests) == 1


async def test_a_sink_that_hangs_blocks_nothing(tmp_path: Path) -> None:
    source = ScriptedSource(CONNECTED, TWO)
    async with receiver() as hook, opened_on(tmp_path, {"chat": webhook(hook)}, source) as opened:
        hook.answer(fault=Fault.HANG)
        await opened.shows(2)
        await menu(opened)
        await opened.press("a")
        await hook.received(1)
        await wait_for_note(opened, "no answer yet")
        source.send(*jobs(range(10, 20)))
        await opened.shows(12)
        await opened.press("k")
        assert opened.events.cursor is not None
        hook.release()
        await wait_for_note(opened, "Sent Variable")


async def test_a_sink_that_cannot_be_used_shows_why(tmp_path: Path) -> None:
    out, wrong = 'type = "stdout"\n', 'type = "webhook"\naddress = "nowhere"\n'
    async with opened_on(tmp_path, {"out": out, "wrong": wrong}) as opened:
        await opened.shows(2)
        asked = await menu(opened)
        await opened.press("a")
        await opened.appears("It writes to standard output")
        await opened.press("b")
        await opened.until(lambda: screen_text(opened).count("Its definition has a mistake: s shows it.") == 2)
        assert opened.app.screen is asked
        await opened.press("escape")
        await opened.until(lambda: not isinstance(opened.app.screen, SendTo))


@pytest.mark.parametrize("size", SIZES)
async def test_a_click_chooses_too_and_the_menu_fits(tmp_path: Path, size: tuple[int, int]) -> None:
    async with receiver() as hook:
        sinks = {f"sink-{number:02}": webhook(hook) for number in range(30)}
        async with opened_on(tmp_path, sinks, size=size) as opened:
            await opened.shows(2)
            await menu(opened)
            assert max(map(len, opened.screen())) <= size[0]
            await opened.click("ChoiceList", (4, 1))
            await wait_for_note(opened, "to sink-01")
            await menu(opened)
            await opened.press(*["down"] * 29)
            await opened.appears("sink-29")
            await opened.press("enter")
            await wait_for_note(opened, "to sink-29")


async def test_without_sinks_it_shows_how_to_make_one(tmp_path: Path) -> None:
    async with opened_on(tmp_path, {}) as opened:
        await opened.shows(2)
        await menu(opened)
        await opened.appears("No sink is defined. Press s to create one.")
        await opened.press("enter", "a", "escape")
        await opened.until(lambda: not isinstance(opened.app.screen, SendTo))


async def test_neither_a_gap_nor_an_empty_list_can_be_sent(tmp_path: Path) -> None:
    source = ScriptedSource(CONNECTED)
    async with opened_on(tmp_path, {}, source) as opened:
        await opened.press("S")
        await wait_for_note(opened, "No event is selected. Select one, then press S.")
        source.send(*jobs([1]), Gap(GapReason.BUFFER, 1, 9, 5.0), *jobs([9]))
        await opened.shows(2)
        await opened.press("k", "k")
        await opened.press("S")
        await wait_for_note(opened, "A gap is not an event")


async def test_an_event_of_a_recording_can_be_sent_from_its_payload_and_the_palette(tmp_path: Path) -> None:
    source = Recording([str(recordings.path("tour"))])
    async with receiver() as hook, opened_on(tmp_path, {"chat": webhook(hook, "redact = false\n")}, source) as opened:
        await opened.shows(625)
        await opened.press("g", "enter")
        await menu(opened)
        await opened.press("a")
        await wait_for_note(opened, "Sent")
        first = next(text for line in recordings.lines("tour") if (text := orjson.loads(line)).get("Events"))
        assert hook.events == first["Events"][:1]
        await opened.press("ctrl+p")
        await opened.type("send event")
        await opened.appears("Send the event to a sink")
        await opened.press("enter")
        await opened.until(lambda: isinstance(opened.app.screen, SendTo))
