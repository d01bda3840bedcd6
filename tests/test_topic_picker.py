"""The topic picker: what it counts, and that ticking shows and hides at once."""

from collections import Counter

import pytest
from rich.cells import cell_len

from nomad_tui.core.history import History
from nomad_tui.core.topics import TOPICS
from nomad_tui.ui.topics import MOST_UNKNOWN_TOPICS, TopicPicker
from tests.dashboard import CONNECTED, MEDIUM, WIDE, Dashboard, Told, dashboard, event, frame, frames, jobs

KNOWN = [topic.name for topic in TOPICS]
COUNTS = Counter(event.topic for frame in frames("tour") for event in frame.events)


def topic_rows(opened: Dashboard) -> dict[str, str]:
    """The pane's rows by the topic's name."""
    picker = opened.app.topics
    texts = [picker.render_line(y).text for y in range(picker.scrollable_content_region.height)]
    return {text.split()[2]: text for text in texts if text.strip()}


def listed(opened: Dashboard) -> set[str]:
    """The topics of the events that the view lets through."""
    view, history = opened.app.view, opened.history
    return {history.event(view.sequence_at(number)).topic for number in range(len(view))}


async def test_every_topic_has_its_count_as_events_come() -> None:
    source = Told(CONNECTED, *frames("tour"))
    async with dashboard(source) as opened:
        await opened.shows(625)
        rows = topic_rows(opened)
        assert list(rows) == KNOWN
        assert rows["Allocation"].split() == ["▣", "◆", "Allocation", str(COUNTS["Allocation"])]
        assert rows["Operator"].split() == ["▣", "◉", "Operator", "·"]
        source.tell(*jobs(range(1_000, 2_000)))
        await opened.shows(1_625)
        assert topic_rows(opened)["Job"].split()[-1] == f"{COUNTS['Job'] + 1_000:,}"


async def test_counts_fall_when_events_are_evicted() -> None:
    source = Told(CONNECTED, *frames("tour"))
    async with dashboard(source, history=History(max_events=64)) as opened:
        await opened.until(lambda: opened.history.received_events == 625)
        source.tell(*jobs(range(200)))
        await opened.until(lambda: opened.history.received_events == 825)
        await opened.caught_up()
        assert topic_rows(opened)["Allocation"].split()[-1] == "·"
        assert topic_rows(opened)["Job"].split()[-1] == str(opened.history.held)


async def test_a_topic_that_is_unticked_leaves_the_list_at_once_and_comes_back() -> None:
    async with dashboard(Told(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        assert "Allocation" in listed(opened)
        await opened.press("1", "space")
        assert topic_rows(opened)["Allocation"].startswith("□ ◆ Allocation")
        await opened.caught_up()
        assert "Allocation" not in listed(opened)
        assert f"{625 - COUNTS['Allocation']} of 625" in opened
        assert not any("◆" in text for text in opened.rows())
        await opened.press("enter")
        await opened.caught_up()
        assert len(opened.app.view) == 625
        assert "of 625" not in opened


async def test_all_none_and_only_this() -> None:
    source = Told(CONNECTED, *frames("tour"))
    async with dashboard(source) as opened:
        await opened.shows(625)
        await opened.press("1", "j", "j", "o")
        await opened.caught_up()
        assert listed(opened) == {"Job"}
        await opened.press("n")
        await opened.caught_up()
        assert listed(opened) == set()
        assert "no event matches" in opened
        await opened.press("space")
        await opened.caught_up()
        assert listed(opened) == {"Job"}
        await opened.press("a")
        await opened.caught_up()
        assert len(opened.app.view) == 625


async def test_a_click_ticks() -> None:
    async with dashboard(Told(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await opened.pilot.click(TopicPicker, offset=(5, 3))
        await opened.caught_up()
        assert topic_rows(opened)["Job"].startswith("□")
        assert "Job" not in listed(opened)
        await opened.pilot.click(TopicPicker, offset=(5, 3))
        await opened.caught_up()
        assert len(opened.app.view) == 625
        await opened.pilot.click(TopicPicker, offset=(5, 24))
        assert opened.app.topics.hidden == frozenset(), "below the last topic there is nothing to tick"


async def test_keys_move_within_the_topics() -> None:
    async with dashboard(Told(CONNECTED)) as opened:
        await opened.press("1")
        for key, row in (("k", 0), ("j", 1), ("down", 2), ("up", 1), ("G", 16), ("j", 16), ("ctrl+u", 6), ("g", 0)):
            await opened.press(key)
            assert opened.app.topics.cursor == row, key
        await opened.press("l")
        assert opened.focus == "events"
        await opened.press("h")
        assert opened.focus == "topics"


async def test_hidden_events_that_come_later_stay_hidden_and_are_counted() -> None:
    source = Told(CONNECTED, *frames("tour"))
    async with dashboard(source) as opened:
        await opened.shows(625)
        await opened.press("1", "j", "j", "space")
        source.tell(*jobs(range(1_000, 1_010)))
        await opened.shows(635)
        assert "Job" not in listed(opened)
        assert topic_rows(opened)["Job"].split()[-1] == str(COUNTS["Job"] + 10)
        await opened.press("space")
        await opened.caught_up()
        assert "job-1009" in opened


async def test_unknown_topics_are_added_as_they_come() -> None:
    source = Told(CONNECTED, *jobs(range(3)))
    async with dashboard(source) as opened:
        await opened.shows(3)
        source.tell(frame(9, event("Quota", "q"), event("[red]x[/]", "m"), event("\x1b[2JEsc", "e")))
        await opened.shows(6)
        rows = topic_rows(opened)
        assert list(rows) == [*KNOWN, "Quota", "[red]x[/]", "␛[2JEsc"]
        assert rows["Quota"].split() == ["▣", "◇", "Quota", "1"]
        await opened.press("1", "G", "space")
        await opened.caught_up()
        assert listed(opened) == {"Job", "Quota", "[red]x[/]"}


@pytest.mark.parametrize("key", ["n", "o"])
async def test_topics_that_come_after_none_or_only_are_hidden_too(key: str) -> None:
    source = Told(CONNECTED, *jobs(range(3)))
    async with dashboard(source) as opened:
        await opened.shows(3)
        await opened.press("1", key)
        source.tell(frame(9, event("Quota", "q")))
        await opened.shows(4)
        await opened.until(lambda: opened.app.view.filter.hidden_topics >= {"Quota"})
        assert topic_rows(opened)["Quota"].startswith("□")
        assert "Quota" not in listed(opened)
        await opened.press("a")
        source.tell(frame(10, event("Recommendation", "r")))
        await opened.shows(5)
        assert listed(opened) == {"Job", "Quota", "Recommendation"}


async def test_a_server_that_makes_up_topics_does_not_fill_the_pane_for_ever() -> None:
    source = Told(CONNECTED)
    async with dashboard(source) as opened:
        source.tell(*(frame(number, event(f"Topic{number}", "k")) for number in range(150)))
        await opened.shows(150)
        assert len(opened.app.topics.topics) == len(KNOWN) + MOST_UNKNOWN_TOPICS
        await opened.press("1", "G", "n")
        await opened.caught_up()
        assert listed(opened) == set(), "none hides those without a row too"


@pytest.mark.parametrize("size", [MEDIUM, WIDE])
async def test_rows_fill_the_pane_whatever_the_name(size: tuple[int, int]) -> None:
    source = Told(CONNECTED, *jobs(range(3)))
    names = ["日本語のとても長い題名", "e\u0301" * 30, "👩‍👩‍👧‍👦" * 4, "x" * 10_000, "\u202eRLO"]
    async with dashboard(source, size) as opened:
        source.tell(frame(9, *(event(name, "k") for name in names)))
        await opened.shows(8)
        picker = opened.app.topics
        texts = [picker.render_line(y).text for y in range(len(picker.topics))]
        assert {cell_len(text) for text in texts} == {picker.scrollable_content_region.width}
        assert all(text.isprintable() for text in texts)
        for text in texts[len(KNOWN) :]:
            assert text.endswith(" 1 "), "a long name does not push the count away"
