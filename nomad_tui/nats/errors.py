"""Errors of NATS, explained: what happened, why, and what to do."""

import socket
import ssl
from typing import Final

import nats.errors
from nats.js.errors import APIError, NoStreamResponseError, ServiceUnavailableError

from nomad_tui.core.text import printable

LONGEST_REASON: Final = 200
"""Characters of a server's message that are quoted."""


class NatsError(Exception):
    """What happened, why, and what to do: plain text, safe to display. No part ends with a full stop."""

    def __init__(self, what: str, why: str, remedy: str, *, refused: bool = False) -> None:
        super().__init__(f"{what}: {why}. {remedy}.")
        self.what = what
        self.why = why
        self.remedy = remedy
        self.refused = refused
        """Retrying does not help: a setting, a credential or the server must change first."""

    @property
    def summary(self) -> str:
        return f"{self.what}: {self.why}."


def explain(error: BaseException, server: str) -> NatsError:
    """Explains an error of the library or the system; `server` is the server's address as displayed."""
    if isinstance(error, NatsError):
        return error
    text = printable(str(error).removeprefix("nats: ").strip("'\" \r\n"), LONGEST_REASON)
    lower = str(error).lower()
    match error:
        case ssl.SSLCertVerificationError():
            return NatsError(
                f"The certificate of {server} is not trusted",
                printable(error.verify_message or text, LONGEST_REASON).rstrip("."),
                "Name the CA that signed it, or the name in it",
                refused=True,
            )
        case ssl.SSLError():
            return NatsError(
                f"TLS with {server} failed",
                printable((error.reason or text).replace("_", " ").lower(), LONGEST_REASON),
                "Check its certificates, and whether it asks for a client certificate",
                refused=True,
            )
        case nats.errors.SecureConnWantedError():
            return NatsError(
                f"{server} was left at once",
                "it offers no TLS, and nothing is sent to it in clear",
                "Write nats:// for a plain connection, or switch TLS on there",
                refused=True,
            )
        case socket.gaierror():
            return NatsError(
                f"{server} cannot be found",
                f"no address is known for its name ({text})",
                "Correct the name, or this machine's DNS",
            )
        case ConnectionRefusedError():
            return NatsError(
                f"{server} cannot be reached",
                "connection refused",
                "Start the NATS server, or correct the address",
            )
        case nats.errors.NoRespondersError() | NoStreamResponseError() | ServiceUnavailableError():
            return NatsError(
                f"JetStream of {server} does not answer",
                "it is not switched on for this account, or has no leader at the moment",
                "Start nats-server with JetStream (-js), or wait until the cluster has elected one",
            )
        case APIError():
            return _api_trouble(error, server)
        case TimeoutError():
            return NatsError(
                f"{server} timed out",
                "it is overloaded, or something between holds the connection back",
                "Check the server and the network",
            )
        case nats.errors.UnexpectedEOF() | nats.errors.ConnectionClosedError() | nats.errors.StaleConnectionError():
            return NatsError(
                f"The connection to {server} was lost", "the server closed it", "Reconnecting; check the server"
            )
        case OSError():
            reason = printable((error.strerror or text).lower(), LONGEST_REASON)
            return NatsError(f"{server} cannot be reached", reason, "Check the address and the network")
    if "permissions violation" in lower:
        return NatsError(
            f"{server} does not permit it",
            text,
            "Have the user's permissions extended, or use another",
            refused=True,
        )
    if "authorization violation" in lower or "authentication" in lower or "user authentication" in lower:
        return NatsError(
            f"{server} refused the connection",
            "it rejects the user, token or key, or requires one",
            "Put user:password@ or a token@ before the host, or name a .creds or nkey file",
            refused=True,
        )
    if "expecting info" in lower:
        return NatsError(
            f"What answers at {server} is no NATS server",
            "its greeting is not NATS",
            "Correct the address; 4222 is the usual port",
            refused=True,
        )
    return NatsError(f"{server} failed", text or type(error).__name__, "Check the server's log")


def _api_trouble(error: APIError, server: str) -> NatsError:
    text = printable(error.description or "", LONGEST_REASON) or f"error {error.err_code or error.code}"
    return NatsError(f"JetStream of {server} refused", text, "See nats stream info, and the server's log")
