"""Commands as sinks: real processes, whose exit codes are the response."""

import asyncio
import json
import sys
from pathlib import Path

import msgspec
import pytest

from nomad_tui.sinks.definition.definition import Definition, Format, Kind
from nomad_tui.sinks.delivery.retrier import DeliveryRetrier
from nomad_tui.sinks.delivery.sink import RejectedError, UnavailableError, UndeliveredError
from nomad_tui.sinks.types.exec import ExecSink
from tests.sink_items import delivery, items


def sink(code: str, timeout: float = 10.0, concurrency: int = 1) -> ExecSink:
    command = (sys.executable, "-S", "-c", code)
    return ExecSink(
        Definition(
            "page", Kind.EXEC, command=command, format=Format.EVENT, timeout=timeout, ordered=False,
            concurrency=concurrency,
        )
    )  # fmt: skip


async def test_the_command_gets_each_event_as_a_line_and_acknowledges_with_zero(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    code = f"import sys; text = sys.stdin.read(); open({str(kept)!r}, 'a').write(text); print(text.count('\\n'))"
    events = items(most=5)
    assert await sink(code).deliver(delivery(events)) == "exit 0: 5"
    assert kept.read_bytes() == b"".join(item.text + b"\n" for item in events)


async def test_the_command_inherits_only_listed_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_WEBHOOK", "NOMAD_TOKEN", "PAGER_KEY"):
        monkeypatch.setenv(name, "a secret")
    monkeypatch.setenv("TZ", "Europe/Vienna")
    code = "import os; print(sorted(n for n in os.environ if not n.startswith(('NOMAD_EVENT_', 'LC_CTYPE', '__'))))"
    definition = Definition("page", Kind.EXEC, command=(sys.executable, "-S", "-c", code), format=Format.EVENT)
    answer = await ExecSink(definition).deliver(delivery(items(most=1)))
    assert "TZ" in answer and "PATH" in answer
    assert not {"SLACK_WEBHOOK", "NOMAD_TOKEN", "PAGER_KEY"} & set(answer.replace("'", " ").split())
    named = msgspec.structs.replace(definition, inherit=frozenset(("PAGER_KEY", "NOMAD_TOKEN", "NOT_SET")))
    answer = await ExecSink(named).deliver(delivery(items(most=1)))
    assert "PAGER_KEY" in answer and "NOMAD_TOKEN" in answer and "SLACK_WEBHOOK" not in answer


async def test_one_event_is_in_variables_too() -> None:
    code = (
        "import os; print([os.environ['NOMAD_EVENT_' + n] for n in ('TOPIC', 'JOB', 'INDEX', 'COUNT', 'TEST', 'SINK')])"
    )
    item = next(item for item in items() if item.event is not None and item.event.topic == "Evaluation")
    assert item.event is not None
    assert item.event.filter_keys is not None
    values = ["Evaluation", item.event.filter_keys[0], str(item.index), "1", "1", "page"]
    assert await sink(code).deliver(delivery([item], test=True)) == f"exit 0: {values}"


@pytest.mark.parametrize(
    ("code", "error", "what"),
    [
        ("print('pager is away'); raise SystemExit(75)", UnavailableError, "exit 75: pager is away"),
        ("raise SystemExit('no')", RejectedError, "exit 1: no"),
        ("import os; os.kill(os.getpid(), 9)", RejectedError, "ended by signal 9"),
        ("import time; time.sleep(600)", UnavailableError, "ended after its time limit of 0.3 s"),
    ],
)
async def test_every_other_exit_status_has_a_meaning(code: str, error: type[UndeliveredError], what: str) -> None:
    with pytest.raises(error) as raised:
        await sink(code, 0.3 if "sleep" in code else 10).deliver(delivery(items(most=1)))
    assert raised.value.what.startswith(f"{what}. ")


async def test_a_missing_command_is_retried() -> None:
    missing = ExecSink(Definition("page", Kind.EXEC, command=("/no/such/pager",)))
    with pytest.raises(UnavailableError, match=r"no such file or directory\. Correct command in the definition"):
        await missing.deliver(delivery(items(most=1)))


async def test_only_the_refused_event_of_a_batch_becomes_a_dead_letter() -> None:
    events = items(most=6)
    bad = json.loads(events[3].text)["Key"]
    only = next(number for number, item in enumerate(events) if item.event is not None and item.event.key == bad)
    wanted = {number for number, item in enumerate(events) if bad.encode() in item.text}
    assert only in wanted
    code = f"import sys; raise SystemExit({bad!r} in sys.stdin.read() and 'will not take it' or 0)"
    definition = Definition("page", Kind.EXEC, command=(sys.executable, "-S", "-c", code), format=Format.EVENT)

    async def at_once(_: float) -> None:
        pass

    taken = list[int]()
    retrier = DeliveryRetrier(
        definition, ExecSink(definition), lambda number, _: taken.append(number), lambda *_: None, at_once
    )
    async with asyncio.timeout(60):
        letters = await retrier.deliver(delivery(events))
    assert {letter.event_id for letter in letters} == {events[number].id for number in wanted}
    assert sum(taken) == len(events) - len(wanted)
    assert letters[0].why.startswith("exit 1: will not take it. Correct the command")


async def test_closing_terminates_the_command(tmp_path: Path) -> None:
    began = tmp_path / "began"
    slow = sink(f"import time; open({str(began)!r}, 'x'); time.sleep(600)", 600)
    async with asyncio.timeout(60):
        delivering = asyncio.create_task(slow.deliver(delivery(items(most=1))))
        while not began.exists():  # noqa: ASYNC110  # created by another process
            await asyncio.sleep(0.01)
        await slow.close()
        with pytest.raises(UnavailableError, match="the program is ending"):
            await delivering


async def test_as_many_commands_run_at_once_as_the_definition_allows(tmp_path: Path) -> None:
    """Each command waits until three have started."""
    code = (
        "import os, time\n"
        f"open(os.path.join({str(tmp_path)!r}, str(os.getpid())), 'x')\n"
        f"while len(os.listdir({str(tmp_path)!r})) < 3: time.sleep(0.01)"
    )
    several = sink(code, concurrency=3)
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*(several.deliver(delivery([item])) for item in items(most=3)))
    assert answers == ["exit 0"] * 3
