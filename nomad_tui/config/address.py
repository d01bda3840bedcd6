"""The address of a Nomad server and the proxy to reach it: `NOMAD_ADDR` and the proxy variables as Go parses them."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, quote, unquote, urlsplit

import msgspec

DEFAULT: Final = "http://127.0.0.1:4646"

_PATH_SAFE: Final = "%!$&'()*+,;=:@~"

PROXY_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
"""Ports of proxies without one, as in Go."""

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
"""Ports of addresses without one: the scheme's own, not Nomad's 4646."""

Credentials = tuple[str, str]
"""User and password of HTTP basic authentication."""


class Address(msgspec.Struct, frozen=True):
    """Its `str()` never contains credentials, so it may be displayed."""

    scheme: Literal["http", "https", "unix"]
    host: str = "127.0.0.1"
    """An IPv6 address has no brackets. For a Unix socket, the value of the Host header."""
    port: int = 80
    socket: Path | None = None
    path: str = ""
    """Path of Nomad's API behind a proxy, such as `/nomad`; without a trailing slash. Nomad's own commands (`api.go`,
    `newRequest`) do not support one."""

    def __str__(self) -> str:
        return f"unix://{self.socket}" if self.socket is not None else self.base_url + self.path

    @property
    def base_url(self) -> str:
        """Scheme, host and port, without a trailing slash."""
        if self.socket is not None:
            return f"http://{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        if self.socket is not None or self.host == "localhost":
            return True
        number = _ip_address(self.host)
        return number is not None and number.is_loopback


@dataclass(frozen=True, slots=True)
class Proxy:
    url: str
    """Without credentials. A SOCKS proxy resolves the host names, as in Go."""
    variable: str
    """The environment variable that named it."""
    credentials: Credentials | None = field(default=None, repr=False)

    @property
    def is_socks(self) -> bool:
        return self.url.startswith("socks5")


def parse_address(text: str) -> tuple[Address, Credentials | None]:
    """A server's address and the credentials in it, if any.

    Raises ValueError, whose text says what is wrong and what to write instead, without the address itself.
    """
    if text[:5].lower() == "unix:":
        return _unix_address(text[5:]), None
    _reject_invisible(text)
    parts = _split(text)
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError(f"the scheme {parts.scheme} is not supported, use http, https or unix")
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    return Address(scheme, _host(parts), _port(parts), path=_prefix(parts.path)), _credentials(parts)


def without_credentials(text: str) -> str:
    """An address as it was typed, with its credentials masked."""
    return re.sub(r"^([^/]*//)?.*@", r"\1…@", text)


def proxy_for(address: Address, environ: Mapping[str, str], *, socks: bool = True) -> Proxy | None:
    """The proxy that Go's `http.ProxyFromEnvironment` returns for `address`.

    HTTPS_PROXY or HTTP_PROXY, by the address's scheme, in upper case before lower case, unless NO_PROXY matches the
    host; none for this machine's own addresses. Without `socks`, only HTTP proxies are allowed. Raises ValueError,
    whose text starts with the variable.
    """
    if address.loopback:
        return None
    prefix = address.scheme.upper()
    for variable in (f"{prefix}_PROXY", f"{prefix}_PROXY".lower()):
        if text := environ.get(variable):
            break
    else:
        return None
    exceptions = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if any(_matches(entry.strip().lower(), address) for entry in exceptions.split(",")):
        return None
    try:
        _reject_invisible(text)
        parts = _split(text)
        if parts.scheme not in (PROXY_PORTS if socks else DEFAULT_PORTS):
            usable = "http, https or socks5" if socks else "http or https"
            raise ValueError(f"the scheme {parts.scheme} is not supported, use {usable}")
        host, port = _host(parts), _port(parts)
    except ValueError as error:
        shown = without_credentials(text)
        raise ValueError(
            f"{variable} is {shown!r}: {error}, or name {address.host} in NO_PROXY to bypass the proxy"
        ) from None
    host = f"[{host}]" if ":" in host else host
    return Proxy(f"{parts.scheme}://{host}:{port}", variable, _credentials(parts))


def _prefix(path: str) -> str:
    """The path before `/ui` or `/v1`: people paste addresses of the web UI or of API requests."""
    kept: list[str] = []
    for part in filter(None, path.split("/")):
        if part in ("ui", "v1"):
            break
        kept.append(part)
    if any(part in (".", "..") for part in kept):
        raise ValueError("its path contains . or .., write where Nomad's API begins, such as https://example.com/nomad")
    return "".join(f"/{quote(part, safe=_PATH_SAFE)}" for part in kept)


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text if "://" in text else f"http://{text}")
    except ValueError:
        raise ValueError(f"that is not a URL, write something like {DEFAULT}") from None


def _reject_invisible(text: str) -> None:
    """`urlsplit` silently drops tabs and line breaks, so a pasted address could lead to another host."""
    if not text.isprintable() or " " in text:
        raise ValueError(f"it contains a space or a control character, write something like {DEFAULT}")


def _unix_address(rest: str) -> Address:
    path = rest.removeprefix("//")
    if not path.startswith("/") or path == "/" or not path.isprintable():
        raise ValueError("the path to the socket must be absolute, write something like unix:///run/nomad.sock")
    return Address("unix", socket=Path(path))


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").replace("%25", "%")
    if not host:
        raise ValueError(f"it has no host, write something like {DEFAULT}")
    try:
        if re.search(r'[\\^`{|}<>"]', host) or not host.encode("idna"):
            raise UnicodeError
    except UnicodeError:
        raise ValueError(f"{host!r} is not a valid host name, write something like {DEFAULT}") from None
    return host


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("its port is not a number from 1 to 65535, Nomad's default is 4646")
    return PROXY_PORTS[parts.scheme] if port is None else port


def _credentials(parts: SplitResult) -> Credentials | None:
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _matches(entry: str, address: Address) -> bool:
    """Whether an entry of NO_PROXY matches: `*`, a network, or an IP address or name with or without a port.
    `.example.com` matches only names below it, `example.com` itself too."""
    if entry == "*":
        return True
    number = _ip_address(address.host)
    if "/" in entry:
        try:
            return number is not None and number in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, port = entry.rpartition(":")
    if not colon or not port.isdigit() or _ip_address(entry) is not None:
        name, port = entry, str(address.port)
    name = name.strip("[]").removeprefix("*")
    if not name or port != str(address.port):
        return False
    if number is not None:
        return _ip_address(name) == number
    host = address.host.rstrip(".")
    return host == name or host.endswith(f".{name.removeprefix('.')}")
