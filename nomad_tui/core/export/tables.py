"""Events as the rows of a table, for spreadsheets (CSV) and for issues and chats (Markdown)."""

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Final

from nomad_tui.core.history.event_row import EventRow
from nomad_tui.core.secrets import REDACTED, masked_text
from nomad_tui.core.text import printable

HEADINGS: Final = ("Time", "Index", "Topic", "Type", "Namespace", "Object", "Event", "Status", "Node", "Key")
LONGEST_CELL: Final = 2_000

_FORMULA: Final = re.compile(r"(^\s*|;\s*)(?=[=+\-@\N{FULLWIDTH EQUALS SIGN}\uff0b\uff0d\uff20])")
"""Where a spreadsheet would begin to calculate; in some countries a semicolon begins a cell too."""
_MARKDOWN: Final = re.compile(r"[\\`*_{}\[\]~|#!]")


def cells(row: EventRow, key: str, timezone: tzinfo | None) -> list[str]:
    """One for each of `HEADINGS`, fit to be drawn. A time that is only about right is given to the second."""
    nanoseconds, exact = row.when()
    time = ""
    if nanoseconds is not None:
        at = datetime.fromtimestamp(nanoseconds // 1_000_000 / 1000, timezone).astimezone(timezone)
        time = at.isoformat(timespec="milliseconds" if exact else "seconds")
    sentence = row.sentence
    subject = "".join(part.text for part in sentence.subject)
    texts = (
        row.topic,
        row.type,
        row.namespace,
        subject,
        sentence.what,
        sentence.status,
        sentence.place,
        masked_text(key, REDACTED),
    )
    index = "" if row.index < 0 else str(row.index)
    return [time, index, *(printable(text, LONGEST_CELL) for text in texts)]


def csv_line(texts: Sequence[str]) -> str:
    """One record of CSV (RFC 4180), in which no text is a formula."""
    quoted = (_FORMULA.sub(r"\1'", text).replace('"', '""') for text in texts)
    return ",".join(f'"{text}"' for text in quoted)


def markdown_line(texts: Sequence[str]) -> str:
    """One row of a table, in which no text is markup."""
    return f"| {' | '.join(map(markdown_text, texts))} |"


def markdown_text(text: str) -> str:
    """A text as it is, in which nothing is markup."""
    return _MARKDOWN.sub(r"\\\g<0>", text).replace("&", "&amp;").replace("<", "&lt;")


def csv_head() -> list[str]:
    """The lines before the first event."""
    return [csv_line(HEADINGS)]


def markdown_head() -> list[str]:
    """The lines before the first event."""
    return [markdown_line(HEADINGS), f"|{'---|' * len(HEADINGS)}"]
