"""Which values are secrets, and that masked payloads contain nothing of them."""

import json
import re
from pathlib import Path
from random import Random
from string import ascii_letters, digits
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_tui.core.changes import difference
from nomad_tui.core.objects.registry import describe
from nomad_tui.core.payload import Members, RawText, parse
from nomad_tui.core.secrets import MASK, REDACTED, Masking, is_secret, masked, masked_text, names_secret, redact
from nomad_tui.core.wire import Frame, decode
from tests import recordings

SECRET_KEYS = [
    "SecretID", "VaultToken", "ConsulToken", "Env", "env", "Environment", "DB_PASS", "DB_PASSWORD", "db.password",
    "Authorization", "X-Vault-Token", "X-Api-Key", "api_key", "apiKey", "APIKey", "AWS_SECRET_ACCESS_KEY",
    "private_key", "PrivateKey", "tls.key", "auth", "OIDCClientSecret", "Secrets", "SignedIdentities", "PWD", "cookie",
]  # fmt: skip
HARMLESS_KEYS = [
    "ID", "Key", "Keys", "AccessorID", "AccessMode", "PublicKey", "AuthMethod", "ACLToken", "NomadTokenID",
    "TokenLocality", "SecretsMB", "plugins.secrets.vault.version", "PassThrough", "Compass", "Environments", "Envoy",
    "MaxTokenTTL", "JWTValidationPubKeys", "Monkey", "", "é", "Author",
]  # fmt: skip


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_key_that_names_a_secret(key: str) -> None:
    assert names_secret(key)


@pytest.mark.parametrize("key", HARMLESS_KEYS)
def test_a_key_that_names_no_secret(key: str) -> None:
    assert not names_secret(key)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://app:hunter2@db:5432/app", f"postgres://app:{MASK}@db:5432/app"),
        ("--token 0b1c --verbose", f"--token {MASK} --verbose"),
        ("server -db-password=hunter2 -port 80", f"server -db-password={MASK} -port 80"),
        ("https://x/y?api_key=abc&page=2", f"https://x/y?api_key={MASK}&page=2"),
        ('{"user": "me", "token": "abc"}', f'{{"user": "me", "token": "{MASK}"}}'),
        ("user: me\n  db_password: hunter2\nport: 80", f"user: me\n  db_password: {MASK}\nport: 80"),
        ("Authorization: Basic bWU6aHVudGVyMg==", f"Authorization: {MASK}"),
        ("curl -H 'X: Bearer abcdefghijk'", f"curl -H 'X: Bearer {MASK}'"),
        ('{"Env":{"A":"x"},"port":80}', f'{{"Env":{{"A":"{MASK}"}},"port":80}}'),
        ("db_password: correct horse battery", f"db_password: {MASK}"),
        ('password = "two words"', f'password = "{MASK}"'),
    ],
)
def test_a_text_that_shows_a_secret_by_its_form(text: str, shown: str) -> None:
    assert masked_text(text) == shown
    assert masked_text(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "failed to derive token: connection refused",
        "password={{ with secret `kv/db` }}",
        "--token ${NOMAD_TOKEN}",
        "Missed the token bucket",
        "http://10.0.0.1:8080/health",
        "redis:7@sha256:abc",
        "mail to a@b.c",
        "",
    ],
)
def test_a_text_without_a_secret_is_unchanged(text: str) -> None:
    assert masked_text(text) == text


def test_environments_tokens_and_siblings_of_a_secrets_name_are_masked() -> None:
    payload = orjson.dumps(
        {
            "Job": {
                "ID": "web",
                "VaultToken": "s.123",
                "ConsulToken": "",
                "TaskGroups": [
                    {
                        "Tasks": [
                            {
                                "Env": {"PORT": "80", "EMPTY": "", "UNSET": None},
                                "Config": {"image": "web:2", "auth": {"username": "me", "password": "pw"}},
                                "Templates": [
                                    {"EmbeddedTmpl": "A=1", "Envvars": True},
                                    {"EmbeddedTmpl": "listen 80", "Envvars": False},
                                ],
                                "Vault": {"AllowTokenExpiration": False},
                                "Pairs": [{"Name": "db_password", "Value": 7}, {"Name": "port", "Value": 8}],
                            }
                        ]
                    }
                ],
            }
        }
    )
    task = orjson.loads(redact(payload))["Job"]["TaskGroups"][0]["Tasks"][0]
    assert task == {
        "Env": {"PORT": REDACTED, "EMPTY": "", "UNSET": None},
        "Config": {"image": "web:2", "auth": {"username": REDACTED, "password": REDACTED}},
        "Templates": [{"EmbeddedTmpl": REDACTED, "Envvars": True}, {"EmbeddedTmpl": "listen 80", "Envvars": False}],
        "Vault": {"AllowTokenExpiration": False},
        "Pairs": [{"Name": "db_password", "Value": REDACTED}, {"Name": "port", "Value": 8}],
    }
    job = orjson.loads(redact(payload))["Job"]
    assert (job["ID"], job["VaultToken"], job["ConsulToken"]) == ("web", REDACTED, "")


def test_the_argument_after_a_flag_that_names_a_secret_is_masked() -> None:
    command = ["server", "--token", "s3cr3t", "-db-password", "x y", "--verbose", "--key", "k", "--secret", "--next"]
    value = parse(orjson.dumps({"Job": {"Config": {"args": command}}})).value
    assert masked(value) == {
        "Job": {
            "Config": {
                "args": ["server", "--token", REDACTED, "-db-password", REDACTED, *command[5:]],
            }
        }
    }
    assert is_secret(("Job", "Config", "args", 2), value)
    assert not is_secret(("Job", "Config", "args", 1), value)
    assert next(iter(difference({"args": ["--token", "old"]}, {"args": ["--token", "new"]}))).is_secret


def test_other_values_are_unchanged_byte_for_byte() -> None:
    payload = b'{ "Job":{"n":1e400,"t":"\\u0041\\/","Env":{"A":"1","A" : "2"},"z":-0,\n"u":"http://a:b@c/"} }'
    assert redact(payload) == (
        b'{ "Job":{"n":1e400,"t":"\\u0041\\/","Env":{"A":"<redacted>","A" : "<redacted>"},"z":-0,'
        b'\n"u":"http://a:<redacted>@c/"} }'
    )


def test_all_values_of_an_unreadable_payload_are_masked() -> None:
    deep = b'{"a":' * 5_000 + b'{"SecretID":"hunter2","n":12}' + b"}" * 5_000
    assert b"hunter2" not in redact(deep)
    assert b"12" not in redact(deep)
    assert b"hunter2" not in redact(b'{"SecretID":"hunter2", and no more')


def test_the_servers_own_objects_lose_their_secret_ids() -> None:
    found = 0
    for line in recordings.lines("beta"):
        frame = decode(line)
        for event in frame.events if isinstance(frame, Frame) else ():
            payload = bytes(event.payload)
            whole = parse(payload).value
            assert parse(redact(payload)).value == masked(whole)
            secret = orjson.loads(payload).get("Node", {}).get("SecretID")
            if secret:
                found += 1
                assert secret.encode() not in redact(payload)
                assert is_secret(("Node", "SecretID"), whole)
    assert found > 10


MARKER = "hunter2-"


@st.composite
def objects(draw: st.DrawFn) -> tuple[Any, list[str]]:
    """Generate a JSON object, and the marked texts under keys that name a secret."""
    secrets: list[str] = []

    def value(depth: int, secret: bool) -> Any:
        kind = draw(st.sampled_from(["text", "number", "list", "object"] if depth < 4 else ["text", "number"]))
        if kind == "object":
            keys = draw(st.lists(st.sampled_from(SECRET_KEYS + HARMLESS_KEYS), max_size=4, unique=True))
            return {key: value(depth + 1, secret or names_secret(key)) for key in keys}
        if kind == "list":
            return [value(depth + 1, secret) for _ in range(draw(st.integers(0, 3)))]
        if kind == "number":
            return draw(st.integers(0, 9))
        text = draw(st.text(max_size=6))
        if secret:
            text = f"{MARKER}{len(secrets)}-{text}"
            secrets.append(text)
        return text

    return {"Job": value(0, False)}, secrets


@given(objects())
def test_everything_under_a_key_that_names_a_secret_is_masked(made: tuple[Any, list[str]]) -> None:
    value, secrets = made
    payload = json.dumps(value, ensure_ascii=bool(len(secrets) % 2)).encode("utf-8", "surrogatepass")
    without = redact(payload)
    assert MARKER.encode() not in without
    assert parse(without).value == masked(parse(payload).value)
    assert MARKER not in describe("Job", "JobRegistered", "web", payload, None).text
    assert MARKER not in describe("Unknown", "Unknown", "web", payload, payload).text


@given(objects(), objects())
def test_a_sentence_shows_no_secret_that_has_changed(
    before: tuple[Any, list[str]], after: tuple[Any, list[str]]
) -> None:
    def job(value: Any, version: int) -> bytes:
        specification = value["Job"] if isinstance(value["Job"], dict) else {"Meta": value["Job"]}
        return json.dumps({"Job": {**specification, "ID": "web", "Version": version, "ModifyIndex": version}}).encode()

    sentence = describe("Job", "JobRegistered", "web", job(after[0], 2), job(before[0], 1)).text
    assert MARKER not in sentence


def test_repeated_keys_are_masked_each() -> None:
    value = parse(b'{"Env":{"A":"1","A":"2"}}').value
    assert masked(value) == {"Env": Members((("A", REDACTED), ("A", REDACTED)))}
    assert is_secret(("Env", 0), value)


def test_whether_a_path_is_secret() -> None:
    value = parse(b'{"Job":{"Env":{"A":{"B":"1"}},"Items":[{"Name":"token","Value":"x"}],"ID":"web"}}').value
    assert is_secret(("Job", "Env", "A", "B"), value)
    assert is_secret(("Job", "Items", 0, "Value"), value)
    assert not is_secret(("Job", "Items", 0, "Name"), value)
    assert not is_secret(("Job", "ID"), value)
    assert not is_secret(("Job", "Nothing"), value)
    assert not is_secret(("Job", "ID", 3), value)
    assert not is_secret((), RawText())


def test_masking_can_reveal_one_path_and_its_descendants() -> None:
    masking = Masking()
    assert not masking.shows(("Job", "Env"))
    masking.revealed = ("Job", "Env")
    assert masking.shows(("Job", "Env"))
    assert masking.shows(("Job", "Env", "A"))
    assert not masking.shows(("Job",))
    assert Masking(reveals_all=True).shows(())


# Recognized by form, in texts without a telling key

CASES = Path(__file__).parents[1] / "cases"
ALPHABETS = {
    "": ascii_letters + digits,
    "b": ascii_letters + digits,
    "U": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "h": "0123456789abcdef",
    "d": digits,
}
ENDS = {"": "7q", "b": "7q", "U": "7Q", "h": "7f", "d": "70"}
"""Endings that prevent generated secrets from being words."""


def lines(name: str) -> list[str]:
    """Return the lines of a file of cases; `\\n` is a line break, `\\\\n` these two characters."""
    text = (CASES / name).read_text()
    breaks = {"\\\\n": "\\n", "\\n": "\n", "\\r": "\r"}
    return [re.sub(r"\\\\n|\\[nr]", lambda found: breaks[found[0]], line) for line in text.splitlines()]


def filled(text: str, random: Random) -> tuple[str, list[str]]:
    """Return a case with its placeholders replaced by generated secrets: `{b40}` is 40 characters of base64."""
    secrets = []

    def generated(place: re.Match[str]) -> str:
        if place[0] == "{uuid}":
            secrets.append(str(UUID(int=random.getrandbits(128))))
        else:
            secrets.append("".join(random.choices(ALPHABETS[place[1]], k=int(place[2]) - 2)) + ENDS[place[1]])
        return secrets[-1]

    return re.sub(r"\{(?:uuid|([bUhd]?)(\d+))\}", generated, text), secrets


SECRET_TEXTS = lines("secrets.txt")
CAUSES = lines("causes.txt")


@pytest.mark.parametrize("text", SECRET_TEXTS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=5)
def test_a_secret_of_a_known_form_is_masked_anywhere(text: str, seed: int) -> None:
    shown, secrets = filled(text, Random(seed))
    for around in ("{}", "before {} after", 'x "{}": y', "line\n{}\nline"):
        without = masked_text(around.format(shown))
        assert [secret for secret in secrets if len(secret) > 4 and secret in without] == []
        assert masked_text(without) == without
        payload = orjson.dumps({"Message": around.format(shown)})
        assert orjson.loads(redact(payload)) == {"Message": without.replace(MASK, REDACTED)}


@pytest.mark.parametrize("text", CAUSES)
def test_the_cause_of_a_failure_is_readable(text: str) -> None:
    assert masked_text(text) == text
    payload = orjson.dumps({"Details": {"setup_error": text}})
    assert redact(payload) == payload


NAMES = ["password", "db_password", "vault_token", "consul_si_token", "client-secret", "api_key", "Authorization"]


@given(st.sampled_from(NAMES), st.sampled_from(CAUSES), st.sampled_from(["", "task web: ", "failed to derive "]))
def test_a_cause_is_readable_after_any_name_of_a_secret(name: str, cause: str, before: str) -> None:
    text = f"{before}{name}: failed: {cause}"
    assert masked_text(text) == text


@given(
    st.sampled_from(NAMES),
    st.text(ascii_letters + digits + "+_", min_size=8, max_size=60),
    st.sampled_from(["", "task web: ", "failed to derive "]),
    st.sampled_from([": ", ": '", "=", "='", '": "']),
    st.sampled_from(["", " (HTTP 403)", ": permission denied", "\nfailed to start"]),
)
def test_a_value_is_masked_after_the_same_names(name: str, value: str, before: str, sign: str, after: str) -> None:
    value = f"q{value}7"
    quote = sign[-1] if sign[-1] in "\"'" else ""
    shown = masked_text(f"{before}{name}{sign}{value}{quote}{after}")
    assert value not in shown
    assert shown.startswith(before)


def test_a_certificate_is_not_a_secret() -> None:
    for text in (
        "-----BEGIN CERTIFICATE-----\nMIIBhTCCASugAwIBAgIQ\n-----END CERTIFICATE-----\n",
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI\n-----END PUBLIC KEY-----\n",
        "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJo",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBase64OfAPublicKey me@example.com",
    ):
        assert masked_text(text) == text


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("login failed for scott, password: correcthorse", "login failed for scott, password: ••••••"),
        ("user scott passphrase: tiger, host db1", "user scott passphrase: ••••••, host db1"),
        ("login failed, password: mismatch", "login failed, password: mismatch"),
        ("the password: hunter is wrong", "the password: hunter is wrong"),
        ("reading token: interrupted", "reading token: interrupted"),
    ],
)
def test_a_last_word_after_a_password_within_a_line_is_masked_and_a_cause_is_not(text: str, without: str) -> None:
    assert masked_text(text) == without
