"""Every trouble that is known, as tables: how it shows itself, and what to say.

The first row that fits is taken, so a special case stands before a general one. The names in braces are facts
that `diagnose` fills in: `{address}` is the server's, `{said}` and `{text}` are the other side's or the system's
own words.
"""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import aiohttp

from nomad_tui.config import ConfigurationError, Connection


class Kind(StrEnum):
    SETTINGS = "settings"
    PROXY = "proxy"
    NAME_UNKNOWN = "name-unknown"
    REFUSED_CONNECTION = "refused-connection"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed-out"
    TLS_EXPECTED = "tls-expected"
    """The address says http, the server wants https."""
    TLS_NOT_EXPECTED = "tls-not-expected"
    """The address says https, the server speaks http."""
    TLS = "tls"
    CERTIFICATE = "certificate"
    CLIENT_CERTIFICATE = "client-certificate"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    REGION_UNKNOWN = "region-unknown"
    REFUSED = "refused"
    """A 200 whose body ends before the first heartbeat: how servers since 1.11.2 refuse."""
    REDIRECT = "redirect"
    NOT_NOMAD = "not-nomad"
    BAD_REQUEST = "bad-request"
    OLD_RELEASE = "old-release"
    TOO_MANY = "too-many"
    UNAVAILABLE = "unavailable"
    """Something answers, but Nomad cannot for now."""
    SILENT = "silent"
    CUT = "cut"
    """The connection broke."""
    ENDED = "ended"
    """The server closed a stream that had begun."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Plain text, fit to be drawn as it is; no part has a full stop at its end."""

    kind: Kind
    what: str
    why: str
    """Starts in lower case, to stand behind a colon."""
    remedy: str
    refused: bool
    """Waiting will not mend it: first somebody must change a setting, a token or the server."""

    @property
    def account(self) -> str:
        """What happened and why, in one sentence."""
        return f"{self.what}: {self.why}."

    @property
    def sentence(self) -> str:
        return f"{self.account} {self.remedy}."


@dataclass(frozen=True, slots=True)
class Case:
    """A trouble whose sentences still hold the names of facts, in braces."""

    kind: Kind
    what: str
    why: str
    remedy: str
    refused: bool = False


When = Callable[[Connection], bool]
Errors = tuple[type[BaseException], ...]


def always(connection: Connection) -> bool:
    return True


def holds(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def sends_token(connection: Connection) -> bool:
    return connection.sends_token


def over_plain_http(connection: Connection) -> bool:
    return connection.address.scheme == "http"


def shows_no_certificate(connection: Connection) -> bool:
    return connection.address.scheme == "https" and connection.client_cert is None


@dataclass(frozen=True, slots=True)
class OnError:
    """Fits an error, or a cause of it, of one of these types whose text holds the pattern."""

    errors: Errors
    saying: str
    case: Case
    when: When = always

    def fits(self, error: BaseException, text: str, connection: Connection) -> bool:
        return isinstance(error, self.errors) and holds(self.saying, text) and self.when(connection)


@dataclass(frozen=True, slots=True)
class OnStatus:
    """Fits an answer with a status in this range whose body holds the pattern."""

    first: int
    last: int
    saying: str
    case: Case
    when: When = always

    def fits(self, status: int, body: str, connection: Connection) -> bool:
        return self.first <= status <= self.last and holds(self.saying, body) and self.when(connection)


SET_ADDRESS: Final = "set NOMAD_ADDR (--address) to"
SET_TOKEN: Final = "Set NOMAD_TOKEN (or --token, --token-file) to"
SET_CLIENT_CERTIFICATE: Final = "set NOMAD_CLIENT_CERT and NOMAD_CLIENT_KEY (--client-cert, --client-key) to"

WANTS_TLS: Final = Case(
    Kind.TLS_EXPECTED,
    "Cannot talk to {address}",
    "the server there speaks TLS, and the address says http",
    "Write https:// in NOMAD_ADDR (--address)",
    refused=True,
)
WANTS_CLIENT_CERTIFICATE: Final = Case(
    Kind.CLIENT_CERTIFICATE,
    "{address} refused the TLS connection",
    "it asks for a client certificate, and none was shown ({text})",
    f"S{SET_CLIENT_CERTIFICATE[1:]} a pair signed by the cluster's CA",
    refused=True,
)
WANTS_TOKEN: Final = Case(
    Kind.PERMISSION,
    "{address} denied permission",
    "no token was sent, and without one it does not allow what was asked{said}",
    f"{SET_TOKEN} a token that may read the topics",
    refused=True,
)
TOKEN_MAY_NOT: Final = Case(
    Kind.PERMISSION,
    "{address} denied permission",
    "{token} lacks a capability that one of the topics asked for needs{said}",
    f"{SET_TOKEN} a token that has it, or ask for fewer topics",
    refused=True,
)
TOKEN_UNKNOWN: Final = Case(
    Kind.AUTHENTICATION,
    "{address} does not accept the token",
    "{token} is malformed, expired, deleted or another cluster's{said}",
    f"{SET_TOKEN} one for which `nomad acl token self` answers",
    refused=True,
)
REGION_UNKNOWN: Final = Case(
    Kind.REGION_UNKNOWN,
    "{address} does not know the region {region}",
    "no server of that region has joined it{said}",
    "Set NOMAD_REGION (--region) to one that `nomad server members` lists",
    refused=True,
)
OLD_STATUS_LINE: Final = Case(
    Kind.OLD_RELEASE,
    "The answer of {address} is not valid HTTP",
    "its status line says HTTP/0.0, as the event stream of Nomad 1.11.2, 1.10.8 and 1.8.20 does (nomad#27582)",
    f"Upgrade Nomad there by a patch release, or {SET_ADDRESS} a server of another release",
    refused=True,
)
CUT: Final = (ConnectionError, ssl.SSLError, aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError)
"""A TLS error that comes as late as here is one of a connection that broke."""

ERRORS: Final[tuple[OnError, ...]] = (
    OnError(
        (ConfigurationError, aiohttp.InvalidURL, UnicodeError),
        "",
        Case(
            Kind.SETTINGS,
            "The settings for {address} cannot be used",
            "{text}",
            "Correct {settings}, or the file named there",
            refused=True,
        ),
    ),
    OnError(
        (aiohttp.ClientProxyConnectionError,),
        "",
        Case(
            Kind.PROXY,
            "Cannot reach {address} through the proxy {proxy}",
            "the proxy itself cannot be reached ({text})",
            "Correct {proxy_variable}, or name {host} in NO_PROXY to go there without it",
        ),
    ),
    OnError(
        (aiohttp.ClientHttpProxyError,),
        r"^407\b",
        Case(
            Kind.PROXY,
            "Cannot reach {address} through the proxy {proxy}",
            "the proxy wants a user and a password, or others than it was given",
            "Write them into {proxy_variable} as http://user:password@host:port, or name {host} in NO_PROXY",
            refused=True,
        ),
    ),
    OnError(
        (aiohttp.ClientHttpProxyError,),
        "",
        Case(
            Kind.PROXY,
            "Cannot reach {address} through the proxy {proxy}",
            "the proxy will not or cannot connect there ({text})",
            "Allow it there, correct {proxy_variable}, or name {host} in NO_PROXY to go without it",
        ),
    ),
    OnError(
        (aiohttp.ClientConnectorDNSError,),
        "",
        Case(
            Kind.NAME_UNKNOWN,
            "Cannot find {address}",
            "the name {looked_up} does not resolve here ({text})",
            "Correct it in {looked_up_in}, or join the network that knows it",
        ),
    ),
    OnError(
        (FileNotFoundError,),
        "",
        Case(
            Kind.UNREACHABLE,
            "Cannot reach {address}",
            "there is no such socket",
            "Start the server, or correct the path in NOMAD_ADDR (--address)",
        ),
    ),
    OnError(
        (PermissionError,),
        "",
        Case(
            Kind.UNREACHABLE,
            "Cannot reach {address}",
            "this machine does not permit it to this user",
            f"Use an account that may, or {SET_ADDRESS} another of the server's addresses",
        ),
    ),
    OnError(
        (ConnectionRefusedError,),
        "",
        Case(
            Kind.REFUSED_CONNECTION,
            "Cannot reach {address}",
            "nothing listens there",
            f"Start the server, or {SET_ADDRESS} where it listens, port 4646 unless configured",
        ),
    ),
    OnError(
        (ssl.SSLCertVerificationError,),
        "Hostname mismatch|IP address mismatch",
        Case(
            Kind.CERTIFICATE,
            "{address} showed a certificate that is not for {tls_name}",
            "the names in Nomad's certificates are a role and region, such as server.global.nomad, rather than hosts",
            "Set NOMAD_TLS_SERVER_NAME (--tls-server-name) to a name in the certificate",
            refused=True,
        ),
    ),
    OnError(
        (ssl.SSLCertVerificationError,),
        "expired",
        Case(
            Kind.CERTIFICATE,
            "{address} showed a certificate that has expired",
            "it was not renewed in time, or this machine's clock is wrong",
            f"Renew it on the server, or {SET_ADDRESS} another server",
            refused=True,
        ),
    ),
    OnError(
        (ssl.SSLCertVerificationError,),
        "not yet valid",
        Case(
            Kind.CERTIFICATE,
            "{address} showed a certificate that is not valid yet",
            "this machine's clock is slow, or that of the machine that signed it was fast",
            f"Set the clock right, or {SET_ADDRESS} another server",
            refused=True,
        ),
    ),
    OnError(
        (ssl.SSLCertVerificationError,),
        "issuer|self.signed|unable to verify the first",
        Case(
            Kind.CERTIFICATE,
            "{address} showed a certificate from a CA that is not trusted here",
            "it was not signed by {trusted}",
            "Set NOMAD_CACERT (--ca-cert) or NOMAD_CAPATH (--ca-path) to the cluster's CA certificate",
            refused=True,
        ),
    ),
    OnError(
        (ssl.SSLCertVerificationError,),
        "",
        Case(
            Kind.CERTIFICATE,
            "{address} showed a certificate that cannot be trusted",
            "{text}",
            "Replace it on the server, or set NOMAD_CACERT (--ca-cert) to the CA that signed it",
            refused=True,
        ),
    ),
    OnError(
        (OSError,),
        "alert (certificate required|bad certificate|handshake failure)",
        WANTS_CLIENT_CERTIFICATE,
        shows_no_certificate,
    ),
    OnError(
        (OSError,),
        "alert (.*certificate|unknown ca|decrypt error|access denied)",
        Case(
            Kind.CLIENT_CERTIFICATE,
            "{address} refused the TLS connection",
            "it does not accept the client certificate {client_cert} ({text})",
            f"S{SET_CLIENT_CERTIFICATE[1:]} a valid pair signed by the cluster's CA",
            refused=True,
        ),
    ),
    OnError(
        (ssl.SSLError,),
        "wrong version number|http request|packet length|record layer|unexpected message",
        Case(
            Kind.TLS_NOT_EXPECTED,
            "Cannot talk to {address}",
            "what answers there does not speak TLS, and the address says https",
            "Write http:// in NOMAD_ADDR (--address), or correct its port",
            refused=True,
        ),
    ),
    OnError(
        (ssl.SSLError,),
        "^(?!.*(eof|bad record mac|close notify))",
        Case(
            Kind.TLS,
            "Cannot talk TLS with {address}",
            "{text}",
            f"Allow TLS 1.2 or later in the server's tls block, or {SET_ADDRESS} another server",
        ),
    ),
    OnError((aiohttp.ClientResponseError,), r"HTTP/0\.0", OLD_STATUS_LINE),
    OnError((aiohttp.ClientResponseError,), r"x15\\+x03", WANTS_TLS, over_plain_http),  # a TLS alert
    OnError(
        (aiohttp.ClientResponseError,),
        "",
        Case(
            Kind.NOT_NOMAD,
            "{address} is not a Nomad server's HTTP address",
            "what answers there does not speak HTTP{said}",
            f"S{SET_ADDRESS[1:]} Nomad's HTTP port, 4646 unless configured, not 4647 or 4648",
            refused=True,
        ),
    ),
    OnError(
        (aiohttp.ConnectionTimeoutError,),
        "",
        Case(
            Kind.TIMED_OUT,
            "Cannot reach {address}",
            "nothing answered in time, as with a host that is down or a firewall that drops packets",
            f"Check the way there, or {SET_ADDRESS} a server that can be reached from here",
        ),
    ),
    OnError(
        (aiohttp.SocketTimeoutError,),
        "",
        Case(
            Kind.SILENT,
            "{address} went silent",
            "the connection is open and nothing comes, though Nomad sends a heartbeat every 30 s",
            f"Check that server and any proxy before it, or {SET_ADDRESS} another server",
        ),
    ),
    OnError(
        (TimeoutError,),
        "",
        Case(
            Kind.TIMED_OUT,
            "{address} took too long to answer",
            "that server or the way to it is overloaded or broken",
            f"Check both, or {SET_ADDRESS} another server",
        ),
    ),
    OnError(
        CUT,
        "",
        Case(
            Kind.CUT,
            "The connection to {address} was cut",
            "it broke off, as it does when a server stops or when it asks for a client certificate ({text})",
            f"If this happens again at once, {SET_CLIENT_CERTIFICATE} a pair signed by the cluster's CA",
        ),
        shows_no_certificate,
    ),
    OnError(
        CUT,
        "",
        Case(
            Kind.CUT,
            "The connection to {address} was cut",
            "it broke off, as it does when a server stops or when it speaks TLS ({text})",
            "If this happens again at once, try https:// in NOMAD_ADDR (--address), or correct its port",
        ),
        over_plain_http,
    ),
    OnError(
        CUT,
        "",
        Case(
            Kind.CUT,
            "The connection to {address} was cut",
            "the server, a proxy before it or the network broke it off ({text})",
            "If this happens again at once, check that server, and NOMAD_ADDR (--address)",
        ),
    ),
    OnError(
        (OSError,),
        "",
        Case(
            Kind.UNREACHABLE,
            "Cannot reach {address}",
            "this machine finds no way there ({text})",
            f"Check the network, or {SET_ADDRESS} an address that can be reached from here",
        ),
    ),
    OnError(
        (BaseException,),
        "",
        Case(
            Kind.UNKNOWN,
            "Reading from {address} failed",
            "nomad-tui does not know this error, {name}",
            "Check NOMAD_ADDR (--address) with `nomad server members`, and report this message if that works",
        ),
    ),
)

STATUSES: Final[tuple[OnStatus, ...]] = (
    OnStatus(
        200,
        299,
        "",
        Case(
            Kind.NOT_NOMAD,
            "{address} does not answer as Nomad does",
            "it sent {form} instead of JSON{path}",
            f"S{SET_ADDRESS[1:]} Nomad's own HTTP address, port 4646 unless configured",
            refused=True,
        ),
    ),
    OnStatus(
        300,
        399,
        "",
        Case(
            Kind.REDIRECT,
            "{address} answered with a redirect",
            "it points to {location}, and following it would hand the token to whatever is there",
            f"S{SET_ADDRESS[1:]} the address it points to, if that is the cluster's",
            refused=True,
        ),
    ),
    OnStatus(400, 400, "to an HTTPS server|to HTTPS port", WANTS_TLS),
    OnStatus(400, 599, "no path to region|unknown region", REGION_UNKNOWN),
    OnStatus(
        400,
        400,
        "",
        Case(
            Kind.BAD_REQUEST,
            "{address} rejected the request",
            "it calls the request wrong{said}",
            "Correct the topics asked for, or NOMAD_NAMESPACE and NOMAD_REGION (--namespace, --region)",
            refused=True,
        ),
    ),
    OnStatus(
        401,
        401,
        "",
        Case(
            Kind.AUTHENTICATION,
            "{address} wants a user and a password",
            "a proxy before Nomad asks for them, or does not accept those it was given{said}",
            "Set NOMAD_HTTP_AUTH (--http-auth) to user:password",
            refused=True,
        ),
    ),
    OnStatus(400, 599, "token not found|token expired|token is|UUID", TOKEN_UNKNOWN, sends_token),
    OnStatus(
        403,
        403,
        "^(<|$)",
        Case(
            Kind.PERMISSION,
            "{address} denied permission",
            "a proxy before Nomad did, for Nomad itself would have said why in plain text",
            f"Ask whoever runs that proxy, set NOMAD_HTTP_AUTH (--http-auth), or {SET_ADDRESS} the server itself",
            refused=True,
        ),
    ),
    OnStatus(403, 403, "", TOKEN_MAY_NOT, sends_token),
    OnStatus(403, 403, "", WANTS_TOKEN),
    OnStatus(500, 500, "permission denied", TOKEN_MAY_NOT, sends_token),
    OnStatus(500, 500, "permission denied", WANTS_TOKEN),
    OnStatus(
        404,
        405,
        "",
        Case(
            Kind.NOT_NOMAD,
            "{address} has no event stream",
            "it is not a Nomad server, or one older than 1.0{path}",
            f"S{SET_ADDRESS[1:]} Nomad's own HTTP address, port 4646 unless configured",
            refused=True,
        ),
    ),
    OnStatus(
        407,
        407,
        "",
        Case(
            Kind.PROXY,
            "Cannot reach {address} through the proxy {proxy}",
            "the proxy wants a user and a password, or others than it was given",
            "Write them into {proxy_variable} as http://user:password@host:port, or name {host} in NO_PROXY",
            refused=True,
        ),
    ),
    OnStatus(
        429,
        429,
        "",
        Case(
            Kind.TOO_MANY,
            "{address} has too many connections from here",
            "each watcher holds one open, up to http_max_conns_per_client in the server's limits block{said}",
            f"Close other watchers, raise that limit, or {SET_ADDRESS} another server",
        ),
    ),
    OnStatus(
        502,
        504,
        "",
        Case(
            Kind.UNAVAILABLE,
            "{address} answered {status}",
            "a proxy there found no Nomad server behind it{said}",
            f"Start the server behind it, or {SET_ADDRESS} the server itself",
        ),
    ),
    OnStatus(
        500,
        599,
        "no cluster leader|not ready",
        Case(
            Kind.UNAVAILABLE,
            "{address} cannot answer now",
            "the cluster has no leader{said}",
            f"Check `nomad server members`, or {SET_ADDRESS} a server of a cluster that has one",
        ),
    ),
    OnStatus(
        500,
        599,
        "",
        Case(
            Kind.UNAVAILABLE,
            "{address} answered {status}",
            "the server failed at it{said}",
            f"Look into that server's log, or {SET_ADDRESS} another server",
        ),
    ),
    OnStatus(
        100,
        999,
        "",
        Case(
            Kind.NOT_NOMAD,
            "{address} answered {status}",
            "something else than Nomad answers there{said}",
            f"S{SET_ADDRESS[1:]} Nomad's own HTTP address, port 4646 unless configured",
            refused=True,
        ),
    ),
)

LAST_LINES: Final[tuple[tuple[str, Case], ...]] = (
    (
        "dropped from buffer",
        Case(
            Kind.ENDED,
            "The server dropped this reader",
            "it fell behind the newest events that the server keeps{said}",
            "Raise event_buffer_size on the server at NOMAD_ADDR if this happens again",
        ),
    ),
    (
        "token expired|token not found",
        Case(
            Kind.AUTHENTICATION,
            "The server ended the stream",
            "the token has expired or was deleted{said}",
            "Set NOMAD_TOKEN to a new one, or give --token-file, which is read again at each connect",
        ),
    ),
    (
        "permission denied",
        Case(
            Kind.PERMISSION,
            "The server ended the stream",
            "the token may no longer read what was asked for{said}",
            f"{SET_TOKEN} one that may, or ask for fewer topics",
        ),
    ),
    (
        "subscription closed",
        Case(
            Kind.ENDED,
            "The server ended the stream",
            "a token or policy was changed, or the server's state was restored from a snapshot{said}",
            "If connecting again fails, check the token in NOMAD_TOKEN (or --token, --token-file)",
        ),
    ),
    (
        ".",
        Case(
            Kind.ENDED,
            "The server ended the stream",
            "its last words were not an event{said}",
            "If this happens again at once, check the server at NOMAD_ADDR (--address)",
        ),
    ),
    (
        "",
        Case(
            Kind.ENDED,
            "The server ended the stream without a word",
            "it or a proxy is stopping, this reader was too slow, or its token or policy was changed",
            "If connecting again fails, check NOMAD_TOKEN (or --token, --token-file) and NOMAD_ADDR",
        ),
    ),
)
"""What servers before 1.11.2 write in plain text before they end a stream; newer ones write nothing."""
