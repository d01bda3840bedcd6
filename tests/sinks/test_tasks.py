"""Task events as separate records: each once, in order, with the fields that an operator needs."""

import json
from pathlib import Path

import orjson

from nomad_tui.standin import Options, StandIn
from tests import recordings
from tests.runner import at, define, running


def expected() -> list[tuple[str, str, int, str]]:
    """Return allocation, task, time and type of every task event of the recording."""
    found: dict[tuple[str, str, int, str], None] = {}
    for frame in recordings.frames("tour", 10_000):
        for event in orjson.loads(frame.line)["Events"]:
            for task, state in (event["Payload"].get("Allocation", {}).get("TaskStates") or {}).items():
                for one in state["Events"]:
                    found.setdefault((event["Key"], task, one["Time"], one["Type"]))
    return list(found)


async def test_every_task_event_is_one_line(tmp_path: Path) -> None:
    frames = recordings.frames("tour", 10_000)
    target = tmp_path / "tasks.ndjson"
    async with StandIn([each.line for each in frames], Options(lead=len(frames), buffer_size=len(frames))) as server:
        define(tmp_path, "tasks", f'type = "file"\naddress = "{target}"\nformat = "tasks"\nbegin = "oldest"\n')
        async with running(tmp_path, at(server)) as run:
            await run.journaled(sum(len(each.events) for each in frames))
            await run.delivered("tasks")
    records = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    records = [record for record in records if "Gap" not in record]
    got = [(record["AllocID"], record["Task"], record["Time"], record["Type"]) for record in records]
    assert len(got) == len(set(got)) and set(got) == set(expected())
    killed = next(record for record in records if record["OOMKilled"])
    assert killed["ExitCode"] == 137 and killed["JobID"] == "flaky" and killed["NodeName"]
    assert killed["Type"] == "Terminated" and "Exit Code: 137" in killed["Message"]
