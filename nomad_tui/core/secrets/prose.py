"""What follows the name of a secret: a value, or the cause of a failure in words."""

import re
from typing import Final

from nomad_tui.core.patterns import lazy_pattern

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
"""In lower case. One of these is in nearly every report of a failure, and in hardly any passphrase."""

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
_ODD: Final = lazy_pattern(r"[A-Za-z0-9][!#$%^&+~?|\\][A-Za-z0-9]")
_LONGEST_WORD: Final = 24
"""Letters; what is longer and has capitals all over is no word."""


def is_prose(text: str) -> bool:
    """Whether a line is prose rather than a value, such as `failed to derive: 403`."""
    words = text.split()
    return bool(words) and not is_value(words[0]) and any(_bare(word) in _WORDS for word in words[:40])


def is_word(text: str) -> bool:
    """Whether one word is of those that reports of failures are made of."""
    return _bare(text) in _WORDS


def is_value(word: str) -> bool:
    """Whether a word looks generated: letters with digits or signs among them that are no address, path or version."""
    word = word.strip(_MARKS)
    if len(word) < 5:
        return False
    if "://" in word or any(known.fullmatch(word) for known in (_KNOWN, _ADDRESS, _PATH, _CALL)):
        return False
    if word.isdigit():
        return len(word) > 5
    if any(map(str.isdigit, word)):
        return any(map(str.isalpha, word))
    if _ODD.search(word) is not None:
        return True
    capitals = sum(map(str.isupper, word[1:]))
    return len(word) > _LONGEST_WORD and word.isalpha() and len(word) // 4 < capitals < len(word) - 1


def _bare(word: str) -> str:
    return word.strip(_MARKS).lower()
