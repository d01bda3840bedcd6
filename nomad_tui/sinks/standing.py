"""How each sink stands, from the journal and the definitions: what `sink status` prints."""

from dataclasses import dataclass
from typing import Final

from nomad_tui.core.readable import SECOND
from nomad_tui.core.secrets import REDACTED, masked_text
from nomad_tui.journal.reader import Overview, SinkOverview
from nomad_tui.journal.status import RunnerStatus, SinkState
from nomad_tui.sinks.folder import Loaded, shown_address

NEW: Final = "new"
"""It is defined, and no runner has run it yet."""
REMOVED: Final = "removed"
"""It is not defined any more; its cursor stands where it stood."""


@dataclass(frozen=True, slots=True)
class Standing:
    id: str
    kind: str
    address: str
    """Fit to be shown: without passwords."""
    state: str
    """A `SinkState`, `NEW` or `REMOVED`."""
    failing: bool
    """Whether its receiver did not take the last attempt, or it cannot be opened; by what is known now."""
    known: SinkOverview | None
    """None for one that is new."""


def standings(overview: Overview, loaded: Loaded) -> list[Standing]:
    """By ID."""
    known = {each.cursor.sink: each for each in overview.sinks}
    # What has a mistake in its definition is defined all the same.
    defined = loaded.definitions.keys() | {mistake.sink for mistake in loaded.mistakes if mistake.sink}
    standings = []
    for id in sorted(known.keys() | loaded.definitions.keys()):  # noqa: A001
        sink = known.get(id)
        if id in loaded.definitions:
            kind, address = loaded.definitions[id].kind.value, shown_address(loaded.definitions[id])
        else:
            kind, address = (sink.status.kind, masked_text(sink.status.address, REDACTED)) if sink else ("", "")
        state = _state(sink, overview.alive, id in defined)
        standings.append(Standing(id, kind, address, state, state in _FAILING, sink))
    return standings


_FAILING: Final = frozenset((SinkState.RETRYING.value, SinkState.BROKEN.value))


def _state(sink: SinkOverview | None, alive: bool, is_defined: bool) -> str:
    if sink is None:
        return NEW
    if not is_defined:
        return REMOVED
    if sink.cursor.paused:
        return SinkState.PAUSED.value
    return sink.status.state.value if alive else SinkState.STOPPED.value


def sink_record(standing: Standing) -> dict[str, object]:
    """As JSON: times in seconds since 1970, null for never."""
    record: dict[str, object] = {
        "id": standing.id,
        "type": standing.kind,
        "address": standing.address,
        "state": standing.state,
        "failing": standing.failing,
    }
    if (known := standing.known) is None:
        return record
    status = known.status
    return record | {
        "lag_events": known.lag_events,
        "lag_seconds": round(known.lag_seconds, 1),
        "events_per_second": status.rate,
        "delivered_events": status.delivered,
        "retried_attempts": status.retried,
        "dead_letters": known.dead_letters,
        "dead_events": status.dead,
        "lost_events": status.lost + sum(loss.events for loss in known.losses),
        "last_acknowledged": _seconds(status.last_acknowledged),
        "last_answer": status.last_answer,
        "last_error": status.last_error,
        "last_error_at": _seconds(status.last_error_at) if status.last_error else None,
        "next_attempt": _seconds(status.next_attempt),
    }


def runner_record(runner: RunnerStatus | None, alive: bool) -> dict[str, object] | None:
    """As JSON: times in seconds since 1970. None where there never was a runner."""
    if runner is None:
        return None
    return {
        "alive": alive,
        "pid": runner.pid,
        "host": runner.host,
        "version": runner.version,
        "started": _seconds(runner.started),
        "heard": _seconds(runner.heard),
        "address": runner.address,
        "region": runner.region,
        "stream": runner.state,
        "what": runner.what,
        "events": runner.events,
        "events_per_second": runner.rate,
        "gaps": runner.gaps,
        "reconnects": runner.reconnects,
        "unreadable_lines": runner.unreadable,
        "journal_trouble": runner.journal_trouble,
        "http": runner.http,
    }


def _seconds(nanoseconds: int) -> float | None:
    return round(nanoseconds / SECOND, 3) if nanoseconds else None
