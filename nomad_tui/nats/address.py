"""The address of a JetStream stream: `nats://[user:password@]host[:port][,more]/[STREAM]`."""

import re
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import unquote

from nomad_tui.core.text import printable

DEFAULT_STREAM: Final = "NOMAD"
DEFAULT_PORT: Final = 4222
SCHEMES: Final = ("nats", "tls")
EXAMPLE: Final = "nats://127.0.0.1:4222/NOMAD"
LONGEST_SHOWN: Final = 200

_PART: Final = re.compile(
    r"(?:(?P<scheme>[^:/@]*)://)?(?:(?P<user>[^:@]*)(?::(?P<password>.*))?@)?"
    r"(?P<host>\[[^\]]*\]|[^:/\[\]@]*)(?::(?P<port>[^/]*))?(?P<path>/.*)?",
)
_NO_STREAM: Final = re.compile(r"[\s.*>/\\]")


class JetStreamAddressError(ValueError):
    """Its text says what is wrong with the address and what to write instead; it contains no password."""


@dataclass(frozen=True, slots=True)
class JetStreamAddress:
    """Its `str()` never contains credentials, so it may be displayed."""

    servers: tuple[str, ...]
    """Servers of one cluster as `host:port`, IPv6 addresses in brackets."""
    stream: str = DEFAULT_STREAM
    tls: bool = False
    """Whether the connection must be encrypted. With `nats://`, it is encrypted if the server requires it."""
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    """Used instead of user and password: a single word before the `@`."""

    def __str__(self) -> str:
        return f"{self.to}/{self.stream}"

    @property
    def to(self) -> str:
        """The servers without the stream."""
        return f"{'tls' if self.tls else 'nats'}://{','.join(self.servers)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `JetStreamAddressError`. The scheme and the stream (`NOMAD`) are optional. Each of several servers may
        repeat scheme and credentials; the first credentials are used."""
        if not text.strip():
            raise JetStreamAddressError(f"The address of NATS is empty. Write something like {EXAMPLE}.")
        if not text.isprintable() or " " in text:
            raise _wrong(text, "it contains a space or a control character")
        servers: list[str] = []
        schemes: list[str] = []
        credentials: tuple[str, str | None] | None = None
        stream = ""
        for part in text.split(","):
            found = _PART.fullmatch(part)
            if found is None:
                raise _wrong(text, "its list of servers is invalid (in a password, write %2C for a comma, %2F for a /)")
            scheme = (found["scheme"] or "").lower()
            if found["scheme"] is not None and scheme not in SCHEMES:
                raise _wrong(text, f"the scheme {printable(scheme, 20)} is not supported, use nats or tls")
            schemes.append(scheme)
            servers.append(_server(text, found["host"], found["port"]))
            if found["user"] is not None and credentials is None:
                credentials = (unquote(found["user"]), None if found["password"] is None else found["password"])
            stream = stream or (found["path"] or "").strip("/")
        if _NO_STREAM.search(stream):
            raise _wrong(text, f"{printable(stream, 40)!r} is not a valid stream name")
        user, password, token = None, None, None
        if credentials is not None and credentials[1] is None:
            token = credentials[0]
        elif credentials is not None:
            user, password = credentials[0], unquote(credentials[1] or "")
        return cls(tuple(servers), stream or DEFAULT_STREAM, "tls" in schemes, user, password, token)


def _server(text: str, host: str, port: str | None) -> str:
    if not host.strip("[]"):
        raise _wrong(text, "it has no host")
    if port is None:
        return f"{host}:{DEFAULT_PORT}"
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise _wrong(text, "its port is not a number from 1 to 65535")
    return f"{host}:{int(port)}"


def _wrong(text: str, why: str) -> JetStreamAddressError:
    shown = printable(without_credentials(text), LONGEST_SHOWN)
    return JetStreamAddressError(f"The address {shown} cannot be used: {why}. Write something like {EXAMPLE}.")


def without_credentials(text: str) -> str:
    """The servers as they were typed, with credentials masked."""
    return re.sub(r"^((?:[^/:@]*://)?).*@", r"\1…@", text)
