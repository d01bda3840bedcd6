"""The header line: what is watched, whether it is alive, how much of it is held. And the trouble, when there is any."""

from time import monotonic
from typing import Final

from textual.content import Content
from textual.widgets import Static

from nomad_tui.core.history import History
from nomad_tui.core.readable import byte_count, count, duration
from nomad_tui.core.text import printable
from nomad_tui.session import Session, State, Status

_BARS: Final = "▁▂▃▄▅▆▇█"
_SECOND: Final = 1_000_000_000
HEARTBEAT_LATE: Final = 45.0
"""Seconds without a line after which the heartbeat's age is a warning; servers send one every 30 s."""

_STATES: Final[dict[State, tuple[str, str]]] = {
    State.CONNECTING: ("◌ connecting", "$warning"),
    State.LIVE: ("● live", "$success"),
    State.RETRYING: ("○ reconnecting", "$warning"),
    State.REFUSED: ("✕ refused", "$error"),
    State.ENDED: ("■ read to the end", "$text-muted"),
}


class Header(Static):
    """One line of facts, the most important first: what does not fit is left out from the right."""

    def sync(self, session: Session, scope: str) -> None:
        """`scope` is where the events come from, such as `global · all namespaces`; untrusted text."""
        width = self.content_region.width or self.app.size.width
        self.update(header(session.status, session.history, session.source.live, scope, width))


def header(status: Status, history: History, live: bool, scope: str, width: int) -> Content:
    """The header's content in at most `width` cells."""
    state, colour = _STATES[status.state]
    if status.state is State.LIVE and not live:
        state = "● reading"
    groups: list[Content] = [Content.from_markup("[b $primary]nomad-tui[/]  [b]$to[/]", to=printable(status.to, 60))]
    version = f" {printable(status.version, 20)}" if status.version else ""
    essential = Content.from_markup(f"[{colour}]$state[/][$text-muted]$version[/]", state=state, version=version)
    held = Content.from_markup(
        "[$text-muted]held[/] [b]$held[/] [$text-muted]$size[/]",
        held=count(history.held),
        size=byte_count(history.retained_bytes),
    )
    optional: list[Content] = []
    if live:
        heard = monotonic() - status.last_heard if status.last_heard is not None else None
        if heard is not None:
            late = "$warning" if heard > HEARTBEAT_LATE else "$text-muted"
            optional.append(Content.from_markup(f"[{late}]♥ $age[/]", age=duration(int(heard) * _SECOND)))
    optional.append(
        Content.from_markup(
            "$rate/s [$primary]$bars[/]", rate=count(round(status.rate)), bars=_bars(list(status.per_second))
        )
    )
    warnings: list[Content] = []
    if history.gaps:
        warnings.append(Content.from_markup("[$warning]gaps $gaps[/]", gaps=count(history.gaps)))
    if history.evicted:
        warnings.append(Content.from_markup("[$text-muted]evicted $evicted[/]", evicted=count(history.evicted)))
    if status.reconnects:
        warnings.append(Content.from_markup("[$text-muted]↻[/] $reconnects", reconnects=count(status.reconnects)))
    if status.unreadable:
        warnings.append(Content.from_markup("[$warning]unreadable $lines[/]", lines=count(status.unreadable)))
    place = Content.from_markup("[$text-muted]$scope[/]", scope=printable(scope, 60))
    # In the order of the screen; the numbers say which go first when the line is too short.
    parts = [(0, groups[0]), (5, place), (0, essential), *((4, part) for part in optional), (1, held)]
    parts += [(2, part) for part in warnings]
    gap = Content("   ")
    for dropped in (9, 5, 4, 2, 1):
        line = gap.join([part for rank, part in parts if rank < dropped])
        if line.cell_length <= width:
            return line
    return line


def _bars(numbers: list[int]) -> str:
    most = max(numbers, default=0)
    if most == 0:
        return _BARS[0] * len(numbers)
    return "".join(_BARS[min(len(_BARS) - 1, number * len(_BARS) // (most + 1))] for number in numbers)


class Trouble(Static):
    """While the stream is not there: what happened, why, and what to do. Hidden otherwise."""

    def sync(self, status: Status) -> None:
        trouble = bool(status.what) and status.state in (State.RETRYING, State.REFUSED, State.CONNECTING)
        self.display = trouble
        if not trouble:
            return
        wait = max(0, round(status.next_attempt - monotonic()))
        again = (
            f"Trying again in {wait} s (attempt {status.attempt + 1}); r tries now." if wait else "Trying again now."
        )
        self.set_class(status.state is State.REFUSED, "-refused")
        self.update(
            Content.from_markup(
                "[b]$what[/] $remedy [$text-muted]$again[/]",
                what=printable(status.what, 600),
                remedy=printable(status.remedy, 600),
                again=again,
            )
        )
