"""The stream without a dashboard: one line per event, or what the server sent, until stopped.

Standard output contains only events. Messages for people (a lost connection, a gap, unreadable lines) go to standard
error, one line each.
"""

import asyncio
import os
import re
import select
import signal
import stat
from collections.abc import Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import IntEnum
from time import monotonic, time_ns
from typing import BinaryIO, Final, TextIO

from nomad_tui.cli.writer import Writer
from nomad_tui.core.export.formats import RAW, EventLines, Output
from nomad_tui.core.filter import Filter
from nomad_tui.core.glyphs import escaped
from nomad_tui.core.history.derived import Derived
from nomad_tui.core.history.event_row import EventRow, event_level, latest_moment, row
from nomad_tui.core.history.history import History
from nomad_tui.core.level import Level
from nomad_tui.core.readable import byte_count
from nomad_tui.core.search.search import Matcher
from nomad_tui.core.secrets import masked_text
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Concern, Connected, Ended, Gap, Noted, Refused, Retrying, Update, Warned
from nomad_tui.core.wire import Frame, Unreadable
from nomad_tui.sources.live import LiveServer, SeenFrames
from nomad_tui.sources.source import Source
from nomad_tui.stream.status import Pace, StreamStatus

HISTORY_EVENTS: Final = 100_000
HISTORY_BYTES: Final = 128 * 1024 * 1024
"""Limits of the events kept to find what changed: an object's previous event is rarely further back."""
FLUSH_INTERVAL: Final = 0.05
"""Seconds for which a printed event may wait to be written together with others."""
UNREADABLE_SHOWN: Final = 5
"""Unreadable lines that are quoted; the others are counted and reported at the end."""
DEFAULT_RETRIES: Final = 10
"""Attempts in a row after a lost connection: about four minutes."""
REFUSALS: Final = 3
"""Refusals in a row after a stream had worked: a server that is stopping may also refuse for a moment."""
TIME_WIDTH: Final = 25
"""Characters: `‹` for a server's backlog, `~` if the time is approximate, date, and time with milliseconds."""
NO_TIME: Final = "time unknown           "
"""As wide as a time and with as many words, so that columns stay aligned."""
MAX_BUFFERED: Final = 64 * 1024 * 1024
"""Bytes buffered for a stalled pipe before disconnecting: a server buffers everything for a slow client."""
CLOSE_TIMEOUT: Final = 2.0
"""Seconds to write what is buffered after the program was told to exit."""

_NOT_PLAIN: Final = re.compile(rb"[^ -~]")
_SPACES: Final = str.maketrans("\t\r", "  ")


class Exit(IntEnum):
    """Exit codes of `tail`; 2 is wrong usage, 130 an interrupt."""

    DONE = 0
    LOST = 1
    REFUSED = 3


@dataclass(frozen=True, slots=True)
class Options:
    output: Output = Output.LINE
    filter: Filter = field(default_factory=Filter)
    level: Level = Level.ROUTINE
    """The lowest level that is printed."""
    limit: int | None = None
    """Events to print before exiting."""
    idle_exit: float | None = None
    """Seconds without an event before exiting."""
    retries: int = DEFAULT_RETRIES
    timezone: tzinfo | None = None
    """Timezone of the times in `Output.LINE`; None for this machine's."""
    redact: bool = False
    """Whether to mask secrets in `Output.NDJSON` and `Output.FRAMES`; other outputs always mask them."""
    buffered: int = MAX_BUFFERED
    """Bytes that may be buffered for the output's reader."""
    encoding: str = "utf-8"
    """Encoding of the output; unsupported characters are escaped."""


class _FinishedError(Exception):
    """Nothing more is to be printed."""

    def __init__(self, code: Exit) -> None:
        self.code = code


async def tail(source: Source, options: Options, output: BinaryIO, errors: TextIO | None) -> Exit:
    """Prints until the limit, the end of a recording, or a permanent failure.

    Raises `BrokenPipeError` once `output` has no reader.
    """
    return await _Tail(source, options, output, errors).run()


class _Tail:
    def __init__(self, source: Source, options: Options, output: BinaryIO, errors: TextIO | None) -> None:
        self._source = source
        self._options = options
        self._output = output
        self._writer = Writer(output)
        self._newest = SeenFrames()
        self._errors = errors
        is_report = options.output is Output.REPORT
        self._history = History() if is_report else History(HISTORY_EVENTS, HISTORY_BYTES)
        self._reported: list[int] | None = [] if is_report else None
        """Rows of the report, which is written at the end."""
        self._derived = Derived(self._history)
        self._status = StreamStatus()
        self._now: int | None = None
        """The time from which ages in the filter count back; None for the present."""
        self._matcher = self._new_matcher()
        self._needs_history = (
            options.output not in RAW or not options.filter.everything or options.level > Level.ROUTINE
        )
        self._lines = EventLines(
            self._history,
            options.output,
            redacts=options.redact,
            timezone=options.timezone,
            encoding=options.encoding,
        )
        self._plain_terminal = output.isatty()
        self._printed = 0
        self._idle_since: float | None = None
        """When the connection became idle; None while disconnected, which does not count as idle."""
        self._idle_before = 0.0
        """Seconds without an event on earlier connections since the last event."""
        self._connection_changed = asyncio.Event()

    def _new_matcher(self) -> Matcher:
        options = self._options
        return Matcher(
            self._derived,
            options.filter,
            region=self._status.region or "",
            timezone=options.timezone,
            now=self._now,
        )

    async def run(self) -> Exit:
        for line in self._lines.head():
            self._writer.write(line + b"\n")
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._flush())]
        if self._options.idle_exit is not None:
            tasks.append(asyncio.create_task(self._watch_idleness(self._options.idle_exit)))
        stop = asyncio.create_task(self._terminated())
        tasks.append(stop)
        patience: float | None = None
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if stop in done:
                patience = CLOSE_TIMEOUT
            for task in done:
                task.result()
            return Exit.DONE
        except _FinishedError as finished:
            return finished.code
        except asyncio.CancelledError:
            patience = CLOSE_TIMEOUT
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._report_all()
            await self._write_rest(patience)
            if self._status.unreadable > UNREADABLE_SHOWN:
                self._notice(f"{self._status.unreadable:,} lines could not be read.")

    def _report_all(self) -> None:
        if self._reported is None:
            return
        from nomad_tui.core.export.report import About, Report

        where = f"{self._source.name} · {self._source.scope(self._status.region)}"
        about = About(where, str(self._options.filter), time_ns(), self._options.timezone)
        for piece in Report(self._history, self._reported, (), about):
            self._writer.write(piece)

    async def _write_rest(self, patience: float | None) -> None:
        try:
            async with asyncio.timeout(patience):
                await self._writer.close()
        except TimeoutError:
            self._writer.abandon()

    async def _terminated(self) -> None:
        """Returns on SIGTERM, so that what is buffered is still written."""
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, asked.set)
        try:
            await asked.wait()
        finally:
            loop.remove_signal_handler(signal.SIGTERM)

    async def _find_end(self) -> None:
        """Makes times in the filter relative to the end of a recording or journal, as in the dashboard."""
        source = self._source
        if source.live or not self._options.filter.is_relative:
            return
        from nomad_tui.sources.recording import Recording

        if isinstance(source, Recording) and source.is_pipe:
            self._notice("Times without a date count back from now: where a pipe ends is not known yet.")
            return
        history = History(HISTORY_EVENTS, HISTORY_BYTES)
        async with aclosing(source.updates()) as updates:
            async for update in updates:
                if isinstance(update, Frame):
                    history.add(update, 0)
        self._now = latest_moment(history)
        if self._now is not None:
            self._matcher = self._new_matcher()
            end = datetime.fromtimestamp(self._now // 1_000_000_000, self._options.timezone)
            self._notice(f"Times without a date count back from the recording's end, {end:%Y-%m-%d %H:%M:%S}.")

    async def _read(self) -> None:
        await self._find_end()
        pace = Pace()
        while True:
            async with aclosing(self._source.updates()) as updates:
                async for update in updates:
                    self._apply(update)
                    if self._writer.size >= self._options.buffered:
                        if isinstance(self._source, LiveServer):
                            break
                        await self._writer.until_below(self._options.buffered)
                    await pace.give_turn()
                else:
                    return
            self._source = await self._resume_after_stall(self._source)

    async def _resume_after_stall(self, source: LiveServer) -> LiveServer:
        """Waits, disconnected, until the output accepts more; then resumes the stream."""
        left = time_ns()
        self._count_idleness(connected=False)
        waiting = byte_count(self._writer.size)
        self._notice(
            f"The output is read too slowly: {waiting} are waiting. Disconnected from the server until half of that is "
            "read; the stream then resumes at the last event."
        )
        await self._writer.until_below(max(1, self._options.buffered // 2))
        self._notice("The output is being read again: reconnecting.")
        return LiveServer(
            source.connection, source.subscription, source.settings, seen=tuple(self._newest), seen_until=left
        )

    async def _flush(self) -> None:
        """Flushes the output regularly. Raises `BrokenPipeError` as soon as it has no reader, even without events."""
        pipe = None
        with suppress(OSError):  # not a file
            if stat.S_ISFIFO(os.fstat(self._output.fileno()).st_mode):
                pipe = select.poll()
                pipe.register(self._output.fileno(), select.POLLERR)
        while True:
            await asyncio.sleep(FLUSH_INTERVAL)
            self._writer.flush()
            if pipe is not None and any(event & select.POLLERR for _, event in pipe.poll(0)):
                raise BrokenPipeError

    async def _watch_idleness(self, seconds: float) -> None:
        while True:
            self._connection_changed.clear()
            left = None
            if self._idle_since is not None:
                left = seconds - self._idle_before - (monotonic() - self._idle_since)
                if left <= 0:
                    raise _FinishedError(self._after_idleness())
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._connection_changed.wait()

    def _after_idleness(self) -> Exit:
        """Success, unless a warning in force explains why no events arrive."""
        if Concern.LEADER in self._status.warnings:
            return Exit.LOST
        return Exit.REFUSED if Concern.NAMESPACE in self._status.warnings else Exit.DONE

    def _count_idleness(self, *, connected: bool) -> None:
        """Starts to count idle time, or stops until the next connection."""
        if self._idle_since is not None:
            self._idle_before += monotonic() - self._idle_since
        self._idle_since = monotonic() if connected else None
        self._connection_changed.set()

    def _apply(self, update: Update) -> None:
        status = self._status
        region = status.region
        is_new_warning = isinstance(update, Warned) and status.warnings.get(update.concern) != update
        status.take(update)
        if isinstance(self._source, LiveServer):
            self._newest.take(update)
        match update:
            case Frame():
                if update.events:
                    self._idle_since, self._idle_before = monotonic(), 0.0
                    self._print(update)
            case Connected():
                self._count_idleness(connected=True)
                if status.region != region:
                    self._matcher = self._new_matcher()
            case Warned():
                if update.what and is_new_warning:
                    self._notice(f"{update.what} {update.remedy}")
            case Noted():
                self._notice(update.text)
            case Gap():
                if self._reported is not None:
                    self._reported.append(self._history.end)
                if self._needs_history:  # events before a gap prove nothing about later ones
                    self._history.add(update, time_ns())
                self._write_error(f"gap: {update.sentence}")
            case Unreadable():
                if status.unreadable <= UNREADABLE_SHOWN or update.cut:  # always report a truncated file
                    excerpt = printable(masked_text(update.excerpt.decode("utf-8", "replace")), 100)
                    self._notice(f"unreadable, {update.reason}{f': {excerpt}' if excerpt else '.'}")
            case Retrying():
                self._report(update, Exit.LOST, again=update.attempt <= self._options.retries)
            case Refused():
                self._report(update, Exit.REFUSED, again=status.refusals < REFUSALS)
            case Ended():
                raise _FinishedError(Exit.LOST if update.failed or update.is_truncated else Exit.DONE)
            case _:
                pass

    def _report(self, trouble: Retrying | Refused, code: Exit, again: bool) -> None:
        """Reports the trouble. Ends with `code`, unless a stream that once worked is worth another attempt."""
        self._count_idleness(connected=False)
        if not (again and self._status.been_connected):
            self._notice(f"{trouble.what} {trouble.remedy}")
            raise _FinishedError(code)
        self._notice(f"{trouble.what} {trouble.remedy} Retrying in {trouble.delay:.1f} s.")

    def _notice(self, text: str) -> None:
        self._write_error(f"nomad-tui: {printable(text)}")

    def _write_error(self, line: str) -> None:
        """Ignores a closed standard error: it must not stop the events or change the exit code."""
        if self._errors is not None:
            with suppress(OSError):
                self._errors.write(f"{line}\n")
                self._errors.flush()

    def _print(self, frame: Frame) -> None:
        if self._needs_history:
            first = self._history.end
            self._history.add(frame, time_ns())
            shown = [position for position in range(len(frame.events)) if self._is_shown(first + position)]
        else:
            first = 0
            shown = list(range(len(frame.events)))
        limit = self._options.limit
        if limit is not None:
            shown = shown[: limit - self._printed]
        if not shown:
            return
        if self._reported is not None:
            self._reported += (first + position for position in shown)
        else:
            for line in self._printed_lines(frame, first, shown):
                self._writer.write(self._safe(line) + b"\n")
        self._printed += len(shown)
        if limit is not None and self._printed >= limit:
            raise _FinishedError(Exit.DONE)

    def _is_shown(self, sequence: int) -> bool:
        if not self._matcher.matches(sequence):
            return False
        least = self._options.level
        return least is Level.ROUTINE or event_level(self._history, self._history.event(sequence)) >= least

    def _printed_lines(self, frame: Frame, first: int, shown: list[int]) -> Iterator[bytes]:
        if self._options.output is not Output.LINE:
            yield from self._lines.of_frame(frame, first, shown)
            return
        for position in shown:
            found = row(self._history, first + position)
            if isinstance(found, EventRow):
                yield self._line(found).encode(self._options.encoding, "backslashreplace")

    def _line(self, found: EventRow) -> str:
        nanoseconds, exact = found.when()
        time = NO_TIME
        if nanoseconds is not None:
            at = datetime.fromtimestamp(nanoseconds // 1_000_000 / 1000, self._options.timezone)
            time = f"{at:%Y-%m-%d %H:%M:%S}" + (f".{at.microsecond // 1000:03}" if exact else "    ")
        signs = "  " if nanoseconds is None else found.signs(self._source.live)
        return f"{signs}{time}  {found.index:>8}  {printable(found.topic, 40):<10}  {found.sentence.text}"

    def _safe(self, line: bytes) -> bytes:
        """Escapes characters that JSON allows but a terminal interprets; `\\u` escapes have the same value."""
        if not self._plain_terminal or self._options.output not in RAW or not _NOT_PLAIN.search(line):
            return line
        # Tabs and carriage returns occur only between JSON tokens, where escapes are not allowed.
        text = line.decode("utf-8", "replace").translate(_SPACES)
        return "".join(
            character if character.isprintable() and self._has(character) else escaped(character) for character in text
        ).encode(self._options.encoding)

    def _has(self, character: str) -> bool:
        """Whether the terminal's encoding supports a character."""
        return character.isascii() or bool(character.encode(self._options.encoding, "ignore"))
