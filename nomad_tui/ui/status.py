"""The header line: what is watched, whether it is alive, how much of it is held. And the trouble, when there is any."""

from collections.abc import Iterator
from typing import Final

from textual.content import Content
from textual.widgets import Static

from nomad_tui.core.history import History
from nomad_tui.core.readable import byte_count, count, duration
from nomad_tui.core.text import printable
from nomad_tui.session import Session, State, Status

_BARS: Final = "▁▂▃▄▅▆▇█"
_LAST_WARNING: Final = 5
"""How long the least of the warnings stays in the header, of 0 for always to 9."""
_PROGRAM: Final = "nomad-tui  "
SHORTEST_NAME: Final = 12
LONGEST_NAME: Final = 60
"""Characters of what is watched: a host may have a long name, and a recording a long path."""
LONGEST_ACCOUNT: Final = 270
LONGEST_REMEDY: Final = 230
"""Characters of a trouble's two halves: with when it is tried again they fill eight lines of 80 cells at most, and a
server's answer quoted in them does not push the remedy off the screen."""
_SECOND: Final = 1_000_000_000
UNANSWERED_FROM: Final = 5.0
"""Seconds after which a connection that was neither accepted nor refused is said to be unanswered."""
HEARTBEAT_LATE: Final = 45.0
"""Seconds without a line after which the heartbeat's age is a warning; servers send one every 30 s."""

_STATES: Final[dict[State, tuple[str, str]]] = {
    State.CONNECTING: ("◌ connecting", "$warning"),
    State.LIVE: ("● live", "$success"),
    State.RETRYING: ("○ reconnecting", "$warning"),
    State.REFUSED: ("✕ refused", "$error"),
    State.ENDED: ("■ read to the end", "$quiet"),
}


class Header(Static):
    """One line of facts, the most important first: what does not fit is left out from the right."""

    def sync(self, session: Session, scope: str) -> None:
        """`scope` is where the events come from, such as `global · all namespaces`; untrusted text."""
        width = self.content_region.width or self.app.size.width
        line = header(session, scope, width)
        if line != self.content:
            self.update(line, layout=False)


def header(session: Session, scope: str, width: int) -> Content:
    """The header's content in at most `width` cells, unless not even the essential fits."""
    status, history, live = session.status, session.history, session.source.live
    state, colour = _STATES[status.state]
    if status.state is State.LIVE and not live:
        state = "● reading"
    version = f" {printable(status.version, 20)}" if status.version else ""
    # In the order of the screen; the number says how long a part stays when the line gets short.
    parts: list[tuple[int, Content]] = [
        (9, Content.from_markup("[$quiet]$scope[/]", scope=printable(scope, 60))),
        (0, Content.from_markup(f"[{colour}]$state[/][$quiet]$version[/]", state=state, version=version)),
    ]
    if live and status.last_heard is not None:
        heard = session.clock() - status.last_heard
        late = "$warning" if heard > HEARTBEAT_LATE else "$quiet"
        parts.append((6, Content.from_markup(f"[{late}]♥ $age[/]", age=duration(int(heard) * _SECOND))))
    parts += [
        (7, Content.from_markup("$rate/s", rate=count(round(status.rate)))),
        (8, Content.from_markup("[$primary]$bars[/]", bars=_bars(list(status.per_second)))),
        (1, Content.from_markup("[$quiet]held[/] [b]$held[/]", held=count(history.held))),
        (8, Content.from_markup("[$quiet]$size[/]", size=byte_count(history.retained_bytes))),
    ]
    parts += _warnings(status, history)

    def facts(longest: int) -> Content:
        between = Content("   " if longest > _LAST_WARNING else "  ")
        return between.join([Content(""), *(part for rank, part in parts if rank <= longest)])

    # A long name gives way to the warnings, but never altogether.
    room = width - len(_PROGRAM) - facts(_LAST_WARNING).cell_length
    to = printable(status.to.removeprefix("http://"), min(LONGEST_NAME, max(SHORTEST_NAME, room)))
    name = Content.from_markup("[b $primary]$program[/][b]$to[/]", program=_PROGRAM, to=to)
    for longest in range(9, -1, -1):
        line = name + facts(longest)
        if line.cell_length <= width:
            break
    return line


def _warnings(status: Status, history: History) -> Iterator[tuple[int, Content]]:
    if history.gaps:
        yield 2, Content.from_markup("[$warning]gaps $gaps[/]", gaps=count(history.gaps))
    if status.unreadable:
        yield 3, Content.from_markup("[$warning]unreadable $lines[/]", lines=count(status.unreadable))
    if history.evicted:
        yield 4, Content.from_markup("[$quiet]evicted[/] $evicted", evicted=count(history.evicted))
    if status.reconnects:
        yield _LAST_WARNING, Content.from_markup("[$quiet]↻[/] $reconnects", reconnects=count(status.reconnects))


def _bars(numbers: list[int]) -> str:
    most = max(numbers, default=0)
    if most == 0:
        return _BARS[0] * len(numbers)
    return "".join(_BARS[min(len(_BARS) - 1, number * len(_BARS) // (most + 1))] for number in numbers)


class Trouble(Static):
    """While the stream is not there: what happened, why, and what to do. Hidden otherwise."""

    def sync(self, session: Session) -> None:
        status = session.status
        what, remedy, again = status.what, status.remedy, ""
        unanswered = session.clock() - status.connecting_since
        if status.state is State.CONNECTING and unanswered > UNANSWERED_FROM:
            what = f"No answer from {status.to} for {unanswered:.0f} s, though nothing has failed yet."
            remedy = "If this goes on, check NOMAD_ADDR (--address) and whatever stands between."
        elif status.state in (State.RETRYING, State.REFUSED, State.CONNECTING) and what:
            wait = max(0, round(status.next_attempt - session.clock()))
            again = "Trying again now."
            if wait:
                again = f"Trying again in {wait} s (attempt {status.attempt + 1}); r tries now."
        elif status.state is State.LIVE and status.refused_topics:
            what = f"The server takes no subscription with {', '.join(status.refused_topics)}."
            remedy = "Events of the other topics go on; use a token that may read these, or untick them."
        else:
            what = ""
        self.display = bool(what)
        if not what:
            return
        self.set_class(status.state is State.REFUSED, "-refused")
        account = Content.from_markup(
            "[b]$what[/] $remedy [$quiet]$again[/]",
            what=printable(what, LONGEST_ACCOUNT),
            remedy=printable(remedy, LONGEST_REMEDY),
            again=again,
        )
        if account != self.content:
            self.update(account)
