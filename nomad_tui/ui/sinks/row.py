"""The texts of the sinks page: the row of each sink, the details of one, and the runner. All are safe to display."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from nomad_tui.core.level import Level
from nomad_tui.core.readable import SECOND, age, byte_count, count, duration
from nomad_tui.core.text import ELLIPSIS, printable
from nomad_tui.journal.status import RunnerStatus, SinkState, SinkStatus
from nomad_tui.sinks.definition.codecs import LONGEST_ID
from nomad_tui.sinks.definition.definition import FORMATTED, Definition, Kind
from nomad_tui.sinks.definition.folder import shown_address
from nomad_tui.sinks.delivery.report import MISTAKE, NEW, REFUSED, REMOVED, SinkReport, silence
from nomad_tui.ui.sinks.place import Place
from nomad_tui.ui.sinks.watch import Seen

LONGEST_ERROR: Final = 2_000
"""Characters of an untrusted text that are shown."""
LABEL_WIDTH: Final = 13
MIN_ADDRESS: Final = 16
"""Minimum width of the address column in cells; if less is left, it is omitted."""
WIDEST: Final = 140
"""Maximum line length in cells: longer lines are hard to read."""
LAG_WARNING: Final = 60.0
"""Seconds of lag above which it is shown as a warning."""

STATES: Final[dict[str, tuple[str, str]]] = {
    SinkState.IDLE: ("●", "good"),
    SinkState.DELIVERING: ("▶", "good"),
    SinkState.RETRYING: ("↻", "warn"),
    SinkState.PAUSED: ("‖", "warn"),
    SinkState.BROKEN: ("✖", "bad"),
    SinkState.STOPPED: ("■", "quiet"),
    NEW: ("○", "quiet"),
    REMOVED: ("□", "quiet"),
    MISTAKE: ("✖", "bad"),
    REFUSED: ("✖", "bad"),
}
"""The glyph (one cell) and the component class of each state."""


# Rows


class Column(StrEnum):
    """The columns of the list and their headings."""

    SINK = "sink"
    STATE = "state"
    TYPE = "type"
    ADDRESS = "address"
    LAG = "lag"
    BEHIND = "behind"
    RATE = "rate"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "last ack"
    DEAD = "dead"


WIDTHS: Final = {
    Column.STATE: 10,
    Column.TYPE: 7,
    Column.LAG: 9,
    Column.BEHIND: 6,
    Column.RATE: 8,
    Column.DELIVERED: 10,
    Column.ACKNOWLEDGED: 9,
    Column.DEAD: 5,
}
LEFT: Final = frozenset((Column.SINK, Column.STATE, Column.TYPE, Column.ADDRESS))
DROP_ORDER: Final = (Column.ADDRESS, Column.TYPE, Column.DELIVERED, Column.BEHIND, Column.RATE, Column.ACKNOWLEDGED)
"""The columns that a list too narrow for all of them omits, in this order."""
GUTTER: Final = 2
SHORTEST_NAME: Final = 12
NAME_WIDTH_KEPT: Final = 20
"""Cells of a name that take precedence over other columns. Longer names are truncated; the details show them."""


def layout(width: int, sinks: Sequence[SinkReport]) -> dict[Column, int]:
    """The columns that fit into `width` cells, and the width of each."""
    longest = max((len(sink.id) for sink in sinks), default=0)
    name = min(LONGEST_ID, max(SHORTEST_NAME, longest))
    columns = list(Column)
    for dropped in (None, *DROP_ORDER):
        if dropped is not None:
            columns.remove(dropped)
        taken = GUTTER + sum(WIDTHS.get(column, 0) + GUTTER for column in columns) - GUTTER
        least = MIN_ADDRESS if Column.ADDRESS in columns else 0
        if taken + min(name, NAME_WIDTH_KEPT) + least <= width:
            break
    name = max(SHORTEST_NAME, min(name, width - taken))
    widths = {column: WIDTHS.get(column, name) for column in columns}
    if Column.ADDRESS in widths:
        addresses = max((len(sink.address) for sink in sinks), default=0)
        widths[Column.SINK] = name = min(name, max(NAME_WIDTH_KEPT, width - taken - max(MIN_ADDRESS, addresses)))
        kinds = max((len(sink.kind) for sink in sinks), default=0)
        longer = max(0, min(kinds - widths[Column.TYPE], width - taken - name - MIN_ADDRESS))
        widths[Column.TYPE] += longer
        widths[Column.ADDRESS] = min(width - taken - name - longer, max(MIN_ADDRESS, addresses))
    return widths


def heading(widths: dict[Column, int]) -> str:
    return "  " + (" " * GUTTER).join(_cell(column, column.value, width) for column, width in widths.items())


def pieces(sink: SinkReport, widths: dict[Column, int], seen: Seen) -> list[tuple[str, str]]:
    """The texts of one row, each with its component class without prefix."""
    word = sink.state
    glyph, style = STATES[MISTAKE if sink.mistakes else word]
    made = [(style, glyph)]
    for column, width in widths.items():
        component, text = _column_text(column, sink, seen, word)
        made.append((component, " " * (1 if column is Column.SINK else GUTTER) + _cell(column, text, width)))
    return made


def _cell(column: Column, text: str, width: int) -> str:
    return fitted(text, width, right=column not in LEFT)


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """An untrusted text truncated or padded to `width` cells."""
    text = printable(text, width)
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1).rstrip() + ELLIPSIS
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def _column_text(column: Column, sink: SinkReport, seen: Seen, word: str) -> tuple[str, str]:
    run = sink.run
    status = run.status if run is not None else SinkStatus()
    match column:
        case Column.SINK:
            return "name", sink.id
        case Column.STATE:
            return STATES[word][1], word
        case Column.TYPE:
            return "quiet", sink.kind
        case Column.ADDRESS:
            return "quiet", sink.address
        case _ if run is None:
            return "quiet", "–" if column is Column.LAG else ""
        case Column.LAG:
            return _urgency(sink, word), count(run.lag_events)
        case Column.BEHIND:
            return _urgency(sink, word), _one_unit(run.lag_seconds) if run.lag_events else ""
        case Column.RATE:
            running = word in (SinkState.IDLE, SinkState.DELIVERING, SinkState.RETRYING, REFUSED)
            return ("plain" if status.rate else "quiet"), rate(status.rate) if running else ""
        case Column.DELIVERED:
            return ("plain" if status.delivered else "quiet"), count(status.delivered)
        case Column.ACKNOWLEDGED:
            return "quiet", _ago(status.last_acknowledged, seen.at) if status.last_acknowledged else "never"
        case Column.DEAD:
            return ("bad" if run.dead_letters else "quiet"), count(run.dead_letters)


def _urgency(sink: SinkReport, word: str) -> str:
    run = sink.run
    if run is None or not run.lag_events:
        return "quiet"
    return "warn" if run.lag_seconds > LAG_WARNING and word != SinkState.PAUSED else "plain"


def rate(events: float) -> str:
    return f"{events:.1f}/s" if 0 < events < 10 else f"{count(round(events))}/s"


def _one_unit(seconds: float) -> str:
    return age(int(max(1.0, seconds)) * SECOND).removesuffix(" ago")


def _ago(moment: int, now: int) -> str:
    return age(max(0, now - moment))


# Facts


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    content: Content


def laid_out(facts: Sequence[Fact], width: int) -> Content:
    """The facts, each wrapped beside its label."""
    room = max(20, min(width, WIDEST) - LABEL_WIDTH)
    lines: list[Content] = []
    for fact in facts:
        for number, line in enumerate(fact.content.wrap(room) or [Content("")]):
            lines.append(Content.styled(f"{'' if number else fact.label:<{LABEL_WIDTH}}", "$quiet") + line.rstrip())
    return Content("\n").join(lines)


def _untrusted(text: str) -> str:
    return printable(text, LONGEST_ERROR)


def facts(sink: SinkReport, seen: Seen, tried: Content | None = None, letters_key: str = "l") -> Iterator[Fact]:
    """The details of a sink, problems first. `tried` is the result of a test."""
    word = sink.state
    run, definition = sink.run, sink.definition
    if tried is not None:
        yield Fact("test", tried)
    for mistake in sink.mistakes:
        yield Fact("mistake", Content.styled(_untrusted(str(mistake)), "$error"))
    if sink.mistakes and run is not None and seen.alive:
        yield Fact("", Content.styled("A running sink keeps its previous definition.", "$quiet"))
    for note in sink.notes:
        yield Fact("warning", Content.styled(_untrusted(note), "$warning"))
    if run is not None:
        yield from _troubles(run.status, seen, word)
    if run is not None and run.losses:
        lost = sum(loss.events for loss in run.losses)
        yield Fact("dropped", Content.styled(f"{count(lost)} events, because the journal was full", "$error"))
    if definition is not None:
        yield from in_words(definition)
    elif run is not None and not sink.mistakes:
        yield Fact("definition", Content("None: the sink was deregistered."))
    if run is not None:
        yield from _counts(run.status, seen, run.lag_events, run.lag_seconds, run.dead_letters, letters_key)
    elif definition is not None and seen.overview is not None:
        yield Fact("", Content.styled("No runner has run it on this journal.", "$quiet"))
    if definition is not None and definition.origin is not None:
        yield Fact("defined in", Content.styled(_untrusted(str(definition.origin)), "$quiet"))


def _troubles(status: SinkStatus, seen: Seen, word: str) -> Iterator[Fact]:
    if word == SinkState.RETRYING:
        wait = max(0, status.next_attempt - seen.at)
        when = f"in {duration(-(-wait // SECOND) * SECOND)}" if wait else "now"
        failed = "once" if status.attempt == 1 else f"{count(status.attempt)} times in a row"
        yield Fact("next attempt", Content.assemble((when, "bold"), (f" · failed {failed}", "$quiet")))
    elif word == SinkState.PAUSED:
        yield Fact("paused", Content("The journal keeps its events until it is resumed."))
    if status.last_error:
        when = f" · {_ago(status.last_error_at, seen.at)}" if status.last_error_at else ""
        ink = "$error" if word in (SinkState.BROKEN, REFUSED) else "$warning"
        yield Fact("last error", Content.assemble((_untrusted(status.last_error), ink), (when, "$quiet")))


def _counts(status: SinkStatus, seen: Seen, lag: int, seconds: float, dead: int, letters_key: str) -> Iterator[Fact]:
    if status.last_acknowledged:
        answer = _untrusted(status.last_answer) or "acknowledged"
        when = f" · {_ago(status.last_acknowledged, seen.at)}"
        yield Fact("last answer", Content.assemble(answer, (when, "$quiet")))
    ago = f", the oldest received {duration(int(seconds) * SECOND)} ago" if lag and seconds >= 1 else ""
    behind_by = f"{count(lag)} {'event' if lag == 1 else 'events'}{ago}"
    yield Fact("behind", Content(behind_by if lag else "none"))
    numbers = [
        ("delivered", status.delivered, ""),
        ("attempts repeated", status.retried, "$warning"),
        ("lost", status.lost, "$error"),
        ("dead letters", dead, "$error"),
    ]
    parts = [
        Content.assemble((f"{name} ", "$quiet"), (count(number), style if number else "$quiet"))
        if style
        else Content.assemble((f"{name} ", "$quiet"), count(number))
        for name, number, style in numbers
    ]
    hint = Content.styled(f"  {letters_key} lists them", "$quiet") if dead else Content("")
    yield Fact("counts", Content(" · ").join(parts) + hint)


def in_words(definition: Definition) -> Iterator[Fact]:
    """A definition's target, what it selects, and how it sends."""
    to = Content.assemble((f"{definition.kind.value} ", "bold"), shown_address(definition))
    if definition.kind is Kind.NATS:
        to += Content(f" · {_untrusted(definition.jetstream.subject)}")
    yield Fact("to", to)
    what = [str(definition.subscription)]
    if definition.namespaces:
        what.append(f"namespaces {', '.join(sorted(definition.namespaces))}")
    if definition.least_level > Level.ROUTINE:
        what.append(f"level {definition.least_level.word} and above")
    if not definition.filter.everything:
        what.append(f"filter {definition.filter}")
    if not definition.gaps:
        what.append("without gaps")
    yield Fact("takes", Content(_untrusted(" · ".join(what))))
    batch = definition.batch
    how = [f"format {definition.format.value}"] if definition.kind in FORMATTED else []
    if definition.group_by is not None:
        how.append(f"one message per {definition.group_by.value} in {duration(int(definition.window * SECOND))}")
    elif batch.max_events > 1:
        how.append(f"up to {count(batch.max_events)} at once within {duration(batch.max_wait * SECOND)}")
    how.append("in order" if definition.ordered else f"unordered, {definition.concurrency} at once")
    if definition.secret is not None:
        how.append("signed")
    sends = Content(" · ".join(how))
    if definition.redact:
        yield Fact("sends", sends + Content(" · secrets masked"))
    else:
        yield Fact("sends", sends + Content.assemble(" · ", ("secrets in clear", "$warning")))
    if definition.alert_to is not None:
        after = duration(int(definition.alert_after * SECOND))
        yield Fact("alerts", Content(_untrusted(f"{definition.alert_to}, when it has failed for {after}")))


# The runner


def runner_report(seen: Seen, place: Place, width: int) -> Content:
    """The state of the runner, or how to start one, wrapped to `width` cells."""
    lines: list[Content] = []
    for paragraph in _runner_paragraphs(seen, place):
        for line in paragraph.wrap(max(20, min(width, WIDEST) - 2)):
            lines.append((Content("  " if lines else "")) + line.rstrip())
    return Content("\n").join(lines)


def _runner_paragraphs(seen: Seen, place: Place) -> Iterator[Content]:
    if not place.command:
        yield Content.from_markup(
            "[$quiet]■[/] [b]$why[/]: nothing is sent automatically. [$quiet]S sends an event by hand; "
            "for a cluster, [/]nomad-tui sink run[$quiet] sends them all.[/]",
            why=place.why_none,
        )
        return
    overview = seen.overview
    runner = overview.runner if overview is not None else None
    if runner is not None and seen.alive:
        yield from _running(runner, seen, place.where)
    else:
        yield Content.from_markup(
            "[$warning]■[/] [b]No runner is running[/] for $where: nothing is sent.$how",
            where=printable(place.where, 80),
            how=" This starts one:" if seen.sinks else "",
        )
        if seen.sinks:
            yield Content.from_markup("[$accent]$command[/]", command=printable(place.command, LONGEST_ERROR))
        if runner is not None:
            yield Content.from_markup(
                "[$quiet]The last one (pid $pid on $host) reported $ago.[/]",
                pid=str(runner.pid),
                host=printable(runner.host, 60),
                ago=_ago(runner.heard, seen.at),
            )
    if seen.trouble:
        yield Content.styled(_untrusted(seen.trouble), "$error")


def _running(runner: RunnerStatus, seen: Seen, where: str) -> Iterator[Content]:
    live = runner.state == "live"
    since = duration(max(0, seen.at - runner.started) // SECOND * SECOND) if runner.started else "some time"
    yield Content.from_markup(
        f"[$success]●[/] [b]runner[/] [$quiet]pid[/] $pid [$quiet]on[/] $host [$quiet]for[/] $since [$quiet]·[/] "
        f"stream [{'$success' if live else '$warning'}]$state[/] [$quiet]$to[/]",
        pid=str(runner.pid),
        host=printable(runner.host or "?", 60),
        since=since,
        state=printable(runner.state or "connecting", 20),
        to=printable(" · ".join(filter(None, (runner.region, "" if runner.address in where else runner.address))), 80),
    )
    overview = seen.overview
    if overview is not None and (silent := silence(overview, seen.at)):
        yield Content.styled(silent, "bold $error")
    parts = [f"{rate(runner.rate)} in"]
    if overview is not None:
        size = max(runner.journal_bytes, overview.bytes)
        held = f", back to {_ago(overview.oldest, seen.at)}" if overview.oldest else ""
        parts.append(f"journal {byte_count(size)}{held}")
    parts += [f"gaps {count(runner.gaps)}"] * bool(runner.gaps)
    parts += [f"reconnects {count(runner.reconnects)}"] * bool(runner.reconnects)
    parts += [f"unreadable {count(runner.unreadable)}"] * bool(runner.unreadable)
    parts += [f"metrics on {printable(runner.http, 60)}"] * bool(runner.http)
    yield Content.styled(" · ".join(parts), "$quiet")
    if not live and runner.what:
        yield Content.styled(_untrusted(runner.what), "$warning")
    if runner.journal_trouble:
        yield Content.styled(_untrusted(runner.journal_trouble), "bold $error")


FIRST: Final = """\
nomad-tui sink register - <<'END'
id = "deployments"
type = "webhook"
address = "https://example.com/hook"
topics = ["Deployment"]
END"""
"""Not indented: the shell would not recognize the end of the here-document."""
FIRST_TEST: Final = "nomad-tui sink test deployments"


def first_commands(command: str) -> str:
    """Shell commands that create, test and run a first sink. `command` starts a runner; "" for a recording."""
    return "\n".join((FIRST, FIRST_TEST, command or "nomad-tui sink run")) + "\n"


def first_sink(command: str, new_key: str) -> Content:
    """How to create the first sink, shown instead of an empty list."""
    return Content.from_markup(
        "[b]No sink is defined.[/] [$quiet]A sink sends events to a chat, a webhook, a file, a command or NATS.\n"
        "[/][b]$new[/] [$quiet]defines one step by step. In a shell:[/]\n"
        "[$accent]$register[/]\n\n"
        "[$quiet]Send a test event and show the response:[/]\n"
        "[$accent]$test[/]\n\n"
        "[$quiet]Send events for as long as this runs:[/]\n"
        "[$accent]$command[/]",
        new=new_key,
        register=FIRST,
        test=FIRST_TEST,
        command=command or "nomad-tui sink run",
    )
