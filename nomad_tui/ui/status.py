"""The header with the source, its state and the number of events; warnings below it; and the footer with keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from textual import events
from textual.binding import Binding
from textual.color import Color, ColorParseError
from textual.content import Content
from textual.screen import Screen
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Static

from nomad_tui.core.history.history import History
from nomad_tui.core.readable import SECOND, byte_count, count, duration
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Concern, Warned
from nomad_tui.session import Session, State, Status
from nomad_tui.ui.actions import UNBOUND
from nomad_tui.ui.key_names import shown_key
from nomad_tui.ui.keymap import keymap_of

if TYPE_CHECKING:
    from nomad_tui.config.connection import Connection
    from nomad_tui.config.precedence import Profile


LIVE_ONLY: Final = ("app.follow", "app.pause")
"""Actions that are not shown for a recording or a journal, because no new events arrive."""
LAST: Final = ("app.help", "app.quit")
"""Actions whose keys are always shown, at the end."""
GAP: Final = 2
"""Cells between two keys."""


class KeyHints(Widget):
    DEFAULT_CSS = """
    KeyHints { dock: bottom; height: 1; padding: 0 1; }
    """

    def __init__(self, *, live: bool = True) -> None:
        """`live` means that new events arrive."""
        super().__init__()
        self._live = live

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, screen: Screen[Any]) -> None:
        if self.app.app_focus:
            self.refresh()

    def render(self) -> Content:
        return Content(" " * GAP).join([_hint(binding) for binding in self._shown()])

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        at = 0 if offset is None else offset.x
        for binding in self._shown():
            width = _hint(binding).cell_length
            if 0 <= at < width:
                self.app.simulate_key(binding.key)
            at -= width + GAP

    def _shown(self) -> list[Binding]:
        """The bindings to show, from left to right."""
        found: dict[str, Binding] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.key == UNBOUND:
                continue
            if binding.show and binding.id is not None and (self._live or binding.id not in LIVE_ONLY):
                found.setdefault(binding.id, binding)
        last = [found.pop(name) for name in LAST if name in found]
        room = self.content_size.width - sum(_hint(binding).cell_length + GAP for binding in last)
        shown: list[Binding] = []
        for binding in found.values():
            room -= _hint(binding).cell_length + GAP
            if room < 0:
                break
            shown.append(binding)
        return [*shown, *last]


def _hint(binding: Binding) -> Content:
    return Content.assemble(
        (shown_key(binding.key), "bold $footer-key-foreground"),
        (f" {binding.description}", "$footer-description-foreground"),
    )


_BARS: Final = "▁▂▃▄▅▆▇█"
_LAST_WARNING: Final = 5
"""Rank of the least important warning in the header, from 0 (always shown) to 9."""
_PROGRAM: Final = "nomad-tui  "
SHORTEST_NAME: Final = 12
LONGEST_NAME: Final = 60
"""Characters of the source's name: a host may have a long name, and a recording a long path."""
LONGEST_ERROR: Final = 270
LONGEST_REMEDY: Final = 230
"""Characters of an error and its remedy. With the time of the next attempt they fill at most eight lines of 80 cells,
and a quoted answer of the server does not push the remedy off the screen."""
LONGEST_PROFILE: Final = 20
WARNING_LINES: Final = 2
"""Maximum number of lines of a warning; the list of warnings shows all of it."""
SHORTEST_REMEDY: Final = 20
"""Minimum room in characters for a remedy to be shown."""
WITHOUT_SERVER: Final = "{app.doctor} check the connection · {app.switch} switch cluster · or run `nomad-tui demo`"
"""Shown until a server has been reached; one line of 80 columns."""
UNANSWERED_AFTER: Final = 5.0
"""Seconds after which a connection that was neither accepted nor refused is reported as unanswered."""
HEARTBEAT_LATE: Final = 45.0
"""Seconds without a line after which the heartbeat's age is shown as a warning; servers send one every 30 s."""

_STATES: Final[dict[State, tuple[str, str]]] = {
    State.CONNECTING: ("◌ connecting", "$warning"),
    State.LIVE: ("● live", "$success"),
    State.RETRYING: ("○ reconnecting", "$warning"),
    State.REFUSED: ("✕ refused", "$error"),
    State.ENDED: ("■ finished", "$quiet"),
}


@runtime_checkable
class Reaching(Protocol):
    """A source that connects to a server, or to one of several."""

    @property
    def connection(self) -> Connection: ...


class Header(Static):
    """One line; parts that do not fit are omitted by their rank."""

    def sync(self, session: Session, scope: str, mode: str) -> None:
        """`scope` is what the events cover, such as `global · all namespaces`; untrusted. `mode` is the state of the
        list: `paused`, `following` or ""."""
        width = self.content_region.width or self.app.size.width
        line = header(session, scope, width, self.app.theme_variables, mode)
        if line != self.content:
            self.update(line, layout=False)


def state_of(session: Session) -> tuple[str, str]:
    """The state of the source, such as `● live`, and its color."""
    status, live = session.status, session.source.live
    if not live and status.state in (State.CONNECTING, State.LIVE):
        return "● reading", _STATES[status.state][1]
    if status.state is State.RETRYING and not status.been_connected:
        return _STATES[State.CONNECTING]
    if status.state is State.LIVE and Concern.LEADER in status.warnings:
        return "● no leader", "$warning"
    if status.state is State.LIVE and Concern.LINE in status.warnings:
        return "● stalled", "$warning"
    return _STATES[status.state]


def header(
    session: Session, scope: str, width: int, colors: Mapping[str, str] | None = None, mode: str = ""
) -> Content:
    """The header's content in at most `width` cells, unless even the essential parts do not fit.

    `colors` are the theme's, by the names that a profile may use.
    """
    status, history, live = session.status, session.history, session.source.live
    state, color = state_of(session)
    version = f" {printable(status.version, 20)}" if status.version else ""
    # In display order, each with its rank: parts with a higher rank are omitted first.
    parts: list[tuple[int, Content]] = [
        (9 if live else 4, Content.from_markup("[$quiet]$scope[/]", scope=printable(scope, 60))),
        (0, Content.from_markup(f"[{color}]$state[/][$quiet]$version[/]", state=state, version=version)),
    ]
    if status.recorded is not None:
        text = f"● rec {count(status.recorded)}"
        parts.append((0, Content.from_markup("[b $error]$text[/]", text=text)))
    paused = mode == "paused"
    if paused or (mode and status.been_connected):
        color, sign = ("$warning", "▮▮ ") if paused else ("$quiet", "")
        parts.append((1 if paused else 5, Content.from_markup(f"[{color}]$mode[/]", mode=sign + mode)))
    if live and status.last_heard is not None:
        heard = session.clock() - status.last_heard
        late = "$warning" if heard > HEARTBEAT_LATE else "$quiet"
        parts.append((6, Content.from_markup(f"[{late}]♥ $age[/]", age=duration(int(heard) * SECOND))))
    if live:
        # The rate at which a recording is read says nothing about the cluster.
        parts += [
            (7, Content.from_markup("$rate/s", rate=count(round(status.rate)))),
            (8, Content.from_markup("[$primary]$bars[/]", bars=_bars(list(status.per_second)))),
        ]
    parts += [
        (1, Content.from_markup("[$quiet]held[/] [b]$held[/]", held=count(history.held))),
        (8, Content.from_markup("[$quiet]$size[/]", size=byte_count(history.retained_bytes))),
    ]
    parts += _warnings(status, history)

    def facts(longest: int) -> Content:
        between = Content("   " if longest > _LAST_WARNING else "  ")
        return between.join([Content(""), *(part for rank, part in parts if rank <= longest)])

    before, after = Content.from_markup("[b $primary]$program[/]", program=_PROGRAM), Content("")
    if isinstance(session.source, Reaching):
        connection = session.source.connection
        before += _profile(connection.profile, colors or {})
        after = _which(status.to, connection)
    # A long name is shortened in favor of warnings.
    room = width - before.cell_length - after.cell_length - facts(_LAST_WARNING).cell_length
    to = printable(status.to.removeprefix("http://"), min(LONGEST_NAME, max(SHORTEST_NAME, room)))
    name = before + Content.from_markup("[b]$to[/]", to=to) + after
    for longest in range(9, -1, -1):
        line = name + facts(longest)
        if line.cell_length <= width:
            break
    return line


def _profile(profile: Profile | None, colors: Mapping[str, str]) -> Content:
    """The profile's name on its color, so that the cluster is recognized at once."""
    if profile is None:
        return Content("")
    name = f" {printable(profile.name, LONGEST_PROFILE)} "
    try:
        ground = Color.parse(colors.get(profile.color, profile.color))
    except ColorParseError:
        return Content.from_markup("[b $foreground on $panel]$name[/]  ", name=name)
    style = Style(background=ground, foreground=ground.get_contrast_text(1.0), bold=True)
    return Content.styled(name, style) + Content("  ")


def _which(to: str, connection: Connection) -> Content:
    """The number of the current server among several, in the operator's order."""
    names = [str(each.address) for each in connection.servers]
    if len(names) < 2 or to not in names:
        return Content("")
    return Content.from_markup("[$quiet] ($number of $all)[/]", number=str(names.index(to) + 1), all=str(len(names)))


def _warnings(status: Status, history: History) -> Iterator[tuple[int, Content]]:
    if history.gaps:
        yield 2, Content.from_markup("[$warning]gaps $gaps[/]", gaps=count(history.gaps))
    if status.unreadable:
        yield 3, Content.from_markup("[$warning]unreadable $lines[/]", lines=count(status.unreadable))
    if status.harmful_topics:
        names = printable(", ".join(status.harmful_topics), SHORTEST_NAME)
        yield 3, Content.from_markup("[$warning]not read: $names[/]", names=names)
    if status.warnings:
        yield 3, Content.from_markup("[$warning]warnings $warnings[/]", warnings=count(len(status.warnings)))
    if history.evicted:
        yield 4, Content.from_markup("[$quiet]evicted[/] $evicted", evicted=count(history.evicted))
    if status.reconnects:
        yield _LAST_WARNING, Content.from_markup("[$quiet]↻[/] $reconnects", reconnects=count(status.reconnects))


def _bars(numbers: list[int]) -> str:
    most = max(numbers, default=0)
    if most == 0:
        return _BARS[0] * len(numbers)
    return "".join(_BARS[min(len(_BARS) - 1, number * len(_BARS) // (most + 1))] for number in numbers)


ORDER: Final = (
    Concern.RECORDING,
    Concern.LINE,
    Concern.LEADER,
    Concern.HARM,
    Concern.NAMESPACE,
    Concern.TOPIC,
    Concern.PERMISSION,
    Concern.BUFFERED,
    Concern.CLOCK,
    Concern.SETTINGS,
)
"""Warnings by importance: those that may hide the most events come first."""


def in_order(warnings: Mapping[Concern, Warned]) -> list[Warned]:
    """The warnings, the most important first."""
    return [warnings[concern] for concern in sorted(warnings, key=ORDER.index)]


def _is_receiving(status: Status) -> bool:
    """Whether a connection's first line is arriving slowly, which has its own warning."""
    return status.state is State.CONNECTING and Concern.LINE in status.warnings


class Trouble(Static):
    """While the stream is interrupted, the error and its remedy.

    Otherwise the most important warning that the operator has not hidden, if any.
    """

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._put_away: dict[Concern, Warned] = {}

    def put_away(self, status: Status) -> None:
        """Hides the current warnings; one is shown again if its text changes, or if it recurs."""
        self._put_away = dict(status.warnings)

    def sync(self, session: Session) -> None:
        status = session.status
        self._put_away = {
            concern: warned for concern, warned in self._put_away.items() if status.warnings.get(concern) == warned
        }
        text = self._trouble(session)
        is_warning = text is None
        if text is None and (status.state is State.LIVE or _is_receiving(status)):
            text = self._warning(status)
        self.display = text is not None
        if text is None:
            return
        self.set_class(is_warning, "-warning")
        self.set_class(status.state is State.REFUSED, "-refused")
        if text != self.content:
            self.update(text)

    def _trouble(self, session: Session) -> Content | None:
        status = session.status
        what, remedy, again = status.what, status.remedy, ""
        unanswered = session.clock() - status.connecting_since
        if _is_receiving(status):
            return None
        if status.state is State.CONNECTING and unanswered > UNANSWERED_AFTER:
            what = f"No answer from {status.to} for {unanswered:.0f} s, no error yet."
            where = "NOMAD_ADDR (--address)" if isinstance(session.source, Reaching) else "its address"
            remedy = f"If this continues, check {where} and any proxy."
        elif status.state in (State.RETRYING, State.REFUSED, State.CONNECTING) and what:
            wait = max(0, round(status.next_attempt - session.clock()))
            again = "Retrying now."
            if wait:
                key = keymap_of(self.app).text("press {app.retry} to retry now")
                again = f"Retrying in {wait} s (attempt {status.attempt + 1}); {key}."
        elif status.state is State.LIVE and status.refused_topics:
            what = f"The server rejects subscriptions to {', '.join(status.refused_topics)}."
            remedy = "Other topics continue. Use a token that may read these, or untick them."
        else:
            return None
        is_lost = isinstance(session.source, Reaching) and not status.been_connected
        offer = f"\n{keymap_of(self.app).text(WITHOUT_SERVER)}" if is_lost and status.state is not State.REFUSED else ""
        return Content.from_markup(
            "[b]$what[/] $remedy [$quiet]$again$offer[/]",
            what=printable(what, LONGEST_ERROR),
            remedy=printable(remedy, LONGEST_REMEDY),
            again=again,
            offer=offer,
        )

    def _warning(self, status: Status) -> Content | None:
        waiting = in_order({key: each for key, each in status.warnings.items() if key not in self._put_away})
        if not waiting:
            return None
        keys = keymap_of(self.app).text("{app.warnings} to read and hide")
        if len(waiting) > 1:
            keys = f"1 of {len(waiting)}, {keys}"
        # Lines break between words, so they are a little shorter than the width.
        room = WARNING_LINES * (self.app.size.width - 12) - len(keys)
        what = printable(waiting[0].what, max(room, len("▲ ")))
        remedy = printable(waiting[0].remedy, room - len(what)) if room - len(what) > SHORTEST_REMEDY else ""
        return Content.from_markup(
            "[$warning]▲[/] $what [$quiet]$remedy[/] [$faint]($keys)[/]", what=what, remedy=remedy, keys=keys
        )
