"""What a sink is sent next from a journal: the same after a restart, and gaps exactly where events are missing."""

import random
from dataclasses import replace
from pathlib import Path
from time import time_ns

import msgspec
import pytest

from nomad_tui.core.filter import Filter
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, Unreadable, decode
from nomad_tui.journal.cursor import Cursor
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.record import Record
from nomad_tui.journal.retention import Retention
from nomad_tui.sinks.definition.definition import Batch, Definition, Format, GroupBy, Kind
from nomad_tui.sinks.delivery.batching import Batches
from nomad_tui.sinks.delivery.selection import Selection
from nomad_tui.sinks.delivery.sink import Item
from tests.journals import SECOND, writing

SINK = Definition("sink", Kind.WEBHOOK, "http://x/", format=Format.EVENT, batch=Batch(max_events=5, max_wait=0.001))


def frame(index: int, event: bytes, *, fresh: bool = True) -> Frame:
    decoded = decode(b'{"Index":%d,"Events":[%s]}' % (index, event))
    assert isinstance(decoded, Frame)
    decoded.fresh = fresh
    return decoded


async def items(journal: Journal, definition: Definition, cursor: Cursor, upto: int) -> list[Item]:
    """Return everything that a sink gets from a cursor up to a position."""
    batches = Batches(journal, definition, "global", cursor)
    found: list[Item] = []
    place = cursor.position
    while place < upto:
        batch = await batches.next()
        found += batch.items
        place = batch.end.position
    await batches.close()
    return found


@pytest.mark.parametrize("content", [Unreadable("damaged", b"", 1), Gap(GapReason.BUFFER, 7, 9, 1.0)])
def test_events_before_a_hole_prove_no_transition_after_a_restart(content: Unreadable | Gap) -> None:
    def job(index: int) -> Record:
        event = b'{"Topic":"Job","Type":"JobRegistered","Key":"j","Payload":{"Job":{"ID":"j","Version":%d}}}' % index
        return Record(index, 1, 0, frame(index, event))

    definition = msgspec.structs.replace(SINK, group_by=GroupBy.JOB)
    known, hole = Selection(definition, "global", "j"), Selection(definition, "global", "j")
    for selection, between in ((known, ()), (hole, (Record(8, 1, 0, content),))):
        for record in (job(7), *between):
            selection.pass_by(record)
    befores = [item.about is not None and item.about.before for each in (known, hole) for item in each.items(job(9))]
    assert befores[0] and befores[1] is None


SERVICE = b'{"Topic":"Service","Type":"ServiceRegistration","Key":"s","Payload":{"Service":{"ID":"s"}}}'


@pytest.mark.parametrize("position", [0, 1])
async def test_a_filter_by_time_decides_the_same_after_a_restart(tmp_path: Path, position: int) -> None:
    """Regression: after a restart, frames from the server's buffer counted as live, so later events seemed as old as
    them, and a matching event that was not acknowledged was dropped."""
    now = time_ns()
    evaluation = (
        b'{"Topic":"Evaluation","Type":"EvaluationUpdated","Key":"e","Payload":{"Evaluation":'
        b'{"ID":"e","ModifyIndex":7,"ModifyTime":%d}}}' % (now - 7200 * SECOND)
    )
    async with writing(tmp_path / "journal") as journal:
        journal.add(frame(7, evaluation, fresh=False), now)
        journal.add(frame(8, SERVICE), now)
        await journal.flushed()
        wanted = msgspec.structs.replace(SINK, filter=Filter.parse("time:<5m"))
        found = await items(journal, wanted, Cursor("sink", position, events=position), 2)
    assert [item.index for item in found] == [8]


async def test_a_filter_by_age_uses_the_time_of_receipt(tmp_path: Path) -> None:
    """Regression: after a restart, events missed by a receiver that was down for ten minutes were dropped."""
    async with writing(tmp_path / "journal") as journal:
        journal.add(frame(8, SERVICE), time_ns() - 600 * SECOND)
        await journal.flushed()
        found = await items(
            journal, msgspec.structs.replace(SINK, filter=Filter.parse("time:<5m")), Cursor("sink", 0), 1
        )
    assert [item.index for item in found] == [8]


@pytest.mark.parametrize("seed", range(6))
async def test_gaps_cover_exactly_what_is_missing(tmp_path: Path, seed: int) -> None:
    """Whenever the journal drops events: no item that a sink gets is within a gap, and every other event is."""
    chance = random.Random(seed)
    async with writing(tmp_path / "journal", Retention(max_size=200_000)) as journal:
        cursor = await journal.register("sink", 0)
        batches = Batches(journal, SINK, "global", cursor, read_bytes=15_000)
        index = 0
        found: list[Item] = []
        counted = 0

        async def take() -> None:
            nonlocal cursor, counted
            batch = await batches.next()
            found.extend(batch.items)
            counted += batch.lost
            end = batch.end
            moved = replace(cursor, position=end.position, offset=end.offset, events=end.events)
            if chance.random() < 0.3 or end.position == index:
                assert await journal.advance(moved)
            cursor = moved

        for _ in range(60):
            for _ in range(chance.randrange(30)):
                index += 1
                padding = chance.randbytes(1500).hex().encode()
                journal.add(frame(index * 10, b'{"Topic":"Job","Type":"JobRegistered","Key":"%s"}' % padding), 1)
                if chance.random() < 0.3:
                    await journal.flushed()
            await journal.flushed()
            if chance.random() < 0.5:
                await journal.prune()
            for _ in range(chance.randrange(4)):
                if cursor.position < journal.end:
                    await take()
        while cursor.position < journal.end:
            await take()
        await batches.close()
        assert await journal.losses("sink") == []
    had = [item.index for item in found if item.gap is None]
    gaps = [item.gap for item in found if item.gap is not None]
    assert gaps, "something was dropped"
    missing = {at for gap in gaps for at in range(10, index * 10 + 1, 10) if gap.after < at < gap.before}
    assert had == sorted(set(had))
    assert not missing.intersection(had)
    assert missing.union(had) == set(range(10, index * 10 + 1, 10))
    assert counted == len(missing), "as many as sink status says"
