"""Which names say that a secret is under them, beside them or after them."""

from functools import lru_cache
from typing import Final

from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.payload.parsing import Members, Value
from nomad_tui.core.payload.rows import Path

MASK: Final = "••••••"
"""Shown in the place of a secret of any length."""
REDACTED: Final = "<redacted>"
"""Stands for a secret in what is copied, written and printed."""

_WORD: Final = lazy_pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LONGEST_KEY: Final = 200
"""Characters of a key that are looked at."""

WORDS: Final = frozenset(
    {
        "apikey", "authorization", "bearer", "cookie", "cookies", "cred", "credential", "credentials", "creds", "dsn",
        "htpasswd", "jwt", "passcode", "passphrase", "passwd", "password", "passwords", "pwd", "secret", "secrets",
        "sshkey", "token", "tokens",
    }
)  # fmt: skip
"""A key with one of these words names a secret, wherever the word is."""
LAST_WORDS: Final = frozenset({"auth", "basicauth", "pass"})
"""The same where the word is the last: `DB_PASS` and `auth`, but not `PassThrough` and `AuthMethod`."""
KEYS_OF: Final = frozenset(
    {
        "access", "account", "api", "client", "encryption", "encrypt", "gossip", "hmac", "license", "master", "pem",
        "private", "signing", "ssh", "ssl", "tls", "unseal",
    }
)  # fmt: skip
"""A key whose words end in one of these and `key`."""
WHOLE: Final = frozenset({"env", "environment", "signedidentities", "connectionstring", "privatekey", "accesskey"})
"""Keys, without case, under which everything is a secret: environments, and the tokens of workload identities."""
_HARMLESS: Final = frozenset(
    {
        "acltoken", "acltokens", "nomadtokenid", "tokenlocality", "tokennameformat", "maxtokenttl", "tokenttl",
        "tokenname", "tokentype", "tokenid", "jwtvalidationpubkeys",
    }
)  # fmt: skip
"""Nomad's own keys that have such a word in them and hold no secret; `NomadTokenID` is an Accessor ID."""

_MEASURES: Final = frozenset({"mb", "ttl", "version"})
"""A key that ends in one of these is a size or an identity, such as `SecretsMB` and `plugins.secrets.vault.version`."""

REFERENCE: Final = ("{{", "${", "$(", REDACTED, MASK)
"""What a value begins with that only says where the secret is to be had."""


def names_secret(key: str) -> bool:
    """Whether what is under a key of a payload is a secret."""
    return _names_secret(key[:_LONGEST_KEY])


@lru_cache(maxsize=8192)
def _names_secret(key: str) -> bool:
    words = [word.lower() for word in _WORD.findall(key)]
    joined = "".join(words)
    if joined in _HARMLESS or (words and words[-1] in _MEASURES):
        return False
    if joined in WHOLE or not WORDS.isdisjoint(words):
        return True
    if not words:
        return False
    return words[-1] in LAST_WORDS or (words[-1] in ("key", "keys") and len(words) > 1 and words[-2] in KEYS_OF)


def secret_beside(members: dict[str, Value]) -> str | None:
    """The key of a member that is a secret because of what is beside it; None for none.

    A template that writes environment variables, and a value beside the name of a secret.
    """
    if members.get("Envvars") is True and "EmbeddedTmpl" in members:
        return "EmbeddedTmpl"
    for name, value in (("Name", "Value"), ("Key", "Value"), ("name", "value"), ("key", "value")):
        named = members.get(name)
        if type(named) is str and value in members and names_secret(named):
            return value
    return None


def secret_items(items: list[Value]) -> frozenset[int]:
    """The positions of items that are secrets because of the one before them: `["--token", "…"]`."""
    return frozenset(
        position
        for position, before in enumerate(items[:-1], 1)
        if type(before) is str and before.startswith("-") and is_flag(before) and _is_its_value(items[position])
    )


def is_flag(text: str) -> bool:
    """Whether a text that begins with `-` says that a secret follows."""
    name = text[:_LONGEST_KEY].lstrip("-")
    return name.replace("-", "").replace("_", "").replace(".", "").isalnum() and _names_secret(name)


def _is_its_value(item: Value) -> bool:
    return type(item) is not str or not item.startswith(("-", *REFERENCE))


def is_secret(path: Path, value: Value) -> bool:
    """Whether what is at `path` of the payload `value` is a secret whole, by its keys or by what is beside it."""
    for step in path:
        if isinstance(value, dict):
            if not isinstance(step, str) or step not in value:
                return False
            if names_secret(step) or secret_beside(value) == step:
                return True
            value = value[step]
        elif isinstance(value, list):
            if not isinstance(step, int) or not 0 <= step < len(value):
                return False
            if step in secret_items(value):
                return True
            value = value[step]
        elif isinstance(value, Members):
            found = _member(value, step)
            if found is None:
                return False
            key, value = found
            if names_secret(key):
                return True
        else:
            return False
    return False


def _member(members: Members, step: str | int) -> tuple[str, Value] | None:
    if isinstance(step, int):
        return members[step] if 0 <= step < len(members) else None
    return next((member for member in members if member[0] == step), None)
