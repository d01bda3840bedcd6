"""Errors instead of a response: settings, network, TLS, and responses that are not HTTP.

`{text}` is the system's error text, `{quote}` the other side's.
"""

import ssl
from typing import Final

import aiohttp

from nomad_tui.config.setting import ConfigurationError
from nomad_tui.nomad.cases.case import (
    SET_ADDRESS,
    Case,
    Kind,
    OnError,
    over_plain_http,
    shows_no_certificate,
)


class SocksError(aiohttp.ClientError):
    """A SOCKS proxy cannot be reached or refuses to connect; the text is its reason."""


SET_CLIENT_CERTIFICATE: Final = "set NOMAD_CLIENT_CERT and NOMAD_CLIENT_KEY (--client-cert, --client-key) to"


WANTS_TLS: Final = Case(
    Kind.TLS_EXPECTED,
    "Cannot talk to {address}",
    "the server uses TLS, but the address says http",
    "Use https:// in NOMAD_ADDR (--address)",
    refused=True,
)
WANTS_CLIENT_CERTIFICATE: Final = Case(
    Kind.CLIENT_CERTIFICATE,
    "{address} refused the TLS connection",
    "it requires a client certificate ({text})",
    f"S{SET_CLIENT_CERTIFICATE[1:]} a pair signed by the cluster's CA",
    refused=True,
)
OLD_STATUS_LINE: Final = Case(
    Kind.OLD_RELEASE,
    "The response of {address} is not valid HTTP",
    "its status line is HTTP/0.0, as of Nomad 1.11.2, 1.10.8 and 1.8.20 (nomad#27582)",
    f"Upgrade Nomad to the next patch release, or {SET_ADDRESS} a server of another release",
    refused=True,
)
CUT: Final = (ConnectionError, ssl.SSLError, aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError)
"""A TLS error that none of the preceding rows matches means that the connection broke."""


def _proxy(why: str, remedy: str, *, refused: bool = False) -> Case:
    return Case(Kind.PROXY, "Cannot reach {address} through the proxy {proxy}", why, remedy, refused)


PROXY_CREDENTIALS: Final = _proxy(
    "the proxy requires a user and password, or rejects those given",
    "Set {proxy_variable} to http://user:password@host:port, or add {host} to NO_PROXY",
    refused=True,
)


def _certificate(saying: str, kind: Kind, what: str, text: tuple[str, str], shown: tuple[str, str]) -> OnError:
    """`text` and `shown` are why and remedy: without the certificate, and if it could be looked at."""
    case, with_certificate = (Case(kind, what, *each, refused=True) for each in (text, shown))
    return OnError((ssl.SSLCertVerificationError,), saying, case, shown=with_certificate)


ERRORS: Final[tuple[OnError, ...]] = (
    OnError(
        (ConfigurationError, aiohttp.InvalidURL, UnicodeError),
        "",
        Case(
            Kind.SETTINGS,
            "The settings for {address} cannot be used",
            "{text}",
            "Correct {settings}, or that file",
            refused=True,
        ),
    ),
    OnError(
        (SocksError,),
        "",
        _proxy("{text}", "Correct {proxy_variable}, start the proxy, or add {host} to NO_PROXY"),
    ),
    OnError(
        (aiohttp.ClientProxyConnectionError,),
        "",
        _proxy("the proxy cannot be reached ({text})", "Correct {proxy_variable}, or add {host} to NO_PROXY"),
    ),
    OnError((aiohttp.ClientHttpProxyError,), r"^407\b", PROXY_CREDENTIALS),
    OnError(
        (aiohttp.ClientHttpProxyError,),
        "",
        _proxy(
            "the proxy refused or failed to connect ({text})",
            "Allow it on the proxy, correct {proxy_variable}, or add {host} to NO_PROXY",
        ),
    ),
    OnError(
        (aiohttp.ClientConnectorDNSError,),
        "",
        Case(
            Kind.NAME_UNKNOWN,
            "Cannot find {address}",
            "the name {looked_up} does not resolve here ({text})",
            "Correct it in {looked_up_in}, or check DNS and VPN",
        ),
    ),
    OnError(
        (FileNotFoundError,),
        "",
        Case(
            Kind.UNREACHABLE,
            "Cannot reach {address}",
            "the socket does not exist",
            "Start the server, or correct the path in NOMAD_ADDR (--address)",
        ),
    ),
    OnError(
        (PermissionError,),
        "",
        Case(
            Kind.UNREACHABLE,
            "Cannot reach {address}",
            "permission denied by this machine",
            f"Run as a user with access, or {SET_ADDRESS} another address",
        ),
    ),
    OnError(
        (ConnectionRefusedError,),
        "",
        Case(
            Kind.REFUSED_CONNECTION,
            "Cannot reach {address}",
            "connection refused",
            f"Is Nomad running there? Start it, or {SET_ADDRESS} its address (default port 4646)",
        ),
    ),
    _certificate(
        "Hostname mismatch|IP address mismatch",
        Kind.CERTIFICATE_NAME,
        "{address} has a certificate that is not valid for {tls_name}",
        (
            "Nomad's certificates name a role and region, such as server.global.nomad, not hosts",
            "Set NOMAD_TLS_SERVER_NAME (--tls-server-name) to a name in the certificate",
        ),
        ("it is for {names}", "{name_remedy}"),
    ),
    _certificate(
        "expired",
        Kind.CERTIFICATE,
        "{address} has an expired certificate",
        (
            "it was not renewed, or this machine's clock is wrong",
            f"Renew it on the server, or {SET_ADDRESS} another server",
        ),
        (
            "it was valid until {not_after}, and this machine's clock says {now}",
            f"Renew it on the server (its issuer is {{issuer}}), or {SET_ADDRESS} another server",
        ),
    ),
    _certificate(
        "not yet valid",
        Kind.CERTIFICATE,
        "{address} has a certificate that is not valid yet",
        (
            "this machine's clock is slow, or the signing machine's was fast",
            f"Correct the clock, or {SET_ADDRESS} another server",
        ),
        (
            "it is valid from {not_before}, and this machine's clock says {now}",
            f"Correct the clock, or {SET_ADDRESS} another server",
        ),
    ),
    _certificate(
        "issuer|self.signed|unable to verify the first",
        Kind.CERTIFICATE_CA,
        "{address} has a certificate of an untrusted CA",
        (
            "it was not signed by {trusted}",
            "Set NOMAD_CACERT (--ca-cert) or NOMAD_CAPATH (--ca-path) to the cluster's CA certificate",
        ),
        (
            "{issued_by}, not by {trusted}",
            "Set NOMAD_CACERT (--ca-cert) or NOMAD_CAPATH (--ca-path) to that CA's certificate, if it is the cluster's",
        ),
    ),
    OnError(
        (ssl.SSLCertVerificationError,),
        "",
        Case(
            Kind.CERTIFICATE,
            "{address} has an untrusted certificate",
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
            "the server does not use TLS, but the address says https",
            "Use http:// in NOMAD_ADDR (--address), or correct its port",
            refused=True,
        ),
    ),
    OnError(
        (ssl.SSLError,),
        "^(?!.*(eof|bad record mac|close notify))",
        Case(
            Kind.TLS,
            "The TLS handshake with {address} failed",
            "{text}",
            f"Allow TLS 1.2 or later in the server's tls block, or {SET_ADDRESS} another server",
        ),
    ),
    OnError((aiohttp.ClientResponseError,), r"HTTP/0\.0", OLD_STATUS_LINE),
    OnError(
        (aiohttp.ClientResponseError,),
        "content-encoding",
        Case(
            Kind.IN_FRONT,
            "The response of {address} is compressed as {encoding}",
            "a proxy compressed it without being asked to; nomad-tui reads gzip only",
            f"Switch compression off in the proxy for /v1/, or {SET_ADDRESS} the server itself",
            refused=True,
        ),
    ),
    OnError((aiohttp.ClientResponseError,), r"x15\\+x03", WANTS_TLS, over_plain_http),  # a TLS alert
    OnError(
        (aiohttp.ClientResponseError,),
        "",
        Case(
            Kind.NOT_NOMAD,
            "{address} is not a Nomad server's HTTP address",
            "the response is not HTTP{quote}",
            f"S{SET_ADDRESS[1:]} Nomad's HTTP port (4646 by default), not 4647 or 4648",
            refused=True,
        ),
    ),
    OnError(
        (aiohttp.ConnectionTimeoutError,),
        "",
        Case(
            Kind.TIMED_OUT,
            "Cannot reach {address}",
            "it timed out; the host is down, or a firewall drops packets",
            f"Check the network and firewalls, or {SET_ADDRESS} a reachable server",
        ),
    ),
    OnError(
        (aiohttp.SocketTimeoutError,),
        "",
        Case(
            Kind.SILENT,
            "{address} went silent",
            "no heartbeat within 30 s, so the server, network or a proxy is stuck, or the token was deleted",
            f"If reconnecting fails, check that server and any proxy in front of it, or {SET_ADDRESS} another server",
        ),
    ),
    OnError(
        (TimeoutError,),
        "",
        Case(
            Kind.TIMED_OUT,
            "{address} timed out",
            "the server or the network is overloaded or broken",
            f"Check both, or {SET_ADDRESS} another server",
        ),
    ),
    OnError(
        CUT,
        "",
        Case(
            Kind.CUT,
            "The connection to {address} was cut",
            "a server that stops, or that requires a client certificate, does so ({text})",
            f"If this happens again at once, {SET_CLIENT_CERTIFICATE} a pair signed by the cluster's CA",
        ),
        shows_no_certificate,
        on_first_contact=True,
    ),
    OnError(
        CUT,
        "",
        Case(
            Kind.CUT,
            "The connection to {address} was cut",
            "a server that stops, or that uses TLS, does so ({text})",
            "If this happens again at once, try https:// in NOMAD_ADDR (--address), or correct its port",
        ),
        over_plain_http,
        on_first_contact=True,
    ),
    OnError(
        CUT,
        "",
        Case(
            Kind.CUT,
            "The connection to {address} was cut",
            "by the server, a proxy or the network ({text})",
            "If this happens again at once, check that server, and NOMAD_ADDR (--address)",
        ),
    ),
    OnError(
        (OSError,),
        "",
        Case(
            Kind.UNREACHABLE,
            "Cannot reach {address}",
            "no route to the host ({text})",
            f"Check the network, or {SET_ADDRESS} a reachable address",
        ),
    ),
    OnError(
        (BaseException,),
        "",
        Case(
            Kind.UNKNOWN,
            "Reading from {address} failed",
            "unexpected error, {name}",
            "Check NOMAD_ADDR (--address) with `nomad server members`, and report this message if that works",
        ),
    ),
)
