"""The findings as lines of text for a terminal and the dashboard, which choose the colors of the inks."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import Final

from nomad_tui.core.readable import number_of
from nomad_tui.core.text import truncated
from nomad_tui.doctor.findings import Access, Begun, Cell, Examination, Finding, Verdict


class Ink(Enum):
    PLAIN = auto()
    QUIET = auto()
    STRONG = auto()
    GOOD = auto()
    NOTE = auto()
    BAD = auto()


Line = tuple[tuple[str, Ink], ...]
"""Pieces of a line of plain text with their ink."""

GLYPHS: Final[dict[Verdict, tuple[str, Ink]]] = {
    Verdict.OK: ("✔", Ink.GOOD),
    Verdict.NOTE: ("!", Ink.NOTE),
    Verdict.REFUSED: ("⊘", Ink.BAD),
    Verdict.BROKEN: ("✖", Ink.BAD),
    Verdict.SKIPPED: ("–", Ink.QUIET),
}
"""One cell each; the table uses those of `OK` and `REFUSED`."""
CELLS: Final[dict[Access, tuple[str, Ink]]] = {
    Access.ALLOWED: GLYPHS[Verdict.OK],
    Access.REFUSED: GLYPHS[Verdict.REFUSED],
    Access.UNKNOWN: ("?", Ink.NOTE),
}
RUNNING: Final = "…"
NAME_WIDTH: Final = 11
"""Cells of a check's name; the longest is `publishing`."""
INDENT: Final = 2 + NAME_WIDTH + 1
"""Cells before a sentence."""
WIDEST: Final = 140
"""Cells per line at most: longer lines are hard to read."""
NAMESPACE_WIDTH: Final = 20
"""Cells of the longest column heading of the table."""
UNWRAPPED: Final = 1_000_000
"""Width for output that is not a terminal."""

POLICY_HEAD: Final = "This policy grants what was refused. Save it to FILE and run `nomad acl policy apply NAME FILE`:"


def finding_lines(finding: Finding, width: int) -> list[Line]:
    """A check, wrapped, with its remedy below."""
    glyph, ink = GLYPHS[finding.verdict]
    inks = {Verdict.OK: Ink.PLAIN, Verdict.SKIPPED: Ink.QUIET}
    lines = _entry(glyph, ink, finding.check, finding.sentence, inks.get(finding.verdict, Ink.STRONG), width)
    if finding.remedy:
        first, *rest = _wrapped(finding.remedy, width - INDENT - 2)
        lines.append(((" " * INDENT, Ink.PLAIN), ("→ ", ink), (first, Ink.PLAIN)))
        lines += [((" " * (INDENT + 2) + text, Ink.PLAIN),) for text in rest]
    return lines


def skipped_lines(findings: Sequence[Finding], width: int) -> list[Line]:
    """Consecutive checks that were skipped for the same reason, as one entry."""
    if len(findings) == 1:
        return finding_lines(findings[0], width)
    names = ", ".join(finding.check for finding in findings)
    glyph, ink = GLYPHS[Verdict.SKIPPED]
    return _entry(glyph, ink, "skipped", f"{findings[0].sentence} Not checked: {names}.", Ink.QUIET, width)


def check_lines(findings: Sequence[Finding], width: int) -> list[Line]:
    """All checks; those skipped for the same reason are grouped."""
    lines: list[Line] = []
    for group in groups(findings):
        lines += skipped_lines(group, width) if group[0].verdict is Verdict.SKIPPED else finding_lines(group[0], width)
    return lines


def groups(findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    """Single findings, and groups of consecutive ones skipped for the same reason."""
    group: list[Finding] = []
    for finding in findings:
        if group and not belongs(group, finding):
            yield group
            group = []
        group.append(finding)
    if group:
        yield group


def belongs(group: Sequence[Finding], finding: Finding) -> bool:
    return finding.verdict is Verdict.SKIPPED is group[-1].verdict and finding.sentence == group[-1].sentence


def running_line(begun: Begun, cells: int, width: int) -> Line:
    """The running check, on one line."""
    progress = f", {cells} answers so far" if begun.check == "topics" and cells else ""
    text = f"{begun.what}{progress}"
    room = max(1, width - INDENT)
    shown = truncated(text, room)
    return ((f"{RUNNING} ", Ink.NOTE), (f"{begun.check:<{NAME_WIDTH}} ", Ink.QUIET), (shown, Ink.QUIET))


def table_lines(examination: Examination, width: int) -> list[Line]:
    """Topics by namespaces; empty if all have the same access, which the check's sentence says."""
    cells = [cell for row in examination.cells.values() for cell in row.values()]
    if len({cell.access for cell in cells}) < 2 and not any(cell.access is Access.REFUSED for cell in cells):
        return []
    lines: list[Line] = []
    topic_width = max(len(topic) for topic in examination.cells) + 2
    need_width = max(len(_need(row)) for row in examination.cells.values())
    for namespaces in _columns(examination.namespaces, width - topic_width - need_width - 2):
        if lines:
            lines.append(())
        heads = [_heading(namespace) for namespace in namespaces]
        lines.append(((" " * 2 + " " * topic_width, Ink.QUIET), *((f"{head}  ", Ink.STRONG) for head in heads)))
        for topic, row in examination.rows:
            if row.keys().isdisjoint(namespaces):
                continue
            pieces: list[tuple[str, Ink]] = [(f"  {topic:<{topic_width}}", Ink.PLAIN)]
            for namespace, head in zip(namespaces, heads, strict=True):
                cell = row.get(namespace)
                glyph, ink = CELLS[cell.access] if cell is not None else (" ", Ink.QUIET)
                pieces.append((f"{glyph:<{len(head)}}  ", ink))
            lines.append((*pieces, (_need(row), Ink.QUIET)))
    return lines


def _need(row: Mapping[str, Cell]) -> str:
    """The permission for a topic that is refused in any namespace."""
    return next((f"needs {cell.needed}" for cell in row.values() if cell.access is Access.REFUSED), "")


def _heading(namespace: str) -> str:
    """A namespace as a heading of the table, shortened."""
    return truncated(namespace if namespace != "*" else "* (all)", NAMESPACE_WIDTH)


def _columns(namespaces: Sequence[str], room: int) -> Iterator[list[str]]:
    """Namespaces in groups that fit side by side, at least one per group."""
    columns: list[str] = []
    used = 0
    for namespace in namespaces:
        needs = len(_heading(namespace)) + 2
        if columns and used + needs > room:
            yield columns
            columns, used = [], 0
        columns.append(namespace)
        used += needs
    if columns:
        yield columns


def policy_lines(examination: Examination, width: int) -> list[Line]:
    """The policy without indentation, so that it can be copied from the screen."""
    if not examination.policy:
        return []
    head: list[Line] = [((text, Ink.STRONG),) for text in _wrapped(POLICY_HEAD, width)]
    return [*head, (), *(((text, Ink.PLAIN),) for text in examination.policy.splitlines())]


def verdict_lines(examination: Examination, width: int) -> list[Line]:
    """The conclusion: whether events can be read, and if not, the first thing to do."""
    troubles = examination.troubles
    if not examination.complete:
        running = examination.running
        text = f"running: {running.what}" if running is not None else "examining"
        found = f"{number_of(len(troubles), 'trouble')} so far; " if troubles else ""
        return [((f"{RUNNING} ", Ink.NOTE), (truncated(f"{found}{text}", width - 2), Ink.QUIET))]
    glyph, ink = GLYPHS[examination.verdict]
    if troubles:
        first = troubles[0]
        others = ", ".join(dict.fromkeys(finding.check for finding in troubles[1:]))
        text = f"{first.check}: {first.sentence} {first.remedy}".rstrip()
        text += f" Also: {others}." if others else ""
    else:
        noted = f", {number_of(examination.notes, 'note')}" if examination.notes else ""
        text = f"events can be read{noted}."
    head = f"{glyph} {examination.verdict}  "
    begin, *rest = _wrapped(text, width - len(head))
    return [
        ((head, ink), (begin, Ink.STRONG)),
        *(((" " * len(head), Ink.PLAIN), (text, Ink.STRONG)) for text in rest),
    ]


def page(examination: Examination, width: int) -> list[Line]:
    """All results so far, the verdict first."""
    width = min(width, WIDEST)
    running = examination.running
    cells = sum(map(len, examination.cells.values()))
    parts = [
        verdict_lines(examination, width),
        [
            *check_lines(examination.findings, width),
            *([running_line(running, cells, width)] if running is not None else []),
        ],
        table_lines(examination, width),
        policy_lines(examination, width),
    ]
    lines: list[Line] = []
    for part in filter(None, parts):
        lines += [(), *part] if lines else part
    return lines


def plain(lines: Sequence[Line]) -> str:
    return "".join(f"{''.join(text for text, _ in line).rstrip()}\n" for line in lines)


def _entry(glyph: str, ink: Ink, name: str, sentence: str, sentence_ink: Ink, width: int) -> list[Line]:
    first, *rest = _wrapped(sentence, width - INDENT)
    head: Line = ((f"{glyph} ", ink), (f"{name:<{NAME_WIDTH}} ", Ink.QUIET), (first, sentence_ink))
    return [head, *(((" " * INDENT, Ink.PLAIN), (text, sentence_ink)) for text in rest)]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(20, width), break_on_hyphens=False) or [""]
