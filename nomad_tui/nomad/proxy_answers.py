"""Answers that are not Nomad's, but those of a proxy in front of it: who gave them, and what they say.

Nomad answers errors with a short plain text. A `Server` header alone proves nothing: a proxy puts its own on what it
passes on, too.
"""

import re
from collections.abc import Mapping
from typing import Final

from nomad_tui.core.text import printable

LONGEST: Final = 120
"""Characters of what a proxy says."""

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
    """Whether an answer with this status and body is none that Nomad gives."""
    if 520 <= status <= 530 or (not text and status in (403, 502, 503, 504)):
        return True
    return text.startswith("<") or _PLAIN.match(text) is not None


def describe(status: int, body: bytes, headers: Mapping[str, str]) -> str:
    """Who answered, its answer and what that means, such as `nginx says '429 Too Many Requests'`."""
    server = headers.get("Server", "").lower()
    who = next((name for sign, name in _NAMES if sign in server), "")
    who = "Cloudflare" if "CF-RAY" in headers else who or "it"
    found = _TITLE.search(body)
    words = found[2] if found is not None else _TAG.sub(b" ", body)
    text = printable(" ".join(words.decode("utf-8", "replace").split()), LONGEST)
    code = _CODE.search(text)
    meaning = _MEANINGS.get(int(code[1]) if code is not None else status, "")
    answer = f"{who} says '{text}'" if text else f"{who} gives no reason"
    return f"{answer}: {meaning}" if meaning else answer
