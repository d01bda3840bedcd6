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
            "its last line was not an event{said}",
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
