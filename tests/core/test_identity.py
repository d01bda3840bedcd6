"""An event has one ID, independent of the server that sent it and the client that received it."""

import random
from typing import Any

import orjson

from nomad_tui.core.identity import Identities
from nomad_tui.core.wire import Frame, decode
from tests import recordings
from tests.recordings import frame


def job(status: str, **more: Any) -> dict[str, Any]:
    payload = {"Job": {"ID": "web", "Status": status, **more}}
    return {"Topic": "Job", "Type": "JobRegistered", "Key": "web", "Namespace": "default", "Payload": payload}


def shuffled(value: Any) -> Any:
    """Return the same value with shuffled object keys."""
    if isinstance(value, dict):
        keys = list(value)
        random.Random(1).shuffle(keys)
        return {key: shuffled(value[key]) for key in keys}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


def test_the_order_of_keys_does_not_affect_the_id() -> None:
    for line in recordings.lines("tour"):
        decoded = decode(line)
        if isinstance(decoded, Frame):
            other = decode(orjson.dumps(shuffled(orjson.loads(line))))
            assert isinstance(other, Frame)
            assert Identities("global").of(decoded) == Identities("global").of(other)


def test_values_that_each_server_computes_do_not_affect_the_id() -> None:
    ours = job("running", NextEval="5b1b1c3e-2222-3333-4444-555566667777", At="2026-01-01T00:00:00Z", Then=10**18 + 1)
    theirs = job("running", NextEval="", At="2026-01-01T00:00:09Z", Then=10**18 + 7)
    without = job("running")
    ids = [Identities().of(frame(7, event)) for event in (ours, theirs, without)]
    assert ids[0] == ids[1] == ids[2]


def test_one_object_written_twice_under_an_index_is_two_events() -> None:
    pending, running = job("pending"), job("running")
    identities = Identities()
    first = identities.of(frame(7, pending))
    second = identities.of(frame(7, running))
    assert first != second
    assert [*first, *second] == Identities().of(frame(7, pending, running))


def test_identical_events_are_distinguished_by_their_order() -> None:
    same = job("running")
    identities = Identities()
    ids = identities.of(frame(7, same, same)) + identities.of(frame(7, same))
    assert len(set(ids)) == 3
    assert Identities().of(frame(8, same)) != ids[:1]


def test_every_event_of_every_recording_has_a_unique_id() -> None:
    for name in ("tour", "load", "beta", "hostile"):
        identities = Identities("global")
        ids: list[str] = []
        for line in recordings.lines(name):
            decoded = decode(line)
            if isinstance(decoded, Frame):
                ids += identities.of(decoded)
        assert ids
        # The hostile recording repeats an index.
        assert len(set(ids)) == len(ids) or name == "hostile"


def test_a_rebuilt_cluster_has_new_ids_at_the_indexes_of_the_old_one() -> None:
    old, new = job("running", SubmitTime=10**18 + 1), job("running", SubmitTime=10**18 + 2)
    assert Identities("global").of(frame(7, old)) != Identities("global").of(frame(7, new))


def test_two_regions_do_not_share_ids() -> None:
    assert Identities("global").of(frame(7, job("running"))) != Identities("europe").of(frame(7, job("running")))
