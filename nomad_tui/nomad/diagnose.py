"""Explains failures: what happened, why, and what to do, from a wrong setting to the end of a stream.

`cases` has a table of known failures and their sentences; this module finds the matching row and fills in its facts.
"""

import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import aiohttp

from nomad_tui.config.connection import Connection
from nomad_tui.config.setting import ConfigurationError
from nomad_tui.core.readable import byte_count, enumerated
from nomad_tui.core.text import printable
from nomad_tui.nomad.cases import ERRORS, LAST_LINES, SET_TOKEN, STATUSES, Case, Kind, Trouble, by_inquiry
from nomad_tui.nomad.cases.case import describe_answer
from nomad_tui.nomad.certificate import Certificate

__all__ = [
    "Kind",
    "NomadError",
    "Trouble",
    "buffered",
    "clock_skew",
    "ended",
    "explain",
    "fill",
    "in_words",
    "listed",
    "mended_status_line",
    "refusal",
    "token_in_words",
    "too_slow",
    "unexpected_answer",
    "unfinished",
]

MAX_QUOTE: Final = 160
"""Characters of foreign text in a sentence."""

MAX_NAMES: Final = 5
"""Names listed in a sentence; the rest is counted."""

SETTING: Final = re.compile(r"\bNOMAD_[A-Z_]+|(?<!\S)--[a-z-]+|\bHTTPS?_PROXY|\bhttps?_proxy")
"""Variables and flags as named in a ConfigurationError."""

TLS_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]*")
"""A name in a certificate that can be configured as the expected one: no wildcard, and no shell syntax."""


class NomadError(Exception):
    """The only exception raised by `Client`: a request failed, or its response was unexpected.

    The network's exception, if any, is its `__cause__`.
    """

    def __init__(
        self, trouble: Trouble, status: int | None = None, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(trouble.sentence)
        self.trouble = trouble
        """What happened, why, and what to do."""
        self.status = status
        """Status of an unexpected response; None if there was no response."""
        self.body = body
        """The beginning of that response, untrusted."""
        self.headers = headers or {}
        """Its headers, looked up case-insensitively, untrusted."""

    @property
    def is_unreachable(self) -> bool:
        """Whether no connection could be made, which says nothing about the server."""
        cause = self.__cause__
        return isinstance(cause, aiohttp.ClientConnectionError) and not isinstance(cause, TimeoutError)


def explain(
    error: BaseException, connection: Connection, shown: Certificate | None = None, *, worked: bool = False
) -> Trouble:
    """The explanation of an error; an unknown one is explained by its own text.

    `shown` is the server's certificate, if it was read (see `inquiry.explain_fully`). `worked` says that the server has
    responded before with the same settings.
    """
    if isinstance(error, NomadError):
        if shown is None or error.__cause__ is None:
            return error.trouble
        error = error.__cause__
    for row in ERRORS:
        if worked and row.on_first_contact:
            continue
        for cause in _causes(error):
            text = _own_text(cause)
            if row.fits(cause, text, connection):
                facts = _error_facts(error, cause, text, connection)
                if shown is not None and row.shown is not None:
                    return fill(row.shown, connection, **facts, **_certificate_facts(shown))
                return fill(row.case, connection, **facts)
    raise AssertionError("the last row fits every error") from error


def unexpected_answer(status: int, body: bytes, headers: Mapping[str, str], connection: Connection) -> NomadError:
    """The error for an unexpected HTTP response: a status other than 200, or content that Nomad does not send."""
    text = _plain(body)
    for row in STATUSES:
        if row.fits(status, text, headers, connection):
            page = text.startswith("<")
            trouble = fill(
                row.case,
                connection,
                status=str(status),
                quote="" if page else _quote(text),
                proxy_answer=describe_answer(status, body, headers),
                form="a web page" if page else "other text",
                location=_clean(headers.get("Location", "nowhere")),
                expired="",
            )
            return NomadError(trouble, status, body, headers)
    raise AssertionError("the last row fits every status")


def refusal(connection: Connection) -> Trouble:
    """For a 200 whose body ended before the first `{}`: since 1.11.2 servers refuse like this, without a reason."""
    reasons = ["{token} is unknown, expired or lacks a capability for one of the topics"]
    remedies = [f"{SET_TOKEN} one that may read them (see `nomad acl token self`)"]
    if not connection.sends_token:
        reasons = ["no token was sent, and ACLs require one"]
        remedies = [f"{SET_TOKEN} one that may read the topics"]
    if connection.region is not None:
        reasons.append("it does not know the region {region}")
        remedies.append("correct NOMAD_REGION (--region)")
    remedies.append("subscribe only to readable topics (--topic), since all of them need a management token")
    facts = _facts(connection)
    return fill(
        by_inquiry.REFUSED,
        connection,
        reasons=", or ".join(reasons).format_map(facts),
        remedies=", or ".join(remedies).format_map(facts),
    )


def ended(last_text: bytes | None) -> Trouble:
    """For a stream that the server closed after it had started; `last_text` is the last line if it was not a frame.

    Never `refused`: the next connection shows whether the token is valid for another subscription.
    """
    text = _plain(last_text or b"")
    case = next(case for saying, case in LAST_LINES if re.search(saying, text, re.IGNORECASE))
    return fill(case, quote=_quote(text))


def too_slow(seconds: float) -> Trouble:
    """For a stream that ended after this program had not read it for `seconds`."""
    return fill(by_inquiry.TOO_SLOW, seconds=in_words(seconds))


def unfinished(size: int, seconds: float, *, is_left: bool = False) -> Trouble:
    """For a line without an end after `size` bytes and `seconds`; `is_left` if the connection was closed because of
    it."""
    case = by_inquiry.ENDLESS_LINE if is_left else by_inquiry.UNFINISHED_LINE
    return fill(case, size=byte_count(size), seconds=in_words(seconds))


def buffered(seconds: float, heartbeats: int) -> Trouble:
    """For heartbeats that arrived together, the first of them `seconds` late."""
    return fill(by_inquiry.BUFFERED, seconds=in_words(seconds), heartbeats=str(heartbeats))


def clock_skew(seconds: float) -> Trouble:
    """For a server whose clock is ahead of this machine's by `seconds`, or behind if negative."""
    direction = "ahead" if seconds > 0 else "behind"
    return fill(by_inquiry.CLOCK_SKEW, seconds=in_words(abs(seconds)), direction=direction)


def mended_status_line(connection: Connection) -> Trouble:
    """For `Client.mended_status_line`."""
    return fill(by_inquiry.MENDED_STATUS_LINE, connection)


def fill(case: Case, connection: Connection | None = None, /, *, policy: str = "", **facts: str) -> Trouble:
    """The case with its facts, including those of the connection. They may be untrusted text."""
    known = (_facts(connection) if connection is not None else {}) | facts
    known = {name: printable(fact) for name, fact in known.items()}
    what, why, remedy = (part.format_map(known) for part in (case.what, case.why, case.remedy))
    return Trouble(case.kind, what, why, remedy, case.refused, policy)


def token_in_words(connection: Connection) -> str:
    if connection.token_file is not None:
        return f"the token in {connection.token_file}"
    return "the token" if connection.sends_token else "no token"


def in_words(seconds: float) -> str:
    """A duration in words: `45 s`, `3 min`, `2 h`, `5 days`."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def listed(names: Sequence[str], at_most: int = MAX_NAMES) -> str:
    """Names as a list; those beyond the limit are counted."""
    shown = [_clean(name) for name in names[:at_most]]
    if len(names) > at_most:
        shown[-1:] = [f"{len(names) - at_most + 1} others"]
    return enumerated(shown)


def _facts(connection: Connection) -> dict[str, str]:
    """Facts of the connection for sentences. None of them is secret."""
    address, proxy = connection.address, connection.proxy
    return {
        "address": str(address),
        "host": address.host,
        "region": connection.region or "asked for",
        "token": token_in_words(connection),
        "tls_name": connection.tls_server_name or address.host,
        "trusted": str(connection.ca_cert or connection.ca_path or "any CA of this machine"),
        "client_cert": str(connection.client_cert),
        "proxy": proxy.url if proxy is not None else "in between",
        "proxy_variable": proxy.variable if proxy is not None else f"{address.scheme.upper()}_PROXY",
        "path": f" below {address.path}, which NOMAD_ADDR names" if address.path else "",
    }


def _error_facts(error: BaseException, cause: BaseException, text: str, connection: Connection) -> dict[str, str]:
    """Facts of an error. `looked_up`: the host that was resolved, which may be the proxy's. `quote`: the line that was
    not HTTP."""
    host = error.host if isinstance(error, aiohttp.ClientConnectorError) else connection.address.host
    theirs = re.search(r"b['\"](.+?)(?:['\"] *\^?)?$", text)
    return {
        "text": text or type(cause).__name__,
        "name": f"{type(cause).__name__}: {text}" if text else type(cause).__name__,
        "settings": " and ".join(dict.fromkeys(SETTING.findall(text))) or "NOMAD_ADDR (--address)",
        "looked_up": host,
        "looked_up_in": "NOMAD_ADDR (--address)"
        if connection.proxy is None or host == connection.address.host
        else connection.proxy.variable,
        "quote": _quote(theirs[1]) if theirs is not None else "",
        "encoding": encoding[1] if (encoding := re.search(r"content-encoding: (?:[^(]*\()?([^).]*)", text)) else "",
    }


def _certificate_facts(shown: Certificate) -> dict[str, str]:
    return {
        "names": listed(shown.names) if shown.names else "no name at all",
        "name_remedy": _name_remedy(shown),
        "not_before": _minute(shown.not_before),
        "not_after": _minute(shown.not_after),
        "now": _minute(datetime.now(UTC)),
        "issuer": shown.issuer,
        "issued_by": "it is self-signed" if shown.signed_itself else f"it was issued by {shown.issuer}",
    }


def _name_remedy(shown: Certificate) -> str:
    """Advice to expect a name in the certificate, preferably the role that Nomad's own tools expect."""
    fit = [name for name in shown.names if TLS_NAME.fullmatch(name)]
    if not fit:
        return "Set NOMAD_TLS_SERVER_NAME (--tls-server-name) to a host in it, or replace it on the server"
    name = next((name for name in fit if name.startswith("server.")), fit[0])
    return f"Set NOMAD_TLS_SERVER_NAME (--tls-server-name) to {name}, if that is your server"


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and its causes; aiohttp also keeps the system's error in an attribute."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = getattr(cause, "os_error", None) or cause.__cause__


def _own_text(error: BaseException) -> str:
    """An error's text without the numbers and source lines added by OpenSSL and the system."""
    if isinstance(error, ConfigurationError):
        return printable(str(error)).rstrip(".")
    if isinstance(error, aiohttp.ClientResponseError):
        return _clean(f"{error.status} {error.message}")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "no answer came"  # its own text may be half a response with all headers
    if isinstance(error, aiohttp.ClientPayloadError):  # its own text may be that of an HTTP parser
        if found := re.search("content-encoding: *([a-z]+)", str(error)):
            return f"the response is not the {found[1]} that its header says"
        if "not completed" in str(error):
            return "the response is incomplete"
    if isinstance(error, aiohttp.ClientConnectorError):
        return _own_text(error.os_error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _clean(error.verify_message).rstrip(".")
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"  # its own text is of asyncio
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _clean(re.sub(r"^\[[^]]*\] *| *\(_ssl\.c:\d+\)$", "", text)).rstrip(".")


def _plain(body: bytes) -> str:
    return _clean(body.decode("utf-8", "replace"))


def _quote(text: str) -> str:
    return f", it said '{_clean(text)}'" if text else ""


def _clean(text: str) -> str:
    """One line without surrounding white space."""
    return printable(" ".join(text.split()), MAX_QUOTE)
