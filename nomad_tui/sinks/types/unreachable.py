"""Explains in one line why no response was received: what happened, why, and what to correct in the definition."""

from typing import Final

import aiohttp

from nomad_tui.config.connection import Connection
from nomad_tui.core.text import printable
from nomad_tui.nomad.cases import Kind
from nomad_tui.nomad.diagnose import explain

REMEDIES: Final = {
    Kind.PROXY: "Correct proxy in the definition or HTTP_PROXY and HTTPS_PROXY, or name the host in NO_PROXY",
    Kind.NAME_UNKNOWN: "Correct address in the definition, or connect to the network that resolves it",
    Kind.REFUSED_CONNECTION: "Start the receiver, or correct address in the definition",
    Kind.TLS_EXPECTED: "Write https:// in address in the definition",
    Kind.TLS_NOT_EXPECTED: "Write http:// in address in the definition, or correct its port",
    Kind.CERTIFICATE_NAME: "Correct the host in address, or set tls.server_name in the definition to a name in it",
    Kind.CERTIFICATE_CA: "Set tls.ca_cert in the definition to the certificate of that CA",
    Kind.CERTIFICATE: "Replace it at the receiver, or correct address in the definition",
    Kind.CLIENT_CERTIFICATE: "Set tls.client_cert and tls.client_key in the definition to a pair that it accepts",
    Kind.TLS: "Allow TLS 1.2 or later there",
    Kind.CUT: "If this repeats, check the receiver and address in the definition",
}
ANY_REMEDY: Final = "Check the receiver, the network, and address in the definition"

LONGEST_NAME: Final = 160
"""Characters of the text of an unknown error."""


def unreachable(error: BaseException, connection: Connection) -> str:
    """Explains an error raised by aiohttp or the system instead of a response; `connection` is that to the receiver.

    One line, safe to display: what happened, why, and what to do.
    """
    address = connection.address
    if isinstance(error, aiohttp.ClientResponseError) and "more than" in error.message:  # aiohttp's limits
        return f"The answer of {address} cannot be read: its headers are too long. {ANY_REMEDY}."
    trouble = explain(error, connection)
    what, why = trouble.what, trouble.why
    remedy = REMEDIES.get(trouble.kind, ANY_REMEDY)
    proxy = connection.proxy
    match trouble.kind:
        case Kind.NAME_UNKNOWN if proxy is not None and getattr(error, "host", address.host) != address.host:
            what, remedy = f"Cannot find the proxy {proxy.url}", REMEDIES[Kind.PROXY]
        case Kind.NOT_NOMAD | Kind.OLD_RELEASE:
            what = f"The answer of {address} is not valid HTTP"
            if trouble.kind is Kind.OLD_RELEASE:
                why = "its status line says HTTP/0.0"
        case Kind.CERTIFICATE_NAME:
            why = "no name in it is the one that is expected"
        case Kind.CUT:
            why = "the receiver, a proxy or the network closed the connection before an answer came"
            if address.scheme == "http":
                remedy += ": it may want https://"
            elif connection.client_cert is None:
                remedy += ", and whether it wants a client certificate (tls.client_cert, tls.client_key)"
        case Kind.SETTINGS | Kind.UNKNOWN:
            what, why = f"Nothing can be sent to {address}", _named(error)
        case _:
            pass
    return f"{what}: {why}. {remedy}."


def _named(error: BaseException) -> str:
    # The text of an invalid URL is the URL, whose path may be a secret.
    text = "" if isinstance(error, aiohttp.InvalidURL) else " ".join(str(error).split())
    return printable(f"{type(error).__name__}: {text}" if text else type(error).__name__, LONGEST_NAME)
