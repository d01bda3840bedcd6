"""What it means that a stream's first line does not come.

A server writes a stream's head before it checks the token (from 1.11.2 on), and `{}` within milliseconds if it accepts.
If it refuses, it writes nothing more, and the connection ends when the server's garbage collector finds it: at once,
or after two minutes. So silence after the head is a refusal, unless something between holds the stream back.
"""

from typing import Final

import aiohttp

from nomad_tui.nomad.releases import NO_FIRST_HEARTBEAT, Release

SHORTEST: Final = 1.5
"""Seconds from the head to the first line, beyond which a stream is refused."""
LONGEST: Final = 15.0
ROUND_TRIPS: Final = 3.0
"""As many times what the slowest answer took: a link or a server that is slow has refused nothing."""


def patience(
    response: aiohttp.ClientResponse, version: str | None, round_trip: float, shortest: float | None = None
) -> float | None:
    """Seconds within which the first line comes if the server accepts; None where its absence says nothing.

    `version` is the server's release, if that is known; `round_trip` is what its slowest answer took, in seconds.
    """
    if not is_hijacked(response) or (version is not None and sends_late_first_line(version)):
        return None
    return min(LONGEST, max(SHORTEST if shortest is None else shortest, ROUND_TRIPS * round_trip))


def is_hijacked(response: aiohttp.ClientResponse) -> bool:
    """Whether the body ends with the connection, as Nomad's own streams do; a proxy usually sends chunks."""
    headers = response.headers
    if "Content-Length" in headers or "Transfer-Encoding" in headers:
        return False
    return headers.get("Connection", "").lower() == "close"


def sends_late_first_line(version: str) -> bool:
    """Whether a release sends neither head nor heartbeat before its first event or 30 s: 1.0.0 to 1.0.6, and 1.1.0."""
    release = Release.parse(version)
    return release is not None and NO_FIRST_HEARTBEAT.affects(release)
