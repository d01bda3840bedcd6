"""Connection settings that an operator types and exports, and the resulting connection."""

import os
import re
import ssl
from pathlib import Path

import click
import pytest
import trustme
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization

from nomad_tui.cli.options import connection_options
from nomad_tui.config.address import parse_address, proxy_for
from nomad_tui.config.connection import Connection
from nomad_tui.config.precedence import Profile, ProfileSettings, own_namespace
from nomad_tui.config.setting import HELP, ConfigurationError

SECRET = "8d6ae3f7-secret"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> Path:
    """A CA, a client's certificate and key, a key of another CA, a text, an empty file and an empty directory."""
    client = authority.issue_cert("client.global.nomad")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    client.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    client.private_key_pem.write_to_path(tmp_path / "client-key.pem")
    trustme.CA().private_key_pem.write_to_path(tmp_path / "strange-key.pem")
    (tmp_path / "text").write_text("no certificate\n")
    (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (tmp_path / "empty").touch()
    (tmp_path / "nothing").mkdir()
    (tmp_path / "authorities" / "below").mkdir(parents=True)
    authority.cert_pem.write_to_path(tmp_path / "authorities" / "below" / "any-name")
    (tmp_path / "authorities" / "README").write_text("not a certificate")
    return tmp_path


def connection(**environ: str) -> Connection:
    return Connection.from_environment({}, environ)


@pytest.mark.parametrize(
    ("written", "shown", "asked_at"),
    [
        ("", "http://127.0.0.1:4646", "http://127.0.0.1:4646"),
        ("http://nomad.example:4646", "http://nomad.example:4646", "http://nomad.example:4646"),
        ("http://nomad.example:4646/", "http://nomad.example:4646", "http://nomad.example:4646"),
        ("HTTPS://Nomad.Example", "https://nomad.example:443", "https://nomad.example:443"),
        ("http://nomad.example", "http://nomad.example:80", "http://nomad.example:80"),
        ("nomad.example:4646", "http://nomad.example:4646", "http://nomad.example:4646"),
        ("10.0.0.1", "http://10.0.0.1:80", "http://10.0.0.1:80"),
        ("http://[::1]:4646", "http://[::1]:4646", "http://[::1]:4646"),
        ("[fe80::1]:4646", "http://[fe80::1]:4646", "http://[fe80::1]:4646"),
        ("http://nomad.example:4646/ui/jobs?x=1", "http://nomad.example:4646", "http://nomad.example:4646"),
        ("https://ann:secret@nomad.example", "https://nomad.example:443", "https://nomad.example:443"),
        ("unix:///run/nomad/api.sock", "unix:///run/nomad/api.sock", "http://127.0.0.1"),
        ("UNIX:///run/nomad/api.sock", "unix:///run/nomad/api.sock", "http://127.0.0.1"),
        ("unix:/run/my nomad/api.sock", "unix:///run/my nomad/api.sock", "http://127.0.0.1"),
    ],
)
def test_an_address_is_parsed_like_nomads_own_client(written: str, shown: str, asked_at: str) -> None:
    address = connection(NOMAD_ADDR=written).address
    assert (str(address), address.base_url) == (shown, asked_at)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("ftp://nomad.example", "ftp"),
        ("http://nomad.example:99999", "4646"),
        ("http://nomad.example:0", "4646"),
        ("http://nomad.example:http", "4646"),
        ("http://", "no host"),
        ("http://:4646", "no host"),
        ("http://nomad .example", "space"),
        ("http://nomad\n.example", "control character"),
        ("http://nomad..example", "is not a valid host name"),
        ("http://" + "n" * 70 + ".example", "is not a valid host name"),
        ("http://[::1", "not a URL"),
        ("unix://run/nomad.sock", "absolute"),
        ("unix://", "absolute"),
    ],
)
def test_an_invalid_address_is_reported_with_a_correct_form(written: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^NOMAD_ADDR is ") as by_variable:
        connection(NOMAD_ADDR=written)
    assert complaint in str(by_variable.value)
    with pytest.raises(ConfigurationError, match=r"^--address is "):
        Connection.from_environment({"address": written}, {"NOMAD_ADDR": "http://ignored"})


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("http://a:4646,https://b , unix:///run/c.sock", ["http://a:4646", "https://b:443", "unix:///run/c.sock"]),
        ("a:4646, a:4646/ui ,http://A:4646", ["http://a:4646"]),
        (" a , ,", ["http://a:80"]),
    ],
)
def test_several_addresses_are_one_cluster_in_the_given_order(written: str, shown: list[str]) -> None:
    read = connection(NOMAD_ADDR=written)
    assert [str(each.address) for each in read.servers] == shown
    assert all(not other.others for other in read.others)


def test_address_can_be_repeated_and_each_can_be_a_list() -> None:
    read = Connection.from_environment({"address": ("a:1", "b:2,c:3", "a:1")}, {"NOMAD_ADDR": "http://ignored"})
    assert [each.address.host for each in read.servers] == ["a", "b", "c"]
    empty = Connection.from_environment({"address": ("",)}, {"NOMAD_ADDR": "http://taken"})
    assert empty.address.host == "taken"


def test_every_server_has_the_settings_and_its_own_credentials_and_proxy() -> None:
    read = connection(
        NOMAD_ADDR=f"http://far,http://ann:{SECRET}@near,https://other",
        NOMAD_HTTP_AUTH="bob:pass",
        NOMAD_TOKEN=SECRET,
        NOMAD_NAMESPACE="web",
        HTTP_PROXY="proxy:3128",
        NO_PROXY="near",
    )
    assert [each.http_auth for each in read.servers] == [("bob", "pass"), ("ann", SECRET), ("bob", "pass")]
    assert [each.proxy and each.proxy.url for each in read.servers] == ["http://proxy:3128", None, None]
    assert {(each.current_token(), each.namespace) for each in read.servers} == {(SECRET, "web")}
    assert SECRET not in repr(read)
    elsewhere = read.within("europe", "*")
    assert {(each.region, each.namespace) for each in elsewhere.servers} == {("europe", "*")}


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("http://a,ftp://b,c", "^NOMAD_ADDR, address 2 of 3, is 'ftp://b': "),
        (",", "^NOMAD_ADDR is '': it has no host"),
        (f"http://a,http://ann:{SECRET}@b:x", "address 2 of 2, is 'http://…@b:x'"),
        (f"http://ann:{SECRET},more@b", "address 1 of 2, is '…'"),
        ("http://a,http://b\n", None),
    ],
)
def test_an_invalid_address_among_several_is_named(written: str, complaint: str | None) -> None:
    if complaint is None:
        assert len(connection(NOMAD_ADDR=written).servers) == 2
        return
    with pytest.raises(ConfigurationError, match=complaint) as wrong:
        connection(NOMAD_ADDR=written)
    assert SECRET not in str(wrong.value)


# Profiles

PROD = Profile("prod", "red")


def profile(**given: str | bool | tuple[str, ...]) -> ProfileSettings:
    return ProfileSettings(PROD, given)


def test_a_profile_ranks_between_flags_and_environment() -> None:
    environ = {"NOMAD_REGION": "r", "NOMAD_NAMESPACE": "n", "NOMAD_TOKEN": SECRET, "NOMAD_SKIP_VERIFY": "1"}
    settings = profile(region="europe", namespace="web", tls_skip_verify=False)
    read = Connection.from_environment({"namespace": "db"}, environ, settings)
    assert (read.region, read.namespace, read.current_token(), read.skip_verify) == ("europe", "db", SECRET, False)
    assert read.profile == PROD
    assert own_namespace(environ, settings) == "web"


def test_a_profile_with_an_address_ignores_all_variables_except_proxies() -> None:
    given = {setting.variable: "ignored" for setting in HELP if setting.variable}
    environ = {**given, "NOMAD_TOKEN": SECRET, "NOMAD_HTTP_AUTH": f"ann:{SECRET}", "HTTPS_PROXY": "proxy:3128"}
    settings = profile(address=("https://one", "https://two"))
    read = Connection.from_environment({}, environ, settings)
    assert [str(each.address) for each in read.servers] == ["https://one:443", "https://two:443"]
    for each in read.servers:
        assert each.current_token() is None and each.http_auth is None and each.region is None
        assert (each.namespace, each.skip_verify, each.profile) == ("*", False, PROD)
        assert each.proxy is not None and each.proxy.url == "http://proxy:3128"
    assert own_namespace(environ, settings) == ""


def test_a_profiles_token_file_is_read_at_each_connect_and_overridden_by_a_flag(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET)
    settings = profile(token_file=str(file))
    read = Connection.from_environment({}, {"NOMAD_TOKEN": "another"}, settings)
    assert read.current_token() == SECRET
    assert Connection.from_environment({"token": "flag"}, {}, settings).current_token() == "flag"
    file.write_text("renewed")
    assert read.current_token() == "renewed"
    file.unlink()
    with pytest.raises(ConfigurationError, match=r"token_file of the profile prod"):
        read.current_token()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"address": "ftp://x"}, "^address of the profile prod is 'ftp://x'"),
        ({"address": ("a", "ftp://x")}, "^address of the profile prod, address 2 of 2, is 'ftp://x'"),
        ({"token_file": "/nowhere/token"}, "^token_file of the profile prod names '/nowhere/token'.*no such file"),
        ({"token_file": "~nobody-of-that-name/token"}, "^token_file of the profile prod is .*no such user"),
        ({"ca_cert": "/nowhere/\x1b[2J.pem"}, "ca_cert of the profile prod.*'/nowhere/␛.2J.pem'.*no such file"),
        ({"client_cert": "/nowhere/a.pem"}, "client_cert of the profile prod.* needs .*client_key of the profile"),
    ],
)
def test_a_mistake_in_a_profile_names_it(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigurationError) as mistake:
        Connection.from_environment({}, {}, profile(**given))
    sentence = str(mistake.value)
    assert re.search(complaint, sentence), sentence
    assert sentence.endswith(".") and "\n" not in sentence and "\x1b" not in sentence


def test_every_variable_is_read(files: Path) -> None:
    read = connection(
        NOMAD_ADDR="https://10.0.0.1:4646",
        NOMAD_REGION="europe",
        NOMAD_NAMESPACE="payments",
        NOMAD_TOKEN=SECRET,
        NOMAD_HTTP_AUTH="ann:pass:word",
        NOMAD_CACERT=str(files / "ca.pem"),
        NOMAD_CAPATH=str(files / "authorities"),
        NOMAD_CLIENT_CERT=str(files / "client.pem"),
        NOMAD_CLIENT_KEY=str(files / "client-key.pem"),
        NOMAD_TLS_SERVER_NAME="server.global.nomad",
        NOMAD_SKIP_VERIFY="true",
    )
    assert read == Connection(
        address=parse_address("https://10.0.0.1:4646")[0],
        region="europe",
        namespace="payments",
        token=SECRET,
        http_auth=("ann", "pass:word"),
        ca_cert=files / "ca.pem",
        ca_path=files / "authorities",
        client_cert=files / "client.pem",
        client_key=files / "client-key.pem",
        tls_server_name="server.global.nomad",
        skip_verify=True,
    )


def test_a_flag_overrides_its_variable_and_an_empty_value_is_unset() -> None:
    read = Connection.from_environment(
        {"region": "asia", "namespace": "", "address": None, "tls_skip_verify": False},
        {"NOMAD_REGION": "europe", "NOMAD_NAMESPACE": "", "NOMAD_ADDR": "", "NOMAD_TOKEN": "", "NOMAD_SKIP_VERIFY": ""},
    )
    assert read == Connection(region="asia")
    assert read.namespace == "*"


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True"])
def test_skip_verify_accepts_gos_values_for_true(text: str) -> None:
    assert connection(NOMAD_SKIP_VERIFY=text).skip_verify


@pytest.mark.parametrize("text", ["0", "f", "F", "FALSE", "false", "False"])
def test_skip_verify_accepts_gos_values_for_false(text: str) -> None:
    assert not connection(NOMAD_SKIP_VERIFY=text).skip_verify


def test_credentials_in_the_address_override_http_auth_and_are_never_shown() -> None:
    read = connection(NOMAD_ADDR=f"https://ann:{SECRET}%21@nomad.example", NOMAD_HTTP_AUTH="bob:other")
    assert read.http_auth == ("ann", f"{SECRET}!")
    assert SECRET not in f"{read!r} {read.address}"
    with pytest.raises(ConfigurationError) as wrong:
        connection(NOMAD_ADDR=f"ann:{SECRET}/x@nomad.example:port")
    assert SECRET not in str(wrong.value)


def test_no_secret_is_in_the_repr() -> None:
    read = connection(
        NOMAD_ADDR="http://nomad.example",
        NOMAD_TOKEN=SECRET,
        NOMAD_HTTP_AUTH=f"ann:{SECRET}",
        HTTP_PROXY=f"http://ann:{SECRET}@proxy:3128",
    )
    assert read.proxy is not None and read.proxy.credentials == ("ann", SECRET)
    assert SECRET not in repr(read)


@pytest.mark.parametrize(
    ("token", "complaint"),
    [
        (f"{SECRET}\n", "line break"),
        (f"{SECRET}\r\nX-Evil: 1", "line break"),
        (f"{SECRET}é", "printable ASCII"),
        (f"{SECRET}\x1b[0m", "printable ASCII"),
        (SECRET * 2000, "longer"),
    ],
)
def test_a_token_that_cannot_be_sent_is_refused_without_being_shown(token: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^NOMAD_TOKEN (contains|is) ") as refused:
        connection(NOMAD_TOKEN=token)
    assert complaint in str(refused.value)
    assert SECRET not in str(refused.value)


def test_the_first_line_of_a_token_file_is_read_at_each_connect(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"  {SECRET} \r\nsecond line\n")
    read = Connection.from_environment({"token_file": str(file)}, {"NOMAD_TOKEN": "another"})
    assert read.current_token() == SECRET
    file.write_text("renewed")
    assert read.current_token() == "renewed"
    file.unlink()
    with pytest.raises(ConfigurationError, match=r"--token-file .*cannot be read"):
        read.current_token()


def test_a_token_from_a_pipe_is_read_once_and_kept() -> None:
    reading, writing = os.pipe()
    os.write(writing, SECRET.encode())
    os.close(writing)
    try:
        read = Connection.from_environment({"token_file": f"/dev/fd/{reading}"}, {})
    finally:
        os.close(reading)
    assert read.current_token() == read.current_token() == SECRET


@pytest.mark.parametrize(
    ("flags", "environ", "complaint"),
    [
        ({"token": "a", "token_file": "b"}, {}, "--token and --token-file exclude each other"),
        ({"token_file": "{files}/missing"}, {}, "--token-file .*no such file"),
        ({"token_file": "{files}"}, {}, "--token-file .*is a directory"),
        ({"token_file": "{files}/empty"}, {}, "--token-file .*first line is empty"),
        ({}, {"NOMAD_SKIP_VERIFY": "yes"}, "^NOMAD_SKIP_VERIFY is 'yes'.*true or false"),
        ({}, {"NOMAD_CACERT": "{files}/missing"}, "NOMAD_CACERT.*no such file"),
        ({}, {"NOMAD_CACERT": "{files}/text"}, "NOMAD_CACERT.*not a PEM certificate"),
        ({}, {"NOMAD_CACERT": "{files}/broken.pem"}, "NOMAD_CACERT.*not a PEM certificate"),
        ({}, {"NOMAD_CACERT": "{files}/authorities"}, "NOMAD_CACERT.*is a directory"),
        ({}, {"NOMAD_CAPATH": "{files}/missing"}, "NOMAD_CAPATH.*no such file"),
        ({}, {"NOMAD_CAPATH": "{files}/nothing"}, "NOMAD_CAPATH.*contains no PEM certificate"),
        ({}, {"NOMAD_CAPATH": "{files}/ca.pem"}, "NOMAD_CAPATH.*not a directory"),
        ({}, {"NOMAD_CLIENT_CERT": "{files}/client.pem"}, "NOMAD_CLIENT_CERT.* needs .*NOMAD_CLIENT_KEY"),
        ({}, {"NOMAD_CLIENT_KEY": "{files}/client-key.pem"}, "NOMAD_CLIENT_KEY.* needs .*NOMAD_CLIENT_CERT"),
        (
            {},
            {"NOMAD_CLIENT_CERT": "{files}/client.pem", "NOMAD_CLIENT_KEY": "{files}/missing"},
            "NOMAD_CLIENT_KEY.*no such file",
        ),
        (
            {},
            {"NOMAD_CLIENT_CERT": "{files}/client.pem", "NOMAD_CLIENT_KEY": "{files}/strange-key.pem"},
            "NOMAD_CLIENT_KEY.*plain key",
        ),
        ({"ca_cert": "a\0b"}, {}, "^--ca-cert contains a NUL byte"),
        ({}, {"NOMAD_ADDR": "https://far", "https_proxy": "socks4://proxy:1080"}, "^https_proxy is .*socks4.*NO_PROXY"),
        ({}, {"NOMAD_ADDR": "http://far", "HTTP_PROXY": "http://a:b@proxy:x"}, "^HTTP_PROXY is 'http://…@proxy:x'"),
    ],
)
def test_each_mistake_is_one_sentence(
    flags: dict[str, str], environ: dict[str, str], complaint: str, files: Path
) -> None:
    def placed(values: dict[str, str]) -> dict[str, str | bool | None]:
        return {name: value.replace("{files}", str(files)) for name, value in values.items()}

    with pytest.raises(ConfigurationError) as mistake:
        Connection.from_environment(placed(flags), {name: str(value) for name, value in placed(environ).items()})
    sentence = str(mistake.value)
    assert re.search(complaint, sentence)
    assert sentence.endswith(".") and "\n" not in sentence


def test_an_encrypted_key_is_refused_without_a_prompt(files: Path) -> None:
    key = serialization.load_pem_private_key((files / "client-key.pem").read_bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )
    (files / "encrypted.pem").write_bytes(encrypted)
    with pytest.raises(ConfigurationError, match=r"NOMAD_CLIENT_KEY.*the key is encrypted"):
        connection(NOMAD_CLIENT_CERT=str(files / "client.pem"), NOMAD_CLIENT_KEY=str(files / "encrypted.pem"))


def test_only_the_given_authority_is_trusted(files: Path) -> None:
    given = connection(NOMAD_CAPATH=str(files / "authorities")).tls_context()
    assert len(given.get_ca_certs()) == 1
    assert given.verify_mode == ssl.CERT_REQUIRED and given.check_hostname
    assert given.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("address", "environ", "proxy"),
    [
        ("http://nomad.example", {"HTTP_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ("http://nomad.example", {"http_proxy": "proxy:3128"}, "http://proxy:3128"),
        ("http://nomad.example", {"HTTP_PROXY": "upper", "http_proxy": "lower"}, "http://upper:80"),
        ("https://nomad.example", {"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ("https://nomad.example", {"HTTP_PROXY": "http://proxy:3128"}, None),
        ("http://nomad.example", {"ALL_PROXY": "http://proxy:3128"}, None),
        ("http://localhost:4646", {"HTTP_PROXY": "proxy"}, None),
        ("http://127.0.0.9:4646", {"HTTP_PROXY": "proxy"}, None),
        ("http://[::1]:4646", {"HTTP_PROXY": "proxy"}, None),
        ("unix:///run/nomad.sock", {"HTTP_PROXY": "proxy", "UNIX_PROXY": "proxy"}, None),
    ],
)
def test_the_proxy_is_the_one_go_would_use(address: str, environ: dict[str, str], proxy: str | None) -> None:
    taken = proxy_for(parse_address(address)[0], environ)
    assert (taken.url if taken else None) == proxy


@pytest.mark.parametrize(
    ("address", "no_proxy", "direct"),
    [
        ("http://nomad.example:4646", "*", True),
        ("http://nomad.example:4646", "other, NOMAD.example", True),
        ("http://nomad.example:4646", "example", True),
        ("http://nomad.example:4646", ".example", True),
        ("http://nomad.example:4646", "*.example", True),
        ("http://nomad.example:4646", "mad.example", False),
        ("http://nomad.example:4646", ".nomad.example", False),
        ("http://nomad.example:4646", "nomad.example:4646", True),
        ("http://nomad.example:4646", "nomad.example:80", False),
        ("http://10.1.2.3:4646", "10.0.0.0/8", True),
        ("http://10.1.2.3:4646", "10.1.2.3", True),
        ("http://10.1.2.3:4646", "10.1.2.3:80", False),
        ("http://10.1.2.3:4646", "3", False),
        ("http://[fd00::1]:4646", "fd00::1", True),
        ("http://[fd00::1]:4646", "[fd00::1]:4646", True),
        ("http://[fd00::1]:4646", "fd00::/8,10/x", True),
        ("http://nomad.example:4646", "", False),
    ],
)
def test_no_proxy_is_parsed_like_go(address: str, no_proxy: str, direct: bool) -> None:
    environ = {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": no_proxy}
    assert (proxy_for(parse_address(address)[0], environ) is None) == direct


@click.command()
@click.option("--limit", type=int, default=3)
@connection_options
def watch(connection: Connection, limit: int) -> None:
    """Watch it."""
    profile = connection.profile.name if connection.profile is not None else "no profile"
    servers = ",".join(str(each.address) for each in connection.servers)
    click.echo(f"{servers} {connection.namespace} {connection.skip_verify} {limit} {profile}")


def test_a_command_gets_the_connection_of_its_flags() -> None:
    result = CliRunner().invoke(
        watch,
        ["--address", "nomad.example", "--tls-skip-verify", "--limit", "5"],
        env={"NOMAD_ADDR": "http://other", "NOMAD_NAMESPACE": "web"},
    )
    assert (result.exit_code, result.output) == (0, "http://nomad.example:80 web True 5 no profile\n")


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(
        '[profile.prod]\naddress = ["prod-1:4646", "prod-2:4646"]\ncolor = "red"\n'
        '[profile."pre prod"]\nnamespace = "pre"\n'
    )
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        (["--profile", "prod"], {}, "http://prod-1:4646,http://prod-2:4646 * False 3 prod"),
        (["--profile", "prod", "--address", "a,b", "--address", "c"], {}, "http://a:80,http://b:80,http://c:80 "),
        ([], {"NOMAD_TUI_PROFILE": "pre prod"}, "http://env:4646 pre False 3 pre prod"),
        (["--profile", "prod"], {"NOMAD_TUI_PROFILE": "pre prod"}, "http://prod-1:4646,http://prod-2:4646 *"),
        ([], {"NOMAD_TUI_PROFILE": ""}, "http://env:4646 envspace False 3 no profile"),
    ],
)
def test_a_profile_is_chosen_by_flag_or_variable(
    arguments: list[str], environ: dict[str, str], message: str, settings: Path
) -> None:
    environ = {"NOMAD_ADDR": "http://env:4646", "NOMAD_NAMESPACE": "envspace", **environ}
    result = CliRunner().invoke(watch, ["--config", str(settings), *arguments], env=environ)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.output.startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[profile.prod]\n[profile.dev]\n", "--profile is 'prd', but the profiles in {file} are prod, dev. Name one"),
        ("[ui]\n", "--profile is 'prd', but {file} defines no profile. Add a table"),
        (None, "--profile is 'prd', but there is no file {file}. Add a table"),
        (
            "[profile.prd]\nregoin = 3\n",
            "is invalid: `profile.prd.regoin` is not a setting of a profile: write `profile.prd.region`",
        ),
        ("[profile.dev]\ncolor = 3\n", "{file} is invalid: `profile.dev.color` is 3: "),
    ],
)
def test_an_unavailable_profile_is_reported_in_one_sentence(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.toml").write_text(content)
    result = CliRunner().invoke(watch, ["--config", str(tmp_path), "--profile", "prd"])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert re.search(message.replace("{file}", re.escape(str(tmp_path / "config.toml"))), result.stderr), result.stderr


def test_a_mistake_in_the_settings_does_not_matter_without_a_profile(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[profile")
    assert CliRunner().invoke(watch, ["--config", str(tmp_path)]).exit_code == 0


@pytest.mark.parametrize(("begun", "offered"), [("", ["prod", "pre prod"]), ("pre", ["pre prod"]), ("x", [])])
def test_the_shell_completes_names_of_profiles(begun: str, offered: list[str], settings: Path) -> None:
    completion = ShellComplete(watch, {}, "watch", "_WATCH_COMPLETE")
    found = completion.get_completions(["--config", str(settings), "--profile"], begun)
    assert [item.value for item in found] == offered
    (settings / "config.toml").write_text("[profile")
    assert completion.get_completions(["--config", str(settings), "--profile"], begun) == []


def test_a_wrong_setting_is_one_line_on_stderr_and_exit_code_2() -> None:
    result = CliRunner().invoke(watch, ["--address", "ftp://x"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(r"nomad-tui: --address is 'ftp://x': .*\.\n", result.stderr)


def test_help_names_every_flag_and_variable_and_no_value() -> None:
    result = CliRunner().invoke(watch, ["--help-connection"], env={"NOMAD_TOKEN": SECRET}, terminal_width=200)
    for flag, variable in (
        ("--profile", "NOMAD_TUI_PROFILE"),
        ("--address", "NOMAD_ADDR"),
        ("--region", "NOMAD_REGION"),
        ("--namespace", "NOMAD_NAMESPACE"),
        ("--token", "NOMAD_TOKEN"),
        ("--http-auth", "NOMAD_HTTP_AUTH"),
        ("--ca-cert", "NOMAD_CACERT"),
        ("--ca-path", "NOMAD_CAPATH"),
        ("--client-cert", "NOMAD_CLIENT_CERT"),
        ("--client-key", "NOMAD_CLIENT_KEY"),
        ("--tls-server-name", "NOMAD_TLS_SERVER_NAME"),
        ("--tls-skip-verify", "NOMAD_SKIP_VERIFY"),
    ):
        assert re.search(rf"{flag} [^\[]*\[{variable}\]", result.output), flag
    assert "--token-file FILE" in result.output
    assert SECRET not in result.output
