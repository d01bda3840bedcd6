"""The events for which a watch rule fires, on recordings as if they were live."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest

from nomad_tui.config.watch_rules import PRESETS
from nomad_tui.core.filter import Filter
from nomad_tui.core.history.derived import Derived
from nomad_tui.core.history.event_row import sentence
from nomad_tui.core.history.history import History
from nomad_tui.core.level import Level
from nomad_tui.core.readable import SECOND
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.watch import Action, Firing, Rule, Watcher
from nomad_tui.core.wire import Frame, decode
from tests import recordings

ANY = Rule("any", Filter.parse("topic:=Deployment"), every=0)
FAILED = Rule("failed", Filter.parse("topic:=Allocation"), Level.FAILURE, every=0)


@dataclass
class Feed:
    """A history to which a recording is appended, each frame a second after the previous one."""

    rules: Iterable[Rule]
    live: bool = True
    name: str = "tour"

    def __post_init__(self) -> None:
        self.history = History()
        self.now = 1_700_000_000 * SECOND
        self.watcher = Watcher(Derived(self.history), self.rules, live=self.live, clock=lambda: self.now)
        self.frames = recordings.frames(self.name)

    def receive(self, number: int | None = None, waited: bool = False) -> list[Firing]:
        fired = list[Firing]()
        for _ in range(len(self.frames) if number is None else number):
            self.now += SECOND
            self.history.append(self.frames.pop(0), 0 if waited or not self.live else self.now)
            fired += self.check()
        return fired

    def check(self) -> list[Firing]:
        return self.watcher.advance(60.0)

    def texts(self, fired: Iterable[Firing]) -> list[str]:
        return [sentence(self.history, firing.sequence).text for firing in fired]


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("failed deployment", ["flaky  running → failed · progress deadline"]),
        ("node down", ["edge-2  ready → down · heartbeat missed"]),
        ("unplaced", ["greedy  blocked · 3 nodes filtered: kernel.name = plan9"]),
    ],
)
def test_each_preset_fires_once_for_its_event(preset: str, expected: list[str]) -> None:
    rule = next(replace(rule, is_on=True) for rule in PRESETS if rule.name == preset)
    feed = Feed([rule])
    assert feed.texts(feed.receive()) == expected


def test_events_from_a_buffer_do_not_fire_and_a_recording_only_highlights() -> None:
    feed = Feed([ANY])
    assert feed.receive(200, waited=True) == []
    assert not feed.watcher.highlighted
    recorded = Feed([replace(ANY, actions=frozenset(Action))], live=False)
    fired = recorded.receive()
    assert fired
    assert all(firing.is_quiet for firing in fired)
    assert list(recorded.watcher.highlighted) == [firing.sequence for firing in fired]


def test_a_repeat_does_not_fire() -> None:
    """A rebuilt server can send the same event again after a gap."""
    feed = Feed([ANY])
    frames = list(feed.frames)
    first = feed.receive()
    assert first
    feed.history.append_gap(Gap(GapReason.REBUILT, 900, 1, 0.0), feed.now)
    place = next(at for at, frame in enumerate(frames) if frame.events[0].topic == "Deployment")
    feed.frames = [frames[place], frames[place]]
    assert len(feed.receive()) <= 1


def test_the_level_is_a_minimum_and_a_gap_never_fires() -> None:
    feed = Feed([replace(FAILED, filter=Filter())])
    feed.history.append_gap(Gap(GapReason.BUFFER, 1, 9, 1.0), feed.now)
    texts = feed.texts(feed.receive())
    assert "web.cache[1]  running → lost · node is down, replaced by deaf969e  edge-2" in texts
    assert len(texts) == 17


def test_the_threshold_must_be_reached_within_the_window() -> None:
    assert len(Feed([ANY]).receive()) >= 4
    every = len(Feed([ANY]).receive())
    assert len(Feed([replace(ANY, count=2, window=86_400)]).receive()) == every // 2
    assert Feed([replace(ANY, count=12, window=1)]).receive() == []


def test_firings_respect_the_interval_and_suppressed_ones_are_counted() -> None:
    """The events arrive a second apart, so only the first is outside the interval."""
    feed = Feed([replace(ANY, every=100_000)])
    [fired] = feed.receive()
    state = feed.watcher.states["any"]
    assert fired.held_back == 0
    assert (state.fired, state.held_back) == (1, len(feed.watcher.highlighted) - 1)
    held_back = state.held_back
    feed.now += 200_000 * SECOND
    deployment = next(frame for line in recordings.lines("tour") if isinstance(frame := decode(line), Frame)
                      and frame.events[0].topic == "Deployment")  # fmt: skip
    feed.frames = [deployment]
    assert [firing.held_back for firing in feed.receive()] == [held_back]


def test_a_snoozed_rule_only_highlights_until_the_snooze_ends() -> None:
    feed = Feed([ANY])
    feed.watcher.snooze("any", 3_600)
    assert feed.receive() == []
    assert feed.watcher.highlighted
    awake = Feed([ANY])
    awake.watcher.snooze("any", 3_600)
    awake.watcher.snooze("any", 0)
    assert awake.receive()


def test_a_rule_enabled_later_starts_with_new_events_but_searches_a_whole_recording() -> None:
    live = Feed([])
    live.receive(150)
    live.watcher.set_rules([ANY])
    assert live.check() == []
    recorded = Feed([], live=False)
    recorded.receive()
    recorded.watcher.set_rules([ANY])
    assert len(recorded.check()) == len(Feed([ANY], live=False).receive())
    recorded.watcher.set_rules([replace(ANY, is_on=False)])
    assert not recorded.watcher.highlighted


def test_each_event_counts_once_although_rules_change_meanwhile() -> None:
    feed = Feed([ANY], live=False)
    for frame in feed.frames:
        feed.history.append(frame, 0)
    expected = [firing.sequence for firing in Feed([ANY], live=False).receive()]
    seconds = 1e-5
    while feed.watcher.states["any"].next < feed.history.end:
        feed.watcher.advance(seconds := seconds * 1.2)
        feed.watcher.set_rules([ANY])
    assert [firing.sequence for firing in feed.watcher.firings] == expected


def test_a_rule_can_match_the_region() -> None:
    feed = Feed([replace(ANY, filter=Filter.parse("region:=eu topic:=Deployment"))])
    assert feed.receive(100) == []
    feed.watcher.know_region("eu")
    assert feed.receive()


def test_rules_continue_while_the_oldest_events_are_evicted(monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(max_events=64)
    watcher = Watcher(Derived(history), [ANY, FAILED], live=True)
    for line in recordings.lines("tour"):
        if isinstance(frame := decode(line), Frame):
            history.append(frame, 1)
    fired = watcher.advance(60.0)
    assert all(firing.sequence >= history.first for firing in fired)
    assert all(row >= history.first for row in watcher.highlighted)
