"""The header and the trouble line: their text at every width and in every state."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from msgspec import structs

from nomad_tui.config.address import parse_address
from nomad_tui.config.connection import Connection
from nomad_tui.config.precedence import Profile
from nomad_tui.core.history.history import History
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.permissions import Permissions
from nomad_tui.core.updates import (
    Concern,
    Connected,
    Connecting,
    Ended,
    Gap,
    GapReason,
    Noted,
    Permitted,
    Refused,
    Retrying,
    Update,
    Warned,
)
from nomad_tui.core.wire import HEARTBEAT, Unreadable
from nomad_tui.session import Session
from nomad_tui.ui.dialogs.text_page import WarningList
from nomad_tui.ui.status import WARNING_LINES, header
from tests.dashboard import CONNECTED, NARROW, SIZES, WIDE, ScriptedSource, dashboard, event, frames, jobs
from tests.keyboard import at_rest
from tests.recordings import frame

GAP = Gap(GapReason.BUFFER, 40, 61, 41.0)
REFUSED = Refused("The server refused it.", "Set another token.", 12.0, 1)
LOST = Retrying("The server closed the stream.", "See whether it restarts.", 7.0, 3)


class Finished:
    """A source that ends after its updates."""

    name = "tour.ndjson"
    live = False

    def __init__(self, *updates: Update) -> None:
        self._updates = updates

    def scope(self, region: str | None) -> str:
        return "recording"

    async def updates(self) -> AsyncGenerator[Update, None]:
        for update in self._updates:
            yield update


class Reached(ScriptedSource):
    """A source that is connected to one of several servers."""

    def __init__(self, connection: Connection, *updates: Update) -> None:
        super().__init__(*updates)
        self.connection = connection


def servers(*addresses: str, profile: Profile | None = None) -> Connection:
    first, *others = (Connection(address=parse_address(address)[0]) for address in addresses)
    return replace(first, others=tuple(others), profile=profile)


async def session_of(
    *updates: Update, live: bool = True, history: History | None = None, seconds: float = 0.0
) -> Session:
    """Return a session that received these updates `seconds` ago."""
    now = 100.0
    source = Finished(*updates)
    source.live = live
    session = Session(source, history, clock=lambda: now)
    session.history.compress_in(lambda compress: compress())
    async with asyncio.timeout(60):
        await session.run()
    now += seconds
    return session


async def header_text(session: Session, width: int = 200, scope: str = "global · all namespaces") -> str:
    return header(session, scope, width).plain


async def test_the_header_of_a_live_stream() -> None:
    session = await session_of(CONNECTED, *frames("tour"), seconds=3)
    session.tick()
    text = await header_text(session)
    for fact in (
        "nomad.example.com:4646",
        "global · all namespaces",
        "● live 2.0.6",
        "♥ 3 s",
        "208/s",
        "held 625",
        "kB",
    ):
        assert fact in text
    for trouble in ("gaps", "unreadable", "evicted", "↻"):
        assert trouble not in text


async def test_the_header_counts_errors_and_gaps() -> None:
    updates: list[Update] = [
        CONNECTED,
        *jobs(range(200)),
        GAP,
        Unreadable("no JSON", b"<html>", 6),
        Connected("x", None, None, 2),
    ]
    text = await header_text(await session_of(*updates, history=History(max_events=64)))
    assert "gaps 1" in text
    assert "unreadable 1" in text
    assert "evicted 1" in text
    assert "↻ 2" in text


@pytest.mark.parametrize(
    ("updates", "live", "words"),
    [
        ((Connecting("x"),), True, "◌ connecting"),
        ((CONNECTED,), True, "● live 2.0.6"),
        ((Connected("x"),), True, "● live"),
        ((CONNECTED, LOST), True, "○ reconnecting"),
        ((CONNECTED, REFUSED), True, "✕ refused"),
        ((REFUSED, Connecting("x")), True, "✕ refused"),
        ((LOST, Connecting("x")), True, "◌ connecting"),
        ((Connected("tour.ndjson"),), False, "● reading"),
        ((Connected("tour.ndjson"), Ended("read")), False, "■ finished"),
    ],
)
async def test_the_header_shows_the_state_of_the_stream(updates: tuple[Update, ...], live: bool, words: str) -> None:
    for width in (80, 120, 200):
        assert words in await header_text(await session_of(*updates, live=live), width)


async def test_a_late_heartbeat_is_a_warning() -> None:
    for seconds, warned in ((44.0, False), (46.0, True), (4_000.0, True)):
        session = await session_of(CONNECTED, HEARTBEAT, seconds=seconds)
        line = header(session, "", 200)
        at = line.plain.index("♥")
        styles = [str(span.style) for span in line.spans if span.start <= at < span.end]
        assert ("$warning" in styles) is warned


@pytest.mark.parametrize(
    "name", ["n:4646", "nomad.prod.eu-central-1.example.com:4646", "/recordings/" * 20, "日本" * 40]
)
async def test_the_header_fits_its_line_and_keeps_the_most_important_parts(name: str) -> None:
    updates: list[Update] = [Connected(name, "2.0.6", "global", 3), *jobs(range(200)), GAP, GAP]
    session = await session_of(*updates, history=History(max_events=64))
    for width in (60, 80, 95, 130, 200):
        text = (await header_text(session, width)).rstrip()
        assert "\n" not in text
        assert text.startswith("nomad-tui")
        assert "● live" in text[:width]
        if name.isascii():
            assert len(text) <= max(width, 66)


async def test_names_from_the_cluster_are_shown_literally() -> None:
    names = Connected("\x1b]0;OWNED\x07[b]host[/b] [/x] $primary", "[red]2.0.6\x1b[0m", "[$x]\x9b31m")
    session = await session_of(names)
    text = await header_text(session, 300, "[/foo] \x1b[2J")
    assert text.isprintable()
    for literal in ("[b]host[/b] [/x] $primary", "[red]2.0.6", "[/foo]"):
        assert literal in text
    async with dashboard(ScriptedSource(names, Refused("[/x] \x1b[2J", "[b]", 5.0, 1)), WIDE) as opened:
        await opened.appears("[b]host[/b] [/x] $primary")
        await opened.appears("[/x] ␛[2J [b]")


@pytest.mark.parametrize("size", SIZES)
async def test_trouble_shows_error_cause_and_next_step_and_disappears_when_resolved(size: tuple[int, int]) -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(50)))
    async with dashboard(source, size) as opened:
        await opened.shows(50)
        assert not opened.dashboard.trouble.display
        source.send(LOST)
        await opened.appears("The server closed the stream. See whether it restarts.")
        await opened.appears("Retrying in")
        assert "(attempt 4); press r to retry now." in " ".join(line.strip() for line in opened.screen())
        assert "○ reconnecting" in opened
        assert "job-49" in opened, "what came stays"
        source.send(Connecting("nomad.example.com:4646"))
        await opened.appears("◌ connecting")
        assert "The server closed the stream." in opened
        source.send(REFUSED)
        await opened.appears("The server refused it. Set another token.")
        assert "✕ refused" in opened
        source.send(CONNECTED, frame(99, event("Job", "job-99")))
        await opened.appears("job-99")
        await opened.until(lambda: not opened.dashboard.trouble.display)
        assert "● live" in opened


async def test_long_trouble_leaves_room_for_the_events_and_the_next_step() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(50)), Refused("why " * 300, "remedy " * 300, 12.0, 1))
    async with dashboard(source, NARROW) as opened:
        await opened.appears("why why")
        await opened.appears("remedy remedy")
        assert "(attempt 2); press r to retry now." in " ".join(line.strip() for line in opened.screen())
        assert opened.events.size.height >= 4


async def test_the_end_of_a_recording_is_reported() -> None:
    async with dashboard(Finished(Connected("tour.ndjson"), *jobs(range(5)), Ended("read to the end"))) as opened:
        await opened.appears("■ finished")
        assert "held 5" in opened
        assert not opened.dashboard.trouble.display
        assert "♥" not in "".join(opened.screen()[:1])
        await opened.press("r")
        assert "job-4" in opened


# Which cluster, which server


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("http://10.0.0.1:4646", "10.0.0.1:4646 (1 of 3) "),
        ("http://10.0.0.3:4646", "10.0.0.3:4646 (3 of 3) "),
        ("http://elsewhere:4646", "elsewhere:4646  "),
    ],
)
async def test_the_header_shows_which_of_several_servers_is_connected(to: str, words: str) -> None:
    connection = servers("http://10.0.0.1:4646", "http://10.0.0.2:4646", "http://10.0.0.3:4646")
    async with dashboard(Reached(connection, Connected(to)), NARROW) as opened:
        await opened.until(lambda: opened.app.session.status.to == to)
        await opened.caught_up()
        for width in (80, 100, 180):
            await opened.resize(width, 24)
            assert words in opened.screen()[0], width


@pytest.mark.parametrize(
    ("colour", "ground"), [("#d33f49", "#d33f49"), ("error", None), ("blue", "#0000ff"), ("", None), ("nö", None)]
)
async def test_the_profile_is_before_the_address_in_its_color(colour: str, ground: str | None) -> None:
    connection = servers("http://10.0.0.1:4646", profile=Profile("[b]prod\x1b", colour))
    source = Reached(connection, Connected("http://10.0.0.1:4646"))
    async with dashboard(source, NARROW) as opened:
        await opened.until(lambda: opened.app.session.status.to == "http://10.0.0.1:4646")
        await opened.caught_up()
        assert opened.screen()[0].startswith(" nomad-tui   [b]prod␛   10.0.0.1:4646  ")
        segment = next(each for each in opened.dashboard.header.render_line(0) if "prod" in each.text)
        assert segment.style is not None
        found = segment.style.bgcolor
        assert found is not None
        if colour == "error":
            assert found.get_truecolor().hex.lower() == opened.app.theme_variables["error"].lower()
        elif ground is not None:
            assert found.get_truecolor().hex == ground


# Warnings

CLOCK = Warned(Concern.CLOCK, "The server's clock is 41 s ahead.", "Let both follow one time server.")
NAMESPACE = Warned(Concern.NAMESPACE, "There is no namespace wbe.", "Choose one of default and web (--namespace).")
PART = Warned(Concern.PERMISSION, "The token may read only part of it.", "Grant it the rest.")


async def test_warnings_are_shown_one_at_a_time_while_the_stream_continues() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(5)))
    async with dashboard(source, WIDE) as opened:
        await opened.shows(5)
        assert not opened.dashboard.trouble.display
        source.send(CLOCK)
        await opened.appears("▲ The server's clock is 41 s ahead.")
        await opened.appears("Let both follow one time server.")
        await opened.appears("warnings 1")
        source.send(PART, NAMESPACE)
        await opened.appears("▲ There is no namespace wbe.")
        await opened.appears("(1 of 3, W to read and hide)")
        source.send(LOST)
        await opened.appears("The server closed the stream.")
        assert "There is no namespace wbe." not in opened, "a trouble comes first"
        source.send(CONNECTED, Warned(Concern.NAMESPACE))
        await opened.appears("▲ The token may read only part of it.")
        source.send(Warned(Concern.PERMISSION), Warned(Concern.CLOCK))
        await opened.until(lambda: not opened.dashboard.trouble.display)
        assert "warnings" not in opened.screen()[0]


async def test_dismissed_warnings_return_only_when_they_change() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(5)), CLOCK, PART)
    async with dashboard(source, WIDE) as opened:
        await opened.appears("(1 of 2, W to read and hide)")
        await opened.press("W")
        await opened.until(lambda: isinstance(opened.app.screen, WarningList) and "Esc close" in opened)
        for text in (CLOCK.what, CLOCK.remedy, PART.what, PART.remedy):
            await opened.appears(text)
        await opened.press("escape")
        await opened.until(lambda: not isinstance(opened.app.screen, WarningList))
        assert not opened.dashboard.trouble.display
        assert "warnings 2" in opened, "they are still there"
        source.send(Warned(Concern.CLOCK, CLOCK.what, CLOCK.remedy), frame(9, event("Job", "job-9")))
        await opened.appears("job-9")
        await opened.caught_up()
        assert not opened.dashboard.trouble.display
        source.send(Warned(Concern.CLOCK, "The server's clock is 90 s ahead.", CLOCK.remedy))
        await opened.appears("▲ The server's clock is 90 s ahead.")
        source.send(Warned(Concern.PERMISSION))
        await opened.until(lambda: Concern.PERMISSION not in opened.app.session.status.warnings)
        await opened.caught_up()
        source.send(PART)
        await opened.appears(f"▲ {PART.what}")


@pytest.mark.parametrize("size", SIZES)
async def test_a_long_warning_has_two_lines_and_is_complete_in_the_list(size: tuple[int, int]) -> None:
    what = " ".join(f"what-{number}" for number in range(60))
    remedy = " ".join(f"remedy-{number}" for number in range(60))
    async with dashboard(ScriptedSource(CONNECTED, Warned(Concern.BUFFERED, what, remedy)), size) as opened:
        await opened.appears("▲ what-0")
        await opened.appears("W to read and hide)")
        await opened.until(lambda: opened.dashboard.trouble.size.height <= WARNING_LINES)
        await opened.press("W")
        await opened.appears("Esc close")
        while "remedy-59" not in opened:
            await opened.press("pagedown")
            await at_rest(opened.app)


async def test_the_list_of_warnings_shows_refused_topics_and_the_policy_that_grants_them() -> None:
    allowed = {topic.name: frozenset({"default"} if topic.name == "Job" else ()) for topic in KINDS.values()}
    async with dashboard(
        ScriptedSource(Permitted(Permissions(("default",), allowed)), CONNECTED, PART), WIDE
    ) as opened:
        await opened.appears(PART.what)
        await opened.press("W")
        await opened.appears("needs read-job in default")
        for text in (
            "Allocation, Evaluation, Deployment, Service, CSIPlugin",
            "needs a management token",
            'namespace "default" {',
            '"read-job"',
            "Set NOMAD_TOKEN (or --token, --token-file) to a management token",
        ):
            assert text in opened, text


async def test_without_warnings_the_list_says_so() -> None:
    async with dashboard(ScriptedSource(CONNECTED)) as opened:
        await opened.press("W")
        await opened.appears("No warnings.")


async def test_a_subscription_that_a_server_refuses_is_reported() -> None:
    source = ScriptedSource(structs.replace(CONNECTED, refused_topics=("Node", "[b]\x1bX")), CLOCK)
    async with dashboard(source, WIDE) as opened:
        await opened.appears("The server rejects subscriptions to Node, [b]␛X.")
        await opened.appears("Use a token that may read these, or untick them")
        source.send(CONNECTED)
        await opened.appears("▲ The server's clock")


async def test_warnings_from_the_cluster_are_shown_literally() -> None:
    source = ScriptedSource(
        CONNECTED, Warned(Concern.CLOCK, "[b]one[/] \x1b[2J", "[/x] $primary"), Noted("[red]note\x9b")
    )
    async with dashboard(source, WIDE) as opened:
        await opened.appears("▲ [b]one[/] ␛[2J [/x] $primary")
        await opened.appears("[red]note")
        await opened.press("W")
        await opened.appears("▲ [b]one[/] ␛[2J")
        assert all(line.isprintable() for line in opened.screen())


async def test_many_notices_share_a_few_notifications() -> None:
    source = ScriptedSource(CONNECTED, Noted("The machine slept for 8 minutes."))
    async with dashboard(source, WIDE) as opened:
        await opened.appears("The machine slept for 8 minutes.")
        source.send(*(Noted(f"Namespace web-{number} is read too.") for number in range(9)))
        await opened.appears("Namespace web-8 is read too.")
        assert all(f"Namespace web-{number} is read too." in opened for number in range(9))
        assert len(opened.notes) <= 5
        assert opened.app.session.status.notes == []
