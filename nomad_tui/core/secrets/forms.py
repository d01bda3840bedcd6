"""Patterns of secrets: names of their keys or neighbours, and forms that are recognizable without a name.

Forms are private keys, tokens of well-known vendors, and URLs that contain a secret. Each is an RE2 pattern with two or
three groups: text to keep, the secret, text to keep. Every text with one of the forms matches `SIGNS`.
"""

import re
from functools import lru_cache
from typing import Final

from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.payload.parsing import Members, Value
from nomad_tui.core.payload.rows import Path

MASK: Final = "••••••"
"""Displayed instead of a secret, whatever its length."""
REDACTED: Final = "<redacted>"
"""Replaces a secret in what is copied, written and printed."""

_WORD: Final = lazy_pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LONGEST_KEY: Final = 200
"""Characters of a key that are examined."""

WORDS: Final = frozenset(
    {
        "apikey", "authorization", "bearer", "cookie", "cookies", "cred", "credential", "credentials", "creds", "dsn",
        "htpasswd", "jwt", "passcode", "passphrase", "passwd", "password", "passwords", "pwd", "secret", "secrets",
        "sshkey", "token", "tokens",
    }
)  # fmt: skip
"""Words that mark a key as the name of a secret, in any position."""
LAST_WORDS: Final = frozenset({"auth", "basicauth", "pass"})
"""Words that do so in last position: `DB_PASS` and `auth`, but not `PassThrough` and `AuthMethod`."""
KEYS_OF: Final = frozenset(
    {
        "access", "account", "api", "client", "encryption", "encrypt", "gossip", "hmac", "license", "master", "pem",
        "private", "signing", "ssh", "ssl", "tls", "unseal",
    }
)  # fmt: skip
"""Words that do so if `key` follows at the end."""
WHOLE: Final = frozenset({"env", "environment", "signedidentities", "connectionstring", "privatekey", "accesskey"})
"""Keys, ignoring case, whose complete content is secret: environments, and the tokens of workload identities."""
_HARMLESS: Final = frozenset(
    {
        "acltoken", "acltokens", "nomadtokenid", "tokenlocality", "tokennameformat", "maxtokenttl", "tokenttl",
        "tokenname", "tokentype", "tokenid", "jwtvalidationpubkeys",
    }
)  # fmt: skip
"""Nomad's own keys that contain such a word but no secret; `NomadTokenID` is an accessor ID."""

_MEASURES: Final = frozenset({"mb", "ttl", "version"})
"""Last words of keys that are sizes or identities, such as `SecretsMB` and `plugins.secrets.vault.version`."""

REFERENCE: Final = ("{{", "${", "$(", REDACTED, MASK)
"""Beginnings of values that only refer to a secret stored elsewhere."""


def names_secret(key: str) -> bool:
    """Whether the value of a payload's key is a secret."""
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
    """The key of a member that is secret because of a neighbour; None if there is none.

    For a template with environment variables, and a value next to the name of a secret.
    """
    if members.get("Envvars") is True and "EmbeddedTmpl" in members:
        return "EmbeddedTmpl"
    for name, value in (("Name", "Value"), ("Key", "Value"), ("name", "value"), ("key", "value")):
        named = members.get(name)
        if type(named) is str and value in members and names_secret(named):
            return value
    return None


def secret_items(items: list[Value]) -> frozenset[int]:
    """Indexes of items that are secret because of the preceding item: `["--token", "…"]`."""
    return frozenset(
        position
        for position, before in enumerate(items[:-1], 1)
        if type(before) is str and before.startswith("-") and is_flag(before) and _is_its_value(items[position])
    )


def is_flag(text: str) -> bool:
    """Whether a text starting with `-` is a flag whose value is a secret."""
    name = text[:_LONGEST_KEY].lstrip("-")
    return name.replace("-", "").replace("_", "").replace(".", "").isalnum() and _names_secret(name)


def _is_its_value(item: Value) -> bool:
    return type(item) is not str or not item.startswith(("-", *REFERENCE))


def is_secret(path: Path, value: Value) -> bool:
    """Whether the complete value at `path` of the payload `value` is secret because of a key or a neighbour."""
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


_KEY_BLOCK: Final = r"-{4,5} ?BEGIN [\w ]*PRIVATE KEY"
_ENCODED_KEY: Final = r"LS0tLS1CRUdJTiB(?:[EFPS]|QUklW|QR1Ag)|b3BlbnNzaC1rZXktdjE"
"""Base64 of `-----BEGIN` and any kind of private key, but not of a certificate, and of `openssh-key-v1`."""
_TOKENS: Final = "|".join(
    (
        r"eyJ[\w-]{8,}\.[\w-]{6,}(?:\.[\w-]+)*",  # JSON Web Tokens
        r"gh[pousr]_\w{16,}|github_pat_\w{16,}",
        r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas|ffct)-[\w.-]{10,}",
        r"xox[a-z](?:\.xox[a-z])?-[\w-]{8,}|xapp-[\w-]{8,}",  # Slack
        r"hv[sbr]\.[\w-]{8,}|\w{14}\.atlasv1\.\w{16,}",  # Vault, HCP Terraform
        r"AIza[\w-]{30,}|ya29\.[\w-]{16,}|GOCSPX-[\w-]{16,}",  # Google
        r"npm_\w{30,}|pypi-\w{16,}|dckr_(?:pat|oat)_[\w-]{16,}|dop_v1_\w{16,}|[rs]k_(?:live|test)_\w{10,}",
        r"whsec_[\w+/=]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|AGE-SECRET-KEY-1\w{16,}|shp(?:at|ca|pa|ss)_\w{16,}",
    )
)
_BARE_TOKENS: Final = r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}|[sb]\.[A-Za-z0-9]{24,}(?:\.\w{5})?|S[UAOCNX][A-Z2-7]{56}"
"""AWS, Vault before 1.10, NATS seeds: their prefixes are so short that they must not be inside a word."""
_WEBHOOK_HOSTS: Final = (
    r"(?:hooks\.slack(?:-gov)?\.com|webhook\.office(?:365)?\.com|logic\.azure\.(?:com|us|cn)|hooks\.zapier\.com"
    r"|api\.powerplatform\.(?:com|us)|chat\.googleapis\.com|maker\.ifttt\.com)(?::\d+)?/"
    r"|discord(?:app)?\.com(?::\d+)?/api/|outlook\.office(?:365)?\.com(?::\d+)?/webhook|api\.telegram\.org(?::\d+)?/bot"
    r"|pagerduty\.com(?::\d+)?/integration/"
)
"""Services whose URLs grant access to everybody who knows the path."""
_WEBHOOK_ID: Final = r"(?:[A-Za-z0-9]+/)?[A-Za-z0-9]{17}"
"""What follows `/hooks/` on self-hosted servers, such as Mattermost."""
_QUERY: Final = (
    r"(?:[?&]|%3F|%26)(?:[\w.-]*[._-])?(?:sig|signature|sign|hmac|jwt|pwd|pass|auth|policy|session|sessionid|apikey"
    r"|sshkey|hdnts|hdnea|hdntl)(?:=|%3D)"
)
"""Names that mean a secret only in a URL's query."""
_SHORT_QUERY: Final = r"(?:[?&]|%3F|%26)(?:key|code|sas|t|s)(?:=|%3D)"
"""The same, but only with a long value."""
_REST_OF_URL: Final = r"""[^\s"'<>`)\]\\]"""

FORMS: Final = (
    rf"(?s)({_KEY_BLOCK}(?: BLOCK)? ?-{{4,5}})(.*?)(-{{4,5}} ?END |\z)",
    r"(?s)(Private-Lines: \d+)(.*?)(Private-MAC|\z)",  # PuTTY
    rf"()((?:{_ENCODED_KEY})[\w+/=%-]*(?:(?:\n|\\n)[\w+/=]+)*)",
    rf"(?i)(://[^\s/\"']*(?:{_WEBHOOK_HOSTS}))({_REST_OF_URL}+)",
    rf"(?i)(://{_REST_OF_URL}*?/(?:web)?hooks?/)({_WEBHOOK_ID}{_REST_OF_URL}*)",
    r"(://[^/\s:@]{0,200}:)([^\s/]+)(@)",
    r"(://)(\w{0,8}[A-Za-z]\w*\d\w{10,}|\w*\d\w{0,8}[A-Za-z]\w{10,})(@)",  # a token as the user's name
    rf"""(?i)({_QUERY})([^\s"'<>`&#;,)\]}}\\]+)""",
    rf"(?i)({_SHORT_QUERY})([\w%+/=~.-]{{20,}})",
    rf"()({_TOKENS})",
    rf"(^|[^A-Za-z0-9./-])({_BARE_TOKENS})(\b)",
    r"(?i)((?:token|secret)(?: ?id)?[\"']?[ =:]{1,3}[\"'(]?)"
    r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})",  # Consul's and Nomad's tokens
)

SIGNS: Final = "|".join(
    (
        "PRIVATE KEY|Private-Lines",
        _ENCODED_KEY,
        rf"(?i:{_WEBHOOK_HOSTS}|/(?:web)?hooks?/{_WEBHOOK_ID})",
        rf"(?i:{_QUERY}|{_SHORT_QUERY}[\w%+/=~.-])",
        r"eyJ[\w-]{8}|gh[pousr]_|github_pat_|gl[a-z]{2,5}-|xox[a-z][.-]|xapp-|hv[sbr]\.|\.atlasv1\.|AIza|ya29\.|GOCSPX-",
        r"npm_|pypi-|dckr_|dop_v1_|k_(?:live|test)_|whsec_|SG\.[\w-]{16}|AGE-SECRET|shp[a-z]{2}_",
        r"A[KSBC][IC]A[A-Z0-9]{12}|[sb]\.[A-Za-z0-9]{20}|S[UAOCNX][A-Z2-7]{20}",
    )
)
"""Matches other texts too; contains no letters or signs that JSON may escape, except `/`, `&` and `?`."""


_WORDS: Final = frozenset(
    """
    a abort aborted about above absent accepted access acl acquire acquiring address after again all alloc
    allocation allowed already ambiguous an and any api are argument as asked at attempt attempts audience auth
    authentication authorization available back backend bad be because been before being below blank blocked
    body broken busy but by call can can't canceled cancelled cannot certificate certificates challenge change
    changed check claims class client closed cluster code config configuration configured conflict connect
    connection consul contains context corrupt corrupted could couldn't crashed create created creating
    credential credentials deadline decode decoding define defined deleted denied denies deny derive derived
    deriving desc details dial did didn't disabled disallowed do does doesn't down dropped duplicate during
    either empty enabled end ended endpoint engine entry eof error errors even ever exceeded exchange exchanged
    executable execute executed executing exist exists exit exited expected expire expired expires expiry fail
    failed failing fails failure fetch few fewer field file find for forbidden format found from get gone got
    had handshake has have header healthy host http https id identity if ignored illegal in inactive incomplete
    incorrect ineligible information initialize initialized input insufficient internal interrupted into invalid
    invalidated io is isn't issue issued issuer it its job key killed kv lack lacks later leader lease least
    length less limit limited load loaded loading locked logged login longer lookup lost made making malformed
    many match matches matching maximum may memory method mismatch missing more most mount mounted mounting must
    name namespace need needed needs negotiate negotiation network never no node nomad none nor not nothing null
    obtain obtaining of off on only open opened opening operation option or out output overflow parse parsing
    path peer permission permissiondenied permissions permitted please plugin policies policy problem process
    prohibited provided proxy quota rate reached read reading realm reason received recognized refresh
    refreshing refused region registry rejected reload reloading remote render rendered rendering renew renewal
    renewing request requested required requires reset resolve resolved resolving response restricted retries
    retrieve retrieved retrieving retry retrying returned returning revoked revoking role rotated rotation rpc
    run running satisfied scheme sdk sealed seconds secret secrets see server service set shorter should sign
    signature signed signing since size skipped specified stale start started status still stopped storage store
    stored stream such supported suspended task tcp template temporary than that the them then there this
    throttled timed timeout tls to token tokens too trusted unable unauthenticated unauthorized unavailable
    undefined unexpected unhealthy unknown unmarshal unmounted unprocessable unreachable unreadable unrecognized
    unresolved unset unsigned unsupported until untrusted unwrapped unwrapping up upstream url use used using
    valid validate validation value vault verification verified verify version waiting was wasn't were when
    while will with within without won't wrapped wrapping write writing wrong x509 yet you your
    """.split()  # noqa: SIM905 - a list of words is read as one
)
"""Lower-case words. Nearly every error message contains one, and hardly any passphrase does."""

_MARKS: Final = ".,;:!?()[]{}<>\"'`*"
_ADDRESS: Final = lazy_pattern(
    r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?:/\d+)?|\[[\da-f:.]+\](?::\d+)?|[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+(?::\d+)?"
    r"|[a-z][a-z0-9-]*:\d{2,5}"
)
_KNOWN: Final = lazy_pattern(
    r"x509|ipv[46]|sha-?\d+|md5|https?/\d(?:\.\d)?|oauth2|base64|utf-?8|tlsv?1?[._]?\d|v?\d+(?:\.\d+)+(?:[-+][a-z0-9.]+)?"
    r"|(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d|b|kb|mb|gb|kib|mib|gib))+",
    re.IGNORECASE,
)
_PATH: Final = lazy_pattern(r"\.{0,2}/[\w./@-]*|[a-z0-9_.-]{1,24}(?:/[a-z0-9_.{}-]{1,36})+/?")
_CALL: Final = lazy_pattern(r"[A-Za-z_.]+\(.*")
_SYMBOL_IN_WORD: Final = lazy_pattern(r"[A-Za-z0-9][!#$%^&+~?|\\][A-Za-z0-9]")
_LONGEST_WORD: Final = 24
"""Letters; anything longer with capitals throughout is not a word."""


def is_prose(text: str) -> bool:
    """Whether a line is prose rather than a value, such as `failed to derive: 403`."""
    words = text.split()
    return bool(words) and not is_value(words[0]) and any(_bare(word) in _WORDS for word in words[:40])


def is_word(text: str) -> bool:
    """Whether a word is common in error messages."""
    return _bare(text) in _WORDS


def is_value(word: str) -> bool:
    """Whether a word looks generated: letters mixed with digits or symbols, but not an address, path or version."""
    word = word.strip(_MARKS)
    if len(word) < 5:
        return False
    if "://" in word or any(known.fullmatch(word) for known in (_KNOWN, _ADDRESS, _PATH, _CALL)):
        return False
    if word.isdigit():
        return len(word) > 5
    if any(map(str.isdigit, word)):
        return any(map(str.isalpha, word))
    if _SYMBOL_IN_WORD.search(word) is not None:
        return True
    capitals = sum(map(str.isupper, word[1:]))
    return len(word) > _LONGEST_WORD and word.isalpha() and len(word) // 4 < capitals < len(word) - 1


def _bare(word: str) -> str:
    return word.strip(_MARKS).lower()
