"""Opens the logs of the allocation that an event is about."""

from typing import Any, Final

from textual.screen import Screen

from nomad_tui.core.objects.allocation import ALLOCATION
from nomad_tui.core.objects.parts import short
from nomad_tui.nomad.task_logs import TaskLog, read_log
from nomad_tui.session import Session
from nomad_tui.sources.live import LiveServer
from nomad_tui.ui.logs.page import LogsPage

LOG_BYTES: Final = 256 * 1024
"""Read from the end of a log."""


def open_logs(screen: Screen[Any], session: Session, sequence: int | None) -> None:
    """Opens the page for the event, or says why there are no logs."""
    history, source = session.history, session.source
    event = None
    if sequence is not None and sequence >= history.first and history.gap(sequence) is None:
        event = history.event(sequence)
    allocation = ALLOCATION.read(event.payload) if event is not None and event.topic == ALLOCATION.name else None
    if event is None or allocation is None:
        screen.notify("Only allocations have logs. Select an event of an allocation.", markup=False)
        return
    if not isinstance(source, LiveServer):
        screen.notify(
            "Logs need a live connection. Connect to the cluster with `nomad-tui`.",
            markup=False,
        )
        return
    id_, namespace, connection = event.key, event.namespace, source.connection
    # The newest event held knows the tasks that have started since.
    newest = history.newest(event.topic, namespace, id_)
    latest = ALLOCATION.read(history.payload(newest)) if newest is not None else None
    tasks = sorted((latest or allocation).tasks)
    screen.app.push_screen(
        LogsPage(
            f"{allocation.name or allocation.job_id} ({short(id_)})",
            tasks,
            lambda task, type_: read_log(connection, TaskLog(id_, namespace, task, type_), LOG_BYTES, follow=True),
        )
    )
