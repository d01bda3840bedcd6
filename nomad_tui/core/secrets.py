"""What in a payload is a secret, and the same payload without it.

Nomad sends environments, tokens and driver configuration in clear. A value is a secret by the key it stands under,
by what stands beside it, or by its own form, such as a password in a URL. Everything that leaves a payload for the
screen, the clipboard or a file asks here.
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import re2

from nomad_tui.core.payload.parsing import Members, RawText, Value, parse
from nomad_tui.core.payload.rows import Path

MASK: Final = "••••••"
"""Stands for a secret on the screen, whatever its length."""
REDACTED: Final = "<redacted>"
"""Stands for a secret in what is copied, written and printed."""

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LONGEST_KEY: Final = 200
"""Characters of a key that are looked at."""

_WORDS: Final = frozenset(
    {
        "apikey", "authorization", "bearer", "cookie", "cookies", "cred", "credential", "credentials", "creds", "dsn",
        "htpasswd", "jwt", "passcode", "passphrase", "passwd", "password", "passwords", "pwd", "secret", "secrets",
        "token", "tokens",
    }
)  # fmt: skip
"""A key with one of these words names a secret, wherever the word stands."""
_LAST_WORDS: Final = frozenset({"auth", "basicauth", "pass"})
"""The same where the word is the last: `DB_PASS` and `auth`, but not `PassThrough` and `AuthMethod`."""
_KEYS_OF: Final = frozenset(
    {
        "access", "account", "api", "client", "encryption", "encrypt", "gossip", "hmac", "license", "master", "pem",
        "private", "signing", "ssh", "ssl", "tls", "unseal",
    }
)  # fmt: skip
"""A key whose words end in one of these and `key`."""
_WHOLE: Final = frozenset({"env", "environment", "signedidentities", "connectionstring", "privatekey", "accesskey"})
"""Keys, without case, under which everything is a secret: environments, and the tokens of workload identities."""
_HARMLESS: Final = frozenset(
    {
        "acltoken", "acltokens", "nomadtokenid", "tokenlocality", "tokennameformat", "maxtokenttl", "tokenttl",
        "tokenname", "tokentype", "tokenid", "jwtvalidationpubkeys",
    }
)  # fmt: skip
"""Nomad's own keys that have such a word in them and hold no secret; `NomadTokenID` is an Accessor ID."""

_MEASURES: Final = frozenset({"mb", "ttl", "version"})
"""A key that ends in one of these tells how large or which, such as `SecretsMB` and `plugins.secrets.vault.version`."""

_TRIGGER: Final = (
    "passwo?r?d|passphrase|secret|token|credential|authorization|basicauth|(?:api|access|private)[_.-]?key"
)
_VALUE: Final = r"""("[^"\n]*"|'[^'\n]*'|[^\s"',;&]+)"""
_ASSIGNED: Final = re2.compile(
    rf"""(?i)((?:{_TRIGGER})[\w.-]{{0,40}}(?:["']?\s{{0,4}}=\s{{0,4}}|["']\s{{0,4}}:\s{{0,4}}))({_VALUE[1:-1]})"""
)
"""`password=…`, `"token": "…"`; up to the end of the word or of the quotes."""
_FLAG: Final = re2.compile(rf"""(?i)(--?(?:[\w]{{1,40}}[.-])?(?:{_TRIGGER})[\w.-]{{0,40}}\s+)({_VALUE[1:-1]})""")
"""`--token …`."""
_LINE: Final = re2.compile(rf"(?im)(^\s*[\w.-]{{0,60}}(?:{_TRIGGER})[\w.-]{{0,40}}:[ \t]+)(\S.*)$")
"""A line of YAML or a header: `password: …`, `Authorization: …`."""
_BEARER: Final = re2.compile(r"(?i)(\bbearer\s+)([\w+/.~=-]{8,})")
_IN_URL: Final = re2.compile(r"(://[^/\s:@]{0,200}:)([^@\s/]+)(@)")
_PATTERNS: Final = (_IN_URL, _ASSIGNED, _FLAG, _LINE, _BEARER)
_LONGEST_JSON: Final = 64 * 1024
"""Characters of a text that is looked at as JSON of its own."""
_SHORTEST: Final = 8
"""Characters of a text that can hold such a form."""
_SIGNS: Final = ("pass", "secret", "token", "key", "credential", "auth", "bearer", "://")
"""One of these is in every text that does, without case; looking for them is 5 times faster (measured)."""
_REFERENCE: Final = ("{{", "${", "$(", "<redacted>", MASK)
"""What a value begins with that only says where the secret is to be had."""


def names_secret(key: str) -> bool:
    """Whether what stands under a key of a payload is a secret."""
    return _names_secret(key[:_LONGEST_KEY])


@lru_cache(maxsize=8192)
def _names_secret(key: str) -> bool:
    words = [word.lower() for word in _WORD.findall(key)]
    joined = "".join(words)
    if joined in _HARMLESS or (words and words[-1] in _MEASURES):
        return False
    if joined in _WHOLE or not _WORDS.isdisjoint(words):
        return True
    if not words:
        return False
    return words[-1] in _LAST_WORDS or (words[-1] in ("key", "keys") and len(words) > 1 and words[-2] in _KEYS_OF)


def secret_beside(members: dict[str, Value]) -> str | None:
    """The key of a member that is a secret because of what stands beside it; None for none.

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
        if type(before) is str and before.startswith("-") and _is_flag(before) and _is_its_value(items[position])
    )


def _is_flag(text: str) -> bool:
    name = text[:_LONGEST_KEY].lstrip("-")
    return name.replace("-", "").replace("_", "").replace(".", "").isalnum() and _names_secret(name)


def _is_its_value(item: Value) -> bool:
    return type(item) is not str or not item.startswith(("-", *_REFERENCE))


def masked_text(text: str, mask: str = MASK) -> str:
    """A text without the secrets that it shows by their form: passwords in URLs and assignments, bearer tokens.

    In a text that is JSON itself also what stands under a key that names one. What only says where a secret is to be
    had, such as `{{ with secret … }}`, stays.
    """
    if len(text) < _SHORTEST:
        return text
    lower = text.lower()
    if text[0] in "{[" and text[-1] in "}]" and len(text) <= _LONGEST_JSON:
        inner = parse(text.encode("utf-8", "replace")).value
        if isinstance(inner, dict | list) and masked(inner) is not inner:
            return redact(text.encode("utf-8", "replace")).decode().replace(REDACTED, mask)
    if not any(sign in lower for sign in _SIGNS):
        return text
    for pattern in _PATTERNS:
        if pattern.search(text) is not None:
            text = str(pattern.sub(lambda found: _without(found, mask), text))
    return text


def _without(found: "re2._Match[str]", mask: str) -> str:
    groups = found.groups()
    value = groups[1].strip("\"'")
    if not value or value.startswith(_REFERENCE):
        return str(found.group())
    quote = groups[1][0] if groups[1][0] in "\"'" and groups[1][-1] == groups[1][0] else ""
    return f"{groups[0]}{quote}{mask}{quote}{''.join(groups[2:])}"


def is_secret(path: Path, value: Value) -> bool:
    """Whether what stands at `path` of the payload `value` is a secret whole, by its keys or by what is beside it."""
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


def can_hide(value: Value) -> bool:
    """Whether a value under a key that names a secret tells anything: not nothing, a truth value or an empty text."""
    return not (value is None or value is True or value is False or value == "")


def masked(value: Value, mask: str = REDACTED, *, secret: bool = False) -> Value:
    """A payload's value, or a part of it, without its secrets; `secret` if it stands under a key that names one.

    What holds no secret is not copied.
    """
    if isinstance(value, dict):
        beside = None if secret else secret_beside(value)
        changed: dict[str, Value] | None = None
        for key, member in value.items():
            other = masked(member, mask, secret=secret or key == beside or names_secret(key))
            if other is not member:
                if changed is None:
                    changed = dict(value)
                changed[key] = other
        return value if changed is None else changed
    if isinstance(value, list):
        beside_it = frozenset[int]() if secret else secret_items(value)
        items = [masked(item, mask, secret=secret or position in beside_it) for position, item in enumerate(value)]
        return value if all(map(_same, items, value)) else items
    if isinstance(value, Members):
        members = Members((key, masked(member, mask, secret=secret or names_secret(key))) for key, member in value)
        return value if all(new[1] is old[1] for new, old in zip(members, value, strict=True)) else members
    if isinstance(value, RawText):
        return value
    if secret:
        return mask if can_hide(value) else value
    if type(value) is str:
        text = masked_text(value, mask)
        return value if text == value else text
    return value


def _same(one: object, other: object) -> bool:
    return one is other


_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?|[^\s{}\[\],:"]+', re.DOTALL)
"""A text or another scalar; the group tells keys from values."""


def redact(payload: bytes) -> bytes:
    """JSON without its secrets, and otherwise byte for byte as it came.

    Of what cannot be read as JSON, every value in it is masked, because none can be told to be harmless.
    """
    value = parse(payload).value
    if isinstance(value, RawText):
        return _TOKEN.sub(lambda found: found[0] if found[1] is not None else b'"%s"' % REDACTED.encode(), payload)
    without = masked(value)
    if without is value:
        return payload
    pairs = zip(_leaves(value), _leaves(without), strict=True)
    pieces: list[bytes] = []
    end = 0
    for found in _TOKEN.finditer(payload):
        if found[1] is not None:
            continue
        before, after = next(pairs)
        if before is not after:
            pieces += (payload[end : found.start()], json.dumps(after, ensure_ascii=False).encode("utf-8", "replace"))
            end = found.end()
    return b"".join((*pieces, payload[end:]))


def _leaves(value: Value) -> Iterator[Value]:
    """The scalars of a value in the order of its text."""
    stack: list[Iterator[Value]] = [iter((value,))]
    while stack:
        for member in stack[-1]:
            if isinstance(member, dict):
                stack.append(iter(member.values()))
            elif isinstance(member, list):
                stack.append(iter(member))
            elif isinstance(member, Members):
                stack.append(iter([inner for _, inner in member]))
            else:
                yield member
                continue
            break
        else:
            stack.pop()


class Veil:
    """What of the event that is looked at is masked: all its secrets, but for the one revealed."""

    def __init__(self, lifted: bool = False) -> None:
        self.lifted = lifted
        """Every secret is shown, because the operator has asked for it."""
        self.revealed: Path | None = None
        """The one that is shown until the selection moves, with all that is beneath it."""

    def shows(self, path: Path) -> bool:
        """Whether the secret at a path is shown."""
        return self.lifted or (self.revealed is not None and path[: len(self.revealed)] == self.revealed)
