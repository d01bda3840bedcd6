"""Ends of streams that had begun, by the last line before them.

Servers before 1.11.2 write plain text before they end a stream; newer ones write nothing.
"""

from typing import Final

from nomad_tui.nomad.cases.case import SET_TOKEN, Case, Kind

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
        Case(
            Kind.AUTHENTICATION,
            "The server ended the stream",
            "the token has expired or was deleted{quote}",
            "Set NOMAD_TOKEN to a new one, or give --token-file, which is reread on every connect",
        ),
    ),
    (
        "permission denied",
        Case(
            Kind.PERMISSION,
            "The server ended the stream",
            "the token may no longer read these topics{quote}",
            f"{SET_TOKEN} one that may, or subscribe to fewer topics (--topic)",
        ),
    ),
    (
        "subscription closed",
        Case(
            Kind.ENDED,
            "The server ended the stream",
            "a token or policy changed, or the server was restored from a snapshot{quote}",
            "If reconnecting fails, check the token in NOMAD_TOKEN (or --token, --token-file)",
        ),
    ),
    (
        ".",
        Case(
            Kind.ENDED,
            "The server ended the stream",
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
