"""The form of a known failure: how to recognize it, and sentences with placeholders for facts."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nomad_tui.config.connection import Connection
from nomad_tui.core.text import printable

LONGEST_ANSWER: Final = 120
"""Characters quoted of a proxy's response."""

_PLAIN: Final = re.compile(
    r"error code: \d+|upstream (connect error|request timeout)|no healthy upstream|\{ ?\"(message|error|code|status)\""
    r"|(bad gateway|gateway time-?out|service (temporarily )?unavailable|too many requests|forbidden|access denied"
    r"|rate limit exceeded|local_rate_limited)\.?$",
    re.IGNORECASE,
)
_TITLE: Final = re.compile(rb"<(title|h1)[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(rb"<[^>]*>")
_CODE: Final = re.compile(r"(?:error code:?|error) (\d{3,4})\b", re.IGNORECASE)
_MEANINGS: Final[Mapping[int, str]] = {
    520: "the server behind it sent an invalid response",
    521: "the server behind it refused the connection",
    522: "it cannot connect to the server behind it",
    523: "it has no route to the server behind it",
    524: "the server behind it timed out",
    525: "its TLS handshake with the server behind it failed",
    526: "it does not trust the certificate of the server behind it",
    1015: "its rate limit was exceeded",
    1020: "a firewall rule blocks this client",
}
"""Cloudflare's own codes."""
_NAMES: Final = (
    ("cloudflare", "Cloudflare"),
    ("awselb", "an AWS load balancer"),
    ("openresty", "OpenResty"),
    ("nginx", "nginx"),
    ("envoy", "Envoy"),
    ("haproxy", "HAProxy"),
    ("apache", "Apache"),
    ("caddy", "Caddy"),
    ("traefik", "Traefik"),
    ("varnish", "Varnish"),
    ("akamai", "Akamai"),
)


def is_from_proxy(status: int, text: str) -> bool:
    """Whether Nomad never sends a response with this status and body."""
    if 520 <= status <= 530 or (not text and status in (403, 502, 503, 504)):
        return True
    return text.startswith("<") or _PLAIN.match(text) is not None


def describe_answer(status: int, body: bytes, headers: Mapping[str, str]) -> str:
    """Sender, text and meaning of a response, such as `nginx says '429 Too Many Requests'`."""
    server = headers.get("Server", "").lower()
    who = next((name for sign, name in _NAMES if sign in server), "")
    who = "Cloudflare" if "CF-RAY" in headers else who or "it"
    found = _TITLE.search(body)
    words = found[2] if found is not None else _TAG.sub(b" ", body)
    text = printable(" ".join(words.decode("utf-8", "replace").split()), LONGEST_ANSWER)
    code = _CODE.search(text)
    meaning = _MEANINGS.get(int(code[1]) if code is not None else status, "")
    answer = f"{who} says '{text}'" if text else f"{who} gives no reason"
    return f"{answer}: {meaning}" if meaning else answer


class Kind(StrEnum):
    SETTINGS = "settings"
    PROXY = "proxy"
    NAME_UNKNOWN = "name-unknown"
    REFUSED_CONNECTION = "refused-connection"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed-out"
    TLS_EXPECTED = "tls-expected"
    """The address uses http, the server requires https."""
    TLS_NOT_EXPECTED = "tls-not-expected"
    """The address uses https, the server speaks http."""
    TLS = "tls"
    CERTIFICATE = "certificate"
    CERTIFICATE_NAME = "certificate-name"
    """It is valid for other hosts."""
    CERTIFICATE_CA = "certificate-ca"
    """It was not issued by a trusted CA."""
    CLIENT_CERTIFICATE = "client-certificate"
    AUTHENTICATION = "authentication"
    """The credentials are not accepted: a user and password, or a token."""
    PERMISSION = "permission"
    REGION_UNKNOWN = "region-unknown"
    NAMESPACE_UNKNOWN = "namespace-unknown"
    PUBLISHING_DISABLED = "publishing-disabled"
    HARMFUL = "harmful"
    """No topic is left, because reading them harms the servers or may harm them."""
    REFUSED = "refused"
    """A 200 whose body ends before the first heartbeat: the way in which servers since 1.11.2 refuse."""
    REDIRECT = "redirect"
    NOT_NOMAD = "not-nomad"
    BAD_REQUEST = "bad-request"
    OLD_RELEASE = "old-release"
    IN_FRONT = "in-front"
    """A proxy in front of Nomad answered instead."""
    TOO_MANY = "too-many"
    UNAVAILABLE = "unavailable"
    """A server responds, but Nomad is temporarily unavailable."""
    NO_LEADER = "no-leader"
    REGION_DOWN = "region-down"
    """The region is known, but none of its servers can be reached."""
    STARTING = "starting"
    """A restarted server has not replayed its Raft log yet."""
    SILENT = "silent"
    BUFFERED = "buffered"
    """A proxy buffers the stream and forwards it in bulk."""
    CLOCK_SKEW = "clock-skew"
    CUT = "cut"
    """The connection broke."""
    ENDED = "ended"
    """The server closed a stream that had started."""
    TOO_SLOW = "too-slow"
    """The server closed the stream because this program did not read it."""
    UNFINISHED = "unfinished"
    """A line of the stream does not end."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Trouble:
    """An explanation in plain text, safe to display; no part ends with a full stop."""

    kind: Kind
    what: str
    why: str
    """Starts in lower case, because it follows a colon."""
    remedy: str
    refused: bool
    """Whether retrying is useless: a setting, a token or the server must change first."""
    policy: str = ""
    """An ACL policy (HCL) that would help, possibly of many lines; empty if none would."""

    @property
    def summary(self) -> str:
        """What happened and why, in one sentence."""
        return f"{self.what}: {self.why}."

    @property
    def sentence(self) -> str:
        return f"{self.summary} {self.remedy}."


@dataclass(frozen=True, slots=True)
class Case:
    """A failure whose sentences have placeholders for facts, in braces."""

    kind: Kind
    what: str
    why: str
    remedy: str
    refused: bool = False


When = Callable[[Connection], bool]
Errors = tuple[type[BaseException], ...]


SET_ADDRESS: Final = "set NOMAD_ADDR (--address) to"
SET_TOKEN: Final = "Set NOMAD_TOKEN (or --token, --token-file) to"


def always(connection: Connection) -> bool:
    return True


def holds(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def sends_token(connection: Connection) -> bool:
    return connection.sends_token


def names_region(connection: Connection) -> bool:
    return connection.region is not None


def over_plain_http(connection: Connection) -> bool:
    return connection.address.scheme == "http"


def shows_no_certificate(connection: Connection) -> bool:
    return connection.address.scheme == "https" and connection.client_cert is None


@dataclass(frozen=True, slots=True)
class OnError:
    """Matches an error, or a cause of it, by its type and a pattern in its text."""

    errors: Errors
    saying: str
    case: Case
    when: When = always
    shown: Case | None = None
    """Used instead of `case` if the server's certificate could be read."""
    on_first_contact: bool = False
    """Matches only before the first response with the same settings."""

    def fits(self, error: BaseException, text: str, connection: Connection) -> bool:
        return isinstance(error, self.errors) and holds(self.saying, text) and self.when(connection)


@dataclass(frozen=True, slots=True)
class OnStatus:
    """Matches a response by its status and a pattern in its body."""

    first: int
    last: int
    saying: str
    case: Case
    when: When = always
    header: str = ""
    """Also matches any body, if a header's name has this lower-case prefix."""
    from_proxy: bool = False
    """Matches only responses that Nomad never sends."""

    def fits(self, status: int, body: str, headers: Iterable[str], connection: Connection) -> bool:
        """`headers` are header names."""
        if not (self.first <= status <= self.last and self.when(connection)):
            return False
        if self.from_proxy and not is_from_proxy(status, body):
            return False
        by_header = bool(self.header) and any(name.lower().startswith(self.header) for name in headers)
        return by_header or holds(self.saying, body)
