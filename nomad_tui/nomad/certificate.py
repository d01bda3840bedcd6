"""The certificate that a server shows, for a sentence about why it cannot be trusted."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from nomad_tui.config import Connection
from nomad_tui.core.text import printable

PATIENCE: Final = 5.0
"""Seconds for connecting and the handshake."""
LONGEST: Final = 120
"""Characters of one name in it."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What it says of itself. Nobody has vouched for it; its text is fit to be drawn."""

    names: tuple[str, ...]
    """The hosts, roles and addresses that it is for."""
    not_before: datetime
    not_after: datetime
    issuer: str
    subject: str

    @property
    def signed_itself(self) -> bool:
        return self.issuer == self.subject


async def shown_certificate(connection: Connection) -> Certificate | None:
    """The certificate that the server shows now, over a connection of its own that sends it nothing.

    None where it cannot be seen: no TLS, nobody there, a proxy in between, or a server that ends the handshake
    because it was shown no certificate.
    """
    address = connection.address
    if address.scheme != "https" or connection.proxy is not None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    name = connection.tls_server_name or address.host
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=context, server_hostname=name)
        try:
            encoded = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
        return _certificate(x509.load_der_x509_certificate(encoded)) if encoded else None
    except (OSError, TimeoutError, ValueError, x509.DuplicateExtension):
        return None


def _certificate(shown: x509.Certificate) -> Certificate:
    return Certificate(
        tuple(printable(name, LONGEST) for name in _names(shown)),
        shown.not_valid_before_utc,
        shown.not_valid_after_utc,
        _readable(shown.issuer),
        _readable(shown.subject),
    )


def _names(shown: x509.Certificate) -> list[str]:
    """Its subject alternative names; the common name, which no client compares any more, where there are none."""
    try:
        alternatives = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [str(each.value) for each in shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    hosts = alternatives.get_values_for_type(x509.DNSName)
    return [*hosts, *map(str, alternatives.get_values_for_type(x509.IPAddress))]


def _readable(name: x509.Name) -> str:
    return printable(name.rfc4514_string(), LONGEST) or "nobody"
