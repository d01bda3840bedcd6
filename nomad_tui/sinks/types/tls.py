"""TLS of a sink, from the current certificate files: a renewed certificate is used without a restart."""

import asyncio
import ssl
from pathlib import Path
from typing import Final

from nomad_tui.config.tls import reason, refuse_password
from nomad_tui.core.text import printable
from nomad_tui.sinks.definition.definition import Tls

LONGEST_SHOWN: Final = 200
"""Characters of a path in a message."""

_Stamp = tuple[tuple[int, int, int] | None, ...]


class TlsFileError(ValueError):
    """Its text is one sentence: which key and file, what is wrong with it and what to do."""


class TlsContext:
    """Builds the context when first needed, and again when a file has changed; never in the event loop."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._files = tuple(filter(None, (tls.ca_cert, tls.client_cert, tls.client_key)))
        self._context: ssl.SSLContext | None = None
        self._stamp: _Stamp = ()

    async def current(self) -> ssl.SSLContext:
        """The current context. Raises `TlsFileError`; the previous context is then not used."""
        if self._context is None or self._files:
            return await asyncio.to_thread(self._up_to_date)
        return self._context

    def _up_to_date(self) -> ssl.SSLContext:
        stamp = tuple(map(_stamp, self._files))
        if self._context is None or stamp != self._stamp:
            self._context = None
            self._context = tls_context(self._tls)
            self._stamp = stamp
        return self._context


def tls_context(tls: Tls) -> ssl.SSLContext:
    """A context for TLS 1.2 or later that trusts only `ca_cert` if there is one. Reads the disk. Raises `TlsFileError`.

    `Tls.server_name` is given with each connection instead.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.ca_cert is None:
        context.load_default_certs()
    else:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # trusts a certificate that is not self-signed, too
        _load_ca(context, tls.ca_cert)
    if tls.client_cert is not None:
        _load_client_certificate(context, tls.client_cert, tls.client_key)
    return context


def _load_ca(context: ssl.SSLContext, file: Path) -> None:
    try:
        context.load_verify_locations(cafile=file.expanduser())
    except (OSError, ValueError, RuntimeError) as error:
        raise TlsFileError(
            f"tls.ca_cert names '{_shown(file)}', which is not a readable PEM certificate ({reason(error)}): "
            "name the receiver's CA."
        ) from error


def _load_client_certificate(context: ssl.SSLContext, cert: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(cert.expanduser(), key and key.expanduser(), password=refuse_password)
    except (OSError, ValueError, RuntimeError) as error:
        both = f" and tls.client_key '{_shown(key)}'" if key is not None else ""
        raise TlsFileError(
            f"tls.client_cert '{_shown(cert)}'{both} is not a PEM certificate with its plain key "
            f"({reason(error)}): correct it."
        ) from error


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.expanduser().stat()
    except (OSError, ValueError, RuntimeError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _shown(file: Path) -> str:
    return printable(str(file), LONGEST_SHOWN)
