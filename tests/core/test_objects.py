"""All views support a new topic after adding one module and one line in the registry."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import pytest

from nomad_tui.core.changes import difference
from nomad_tui.core.filter import Filter
from nomad_tui.core.history.event_row import sentence as sentence_of
from nomad_tui.core.history.event_row import status_and_node
from nomad_tui.core.history.history import History
from nomad_tui.core.history.related import Names, Related
from nomad_tui.core.objects.fact import Context, Facts
from nomad_tui.core.objects.kind import Known, Links, Mention, ObjectEvent
from nomad_tui.core.objects.parts import Sentence, became, named, plain, sentence, status
from nomad_tui.core.objects.reading import Written
from nomad_tui.core.objects.registry import KINDS, frame_moment, kind, summary, typed_topic
from nomad_tui.core.permissions import needed, policy
from nomad_tui.core.search.view import View
from nomad_tui.core.timeline.timeline import EventTimeline
from nomad_tui.core.wire import Frame, decode

BEGAN: Final = 1_795_423_752_000_000_000


class Pulse(Written):
    name: str = ""
    status: str = ""
    job_id: str = ""
    alloc_id: str = ""
    node_id: str = ""
    modify_time: int = 0


class PulseKind(Known[Pulse]):
    name = "Pulse"
    payload_key = "PulseState"
    capability = "namespace read-pulse"
    is_namespaced = True
    endpoint = "/v1/pulse/"
    command = "pulse status"
    fields = Pulse
    status = "status"
    written = ("modify_time", "modify_index")
    is_of_job = True
    is_on_node = True
    causes = (("Allocation", "alloc_id"),)
    mentions: ClassVar[Mapping[str, Mention]] = {"alloc": Mention(("alloc_id",))}
    ended = frozenset(("gone",))
    changes = Known.changes.also(bookkeeping=("Beats",), item_keys=(("Chamber",),))

    def called(self, links: Links) -> str:
        return links.name

    def sentence(self, event: ObjectEvent[Pulse]) -> Sentence:
        now, before = event.now, event.before
        happened = [status(now.status)] if before is None else became(before.status, now.status)
        return sentence(named(now.name, event.key), happened, status=now.status)

    def summary(self, now: Pulse, is_deleted: bool, facts: Facts, context: Context) -> None:
        facts.add("beats for", plain(now.job_id))


PULSE: Final = PulseKind()


@pytest.fixture(autouse=True)
def one_line_of_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, PULSE.name, PULSE)


def payload(index: int, status: str, **more: Any) -> dict[str, Any]:
    pulse = {"Name": "heart", "Status": status, "JobID": "web", "AllocID": "a1", "NodeID": "n1"}
    written = {"CreateIndex": 1, "ModifyIndex": index, "ModifyTime": BEGAN + index * 1_000_000_000}
    return {"PulseState": pulse | written | more}


def event(index: int, status: str) -> Frame:
    sent = {"Topic": "Pulse", "Type": "PulseUpdated", "Key": "p1", "Namespace": "default", "FilterKeys": ["web"]}
    frame = decode(json.dumps({"Index": index, "Events": [sent | {"Payload": payload(index, status)}]}).encode())
    assert isinstance(frame, Frame)
    return frame


@pytest.fixture
def history() -> History:
    history = History()
    for index, is_now in ((1, "weak"), (2, "steady")):
        history.append(event(index, is_now), 0)
    return history


NEWEST: Final = json.dumps(payload(2, "steady")).encode()


def test_its_sentence(history: History) -> None:
    assert sentence_of(history, 1).text == "heart  weak → steady"


def test_its_summary() -> None:
    facts = summary("Pulse", "p1", NEWEST, name=lambda topic, id_: "", now=BEGAN).facts
    assert [fact.text for fact in facts] == ["beats for web"]


def test_filters_and_facets_use_its_status_node_job_and_allocation(history: History) -> None:
    assert status_and_node("Pulse", "PulseUpdated", "p1", NEWEST) == ("steady", "n1", "")
    for text, found in (("status:weak", 1), ("job:web", 2), ("alloc:a1", 2), ("node:n2", 0), ("group:a1", 0)):
        view = View(history, Filter.parse(text))
        while view.advance(1):
            pass
        assert len(view) == found, text


def test_it_is_related_to_the_objects_that_it_refers_to_and_has_a_name(history: History) -> None:
    key = ("Pulse", "default", "p1")
    assert list(Related(history).causes_of(key)) == [("Allocation", "default", "a1")]
    assert Related(history).job_of(key) == "web"
    assert Names(history).name("Pulse", "p1") == "heart"


def test_its_events_have_the_objects_time() -> None:
    assert frame_moment(event(2, "steady")) == BEGAN + 2_000_000_000


def test_its_timeline_is_among_the_objects_of_its_job(history: History) -> None:
    timeline = EventTimeline(history, 1)
    while timeline.advance(1):
        pass
    row = next(row for row in timeline.rows if row.is_focus)
    assert (row.topic, "".join(part.text for part in (*row.title, *row.text))) == ("Pulse", "heartsteady")
    assert not row.ended
    history.append(event(3, "gone"), 0)
    while timeline.advance(1):
        pass
    assert next(row for row in timeline.rows if row.is_focus).ended


def test_it_is_in_the_timeline_of_its_node(history: History) -> None:
    sent = {"Topic": "Node", "Type": "NodeRegistration", "Key": "n1", "Payload": {"Node": {"ID": "n1", "Name": "edge"}}}
    frame = decode(json.dumps({"Index": 3, "Events": [sent]}).encode())
    assert isinstance(frame, Frame)
    history.append(frame, 0)
    timeline = EventTimeline(history, 2)
    while timeline.advance(1):
        pass
    assert [row.topic for row in timeline.rows if row.depth < 2 and row.title] == ["Node", "Pulse"]


def test_its_changes_leave_out_its_bookkeeping_and_match_its_items() -> None:
    before = payload(1, "weak", Beats=7, Valves=[{"Chamber": "left", "Open": 1}, {"Chamber": "right", "Open": 2}])
    after = payload(1, "weak", Beats=8, Valves=[{"Chamber": "right", "Open": 3}, {"Chamber": "left", "Open": 1}])
    changes = difference(before, after, kind("Pulse").changes)
    assert changes.noise == 1
    assert {change.labels[-2:] for change in changes if not change.is_noise} == {("right", "Open"), ("Valves", "left")}


def test_it_can_be_subscribed_to_and_has_a_required_capability() -> None:
    assert typed_topic("pulse") == "Pulse"
    assert needed("Pulse") == "read-pulse"
    assert '"read-pulse"' in policy(["Pulse"], ["default"])
