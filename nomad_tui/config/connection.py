"""How to reach a server: the settings of Nomad's own command line, read and checked."""

import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from nomad_tui.config import address as addresses
from nomad_tui.config.address import Address, Credentials, Proxy
from nomad_tui.config.precedence import Flags, GivenSettings, Profile, ProfileSettings, shown_value
from nomad_tui.config.references import ValueUnavailableError, resolve
from nomad_tui.config.setting import (
    ADDRESS,
    ALLOW_HARMFUL_TOPICS,
    CA_CERT,
    CA_PATH,
    CLIENT_CERT,
    CLIENT_KEY,
    HEADERS,
    HTTP_AUTH,
    NAMESPACE,
    REGION,
    TLS_SERVER_NAME,
    TLS_SKIP_VERIFY,
    TOKEN,
    TOKEN_FILE,
    ConfigurationError,
    Setting,
)
from nomad_tui.config.tls import reason, tls_context
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.text import printable
from nomad_tui.core.topics import ALL

TOKEN_LIMIT: Final = 16 * 1024
"""Bytes read from a token file; a signed workload identity has one or two thousand."""

TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""The values accepted by Go's `strconv.ParseBool`."""


HEADER_NAME: Final = lazy_pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
OWN_HEADERS: Final[Mapping[str, str]] = {
    "x-nomad-token": "use --token-file (or NOMAD_TOKEN) for the token",
    "proxy-authorization": "write user and password into the proxy's URL",
    **dict.fromkeys(
        (
            "accept-encoding",
            "connection",
            "content-length",
            "keep-alive",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
        ),
        "remove it, nomad-tui sets it",
    ),
}
"""Headers that cannot be set, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything needed to reach a server. Its repr contains no secret."""

    address: Address = field(default_factory=lambda: addresses.parse_address(addresses.DEFAULT)[0])
    region: str | None = None
    """None for the server's own."""
    namespace: str = ALL
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    http_auth: Credentials | None = field(default=None, repr=False)
    ca_cert: Path | None = None
    ca_path: Path | None = None
    """A directory of PEM files, searched recursively; ignored if `ca_cert` is set."""
    client_cert: Path | None = None
    client_key: Path | None = None
    tls_server_name: str | None = None
    """The name that the server's certificate must contain, if it differs from the address's host."""
    skip_verify: bool = False
    proxy: Proxy | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Sent with each request; a value may contain `${VARIABLE}` or be `file:PATH`. `current_headers` resolves it."""
    allow_harmful_topics: bool = False
    """Whether to subscribe to topics whose reading harms some releases (`nomad.releases`)."""
    profile: Profile | None = None
    """None if the operator selected none."""
    others: tuple["Connection", ...] = ()
    """Other addresses of the same cluster, used for failover. Their own `others` are empty."""

    @property
    def servers(self) -> tuple["Connection", ...]:
        """All servers, in the operator's order."""
        return (self, *self.others)

    def within(self, region: str | None, namespace: str) -> "Connection":
        """The same servers with another region and namespace."""
        others = tuple(replace(other, region=region, namespace=namespace) for other in self.others)
        return replace(self, region=region, namespace=namespace, others=others)

    @classmethod
    def from_environment(
        cls,
        flags: Flags | None = None,
        environ: Mapping[str, str] = os.environ,
        profile: ProfileSettings | None = None,
    ) -> Self:
        """The connection described by `flags`, a profile, and the `NOMAD_*` and proxy variables, in this order.

        If the profile names an address, only the proxy variables are used: the `NOMAD_*` variables belong to another
        cluster, whose token must not be sent to this one.

        Reads the token file and every certificate once, so that a mistake is reported before the dashboard opens.
        Raises ConfigurationError.
        """
        given = GivenSettings(flags or {}, environ, profile)
        (address, credentials), *others = _addresses(given)
        if given.flag(TOKEN) and given.flag(TOKEN_FILE):
            raise ConfigurationError("--token and --token-file exclude each other. Give one of them.")
        token, token_file = given.text(TOKEN), given.path(TOKEN_FILE)
        if given.flag(TOKEN):
            token_file = None
        if token_file is not None:
            token = _token_from(token_file, given.origin(TOKEN_FILE))
            if token_file.is_file():
                token = None  # read again on each connect; a pipe can be read only once
            else:
                token_file = None
        elif token is not None:
            _check_token(token, given.origin(TOKEN))
        http_auth = _http_auth(given)
        connection = cls(
            address=address,
            region=given.text(REGION),
            namespace=given.text(NAMESPACE) or ALL,
            token=token,
            token_file=token_file,
            http_auth=credentials or http_auth,
            ca_cert=given.path(CA_CERT),
            ca_path=given.path(CA_PATH),
            client_cert=given.path(CLIENT_CERT),
            client_key=given.path(CLIENT_KEY),
            tls_server_name=given.text(TLS_SERVER_NAME),
            skip_verify=_skip_verify(given),
            proxy=_proxy(address, environ),
            headers=_headers(given),
            allow_harmful_topics=bool(given.value(ALLOW_HARMFUL_TOPICS)),
            profile=profile.profile if profile is not None else None,
        )
        connection.current_headers()
        if any((connection.ca_cert, connection.ca_path, connection.client_cert, connection.client_key)):
            connection.tls_context()
        return replace(
            connection,
            others=tuple(
                replace(connection, address=other, http_auth=theirs or http_auth, proxy=_proxy(other, environ))
                for other, theirs in others
            ),
        )

    def current_token(self) -> str | None:
        """The token to send now. Reads the token file, so a renewed token is used on the next connect.

        Raises ConfigurationError if the file is missing or contains no token.
        """
        if self.token_file is None:
            return self.token
        return _token_from(self.token_file, self._origin(TOKEN_FILE))

    def current_headers(self) -> dict[str, str]:
        """The additional headers to send now, with variables and files resolved. Raises ConfigurationError."""
        found: dict[str, str] = {}
        for name, text in self.headers:
            try:
                value = resolve(text).strip()
            except ValueUnavailableError as error:
                raise ConfigurationError(f"The header {name} ({HEADERS.flag}) has no value: {error}") from None
            if not (value.isascii() and value.isprintable()) or len(value) >= TOKEN_LIMIT:
                raise ConfigurationError(
                    f"The value of the header {name} ({HEADERS.flag}) is not a single line of "
                    f"at most {TOKEN_LIMIT} printable ASCII characters. Correct it."
                )
            found[name] = value
        return found

    @property
    def sends_token(self) -> bool:
        return self.token is not None or self.token_file is not None

    def tls_context(self) -> ssl.SSLContext:
        """The context that matches Go's TLS client, from the current certificate files; reads the disk.

        The server name is given with each request instead. Raises ConfigurationError.
        """
        return tls_context(
            ca_cert=self.ca_cert,
            ca_path=self.ca_path,
            client_cert=self.client_cert,
            client_key=self.client_key,
            skip_verify=self.skip_verify,
            origin=self._origin,
        )

    def _origin(self, setting: Setting) -> str:
        """The possible origins of a value; which one applied is no longer known."""
        if self.profile is None:
            return str(setting)
        names = [
            *([setting.variable] if setting.variable else []),
            f"{setting.name} of the profile {self.profile.name}",
        ]
        return f"{setting.flag} ({', '.join(names)})"


def _addresses(given: GivenSettings) -> list[tuple[Address, Credentials | None]]:
    """At least one address; duplicates are removed."""
    value = given.value(ADDRESS) or addresses.DEFAULT
    whole = [str(value)] if isinstance(value, str | bool) else [str(each) for each in value]
    texts = [text for each in whole for part in each.split(",") if (text := part.strip())] or [""]
    found: dict[str, tuple[Address, Credentials | None]] = {}
    for number, text in enumerate(texts):
        try:
            address, credentials = addresses.parse_address(text)
        except ValueError as error:
            place = f", address {number + 1} of {len(texts)}," if len(texts) > 1 else ""
            shown = shown_value(_without_credentials(text, texts[number + 1 :]))
            raise ConfigurationError(f"{given.origin(ADDRESS)}{place} is {shown}: {error}.") from None
        found.setdefault(str(address), (address, credentials))
    return list(found.values())


def _without_credentials(text: str, behind: Sequence[str]) -> str:
    """One of several addresses, masked for display: a comma may have split a password that continues in the next
    one."""
    if "@" not in text and any("@" in each for each in behind):
        return "…"
    return addresses.without_credentials(text)


def _proxy(address: Address, environ: Mapping[str, str]) -> Proxy | None:
    try:
        return addresses.proxy_for(address, environ)
    except ValueError as error:
        raise ConfigurationError(f"{error}.") from None


def _http_auth(given: GivenSettings) -> Credentials | None:
    text = given.text(HTTP_AUTH)
    if text is None:
        return None
    user, _, password = text.partition(":")
    return user, password


def _headers(given: GivenSettings) -> tuple[tuple[str, str], ...]:
    """Headers of the profile and the command line, which wins; each name once."""
    found: dict[str, tuple[str, str]] = {}
    for origin, lines in given.layers(HEADERS):
        for line in [lines] if isinstance(lines, str) else lines if isinstance(lines, Sequence) else ():
            name, colon, value = line.partition(":")
            name, value = name.strip(), value.strip()
            shown = printable(name, 100)
            if not colon or not value or HEADER_NAME.fullmatch(name) is None:
                raise ConfigurationError(f"{origin} {shown!r} is not a header. Write 'Name: value'.")
            if (instead := OWN_HEADERS.get(name.lower())) is not None:
                raise ConfigurationError(f"{origin} names {shown}, which cannot be set here: {instead}.")
            found[name.lower()] = (name, value)
    if "authorization" in found and given.value(HTTP_AUTH):
        raise ConfigurationError(
            f"The header Authorization and {given.origin(HTTP_AUTH)} both set credentials. Remove one."
        )
    return tuple(found.values())


def _skip_verify(given: GivenSettings) -> bool:
    value = given.value(TLS_SKIP_VERIFY)
    if isinstance(value, bool):
        return value
    text = None if value is None else str(value)
    if text is not None and text not in TRUE | FALSE:
        raise ConfigurationError(
            f"{TLS_SKIP_VERIFY.variable} is '{printable(text, 40)}'. Set it to true or false, or unset it."
        )
    return text in TRUE


def _token_from(file: Path, origin: str) -> str:
    """The first line of `file`, stripped; `origin` is what named the file."""
    try:
        with file.open("rb") as opened:
            line = opened.readline(TOKEN_LIMIT).strip()
    except OSError as error:
        raise ConfigurationError(
            f"{origin} names {shown_value(file)}, which cannot be read ({reason(error)}). "
            "Name a file whose first line is the token."
        ) from error
    if not line:
        raise ConfigurationError(
            f"{origin} names {shown_value(file)}, whose first line is empty. Write the token there."
        )
    token = line.decode("latin-1")
    _check_token(token, f"The token in {shown_value(file)} ({origin})")
    return token


def _check_token(token: str, origin: str) -> None:
    """Rejects a token that cannot be sent in a header. The message never contains the token."""
    if "\n" in token or "\r" in token:
        wrong = "contains a line break"
    elif not (token.isascii() and token.isprintable()):
        wrong = "contains a character that is not printable ASCII"
    elif len(token) >= TOKEN_LIMIT:
        wrong = f"is longer than {TOKEN_LIMIT} characters"
    else:
        return
    raise ConfigurationError(f"{origin} {wrong}. Give the token's Secret ID and nothing else.")
