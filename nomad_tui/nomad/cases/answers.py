"""Unexpected responses: from Nomad, from a proxy, and from other programs.

`{quote}` is text from the response.
"""

from typing import Final

from nomad_tui.nomad.cases.by_inquiry import (
    NO_LEADER,
    PUBLISHING_DISABLED,
    REGION_DOWN,
    TOKEN_EXPIRED,
    TOKEN_MALFORMED,
    TOKEN_UNKNOWN,
)
from nomad_tui.nomad.cases.case import SET_ADDRESS, SET_TOKEN, Case, Kind, OnStatus, names_region, sends_token
from nomad_tui.nomad.cases.connecting import PROXY_CREDENTIALS, WANTS_TLS

USE_NOMAD_ADDRESS: Final = f"S{SET_ADDRESS[1:]} Nomad's HTTP address (default port 4646)"


def _ended(why: str, remedy: str, kind: Kind = Kind.ENDED) -> Case:
    return Case(kind, "The server ended the stream", why, remedy)


LAST_LINES: Final[tuple[tuple[str, Case], ...]] = (
    (
        "dropped from buffer",
        Case(
            Kind.ENDED,
            "The server dropped this reader",
            "it fell behind the server's event buffer{quote}",
            "If this happens again, raise event_buffer_size on the server (NOMAD_ADDR)",
        ),
    ),
    (
        "token expired|token not found",
        _ended(
            "the token has expired or was deleted{quote}",
            "Set NOMAD_TOKEN to a new one, or give --token-file, which is reread on every connect",
            Kind.AUTHENTICATION,
        ),
    ),
    (
        "permission denied",
        _ended(
            "the token may no longer read these topics{quote}",
            f"{SET_TOKEN} one that may, or subscribe to fewer topics (--topic)",
            Kind.PERMISSION,
        ),
    ),
    (
        "subscription closed",
        _ended(
            "a token or policy changed, or the server was restored from a snapshot{quote}",
            "If reconnecting fails, check the token in NOMAD_TOKEN (or --token, --token-file)",
        ),
    ),
    (
        "^(unexpected )?EOF$|connection reset|session shutdown",
        _ended(
            "the client agent that passes it on lost its connection{quote}",
            f"If reconnecting fails, check `nomad server members`, or {SET_ADDRESS} a server that runs",
        ),
    ),
    (
        ".",
        _ended(
            "its last line was not an event{quote}",
            "If this happens again at once, check the server at NOMAD_ADDR (--address)",
        ),
    ),
    (
        "",
        Case(
            Kind.ENDED,
            "The server ended the stream without a reason",
            "it or a proxy is stopping, nomad-tui was too slow, or the token or policy changed",
            "If reconnecting fails, check NOMAD_TOKEN (or --token, --token-file) and NOMAD_ADDR",
        ),
    ),
)


WANTS_TOKEN: Final = Case(
    Kind.PERMISSION,
    "{address} denied permission",
    "no token was sent, and the anonymous policy does not allow this{quote}",
    f"{SET_TOKEN} a token that may read the topics",
    refused=True,
)
TOKEN_MAY_NOT: Final = Case(
    Kind.PERMISSION,
    "{address} denied permission",
    "{token} lacks a capability that one of the topics needs{quote}",
    f"{SET_TOKEN} a token that has it, or subscribe to fewer topics (--topic)",
    refused=True,
)
CONSUL: Final = Case(
    Kind.NOT_NOMAD,
    "{address} is a Consul agent, not a Nomad server",
    "the response is Consul's{quote}",
    USE_NOMAD_ADDRESS,
    refused=True,
)
VAULT: Final = Case(
    Kind.NOT_NOMAD,
    "{address} is a Vault server, not a Nomad server",
    "the response is Vault's{quote}",
    USE_NOMAD_ADDRESS,
    refused=True,
)
REGION_UNKNOWN: Final = Case(
    Kind.REGION_UNKNOWN,
    "{address} does not know the region {region}",
    "no server of that region has joined its cluster{quote}",
    "Set NOMAD_REGION (--region) to one that `nomad server members` lists",
    refused=True,
)

FROM_PROXY: Final = Case(
    Kind.IN_FRONT,
    "A proxy in front of {address} answered {status}",
    "{proxy_answer}",
    f"Check that proxy, or {SET_ADDRESS} the server itself",
)
FROM_PROXY_DENIED: Final = Case(
    Kind.IN_FRONT,
    "A proxy in front of {address} denied access",
    "{proxy_answer}",
    f"Send the credentials it requires (--header, --http-auth), or {SET_ADDRESS} the server itself",
    refused=True,
)
FROM_PROXY_TOO_MANY: Final = Case(
    Kind.IN_FRONT,
    "A proxy in front of {address} limits the request rate",
    "{proxy_answer}",
    f"Raise its rate limit for /v1/event/stream, close other watchers, or {SET_ADDRESS} the server itself",
)
FROM_PROXY_NO_SERVER: Final = Case(
    Kind.IN_FRONT,
    "A proxy in front of {address} answered {status}",
    "it cannot reach Nomad ({proxy_answer})",
    f"Start the Nomad server behind it, or {SET_ADDRESS} the server itself",
)

NO_SERVER: Final = Case(
    Kind.UNAVAILABLE,
    "{address} cannot reach Nomad's servers",
    "it is a client agent or a server that passes requests on{quote}",
    f"Check `nomad server members`, or {SET_ADDRESS} a server that runs",
)

STATUSES: Final[tuple[OnStatus, ...]] = (
    OnStatus(
        200,
        299,
        "",
        Case(
            Kind.NOT_NOMAD,
            "{address} is not a Nomad server",
            "it sent {form} instead of JSON{path}",
            USE_NOMAD_ADDRESS,
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
            "it points to {location}, and the token is never sent to another address",
            f"S{SET_ADDRESS[1:]} that address, if it is the cluster's",
            refused=True,
        ),
    ),
    OnStatus(400, 400, "to an HTTPS server|to HTTPS port", WANTS_TLS),
    OnStatus(400, 599, "not a recognized HTTP API endpoint", CONSUL, header="x-consul-"),
    OnStatus(400, 599, r'^\{ ?"errors": ?\[', VAULT, header="x-vault-"),
    OnStatus(400, 599, "no path to region|unknown region", REGION_UNKNOWN),
    OnStatus(400, 599, "event ?(broker|publisher) (is )?(not (configured|enabled)|disabled)", PUBLISHING_DISABLED),
    OnStatus(400, 599, "no cluster leader", NO_LEADER),
    OnStatus(500, 599, "failed to get conn|dial tcp|i/o timeout|connection refused", REGION_DOWN, names_region),
    OnStatus(500, 500, "failed to get conn|dial tcp|no (known )?servers", NO_SERVER),
    OnStatus(403, 403, "", FROM_PROXY_DENIED, from_proxy=True),
    OnStatus(429, 429, "", FROM_PROXY_TOO_MANY, from_proxy=True),
    OnStatus(502, 504, "", FROM_PROXY_NO_SERVER, from_proxy=True),
    OnStatus(520, 527, "", FROM_PROXY_NO_SERVER),
    OnStatus(400, 400, "", FROM_PROXY, from_proxy=True),
    OnStatus(406, 599, "", FROM_PROXY, from_proxy=True),
    OnStatus(
        400,
        400,
        "",
        Case(
            Kind.BAD_REQUEST,
            "{address} rejected the request",
            "the request is invalid{quote}",
            "Correct the topics (--topic), NOMAD_NAMESPACE (--namespace) or NOMAD_REGION (--region)",
            refused=True,
        ),
    ),
    OnStatus(
        401,
        401,
        "",
        Case(
            Kind.AUTHENTICATION,
            "{address} requires a user and password",
            "a proxy in front of Nomad needs them, or rejects those given{quote}",
            "Set NOMAD_HTTP_AUTH (--http-auth) to user:password",
            refused=True,
        ),
    ),
    OnStatus(400, 599, "token expired", TOKEN_EXPIRED, sends_token),
    OnStatus(400, 599, "token not found", TOKEN_UNKNOWN, sends_token),
    OnStatus(
        400,
        599,
        "UUID|token is (malformed|invalid)|failed to parse (signed token|JWT)|compact JWS",
        TOKEN_MALFORMED,
        sends_token,
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
            "it is not a Nomad server, or is older than 1.0{path}",
            USE_NOMAD_ADDRESS,
            refused=True,
        ),
    ),
    OnStatus(407, 407, "", PROXY_CREDENTIALS),
    OnStatus(
        429,
        429,
        "",
        Case(
            Kind.TOO_MANY,
            "{address} has too many connections from here",
            "the server allows http_max_conns_per_client (in its limits block){quote}",
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
            "a proxy there cannot reach Nomad{quote}",
            f"Start the Nomad server behind it, or {SET_ADDRESS} the server itself",
        ),
    ),
    OnStatus(500, 599, "not ready", NO_LEADER),
    OnStatus(
        500,
        599,
        "",
        Case(
            Kind.UNAVAILABLE,
            "{address} answered {status}",
            "internal server error{quote}",
            f"Check that server's log, or {SET_ADDRESS} another server",
        ),
    ),
    OnStatus(
        100,
        999,
        "",
        Case(
            Kind.NOT_NOMAD,
            "{address} answered {status}",
            "this is not a response of Nomad{quote}",
            USE_NOMAD_ADDRESS,
            refused=True,
        ),
    ),
)
