"""The TLS context of a connection, from its certificate files."""

import ssl
from collections.abc import Callable
from pathlib import Path

from nomad_tui.config.precedence import shown_value
from nomad_tui.config.setting import CA_CERT, CA_PATH, CLIENT_CERT, CLIENT_KEY, ConfigurationError, Setting
from nomad_tui.core.text import printable


def tls_context(
    *,
    ca_cert: Path | None,
    ca_path: Path | None,
    client_cert: Path | None,
    client_key: Path | None,
    skip_verify: bool,
    origin: Callable[[Setting], str],
) -> ssl.SSLContext:
    """The context that matches Go's TLS client, from the current certificate files; reads the disk.

    `origin` returns the origin of a setting, for messages. Raises ConfigurationError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # Go also trusts certificates that are not self-signed
    if skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if ca_cert is not None:
        _trust(context, ca_cert, origin(CA_CERT))
    elif ca_path is not None:
        from_setting = origin(CA_PATH)
        for file in _certificate_files(ca_path, from_setting):
            _trust(context, file, from_setting)
    else:
        context.load_default_certs()
    _load_client_certificate(context, client_cert, client_key, origin(CLIENT_CERT), origin(CLIENT_KEY))
    return context


def _load_client_certificate(
    context: ssl.SSLContext, cert: Path | None, key: Path | None, cert_origin: str, key_origin: str
) -> None:
    if cert is None and key is None:
        return
    if cert is None or key is None:
        given, missing = (cert_origin, key_origin) if key is None else (key_origin, cert_origin)
        raise ConfigurationError(f"{given} needs {missing}. Give both, or neither.")
    _check_readable(cert, cert_origin)
    _check_readable(key, key_origin)
    try:
        context.load_cert_chain(cert, key, password=refuse_password)
    except OSError as error:
        raise ConfigurationError(
            f"Correct {cert_origin} {shown_value(cert)} and {key_origin} {shown_value(key)}: not a PEM "
            f"certificate and its plain key ({reason(error)})."
        ) from error


def _certificate_files(folder: Path, origin: str) -> list[Path]:
    """Every PEM file below `folder`, as in Go; OpenSSL itself only finds names created by `c_rehash`."""
    try:
        next(folder.iterdir(), None)
        files = [file for file in sorted(folder.rglob("*")) if file.is_file() and _holds_certificate(file)]
    except OSError as error:
        raise ConfigurationError(
            f"{origin} names {shown_value(folder)}, which cannot be read ({reason(error)}). "
            "Name a directory of PEM certificates."
        ) from error
    if not files:
        raise ConfigurationError(
            f"{origin} names {shown_value(folder)}, which contains no PEM certificate. Put the cluster's CA there."
        )
    return files


def _holds_certificate(file: Path) -> bool:
    return b"CERTIFICATE-----" in file.read_bytes()


def _trust(context: ssl.SSLContext, file: Path, origin: str) -> None:
    _check_readable(file, origin)
    try:
        context.load_verify_locations(cafile=file)
    except ssl.SSLError as error:
        raise ConfigurationError(
            f"{origin} names {shown_value(file)}, which is not a PEM certificate ({reason(error)}). "
            "Name the cluster's CA certificate."
        ) from error


def _check_readable(file: Path, origin: str) -> None:
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"{origin} names {shown_value(file)}, which cannot be read ({reason(error)}). Name a readable PEM file."
        ) from error


def refuse_password() -> str:
    """Rejects an encrypted key; OpenSSL would otherwise prompt for its password on the terminal."""
    raise OSError("the key is encrypted")


def reason(error: Exception) -> str:
    """The reason alone, in lower case."""
    if isinstance(error, ssl.SSLError):
        return printable((error.reason or str(error)).replace("_", " ").lower())
    return printable((isinstance(error, OSError) and error.strerror) or str(error)).lower()
