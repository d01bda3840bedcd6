"""The state of each sink, from definitions and journal, as `sink status` and the dashboard's sinks page show it."""

from dataclasses import dataclass, replace
from typing import Final

from nomad_tui.core.readable import SECOND, duration
from nomad_tui.core.secrets import REDACTED, masked_text
from nomad_tui.core.text import printable
from nomad_tui.journal.reader import Overview, SinkOverview
from nomad_tui.journal.status import RunnerStatus, SinkState
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.definition.folder import Loaded, shown_address
from nomad_tui.sinks.definition.reading import DefinitionError

NEW: Final = "new"
"""Defined, but never run."""
REMOVED: Final = "removed"
"""No longer defined; its cursor is kept."""
MISTAKE: Final = "mistake"
"""Its definition is invalid, and no runner still uses the previous one."""

REFUSED: Final = "refused"
"""Its last events became dead letters, and it has acknowledged none since."""
SILENT_AFTER: Final = 15 * SECOND
"""Time without a report after which a live runner counts as silent; it reports at least every five seconds."""


@dataclass(frozen=True, slots=True)
class SinkReport:
    """One sink that is defined or was ever run."""

    id: str
    """The file's name if a mistake in the definition hides the ID."""
    alive: bool
    """Whether a runner is running."""
    definition: Definition | None = None
    mistakes: tuple[DefinitionError, ...] = ()
    """Mistakes in its definition."""
    notes: tuple[str, ...] = ()
    """Warnings, as sentences."""
    run: SinkOverview | None = None
    """Its state in the journal; None if it never ran with this journal."""

    @property
    def state(self) -> str:
        """A `SinkState`, `NEW`, `REMOVED`, `MISTAKE` or `REFUSED`, as far as definitions and journal tell."""
        run = self.run
        if self.mistakes and (run is None or not self.alive):
            return MISTAKE
        if run is None:
            return NEW
        if self.definition is None and not self.mistakes:
            return REMOVED
        if run.cursor.paused:
            return SinkState.PAUSED.value
        if not self.alive:
            return SinkState.STOPPED.value
        if run.status.state in (SinkState.IDLE, SinkState.DELIVERING) and run.dead_letters and run.status.last_error:
            return REFUSED
        return run.status.state.value

    @property
    def failing(self) -> bool:
        """Whether the last attempt failed or the sink cannot be opened."""
        return self.state in (SinkState.RETRYING, SinkState.BROKEN, REFUSED)

    @property
    def kind(self) -> str:
        if self.definition is not None:
            return self.definition.kind.value
        return self.run.status.kind if self.run is not None else ""

    @property
    def address(self) -> str:
        """Printable, without passwords; "" if unknown."""
        if self.definition is not None:
            return shown_address(self.definition)
        return printable(masked_text(self.run.status.address, REDACTED), 200) if self.run is not None else ""


def sink_reports(loaded: Loaded, overview: Overview | None) -> tuple[SinkReport, ...]:
    """Return the sinks by ID. Without an overview none has ever run."""
    alive = overview is not None and overview.runner is not None and overview.alive
    found: dict[str, SinkReport] = {}

    def of(name: str) -> SinkReport:
        return found.get(name, SinkReport(name, alive))

    for name, definition in loaded.definitions.items():
        found[name] = replace(of(name), definition=definition, notes=loaded.notes.get(name, ()))
    for mistake in loaded.mistakes:
        name = mistake.sink or (mistake.origin.name if mistake.origin is not None else "?")
        found[name] = replace(of(name), mistakes=(*of(name).mistakes, mistake))
    for run in overview.sinks if overview is not None else ():
        found[run.cursor.sink] = replace(of(run.cursor.sink), run=run)
    for report in tuple(found.values()):
        to = report.definition.alert_to if report.definition is not None else None
        if (warning := _unreported(report, found.get(to) if to is not None else None)) is not None:
            found[report.id] = replace(report, notes=(*report.notes, warning))
    return tuple(found[name] for name in sorted(found))


def _unreported(report: SinkReport, to: SinkReport | None) -> str | None:
    """Why the sink that `alert_to` names would not report a failure, as far as that is not in its definition."""
    if to is None or to.definition is None or not report.alive or report.state in (SinkState.STOPPED, NEW):
        return None
    if (reason := _SILENT.get(to.state)) is None:
        return None
    what = reason.format(id=to.id)
    return f"Failures of {report.id} are not reported now: {to.id}, which its `alert_to` names, {what}."


_SILENT: Final = {
    SinkState.PAUSED: "is paused. `nomad-tui sink resume {id}` resumes it",
    **dict.fromkeys((SinkState.STOPPED, NEW), "is not running. Start the runner with {id}, too"),
    **dict.fromkeys((SinkState.BROKEN, SinkState.RETRYING, REFUSED), "is failing. Repair {id} first"),
}
"""Why a sink in this state delivers no alert of another one."""


def silence(overview: Overview, now: int) -> str:
    """Why what is known of a live runner and its sinks is out of date at `now`; "" while the runner reports."""
    runner = overview.runner
    silent = now - runner.heard if runner is not None and overview.alive else 0
    if silent < SILENT_AFTER:
        return ""
    return (
        f"It has reported nothing for {duration(silent // SECOND * SECOND)}, so its figures are old: it is suspended, "
        "or cannot write the journal. If this continues, read its log and restart it."
    )


def sink_record(report: SinkReport) -> dict[str, object]:
    """Return the report as JSON: times in seconds since 1970, null for never."""
    record: dict[str, object] = {
        "id": report.id,
        "type": report.kind,
        "address": report.address,
        "state": report.state,
        "failing": report.failing,
        "warnings": list(report.notes),
    }
    if (known := report.run) is None:
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
    """Return the runner's status as JSON: times in seconds since 1970. None if there never was a runner."""
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
