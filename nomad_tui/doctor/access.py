"""What the token may read: its kind, the namespaces, and each topic in each of them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final

from nomad_tui.config.connection import Connection
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.permissions import MANAGEMENT, Permissions, is_namespaced, needed, policy
from nomad_tui.core.readable import SECOND, duration, number_of
from nomad_tui.core.text import printable
from nomad_tui.core.topics import ALL
from nomad_tui.doctor.findings import Access, Begun, Cell, Finding, Item, Verdict
from nomad_tui.doctor.subject import ERRORS, Subject, failed, found
from nomad_tui.nomad import diagnose, inquiry, probing, questions
from nomad_tui.nomad.cases import Kind, by_inquiry
from nomad_tui.nomad.diagnose import NomadError
from nomad_tui.nomad.lists import LISTS, ServerList, may_read
from nomad_tui.nomad.probing import Probed, probe
from nomad_tui.nomad.questions import TokenInfo, TokenKind
from nomad_tui.nomad.release_discovery import Evidence, ServerReleases

NAMESPACES_ASKED: Final = 20
"""Namespaces checked one by one for topics that are refused for all of them together."""
NAMESPACES_NAMED: Final = 8
EXPIRES_SOON: Final = 3600.0
"""Seconds."""


async def token(subject: Subject) -> AsyncGenerator[Item, None]:
    yield Begun("token", "checking the token")
    try:
        info = subject.token = await questions.token(subject.open_client)
    except ERRORS as error:
        finding = await _unknown_token(subject.connection, error)
        if finding.verdict is Verdict.REFUSED and subject.connection.sends_token:
            # Workload identities are unknown to /v1/acl/token/self, but the stream accepts them.
            yield Begun("token", "trying the token on the stream")
            async with aclosing(_probe(subject, _topics_to_check(subject), [subject.connection.namespace])) as answers:
                subject.probed = [each async for each in answers]
            if any(each.allowed for each in subject.probed):
                sentence = "The stream accepts the token. It is a workload identity: the server does not name it."
                finding = Finding("token", Verdict.OK, sentence, measured={"kind": "identity"})
        if finding.verdict is Verdict.REFUSED:
            subject.blocked = "The token is not accepted."
        yield finding
        return
    left = _seconds_left(info.expires)
    if left is not None and left <= 0:
        expired = f" at {printable(info.expires, 60)}"
        subject.blocked = "The token has expired."
        yield found("token", diagnose.fill(by_inquiry.TOKEN_EXPIRED, subject.connection, expired=expired, quote=""))
        return
    yield _token(info, left)


async def _unknown_token(connection: Connection, error: Exception) -> Finding:
    """The finding for a token that the server returns no details of."""
    finding = await failed("token", error, connection)
    if not isinstance(error, NomadError) or finding.measured["kind"] != Kind.PERMISSION:
        return finding
    if not connection.sends_token or b"permission denied" not in error.body.lower():
        return finding
    return found("token", diagnose.fill(by_inquiry.TOKEN_REJECTED, connection, quote=""))


def _token(info: TokenInfo, left: float | None) -> Finding:
    measured: dict[str, Any] = {
        "kind": str(info.kind),
        "name": printable(info.name, 200),
        "policies": [printable(each, 200) for each in info.policies],
        "expires": printable(info.expires, 60) or None,
    }
    policies = ", ".join(printable(each, 60) for each in info.policies[:10])
    match info.kind:
        case TokenKind.DISABLED:
            return Finding("token", Verdict.OK, "ACLs are off: no token is needed.", measured=measured)
        case TokenKind.ANONYMOUS:
            return Finding(
                "token",
                Verdict.NOTE,
                "No token is sent. Only what the anonymous policy grants can be read.",
                "To read more, get a token with `nomad login`, and set NOMAD_TOKEN or --token-file.",
                measured=measured,
            )
        case TokenKind.MANAGEMENT:
            sentence = f"The management token {_quoted(info.name)}"
        case TokenKind.CLIENT:
            granted = f"with the policies {policies}" if policies else "without policies"
            sentence = f"The client token {_quoted(info.name)} {granted}"
    if left is None:
        return Finding("token", Verdict.OK, f"{sentence}.", measured=measured)
    measured["seconds_left"] = round(left)
    sentence = f"{sentence}, expires in {duration(int(left) * SECOND)}."
    if left < EXPIRES_SOON:
        remedy = "Run `nomad login`, and write the new token to the --token-file."
        return Finding("token", Verdict.NOTE, sentence, remedy, measured=measured)
    return Finding("token", Verdict.OK, sentence, measured=measured)


def _quoted(name: str) -> str:
    return f"'{printable(name, 80)}'" if name else "without a name"


def _seconds_left(expires: str) -> float | None:
    """None for a token that does not expire; some releases then return a time in the year 1."""
    try:
        at = datetime.fromisoformat(expires)
        return (at - datetime.now(UTC)).total_seconds() if at.year > 1 else None
    except (ValueError, TypeError, OverflowError):
        return None


async def namespaces(subject: Subject) -> AsyncGenerator[Item, None]:
    yield Begun("namespaces", "listing the namespaces")
    wanted = subject.connection.namespace
    try:
        names = subject.namespaces = (await questions.namespaces(subject.open_client)).names
    except ERRORS as error:
        finding = await failed("namespaces", error, subject.connection)
        yield Finding("namespaces", Verdict.NOTE, finding.sentence, finding.remedy, measured=finding.measured)
        return
    measured = {"asked": wanted, "namespaces": [printable(each, 128) for each in names], "count": len(names)}
    shown = ", ".join(printable(each, 60) for each in names[:NAMESPACES_NAMED]) or "none"
    if len(names) > NAMESPACES_NAMED:
        shown += f" and {len(names) - NAMESPACES_NAMED} more"
    if wanted == ALL:
        if not names:
            yield Finding(
                "namespaces",
                Verdict.NOTE,
                "The token may list no namespace. Only objects without a namespace can be read.",
                measured=measured,
            )
        else:
            yield Finding("namespaces", Verdict.OK, f"The token may see {shown}.", measured=measured)
    elif wanted in names:
        yield Finding("namespaces", Verdict.OK, f"{printable(wanted, 128)} exists, among {shown}.", measured=measured)
    else:
        yield _missing_namespace(printable(wanted, 128), shown, subject.token, measured)


def _missing_namespace(wanted: str, shown: str, info: TokenInfo | None, measured: dict[str, Any]) -> Finding:
    if info is not None and info.kind in (TokenKind.MANAGEMENT, TokenKind.DISABLED):
        return Finding(
            "namespaces",
            Verdict.BROKEN,
            f"There is no namespace {wanted}, only {shown}. For an unknown one the server sends nothing.",
            f"Correct NOMAD_NAMESPACE (--namespace), or run `nomad namespace apply {wanted}`.",
            measured=measured,
        )
    return Finding(
        "namespaces",
        Verdict.REFUSED,
        f"The token may not see namespace {wanted}, only {shown}.",
        "`nomad namespace list` shows them: correct NOMAD_NAMESPACE, or use a token with a policy for it.",
        measured=measured,
    )


async def topics(subject: Subject) -> AsyncGenerator[Item, None]:
    if subject.server is not None and subject.server.publishes is False:
        yield Finding("topics", Verdict.SKIPPED, "The server publishes no events.")
        return
    names = _topics_to_check(subject)
    watched = subject.connection.namespace
    probed: list[Probed] = []
    if subject.probed:
        probed += subject.probed
        for each in probed:
            yield _cell(each)
    else:
        yield Begun("topics", f"opening {len(names)} topics, four at a time")
        async with aclosing(_probe(subject, names, [watched])) as answers:
            async for each in answers:
                probed.append(each)
                yield _cell(each)
    listed = [name for name in subject.namespaces or () if name != ALL][:NAMESPACES_ASKED]
    single = [each.topic for each in probed if each.allowed is False and is_namespaced(each.topic)]
    if watched == ALL and single and listed:
        yield Begun("topics", f"opening {len(single)} topics in {len(listed)} namespaces")
        async with aclosing(_probe(subject, single, listed)) as answers:
            async for each in answers:
                probed.append(each)
                yield _cell(each)
    # A topic without a namespace is allowed in all of them or in none.
    places = (watched, *listed) if watched == ALL and single else (watched,)
    anywhere = {each.topic for each in probed if each.allowed and (each.namespace == ALL or watched != ALL)}
    permitted = probing.permissions(probed, places)
    permissions = Permissions(
        places, {topic: frozenset(places) if topic in anywhere else held for topic, held in permitted.allowed.items()}
    )
    if all(each.allowed is not None for each in probed):
        subject.permissions = permissions
        if permissions.nothing:
            refusal = diagnose.refusal(subject.connection)
            reasons = await inquiry.why_refused(subject.open_client, subject.subscription, refusal)
            if reasons.trouble.kind is Kind.PUBLISHING_DISABLED:
                yield found("topics", reasons.trouble)
                return
    yield _topics(permissions, probed, watched, listed, subject.releases)


async def lists(subject: Subject) -> AsyncGenerator[Item, None]:
    """Which lists the overview may request to find objects that are already in trouble."""
    yield Begun("lists", "reading one object of each list")
    reads_all = subject.token is not None and subject.token.kind in (TokenKind.MANAGEMENT, TokenKind.DISABLED)
    allowed: list[ServerList] = []
    refused: list[ServerList] = []
    unproved: list[ServerList] = []
    for one in LISTS:
        try:
            may = reads_all or await may_read(subject.open_client, one)
        except ERRORS:
            yield Finding("lists", Verdict.SKIPPED, "The server does not answer list requests.")
            return
        (unproved if may is None else allowed if may else refused).append(one)
    measured = {
        "allowed": [one.topic for one in allowed],
        "refused": [one.topic for one in refused],
        "unproved": [one.topic for one in unproved],
    }
    if unproved and not refused:
        yield Finding(
            "lists",
            Verdict.NOTE,
            f"The server lists no {_named(unproved)} in any namespace: there are none, or the token lacks "
            f"{' and '.join(dict.fromkeys(one.needs for one in unproved))}.",
            "Grant it, for the overview to list what is already in trouble.",
            measured=measured,
        )
        return
    if not refused:
        sentence = f"The overview may list what is already in trouble: {_named(allowed)}."
        yield Finding("lists", Verdict.OK, sentence, measured=measured)
        return
    needs = " and ".join(dict.fromkeys(one.needs for one in refused))
    yield Finding(
        "lists",
        Verdict.NOTE,
        f"The overview cannot list which {_named(refused)} are already in trouble: the token lacks {needs}.",
        "Grant it, or use events only (--no-seed).",
        measured=measured,
    )


def _named(some: Sequence[ServerList]) -> str:
    return ", ".join(f"{one.topic.lower()}s" for one in some)


def _topics_to_check(subject: Subject) -> list[str]:
    """The topics to check."""
    wanted = subject.subscription.released_topics
    if wanted is not None:
        return sorted(wanted)
    names = [name for name in KINDS if not subject.releases.lack(name)]
    return names + [each for each in subject.subscription.unknown_topics if each not in names]


def _probe(subject: Subject, names: Sequence[str], places: Sequence[str]) -> AsyncGenerator[Probed, None]:
    version = subject.server.version if subject.server is not None else None
    patience = subject.patience.topic
    return probe(subject.open_client, names, places, beta=subject.beta, patience=patience, version=version)


def _cell(each: Probed) -> Cell:
    access = Access.UNKNOWN if each.allowed is None else Access.ALLOWED if each.allowed else Access.REFUSED
    return Cell(printable(each.topic, 64), printable(each.namespace, 128), access, needed(each.topic))


def _topics(
    permissions: Permissions, probed: Sequence[Probed], watched: str, listed: Sequence[str], releases: ServerReleases
) -> Finding:
    refused = list(permissions.refused)
    unknown = [each for each in probed if each.allowed is None]
    measured: dict[str, Any] = {
        "asked": len(permissions.allowed),
        "refused": refused,
        "unknown": sorted({each.topic for each in unknown}),
        "slowest_seconds": round(max((each.seconds for each in probed), default=0.0), 6),
    }
    if unknown and unknown[0].trouble is not None:
        trouble = unknown[0].trouble
        return Finding(
            "topics",
            Verdict.BROKEN,
            f"{len(measured['unknown'])} of {measured['asked']} topics could not be checked. {trouble.summary}",
            f"{trouble.remedy}.",
            measured=measured,
        )
    if not refused:
        where = "all namespaces" if watched == ALL else f"namespace {printable(watched, 128)}"
        return Finding(
            "topics",
            Verdict.OK,
            f"The token may read {number_of(measured['asked'], 'topic')} in {where}.",
            measured=measured,
        )
    remedy = _remedy(refused)
    if "HostVolume" in refused and releases.evidence is Evidence.NONE:
        remedy += " Releases before 1.10 refuse a policy with host-volume-read: leave it out there."
    return Finding(
        "topics",
        Verdict.REFUSED,
        _describe(permissions, measured["asked"]),
        remedy,
        policy(refused, _refusing_namespaces(permissions, watched, listed)),
        measured,
    )


def _describe(permissions: Permissions, asked: int) -> str:
    """How many topics are refused; the table shows which."""
    nowhere = permissions.refused_everywhere
    partly = len(permissions.refused) - len(nowhere)
    parts = []
    if nowhere:
        parts.append(f"refuses {'all' if len(nowhere) == asked else len(nowhere)} of {number_of(asked, 'topic')}")
    if partly:
        parts.append(f"allows {partly} only in some namespaces")
    rest = "" if permissions.nothing else " The rest can be read."
    return f"The server {' and '.join(parts)}.{rest}"


def _remedy(refused: Sequence[str]) -> str:
    management = [topic for topic in refused if needed(topic) == MANAGEMENT]
    grantable = len(management) < len(refused)
    parts = []
    if grantable:
        parts.append("grant the token the policy below")
    if management:
        rest = "for the others " if grantable else ""
        parts.append(f"{rest}use a management token, or name only readable topics with --topic")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _refusing_namespaces(permissions: Permissions, watched: str, listed: Sequence[str]) -> list[str]:
    """The namespaces in which a topic is refused; `*` if all are watched."""
    return [watched] if watched != ALL or not listed else [ALL]
