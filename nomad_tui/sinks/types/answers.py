"""Interprets a receiver's response: acknowledged, unavailable or refused."""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote, unquote_plus

from standardwebhooks import Webhook as Signer

from nomad_tui.config.address import without_credentials
from nomad_tui.config.connection import Connection
from nomad_tui.core.secrets import MASK, masked_text
from nomad_tui.core.secrets.forms import is_value
from nomad_tui.core.text import printable
from nomad_tui.nomad.diagnose import in_words
from nomad_tui.sinks.delivery.sink import RejectedError, UnavailableError

QUOTED_CHARACTERS: Final = 200
"""Characters of a response that are quoted."""
SECRET_PART: Final = 16
"""Length from which a path segment may be a secret, whatever it looks like."""
LONGEST_PAUSE: Final = 3600.0
"""Longest accepted Retry-After, in seconds."""

UNAVAILABLE: Final = frozenset({408, 425, 429})
"""Status codes that may be temporary, besides 5xx."""

FOR_ALL: Final = frozenset({401, 404, 405, 407, 410, 426})
"""Status codes that do not depend on the events sent."""

REMEDIES: Final = {
    401: "Correct the credentials in headers or address of the definition",
    403: "Correct the credentials in headers or address of the definition",
    404: "Correct the path in address of the definition",
    405: "Correct the path in address of the definition: POST is not accepted there",
    407: "Correct the credentials in proxy of the definition",
    410: "Correct the path in address of the definition",
    413: "Lower batch.max_events in the definition, or raise the receiver's limit",
    415: "Choose another format in the definition",
}
OTHER_REMEDY: Final = "Correct what the receiver rejects, or choose another format in the definition"


WEB_PAGE: Final = "a web page"
"""Said of an answer in HTML, instead of its first line."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The definition with all references resolved."""

    connection: Connection = field(repr=False)
    url: str = field(repr=False)
    """Without credentials."""
    headers: dict[str, str] = field(repr=False)
    signers: tuple[Signer, ...]
    hidden: tuple[str, ...] = field(repr=False)
    """Secrets that no message may contain, longest first."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """By case-insensitive name; empty if the headers or the body cannot be parsed."""
    body: bytes = b""
    """Its first bytes."""


def judged(given: Answer, settings: Settings, of: str = "") -> str:
    """The answer in one line. `of` is the name of a service with an API of its own: a web page is none of its answers.

    Raises `UndeliveredError` where it is no acknowledgement.
    """
    status = given.status
    address = settings.connection.address
    reason = printable(given.reason or _phrase(status), 40)
    answer = f"{status} {reason}".rstrip()
    reply = first_line(given, settings.hidden)
    if 200 <= status < 300:
        if of and reply == WEB_PAGE:
            raise UnavailableError(
                f"{address} answered {answer}, a web page that is not from {of}. "
                "Let requests pass the proxy or login, or correct address."
            )
        return f"{answer}, it said '{reply}'" if reply else answer
    answered = f"{address} answered {answer}" + (f", it said '{reply}'" if reply else "")
    if 300 <= status < 400:
        location = given.headers.get("Location", "")
        where = f" and points to {_masked_location(location, settings.hidden)}" if location else ""
        raise RejectedError(
            f"{address} answered {answer}{where}: redirects are not followed. "
            "Write the final address into the definition.",
            for_all=True,
        )
    if 400 <= status < 500 and status not in UNAVAILABLE:
        remedy = REMEDIES.get(status, OTHER_REMEDY)
        raise RejectedError(f"{answered}. {remedy}.", too_large=status == 413, for_all=status in FOR_ALL)
    pause = parse_pause(given.headers.get("Retry-After", ""), given.headers.get("Date", ""))
    patience = f", retry after {in_words(pause)}" if pause else ""
    raise UnavailableError(
        f"{answered}: temporarily unavailable{patience}. If this continues, check the receiver.",
        retry_after=pause,
    )


def first_line(answer: Answer, hidden: tuple[str, ...]) -> str:
    """The first line of a response, with secrets masked."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        return ""
    text = answer.body[: 16 * QUOTED_CHARACTERS].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        return WEB_PAGE
    line = " ".join(text.partition("\n")[0].split())
    return quoted(line, hidden)


def _masked_location(location: str, hidden: tuple[str, ...]) -> str:
    return quoted(without_credentials(re.split(r"[?#]", location, maxsplit=1)[0]), hidden)


def quoted(text: str, hidden: tuple[str, ...]) -> str:
    """A receiver's text, with secrets masked, safe to display."""
    for each in hidden:
        text = text.replace(each, MASK)
    return printable(masked_text(text), QUOTED_CHARACTERS)


def secrets_of_target(path: str, query: str) -> Iterator[str]:
    """Parts of a URL after its host that may be secrets; receivers may repeat them without the host."""
    parts = [part for part in path.split("/") if is_value(part) or len(part) >= SECRET_PART]
    values = [
        value for pair in query.split("&") for value in (pair.partition("=")[2], unquote_plus(pair.partition("=")[2]))
    ]
    for each in (path.rstrip("/"), query, *parts, *values):
        yield from (each, unquote(each), html.escape(each))


def parse_pause(text: str, answered: str = "") -> float | None:
    """Seconds from a Retry-After header, which is a number or a date; None if it is invalid.

    `answered` is the response's Date header: a date counts from the receiver's clock, which may differ from ours.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), LONGEST_PAUSE)
    until = _date(text)
    if until is None:
        return None
    seconds = (until - (_date(answered) or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), LONGEST_PAUSE)


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
