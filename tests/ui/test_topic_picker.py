"""The picker: its counts, and that ticks show and hide topics at once."""

from collections import Counter
from collections.abc import Iterable

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual import events as textual_events

from nomad_tui.core.history.history import History
from nomad_tui.core.objects.parts import Role, status_role
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.permissions import Permissions
from nomad_tui.core.search.facets import Dimension
from nomad_tui.core.updates import Permitted
from nomad_tui.ui.facets.facet_painter import FacetPainter, shortened
from nomad_tui.ui.facets.picker import TopicPicker
from nomad_tui.ui.facets.sections import DEFAULT_LISTED, MAX_LISTED, MAX_UNKNOWN_TOPICS, Kind, Section
from tests.dashboard import CONNECTED, MEDIUM, NARROW, WIDE, Dashboard, ScriptedSource, dashboard, event, frames, jobs
from tests.recordings import frame

KNOWN = [*KINDS]
COUNTS = Counter(event.topic for frame in frames("tour") for event in frame.events)


async def wait_for_counts(opened: Dashboard) -> None:
    """Wait until the picker's count is that of the held events."""
    await opened.until(lambda: opened.dashboard.view.facets_complete)
    await opened.caught_up()
    app = opened.app
    permissions = app.session.status.permissions
    app.dashboard.topics.sync(opened.history.topic_counts, app.dashboard.view.counts, False, permissions, at_once=True)
    await opened.until(lambda: app.dashboard.topics.is_on_screen and not app.dashboard.topics.is_counting)
    app.dashboard.sync()


def drawn_rows(opened: Dashboard) -> list[str]:
    """All rows of the pane, including those out of view."""
    picker = opened.dashboard.topics
    width = picker.scrollable_content_region.width
    painter = FacetPainter(picker.sections, picker.topic_section, lambda _: Style())
    pieces = (painter.pieces(row, width, counting=picker.is_counting) for row in picker.rows)
    return ["".join(piece.text for piece in row) for row in pieces]


def section(opened: Dashboard, title: str) -> list[str]:
    """The rows of a section, without its heading."""
    texts = drawn_rows(opened)
    headings = [number for number, row in enumerate(opened.dashboard.topics.rows) if row.kind is Kind.HEADING]
    start = next(number for number in headings if texts[number].split()[1] == title)
    stop = next((number for number in headings if number > start), len(texts))
    return texts[start + 1 : stop]


def topic_rows(opened: Dashboard) -> dict[str, str]:
    """The rows of the topics, by topic name."""
    return {text.split()[2]: text for text in section(opened, "Topics") if not text.startswith("  ")}


def listed(opened: Dashboard) -> set[str]:
    """The topics of the matching events."""
    view, history = opened.dashboard.view, opened.history
    return {history.event(view.sequence_at(number)).topic for number in range(len(view))}


async def go_to(opened: Dashboard, value: str) -> None:
    """Move the cursor to a value with keys."""
    if opened.focus != "topics":
        await opened.press("1")
    await opened.press("g")
    picker = opened.dashboard.topics
    while picker.row is None or picker.row.value != value:
        before = picker.cursor
        await opened.press("j")
        assert picker.cursor != before, value


async def wait_for_filter(opened: Dashboard, text: str) -> None:
    """Wait until the filter line has this text and the filter is fully applied."""
    await opened.until(lambda: opened.dashboard.filter_line.value == text)
    await opened.until(lambda: str(opened.dashboard.view.filter) == text)
    await wait_for_counts(opened)


async def test_every_topic_has_its_count_as_events_arrive() -> None:
    source = ScriptedSource(CONNECTED, *frames("tour"))
    async with dashboard(source) as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        rows = topic_rows(opened)
        assert list(rows) == [topic for topic in KNOWN if topic in COUNTS]
        assert rows["Allocation"].split() == ["▣", "◆", "Allocation", str(COUNTS["Allocation"])]
        source.send(*jobs(range(1_000, 2_000)))
        await opened.shows(1_625)
        await wait_for_counts(opened)
        assert topic_rows(opened)["Job"].split()[-1] == f"{COUNTS['Job'] + 1_000:,}"


async def test_topics_without_events_are_folded_until_opened() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        silent = len(KNOWN) - len(COUNTS)
        assert section(opened, "Topics")[-1].startswith(f"  … {silent} ")
        await opened.press("1")
        picker = opened.dashboard.topics
        while picker.row is None or picker.row.kind is not Kind.MORE:
            await opened.press("j")
        await opened.press("enter")
        assert list(topic_rows(opened)) == KNOWN
        assert topic_rows(opened)["Operator"].split() == ["▣", "◉", "Operator", "·"]


async def test_counts_fall_when_events_are_evicted() -> None:
    source = ScriptedSource(CONNECTED, *frames("tour"))
    async with dashboard(source, history=History(max_events=64)) as opened:
        await opened.until(lambda: opened.history.received_events == 625)
        source.send(*jobs(range(200)))
        await opened.until(lambda: opened.history.received_events == 825)
        await wait_for_counts(opened)
        assert "Allocation" not in topic_rows(opened)
        assert topic_rows(opened)["Job"].split()[-1] == str(opened.history.held)


async def test_an_unticked_topic_leaves_the_list_at_once_and_returns() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        assert "Allocation" in listed(opened)
        await go_to(opened, "Allocation")
        await opened.press("space")
        assert topic_rows(opened)["Allocation"].startswith("□ ◆ Allocation")
        await opened.caught_up()
        assert "Allocation" not in listed(opened)
        assert f"{625 - COUNTS['Allocation']} of 625" in opened
        assert not any("◆" in text for text in opened.rows())
        await opened.press("enter")
        await opened.caught_up()
        assert len(opened.dashboard.view) == 625
        assert "of 625" not in opened


async def test_all_none_and_only_this() -> None:
    source = ScriptedSource(CONNECTED, *frames("tour"))
    async with dashboard(source) as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        await go_to(opened, "Job")
        await opened.press("o")
        await opened.caught_up()
        assert listed(opened) == {"Job"}
        await opened.press("n")
        await opened.caught_up()
        assert listed(opened) == set()
        await opened.until(lambda: "no event matches" in opened or "all topics are hidden" in opened)
        await go_to(opened, "Job")
        await opened.press("space")
        await opened.caught_up()
        assert listed(opened) == {"Job"}
        await opened.press("a")
        await opened.caught_up()
        assert len(opened.dashboard.view) == 625


@pytest.mark.parametrize("key", ["space", "minus"])
async def test_an_excluded_value_is_included_again_by_the_same_key_and_by_a_tick(key: str) -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        await go_to(opened, "running")
        await opened.press("minus")
        await opened.caught_up()
        assert opened.dashboard.filter_line.value == "-status:=running"
        assert 0 < len(opened.dashboard.view) < 625
        await opened.press(key)
        await opened.caught_up()
        assert opened.dashboard.filter_line.value == ""
        assert len(opened.dashboard.view) == 625


async def test_a_click_ticks() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        await opened.click(TopicPicker, offset=(5, 4))
        await opened.caught_up()
        assert topic_rows(opened)["Job"].startswith("□")
        assert "Job" not in listed(opened)
        await opened.click(TopicPicker, offset=(5, 4))
        await opened.caught_up()
        assert len(opened.dashboard.view) == 625


async def test_keys_move_within_the_picker() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        await opened.press("1")
        picker = opened.dashboard.topics
        last = len(picker.rows) - 1
        for key, row in (("k", 0), ("j", 1), ("down", 2), ("up", 1), ("G", last), ("j", last), ("g", 0)):
            await opened.press(key)
            assert picker.cursor == row, key
        await opened.press("J")
        assert picker.row is not None
        assert (picker.row.kind, picker.row.dimension) == (Kind.HEADING, Dimension.LEVEL)
        await opened.press("J", "K", "K")
        assert picker.cursor == 0
        await opened.press("l")
        assert opened.focus == "events"
        await opened.press("h")
        assert opened.focus == "topics"


async def test_later_events_of_a_hidden_topic_stay_hidden_and_are_counted() -> None:
    source = ScriptedSource(CONNECTED, *frames("tour"))
    async with dashboard(source) as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        await go_to(opened, "Job")
        await opened.press("space")
        source.send(*jobs(range(1_000, 1_010)))
        await opened.shows(635)
        await wait_for_counts(opened)
        assert "Job" not in listed(opened)
        assert topic_rows(opened)["Job"].split()[-1] == str(COUNTS["Job"] + 10)
        await opened.press("space")
        await opened.caught_up()
        assert "job-1009" in opened


async def test_unknown_topics_are_added_as_they_arrive() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(3)))
    async with dashboard(source) as opened:
        await opened.shows(3)
        source.send(frame(9, event("Quota", "q"), event("[red]x[/]", "m"), event("\x1b[2JEsc", "e")))
        await opened.shows(6)
        await wait_for_counts(opened)
        rows = topic_rows(opened)
        assert list(rows) == ["Job", "Quota", "[red]x[/]", "␛[2JEsc"]
        assert rows["Quota"].split() == ["▣", "◇", "Quota", "1"]
        await go_to(opened, "\x1b[2JEsc")
        await opened.press("space")
        await opened.caught_up()
        assert listed(opened) == {"Job", "Quota", "[red]x[/]"}


@pytest.mark.parametrize("key", ["n", "o"])
async def test_topics_that_arrive_after_none_or_only_are_hidden_too(key: str) -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(3)))
    async with dashboard(source) as opened:
        await opened.shows(3)
        await wait_for_counts(opened)
        await go_to(opened, "Job")
        await opened.press(key)
        source.send(frame(9, event("Quota", "q")))
        await opened.shows(4)
        await opened.until(lambda: opened.dashboard.view.hidden_topics >= {"Quota"})
        await wait_for_counts(opened)
        assert topic_rows(opened)["Quota"].startswith("□")
        assert "Quota" not in listed(opened)
        await opened.press("g", "a")
        source.send(frame(10, event("Recommendation", "r")))
        await opened.shows(5)
        assert listed(opened) == {"Job", "Quota", "Recommendation"}


async def test_a_server_that_invents_topics_does_not_fill_the_pane() -> None:
    source = ScriptedSource(CONNECTED)
    async with dashboard(source) as opened:
        source.send(*(frame(number, event(f"Topic{number}", "k")) for number in range(150)))
        await opened.shows(150)
        await wait_for_counts(opened)
        assert len(topic_rows(opened)) == MAX_UNKNOWN_TOPICS
        await opened.press("1", "n")
        await opened.caught_up()
        assert listed(opened) == set(), "none hides those without a row too"


# Topics that the token may not read

READ_JOB = ("Allocation", "Evaluation", "Job", "Deployment", "Service", "CSIPlugin")


def permitted(
    topics: Iterable[str], namespaces: tuple[str, ...] = ("default",), within: tuple[str, ...] | None = None
) -> Permitted:
    """Return permissions for these topics in the namespaces `within`, and for nothing elsewhere."""
    granted = frozenset(namespaces if within is None else within)
    return Permitted(Permissions(namespaces, {name: granted if name in topics else frozenset() for name in KNOWN}))


def notified(opened: Dashboard) -> str:
    """The text of all notifications."""
    return "\n".join(opened.notes)


def pressed_to(opened: Dashboard, kind: Kind) -> list[str]:
    """The keys that lead from the first row to one of this kind."""
    return [
        "1",
        "g",
        *["j"] * next(number for number, row in enumerate(opened.dashboard.topics.rows) if row.kind is kind),
    ]


async def test_refused_topics_stay_in_the_picker_with_the_missing_capability() -> None:
    async with dashboard(ScriptedSource(permitted(READ_JOB), CONNECTED, *jobs(range(3)))) as opened:
        await opened.shows(3)
        await wait_for_counts(opened)
        texts = [text.rstrip() for text in section(opened, "Topics")]
        assert texts == [
            "▣ ● Job            3",
            f"  … {len(READ_JOB) - 1} with no events",
            "✕ ◈ Node     refused",
            "  needs node:read",
            f"  … {len(KNOWN) - len(READ_JOB) - 1} refused",
        ]
        await opened.press(*pressed_to(opened, Kind.REFUSED), "space")
        texts = [text.rstrip() for text in section(opened, "Topics")]
        assert texts[2:] == [
            "✕ ◈ Node",
            "  needs node:read",
            "✕ ▽ Variable",
            "  needs variables",
            "✕ ◰ HostVolume",
            "  host-volume-read",
            "✕ ◱ CSIVolume",
            "  csi-read-volume",
            "✕ ◉ Operator",
            "  operator:read",
            "✕ ◎ NodePool",
            "✕ ▷ ACLToken",
            "✕ ▷ ACLPolicy",
            "✕ ▷ ACLRole",
            "✕ ▷ ACLAuthMethod",
            "✕ ▷ ACLBindingRule",
            "  needs management",
            "  … fewer",
        ]
        await opened.press("space")
        assert section(opened, "Topics")[-1] == "  … 10 refused"
        await opened.press("z")
        await wait_for_counts(opened)
        assert topic_rows(opened)["Node"].endswith("  needs node:read"), "in the same row where there is room"


async def test_topics_with_the_same_missing_capability_show_it_once() -> None:
    management = [topic.name for topic in KINDS.values() if topic.capability == "management"]
    others = [name for name in KNOWN if name not in management]
    async with dashboard(ScriptedSource(permitted(others), CONNECTED, *jobs(range(3))), WIDE) as opened:
        await opened.shows(3)
        await wait_for_counts(opened)
        assert [text.rstrip() for text in section(opened, "Topics")[-2:]] == ["  … 6 refused", "  needs management"]
        await opened.press("1", "z")
        await wait_for_counts(opened)
        assert section(opened, "Topics")[-1].strip() == "needs a management token"


@pytest.mark.parametrize("key", ["space", "enter", "o"])
async def test_a_refused_topic_is_not_ticked_but_explained(key: str) -> None:
    async with dashboard(ScriptedSource(permitted(READ_JOB), CONNECTED, *jobs(range(3)))) as opened:
        await opened.shows(3)
        await wait_for_counts(opened)
        await go_to(opened, "Node")
        await opened.press(key)
        await opened.until(lambda: "Node needs node:read." in notified(opened))
        assert 'node {\n  policy = "read"\n}' in notified(opened)
        assert opened.dashboard.topics.hidden == frozenset()
        assert listed(opened) == {"Job"}


async def test_a_topic_that_no_policy_grants_needs_another_token() -> None:
    async with dashboard(ScriptedSource(permitted(READ_JOB), CONNECTED, *jobs(range(3)))) as opened:
        await opened.shows(3)
        await wait_for_counts(opened)
        await opened.press(*pressed_to(opened, Kind.REFUSED), "space")
        await go_to(opened, "ACLToken")
        await opened.press("space")
        await opened.until(lambda: "ACLToken needs a management token" in notified(opened))
        assert "Set NOMAD_TOKEN" in notified(opened)
        assert "policy =" not in notified(opened)


async def test_a_topic_refused_in_some_namespaces_shows_which_and_can_be_ticked() -> None:
    readable = permitted(KNOWN, ("default", "dev", "web", "warehouse"), ("default",))
    async with dashboard(ScriptedSource(readable, CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        texts = section(opened, "Topics")
        assert texts[0].startswith("◧ ◆ Allocation")
        assert sum("not in: dev, web, +1" in text for text in texts) == 1
        await go_to(opened, "Allocation")
        await opened.press("space")
        assert topic_rows(opened)["Allocation"].startswith("□")
        await opened.caught_up()
        assert "Allocation" not in listed(opened)
        await opened.press(
            "g", *["j"] * next(n for n, row in enumerate(opened.dashboard.topics.rows) if row.kind is Kind.NOTE)
        )
        await opened.press("enter")
        await opened.until(lambda: "read-job in dev, web and warehouse" in notified(opened))
        assert 'namespace "warehouse" {' in notified(opened)


async def test_a_topic_granted_after_a_refusal_is_an_ordinary_topic_again() -> None:
    source = ScriptedSource(permitted(READ_JOB), CONNECTED, *jobs(range(3)))
    async with dashboard(source) as opened:
        await opened.shows(3)
        await wait_for_counts(opened)
        assert any(text.startswith("✕") for text in section(opened, "Topics"))
        source.send(permitted(KNOWN), CONNECTED, frame(9, event("Node", "n")))
        await opened.shows(4)
        await wait_for_counts(opened)
        assert not any("✕" in text or "refused" in text for text in section(opened, "Topics"))
        assert topic_rows(opened)["Node"].split() == ["▣", "◈", "Node", "1"]


async def test_events_of_a_topic_refused_later_can_still_be_hidden() -> None:
    source = ScriptedSource(CONNECTED, frame(9, event("Node", "n")))
    async with dashboard(source) as opened:
        await opened.shows(1)
        source.send(permitted(READ_JOB), CONNECTED, *jobs(range(10, 13)))
        await opened.shows(4)
        await wait_for_counts(opened)
        assert topic_rows(opened)["Node"].split() == ["▣", "◈", "Node", "1"]
        assert "  needs node:read" in [text.rstrip() for text in section(opened, "Topics")]
        await go_to(opened, "Node")
        await opened.press("space")
        await opened.caught_up()
        assert listed(opened) == {"Job"}


# The other facets


async def test_failures_then_the_most_frequent_values_are_listed_with_counts() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        texts = section(opened, "Status")
        listed = [(text.split()[1], int(text.split()[-1])) for text in texts[:DEFAULT_LISTED]]
        assert listed == sorted(listed, key=lambda each: (status_role(each[0]) is not Role.BAD, -each[1]))
        assert "running" in dict(listed)
        assert texts[-1].startswith("  … ")
        titles = [text.split()[1] for text in drawn_rows(opened) if text.startswith("▾")]
        assert titles == ["Topics", "Level", "Status", "Types", "Namespaces", "Jobs", "Nodes"]


async def test_a_tick_is_added_to_the_filter_and_narrows() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        await go_to(opened, "lost")
        lost = next(int(text.split()[-1]) for text in section(opened, "Status") if text.split()[1] == "lost")
        await opened.press("space")
        await wait_for_filter(opened, "status:=lost")
        assert len(opened.dashboard.view) == lost
        assert f"{lost} of 625" in opened
        assert [text.split()[1] for text in section(opened, "Status") if text.startswith("▣")] == ["lost"]
        running = next(text for text in section(opened, "Status") if "running" in text)
        assert running.split()[-1] != "·", "a section's own ticks do not narrow its counts"
        await go_to(opened, "running")
        await opened.press("space")
        await wait_for_filter(opened, "status:=lost,running")
        await opened.press("space")
        await wait_for_filter(opened, "status:=lost")
        await opened.press("a")
        await wait_for_filter(opened, "")
        assert len(opened.dashboard.view) == 625


async def test_ticks_pressed_ahead_all_count() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        await go_to(opened, "running")
        for key in ("space", "j", "space", "minus"):
            opened.app.post_message(textual_events.Key(key, None))
        await opened.until(lambda: "-status" in opened.dashboard.filter_line.value)
        await wait_for_filter(opened, "status:=running -status:=pending")


async def test_a_typed_filter_ticks_its_values() -> None:
    async with dashboard(
        ScriptedSource(CONNECTED, *frames("tour")), WIDE, filter_text="status:=lost -job:=web oom"
    ) as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        assert any(text.startswith("▣ lost") for text in section(opened, "Status"))
        assert any(text.startswith("⊟ web") for text in section(opened, "Jobs")), "listed though none matches"
        await go_to(opened, "lost")
        await opened.press("space")
        await wait_for_filter(opened, "-job:=web oom")


async def test_only_this_and_not_this_are_added_to_the_filter() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE, filter_text="web") as opened:
        await opened.shows(625)
        await wait_for_counts(opened)
        await go_to(opened, "running")
        await opened.press("plus")
        await wait_for_filter(opened, "web status:=running")
        only = len(opened.dashboard.view)
        await opened.press("a")
        await wait_for_filter(opened, "web")
        every = len(opened.dashboard.view)
        await go_to(opened, "running")
        await opened.press("minus")
        await wait_for_filter(opened, "web -status:=running")
        assert 0 < len(opened.dashboard.view) == every - only
        await go_to(opened, "Allocation")
        await opened.press("plus")
        await wait_for_filter(opened, "web -status:=running topic:=Allocation")
        assert listed(opened) == {"Allocation"}
        assert opened.dashboard.filtering.hidden == frozenset()


async def test_sections_fold_and_show_all_their_values() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(40)))) as opened:
        await opened.shows(40)
        await wait_for_counts(opened)
        assert len(section(opened, "Jobs")) == DEFAULT_LISTED + 1
        await opened.press("1", "G")
        picker = opened.dashboard.topics
        assert picker.row is not None
        assert picker.row.kind is Kind.MORE
        await opened.press("enter")
        assert len(section(opened, "Jobs")) == 41
        await opened.press("G", "enter")
        assert len(section(opened, "Jobs")) == DEFAULT_LISTED + 1
        await opened.press("g", "enter")
        assert section(opened, "Topics") == []
        await opened.press("enter")
        assert section(opened, "Topics") != []


async def test_rows_are_not_reordered_while_they_are_read() -> None:
    source = ScriptedSource(CONNECTED, *jobs([1, 1, 1, 2, 2, 3]))
    async with dashboard(source) as opened:
        await opened.shows(6)
        await wait_for_counts(opened)
        assert [text.split()[1] for text in section(opened, "Jobs")] == ["job-1", "job-2", "job-3"]
        await opened.press("1")
        source.send(*jobs([3, 3, 3, 3, 4]))
        await opened.shows(11)
        await wait_for_counts(opened)
        assert [text.split()[1:] for text in section(opened, "Jobs")] == [
            ["job-1", "3"],
            ["job-2", "2"],
            ["job-3", "5"],
            ["job-4", "1"],
        ]
        await opened.press("2")
        await wait_for_counts(opened)
        assert [text.split()[1] for text in section(opened, "Jobs")] == ["job-3", "job-1", "job-2", "job-4"]


async def test_hostile_values_are_drawn_safely_and_found_again() -> None:
    names = ["\x1b]0;OWNED\x07", 'say "hi"', "a,b c", "-x", "日本", "*", "/x/"]
    source = ScriptedSource(CONNECTED, frame(1, *(event("Job", name, Job={"ID": name}) for name in names)))
    async with dashboard(source, WIDE) as opened:
        await opened.shows(len(names))
        await wait_for_counts(opened)
        await opened.press("1", "G", "enter")
        assert all(text.isprintable() for text in drawn_rows(opened))
        for name in names:
            await go_to(opened, name)
            await opened.press("o")
            await opened.until(lambda: opened.dashboard.filtering.error is None and len(opened.dashboard.view) == 1)
            await wait_for_counts(opened)
            assert opened.dashboard.filter_line.value.isprintable()
            assert opened.history.event(opened.dashboard.view.sequence_at(0)).key == name
            await opened.press("a")
            await wait_for_filter(opened, "")


def test_any_number_of_values_is_ranked_in_small_steps() -> None:
    values = Section(Dimension.JOB)
    counts = {f"job-{number}": number % 1_000 + (number == 77_777) * 5_000 for number in range(100_000)}
    steps = sum(1 for _ in values.rank(counts, hold=False))
    assert steps >= 40
    assert values.listed[0] == "job-77777"
    assert len(values.listed) == DEFAULT_LISTED
    assert values.more == 100_000 - DEFAULT_LISTED
    values.unfolded = True
    for _ in values.rank(counts, hold=True):
        pass
    assert len(values.listed) == MAX_LISTED


@pytest.mark.parametrize("size", [NARROW, MEDIUM, WIDE])
async def test_rows_fill_the_pane_whatever_the_name(size: tuple[int, int]) -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(3)))
    names = ["日本語のとても長い題名", "e\u0301" * 30, "👩‍👩‍👧‍👦" * 4, "x" * 10_000, "\u202eRLO"]
    async with dashboard(source, size) as opened:
        source.send(frame(9, *(event(name, "k", Job={"Status": name}) for name in names)))
        source.send(frame(10, *(event("Job", name, Job={"ID": name, "Status": name}) for name in names)))
        await opened.shows(13)
        await opened.press("1")
        await opened.until(lambda: opened.dashboard.view.counts_facets)
        await wait_for_counts(opened)
        picker = opened.dashboard.topics
        texts = []
        for y in range(len(picker.rows)):
            await opened.press("j") if y else None
            texts += [picker.render_line(line).text for line in range(picker.scrollable_content_region.height)]
        assert {cell_len(text) for text in texts} == {picker.scrollable_content_region.width}
        assert all(text.isprintable() for text in texts)
        assert sum(text.endswith(" 1") for text in topic_rows(opened).values()) == len(names)


def test_long_names_are_distinguished_by_both_ends() -> None:
    assert shortened("AllocationUpdateDesiredStatus", 16) == "Allocati…dStatus"
    assert shortened("short", 16) == "short"
    assert all(len(shortened("x" * 50, width)) == width for width in range(1, 20))


async def test_a_paste_into_the_picker_is_harmless() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await opened.press("1")
        opened.app.post_message(textual_events.Paste("\x1b[2J" * 100))
        await opened.press("j")
        assert opened.focus == "topics"
