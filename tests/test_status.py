"""The header and the trouble line: what they say, at every width, about everything that can happen."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from nomad_tui.core.history import History
from nomad_tui.core.updates import Connected, Connecting, Ended, Gap, GapReason, Refused, Retrying, Update
from nomad_tui.core.wire import HEARTBEAT, Unreadable
from nomad_tui.session import Session
from nomad_tui.ui.status import header
from tests.dashboard import CONNECTED, NARROW, SIZES, WIDE, Told, dashboard, event, frame, frames, jobs

GAP = Gap(GapReason.BUFFER, 40, 61, 41.0)
REFUSED = Refused("The server refused it.", "Set another token.", 12.0, 1)
LOST = Retrying("The server closed the stream.", "See whether it restarts.", 7.0, 3)


class Finished:
    """A source with nothing more to come after what it says."""

    name = "tour.ndjson"
    live = False

    def __init__(self, *updates: Update) -> None:
        self._updates = updates

    def scope(self, region: str | None) -> str:
        return "recording"

    async def updates(self) -> AsyncGenerator[Update, None]:
        for update in self._updates:
            yield update


async def told(*updates: Update, live: bool = True, history: History | None = None, seconds: float = 0.0) -> Session:
    """A session that was told so, `seconds` ago."""
    now = 100.0
    source = Finished(*updates)
    source.live = live
    session = Session(source, history, clock=lambda: now)
    async with asyncio.timeout(10):
        await session.run()
    now += seconds
    return session


async def says(session: Session, width: int = 200, scope: str = "global · all namespaces") -> str:
    return header(session, scope, width).plain


async def test_the_header_of_a_live_stream() -> None:
    session = await told(CONNECTED, *frames("tour"), seconds=3)
    session.tick()
    text = await says(session)
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


async def test_the_header_counts_what_an_operator_should_know() -> None:
    updates: list[Update] = [
        CONNECTED,
        *jobs(range(200)),
        GAP,
        Unreadable("no JSON", b"<html>", 6),
        Connected("x", None, None, 2),
    ]
    text = await says(await told(*updates, history=History(max_events=64)))
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
        ((Connected("tour.ndjson"), Ended("read")), False, "■ read to the end"),
    ],
)
async def test_the_header_says_how_the_stream_is(updates: tuple[Update, ...], live: bool, words: str) -> None:
    for width in (80, 120, 200):
        assert words in await says(await told(*updates, live=live), width)


async def test_a_late_heartbeat_is_a_warning() -> None:
    for seconds, warned in ((44.0, False), (46.0, True), (4_000.0, True)):
        session = await told(CONNECTED, HEARTBEAT, seconds=seconds)
        line = header(session, "", 200)
        at = line.plain.index("♥")
        styles = [str(span.style) for span in line.spans if span.start <= at < span.end]
        assert ("$warning" in styles) is warned


@pytest.mark.parametrize("width", range(60, 201, 7))
@pytest.mark.parametrize(
    "name", ["n:4646", "nomad.prod.eu-central-1.example.com:4646", "/recordings/" * 20, "日本" * 40]
)
async def test_the_header_keeps_to_its_line_and_to_what_matters_most(width: int, name: str) -> None:
    updates: list[Update] = [Connected(name, "2.0.6", "global", 3), *jobs(range(200)), GAP, GAP]
    text = (await says(await told(*updates, history=History(max_events=64)), width)).rstrip()
    assert "\n" not in text
    assert text.startswith("nomad-tui")
    assert "● live" in text[:width]
    if name.isascii():
        assert len(text) <= max(width, 66)


async def test_names_from_the_cluster_are_text() -> None:
    names = Connected("\x1b]0;OWNED\x07[b]host[/b] [/x] $primary", "[red]2.0.6\x1b[0m", "[$x]\x9b31m")
    session = await told(names)
    text = await says(session, 300, "[/foo] \x1b[2J")
    assert text.isprintable()
    for literal in ("[b]host[/b] [/x] $primary", "[red]2.0.6", "[/foo]"):
        assert literal in text
    async with dashboard(Told(names, Refused("[/x] \x1b[2J", "[b]", 5.0, 1)), WIDE) as opened:
        await opened.appears("[b]host[/b] [/x] $primary")
        await opened.appears("[/x] ␛[2J [b]")


@pytest.mark.parametrize("size", SIZES)
async def test_trouble_says_what_why_and_what_now_and_goes_when_it_is_over(size: tuple[int, int]) -> None:
    source = Told(CONNECTED, *jobs(range(50)))
    async with dashboard(source, size) as opened:
        await opened.shows(50)
        assert not opened.app.trouble.display
        source.tell(LOST)
        await opened.appears("The server closed the stream. See whether it restarts.")
        await opened.appears("Trying again in")
        assert "(attempt 4); r tries now." in " ".join(line.strip() for line in opened.screen())
        assert "○ reconnecting" in opened
        assert "job-49" in opened, "what came stays"
        source.tell(Connecting("nomad.example.com:4646"))
        await opened.appears("◌ connecting")
        assert "The server closed the stream." in opened
        source.tell(REFUSED)
        await opened.appears("The server refused it. Set another token.")
        assert "✕ refused" in opened
        source.tell(CONNECTED, frame(99, event("Job", "job-99")))
        await opened.appears("job-99")
        await opened.until(lambda: not opened.app.trouble.display)
        assert "● live" in opened


async def test_long_trouble_leaves_room_for_the_events_and_for_what_to_do() -> None:
    source = Told(CONNECTED, *jobs(range(50)), Refused("why " * 300, "remedy " * 300, 12.0, 1))
    async with dashboard(source, NARROW) as opened:
        await opened.appears("why why")
        await opened.appears("remedy remedy")
        assert "(attempt 2); r tries now." in " ".join(line.strip() for line in opened.screen())
        assert opened.events.size.height >= 4


async def test_what_was_read_to_its_end_is_said() -> None:
    async with dashboard(Finished(Connected("tour.ndjson"), *jobs(range(5)), Ended("read to the end"))) as opened:
        await opened.appears("■ read to the end")
        assert "held 5" in opened
        assert not opened.app.trouble.display
        assert "♥" not in "".join(opened.screen()[:1])
        await opened.press("r")
        assert "job-4" in opened
