"""Implements `nomad-tui sink dead-letters` and `nomad-tui sink resend`."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Final

import click

from nomad_tui.cli import is_terminal
from nomad_tui.cli.sink import cut_cell, defined, echo_table
from nomad_tui.cli.sink_operations import echo_wrapped, outcome, run
from nomad_tui.core.glyphs import escaped_json
from nomad_tui.core.readable import SECOND, number_of
from nomad_tui.core.text import printable
from nomad_tui.journal.cursor import DeadLetter
from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.store import Store
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.definition.folder import Loaded, NoSinkError

MAX_LETTERS: Final = 1_000
"""Dead letters listed in a table."""
MAX_REASONS: Final = 3
"""Reasons of dead letters printed in full below their table."""


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
            click.echo(f"{letter.id} {_title(letter)} to {letter.sink}: {outcome(answer)}")
        if rest := len(letters) - tried:
            click.echo(f"{number_of(rest, 'more dead letter')} of {definition.id} not tried: it is unavailable.")
        return sent

    return run(definition, resent())


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
        letters = reader.letters(id, limit=MAX_LETTERS + 1 if output == "text" and not delete_all else sys.maxsize)
        if numbers or delete_all:
            wanted = letters if delete_all else [_letter(reader, number) for number in numbers]
            return _delete(journal, [letter.id for letter in wanted])
    if output == "json":
        for letter in letters:
            line = _letter_line(letter)
            click.echo(escaped_json(line) if is_terminal(sys.stdout) else line)
    elif letters:
        listed = letters[:MAX_LETTERS]
        rows = [_letter_row(letter) for letter in listed]
        echo_table([("LETTER", "SINK", "WHEN", "EVENT", "KEY"), *rows], notes=[_letter_note(each) for each in listed])
        _echo_reasons(listed)
        if len(letters) > MAX_LETTERS:
            click.echo(f"The first {MAX_LETTERS:,} are listed; --output json lists all.")
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
    for why in list(newest)[MAX_REASONS - 1 :: -1]:
        echo_wrapped(f"Why: {printable(why)}")


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


def _title(letter: DeadLetter) -> str:
    if letter.gap:
        return f"(gap at index {letter.index:,})"
    return printable(f"({letter.topic}/{letter.type} {letter.key}, index {letter.index:,})", 120)


def _sink_and_number(letter: DeadLetter) -> tuple[str, int]:
    return letter.sink, letter.id


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / SECOND).astimezone()
