"""Reads the certificate that a server presents, to explain why it is not trusted."""

import asyncio
import re
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final

import msgspec

from nomad_tui.config.connection import Connection
from nomad_tui.core.text import printable

PATIENCE: Final = 5.0
"""Seconds for both connections and handshakes."""
LONGEST: Final = 120
"""Characters of one name in a certificate."""
NO_CHECK_TIME: Final = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, for which the module `ssl` has no name."""
SHORT_NAMES: Final = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "userId": "UID",
}
"""Attribute types in RFC 4514 notation."""
_SPECIAL: Final = re.compile(r'[,+"\\<>;]')


class Certificate(msgspec.Struct, frozen=True):
    """Unverified claims of a certificate; its text is safe to display."""

    names: tuple[str, ...]
    """The hosts, roles and addresses that it is valid for."""
    not_before: datetime
    not_after: datetime
    issuer: str
    subject: str

    @property
    def signed_itself(self) -> bool:
        return self.issuer == self.subject


async def shown_certificate(connection: Connection) -> Certificate | None:
    """The certificate that the server currently presents, read over separate connections that send nothing.

    None if it cannot be read: no TLS, no server, a proxy in between, or a server that aborts the handshake because it
    requires a client certificate.
    """
    if connection.address.scheme != "https" or connection.proxy is not None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(PATIENCE):
            encoded = (await _handshake(connection, context)).getpeercert(binary_form=True)
            if not encoded:
                return None
            # `ssl` decodes only verified certificates, so this one is trusted as its own CA.
            context.load_verify_locations(cadata=encoded)
            context.verify_mode = ssl.CERT_REQUIRED
            context.verify_flags |= ssl.VerifyFlags(ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME)
            decoded: dict[str, Any] | None = (await _handshake(connection, context)).getpeercert()
        return _certificate(decoded) if decoded else None
    except (OSError, TimeoutError, ValueError, KeyError):
        return None


async def _handshake(connection: Connection, context: ssl.SSLContext) -> ssl.SSLObject:
    """The TLS state after a handshake; the connection is closed."""
    address = connection.address
    name = connection.tls_server_name or address.host
    _, writer = await asyncio.open_connection(address.host, address.port, ssl=context, server_hostname=name)
    try:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return tls
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


def _certificate(decoded: dict[str, Any]) -> Certificate:
    return Certificate(
        tuple(printable(name, LONGEST) for name in _names(decoded)),
        _moment(decoded["notBefore"]),
        _moment(decoded["notAfter"]),
        _readable(decoded["issuer"]),
        _readable(decoded["subject"]),
    )


def _names(decoded: dict[str, Any]) -> list[str]:
    """Its subject alternative names, or without any its common name, which clients no longer compare."""
    if "subjectAltName" not in decoded:
        return [value for parts in decoded["subject"] for key, value in parts if key == "commonName"]
    alternatives: tuple[tuple[str, str], ...] = decoded["subjectAltName"]
    hosts = [value for kind, value in alternatives if kind == "DNS"]
    return [*hosts, *(str(ip_address(value.strip())) for kind, value in alternatives if kind == "IP Address")]


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def _readable(name: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """A distinguished name in RFC 4514 notation, the most specific part first."""
    parts = ("+".join(map(_attribute, part)) for part in reversed(name))
    return printable(",".join(parts), LONGEST) or "nobody"


def _attribute(attribute: tuple[str, str]) -> str:
    name, value = attribute
    escaped = _SPECIAL.sub(r"\\\g<0>", value)
    return f"{SHORT_NAMES.get(name, name)}={escaped}"
