"""Implements `nomad-tui sink test`, `status`, `pause`, `resume` and `replay`: functions that return the exit code."""

import json
from collections import Counter
from collections.abc import Coroutine, Sequence
from pathlib import Path
from textwrap import wrap
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from nomad_tui.cli import interrupts
from nomad_tui.cli.options import ConfigurationFailure
from nomad_tui.cli.sink import defined, echo_table
from nomad_tui.core.readable import SECOND, age, byte_count, duration, number_of
from nomad_tui.core.text import printable
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.reader import JournalReader, Overview
from nomad_tui.journal.status import RunnerStatus, SinkState
from nomad_tui.journal.store import Store
from nomad_tui.sinks.definition.definition import Definition, Kind
from nomad_tui.sinks.definition.folder import Loaded, NoSinkError

if TYPE_CHECKING:
    from nomad_tui.sinks.delivery.report import SinkReport
    from nomad_tui.sinks.delivery.sink import Delivery
    from nomad_tui.sinks.runner.by_hand import Answer

R = TypeVar("R")

STATUS_WIDTH: Final = 80
"""Columns."""
SHORTEST_ID: Final = 8
LONGEST_NAMES: Final = 40
"""Characters of the names of failing sinks."""

# Sending


def test(loaded: Loaded, journal: Path, id: str) -> int:  # noqa: A002
    from nomad_tui.sinks.runner.by_hand import opened, send_example

    definition = defined(loaded, id)

    async def sent() -> "tuple[Delivery, Answer]":
        async with opened(definition, journal) as send:
            return await send_example(send, definition, _region(journal))

    delivery, answer = run(definition, sent())
    # For this type, standard output is what the sink writes.
    click.echo(f"{id}: {outcome(answer)} The event's ID is {delivery.id}.", err=definition.kind is Kind.STDOUT)
    return 0 if answer.acknowledged else 1


# Controlling a sink


def replay(loaded: Loaded, journal: Path, id: str, from_index: int | None, since: int | None) -> int:  # noqa: A002
    from nomad_tui.sinks.runner.by_hand import ReplayError
    from nomad_tui.sinks.runner.by_hand import replay as replay_journal

    if (from_index is None) == (since is None):
        raise click.UsageError("Give either --from-index INDEX or --since DURATION.")
    defined(loaded, id)
    now = time_ns()
    try:
        done = replay_journal(journal, id, now=now, index=from_index, since=since)
    except ReplayError as error:
        raise click.ClickException(str(error)) from None
    again = "goes again" if done.events == 1 else "go again"
    oldest = ", the oldest that the journal holds" if done.is_all else ""
    click.echo(
        f"{number_of(done.events, 'event')} of the journal {again} to {id}, or what its definition selects of them: "
        f"from index {done.index:,} on, received {age(now - done.received)}{oldest}."
    )
    click.echo(_who_delivers(done.runner))
    if done.cursor.paused:
        click.echo(f"It is paused: `nomad-tui sink resume {id}` resumes it.")
    return 0


def pause(loaded: Loaded, journal: Path, id: str) -> int:  # noqa: A002
    _pause(journal, id, True)
    click.echo(f"{printable(id)} is paused. `nomad-tui sink resume {printable(id)}` resumes it.")
    if names := ", ".join(each.id for each in loaded.definitions.values() if each.alert_to == id):
        click.echo(
            f"nomad-tui: Warning: failures of {names} are not reported meanwhile: their `alert_to` is {id}.", err=True
        )
    return 0


def resume(loaded: Loaded, journal: Path, id: str) -> int:  # noqa: A002
    _pause(journal, id, False)
    overview = _overview(journal)
    click.echo(f"{printable(id)} is resumed. {_who_delivers(overview.runner if overview.alive else None)}")
    return 0


def _pause(journal: Path, id: str, paused: bool) -> None:  # noqa: A002
    with Store(journal) as control:
        control.pause(id, paused)


# Status


def status(loaded: Loaded, journal: Path, id: str | None, output: str) -> int:  # noqa: A002
    from nomad_tui.sinks.delivery.report import runner_record, silence, sink_record, sink_reports

    overview = _overview(journal)
    shown = [each for each in sink_reports(loaded, overview) if id in (None, each.id)]
    if id is not None and not shown:
        raise click.ClickException(str(NoSinkError(id)))
    if output == "json":
        record = {
            "journal": str(journal),
            "journal_bytes": overview.bytes,
            "journal_events": overview.events,
            "runner": runner_record(overview.runner, overview.alive),
            "sinks": [sink_record(each) for each in shown],
        }
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
    else:
        _echo_status(overview, shown, journal)
    mistakes = [each for each in loaded.mistakes if id is None or each.sink == id]
    for mistake in mistakes:
        click.echo(f"nomad-tui: {mistake}", err=True)
    reports = overview.alive and not silence(overview, time_ns())
    return 0 if reports and not mistakes and not any(each.failing for each in shown) else 1


def _echo_status(overview: Overview, shown: Sequence["SinkReport"], journal: Path) -> None:
    from nomad_tui.sinks.delivery.report import REMOVED, silence

    now = time_ns()
    runner = overview.runner
    echo_wrapped(_summary(shown))
    if runner is None or not overview.alive:
        heard = f"; the last one reported {age(now - runner.heard)}" if runner is not None else ""
        echo_wrapped(f"No runner uses this journal{heard}. `nomad-tui sink run` starts one.")
    else:
        echo_wrapped(
            f"Runner {_runner_name(runner)} for {duration(now - runner.started)}: "
            f"stream {printable(runner.state) or 'starting'}, {runner.rate:g} events/s, "
            f"{number_of(runner.gaps, 'gap')}."
        )
        for trouble in filter(None, (silence(overview, now), runner.what, runner.journal_trouble)):
            echo_wrapped(printable(trouble))
    since = f", from {age(now - overview.oldest)} on" if overview.oldest else ""
    echo_wrapped(f"Journal {printable(str(journal))}: {byte_count(overview.bytes)}{since}.")
    if not shown:
        return
    head = ("ID", "STATE", "LAG", "BEHIND", "DELIVERED", "DEAD", "LOST", "ACKED")
    rows = [_row(each, now) for each in shown]
    others = sum(max(len(row[column]) for row in (head, *rows)) + 2 for column in range(1, len(head)))
    longest = max(STATUS_WIDTH - others, SHORTEST_ID)
    echo_table([head, *((printable(row[0], longest), *row[1:]) for row in rows)])
    for each in shown:
        if each.run is not None and each.state != REMOVED and (error := each.run.status.last_error):
            echo_wrapped(f"{printable(each.id, longest)}: {printable(error).rstrip('.')}.{_next_attempt(each, now)}")
    for each in shown:
        for note in each.notes:
            echo_wrapped(f"Warning: {printable(note)}")


def _next_attempt(report: "SinkReport", now: int) -> str:
    if report.run is None or report.state != SinkState.RETRYING:
        return ""
    status = report.run.status
    wait = status.next_attempt - now
    when = f"in {duration(-(-wait // SECOND) * SECOND)}" if wait > 0 else "is under way"
    return f" Attempt {status.attempt + 1:,} {when}."


def echo_wrapped(text: str) -> None:
    """Prints a wrapped text; an address or path is never broken, so that it can be copied."""
    lines = wrap(text, STATUS_WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    click.echo("\n".join(lines))


def _summary(shown: Sequence["SinkReport"]) -> str:
    """The status of the sinks in one line: `3 sinks: 1 failing (pager), 1 paused, 12 dead letters.`"""
    by_state = Counter("failing" if each.failing else each.state for each in shown)
    by_state["mistake"] = sum(bool(each.mistakes) for each in shown)  # a running one keeps its previous definition
    worst = [each.id for each in shown if each.failing]
    parts = []
    for state, what in (
        ("failing", "failing"),
        ("mistake", "with a mistake"),
        ("paused", "paused"),
        ("stopped", "stopped"),
        ("new", "not run yet"),
        ("removed", "no longer defined"),
    ):
        if number := by_state[state]:
            names = f" ({printable(', '.join(worst), LONGEST_NAMES)})" if state == "failing" else ""
            parts.append(f"{number} {what}{names}")
    if letters := sum(each.run.dead_letters for each in shown if each.run is not None):
        parts.append(number_of(letters, "dead letter"))
    return f"{number_of(len(shown), 'sink')}: {', '.join(parts) or 'none failing'}."


def _row(each: "SinkReport", now: int) -> tuple[str, ...]:
    if each.run is None:
        return (each.id, each.state, *["-"] * 6)
    known, counted = each.run, each.run.status
    return (
        each.id,
        each.state,
        _compact(known.lag_events),
        duration(int(known.lag_seconds) * SECOND) if known.lag_events else "-",
        _compact(counted.delivered),
        _compact(known.dead_letters),
        _compact(counted.lost + sum(loss.events for loss in known.losses)),
        age(now - counted.last_acknowledged).removesuffix(" ago") if counted.last_acknowledged else "never",
    )


def _compact(number: int) -> str:
    return f"{number:,}" if number < 1_000_000 else f"{number / 1e6:,.1f}M"


# Helpers


def run(definition: Definition, work: Coroutine[Any, Any, R]) -> R:
    try:
        return interrupts.run(work)
    except ValueError as error:
        raise ConfigurationFailure(f"The sink {definition.id} cannot be used: {str(error).rstrip('.')}.") from None


def _overview(journal: Path) -> Overview:
    with JournalReader(journal) as reader:
        return reader.overview()


def _region(journal: Path) -> str:
    """The cluster's region, if a runner has found it out."""
    try:
        runner = _overview(journal).runner
    except JournalError:
        return ""
    return runner.region if runner is not None else ""


def outcome(answer: "Answer") -> str:
    took = duration(int(answer.seconds * SECOND))
    if not answer.acknowledged:
        return f"not acknowledged after {took}. {answer.text}"
    return f"acknowledged after {took}" + (f": {answer.text}." if answer.text else ".")


def _who_delivers(runner: RunnerStatus | None) -> str:
    if runner is None:
        return "No runner is alive: the next `nomad-tui sink run` delivers."
    return f"The runner {_runner_name(runner)} delivers."


def _runner_name(runner: RunnerStatus) -> str:
    return f"{runner.pid} on {printable(runner.host, 60)}"
