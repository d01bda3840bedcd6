"""The benchmark runs, and the dashboard has not become an order of magnitude slower than a bare loop."""

import asyncio

from tests.bench import inspector
from tests.bench.__main__ import answers, bare, dashboard, events_in

REPEAT = 3
MOST_OF_PROCESSOR = 20
"""Times the processor time of a bare loop: 2 to 3 on a quiet machine, up to 7 where others have most of the processor.
A cost that grows with the number of events held, as a list that is rebuilt for each of them, ends far above this."""
MOST_OF_PARSING = 200
"""Times what parsing alone takes; 20 and 9 are reached on a quiet machine, Textual's own tree needs some 350."""


def test_the_dashboard_keeps_up_with_a_bare_loop_over_the_same_stream() -> None:
    expected = events_in(REPEAT)
    floor = bare(REPEAT, expected)
    run = dashboard(REPEAT, expected, keys=False)
    assert floor["events"] == run["events"] == run["held"] == expected
    # Nothing but a search and the counts beside the facets needs statuses and levels, and these wait for a flood's end.
    assert run["derived"] < expected / 4
    assert run["processor"] < MOST_OF_PROCESSOR * floor["processor"]


def test_keys_pressed_while_events_pour_in_are_answered_and_timed() -> None:
    run = dashboard(REPEAT, events_in(REPEAT), keys=True, idle_keys=15)
    assert len(answers(run["pressed"], run["frames"])) > len(run["pressed"]) / 2


async def test_the_inspector_is_measured_on_large_payloads_and_held_keys() -> None:
    async with asyncio.timeout(60):
        opened = await inspector.open_large()
        alone, beside = await inspector.hold_down()
    assert opened.rows > 5_000
    assert opened.opened < MOST_OF_PARSING * opened.parsed
    assert opened.unfolded < MOST_OF_PARSING * opened.parsed
    assert len(alone.frames) > inspector.KEYS / 2
    # A scrolled list is repainted whole for each key; on a busy machine several keys share a frame.
    assert len(beside.frames) > inspector.KEYS / 20
