"""Implements the commands of `cli.sink_operate`: functions raise `click.ClickException` and return the exit code."""

import json
import sys
from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from nomad_tui.cli import interrupts, is_terminal
from nomad_tui.cli.options import ConfigurationFailure
from nomad_tui.cli.sink import cut_cell, defined, echo_table
from nomad_tui.core.glyphs import escaped_json
from nomad_tui.core.readable import SECOND, age, byte_count, duration, number_of
from nomad_tui.core.text import printable
from nomad_tui.journal.cursor import DeadLetter
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
MOST_LETTERS: Final = 1_000
"""Dead letters listed in a table."""
MOST_REASONS: Final = 3
"""Reasons of dead letters printed in full below their table."""


# Sending


def test(loaded: Loaded, journal: Path, id: str) -> int:  # noqa: A002
    from nomad_tui.sinks.runner.by_hand import opened, send_example

    definition = defined(loaded, id)

    async def sent() -> "tuple[Delivery, Answer]":
        async with opened(definition, journal) as send:
            return await send_example(send, definition, _region(journal))

    delivery, answer = _run(definition, sent())
    # For this type, standard output is what the sink writes.
    click.echo(f"{id}: {_outcome(answer)} The event's ID is {delivery.id}.", err=definition.kind is Kind.STDOUT)
    return 0 if answer.acknowledged else 1


def resend(loaded: Loaded, journal: Path, which: Sequence[str], everything: bool) -> int:
    if which and everything:
        named = " ".join(printable(each, 80) for each in which)
        raise click.UsageError(
            f"--all resends the dead letters of all sinks. For those of {named} alone, leave it out: "
            f"nomad-tui sink resend {named}"
        )
    if not which and not everything:
        raise click.UsageError(
            "Name a sink or the numbers of dead letters, or give --all: sink dead-letters lists them."
        )
    with JournalReader(journal) as reader:
        letters = _selected_letters(reader, loaded, which)
    if not letters:
        click.echo("No dead letters to resend.")
        return 0
    sent = 0
    for id, own in groupby(sorted(letters, key=_sink_and_number), lambda letter: letter.sink):  # noqa: A001
        sent += _resend(_definition_of_letters(loaded, id), journal, list(own))
    left = len(letters) - sent
    still = f", {left:,} of those to be sent not" if left else ""
    click.echo(f"{number_of(sent, 'dead letter')} acknowledged{still}.")
    return 1 if left else 0


def _resend(definition: Definition, journal: Path, letters: Sequence[DeadLetter]) -> int:
    """Returns how many were acknowledged."""
    from nomad_tui.sinks.runner import by_hand

    async def resent() -> int:
        sent = tried = 0
        async for letter, answer in by_hand.resend(journal, definition, letters):
            tried += 1
            sent += answer.acknowledged
            click.echo(f"{letter.id} {_title(letter)} to {letter.sink}: {_outcome(answer)}")
        if rest := len(letters) - tried:
            click.echo(f"{number_of(rest, 'more dead letter')} of {definition.id} not tried: it is unavailable.")
        return sent

    return _run(definition, resent())


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
        click.echo(f"nomad-tui: Warning: no failure of {names} is reported meanwhile: `alert_to` names {id}.", err=True)
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
    _echo_wrapped(_summary(shown))
    if runner is None or not overview.alive:
        heard = f"; the last one reported {age(now - runner.heard)}" if runner is not None else ""
        _echo_wrapped(f"No runner uses this journal{heard}. `nomad-tui sink run` starts one.")
    else:
        _echo_wrapped(
            f"Runner {_runner_name(runner)} for {duration(now - runner.started)}: "
            f"stream {printable(runner.state) or 'starting'}, {runner.rate:g} events/s, "
            f"{number_of(runner.gaps, 'gap')}."
        )
        for trouble in filter(None, (silence(overview, now), runner.what, runner.journal_trouble)):
            _echo_wrapped(printable(trouble))
    since = f", from {age(now - overview.oldest)} on" if overview.oldest else ""
    _echo_wrapped(f"Journal {printable(str(journal))}: {byte_count(overview.bytes)}{since}.")
    if not shown:
        return
    head = ("ID", "STATE", "LAG", "BEHIND", "DELIVERED", "DEAD", "LOST", "ACKED")
    rows = [_row(each, now) for each in shown]
    others = sum(max(len(row[column]) for row in (head, *rows)) + 2 for column in range(1, len(head)))
    longest = max(STATUS_WIDTH - others, SHORTEST_ID)
    echo_table([head, *((printable(row[0], longest), *row[1:]) for row in rows)])
    for each in shown:
        if each.run is not None and each.state != REMOVED and (error := each.run.status.last_error):
            _echo_wrapped(f"{printable(each.id, longest)}: {printable(error).rstrip('.')}.{_next_attempt(each, now)}")
    for each in shown:
        for note in each.notes:
            _echo_wrapped(f"Warning: {printable(note)}")


def _next_attempt(report: "SinkReport", now: int) -> str:
    if report.run is None or report.state != SinkState.RETRYING:
        return ""
    status = report.run.status
    wait = status.next_attempt - now
    when = f"in {duration(-(-wait // SECOND) * SECOND)}" if wait > 0 else "is under way"
    return f" Attempt {status.attempt + 1:,} {when}."


def _echo_wrapped(text: str) -> None:
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


def dead_letters(
    loaded: Loaded,
    journal: Path,
    id: str | None,  # noqa: A002
    output: str,
    numbers: Sequence[int],
    delete_all: bool,
) -> int:
    with JournalReader(journal) as reader:
        if id is not None and id not in loaded.definitions and id not in reader.cursors():
            raise click.ClickException(str(NoSinkError(id)))
        letters = reader.letters(id, limit=MOST_LETTERS + 1 if output == "text" and not delete_all else sys.maxsize)
        if numbers or delete_all:
            wanted = letters if delete_all else [_letter(reader, number) for number in numbers]
            return _delete(journal, [letter.id for letter in wanted])
    if output == "json":
        for letter in letters:
            line = _letter_line(letter)
            click.echo(escaped_json(line) if is_terminal(sys.stdout) else line)
    elif letters:
        listed = letters[:MOST_LETTERS]
        rows = [_letter_row(letter) for letter in listed]
        echo_table([("LETTER", "SINK", "WHEN", "EVENT", "KEY"), *rows], notes=[_letter_note(each) for each in listed])
        _echo_reasons(listed)
        if len(letters) > MOST_LETTERS:
            click.echo(f"The first {MOST_LETTERS:,} are listed; --output json lists all.")
    else:
        click.echo("No dead letters.")
    return 0


def _delete(journal: Path, numbers: Sequence[int]) -> int:
    with Store(journal) as control:
        deleted = sum(control.drop_letter(number) for number in numbers)
    click.echo(f"{number_of(deleted, 'dead letter')} deleted.")
    return 0


def _letter_row(letter: DeadLetter) -> tuple[str, ...]:
    """A row of the table; with its note it fits in 80 columns."""
    return (
        str(letter.id),
        cut_cell(printable(letter.sink), 14),
        _moment(letter.buried).strftime("%m-%d %H:%M"),
        cut_cell("gap" if letter.gap else printable(f"{letter.topic}/{letter.type}"), 28),
        cut_cell(printable(letter.key), 13),
    )


def _letter_note(letter: DeadLetter) -> str:
    return cut_cell(printable(f"index {letter.index}, {number_of(letter.attempts, 'attempt')}: {letter.why}"), 78)


def _echo_reasons(letters: Sequence[DeadLetter]) -> None:
    """Prints the newest reasons in full: the remedy is at the end of each."""
    newest = dict.fromkeys(letter.why for letter in reversed(letters))
    for why in list(newest)[MOST_REASONS - 1 :: -1]:
        _echo_wrapped(f"Why: {printable(why)}")


def _letter_line(letter: DeadLetter) -> str:
    """One line of JSON, ending with the event as it would be sent."""
    from nomad_tui.sinks.runner.by_hand import gap_of

    record = {
        "letter": letter.id,
        "sink": letter.sink,
        "buried": _moment(letter.buried).isoformat(timespec="milliseconds"),
        "received": _moment(letter.received).isoformat(timespec="milliseconds"),
        "index": letter.index,
        "event_id": letter.event_id,
        "region": letter.region,
        "attempts": letter.attempts,
        "why": letter.why,
    }
    gap = gap_of(letter)
    if gap is not None:
        return json.dumps(record | {"gap": gap.record()}, ensure_ascii=False)
    text = letter.text.decode("utf-8", "replace")
    return f'{json.dumps(record, ensure_ascii=False)[:-1]}, "event": {text}}}'


# Helpers


def _run(definition: Definition, work: Coroutine[Any, Any, R]) -> R:
    try:
        return interrupts.run(work)
    except ValueError as error:
        raise ConfigurationFailure(f"The sink {definition.id} cannot be used: {str(error).rstrip('.')}.") from None


def _selected_letters(reader: JournalReader, loaded: Loaded, which: Sequence[str]) -> list[DeadLetter]:
    """The dead letters that the arguments select. Raises `click.ClickException` if one does not exist."""
    if not which:
        return reader.letters(limit=sys.maxsize)
    first, *rest = which
    id = None if first.isdecimal() and first not in loaded.definitions and first not in reader.cursors() else first  # noqa: A001
    if id is not None and id not in loaded.definitions and id not in reader.cursors():
        raise click.ClickException(str(NoSinkError(id)))
    numbers = which if id is None else rest
    if not numbers:
        return reader.letters(id, limit=sys.maxsize)
    letters = [_letter(reader, _number(text)) for text in dict.fromkeys(numbers)]
    for letter in letters:
        if id not in (None, letter.sink):
            raise click.ClickException(f"The dead letter {letter.id} belongs to the sink {letter.sink}, not to {id}.")
    return letters


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise click.UsageError(
            f"{printable(text, 40)} is not the number of a dead letter. `nomad-tui sink dead-letters` lists them."
        )
    return int(text)


def _letter(reader: JournalReader, number: int) -> DeadLetter:
    letter = reader.letter(number)
    if letter is None:
        raise click.ClickException(f"No dead letter {number} exists. `nomad-tui sink dead-letters` lists them.")
    return letter


def _definition_of_letters(loaded: Loaded, id: str) -> Definition:  # noqa: A002
    if id not in loaded.definitions and not any(mistake.sink == id for mistake in loaded.mistakes):
        raise click.ClickException(
            f"The sink {id} is no longer defined. Register it again, or delete its dead letters "
            f"with `nomad-tui sink dead-letters {id} --delete-all`."
        )
    return defined(loaded, id)


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


def _outcome(answer: "Answer") -> str:
    took = duration(int(answer.seconds * SECOND))
    if not answer.acknowledged:
        return f"not acknowledged after {took}. {answer.text}"
    return f"acknowledged after {took}" + (f": {answer.text}." if answer.text else ".")


def _title(letter: DeadLetter) -> str:
    if letter.gap:
        return f"(gap at index {letter.index:,})"
    return printable(f"({letter.topic}/{letter.type} {letter.key}, index {letter.index:,})", 120)


def _who_delivers(runner: RunnerStatus | None) -> str:
    if runner is None:
        return "No runner is alive: the next `nomad-tui sink run` delivers."
    return f"The runner {_runner_name(runner)} delivers."


def _runner_name(runner: RunnerStatus) -> str:
    return f"{runner.pid} on {printable(runner.host, 60)}"


def _sink_and_number(letter: DeadLetter) -> tuple[str, int]:
    return letter.sink, letter.id


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / SECOND).astimezone()
