"""Determines by further requests why a stream sends nothing, and which permissions are missing.

Exceptions of `Client` are not raised: if a request fails, the original trouble is returned.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from nomad_tui.config.connection import Connection
from nomad_tui.config.setting import ConfigurationError
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.permissions import MANAGEMENT, Permissions, granting_policy, is_namespaced, needed
from nomad_tui.core.readable import enumerated
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.topics import ALL
from nomad_tui.nomad import diagnose, probing, questions
from nomad_tui.nomad.cases import SET_TOKEN, Kind, Trouble, by_inquiry
from nomad_tui.nomad.certificate import shown_certificate
from nomad_tui.nomad.client import Client, ServerInfo
from nomad_tui.nomad.diagnose import NomadError
from nomad_tui.nomad.probing import Probed
from nomad_tui.nomad.questions import TokenInfo, TokenKind
from nomad_tui.nomad.release_discovery import ServerReleases, discover, region_members

__all__ = ["Findings", "explain_fully", "missing_permissions", "unknown_namespace", "why_refused", "why_silent"]


LONGEST_POLICY: Final = 120
"""Characters of a policy that is shown within a sentence."""


def missing_permissions(permissions: Permissions, token: TokenInfo | None) -> Trouble:
    """Which topics are refused in which namespaces, what each requires, and the granting policy as `Trouble.policy`.

    `token` is the identity reported by the server, None if unknown. Something must be refused.
    """
    refused = permissions.refused
    granting = granting_policy(permissions)
    return diagnose.fill(
        by_inquiry.NOTHING_ALLOWED if permissions.nothing else by_inquiry.PARTLY_ALLOWED,
        holder=_capitalised(holder(token)),
        refused=_refused(refused, permissions.namespaces),
        remedy=_remedy(granting, token, needs_management=any(needed(name) == MANAGEMENT for name in refused)),
        policy=granting,
    )


def holder(token: TokenInfo | None) -> str:
    """The identity of the request in words: `the token 'ci' (policies read-jobs and ops)`."""
    if token is None:
        return "the token"
    if token.kind is TokenKind.DISABLED:
        return "anybody"
    if token.kind is TokenKind.ANONYMOUS:
        return "a request without a token (anonymous)"
    name = f"the token '{token.name}'" if token.name else "the token"
    if token.kind is TokenKind.MANAGEMENT:
        return f"{name} (management)"
    noun = "policy" if len(token.policies) == 1 else "policies"
    return f"{name} ({noun} {diagnose.listed(token.policies)})" if token.policies else f"{name} (without policies)"


def _refused(refused: dict[str, tuple[str, ...]], asked_in: Sequence[str]) -> str:
    """`Job and Service (need read-job in namespace web), Node (needs node:read)`."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, namespaces in refused.items():
        groups.setdefault((needed(name), namespaces if is_namespaced(name) else ()), []).append(name)
    refusals = []
    for (capability, namespaces), names in groups.items():
        needs = "needs" if len(names) == 1 else "need"
        refusals.append(f"{diagnose.listed(names)} ({needs} {capability}{_where(namespaces, asked_in)})")
    return enumerated(refusals)


def _where(namespaces: Iterable[str], asked_in: Sequence[str]) -> str:
    names = list(namespaces)
    if not names:
        return ""
    if names == [ALL]:
        return " in every namespace"
    if len(names) > 1 and len(names) == len(asked_in):
        return f" in each of the namespaces {diagnose.listed(names)}"
    return f" in namespace{'s' if len(names) > 1 else ''} {diagnose.listed(names)}"


def _remedy(granting: str, token: TokenInfo | None, needs_management: bool) -> str:
    fewer = "or subscribe to fewer topics (--topic)"
    if not granting:
        return f"{SET_TOKEN} a management token, {fewer}"
    in_a_line = " ".join(granting.split())
    shown = f"`{in_a_line}`" if len(in_a_line) <= LONGEST_POLICY else "the policy that `nomad-tui doctor` shows"
    grant = f"rant it {shown}"
    if token is not None and token.kind is TokenKind.ANONYMOUS:
        grant = f"rant {shown} with the policy `anonymous`"
    if needs_management:
        return f"{SET_TOKEN} a management token, g{grant} for the rest, {fewer}"
    return f"G{grant}, use a token that has it, {fewer}"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


T = TypeVar("T")

PROBING_PATIENCE: Final = 5.0
"""Seconds for a stream's head; the oldest releases send none for an allowed topic, and an operator is waiting."""

MAX_NAMESPACES: Final = 20
"""Maximum namespaces in which each topic is probed if all of them together are refused."""


class Findings(msgspec.Struct, frozen=True):
    trouble: Trouble
    """The most precise explanation found."""
    permissions: Permissions | None = None
    """The readable part of the subscription, if it was determined and is not empty."""


async def explain_fully(error: BaseException, connection: Connection) -> Trouble:
    """Like `diagnose.explain`, with facts from the server's certificate if that is the cause."""
    trouble = diagnose.explain(error, connection)
    if trouble.kind not in (Kind.CERTIFICATE, Kind.CERTIFICATE_NAME, Kind.CERTIFICATE_CA):
        return trouble
    return diagnose.explain(error, connection, await shown_certificate(connection))


async def why_refused(
    client: Client, subscription: Subscription, trouble: Trouble, *, patience: float = PROBING_PATIENCE
) -> Findings:
    """Why a subscription was refused, and which part of it is allowed. `patience`: seconds for the head of each stream.

    Checks region, token, publishing and leader concurrently and returns the first problem; otherwise probes each topic.
    """
    connection = client.connection
    region, token, server, leader = await asyncio.gather(
        _answer_or_error(_unknown_region(client)),
        _answer_or_error(questions.token(client)),
        _answer_or_error(_server(client)),
        _answer_or_error(questions.leader(client)),
    )
    if isinstance(region, Trouble):
        return Findings(region)
    if isinstance(token, NomadError) and token.status is not None:
        refused = token.trouble
        if refused.kind is Kind.REGION_UNKNOWN:
            return Findings(refused)
        if (rejected := _rejected_token(token, refused, connection)) is not None:
            return Findings(rejected)
    identity = token if isinstance(token, TokenInfo) else None
    if identity is not None and _is_past(identity.expires):
        expired = f" at {identity.expires}"
        return Findings(diagnose.fill(by_inquiry.TOKEN_EXPIRED, connection, expired=expired, quote=""))
    info = server if not isinstance(server, BaseException) else None
    if trouble.kind is Kind.PUBLISHING_DISABLED:
        return Findings(trouble)
    if info is not None and info.publishes is False:
        return Findings(diagnose.fill(by_inquiry.PUBLISHING_DISABLED, connection, quote=""))
    if leader == "":
        return Findings(diagnose.fill(by_inquiry.NO_LEADER, connection, quote=""))
    for unanswered in (leader, token):
        if isinstance(unanswered, NomadError) and unanswered.trouble.kind in (Kind.NO_LEADER, Kind.REGION_DOWN):
            return Findings(unanswered.trouble)
    if all(isinstance(each, BaseException) for each in (token, leader)):
        return Findings(trouble)
    return await _probe_topics(client, subscription, trouble, identity, info, patience)


async def why_silent(client: Client, trouble: Trouble) -> Trouble:
    """Why a stream sends nothing: whether the server responds to another request."""
    leader = await _answer_or_error(questions.leader(client))
    if leader == "":
        return diagnose.fill(by_inquiry.NO_LEADER, client.connection, quote="")
    if isinstance(leader, NomadError) and leader.trouble.kind is Kind.NO_LEADER:
        return leader.trouble
    if isinstance(leader, BaseException):
        return trouble
    return diagnose.fill(by_inquiry.HELD_BACK, client.connection)


async def unknown_namespace(client: Client) -> Trouble | None:
    """That the token cannot see the namespace of the connection: for those, a server answers 200 and sends nothing.

    None if the namespace exists, the token can see no namespaces, or the server does not list them.
    """
    connection = client.connection
    if connection.namespace == ALL:
        return None
    namespaces = await _answer_or_error(questions.namespaces(client))
    if isinstance(namespaces, BaseException) or not namespaces.names or connection.namespace in namespaces.names:
        return None
    return diagnose.fill(
        by_inquiry.NO_SUCH_NAMESPACE,
        connection,
        namespace=connection.namespace,
        namespaces=diagnose.listed(namespaces.names),
    )


async def _server(client: Client) -> ServerInfo | None:
    async with asyncio.timeout(questions.PATIENCE):
        return await client.server()


async def _unknown_region(client: Client) -> Trouble | None:
    region = client.connection.region
    if region is None:
        return None
    known = await questions.regions(client)
    if not known or region in known:
        return None
    if await region_members(client):
        return diagnose.fill(by_inquiry.REGION_DOWN, client.connection, quote="")
    return diagnose.fill(by_inquiry.NO_SUCH_REGION, client.connection, regions=diagnose.listed(known))


def _rejected_token(error: NomadError, trouble: Trouble, connection: Connection) -> Trouble | None:
    """What is wrong with the token, if the server refused to tell whose it is.

    Nomad answers this request for every existing token. A workload's signed identity is not such a token, so a refusal
    proves nothing about it.
    """
    if trouble.kind is Kind.AUTHENTICATION:
        return None if _is_signed_identity(connection) else trouble
    if error.status == 403 and trouble.kind is Kind.PERMISSION and connection.sends_token:
        # Since 1.10.1 the text is the same for tokens that never existed, were deleted or have expired (nomad#25937).
        by_nomad = b"permission denied" in error.body.lower() and not _is_signed_identity(connection)
        return diagnose.fill(by_inquiry.TOKEN_REJECTED, connection, quote="") if by_nomad else None
    return None


def _is_signed_identity(connection: Connection) -> bool:
    try:
        return (connection.current_token() or "").count(".") == 2
    except ConfigurationError:
        return False


def _is_past(time: str) -> bool:
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return False
    return moment.tzinfo is not None and moment.year > 1 and moment < datetime.now(UTC)


async def _probe_topics(
    client: Client,
    subscription: Subscription,
    trouble: Trouble,
    token: TokenInfo | None,
    server: ServerInfo | None,
    patience: float,
) -> Findings:
    connection = client.connection
    releases = await _answer_or_error(discover(client, server, prove=False))
    topics = _topics(subscription, releases if isinstance(releases, ServerReleases) else ServerReleases())
    probed, namespaces, left_out = await _probe_namespaces(client, topics, server, patience)
    permissions = probing.permissions(probed, namespaces)
    answered = probing.permissions((each for each in probed if each.allowed is not None), namespaces)
    unasked = next((each.trouble for each in probed if each.trouble is not None), None)
    if unasked is not None:
        return Findings(unasked)
    is_mighty = token is not None and token.kind in (TokenKind.MANAGEMENT, TokenKind.DISABLED)
    if (permissions.everything and namespaces == (connection.namespace,)) or (is_mighty and not permissions.nothing):
        return Findings(diagnose.fill(by_inquiry.NOTHING_REFUSED, connection))
    if permissions.nothing:
        reader = await _reader_of_refused(client, token, answered)
        if reader is not None and all(each.is_silent for each in probed):
            if server is not None and server.publishes:
                return Findings(diagnose.fill(by_inquiry.HELD_BACK, connection))
            return Findings(diagnose.fill(by_inquiry.SENDS_NOTHING, connection, holder=reader))
        if reader is not None and any(each.in_words for each in probed):
            return Findings(diagnose.fill(by_inquiry.DENIED_IN_WORDS, connection, holder=reader))
        if reader is not None:
            return Findings(diagnose.fill(by_inquiry.PUBLISHING_SEEMS_DISABLED, connection, holder=reader))
        return Findings(missing_permissions(answered, token))
    if not answered.everything:
        trouble = missing_permissions(answered, token)
    elif left_out:
        tried, there = str(len(namespaces)), str(len(namespaces) + left_out)
        trouble = diagnose.fill(by_inquiry.MANY_NAMESPACES, tried=tried, there=there, holder=holder(token))
    elif namespaces != (connection.namespace,):
        trouble = diagnose.fill(
            by_inquiry.ONE_BY_ONE, connection, holder=holder(token), namespaces=diagnose.listed(namespaces)
        )
    return Findings(trouble, permissions)


def _topics(subscription: Subscription, releases: ServerReleases) -> list[str]:
    """The selected topics by released name; if all are selected, those the servers know, and the unknown ones named."""
    known = list(KINDS)
    wanted = subscription.released_topics
    if wanted is None:
        return [*(name for name in known if not releases.lack(name)), *subscription.unknown_topics]
    return [*(name for name in known if name in wanted), *sorted(wanted.difference(known))]


async def _probe_namespaces(
    client: Client, topics: list[str], server: ServerInfo | None, patience: float
) -> tuple[list[Probed], tuple[str, ...], int]:
    """The results of probing, the namespaces probed, and how many more namespaces exist.

    Only `*` if that was sufficient.
    """
    place = client.connection.namespace
    together = sorted(
        await _probe_in(client, topics, (place,), server, patience), key=lambda each: topics.index(each.topic)
    )
    refused = [each.topic for each in together if each.allowed is False and is_namespaced(each.topic)]
    if place != ALL or not refused:
        return together, (place,), 0
    found = await _answer_or_error(questions.namespaces(client))
    if isinstance(found, BaseException) or not found.names:
        return together, (place,), 0
    names = found.names[:MAX_NAMESPACES]
    apart = await _probe_in(client, [name for name in topics if name in refused], names, server, patience)
    if not any(each.allowed for each in apart):
        return together, (place,), 0
    for each in together:
        if each.topic not in refused:
            apart += [replace(each, namespace=name) for name in names]
    apart.sort(key=lambda each: (topics.index(each.topic), names.index(each.namespace)))
    return apart, names, len(found.names) - len(names)


async def _probe_in(
    client: Client, topics: Iterable[str], places: Iterable[str], server: ServerInfo | None, patience: float
) -> list[Probed]:
    version = server.version if server is not None else None
    beta = (version or "").startswith("1.0.0-beta")
    probes = probing.probe(client, topics, places, beta=beta, patience=patience, version=version)
    async with aclosing(probes) as answers:
        return [each async for each in answers]


async def _reader_of_refused(client: Client, token: TokenInfo | None, permissions: Permissions) -> str | None:
    """Identity of the token if it can read objects of a topic that the stream refuses: then no capability is
    missing."""
    if token is not None and token.kind in (TokenKind.MANAGEMENT, TokenKind.DISABLED):
        return holder(token)
    for topic, namespaces in permissions.refused.items():
        namespace = next((each for each in namespaces if each != ALL), "default")
        if await _answer_or_error(questions.may_read_objects(client, topic, namespace)) is True:
            return holder(token)
    return None


async def _answer_or_error(question: Awaitable[T]) -> T | BaseException:
    """The result of a question, or the exception that `Client` raised."""
    try:
        return await question
    except (NomadError, TimeoutError) as error:
        return error
