"""The doctor on the command line: each check as it runs, or everything as JSON at the end."""

import os
import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final, TextIO

import click
import orjson

from nomad_tui.doctor import report
from nomad_tui.doctor.findings import Examination, ExitCode, Finding, Item, Verdict
from nomad_tui.doctor.report import Ink, Line

_CODES: Final[dict[Ink, dict[str, str | bool]]] = {
    Ink.PLAIN: {},
    Ink.QUIET: {"dim": True},
    Ink.STRONG: {"bold": True},
    Ink.GOOD: {"fg": "green"},
    Ink.NOTE: {"fg": "yellow", "bold": True},
    Ink.BAD: {"fg": "red", "bold": True},
}
_CLEAR_LINE: Final = "\r\x1b[K"


async def print_json(items: AsyncGenerator[Item, None], output: TextIO) -> ExitCode:
    """Prints one object after the last check."""
    examination = Examination()
    async with aclosing(items):
        async for item in items:
            examination.take(item)
    examination.complete = True
    output.write(orjson.dumps(examination.as_json(), option=orjson.OPT_INDENT_2).decode() + "\n")
    output.flush()
    return examination.exit_code


async def print_text(items: AsyncGenerator[Item, None], output: TextIO) -> ExitCode:
    """Prints each check, then the table, the policy and the verdict."""
    return await _Printed(output).run(items)


class _Printed:
    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._is_terminal = output.isatty()
        self._coloured = self._is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._examination = Examination()
        self._skipped: list[Finding] = []
        """Skipped checks that may be grouped with the next one."""

    @property
    def _width(self) -> int:
        if not self._is_terminal:
            return report.UNWRAPPED
        return min(report.WIDEST, shutil.get_terminal_size().columns - 1)

    async def run(self, items: AsyncGenerator[Item, None]) -> ExitCode:
        examination = self._examination
        async with aclosing(items):
            async for item in items:
                examination.take(item)
                if isinstance(item, Finding):
                    self._print_finding(item)
                self._show_running()
        examination.complete = True
        self._print_skipped()
        for part in (
            report.table_lines(examination, self._width),
            report.policy_lines(examination, self._width),
            report.verdict_lines(examination, self._width),
        ):
            if part:
                self._print([(), *part])
        return examination.exit_code

    def _print_finding(self, finding: Finding) -> None:
        if self._skipped and not report.belongs(self._skipped, finding):
            self._print_skipped()
        if finding.verdict is Verdict.SKIPPED:
            self._skipped.append(finding)
        else:
            self._print(report.finding_lines(finding, self._width))

    def _print_skipped(self) -> None:
        if self._skipped:
            self._print(report.skipped_lines(self._skipped, self._width))
            self._skipped.clear()

    def _show_running(self) -> None:
        """Shows the running check, replacing the last line; only in a terminal."""
        running = self._examination.running
        if self._is_terminal and running is not None:
            cells = sum(map(len, self._examination.cells.values()))
            self._output.write(_CLEAR_LINE + self._inked(report.running_line(running, cells, self._width)))
            self._output.flush()

    def _print(self, lines: Sequence[Line]) -> None:
        if self._is_terminal:
            self._output.write(_CLEAR_LINE)
        self._output.write("".join(f"{self._inked(line).rstrip()}\n" for line in lines))
        self._output.flush()

    def _inked(self, line: Line) -> str:
        if not self._coloured:
            return "".join(text for text, _ in line)
        return "".join(click.style(text, **_CODES[ink]) if _CODES[ink] else text for text, ink in line)  # type: ignore[arg-type]
