"""What a failure means: what happened, why and what to do now, from a wrong setting to the end of a stream.

The known troubles and what to say of them are rows in `cases`; here a row is found and its facts are filled in.
"""

import re
import ssl
from collections.abc import Iterator
from typing import Final

import aiohttp

from nomad_tui.config import ConfigurationError, Connection
from nomad_tui.core.text import printable
from nomad_tui.nomad.cases import ERRORS, LAST_LINES, SET_TOKEN, STATUSES, Case, Kind, Trouble
from nomad_tui.nomad.client import UnexpectedAnswerError

__all__ = ["Kind", "Trouble", "ended", "explain", "refusal"]

QUOTED: Final = 160
"""Characters of somebody else's text in a sentence."""

SETTING: Final = re.compile(r"\bNOMAD_[A-Z_]+|(?<!\S)--[a-z-]+|\bHTTPS?_PROXY|\bhttps?_proxy")
"""Variables and flags, as ConfigurationError names them."""


def explain(error: BaseException, connection: Connection) -> Trouble:
    """The trouble behind whatever `Client` raised; an error that no row knows is explained by its own text."""
    if isinstance(error, UnexpectedAnswerError):
        return _explain_answer(error, connection)
    for row in ERRORS:
        for cause in _causes(error):
            text = _own_text(cause)
            if row.fits(cause, text, connection):
                return _trouble(row.case, _facts(connection) | _error_facts(error, cause, text, connection))
    raise AssertionError("the last row fits every error") from error


def refusal(connection: Connection) -> Trouble:
    """For a 200 whose body ended before the first `{}`: from 1.11.2 on a server refuses so, and says nothing."""
    facts = _facts(connection)
    reasons = ["{token} is unknown, expired or lacks a capability for one of the topics asked for"]
    remedies = [f"{SET_TOKEN} one that may read them, as `nomad acl token self` shows"]
    if not connection.sends_token:
        reasons = ["no token was sent and its ACLs want one"]
        remedies = [f"{SET_TOKEN} one that may read the topics asked for"]
    if connection.region is not None:
        reasons.append("it does not know the region {region}")
        remedies.append("correct NOMAD_REGION (--region)")
    remedies.append("name only topics that it may read (--topic): all of them need a management token")
    why, remedy = ", or ".join(reasons), ", or ".join(remedies)
    return _trouble(Case(Kind.REFUSED, "{address} refused the subscription", why, remedy, refused=True), facts)


def ended(last_text: bytes | None) -> Trouble:
    """For a stream that the server closed after it had begun; `last_text` is what came last and was no frame.

    Never `refused`: whether the token is good for another subscription, the next connect tells.
    """
    text = _plain(last_text or b"")
    case = next(case for saying, case in LAST_LINES if re.search(saying, text, re.IGNORECASE))
    return _trouble(case, {"said": _said(text)})


def _explain_answer(error: UnexpectedAnswerError, connection: Connection) -> Trouble:
    text = _plain(error.body)
    for row in STATUSES:
        if row.fits(error.status, text, connection):
            return _trouble(row.case, _facts(connection) | _answer_facts(error, text))
    raise AssertionError("the last row fits every status") from error


def _facts(connection: Connection) -> dict[str, str]:
    """What the sentences may name. Nothing here holds a secret."""
    address, proxy = connection.address, connection.proxy
    if connection.token_file is not None:
        token = f"the token in {connection.token_file}"
    else:
        token = "the token" if connection.sends_token else "no token"
    return {
        "address": str(address),
        "host": address.host,
        "region": connection.region or "asked for",
        "token": token,
        "tls_name": connection.tls_server_name or address.host,
        "trusted": str(connection.ca_cert or connection.ca_path or "any CA that this machine trusts"),
        "client_cert": str(connection.client_cert),
        "proxy": proxy.url if proxy is not None else "in between",
        "proxy_variable": proxy.variable if proxy is not None else f"{address.scheme.upper()}_PROXY",
        "path": f", and the path {address.ignored_path} in NOMAD_ADDR is not used, as Nomad's own tools do not"
        if address.ignored_path
        else "",
    }


def _error_facts(error: BaseException, cause: BaseException, text: str, connection: Connection) -> dict[str, str]:
    """`looked_up`: the host that was, which with a proxy is the proxy's. `said`: the line that was not HTTP."""
    host = error.host if isinstance(error, aiohttp.ClientConnectorError) else connection.address.host
    theirs = re.search(r"b['\"](.+?)(?:['\"] *\^?)?$", text)
    return {
        "text": text or type(cause).__name__,
        "name": f"{type(cause).__name__}: {text}" if text else type(cause).__name__,
        "settings": " and ".join(dict.fromkeys(SETTING.findall(text))) or "NOMAD_ADDR (--address)",
        "looked_up": host,
        "looked_up_in": "NOMAD_ADDR (--address)"
        if connection.proxy is None or host == connection.address.host
        else connection.proxy.variable,
        "said": _said(theirs[1]) if theirs is not None else "",
    }


def _answer_facts(error: UnexpectedAnswerError, text: str) -> dict[str, str]:
    page = text.startswith("<")
    return {
        "status": str(error.status),
        "said": "" if page else _said(text),
        "form": "a web page" if page else "other text",
        "location": _clean(error.headers.get("Location", "nowhere")),
    }


def _trouble(case: Case, facts: dict[str, str]) -> Trouble:
    facts = {name: printable(fact) for name, fact in facts.items()}
    what, why, remedy = (part.format_map(facts) for part in (case.what, case.why, case.remedy))
    return Trouble(case.kind, what, why, remedy, case.refused)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and what caused it; aiohttp keeps the system's error in an attribute as well."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = getattr(cause, "os_error", None) or cause.__cause__


def _own_text(error: BaseException) -> str:
    """An error's text without the numbers and source lines that OpenSSL and the system put around it."""
    if isinstance(error, ConfigurationError):
        return printable(str(error)).rstrip(".")
    if isinstance(error, aiohttp.ClientResponseError):
        return _clean(f"{error.status} {error.message}")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "no answer came"  # its own text may be half an answer, with every header
    if isinstance(error, aiohttp.ClientConnectorError):
        return _own_text(error.os_error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _clean(error.verify_message).rstrip(".")
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _clean(re.sub(r"^\[[^]]*\] *| *\(_ssl\.c:\d+\)$", "", text)).rstrip(".")


def _plain(body: bytes) -> str:
    return _clean(body.decode("utf-8", "replace"))


def _said(text: str) -> str:
    return f", it said '{_clean(text)}'" if text else ""


def _clean(text: str) -> str:
    """One line without white space around it."""
    return printable(" ".join(text.split()), QUOTED)
