"""The settings to reach a server: flag, variable, key in a profile, and help text of each.

The command line needs them before it loads anything else, so this module imports nothing of the package.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


class ConfigurationError(ValueError):
    """Its text is one sentence: the variable or flag, what is wrong with it, and what to do."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting. A flag overrides a profile, a profile overrides the variable, and an empty value counts as unset."""

    name: str
    """Also its key in a profile."""
    flag: str
    variable: str | None

    def __str__(self) -> str:
        return f"{self.flag} ({self.variable})" if self.variable else self.flag


CONFIG_VARIABLE: Final = "NOMAD_TUI_CONFIG"
"""Names the settings folder if `--config` is not given."""
PROFILE: Final = Setting("profile", "--profile", "NOMAD_TUI_PROFILE")
ADDRESS: Final = Setting("address", "--address", "NOMAD_ADDR")
REGION: Final = Setting("region", "--region", "NOMAD_REGION")
NAMESPACE: Final = Setting("namespace", "--namespace", "NOMAD_NAMESPACE")
TOKEN: Final = Setting("token", "--token", "NOMAD_TOKEN")
TOKEN_FILE: Final = Setting("token_file", "--token-file", None)
HTTP_AUTH: Final = Setting("http_auth", "--http-auth", "NOMAD_HTTP_AUTH")
CA_CERT: Final = Setting("ca_cert", "--ca-cert", "NOMAD_CACERT")
CA_PATH: Final = Setting("ca_path", "--ca-path", "NOMAD_CAPATH")
CLIENT_CERT: Final = Setting("client_cert", "--client-cert", "NOMAD_CLIENT_CERT")
CLIENT_KEY: Final = Setting("client_key", "--client-key", "NOMAD_CLIENT_KEY")
TLS_SERVER_NAME: Final = Setting("tls_server_name", "--tls-server-name", "NOMAD_TLS_SERVER_NAME")
TLS_SKIP_VERIFY: Final = Setting("tls_skip_verify", "--tls-skip-verify", "NOMAD_SKIP_VERIFY")

HEADERS: Final = Setting("headers", "--header", None)
ALLOW_HARMFUL_TOPICS: Final = Setting("allow_harmful_topics", "--allow-harmful-topics", None)

HELP: Final[Mapping[Setting, tuple[str, str]]] = {
    PROFILE: ("NAME", "A profile of config.toml. If it names an address, NOMAD_* variables are ignored."),
    ADDRESS: (
        "URL",
        "The Nomad server: http://, https:// or unix://; several of one cluster with commas between, or repeated. "
        "Default: http://127.0.0.1:4646.",
    ),
    REGION: ("REGION", "The region to watch. Default: the server's own."),
    NAMESPACE: ("NAMESPACE", "The namespace to watch. Default: *, every one the token may read."),
    TOKEN: ("TOKEN", "The Secret ID of an ACL token. Others on this machine can see a flag's value."),
    TOKEN_FILE: ("FILE", "A file whose first line is the token, read again at each connect."),
    HTTP_AUTH: ("USER:PASSWORD", "Basic authentication, for a proxy in front of Nomad."),
    CA_CERT: ("FILE", "The CA certificate that signed the server's, PEM."),
    CA_PATH: ("DIRECTORY", "A directory of CA certificates, PEM. Without effect next to --ca-cert."),
    CLIENT_CERT: ("FILE", "The certificate to show to the server, PEM. Needs --client-key."),
    CLIENT_KEY: ("FILE", "The unencrypted key of --client-cert, PEM."),
    TLS_SERVER_NAME: ("NAME", "The name in the server's certificate, such as server.global.nomad."),
    HEADERS: (
        "'NAME: VALUE'",
        "Another header of each request, for a proxy in front of Nomad; may be repeated. "
        "The value may be ${VARIABLE} or file:PATH.",
    ),
    TLS_SKIP_VERIFY: ("", "Do not verify the server's certificate. Anyone may then read the token."),
    ALLOW_HARMFUL_TOPICS: (
        "",
        "Subscribe to topics even where reading them harms the servers: CSIVolume can erase volumes' secrets on Nomad "
        "1.10.0 to 1.10.6 and 1.11.0.",
    ),
}
"""The placeholder of the value, and the help text without the variable."""
