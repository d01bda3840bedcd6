"""What the events prove about a failure, on the tour's recording and variations of it."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from nomad_tui.core.diagnosis import diagnose
from nomad_tui.core.history.event_row import sentence
from nomad_tui.core.history.history import History
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, decode
from tests import recordings


def held(change: Callable[[Any], None] = lambda _: None, gap_at: int | None = None) -> History:
    """Return the recording's history, with a change to each event, and a gap before an index."""
    history = History()
    for line in recordings.lines("tour"):
        if not line.strip():
            continue
        content = orjson.loads(line)
        for event in content.get("Events", ()):
            change(event)
        frame = decode(orjson.dumps(content))
        if isinstance(frame, Frame):
            if gap_at is not None and frame.index >= gap_at:
                history.append_gap(Gap(GapReason.BUFFER, gap_at - 1, gap_at, 1.0), 0)
                gap_at = None
            history.append(frame, 0)
    return history


def diagnosis(history: History, text: str) -> list[str]:
    found = [row for row in range(history.end) if history.gap(row) is None and text in sentence(history, row).text]
    work = diagnose(history, found[-1])
    while True:
        try:
            next(work)
        except StopIteration as end:
            return [fact.text for fact in end.value]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "flaky.g[0]  failed · task crash exit 137 · oom-killed, restarts 2 of 2  edge-2",
            [
                "cause task crash exit 137 · out of memory at its limit of 10 MB",
                "how often 6 times in 14 s · 2 allocations",
                "on nodes edge-1 3, edge-2 3",
                "first with v0, registered 1.1 s before the first failure  :50",
                "deployment 7dfd78cc failed · progress deadline, not rolled back: no group has auto_revert",
                "keys L logs · t timeline · :62 first failure · :118 deployment",
            ],
        ),
        (
            "flaky  running → failed · progress deadline",
            [
                "cause progress deadline, not rolled back: no group has auto_revert",
                "its allocations task crash exit 137 · out of memory",
                "how often 4 times in 10 s · 2 allocations",
                "on nodes edge-1 3, edge-2 1",
                "first with v0, registered 1.1 s before the first failure  :50",
                "keys t timeline · :62 first failure",
            ],
        ),
        (
            "web.cache[1]  running → lost",
            [
                "cause lost · its node is down",
                "node ready → down · heartbeat missed  :225",
                "how often 3 times at once · 3 allocations",
                "on edge-2",
                "keys t timeline · :227 first failure",
            ],
        ),
        (
            "edge-2  ready → down",
            ["lost 8 allocations · web 5, ledger 3", "keys t timeline · + n events of the node"],
        ),
        (
            "edge-2  down · attribute os.signals changed",
            [
                "cause ready → down · heartbeat missed  :225",
                "lost 8 allocations · web 5, ledger 3",
                "keys t timeline · + n events of the node",
            ],
        ),
        (
            "greedy  complete · not placed",
            [
                "cause complete · not placed, 3 nodes filtered: kernel.name = plan9",
                "how often 3 evaluations of the job in 4.9 ms",
                "job v0 is the last version registered before  :53",
                "keys t timeline",
            ],
        ),
        ("web.frontend[0]  placed", []),
        ("web  started v1", []),
    ],
)
def test_each_kind_of_failure_is_diagnosed_from_its_events(text: str, expected: list[str]) -> None:
    assert diagnosis(held(), text) == expected


def test_a_rollback_is_described_in_the_servers_words() -> None:
    def roll_back(event: Any) -> None:
        deployment = event["Payload"].get("Deployment")
        if deployment is not None and deployment["Status"] == "failed":
            deployment["StatusDescription"] += " - rolling back to job version 3"

    lines = diagnosis(held(roll_back), "flaky  running → failed")
    assert lines[0] == "cause progress deadline - rolling back to job version 3"


def test_the_version_is_that_of_the_deployment() -> None:
    def as_version_1(event: Any) -> None:
        """Make `flaky` fail from version 1; its version 0 is the same allocation of another deployment."""
        deployment = event["Payload"].get("Deployment")
        if deployment is not None and deployment["JobID"] == "flaky":
            deployment["JobVersion"] = 1
        job = event["Payload"].get("Job")
        if job is not None and job["ID"] == "flaky":
            job["Version"] = 1

    assert "first with v1, registered 1.1 s before the first failure  :50" in diagnosis(
        held(as_version_1), "flaky  running → failed"
    )


def test_events_before_a_gap_do_not_prove_a_version() -> None:
    def without_deployments(event: Any) -> None:
        allocation = event["Payload"].get("Allocation")
        if allocation is not None:
            allocation["DeploymentID"] = ""

    text = "flaky.g[0]  failed · task crash exit 137 · oom-killed, restarts 2 of 2  edge-2"
    assert [line for line in diagnosis(held(without_deployments), text) if line.startswith("first with v0")]
    behind_gap = diagnosis(held(without_deployments, gap_at=60), text)
    assert not [line for line in behind_gap if line.startswith("first with")]


def test_after_a_gap_counts_are_minimums_and_no_version_is_the_last() -> None:
    text = "flaky.g[0]  failed · task crash exit 137 · oom-killed, restarts 2 of 2  edge-2"
    assert "how often at least 6 times in 14 s · 2 allocations" in diagnosis(held(gap_at=115), text)
    unplaced = diagnosis(held(gap_at=54), "greedy  complete · not placed")
    assert not [line for line in unplaced if line.startswith("job ")]


def test_a_lost_nodes_counts_are_minimums_after_a_gap() -> None:
    assert "lost at least 8 allocations · web 5, ledger 3" in diagnosis(held(gap_at=228), "edge-2  ready → down")


def test_a_task_that_was_asked_to_stop_has_not_failed() -> None:
    def killed(event: Any) -> None:
        allocation = event["Payload"].get("Allocation")
        for task in ((allocation or {}).get("TaskStates") or {}).values():
            for one in task["Events"] or ():
                if one["Type"] == "Terminated":
                    one["Details"] = {}
                    one["Message"] = ""
                if one["Type"] == "Started":
                    one["Type"] = "Killing"

    lines = diagnosis(held(killed), "flaky.g[0]  failed")
    assert not [line for line in lines if line.startswith("how often")]


def test_text_of_the_cluster_is_printable_and_masked() -> None:
    def hostile(event: Any) -> None:
        allocation = event["Payload"].get("Allocation")
        for task in ((allocation or {}).get("TaskStates") or {}).values():
            for one in task["Events"] or ():
                if one["Type"] == "Terminated":
                    one["Details"] = {"exit_message": "\x1b]0;x\x07 postgres://ann:hunter2@db"}

    lines = diagnosis(held(hostile), "flaky.g[0]  failed")
    assert "hunter2" not in "".join(lines)
    assert "".join(lines).isprintable()
