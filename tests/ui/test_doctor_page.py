"""The doctor's page over the dashboard: it fills while the stream continues, fits every size, and closes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from nomad_tui.config.connection import Connection
from nomad_tui.doctor.findings import Verdict
from nomad_tui.sources.live import LiveServer
from nomad_tui.sources.recording import Recording
from nomad_tui.standin import ALL_FRAMES, Options, StandIn, Token
from nomad_tui.ui.dialogs.text_page import DoctorPage
from tests import recordings
from tests.dashboard import NARROW, WIDE, Dashboard, dashboard
from tests.keyboard import at_rest

SECRET = "00000000-0000-4000-8000-00000000000a"
HELD = Options(lead=ALL_FRAMES, heartbeat=0.1)
WITH_ACLS = replace(HELD, tokens={SECRET: Token(name="ops", namespaces={"default": frozenset({"read-job"})})})


@asynccontextmanager
async def opened_on(
    options: Options = HELD, size: tuple[int, int] = NARROW, **flags: str
) -> AsyncIterator[tuple[Dashboard, StandIn]]:
    async with StandIn(recordings.lines("tour"), options) as standin:
        await standin.published()
        connection = Connection.from_environment({"address": standin.address, **flags}, environ={})
        async with dashboard(LiveServer(connection), size) as opened:
            yield opened, standin


def page(opened: Dashboard) -> DoctorPage:
    assert isinstance(opened.app.screen, DoctorPage)
    return opened.app.screen


async def open_doctor(opened: Dashboard) -> DoctorPage:
    await opened.press("c")
    await opened.until(lambda: isinstance(opened.app.screen, DoctorPage))
    return page(opened)


async def open_and_finish(opened: Dashboard) -> DoctorPage:
    found = await open_doctor(opened)
    await opened.until(lambda: found.examination.complete)
    await at_rest(opened.app)
    return found


async def wait_until_closed(opened: Dashboard) -> None:
    await opened.until(lambda: not isinstance(opened.app.screen, DoctorPage))


async def page_text(opened: Dashboard) -> str:
    """Return the text of the complete page, screen by screen."""
    await opened.press("home")
    await at_rest(opened.app)
    screens = ["\n".join(opened.screen())]
    while True:
        await opened.press("pagedown")
        await at_rest(opened.app)
        if "\n".join(opened.screen()) == screens[-1]:
            return "\n".join(screens)
        screens.append("\n".join(opened.screen()))


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_the_verdict_is_first_and_every_check_below(size: tuple[int, int]) -> None:
    async with opened_on(size=size) as (opened, _):
        found = await open_and_finish(opened)
        assert "✔ ok  events can be read." in opened
        text = await page_text(opened)
        for finding in found.examination.findings:
            assert finding.check in text
            assert finding.sentence[:30] in text
        assert "One every 0." in text


async def test_a_refusal_shows_the_table_and_a_policy_to_copy() -> None:
    async with opened_on(WITH_ACLS, token=SECRET) as (opened, _):
        found = await open_and_finish(opened)
        assert found.examination.verdict is Verdict.REFUSED
        assert "⊘ refused  topics:" in opened
        text = await page_text(opened)
        assert "needs csi-read-volume" in text
        assert 'namespace "*" {' in text
        await opened.press("p")
        await opened.until(lambda: opened.app.clipboard)
        assert opened.app.clipboard.startswith('namespace "*" {\n  capabilities = [')
        await opened.press("y")
        await opened.until(lambda: opened.app.clipboard.startswith("⊘ refused"))
        assert "✔ nomad" in opened.app.clipboard
        assert SECRET not in opened.app.clipboard


async def test_the_running_check_is_shown_while_the_stream_continues() -> None:
    async with opened_on(replace(HELD, heartbeat=30.0)) as (opened, standin):
        await open_doctor(opened)
        await opened.appears("waiting for two heartbeats")
        received = opened.history.received_events
        standin.publish(b'{"Index":9000,"Events":[{"Topic":"Job","Key":"later","Payload":{"Job":{"ID":"later"}}}]}')
        await opened.until(lambda: opened.history.received_events > received)
        await opened.press("q")
        await wait_until_closed(opened)
        await standin.until(lambda: standin.subscribers == 1)
        await opened.appears("later")


async def test_every_closing_key_returns_to_the_dashboard_and_it_can_be_reopened() -> None:
    async with opened_on(replace(HELD, heartbeat=30.0)) as (opened, standin):
        for key in ("escape", "q", "c"):
            await open_doctor(opened)
            await opened.appears("Esc close")
            await opened.press(key)
            await wait_until_closed(opened)
            assert opened.app.is_running
        await standin.until(lambda: standin.subscribers == 1)


async def test_it_runs_again_on_request() -> None:
    async with opened_on(WITH_ACLS, token=SECRET) as (opened, standin):
        found = await open_and_finish(opened)
        first = found.examination
        standin.put_token(SECRET, Token(name="ops", management=True))
        await opened.press("r")
        await opened.until(lambda: found.examination is not first and found.examination.complete)
        assert found.examination.verdict is Verdict.OK
        await opened.appears("✔ ok  events can be read")


async def test_a_recording_cannot_be_examined() -> None:
    async with dashboard(Recording([str(recordings.path("tour"))])) as opened:
        await opened.appears("■ finished")
        await opened.press("c")
        await opened.appears("Only available")
        assert not isinstance(opened.app.screen, DoctorPage)


async def test_a_c_in_the_filter_is_a_letter() -> None:
    async with opened_on() as (opened, _):
        await opened.press("/", "c")
        await opened.until(lambda: opened.dashboard.filter_line.value == "c")
        assert not isinstance(opened.app.screen, DoctorPage)


async def test_it_stays_readable_when_the_terminal_is_resized() -> None:
    async with opened_on() as (opened, _):
        await open_and_finish(opened)
        for width, height in ((180, 50), (60, 20), (80, 24)):
            await opened.resize(width, height)
            assert "✔ ok  events can be read." in opened
            assert max(map(len, opened.screen())) <= width
