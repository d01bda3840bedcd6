"""Rows for a live cluster's less common writes, each described as of its own time."""

import json
from functools import cache
from pathlib import Path

import msgspec
import pytest

from nomad_tui.core.history.event_row import latest_moment, newest_state, sentence
from nomad_tui.core.history.history import History
from nomad_tui.core.objects.registry import summary
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, decode
from tests.recordings import lines

CASES = Path(__file__).parents[1] / "cases" / "sentences.ndjson"
SECOND = 1_000_000_000


def history_of(frames: list[bytes]) -> History:
    history = History()
    for line in frames:
        if line and isinstance(frame := decode(line), Frame):
            history.append(frame, 0)
    return history


@cache
def topics() -> dict[tuple[int, str], list[str]]:
    history = history_of(lines("topics"))
    found: dict[tuple[int, str], list[str]] = {}
    for sequence in range(history.end):
        event = history.event(sequence)
        found.setdefault((event.index, event.topic), []).append(sentence(history, sequence).text)
    return found


@pytest.mark.parametrize(
    ("index", "topic", "text"),
    [
        (51, "Node", "c1  ready · reported 2 allocations"),
        (42, "Node", "c2  ready · host volume data added"),
        (58, "Node", "c2  ready · host volume data removed, host volume static added"),
        (357, "Node", "c1  ready · meta rack set to r9"),
        (258, "Node", "c1  drain started · deadline 15 s · kernel upgrade"),
        (135, "Allocation", "web.cache[1]  running · task redis restarted by a user (1)  c1"),
        (138, "Allocation", "web.cache[1]  running · task redis signalled SIGUSR1  c1"),
        (139, "Allocation", "web.cache[1]  running · to be stopped and replaced (alloc stop)  c1"),
        (259, "Allocation", "web.cache[2]  running · to be stopped and replaced (node drain)  c1"),
        (342, "Evaluation", "db  plan applied, 1 placed"),
        (336, "Evaluation", "db  blocked · 1 node filtered: CSI plugin fake is missing from client c1"),
        (317, "Job", "report  garbage-collected"),
        (368, "Job", "db  stop requested, still running"),
        (39, "Variable", "secrets/lock  unlocked"),
        (26, "ACLAuthMethod", "ci-jwt  updated · max TTL 1 h → 2 h"),
        (22, "ACLToken", "ci-renamed  renamed from ci · policy readers"),
        (19, "ACLToken", "ci  created · policy readers · expires in 1 h"),
        (20, "ACLToken", "oncall-token  created · role oncall"),
        (185, "Deployment", "web  running → failed · by a user, rolling back to job version 1"),
        (150, "Deployment", "web  running · cache 2 of 2 healthy"),
        (375, "CSIPlugin", "fake  1 of 1 node healthy · unchanged"),
    ],
)
def test_a_row_describes_the_write(index: int, topic: str, text: str) -> None:
    assert text in topics()[index, topic]


def test_each_row_gives_its_reason_once_and_names_task_job_and_preemptor() -> None:
    cases = CASES.read_bytes().splitlines()
    history = history_of(cases)
    assert [sentence(history, at).text for at in range(history.end)] == [json.loads(one)["Sentence"] for one in cases]


def _node(index: int, status: str, second: int) -> bytes:
    node = {"ID": "n", "Name": "edge-2", "Status": status, "StatusUpdatedAt": 1_795_423_000 + second}
    node |= {"CreateIndex": 1, "ModifyIndex": index, "SchedulingEligibility": "eligible"}
    event = {"Topic": "Node", "Type": "NodeStreamEvent", "Key": "n", "Index": index, "Payload": {"Node": node}}
    return msgspec.json.encode({"Index": index, "Events": [event]})


def test_the_event_before_a_gap_proves_no_transition() -> None:
    history = history_of([_node(10, "ready", 0)])
    history.append_gap(Gap(GapReason.EXPIRED, 10, 20, 0.0), 0)
    frame = decode(_node(20, "down", 9))
    assert isinstance(frame, Frame)
    history.append(frame, 0)
    assert "→" not in sentence(history, 2).text


def test_a_returned_node_still_shows_its_loss_at_that_event() -> None:
    history = history_of([_node(10, "ready", 0), _node(20, "down", 60), _node(30, "ready", 85)])
    assert newest_state(history, 1) == "now: ready, 25 s later"
    assert newest_state(history, 2) == "", "the newest event is the state"
    assert newest_state(history, 0) == "", "the state is the same again"
    assert latest_moment(history) == (1_795_423_000 + 85) * SECOND, "where a recording ends"


def test_ages_in_a_summary_are_measured_to_the_event() -> None:
    event = json.dumps({"Evaluation": {"Status": "complete", "CreateTime": 1_795_423_000 * SECOND}}).encode()
    found = summary(
        "Evaluation",
        "e",
        event,
        name=lambda topic, key: "",
        now=1_795_423_003 * SECOND,
        of_event=True,
        newest="now: failed, 2 s later",
    )
    texts = [fact.text for fact in found.facts]
    assert "created 3 s before this event" in texts
    assert texts[-1] == "now: failed, 2 s later"
